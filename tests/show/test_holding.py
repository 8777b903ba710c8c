"""What holds a stage: a HOLD's headline counts its reasons by their codes."""

from __future__ import annotations

import msgspec
import pytest

from rolloutlib.judge.record import Recommendation
from rolloutlib.phrase import phrase
from rolloutlib.reason import Reason, because, said
from rolloutlib.show.holding import KINDS, SILENT, holding
from rolloutlib.show.report import meaning_of
from rolloutlib.words.sentences import speaking
from rolloutlib.words.templates import TEMPLATES
from tests.sample_review import bfcl

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
    assert ", ".join(map(str, holding(reasons))) == english


def test_the_weightiest_come_first_and_a_phone_has_room() -> None:
    """Four kinds are named, however many there are, and the rest is counted."""
    reasons = [CHECK, because("runs.few", wanted=3, runs=1), EMPTY, UNPROVEN, DRIFT, BLOCKED]
    reasons += [because("data.nameless")]
    assert [str(part) for part in holding(reasons)] == [
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
