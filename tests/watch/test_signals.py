"""What each feature's risk demands of a day: numbers with bounds, and what nobody tells is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from rolloutlib.measure.daily import Days, days_of
from rolloutlib.runs import RunInfo
from rolloutlib.runs.samples import Samples
from rolloutlib.stats.divergence import kl_null_quantile
from rolloutlib.watch.signals import signals
from rolloutlib.words.reasons import sentence
from tests.tables import PLAN, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rolloutlib.watch.record import FeatureSignal

ARMS = ("control", "treatment")
START = datetime(2026, 10, 5, 1, tzinfo=UTC)
LEVELS = ("easy", "medium", "hard")
pytestmark = pytest.mark.slow  # a scan each


def watched(
    rows: list[dict[str, Any]], flags: Mapping[str, Mapping[str, bool | str]] | None = None
) -> Days:
    """Sum rows up by day; a row's `day` counts from 0, and each arm has one run a day."""
    flags_of = flags or {}
    made: list[dict[str, Any]] = [
        {
            "run_id": f"{row['arm']}-{row.get('day', 0)}",
            "started_at": START + timedelta(row.get("day", 0)),
        }
        | {key: value for key, value in row.items() if key != "day"}
        for row in rows
    ]  # fmt: skip
    runs: dict[str, RunInfo] = {}
    for row in made:
        info = runs.get(row["run_id"])
        n = 1 + (info.n if info else 0)
        runs[row["run_id"]] = RunInfo(
            row["run_id"], row["arm"], row["started_at"], 2, "default", None, row["run_id"], n,
            None, "f", 1, flags=tuple(flags_of.get(row["arm"], {}).items()) or None,
            last_at=row["started_at"],
        )  # fmt: skip
    samples = Samples(frame_of(made), tuple(runs.values()))
    last = max((row["started_at"] for row in made), default=START)
    return days_of(samples, ARMS, PLAN, since=None, until=last, zone=PLAN.monitoring.clock)


Value = bool | float | str | list[str] | None


def both(count: int, **same: Value | Callable[[int, str], Value]) -> list[dict[str, Any]]:
    """Return so many samples of each arm, of ten people; callables take the sample's number."""
    return [
        {"arm": arm, "user_id": f"{arm}{n % 10}"}
        | {key: value(n, arm) if callable(value) else value for key, value in same.items()}
        for arm in ARMS for n in range(count)
    ]  # fmt: skip


def signal(days: Days, name: str, copies: dict[str, int] | None = None) -> FeatureSignal:
    """Return one signal; every sentence is whole, in both languages."""
    listed = signals(days, PLAN, ARMS, 2, copies)
    for each in listed:
        assert not {"{", "}"} & {*sentence(each.says), *sentence(each.says, "ko")}
    return next(each for each in listed if each.signal == name)


def test_nothing_told_is_said_and_never_within() -> None:
    """Samples that tell only who and whether they passed: each signal says what is missing."""
    days = watched(both(30))
    assert [(each.feature, each.signal) for each in signals(days, PLAN, ARMS, 2)] == [
        ("A", "latency_ratio"), ("B", "veto_reasons"), ("C", "tags"), ("D", "difficulty_mix"),
        ("D", "duplicates"), ("E", "style"), ("F", "mode"),
    ]  # fmt: skip
    for each in signals(days, PLAN, ARMS, 2):
        if each.signal != "duplicates":  # whether rows repeat others is always known
            assert (each.value, each.beyond) == (None, None), each
            assert len(sentence(each.says)) > 20
    assert signals(watched([]), PLAN, ARMS, 2) == ()
    control = [row for row in both(30) if row["arm"] == "control"]
    assert {each.says.code for each in signals(watched(control), PLAN, ARMS, 2)} == {
        "watch.no_treatment"
    }


