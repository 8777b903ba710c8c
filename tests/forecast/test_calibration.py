"""The calibration: its grid is as wide as promised, its results keep the targets, it still runs."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm

from benchmarks.calibration import grid, harm, judge, truths
from benchmarks.calibration_page import BALANCED, HARD, TRUTHS, Results, Row, write
from rolloutlib.plan.model import load_plan
from rolloutlib.stats.proportions import clopper_pearson

pytestmark = pytest.mark.slow  # simulates

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
WORLDS = grid()


def committed() -> list[dict[str, str]]:
    """Read docs/calibration.csv."""
    with (ROOT / "docs" / "calibration.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_grid_is_wide() -> None:
    """More than 100 worlds: every design, 5–100 users, correlation 0–.2, unequal sizes, 2 .

    1, missing rows.
    """
    assert len(WORLDS) * len(TRUTHS) > 100
    assert len({world.name for world in WORLDS}) == len(WORLDS)
    assert {world.study.kind for world in WORLDS} == {"independent", "paired", "nested", "crossed"}
    users = [world.study for world in WORLDS if world.study.kind in {"nested", "crossed"}]
    assert {len(study.sizes_treatment) for study in users} == {5, 10, 30, 100}
    assert {study.icc for study in users} == {0.0, 0.05, 0.2}
    assert any(study.missing for study in users)
    assert any(len(set(study.sizes_treatment)) > 1 for study in users)
    assert {len(study.sizes_control) / len(study.sizes_treatment) for study in users} == {
        0.5,
        1.0,
        2.0,
    }
    hard = [world.study for world in WORLDS if not world.hard]
    assert all(
        len(study.sizes_treatment) >= 10 and len(set(study.sizes_treatment)) == 1 for study in hard
    )


def test_truths_are_at_the_limit_and_beyond() -> None:
    """`limit` is exactly the stage's limit, `beyond` is worse and `better` better, gate by gate."""
    better, limit, beyond = truths(PLAN, 2)
    assert limit.treatment["passed"] == pytest.approx(limit.control["passed"] - 0.03)
    assert limit.treatment["issue"] == pytest.approx(limit.control["issue"] * 0.8)
    for metric, value in limit.treatment.items():
        sign = -1 if metric in {"passed", "score"} else 1
        assert sign * better.treatment[metric] < sign * value < sign * beyond.treatment[metric]


def test_committed_results_keep_the_targets() -> None:
    """docs/calibration.csv has every gate of every world of today's grid, below its target."""
    rows = [row for row in committed() if row["step"] == "first"]
    assert {row["world"] for row in rows} == {world.name for world in WORLDS}
    assert len(rows) == len(WORLDS) * len(PLAN.gates)
    again = {(row["world"], row["gate"]): row for row in committed() if row["step"] == "again"}
    for first in rows:
        row = again.get((first["world"], first["gate"]), first)
        rate, error, target = (float(row[name]) for name in ("false_go", "error", "target"))
        assert target in {BALANCED, HARD}
        assert rate <= target + (2 * error if target == BALANCED else 0), (
            row["world"],
            row["gate"],
        )
        assert float(row["decision"]) <= rate, "a GO needs the gate's pass"
        assert int(first["repetitions"]) >= 2000


def test_committed_rollbacks_keep_the_target() -> None:
    """No world without harm is rolled back in more than 5 % plus two Monte Carlo errors."""
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    found = re.findall(r"users, correlation [\d.]+ \| ([\d.]+)% ± ([\d.]+)% \|", page)
    assert len(found) == 18
    assert all(float(rate) <= 5 + 2 * float(error) for rate, error in found)


def test_it_still_runs(tmp_path: Path) -> None:
    """A small world of each kind, judged, and the pages written from it."""
    kinds = (
        r"^(nested|crossed): 10 .*0\.05$|^(paired|independent): 90$"
        r"|^nested, unequal sizes: 10 .* 0$"
    )
    some = [world for world in WORLDS if re.search(kinds, world.name)]
    rows = [row for k, world in enumerate(some) for row in judge(world, 60, (1, k))]
    assert len(rows) == 5 * len(PLAN.gates)
    assert all(row.false_go <= 0.2 for row in rows)
    assert all(row.covers_lower >= 0.85 <= row.covers_upper for row in rows)
    assert all(row.beyond <= row.false_go + 0.05 for row in rows)
    (tmp_path / "images").mkdir()
    flagged: list[Row] = [rows[0]._replace(false_go=0.3, target=BALANCED)]
    write(Results(rows, flagged, [harm("nested", 10, 0.05, 60, (1,))], 1.0), tmp_path)
    page = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "30.0%" in page, "what stays above its target is named"
    assert (tmp_path / "images" / "calibration.png").stat().st_size > 10_000


@pytest.mark.slow
def test_daily_harm_test() -> None:
    """Persistent users, 14 looks.

    Few false alarms where an uncorrected test has many, and a loss of 10 pp is found.
    """
    found = harm("nested", 30, 0.05, 1000, (5,))
    assert found.false_alarm < 0.07
    assert found.plain > 0.15
    assert found.detected > 0.9


def test_numbers_of_the_statistics_page() -> None:
    """Recomputed exactly.

    How often the plan's literal rule passes three runs of 30, and the sample sizes named.
    """
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")

    def literal(change: float, n: int = 90) -> float:
        x = np.arange(n + 1)
        chance = binom.pmf(x, n, 0.9 + change)[:, None] * binom.pmf(x, n, 0.9)[None, :]
        return float(chance[(x[:, None] - x[None, :]) / n >= -0.02 - 1e-12].sum())

    for said, change in (
        ("no change", 0.0),
        ("−2 pp (its own limit)", -0.02),
        ("−5 pp", -0.05),
        ("−10 pp", -0.10),
    ):
        assert f"| {said} | {100 * literal(change):.0f} % |" in page
    squared = (norm.ppf(0.95) + norm.ppf(0.8)) ** 2 / 0.02**2  # 80 % to clear −2 pp
    assert f"{math.ceil(0.18 * squared):,} samples" in page  # at .9 in both arms
    assert str(math.ceil(0.05 * squared)) in page  # pairs of which 5 % differ
    for events, samples in enumerate((299, 473, 628, 773)):
        assert str(samples) in page
        assert clopper_pearson(events, samples).upper <= 0.01
        assert clopper_pearson(events, samples - 1).upper > 0.01
