"""Cards: each form drawn as it was, and every row judged at the limit that it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.owed import OpenItem
from rolloutlib.ledger.cards import render
from rolloutlib.ledger.chain import Node
from rolloutlib.ledger.decide import owed_of
from rolloutlib.ledger.documents import decimal, decode, digest_of, encode
from rolloutlib.ledger.gate_rows import as_written, gate_table
from rolloutlib.ledger.record_parts import (
    CheckState,
    Deviation,
    GateState,
    KnobPart,
    MeasuredArm,
    MovePart,
    OwedPart,
    Waiver,
    Window,
)
from rolloutlib.ledger.records import (
    Decision,
    FlagSet,
    Move,
    Person,
    Predicate,
    Prepared,
    Record,
    Threshold,
    Trust,
)
from rolloutlib.measure.estimates import proves
from rolloutlib.reason import because
from rolloutlib.show.decision import decision_page
from rolloutlib.words.audiences import audiences_word
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, speaking
from tests.ledger.workbooks import GATE
from tests.sample_review import PLAN, story

if TYPE_CHECKING:
    from rolloutlib.plan.workbook import StageId

GOLDEN = Path(__file__).parent / "golden"
FORMS = [
    (form, kind, lang)
    for form, kinds in (("first", ("promotion", "rollback", "keys")), ("second", ("waived", "go")))
    for kind in kinds
    for lang in ("en", "ko")
]
CLEAR = structs.replace(GATE, harm="lower", runs=3, runs_wanted=3)
P95 = structs.replace(
    CLEAR, id="p95_latency", title="95th percentile latency", unit="ms", signed=False,
    limit="2200.0", proof_limit="0.05", plan="fail", value="2310.0", evidence="fail",
    point="0.129", lower="0.112", upper="0.148", n_control=None, harm="higher", quantile="0.95",
)  # fmt: skip
VETOED = structs.replace(
    CLEAR, id="vetoed", title="Vetoed share", limit="0.0", proof_limit="0.03", plan="fail",
    value="0.0123", point="0.0123", lower="0.0048", upper="0.0205", harm="higher",
)  # fmt: skip
OPEN = structs.replace(
    CLEAR, id="top_issue", title="Top issue rate", unit="ratio", evidence_unit="ratio",
    signed=False, limit="0.7", proof_limit="0.8", plan="inconclusive", value=None, point=None,
    evidence="inconclusive", lower=None, upper=None, n_control=None, n_treatment=None,
    harm="higher", subject="too|long", why="There are no samples to judge.", runs=2,
)  # fmt: skip
SCORE = structs.replace(
    CLEAR, id="avg_score", title="Average score", unit="score", evidence_unit="score", limit="0.0",
    proof_limit="-0.1", plan="fail", value="-0.03", point="-0.03", lower="-0.08", upper="0.02",
)  # fmt: skip


def node_of(p: Predicate) -> Node:
    """Return the node of a record that nobody has signed."""
    record = Record((), p)
    assert decode(encode(record), Record) == record
    return Node(0, p.id, digest_of(encode(record)), record, ())


def decision(lang: Any, **fields: Any) -> Predicate:  # noqa: ANN401
    """Return a GO of stage 2 of simulated runs, as `decide` drafts it."""
    people = {
        "pm_kim@ex.com": Person("Kim Min-ji", ("pm",)),
        "owner_park@ex.com": Person("박서연", ("owner",)),
    }
    trust = Trust("a" * 64, "b" * 64, people, {"GO": Threshold(("pm", "qa", "owner"))})
    flags = (
        FlagSet(stage, "everyone", {"feature.searchLite": on, "feature.mode": "exploit"}, "d" * 64)
        for stage, on in ((2, False), (3, True))
    )
    before, after = flags
    ran: dict[str, bool | str] = {"searchLite": False}
    arms = (
        MeasuredArm("off", 3, 2106, 100, "2026-10-21T01:00:00+00:00", "2026-10-23T01:00:00+00:00",
                    ran, ("default",), ("a5935f71",), simulated=False),
        MeasuredArm("on", 3, 2106, None, None, None, None, (), (), simulated=True),
    )  # fmt: skip
    drafted = Predicate(
        id="dec-20261122-001", ledger="rollout", seq=1, prev=(), kind="promotion", verdict="GO",
        prepared=Prepared("ana_jung@ex.com", "2026-11-22T09:00:00Z"), lang=lang, trust=trust,
        witnesses={}, note="All of *week 3*.", stage=Move(2, 3), cohort="everyone",
        recommendation="GO", tags=("too_long",), window=Window(("r1",), 48), measured=arms,
        gates=(CLEAR,), flags_before=before, flags_after=after, card=2, cap=1000,
        features={"feature.searchLite": "Search summaries", "feature.mode": "Generator mode"},
        moves=(MovePart("A", "Search summaries", "feature.searchLite", before=False, after=True,
                        audiences=("opted_in", "everyone"), stays=("opted_out",)),),
        source="Story, stage 2", knobs=(KnobPart("guardian.max", "3", None, "R1"),),
        checks=(CheckState("test_suites", "Test suites pass", holds=True, why="10",
                           evidence=(), simulated=True),),
    )  # fmt: skip
    return structs.replace(drafted, **fields)


def waived(lang: str) -> Predicate:
    """Return a GO in spite of gates, checks, the code and the recommendation."""
    names = ("p95_latency", "vetoed", "top_issue", "release_notes", "code", "recommendation")
    notes = CheckState("release_notes", "Release notes are ready", None, "No <b>file</b>.", ())
    return decision(
        lang, gates=(CLEAR, SCORE, P95, VETOED, OPEN), checks=(notes,), recommendation="NO_GO",
        cap=None, waivers=tuple(Waiver(name, f"Why {name}.") for name in names),
        deviations=(Deviation("avg_score", "lower", "0.0", "-0.03", None, "0.1"),),
        owed=(OwedPart("pm", "Bring evidence for the checks: release notes."),),
        reasons=("95th percentile latency: 12.9% are slower than 2,200 ms.",),
    )  # fmt: skip


def node_named(form: str, kind: str, lang: str) -> Node:
    """Return the node of a golden card: of the first form from its record's bytes."""
    if form == "second":
        return node_of(waived(lang) if kind == "waived" else decision(lang))
    data = (GOLDEN / form / f"{kind}.{lang}.record").read_bytes()
    record = decode(data, Record)
    return Node(0, record.predicate.id, digest_of(data), record, ())