def test_latency_is_compared_where_the_arms_differ_in_search() -> None:
    """Fieller's ratio of on to off, whichever arm has it on; the same flags are no comparison."""
    rng = np.random.default_rng(1)
    draws = {arm: rng.normal(1000 if arm == "control" else 1240, 80, 200) for arm in ARMS}
    rows = both(200, latency_ms=lambda n, arm: float(draws[arm][n]))
    on, off = {"searchLite": True}, {"searchLite": False}
    ratio = signal(watched(rows, {"control": off, "treatment": on}), "latency_ratio")
    assert ratio.value == pytest.approx(draws["treatment"].mean() / draws["control"].mean())
    assert (ratio.limit, ratio.beyond) == (1.10, True)
    assert ratio.lower < 1.24 < ratio.upper  # type: ignore[operator]
    turned = signal(watched(rows, {"control": on, "treatment": off}), "latency_ratio")
    assert turned.value == pytest.approx(1 / (ratio.value or 0))
    assert turned.beyond is False
    assert (
        signal(watched(rows, dict.fromkeys(ARMS, on)), "latency_ratio").says.code
        == "watch.flag_same"
    )
    planned = signal(watched(rows), "latency_ratio")  # stage 2 turns it on for those who opt in
    assert planned.value == pytest.approx(ratio.value)
    assert "do not tell" in sentence(planned.says)
    tiny = signal(watched(rows[:1] + rows[-1:], {"control": off, "treatment": on}), "latency_ratio")
    assert (tiny.lower, tiny.upper) == (None, None)


def test_difficulty_is_held_against_chance_by_people_and_by_day() -> None:
    """A mix within the small-sample null is within; one level alone is beyond; today counts too."""
    plain = both(
        90, difficulty=lambda n, _: LEVELS[(0, 0, 0, 1, 1, 1, 1, 2, 2, 2)[n % 10]], user_id=None
    )
    mix = signal(watched(plain), "difficulty_mix")
    assert mix.value == pytest.approx(0.0, abs=1e-9)
    assert mix.limit == pytest.approx(max(kl_null_quantile(90, [3, 4, 3]), 0.02))
    assert mix.beyond is False
    assert {kind for _, kind, _ in mix.parts} == {"planned", "window", "today"}
    hard = both(90, difficulty="hard", user_id=None)
    assert signal(watched(hard), "difficulty_mix").beyond is True
    late = [*[row | {"day": k} for k in range(4) for row in plain],
            *[row | {"day": 4} for row in both(30, difficulty="hard", user_id=None)]]  # fmt: skip
    assert signal(watched(late), "difficulty_mix").beyond is True
    few = both(6, difficulty="hard", user_id=lambda n, arm: f"{arm}{n % 2}")
    assert signal(watched(few), "difficulty_mix").beyond is None
    off = watched(plain, {"treatment": {"difficultyDistribution": False}})
    assert signal(off, "difficulty_mix").says.code == "watch.mix_off"


def test_a_person_of_one_level_is_no_independent_mix() -> None:
    """Ten people with one level each tell of ten samples, so what would be beyond is chance."""
    level = (0, 0, 0, 0, 0, 1, 1, 1, 2, 2)
    rows = both(200, difficulty=lambda n, _: LEVELS[level[n % 10]])
    clustered, single = (signal(watched([row | more for row in rows]), "difficulty_mix")
                     for more in ({}, {"user_id": None}))  # fmt: skip
    assert (clustered.beyond, single.beyond) == (False, True)
    assert clustered.limit > 5 * single.limit  # type: ignore[operator]


