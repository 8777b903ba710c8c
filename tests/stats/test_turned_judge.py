"""A judge that is wrong way round: what it passes, people fail."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutlib.stats.judge_error import Arm, Level, contrast, scaled


@pytest.mark.parametrize(
    ("kind", "own", "slopes", "bounds"),
    [
        ("treatment", (0.1, 0.05, 0.2), (-1.0, 0.0), (0.8, 0.95)),
        ("difference", (0.0, -0.02, 0.1), (-1.0, -1.0), (-0.1, 0.02)),
        ("difference", (0.0, -0.02, 0.1), (-0.5, -0.5), (-0.05, 0.01)),
    ],
)
def test_a_judge_that_is_wrong_way_round_has_its_bounds_swapped(
    kind: str, own: tuple[float, float, float], slopes: tuple[float, float],
    bounds: tuple[float, float],
) -> None:  # fmt: skip
    """Where people pass what the judge fails, its upper bound is their lower one."""
    point = 0.9 if kind == "treatment" else 0.5
    treated, control = (Arm(Level(point, slope, 0.0, 0.0), 0.1, 0.05, 0.1) for slope in slopes)
    assert contrast(kind, own, treated, control).bounds == pytest.approx(bounds)


def test_multiples_lie_where_brute_force_has_them() -> None:
    """Every slope times each end of an interval, of which the least and the most are the bounds."""
    rng = np.random.default_rng(5)
    below, above, slope = rng.random(200), rng.random(200), rng.normal(size=200)
    ends = np.sort([-slope * below, slope * above], axis=0)
    assert np.allclose(scaled(below, above, slope), (-ends[0], ends[1]))


def test_a_ratio_is_taken_from_the_other_end_too() -> None:
    """People's shares, 1 minus the judge's, over all that the judge's own ratio may be."""
    treated = Arm(Level(0.6, -1.0, 0.0, 0.0), 0.4, 0.02, 0.10)
    control = Arm(Level(0.6, -1.0, 0.0, 0.0), 0.4, 0.0, 0.0)  # known: only the treatment is not
    corrected = contrast("ratio", (1.0, 0.38 / 0.4, 0.50 / 0.4), treated, control)
    assert corrected.bounds == pytest.approx((0.50 / 0.6, 0.62 / 0.6))