@pytest.mark.parametrize(("form", "kind", "lang"), FORMS)
def test_cards_are_drawn_as_they_were(form: str, kind: str, lang: str) -> None:
    """A card that people have read keeps its bytes: of records from before, too."""
    card = GOLDEN / form / f"{kind}.{lang}.md"
    assert render(node_named(form, kind, lang)) == card.read_bytes()


def test_what_stands_against_it_comes_first() -> None:
    """Waivers with what they waive, deviations and simulated runs stand before anything else."""
    lines = render(node_of(waived("en"))).decode().splitlines()
    tops = [line.split(":")[0].strip("- *") for line in lines[2:12]]
    assert tops == ["Decision", *["WAIVED"] * 6, "ACCEPTED", "SIMULATED", "Knob Changes"]
    latency = next(line for line in lines if "WAIVED: 95th" in line)
    assert "12.9% are slower than 2,200 ms (bounds 11.2% to 14.8%); at most 5.00% may be" in latency


def test_a_korean_card_holds_no_english_sentence() -> None:
    """What is said in words of ours is Korean; data, ids and what people wrote stay as they are."""
    text = render(node_of(decision("ko"))).decode()
    text = re.sub(r"`[^`]*`|\S+@\S+|Kim Min-ji|All of .*|Story, stage 2", "", text)
    assert re.findall(r"[A-Za-z]{2,} +[A-Za-z]{2,} +[A-Za-z]{2,}", text) == []


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_the_card_moves_what_the_page_moves(stage: StageId, lang: str) -> None:
    """For each stage, a GO's card tells of the audience of each flag as the decision page does."""
    decided = decided_of(PLAN, stage)
    moves = tuple(
        MovePart(
            move.feature, move.title, move.flag, move.before, move.after, move.audiences, move.stays
        )
        for move in decided.moves
    )
    node = node_of(decision(lang, stage=Move(stage, stage + 1), moves=moves, cap=decided.next_cap))
    card = render(node).decode()
    with speaking(lang):
        page = decision_page(structs.replace(story(), decided=decided), lang).text
        opens = next(line for line in page.splitlines() if line.startswith(str(say("A GO"))))
        for move in decided.moves:
            whom = audiences_word(move.audiences, move.stays)
            change = str(say("{move} for {audience}", move="", audience=whom)).strip()
            assert change in opens
            assert re.search(rf"`{move.flag}`.* → true.*{re.escape(change)}", card)
    assert (str(decided.next_cap) in opens) == (decided.next_cap is not None)
    assert (f"{decided.next_cap}" in card.split("feature.")[0]) == (decided.next_cap is not None)


