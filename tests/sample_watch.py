"""A day's watch made by hand: gaps, an alarm, lights of each colour, pictures of each kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from rolloutlib.judge.risks import RiskState
from rolloutlib.reason import Reason
from rolloutlib.watch.record import Alarm, DailySeries, FeatureSignal, Here, Outcome, Point, Watch

__all__ = ["sample_watch"]

FIRST: Final = date(2026, 10, 5)
GAP: Final = 6  # the day without samples
WEEKS: Final = (
    ("W1", (0,), "mini benchmark, N = 30"),
    ("W2", (1, 2), "dogfood, Go/No-Go for stage 2"),
    ("W3", (2,), "search summaries for who opts in"),
    ("W4", (3,), "search summaries become the default"),
    ("W5", (4,), "everyone; retrospective and standards"),
)


def told(text: str) -> Reason:
    """Return a reason that carries its own words, as one of a newer version would."""
    return Reason("sample.told", {}, text)


def series(
    metric: str, measure: str, level: float, step: float, light: str | None, *, days: int = 14
) -> DailySeries:
    """Return a series that falls by `step` on its last three days; one day has no samples."""
    points: list[Point] = []
    for k in range(days):
        day = FIRST + timedelta(k)
        if k == GAP:
            points.append(Point(day, 0, 0, None, None, None, None))
            continue
        control = level * (1 + 0.01 * (-1) ** k)
        treatment = control + (step if k >= days - 3 else 0)
        points.append(Point(day, 700, 690, control, treatment, 0.95 * treatment, 1.05 * treatment))
    limits = (0.97 * level, 0.9 * level) if light else (None, None)
    says = told(f"{metric}: today {points[-1].treatment:.2f}; it fell on the last 3 days.")
    return DailySeries(metric, measure, tuple(points), light, *limits, says)  # pyright: ignore[reportArgumentType] -- colours by name


def signal(
    feature: str, name: str, measure: str, numbers: tuple[float | None, ...],
    parts: tuple[tuple[str, str, float], ...], says: Reason,
) -> FeatureSignal:  # fmt: skip
    """Return a signal; its numbers are value, bounds and limit."""
    value, lower, upper, limit = numbers
    beyond = None if value is None or limit is None else value > limit
    return FeatureSignal(feature, name, measure, value, lower, upper, limit, beyond, parts, says)


def sample_watch(outcome: Outcome = Outcome.ROLLBACK) -> Watch:
    """Return a watch of 14 days of stage 2."""
    since = datetime(2026, 10, 17, 1, 0, tzinfo=UTC)
    alarms = (
        Alarm(code="harm", asks=Outcome.ROLLBACK, metric="passed", trigger="worse", pulls=False,
              since=since, features=("A",), why=told(
                  "Pass rate: −9.8 pp since 2026-10-16, worse than the limit −2.0 pp; such a "
                  "fall comes by chance in fewer than 5 of 100 rollouts.")),
        Alarm(code="stopped", asks=Outcome.RED, metric=None, trigger=None, pulls=False,
              since=since, features=(), why=told(
                  "No run of the treatment since 2026-10-17 01:00; one was due on 2026-10-18.")),
    )  # fmt: skip
    mix = tuple(
        (label, kind, value)
        for label, observed, planned in (
            ("easy", 0.41, 0.3),
            ("medium", 0.37, 0.4),
            ("hard", 0.22, 0.3),
        )
        for kind, value in (("seen", observed), ("planned", planned))
    )
    reasons = (("min_score", "default", 31.0), ("min_score", "strict", 12.0),
               ("policy", "default", 9.0), ("max_latency", "strict", 4.0))  # fmt: skip
    signals = (
        signal("D", "difficulty_mix", "ratio", (0.061, None, None, 0.012), mix,
               told("Difficulty: KL 0.061, beyond what chance gives at most (0.012).")),
        signal("B", "veto_reasons", "ratio", (None, None, None, None), reasons,
               told("Vetoes: 56, most of them by min_score; the profiles do not differ.")),
        signal("A", "latency_ratio", "ratio", (1.23, 1.21, 1.25, 1.1), (),
               told("Latency on/off: ×1.23 [×1.21, ×1.25], above the plan's ×1.10.")),
        signal("E", "style", "count", (0.29, 0.27, 0.31, 0.5), (),
               told("Style violations: 0.29 a sample.")),
        signal("C", "tags", "count", (None, None, None, 2.0), (),
               told("No tag was suggested in these runs.")),
    )  # fmt: skip
    lines = (
        series("passed", "proportion", 0.86, -0.1, "amber"),
        series("score", "score", 7.9, -0.3, "green"),
        series("latency_ms", "ms", 1500.0, 300.0, "red"),
        series("vetoed", "proportion", 0.03, 0.01, None),
        series("issue:hallucination", "proportion", 0.08, 0.05, None),
    )
    risks = (
        RiskState("slow_search", "search summaries slow the engine down", "A", "cache them",
                  "fires", told("latency ×1.23, above ×1.10"), (told("turn A off"),), sure=True),
        RiskState("over_formal", "style gets too formal", "E", "lower styleStrictness", "quiet",
                  told("×1.02")),
    )  # fmt: skip
    position = Here(WEEKS, "W2", 2, late=False, says=told("W2 of the plan: stage 2 is in force."))
    return Watch(
        stage=2, control="control", treatment="treatment",
        as_of=datetime(2026, 10, 18, 14, 59, 59, tzinfo=UTC), since=FIRST, planned_days=14,
        looked=13, outcome=outcome, reasons=tuple(alarm.why for alarm in alarms), alarms=alarms,
        series=lines, signals=signals, risks=risks, here=position, people=98, cap=100,
        incidents=(told("inc-001: search times out, open for 5 days."),),
        missed=(date(2026, 10, 17),), warnings=(told("3 rows repeat others."),),
        runs={"control": 13, "treatment": 13}, samples={"control": 9100, "treatment": 8970},
        data_sha256="0" * 64, plan_sha256="1" * 64,
    )  # fmt: skip
