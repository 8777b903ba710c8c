"""Tables in an analyst's hands: tidy frames of any library, and a glance that obeys nobody."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from msgspec import structs

from rolloutlib.errors import UsageError
from rolloutlib.explore.export import TABLES
from rolloutlib.explore.review import Review
from rolloutlib.explore.tables import Column, Table
from rolloutlib.judge.record import Recommendation
from rolloutlib.plan.params import review_params
from rolloutlib.text import terminal
from tests.payloads import PAYLOADS
from tests.sample_review import ATTACK, Tags, bfcl, hostile, story

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.judge.record import Reviewed

FRAMES = {"str", "Int64", "float64", "boolean", "datetime64[us, UTC]"}
LINES, BYTES = 12, 20_000  # of a glance
SHOWN = {"style", "div", "h3", "strong", "span", "p", "ul", "li", "table", "thead", "tbody", "tr",
         "th", "td", "b"}  # fmt: skip


class Colour(StrEnum):
    """An enum, as records have them."""

    RED = "red"


def invalid() -> Reviewed:
    """Return a review that could compare nothing."""
    parts = ("gates", "segments", "issues", "checks", "runs", "arms", "inputs", "quarantine",
             "warnings", "changes")  # fmt: skip
    none: dict[str, Any] = dict.fromkeys(parts, ())
    return structs.replace(story(), recommendation=Recommendation.INVALID, **none)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_tidy_whatever_is_in_it(name: str) -> None:
    """Every frame has the five kinds and no objects, the same with rows and without.

    In pandas, Polars and Arrow; and it says of each column what it holds.
    """
    full = [getattr(Review(review().record), name) for review in (story, bfcl, hostile)]
    bare = getattr(Review(invalid().record), name)
    for table in (*full, bare):
        frame = table.to_pandas()
        assert {str(kind) for kind in frame.dtypes} <= FRAMES
        assert len(frame) == len(table) == table.to_polars().height
        assert [*frame] == table.to_polars().columns == table.columns.to_pandas()["name"].to_list()
        assert table.to_arrow().schema == bare.to_arrow().schema
    assert all(column.doc for column in bare.columns)
    units = bare.columns.to_pandas().set_index("name")
    numbers = units[units["kind"] == "number"]["unit"]
    assert not numbers.isna().any()
    assert bare.columns.to_pandas()["name"].is_unique


def test_a_table_is_the_sequence_of_its_records() -> None:
    """Length, places, slices, loops and equality are those of the record's tuple."""
    record = story().record
    gates = Review(record).gates
    assert tuple(gates) == record.gates == gates
    assert gates[0] is record.gates[0]
    assert gates[-1:] == record.gates[-1:]
    assert record.gates[1] in gates
    with pytest.raises(IndexError):
        _ = gates[100]
    with pytest.raises(TypeError, match=r"'pass_rate' is no place .*to_pandas"):
        _ = gates["pass_rate"]  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_numbers_are_those_of_the_record() -> None:
    """A frame has every digit; whole numbers stay whole beside nulls, no bound is null."""
    record = story().record
    frame = Review(record).gates.to_pandas().set_index("id")
    for gate in record.gates:
        numbers = [getattr(gate.evidence, name) for name in ("point", "lower", "upper")]
        row: Any = frame.loc[gate.id, ["point", "lower", "upper"]].astype(object)
        assert row.where(row.notna(), None).to_list() == numbers
        assert frame.loc[gate.id, "evidence_verdict"] == gate.evidence.verdict.value
    assert str(frame["needed_further"].dtype) == "Int64"
    assert frame["needed_further"].dropna().to_list() == [
        gate.evidence.needed.further for gate in record.gates if gate.evidence.needed
    ]


CELLS: list[tuple[str, object, object]] = [
    ("text", Colour.RED, "red"),
    ("text", ("a", "b"), "a, b"),
    ("text", "caf\u00e9 \ud800", "caf\u00e9 \\ud800"),  # half a pair, as in a file's name
    ("whole", True, 1),
    ("number", 3, 3.0),
    ("moment", datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=9))),
     datetime(2026, 3, 2, tzinfo=UTC)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "cell"), CELLS)
def test_a_cell_is_of_its_kind(kind: Any, value: object, cell: object) -> None:  # noqa: ANN401
    """Enums are text, several texts one, moments in UTC."""
    table = Table([value, None], [Column("x", lambda row: row, "", kind=kind)])
    assert table.to_arrow().column("x").to_pylist() == [cell, None]


def test_an_arrow_table_is_narrowed() -> None:
    """Lists, categories, small numbers and times of any zone become the five kinds, nulls stay."""
    wide = pa.table({
        "tags": [["a", "b"], None],
        "category": pa.array(["x", None]).dictionary_encode(),
        "n": pa.array([1, None], pa.int32()),
        "at": pa.array([datetime(2026, 3, 2, 9), None], pa.timestamp("ns", "Asia/Seoul")),  # noqa: DTZ001 -- Arrow takes it as UTC
        "nothing": pa.nulls(2),
    })  # fmt: skip
    documented = Column[Any]("n", len, "a count", brief=True)
    table = Table[Any].from_arrow(wide, [documented], title="Samples")
    assert {str(kind) for kind in table.to_pandas().dtypes} <= FRAMES
    assert table[0]._asdict() == {
        "tags": "a, b", "category": "x", "n": 1, "at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "nothing": None,
    }  # fmt: skip
    assert table.columns[2] == replace(documented, get=table.columns[2].get, kind="whole")
    assert "tags" not in repr(table)  # n is brief, so a glance shows nothing else


def test_without_polars_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks a library is told how to get it, and what works without."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(UsageError, match=r"pip install polars.*to_pandas"):
        Table(["go"], [Column("word", str, "")]).to_polars()


@pytest.mark.parametrize("review", [bfcl, story, hostile, invalid])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_glance_is_short_and_obeys_nobody(review: Callable[[], Reviewed], lang: str) -> None:
    """A dozen lines of text, a few kilobytes of HTML, and no tag or attribute of the data's."""
    params = review_params({"stage": 2, "runs": "runs", "lang": lang})
    explored = Review(review().record, params=params)
    for shown in (explored, *(getattr(explored, name) for name in TABLES)):
        text, html = repr(shown), shown._repr_html_()
        assert len(text.splitlines()) <= LINES
        assert len(html.encode()) < BYTES
        page = Tags(html)
        assert page.tags <= SHOWN
        assert page.names <= {"class", "scope", "aria-hidden"}
        assert ATTACK not in html
    assert (
        ("INVALID" in repr(explored))
        == (review is invalid)
        == ("INVALID" in explored._repr_html_())
    )


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_hostile_cells_are_words(payload: str) -> None:
    """What attacks a page or a terminal is shown, cut, in both glances; the frame keeps it."""
    table = Table([payload], [Column("word", str, payload)], title=payload, note=payload)
    page, text = Tags(table._repr_html_()), repr(table)
    assert page.tags <= SHOWN
    assert page.names <= {"class", "scope"}
    assert len(table._repr_html_()) < BYTES
    assert text == terminal(text)
    encoded = payload.encode("utf-8", "backslashreplace").decode()
    assert table.to_pandas()["word"][0] == encoded


def test_korean_glances_speak_korean() -> None:
    """The sentences of a review and of its tables are in its language, names of columns are not."""
    params = review_params({"stage": 2, "runs": "runs", "lang": "ko"})
    explored = Review(story().record, params=params)
    assert "숫자" in repr(explored)
    assert "게이트" in explored.gates._repr_html_()
    assert [*explored.gates.to_pandas()] == [*Review(story().record).gates.to_pandas()]
