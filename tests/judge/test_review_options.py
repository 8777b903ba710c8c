"""A review's options change what they say they change.

Adjustment narrows bounds, a second look has nothing left.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rolloutlib.errors import UsageError
from rolloutlib.judge.record import GateResult, Verdict
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from rolloutlib.reason import because

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
columns: {arm: arm, status: status, score: score, covariate: before}
statuses: {ok: passed, bad: failed}
"""


def _write(folder: Path, *, seed: int = 1, covariate: bool = True) -> Path:
    """Write independent samples whose score follows what was known before, at correlation .9."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    with (folder / "samples.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["arm", "status", "score", *(["before"] if covariate else [])])
        for arm in ("control", "treatment"):
            for before in rng.normal(size=300):
                score = 6 + 0.9 * before + 0.436 * rng.normal()
                cells = [arm, "ok" if rng.random() < 0.9 else "bad", f"{np.clip(score, 0, 10):.6f}"]
                rows.writerow([*cells, *([f"{before:.6f}"] if covariate else [])])
    text = SOURCE if covariate else SOURCE.replace(", covariate: before", "")
    (folder / "source.yaml").write_text(text, encoding="utf-8")
    return folder


def _score(folder: Path, **options: object) -> GateResult:
    review = review_stage(review_params({"stage": 2, "runs": str(folder), **options}))
    return next(gate for gate in review.gates if gate.id == "avg_score")


def test_adjustment_narrows_the_bounds_of_the_score(tmp_path: Path) -> None:
    """At correlation .9 the bounds shrink to √(1 − .81) = .44 of their width.

    The method says so.
    """
    plain, adjusted = (
        _score(_write(tmp_path / "runs"), adjust=adjust).evidence for adjust in (False, True)
    )
    widths = [(one.upper or 0) - (one.lower or 0) for one in (adjusted, plain)]
    assert widths[0] / widths[1] == pytest.approx(0.436, abs=0.06)
    assert "CUPED" in (adjusted.method or "")
    assert "narrower than [" in (adjusted.method or "")


def test_adjustment_needs_a_covariate(tmp_path: Path) -> None:
    """Asking for an adjustment that the data cannot give is one clear sentence."""
    with pytest.raises(UsageError, match="no sample carries a covariate"):
        _score(_write(tmp_path / "runs", covariate=False), adjust=True)


def test_retrying_with_new_data_cannot_pass_a_gate(tmp_path: Path) -> None:
    """The same data again are the same look.

    New data after the last planned look are never a pass.
    """
    looks, runs = str(tmp_path / "looks.jsonl"), tmp_path / "runs"
    first = [_score(_write(runs), looks=looks).evidence.verdict for _ in range(2)]
    assert first == [Verdict.PASS, Verdict.PASS]
    retried = _score(_write(runs, seed=2), looks=looks)
    assert retried.evidence.verdict is Verdict.INCONCLUSIVE
    assert retried.evidence.why == because("look.spent", number=2, planned=1)
    assert _score(_write(runs, seed=2)).evidence.why.code != "look.spent"
