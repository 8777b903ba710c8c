"""The sign-off block of a report.

What to run before there is a decision, then who has signed it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.book import append
from rolloutlib.ledger.pins import results_digest
from rolloutlib.ledger.records import Pins
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.show.decision import decision_page
from rolloutlib.show.signoffs import sign_off
from rolloutlib.words.reasons import worded
from tests.ledger.workbooks import SIGNERS, START, Quick, promotion, signed, workbook
from tests.sample_review import bfcl

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_before_a_decision_every_signature_has_its_command(tmp_path: Path) -> None:
    """An empty ledger names the command that drafts the decision, and one for each role of a GO."""
    review = replace(bfcl(), recommendation=Recommendation.GO)
    text = sign_off(review, root=workbook(tmp_path / "w"), now=NOW).text
    assert "rollout decide REPORT_FOLDER --verdict GO" in text
    assert all(f"rollout sign DECISION --as {role}" in text for role in ("pm", "qa", "owner"))


def test_invalid_data_have_nothing_to_sign(tmp_path: Path) -> None:
    """Data that are no evidence ask for no decision and no signature."""
    review = replace(bfcl(), recommendation=Recommendation.INVALID)
    text = sign_off(review, root=workbook(tmp_path / "w"), now=NOW).text
    assert "nothing to decide" in text
    assert "rollout sign" not in text


def test_the_decision_page_is_signed_as_the_ledger_is(tmp_path: Path) -> None:
    """Lines are empty until the ledger has a record of these results, then its signers fill them.

    The next command is the one that is due: decide, then sign as who has not, then promote.
    """
    root = workbook(tmp_path / "w")
    review = replace(bfcl(), recommendation=Recommendation.GO)
    assert page(review, root).count("<td></td><td></td><td></td></tr>") == 3
    zero = "0" * 64
    pins = Pins(data=zero, inputs=(), params=zero, plan=zero, cells=zero, commit=None, dirty=None,
                requirements=zero, python="3.11", platform="Linux",
                results=results_digest(worded(review.record)))  # fmt: skip

    def draft(slot: Slot) -> Predicate:
        return replace(promotion(slot), pins=pins)

    name = append(Workbook(root, Quick()), "promotion", draft, {"x": b"x"}, now=START).id
    assert f"Signatures of {name}" in page(review, root)
    assert f"<code>rollout sign {name} --as pm</code>" in page(review, root)
    for n, who in enumerate(SIGNERS, 1):
        signed(root, name, who, hours=n / 60)
    assert "rollout sign" not in page(review, root)
    assert f"<code>rollout promote {name}</code>" in page(review, root)
    assert page(review, root).count("<td>signed</td>") == 3


def page(review: Reviewed, root: Path) -> str:
    """Return the decision page as HTML."""
    return decision_page(review, root=root, now=NOW).html


def test_a_damaged_ledger_is_told_on_the_page(tmp_path: Path) -> None:
    """A report is shown all the same, and does not look as if nobody had signed."""
    root = workbook(tmp_path / "w")
    (root / "params" / "roles.yaml").write_text("people: [")
    assert "The ledger cannot be read: " in page(bfcl(), root)
