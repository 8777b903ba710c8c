"""Stages made of numbers: moments by arm, day and user, without files."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from rolloutlib.measure.daily import Days
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.shares import Shares
from rolloutlib.plan.model import Plan, load_plan
from rolloutlib.runs import RunInfo
from rolloutlib.watch.alarms import alarms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.watch.record import Alarm

    Floats = NDArray[np.float64]

PLAN: Plan = load_plan(Path(__file__).resolve().parents[2] / "params" / "plan.yaml")
SEOUL = ZoneInfo("Asia/Seoul")
ARMS = ("control", "treatment")
FIRST = date(2026, 10, 5)  # a Monday
MEASURED = ("passed", "score", "latency_ms", "vetoed", "error", "edited", "any_issue")


def values(
    rates: Mapping[str, float], shape: tuple[int, ...], rng: np.random.Generator
) -> dict[str, Floats]:
    """Draw samples of each metric: (days, users, samples)."""
    level = {"passed": 0.9, "vetoed": 0.03, "error": 0.002, "edited": 0.2, "any_issue": 0.15} | {
        name: rate for name, rate in rates.items() if name not in {"score", "latency_ms"}
    }
    drawn = {name: (rng.random(shape) < rate).astype(float) for name, rate in level.items()}
    drawn["score"] = rng.normal(rates.get("score", 8.0), 1.2, shape)
    drawn["latency_ms"] = rng.lognormal(np.log(rates.get("latency_ms", 1400.0)), 0.4, shape)
    return drawn


class Stage:
    """A stage of so many days, with what each test changes of it."""

    def __init__(self, days: int = 7, users: int = 40, samples: int = 5, seed: int = 1) -> None:
        """Draw both arms alike, each with users of its own."""
        rng = np.random.default_rng(seed)
        self.dates = [FIRST + timedelta(n) for n in range(days)]
        self.rng, self.shape = rng, (days, users, samples)
        self.values = {arm: values({}, self.shape, rng) for arm in ARMS}
        self.there = {arm: np.ones(self.shape[:2], dtype=bool) for arm in ARMS}
        self.known: dict[tuple[str, str], NDArray[np.bool_]] = {}
        self.start: Callable[[str, int], datetime] = self.at_ten
        self.undated = 0

    def at_ten(self, _: str, day: int) -> datetime:
        """Return when an arm's run of a day starts."""
        return datetime.combine(self.dates[day], time(10), SEOUL)

    def change(self, first: int = 0, arm: str = "treatment", **rates: float) -> Stage:
        """Draw metrics of an arm anew from a day on."""
        drawn = values(rates, self.shape, self.rng)
        for name in rates:
            self.values[arm][name][first:] = drawn[name][first:]
        return self

    def without(self, *days: int, arms: Sequence[str] = ARMS) -> Stage:
        """Take days away."""
        for arm in arms:
            self.there[arm][list(days)] = False
        return self

    def unknown(self, metric: str, *days: int, arm: str = "treatment") -> Stage:
        """Let samples of some days not tell a metric."""
        self.known.setdefault((arm, metric), np.ones(self.shape[0], dtype=bool))[list(days)] = False
        return self

    def days(self) -> Days:
        """Return the stage as it is measured."""
        groups = [(arm, day, user) for arm in ARMS for day, user in
                  np.argwhere(self.there[arm]).tolist()]  # fmt: skip
        metrics = {name: self._cells(name, groups) for name in MEASURED}
        keys = {
            "arm": _key([arm for arm, _, _ in groups]),
            "day": _key([self.dates[day].isoformat() for _, day, _ in groups]),
            "run_id": _key([f"{arm}-{day}" for arm, day, _ in groups]),
            "cluster": _key([f"{arm}-{user}" for arm, _, user in groups]),
        }
        table = MomentTable(keys, np.full(len(groups), float(self.shape[2])), metrics)
        runs = [self._run(arm, day) for arm in ARMS for day in range(self.shape[0])
                if self.there[arm][day].any()]  # fmt: skip
        return Days(
            tuple(self.dates), SEOUL, "user", 1.0, table, (), 0,
            tuple(sorted(runs, key=lambda run: run.started_at or datetime.max.replace(tzinfo=UTC))),
            Shares(table, table, None), undated=self.undated,
        )  # fmt: skip

    def _cells(self, name: str, groups: list[tuple[str, int, int]]) -> Cells:
        tells = np.array([self.known.get((arm, name), np.ones(99, bool))[day]
                         for arm, day, _ in groups])  # fmt: skip
        drawn = np.array([self.values[arm][name][day, user] for arm, day, user in groups])
        n = np.where(tells, drawn.shape[1], 0).astype(float)
        mean = np.where(tells, drawn.mean(axis=1), 0.0)
        return Cells(n, mean, np.where(tells, drawn.var(axis=1) * drawn.shape[1], 0.0))

    def _run(self, arm: str, day: int) -> RunInfo:
        at = self.start(arm, day)
        return RunInfo(
            f"{arm}-{day:03}", arm, at, 2, "default", None, f"{arm}-{day}", 200, None, "f", 1,
            last_at=at,
        )  # fmt: skip

    def alarms(self, plan: Plan = PLAN, hour: int = 23, day: int = -1) -> tuple[Alarm, ...]:
        """Return the alarms at an hour of a day, the last one unless another is named."""
        as_of = datetime.combine(self.dates[day], time(hour, 59, 59), SEOUL)
        return alarms(self.days(), plan, arms=ARMS, stage=2, as_of=as_of)


def _key(labels: list[str]) -> Key:
    names = tuple(sorted(set(labels)))
    place = {name: k for k, name in enumerate(names)}
    return Key(np.array([place[label] for label in labels], dtype=np.int64), names)


def codes(listed: Sequence[Alarm]) -> list[tuple[str, str, str | None]]:
    """Return what each alarm is, asks, and is about."""
    return [(alarm.code, str(alarm.asks), alarm.metric) for alarm in listed]
