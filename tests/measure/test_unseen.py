"""What so few users cannot show: the share that all of them may miss, and what it would make."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.unseen import breaks, due_units, missable, unseen, worst_of
from rolloutlib.stats.proportions import clopper_pearson
from tests.tables import PLAN

GATES = PLAN.gates


def users(*means: float, each: float = 10.0) -> Sums:
    """Return users of these means, as one repetition."""
    return Sums(np.full((1, len(means)), each), each * np.array([means]))


def arms(treated: Sums, control: Sums | None = None) -> Compared:
    """Return both arms, the treatment's users in both."""
    return Compared(treated, treated if control is None else control, "crossed", "user")


@pytest.mark.parametrize("units", [1, 5, 10, 30, 100, 299, 300])
def test_the_share_is_clopper_and_pearsons_of_no_event(units: int) -> None:
    """Users who all fail and were never met are "0 of n"; so many show what so few can miss."""
    share = float(missable(units))
    assert share == pytest.approx(clopper_pearson(0, units).upper)
    assert (1 - share) ** units == pytest.approx(0.05)
    assert due_units(share) == units
    assert due_units(share * 0.99) > units


def test_limits_of_errors_are_what_the_planned_people_show() -> None:
    """At each stage a candidate whose errors are all one user's may be missed in 5 % at most."""
    for number, stage in PLAN.stages.items():
        assert stage.planned is not None
        limit = GATES["error_rate"].proof_limit(number, PLAN.profile("default"))
        assert limit >= float(missable(stage.planned.users))


def test_a_difference_has_the_missed_users_at_their_worst() -> None:
    """Equal arms at .9: a share q that fails everything costs .9·q, and the limit decides."""
    gate, both = GATES["pass_rate"], arms(users(*[0.9] * 100))
    worst = unseen(gate, both, 0.0, metric="passed")
    assert worst.value[0] == pytest.approx(-0.9 * float(missable(100)))
    broken = [bool(breaks(gate, both, limit, 0.0, metric="passed")[0]) for limit in (-0.02, -0.03)]
    assert broken == [True, False]


def test_a_ratio_and_a_mean_likewise() -> None:
    """The top issue's ratio is to the control's own rate; a mean goes towards the cap."""
    ratio = unseen(GATES["top_issue"], arms(users(*[0.05] * 30), users(*[0.1] * 30)), 1.0,
                   metric="issue:x")  # fmt: skip
    q = float(missable(30))
    assert ratio.value[0] == pytest.approx((0.05 + 0.95 * q) / 0.1)
    mean = unseen(GATES["avg_latency"], arms(users(*[1500.0] * 30)), 6000.0, metric="latency_ms")
    assert mean.value[0] == pytest.approx(1500 + 4500 * q)


def test_a_share_of_one_arm_counts_the_missed_users_alone() -> None:
    """Its exact bound takes in what was seen: 299 users show 1 %, 298 do not."""
    gate = GATES["error_rate"]
    broken = [bool(breaks(gate, arms(users(*[0.0] * n)), 0.01, 1.0, metric="error")[0])
            for n in (298, 299)]  # fmt: skip
    assert broken == [True, False]


def test_single_samples_are_units_of_their_own() -> None:
    """Without users each sample is one; many repetitions are judged at once."""
    treated = Sums(np.array([[100.0], [1000.0]]), np.array([[90.0], [900.0]]))
    both = Compared(treated, treated, "independent", "sample")
    assert breaks(GATES["pass_rate"], both, -0.02, 0.0, metric="passed").tolist() == [True, False]


def test_where_nothing_has_a_worst_value_nothing_is_held() -> None:
    """A count has no worst value, and what a plan only tells holds no gate."""
    gate = GATES["pass_rate"]
    assert worst_of(gate, "style_violations", 6000.0) is None
    assert worst_of(gate, "score", 6000.0) == 0.0
    assert worst_of(GATES["avg_latency"], "latency_ms", 6000.0) == 6000.0
    assert not breaks(gate, arms(users(0.9, 0.9)), -0.02, None, metric="passed").any()
