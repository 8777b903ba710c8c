"""The calibration: its grid is as wide as promised, its draws are true, its results are honest."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.proportion import proportion_confint

from benchmarks.calibration_harm import harm
from benchmarks.calibration_judge import judged
from benchmarks.calibration_page import Results, Row, interval, write
from benchmarks.calibration_worlds import World, grid
from rolloutlib.plan.model import load_plan
from rolloutlib.stats.proportions import clopper_pearson

pytestmark = pytest.mark.slow  # simulates

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
WORLDS = grid()
KINDS = {
    "nothing but chance", "runs differ", "outages", "few prompts", "teams", "top issue chosen",
    "heavy latencies", "canary", "per user", "adjusted", "carried", "looks", "rare in the control",
    "concentrated", "odd scores", "drift", "missing",
}  # fmt: skip


def committed() -> list[dict[str, str]]:
    """Read docs/calibration.csv."""
    with (ROOT / "docs" / "calibration.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_grid_is_wide() -> None:
    """At least 400 worlds of every kind that users meet, each with another title."""
    assert len(WORLDS) >= 400
    assert {world.family for world in WORLDS} == KINDS
    titles = Counter((world.family, world.gate, world.stage, world.title) for world in WORLDS)
    assert max(titles.values()) == 1
    assert {world.study.runs for world in WORLDS if world.family == "runs differ"} == {3, 6, 8}
    assert {world.gate for world in WORLDS} == set(PLAN.gates)


def one_of_a_kind(family: str) -> World:
    """Return the cheapest world of a kind."""
    own = [world for world in WORLDS if world.family == family]
    return min(own, key=lambda world: world.study.units * world.study.samples)


@pytest.mark.parametrize("family", sorted(KINDS))
def test_every_kind_still_runs(family: str) -> None:
    """The cheapest world of a kind is drawn and judged; the design passes more than the limit."""
    world = one_of_a_kind(family)
    gate, limits = PLAN.gates[world.gate], PLAN.profile("default")
    truths = (gate.proof_limit(world.stage, limits), gate.design_alternative(limits))
    limit, design = (judged(world, PLAN, truth, np.random.default_rng(1), 40) for truth in truths)
    assert len(limit.passed) == len(design.failed) == 40
    assert design.passed.mean() >= limit.passed.mean() - 0.2
    assert not (limit.passed & limit.failed).any()


def test_worlds_share_no_code_with_the_policy() -> None:
    """Nothing in benchmarks/worlds imports rolloutlib."""
    for path in (ROOT / "benchmarks" / "worlds").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) rolloutlib", text, re.MULTILINE), path.name


def test_committed_results_are_of_this_grid() -> None:
    """docs/calibration.csv has every world of today's grid."""
    rows = committed()
    assert {(row["family"], row["world"], row["gate"]) for row in rows} == {
        (world.family, world.title, world.gate) for world in WORLDS
    }
    plain = [row for row in rows if row["family"] == "nothing but chance"]
    assert all(float(row["false_go_low"]) < 0.07 for row in plain)


def test_what_errs_is_listed_first() -> None:
    """The page names every world beyond 7 % before all others, with why and what is said."""
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    first = page.split("## All kinds of worlds")[0]
    beyond = [row for row in committed() if float(row["false_go"]) > 0.07]
    for row in beyond:
        assert f"| {row['world']} | {row['gate']} | {row['stage']} |" in first
    assert first.count("*Why:*") == first.count("*The report says:*")
    assert first.count("*Why:*") == len({row["family"] for row in beyond})


def test_committed_rollbacks_keep_the_target() -> None:
    """No world without harm is rolled back in more than 5 % plus three Monte Carlo errors."""
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    rates = re.findall(r"users, correlation [\d.]+ \| ([\d.]+)% ± ([\d.]+)% \|", page)
    assert len(rates) == 18
    assert all(float(rate) <= 5 + 3 * float(error) for rate, error in rates)


def test_pages(tmp_path: Path) -> None:
    """A world beyond 7 % is listed with its reason, the chart is drawn."""
    (tmp_path / "images").mkdir()
    rows = [
        Row("nothing but chance", "a", "pass_rate", 0, 100, 0.04, 0.05, 0.9, 1.0),
        Row("outages", "b", "error_rate", 1, 100, 0.30, 0.0, 0.9, 1.0),
    ]
    write(Results(rows, [harm("nested", 10, 0.05, 60, (1,))], 1.0), tmp_path)
    page = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "### outages" in page.split("## All kinds")[0]
    assert "30.0 (21.9–39.6)" in page
    assert (tmp_path / "images" / "calibration.png").stat().st_size > 10_000


def test_intervals() -> None:
    """Wilson's, as statsmodels has them."""
    for events in (0, 3, 50, 100):
        assert interval(events / 100, 100) == pytest.approx(
            proportion_confint(events, 100, method="wilson"), abs=1e-6
        )


def test_daily_harm_test() -> None:
    """Persistent users, 14 looks.

    Few false alarms where an uncorrected test has many, and a loss of 10 pp is found.
    """
    rates = harm("nested", 30, 0.05, 1000, (5,))
    assert rates.false_alarm < 0.07
    assert rates.plain > 0.15
    assert rates.detected > 0.9


def test_numbers_of_the_statistics_page() -> None:
    """Recomputed exactly.

    How often the plan's literal rule passes three runs of 30, and the sample sizes named.
    """
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")

    def literal(change: float, n: int = 90) -> float:
        x = np.arange(n + 1)
        chance = binom.pmf(x, n, 0.9 + change)[:, None] * binom.pmf(x, n, 0.9)[None, :]
        return float(chance[(x[:, None] - x[None, :]) / n >= -0.02 - 1e-12].sum())

    for label, change in (
        ("no change", 0.0),
        ("−2 pp (its own limit)", -0.02),
        ("−5 pp", -0.05),
        ("−10 pp", -0.10),
    ):
        assert f"| {label} | {100 * literal(change):.0f} % |" in page
    squared = (norm.ppf(0.95) + norm.ppf(0.8)) ** 2 / 0.02**2  # 80 % to clear −2 pp, Wald's
    assert f"{math.ceil(0.18 * squared):,}" in page  # at .9 in both arms
    assert str(math.ceil(0.05 * squared)) in page  # pairs of which 5 % differ
    for events, samples in enumerate((299, 473, 628, 773)):
        assert str(samples) in page
        assert clopper_pearson(events, samples).upper <= 0.01
        assert clopper_pearson(events, samples - 1).upper > 0.01
