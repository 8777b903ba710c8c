"""What holds a stage: a HOLD's headline counts its reasons by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from rolloutlib.judge.recommendation import Finding, effects_of, reasons
from rolloutlib.judge.record import Recommendation, Verdict, decode, encode
from rolloutlib.judge.risks import RiskState
from rolloutlib.phrase import phrase
from rolloutlib.reason import Reason, because, said
from rolloutlib.show.holding import KINDS, SILENT, holding, refusing
from rolloutlib.show.report import meaning_of
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import speaking
from rolloutlib.words.templates import TEMPLATES
from tests.sample_review import bfcl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType

    from rolloutlib.judge.record import CheckResult, Effects, GateResult, Review

UNPROVEN = because("gate.unproven", gate="Pass rate", id="pass_rate")
PART = because("gate.subject", gate="Top issue rate", subject="halluc")
BLOCKED = because("gates.blocked", gate=("Average score", PART), why=because("clusters.few"))
EMPTY = because("gates.empty", gates=("Vetoed share",))
CHECK = because("check.open", check="Test suites pass", why=because("suites.open", suites=()))
CHECKS = because("checks.open", checks=("Release notes are ready", "No incident for 48 hours"))
DRIFT = because("drift.worse", gate="Pass rate")


@pytest.mark.parametrize(
    ("reasons", "english"),
    [
        ([UNPROVEN], "1 gate unproven"),
        ([UNPROVEN, BLOCKED], "3 gates unproven"),
        ([UNPROVEN, because("gates.blocked", gate=("Pass rate",), why=PART)], "1 gate unproven"),
        ([EMPTY], "1 gate without data"),
        ([because("gates.empty", gates=("a", "b"))], "2 gates without data"),
        ([because("gate.refused", gate="Pass rate")], "the plan's rule missed at 1 gate"),
        ([because("gates.silent", gates=("a", "b"))], "2 gates silent in the last runs"),
        ([because("runs.few", wanted=3, runs=1)], "too few runs"),
        ([CHECK], "1 check open"),
        ([CHECK, CHECKS], "3 checks open"),
        ([because("segment.loss", by="category", value="rest")], "1 finding beside the gates"),
        ([DRIFT, because("issue.new", issue="x")], "2 findings beside the gates"),
        ([because("risk.fires", id="slow_search")], "1 risk that fires"),
        ([because("look.spent", number=2, planned=1)], "no look left"),
        ([because("data.nameless"), because("material.unlike")], "data to mend"),
        ([said(phrase("Nobody knows this code."))], "data to mend"),
        ([because("data.copies", arm="on", rows=2), CHECK], "1 check open"),
        ([because("gate.tolerated", gate="Pass rate"), CHECK], "1 check open"),
    ],
)
def test_each_kind_of_reason_is_counted(reasons: list[Reason], english: str) -> None:
    """Gates and checks by name, findings one by one; what holds nothing is not counted."""
    assert ", ".join(map(str, holding(_hold(reasons)))) == english


def _hold(
    why: Sequence[Reason], *gates: GateResult, effects: Effects | UnsetType = UNSET
) -> Review:
    """Return a review that is held by reasons."""
    return replace(
        bfcl().record, recommendation=Recommendation.HOLD, gates=gates, risks=(),
        reasons=tuple(why), effects=effects,
    )  # fmt: skip


def _gates() -> list[GateResult]:
    """Return two gates whose evidence and plan pass."""
    gates = bfcl().gates[:2]
    proven = {"verdict": Verdict.PASS, "why": because("bound.clears"), "point": 0.5}
    return [
        replace(gate, evidence=replace(gate.evidence, **proven), tolerated=None,
                plan=replace(gate.plan, verdict=Verdict.PASS, value=0.5, runs=3, runs_wanted=3,
                             why=None))
        for gate in gates
    ]  # fmt: skip


def _headline(gates: Sequence[GateResult]) -> str:
    """Return the headline's parts of a record of gates, as it is read again from its file."""
    record = worded(_hold(reasons(gates, [_check()]), *gates))
    return ", ".join(map(str, holding(decode(encode(record)))))


def _check() -> CheckResult:
    """Return a check that holds."""
    return replace(bfcl().checks[0], holds=True)


WORST = because(
    "missing.worst", arm="on", share=0.01, rows=1, expected=100, worst=0.1, limit=0.2,
    measure="proportion", signed=False,
)  # fmt: skip
SHARE = because("missing.share", arm="on", field="score", share=0.1, rows=9, expected=90, most=0.02)
UNLIKE = because("missing.differs", field="score", control=1, treatment=9, p=0.001)
FEW = because("clusters.few", clusters=3, unit="user", least=5)
POINTS = because("units.score", arm="on", confirm="score: points")
UNDECIDED = {"verdict": Verdict.INCONCLUSIVE, "why": because("bound.undecided")}


