"""What a GO accepts within tolerance: in the record, on its card, and before anybody signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, structs

from rolloutlib.cli import main
from rolloutlib.flags.notices import release_notes
from rolloutlib.flags.overview import system_overview
from rolloutlib.flags.state import FlagState
from rolloutlib.ledger.book import append
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.documents import decode, encode
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.record_parts import Deviation
from rolloutlib.ledger.records import Record
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.plan.model import load_plan
from tests.ledger.workbooks import GATE, START, Quick, decided, keys, promotion, workbook

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate

SCORE = structs.replace(
    GATE, id="avg_score", title="Average score", unit="score", evidence_unit="score", limit="0.0",
    proof_limit="-0.1", plan="fail", value="-0.03", point="-0.03", lower="-0.08", upper="0.02",
)  # fmt: skip
SMALL = Deviation("avg_score", "lower", "0.0", "-0.03", None, "0.1")
SAYS = "Average score: −0.03 misses the plan's ≥ 0.00 by less than the declared 0.10"


def within(slot: Slot, *, of: Deviation = SMALL, **fields: object) -> Predicate:
    """Return a GO that accepts a deviation."""
    about = {"gates": (GATE, SCORE), "deviations": (of,)} | fields
    return structs.replace(promotion(slot), **about)


def drafted(root: Path, of: Deviation = SMALL, **fields: object) -> str:
    """Append such a record; return its id."""
    book = Workbook(root, Quick())
    return append(book, "promotion", lambda slot: within(slot, of=of, **fields), {}, now=START).id


def test_records_without_any_keep_their_bytes(tmp_path: Path) -> None:
    """A record that accepts nothing has no such field, so those of before read as they are."""
    root = workbook(tmp_path / "w")
    data = (root / "docs" / "LEDGER" / f"{decided(root)}.record").read_bytes()
    assert b"deviations" not in data
    record = decode(data, Record)
    assert (record.predicate.deviations, record.predicate.accepted) == (UNSET, ())
    assert encode(record) == data


@pytest.mark.parametrize(("lang", "words"), [("en", SAYS), ("ko", "허용 오차 0.10보다 작고")])
def test_the_card_shows_it(tmp_path: Path, lang: str, words: str) -> None:
    """In bold, in the record's language, made of the record's numbers."""
    root = workbook(tmp_path / "w")
    card = (root / "docs" / "LEDGER" / f"{drafted(root, lang=lang)}.md").read_text("utf-8")
    bold = next(line for line in card.splitlines() if words in line)
    assert bold.startswith("- **")


def test_it_is_said_before_it_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signer reads what the signature accepts first, even where nothing is signed then."""
    root = workbook(tmp_path / "w")
    name = drafted(root)
    monkeypatch.chdir(root)
    assert main(["sign", name, "--as", "pm", "--key", str(keys() / "pm_kim")]) == 0
    printed = capsys.readouterr().out
    assert printed.index(SAYS) < printed.index("signed GO")
    assert main(["sign", name, "--as", "pm", "--key", str(keys() / "stranger")]) == 1
    assert SAYS in capsys.readouterr().out


@pytest.mark.parametrize(
    ("of", "fields"),
    [
        (structs.replace(SMALL, gate="pass_rate"), {}),
        (structs.replace(SMALL, gate="nobody"), {}),
        (structs.replace(SMALL, value="-0.02"), {}),
        (structs.replace(SMALL, tolerance="0.03"), {}),
        (structs.replace(SMALL, worst="-0.2"), {}),
        (structs.replace(SMALL, harm="higher"), {}),
        (SMALL, {"gates": (GATE, structs.replace(SCORE, evidence="inconclusive"))}),
        (SMALL, {"verdict": "HOLD", "recommendation": "HOLD"}),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(tmp_path: Path, of: Deviation, fields: dict[str, object]) -> None:
    """Another gate or number, a miss as large as the tolerance, no proof, no GO: no record."""
    with pytest.raises(LedgerError, match="which does not fit what it says of that gate"):
        drafted(workbook(tmp_path / "w"), of=of, **fields)


def test_a_miss_without_it_needs_a_waiver(tmp_path: Path) -> None:
    """What the plan refuses and nobody accepts is not covered."""
    with pytest.raises(LedgerError, match="avg_score neither holds nor is waived"):
        drafted(workbook(tmp_path / "w"), deviations=UNSET)


def test_the_overview_says_it(tmp_path: Path) -> None:
    """While the decision is in force, the overview says what was accepted with it."""
    root = workbook(tmp_path / "w")
    name = drafted(root)
    state = FlagState(3, 1, name)
    text = system_overview(root, None, state, lang="en").read_text("utf-8")
    assert f"- Accepted with it: {SAYS}" in text


def test_the_release_notes_say_it(tmp_path: Path) -> None:
    """Who is told of the promotion is told what its signers accepted, below the numbers."""
    root = workbook(tmp_path / "w")
    name = drafted(root)
    predicate = Workbook(root).read().find(name).predicate
    plan, state = load_plan(root / "params" / "plan.yaml"), FlagState(3, 1, predicate.id)
    lines = release_notes(plan, FlagState(2, 1), state, predicate.gates, accepted(predicate))
    assert any(str(line).startswith(f"- Accepted with it: {SAYS}") for line in lines)
