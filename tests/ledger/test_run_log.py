"""Run logs in the team's format: one a review and one a day's watch, whoever writes how often."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.ledger.marked import DamagedMarksError
from rolloutlib.ledger.run_log import (
    RUN_LOGS,
    link_decision,
    ran_of_review,
    ran_of_watch,
    write_run_log,
)
from tests.rollback.test_cause import watched

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # 00:30 of the next day in Korea


def gate(metric: str, treatment: float | None, statistic: str = "mean") -> dict[str, Any]:
    """Return a gate as far as a log reads it; the control is half as high."""
    control = None if treatment is None else treatment / 2
    return {"metric": metric, "statistic": statistic, "control": control, "treatment": treatment}


def review(**other: object) -> bytes:
    """Return a review.json as far as a log reads it."""
    fields = {
        "stage": 2, "treatment": "new", "recommendation": "NO_GO",
        "gates": [
            gate("passed", 0.931), gate("score", 7.616), gate("latency_ms", 2300, "quantile"),
            gate("latency_ms", 1720.4), gate("vetoed", 0.021),
        ],
        "issues": [
            {"tag": "too_long", "rank": 2, "control": 0.05, "treatment": None},
            {"tag": "new", "rank": None, "control": 0.9, "treatment": 0.9},
            {"tag": "<b>bias", "rank": 1, "control": 0.071, "treatment": 0.03},
        ],
        "arms": [{"arm": "old", "samples": 5}, {"arm": "new", "samples": 4212}],
    }  # fmt: skip
    return json.dumps(fields | other).encode()


GOLDEN = """\
# Run Log — 2026-11-23_run-001

<!-- rollout: from here -->
<!-- rollout: of review sha256:{digest} -->
- **Run ID/Time(KST)**: 2026-11-23_run-001 / 2026-11-23 00:30
- **Mode / N / Seeds**: stage 2 review / N=4212 / seed=–
- **Results**: PASS Rate: 93.1% / Avg Score: 7.62 / Avg Latency: 1720 ms / Vetoed: 2.1%
- **Control**: PASS Rate: 46.6% / Avg Score: 3.81 / Avg Latency: 860 ms / Vetoed: 1.1%
- **Issues Top-3**:
  1. &lt;b&gt;bias (7.1% → 3.0%)
  2. too\\_long (5.0% → –)
- **Outcome**: NO_GO
- **Decision Card**: –
- **Report**: [reports/w3/review.html](../../reports/w3/review.html)
- **Dataset meta**: [outputs/dataset\\_meta.json](../../outputs/dataset_meta.json)
<!-- rollout: to here -->
"""


def logged(root: Path, data: bytes, *, hours: float = 0) -> Path:
    """Write the log of a review."""
    page = root / "reports" / "w3" / "review.html"
    ran = ran_of_review(data, page, at=NOW + timedelta(hours=hours))
    assert ran is not None
    return write_run_log(root, ran)


def test_a_log_in_the_teams_format(tmp_path: Path) -> None:
    """The whole file: the day is Korea's, units are the dialect's, labels are words."""
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "dataset_meta.json").write_text("{}")
    path = logged(tmp_path, review())
    digest = path.read_text("utf-8").partition("sha256:")[2][:64]
    assert path.relative_to(tmp_path).as_posix() == "docs/RUN_LOGS/2026-11-23_run-001.md"
    assert path.read_text("utf-8") == GOLDEN.format(digest=digest)


def test_a_review_has_one_log(tmp_path: Path) -> None:
    """Written again it is the same file, with its decision and what people added around it."""
    first = logged(tmp_path, review())
    hand = tmp_path / RUN_LOGS / "2026-11-23_run-007.md"
    hand.write_text("- **Run ID/Time(KST)**: by hand\n")
    (tmp_path / RUN_LOGS / "2026-11-23_run-1795316400000.md").write_text("the web front end's\n")
    first.write_text(first.read_text("utf-8") + "\nThe provider was slow.\n", "utf-8")
    assert link_decision(tmp_path, review(), "dec-20261122-001") == first
    assert logged(tmp_path, review(), hours=40) == first
    text = first.read_text("utf-8")
    assert text.endswith("\nThe provider was slow.\n")
    assert "- **Decision Card**: [dec-20261122-001](../LEDGER/dec-20261122-001.md)\n" in text
    assert logged(tmp_path, review(stage=3)).name == "2026-11-23_run-008.md"
    assert link_decision(tmp_path, review(stage=4), "dec-20261122-002") is None


def test_nothing_that_tells_a_number_is_a_dash(tmp_path: Path) -> None:
    """No gate, no issue, no arm and a report elsewhere: what nobody knows is not made up."""
    ran = ran_of_review(review(gates=[], issues=[], arms=[]), tmp_path / "r.html", at=NOW)
    assert ran is not None
    text = write_run_log(tmp_path / "book", ran).read_text("utf-8")
    assert "PASS Rate: – / Avg Score: – / Avg Latency: – / Vetoed: –" in text
    assert "N=– / seed=–" in text
    assert "- **Issues Top-3**: –" in text
    assert "Report" not in text


def test_an_exploration_has_no_log_and_no_review_neither(tmp_path: Path) -> None:
    """What decides nothing is not logged; what is no review is refused by name."""
    explored = review(look={"counting": "exploration"})
    assert ran_of_review(explored, tmp_path, at=NOW) is None
    with pytest.raises(UsageError, match=r"review.json is no review"):
        ran_of_review(b"{}", tmp_path, at=NOW)


def test_a_log_with_damaged_marks_is_left_alone(tmp_path: Path) -> None:
    """Somebody cut a mark off: the file stays as it is, and the sentence names it."""
    path = logged(tmp_path, review())
    path.write_bytes(path.read_bytes().replace(b"<!-- rollout: to here -->", b""))
    before = path.read_bytes()
    with pytest.raises(DamagedMarksError, match=r"RUN_LOGS/2026-11-23_run-001.md has 1 of"):
        logged(tmp_path, review())
    assert path.read_bytes() == before


def test_eight_at_once_get_eight_logs(tmp_path: Path) -> None:
    """Each review has its own number, and each only once."""
    reviews = [review(stage=n) for n in range(8)] * 2
    with ThreadPoolExecutor(8) as pool:
        paths = [*pool.map(partial(logged, tmp_path), reviews)]
    assert len({*paths}) == 8
    assert paths[:8] == paths[8:]


def test_a_day_of_a_watch_has_one_log(tmp_path: Path) -> None:
    """The newest day that has values is told; watched again, the same day is the same file."""
    path = write_run_log(tmp_path, ran_of_watch(watched(), None))
    text = path.read_text("utf-8")
    assert path.name == "2026-02-02_run-001.md"
    assert "- **Mode / N / Seeds**: stage 2 daily watch / N=38 / seed=–" in text
    assert "- **Results**: PASS Rate: 83.0% / Avg Score: – / Avg Latency: – / Vetoed: –" in text
    assert "- **Control**: PASS Rate: 91.0% " in text
    assert "- **Outcome**: ROLLBACK" in text
    assert write_run_log(tmp_path, ran_of_watch(watched(), None)) == path
    assert path.read_text("utf-8") == text