def test_veto_reasons_by_profile() -> None:
    """Counts as parts; two profiles are tested by permutation, near chi-squared's p."""
    rng = np.random.default_rng(4)
    reason = rng.choice(["policy", "min_score"], 200, p=[0.5, 0.5])
    rows = both(200, vetoed=True, status="vetoed", passed=False, user_id=None,
                veto_reason=lambda n, _: str(reason[n]),
                profile=lambda n, _: "strict" if n % 3 == 0 else "default")  # fmt: skip
    vetoes = signal(watched(rows), "veto_reasons")
    table = np.zeros((2, 2))
    for n in range(200):
        table[int(n % 3 == 0), int(reason[n] == "policy")] += 1
    counted = {(label, kind): value for label, kind, value in vetoes.parts}
    assert counted["policy", "strict"] == table[1, 1]
    assert sum(counted.values()) == 200
    expected = float(stats.chi2_contingency(table, correction=False).pvalue)
    assert vetoes.says.facts["p"] == pytest.approx(expected, abs=0.06)
    assert vetoes.beyond is None
    silent = [row | {"veto_reason": None} for row in rows]
    assert signal(watched(silent), "veto_reasons").says.code == "watch.no_reason"
    none = signal(watched(both(20, vetoed=False)), "veto_reasons")
    assert (none.says.code, none.parts) == ("watch.no_veto", ())


def test_suggested_tags_too_many_opposed_and_edited() -> None:
    """Three tags are too many, opposed ones are counted in any case, edits have their share."""
    tags = (["bias"], ["Too_Easy", "too_hard"], ["a", "b", "c"], [])
    rows = both(40, suggested_tags=lambda n, _: tags[n % 4], suggested=lambda n, _: n % 4 < 3,
                edited=lambda n, _: n % 8 == 0 if n % 4 < 3 else None)  # fmt: skip
    crowded = signal(watched(rows), "tags")
    assert {label: value for label, _, value in crowded.parts} == {
        "more than allowed": 0.25, "contradictory": 0.25, "edited": pytest.approx(5 / 30),
    }  # fmt: skip
    assert (crowded.value, crowded.beyond) == (0.5, True)
    assert crowded.says.facts["each"] == pytest.approx(1.5)
    clean = signal(watched(both(100, suggested_tags=["bias"], suggested=True)), "tags")
    assert (clean.value, clean.beyond) == (0.0, False)
    assert signal(watched(both(9, suggested_tags=["bias"])), "tags").beyond is None


def test_duplicates_are_copies_and_the_registers_tag() -> None:
    """Rows left out as copies count among all rows; the tag is told where samples tell issues."""
    rows = both(50, issues=lambda n, _: ["Duplicate"] if n % 10 == 0 else [])
    copied = signal(watched(rows), "duplicates", {"treatment": 50})
    assert (copied.value, copied.beyond) == (0.5, True)
    assert ("Duplicate", "treatment", 0.1) in copied.parts
    untold = signal(watched(both(400)), "duplicates")
    assert (untold.value, untold.beyond, len(untold.parts)) == (0.0, False, 1)


def test_style_has_exact_bounds_at_none_and_the_controls_beside() -> None:
    """None of n excludes three in n, as Poisson's; a rate is held against the control's."""
    none = signal(watched(both(30, style_violations=0, user_id=None)), "style")
    assert (none.value, none.beyond) == (0.0, None)
    assert none.upper == pytest.approx(-np.log(0.05) / 30)
    rows = both(300, style_violations=lambda n, arm: (n % 3 == 0) + 2 * (arm == "treatment"))
    rate = signal(watched(rows), "style")
    assert (rate.beyond, rate.limit) == (True, pytest.approx(1.1 / 3))
    assert rate.value == pytest.approx(1 / 3 + 2)


def test_modes_that_the_runs_told() -> None:
    """One mode is named; two are compared in what passed."""
    rows = both(60, passed=True)
    single = signal(watched(rows, {"treatment": {"mode": "exploit"}}), "mode")
    assert (single.value, single.says.facts["mode"]) == (None, "exploit")
    days = watched([row | {"day": int(n % 2), "passed": n % 2 == 0 or n % 6 == 1}
                    for n, row in enumerate(rows)])  # fmt: skip
    mode = {"0": "exploit", "1": "explore"}
    runs = tuple(replace(run, flags=(("mode", mode[run.run_id[-1]]),)) for run in days.runs)
    two = signal(replace(days, runs=runs), "mode")
    assert {label: value for label, _, value in two.parts} == {
        "exploit": 1.0, "explore": pytest.approx(1 / 3),
    }  # fmt: skip
    assert two.value == pytest.approx(2 / 3)
