"""What a decision says and pins of carried evidence: changed files, stores, what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, structs

from rolloutlib.judge.record import encode
from rolloutlib.judge.review import review_stage
from rolloutlib.ledger.book import append
from rolloutlib.ledger.left_out import left_out_of_record
from rolloutlib.ledger.pins import ReviewFolder, changed_files, results_digest
from rolloutlib.ledger.record_parts import CarriedPart, MeasuredArm, Window
from rolloutlib.ledger.records import Move
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.measure.store import ingest
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import worded
from tests.judge.test_carry import runs_of, write
from tests.ledger.workbooks import START, Quick, promotion, workbook
from tests.tables import PLAN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate
    from rolloutlib.plan.params import ReviewParams


def reviewed(**about: object) -> tuple[ReviewParams, Reviewed]:
    """Review stage 3, counting no look."""
    params = review_params({"stage": 3, "looks": "", **about})
    return params, review_stage(params)


@pytest.mark.slow
def test_carried_files_are_pinned_and_replayed(tmp_path: Path) -> None:
    """The same data again give the same bytes; a carried file that changed is named."""
    own, before = (write(tmp_path / f"{stage}", runs_of(stage)) for stage in (3, 2))
    params, result = reviewed(runs=own, carry=[before])
    record = worded(result.record)
    read = ReviewFolder(tmp_path, {}, record, params, PLAN)
    assert [*changed_files(read, ROOT)] == []
    again = worded(review_stage(params, replayed=result.look).record)
    assert (encode(again), results_digest(again)) == (encode(record), results_digest(record))
    (tmp_path / "2" / "00.json").write_text("{}")
    (tmp_path / "2" / "new.json").write_text("{}")
    (tmp_path / "3" / "01.json").unlink()
    assert [*changed_files(read, ROOT)] == ["01.json", "../stage-2/00.json", "../stage-2/new.json"]


@pytest.mark.slow
def test_a_store_carries_what_its_runs_do(tmp_path: Path) -> None:
    """Stored days of the stage before give the same sums as its files, and are pinned."""
    own, before = (write(tmp_path / f"{stage}", runs_of(stage)) for stage in (3, 2))
    from_files = reviewed(runs=own, carry=[before])[1]
    ingest(tmp_path / "2", tmp_path / "store", PLAN)
    params, result = reviewed(runs=own, carry=[str(tmp_path / "store")])
    assert [part.why for part in result.carried] == [None]
    for part, other in zip(result.gates, from_files.gates, strict=True):
        assert part.evidence.point == pytest.approx(other.evidence.point)
        assert part.evidence.upper == pytest.approx(other.evidence.upper)
    read = ReviewFolder(tmp_path, {}, result.record, params, PLAN)
    assert [*changed_files(read, ROOT)] == []
    other = structs.replace(result.carried[0], data_sha256="0" * 64)
    stale = ReviewFolder(
        tmp_path, {}, structs.replace(result.record, carried=(other,)), params, PLAN
    )
    assert [*changed_files(stale, ROOT)] == [str(tmp_path / "store")]


ARMS = tuple(
    MeasuredArm(
        arm=arm, runs=3, samples=300, users=60, first=None, last=None, profiles=(),
        flags={"searchLite": arm == "treatment"}, strategies=("abc",), simulated=False,
    )
    for arm in ("control", "treatment")
)  # fmt: skip
OTHERS = tuple(structs.replace(arm, strategies=("def",)) for arm in ARMS)


@pytest.mark.parametrize(
    ("arms", "carried", "code"),
    [
        (ARMS, UNSET, ["carry.left_out"]),
        (ARMS, (CarriedPart(2, 300, 300, ("a", "b"), ""),), []),
        (ARMS, (CarriedPart(2, 300, 300, ("a",), ""),), ["carry.other_runs"]),
        (OTHERS, UNSET, []),
    ],
)
def test_what_is_left_out_is_said(
    tmp_path: Path, arms: tuple[MeasuredArm, ...], carried: object, code: list[str]
) -> None:
    """A decided stage of the same candidate counts with all its runs, or a warning says so."""
    book = Workbook(workbook(tmp_path / "w"), Quick())

    def before(slot: Slot) -> Predicate:
        window = Window(("a", "b"), None)
        return structs.replace(promotion(slot, "HOLD"), measured=ARMS, window=window)

    def now(slot: Slot) -> Predicate:
        about = {"stage": Move(3, 4), "measured": arms, "carried": carried}
        return structs.replace(promotion(slot), **about)

    append(book, "promotion", before, {}, now=START)
    node = append(book, "promotion", now, {}, now=START)
    assert [why.code for why in left_out_of_record(node, book.read())] == code
    card = (book.folder / f"{node.id}.md").read_text("utf-8")
    assert ("carried from stage 2: 300 and 300 samples" in card) == (carried is not UNSET)
