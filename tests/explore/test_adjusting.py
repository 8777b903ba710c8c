"""CUPED on and off: what a covariate settles, and what is said where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from rolloutlib.explore.adjusting import adjusted
from rolloutlib.explore.review import review_of
from rolloutlib.plan.params import review_params

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.explore.review import Review

pytestmark = pytest.mark.slow  # whole reviews


def review_with(folder: Path, *, covariate: bool, adjust: bool = False) -> Review:
    """Review 300 independent samples an arm, whose score follows `before` at correlation .9."""
    rng = np.random.default_rng(1)
    before, noise = rng.normal(size=600), rng.normal(size=600)
    frame = pd.DataFrame({
        "arm": ["control"] * 300 + ["treatment"] * 300, "status": "ok",
        "score": np.clip(6 + 0.9 * before + 0.436 * noise, 0, 10), "before": before,
    })  # fmt: skip
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / "samples.parquet")
    mapped = "arm: arm, status: status, score: score" + ", covariate: before" * covariate
    text = f"columns: {{{mapped}}}\nstatuses: {{ok: passed}}\n"
    (folder / "source.yaml").write_text(text, encoding="utf-8")
    about = {"stage": 2, "runs": str(folder), "looks": "", "adjust": adjust}
    return review_of(review_params(about))


def test_a_covariate_narrows_the_score_and_nothing_else(tmp_path: Path) -> None:
    """At correlation .9 bounds have √(1 − .81) = .44 of their width, whichever review asks."""
    off = review_with(tmp_path / "runs", covariate=True)
    table = adjusted(off).to_pandas().set_index("gate")
    assert table.loc["avg_score", "width_ratio"] == pytest.approx(0.436, abs=0.06)
    assert table.loc["pass_rate", "width_ratio"] == 1
    on = review_with(tmp_path / "runs", covariate=True, adjust=True)
    pd.testing.assert_frame_equal(adjusted(on).to_pandas().set_index("gate"), table)
    assert (
        on.gates.to_pandas().set_index("id")["lower"]["avg_score"]
        == table.loc["avg_score", "adjusted_lower"]
    )


def test_without_a_covariate_the_table_says_so(tmp_path: Path) -> None:
    """No row, the columns all the same, and the sentence that names the key to mend."""
    table = adjusted(review_with(tmp_path / "runs", covariate=False))
    assert len(table) == 0
    assert "width_ratio" in table.to_pandas().columns
    assert "no sample carries a covariate; name its column in source.yaml" in repr(table)