@pytest.mark.parametrize(
    ("evidence", "plan", "english"),
    [
        ({}, {"verdict": Verdict.INCONCLUSIVE, "why": WORST}, "1 gate in doubt"),
        (UNDECIDED, {"verdict": Verdict.INCONCLUSIVE, "why": WORST}, "1 gate unproven"),
        (UNDECIDED, {}, "1 gate unproven"),
        (UNDECIDED | {"why": FEW}, {}, "1 gate unproven"),
        (UNDECIDED | {"why": UNLIKE}, {}, "1 gate with data missing"),
        (UNDECIDED | {"why": WORST}, {"why": WORST}, "1 gate with data missing"),
        (UNDECIDED | {"why": SHARE, "point": None}, {}, "1 gate without data"),
        (UNDECIDED | {"why": because("evidence.none"), "point": None}, {}, "1 gate without data"),
        (UNDECIDED | {"why": POINTS}, {}, "1 gate in doubt"),
    ],
)
def test_a_gate_is_called_what_it_is(
    evidence: dict[str, Any], plan: dict[str, Any], english: str
) -> None:
    """Nobody calls unproven what the evidence proves, or what has no or doubtful data."""
    first, second = _gates()
    first = replace(first, evidence=replace(first.evidence, **evidence),
                    plan=replace(first.plan, **plan), subject="halluc")  # fmt: skip
    assert _headline([first, second]) == english
    with speaking("ko"):
        assert _headline([first, second]).endswith(" 게이트 1개")


def test_what_is_only_told_holds_nothing() -> None:
    """A finding of which the plan says `tell` is a reason, and neither open nor what forbids."""
    loss = because("segment.loss", by="category", value="rest")
    listed = [Finding(loss, "tell"), Finding(DRIFT, "hold")]
    review = _hold([loss, DRIFT, CHECK], effects=effects_of(listed))
    assert [str(part) for part in holding(review)] == ["1 finding beside the gates", "1 check open"]
    alone = _hold([loss, CHECK], effects=effects_of(listed[:1]))
    assert [str(part) for part in holding(alone)] == ["1 check open"]


@pytest.mark.parametrize(
    ("effects", "english"),
    [
        ({"segment.loss": "tell", "drift.worse": "no_go"}, "1 finding beside the gates"),
        ({"segment.loss": "no_go", "drift.worse": "no_go"}, "2 findings beside the gates"),
        (UNSET, "2 findings beside the gates"),  # a record of before
    ],
)
def test_a_no_go_rests_on_what_forbids(effects: Effects | UnsetType, english: str) -> None:
    """What the plan only tells, or lets hold, is not what it rests on; nor a risk that holds."""
    loss, risk = (
        because("segment.loss", by="category", value="rest"),
        because("risk.fires", id="slow"),
    )
    firing = RiskState("slow", "", "E", "", "fires", because("risk.reported"), decides="rollback")
    review = replace(_hold([loss, DRIFT, risk], effects=effects), risks=(firing,))
    assert ", ".join(map(str, refusing(review))) == english
    sure = replace(review, risks=(replace(firing, sure=True),), effects=UNSET)
    assert [str(part) for part in refusing(sure)] == ["1 risk that fires"]


def test_records_keep_their_bytes_where_findings_hold() -> None:
    """Effects are told where one is no hold, by code; risks say theirs in the register."""
    holds = [Finding(DRIFT, "hold"), Finding(because("risk.fires", id="x"), "no_go")]
    assert b"effects" not in encode(_hold([DRIFT], effects=effects_of(holds)))
    assert effects_of([*holds, Finding(EMPTY, "tell")]) == {"gates.empty": "tell"}
    record = _hold([DRIFT], effects={"drift.worse": "no_go"})
    assert decode(encode(record)) == record


def test_the_weightiest_come_first_and_a_phone_has_room() -> None:
    """Four kinds are named, however many there are, and the rest is counted."""
    reasons = [CHECK, because("runs.few", wanted=3, runs=1), EMPTY, UNPROVEN, DRIFT, BLOCKED]
    reasons += [because("data.nameless")]
    assert [str(part) for part in holding(_hold(reasons))] == [
        "data to mend", "1 finding beside the gates", "3 gates unproven", "1 gate without data",
        "and 2 more",
    ]  # fmt: skip


def test_the_headline_names_what_holds() -> None:
    """The page, the cell and the exported text say it, in both languages."""
    review = msgspec.structs.replace(
        bfcl(), recommendation=Recommendation.HOLD, reasons=(UNPROVEN, CHECK, CHECKS)
    )
    assert str(meaning_of(review)) == (
        "No limit is proven broken. Open: 1 gate unproven, 3 checks open. People decide."
    )
    with speaking("ko"):
        assert str(meaning_of(review)) == (
            "기준 위반이 증명된 것은 없습니다. 남은 일: 증명되지 않은 게이트 1개, 미확인 체크 3개. "
            "결정은 사람이 합니다."
        )


def test_every_code_that_is_counted_is_one_of_ours() -> None:
    """A code that is renamed would be told as data to mend."""
    counted = (*KINDS, *SILENT)
    assert [code for code in counted if not any(t.startswith(code) for t in TEMPLATES)] == []


def test_a_no_go_names_what_it_rests_on() -> None:
    """Broken limits and failed checks are counted; without them, what the plan forbids."""
    review = bfcl()
    (failed, *open_checks) = (msgspec.structs.replace(c, holds=None) for c in review.checks)
    failed = msgspec.structs.replace(failed, holds=False)
    both = msgspec.structs.replace(review, checks=(failed, *open_checks))
    assert str(meaning_of(both)) == "1 limit is proven broken, 1 check failed. People decide."
    with speaking("ko"):
        assert str(meaning_of(both)) == (
            "위반이 증명된 기준 1개, 실패한 체크 1개. 결정은 사람이 합니다."
        )
    fires = (because("risk.fires", id="slow_search"), UNPROVEN)
    alone = msgspec.structs.replace(review, gates=(), checks=(), reasons=fires)
    assert str(meaning_of(alone)) == "1 risk that fires. People decide."
    bare = msgspec.structs.replace(review, gates=(), checks=(), reasons=())
    assert str(meaning_of(bare)) == "What the plan forbids was found. People decide."
