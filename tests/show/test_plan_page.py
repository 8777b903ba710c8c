"""The plan's page: in step with plan.yaml, whole, in both languages, and safe in a table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rolloutlib import cli
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import STAGES
from rolloutlib.show.plan_page import plan_page

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")


@pytest.mark.parametrize(
    ("lang", "file"), [("en", "ROLLOUT_PLAN.md"), ("ko", "ROLLOUT_PLAN.ko.md")]
)
def test_the_shipped_page_is_in_step(lang: str, file: str) -> None:
    """docs/ holds what `rollout plan-page` would write now."""
    assert (ROOT / "docs" / file).read_text("utf-8") == plan_page(PLAN, lang)


def test_what_is_on_for_whom() -> None:
    """Search summaries: off, then for who opts in, then for all but who opts out, then for all."""
    row = next(line for line in plan_page(PLAN).splitlines() if "feature.searchLite" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[-len(STAGES) :] == [
        "off", "off", "off; users who opted in: on", "on; users who opted out: off", "on",
    ]  # fmt: skip


def test_limits_and_proofs() -> None:
    """A gate's row holds its limit, what each stage proves, and what it is designed for."""
    row = next(line for line in plan_page(PLAN).splitlines() if line.startswith("| Vetoed share"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    proofs = ["≤ +10.00 pp", "≤ +5.00 pp", "≤ +3.00 pp", "≤ +2.00 pp", "≤ +2.00 pp"]
    assert cells == ["Vetoed share", "≤ 0.00 pp", *proofs, "0.00 pp"]


def test_how_old_evidence_may_be() -> None:
    """A check that limits the age of its evidence says so."""
    check = PLAN.checks["test_suites"].model_copy(update={"max_age_days": 7})
    page = plan_page(PLAN.model_copy(update={"checks": {"test_suites": check}}))
    assert "compat, regression; at most 7 days older than the runs\n" in page


def test_a_bar_in_a_title_breaks_no_table() -> None:
    """Every line of a table has as many cells as its head, whatever the plan calls things."""
    gate = PLAN.gates["vetoed"].model_copy(update={"title": "a | b"})
    page = plan_page(PLAN.model_copy(update={"gates": {"vetoed": gate}}))
    rows = [line for line in page.splitlines() if line.startswith("| a ")]
    assert [row.count("|") for row in rows] == [9]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rollout plan-page` writes into the workbook's docs/, or where --out says."""
    (tmp_path / "params").mkdir()
    shutil.copy(ROOT / "params" / "plan.yaml", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan-page"]) == 0
    assert cli.main(["plan-page", "--lang", "ko", "--out", "a/plan.md"]) == 0
    assert (tmp_path / "docs" / "ROLLOUT_PLAN.md").read_text("utf-8") == plan_page(PLAN)
    assert (tmp_path / "a" / "plan.md").read_text("utf-8") == plan_page(PLAN, "ko")