@pytest.mark.parametrize("verdict", ["HOLD", "NO_GO"])
def test_a_card_that_is_no_go_tells_of_no_move(verdict: Decision) -> None:
    """Where nobody is let in, there is no audience, no cap and no flag."""
    text = render(node_of(decision("en", verdict=verdict, moves=UNSET))).decode()
    changes = text.split("**Knob Changes**")[1].split("- **Measured**")[0]
    assert changes == (
        ": no flag changes\n  - `guardian.max`: 3 → – (R1)\n"
        "- **Problem**: Exit of stage 2 towards stage 3.\n"
    )


@pytest.mark.parametrize(("verdict", "left"), [("GO", ["open.promote"]), ("HOLD", [])])
def test_a_record_does_not_ask_for_itself(verdict: Decision, left: list[str]) -> None:
    """The decision is not open on its own card, and what is no GO is not promoted."""
    items = [OpenItem("pm", because("open.decide")),
             OpenItem("owner", because("open.promote", stage=3, title="Default-on"))]  # fmt: skip
    owed = owed_of(structs.replace(story(), open_items=tuple(items)), verdict)
    assert [item.what for item in owed] == [
        sentence(item.why) for item in items if item.why.code in left
    ]


def cells_of(gate: GateState) -> list[str]:
    """Return the cells of a gate's row."""
    with speaking("en"):
        return [cell.strip() for cell in str([*gate_table((gate,), 2)][2]).strip("|").split(" | ")]


def number(text: str) -> float:
    """Return the number in a cell: the last one, without its unit."""
    numbers = re.findall(r"[−+×]?[\d,]+(?:\.\d+)?", text)
    return float(numbers[-1].replace("−", "-").replace(",", "").strip("×"))


def test_one_place_more_is_no_other_number() -> None:
    """Around a tenth, shares have one place or two: 10.00 % and 10.0 % are told apart by a sign."""
    gate = structs.replace(P95, proof_limit="0.09996", point="0.1001", lower="0.1001",
                           upper="0.1001")  # fmt: skip
    _, _, _, _, shown, _, bounds, _, _ = cells_of(gate)
    assert (shown, bounds) == ("slower than 2,200 ms: ≤ 10.00%", "&gt; 10.0% to &gt; 10.0%")
    with as_written():
        assert cells_of(gate)[6] == "10.0% to 10.0%", "a card of form 2 keeps its bytes"


Harm = Literal["lower", "higher"]
SPAN = st.floats(0, 0.1)
VALUE = st.floats(-0.2, 0.2)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(VALUE, SPAN, SPAN, VALUE, st.sampled_from(("lower", "higher")), st.data())
def test_no_row_contradicts_itself(
    limit: float, below: float, above: float, point: float, harm: Harm, data: st.DataObject
) -> None:
    """The bounds that a row shows stand to the limit that it shows as its verdict says."""
    near, share = data.draw(st.booleans()), data.draw(st.booleans())
    point = limit + point / 1000 if near else point
    below, above = (below / 1000, above / 1000) if near else (below, above)
    lower, upper = point - below, point + above
    if share:
        limit, lower, point, upper, harm = (*map(abs, (limit, lower, point, upper)), "higher")
        lower, upper = min(lower, upper), max(lower, upper)
    proven, broken = proves(lower, upper, limit, harm)
    verdict = "pass" if proven else "fail" if broken else "inconclusive"
    gate = structs.replace(
        P95 if share else CLEAR, harm=harm, evidence=verdict, proof_limit=decimal(limit),
        point=decimal(point), lower=decimal(lower), upper=decimal(upper), why=UNSET,
    )  # fmt: skip
    _, _, _, _, shown, _, bounds, word, _ = cells_of(gate)
    worst, best = bounds.split(" to ") if harm == "lower" else reversed(bounds.split(" to "))
    assert word == verdict
    for end, holds in ((worst, proven), (best, not broken)):
        good = number(end) >= number(shown) if harm == "lower" else number(end) <= number(shown)
        edge = "&lt;" in end if harm == "lower" else "&gt;" in end
        if number(end) != number(shown):
            assert good == holds
        else:
            assert edge == (not holds) or limit in {lower, upper}
