"""The sign-off block of a report.

What to run before there is a decision, then who has signed it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutlib.judge.record import Recommendation
from rolloutlib.show.signoffs import sign_off
from tests.ledger.workbooks import workbook
from tests.sample_review import bfcl

if TYPE_CHECKING:
    from pathlib import Path

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
