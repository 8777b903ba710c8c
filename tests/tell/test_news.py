"""Which events the commands tell: of each outcome one, and of a mistake in the call none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.commands.telling import tell_decision, telling_of_failed_rollback, telling_of_review
from rolloutlib.errors import NoEvidenceError, RolloutError, UsageError
from rolloutlib.flags.file import StillOnError
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import decided, workbook

if TYPE_CHECKING:
    from collections.abc import Callable


def telling(root: Path) -> Path:
    """Let a folder's workbook write comments."""
    (root / "params").mkdir(exist_ok=True)
    (root / "params" / "notify.yaml").write_text("comments: told", encoding="utf-8")
    return root


def reviewed(root: Path, recommendation: str) -> Path:
    """Return the page of a report whose review recommends this."""
    reason = {"code": "runs.few", "facts": {"wanted": 3, "runs": 1}, "text": "never shown"}
    fields = {"schema": "any", "recommendation": recommendation, "reasons": [reason], "gates": []}
    folder = root / "reports" / "w3"
    folder.mkdir(parents=True)
    (folder / "review.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder / "review.html"


def said(root: Path) -> dict[str, list[str]]:
    """Return the comments that were written, without their first lines."""
    files = (root / "told").glob("*")
    return {path.name: path.read_text("utf-8").splitlines()[1:] for path in files}


@pytest.mark.parametrize("outcome", ["GO", "HOLD", "NO_GO"])
def test_a_review(tmp_path: Path, outcome: str) -> None:
    """It is told with its reasons in words, and its report."""
    with telling_of_review(2, telling(tmp_path)) as page:
        page(reviewed(tmp_path, outcome))
    (lines,) = said(tmp_path).values()
    shown = outcome.replace("_", "\\_")
    assert lines[:3] == [
        f"### Review of stage 2: {shown}", "", "- The plan averages the last 3 runs; there are 1.",
    ]  # fmt: skip
    assert lines[-1].startswith(f"`{outcome}` · ")
    assert lines[-1].endswith(" · reports/w3/review.html")


def invalid(root: Path) -> None:
    """Review data that are no evidence, as the command does."""
    with telling_of_review(2, root) as page:
        page(reviewed(root, "INVALID"))
        raise NoEvidenceError("no rows")


def test_a_review_without_evidence(tmp_path: Path) -> None:
    """Its report is there, and says INVALID."""
    with pytest.raises(NoEvidenceError):
        invalid(telling(tmp_path))
    assert said(tmp_path)["review-stage-2.md"][0] == "### Review of stage 2: INVALID"


@pytest.mark.parametrize(
    ("error", "headline"),
    [(RolloutError("disk\nfull"), ["### The review of stage 2 failed: disk full"]),
     (UsageError("no such file"), [])],
)  # fmt: skip
def test_a_review_that_failed(tmp_path: Path, error: Exception, headline: list[str]) -> None:
    """A failure is news; a mistake in the call is not."""
    with pytest.raises(type(error)), telling_of_review(2, telling(tmp_path)):
        raise error
    assert [lines[0] for lines in said(tmp_path).values()] == headline


@pytest.mark.parametrize(
    ("error", "times"), [(StillOnError("a full disk"), 1), (RolloutError("no folder"), 0)]
)
def test_flags_that_are_still_on(tmp_path: Path, error: Exception, times: int) -> None:
    """That the kill switch failed is told before the command ends."""
    with pytest.raises(type(error)), telling_of_failed_rollback(telling(tmp_path)):
        raise error
    headlines = [lines[0] for lines in said(tmp_path).values()]
    headline = "### THE FLAGS ARE STILL ON: a rollback could not write them. a full disk"
    assert headlines == [headline] * times


@pytest.mark.slow
def test_a_decision(tmp_path: Path) -> None:
    """It is told with its card."""
    root = telling(workbook(tmp_path / "book"))
    name = decided(root, signers=())
    tell_decision(Workbook(root).read().find(name), root)
    headline, *_, last = said(root)["decide.md"]
    assert headline == f"### Decision {name}: GO is drafted and waits for signatures."
    assert last.endswith(f" · docs/LEDGER/{name}.md")


def dangling(path: Path) -> None:
    """Make a link to nothing."""
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [Path.mkdir, dangling])
def test_settings_that_cannot_be_read(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """They are told on standard error, and change nothing."""
    (tmp_path / "params").mkdir()
    make(tmp_path / "params" / "notify.yaml")
    with telling_of_review(2, tmp_path) as page:
        page(reviewed(tmp_path, "GO"))
    assert capsys.readouterr().err.startswith("rollout: not told: params/notify.yaml: ")
