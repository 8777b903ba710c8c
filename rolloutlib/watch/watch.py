"""A day's watch: runs measured once, then by day; series, signals, risks and alarms; one outcome.

What a review would not believe, a watch does not either: the same reading refuses rows, the same
comparison says whether the arms ran what the stage has. An alarm that asks for the kill switch is
told whatever else is doubted; only a program does not pull it then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.files import file_sha256
from rolloutlib.judge.incidents import read_incidents
from rolloutlib.judge.quiet import told_at
from rolloutlib.judge.register import fires, over_the_cap, people_of
from rolloutlib.judge.risks import weight_of
from rolloutlib.judge.signals import risks_of
from rolloutlib.judge.sources import given_path, read_source
from rolloutlib.measure.comparing import compare
from rolloutlib.measure.daily import days_of
from rolloutlib.measure.days import load
from rolloutlib.measure.looks import Look
from rolloutlib.measure.validity import set_aside
from rolloutlib.plan.metrics import metric_record
from rolloutlib.plan.model import load_plan
from rolloutlib.reason import because, said
from rolloutlib.runs.database import readable
from rolloutlib.watch.alarms import alarms
from rolloutlib.watch.here import here, start_of
from rolloutlib.watch.record import Alarm, Outcome, Watch
from rolloutlib.watch.series import series
from rolloutlib.watch.signals import signals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from rolloutlib.judge.incidents import Incident
    from rolloutlib.judge.risks import RiskState
    from rolloutlib.judge.sources import Source
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.daily import Days
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import DailyParams, ReviewParams
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason
    from rolloutlib.watch.record import DailySeries, FeatureSignal, Here

__all__ = ["watch_stage"]

# What blocks a review because other things ran than the stage has: such data say nothing of it.
OTHER: Final = ("config.", "arms.", "profiles.")
INCIDENTS_TOLD: Final = timedelta(days=7)  # so long after its end an incident is still told


@dataclass(frozen=True, slots=True)
class _Data:
    """What the data say by this day.

    Attributes:
        risks: the register on what was measured.
        blocks: why the data say nothing of the stage, or less than they seem to.
    """

    compared: Comparison
    days: Days
    series: tuple[DailySeries, ...]
    signals: tuple[FeatureSignal, ...]
    risks: tuple[RiskState, ...]
    blocks: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    digest: str

    @property
    def counts(self) -> bool:
        """Whether the arms ran what the stage has, so that the data are of it."""
        return not any(block.code.startswith(OTHER) for block in self.blocks)

    @property
    def looked(self) -> int:
        """Days with data of both arms."""
        pair, table = self.compared.pair, self.days.table
        of_arms = [table.where(arm=arm).keys["day"].codes for arm in pair]
        return len({*of_arms[0].tolist()} & {*of_arms[1].tolist()})


def watch_stage(params: DailyParams) -> Watch:
    """Watch a stage's days up to a moment.

    Args:
        params: validated parameters that name a stage and its runs.

    Raises:
        UsageError: a path, an arm or a profile that does not exist.
    """
    plan = load_plan(given_path(params, "plan"))
    as_of = params.until(plan.monitoring.clock).astimezone(plan.monitoring.clock)
    reading = _reading(plan, params, as_of)
    incidents, doubts = _known(params, as_of)
    source, data = None, None
    refused: tuple[Reason, ...] = ()
    try:
        with readable():
            source = read_source(plan, reading)
            data = _data_of(plan, params, reading, as_of, source)
    except (RunsError, NoEvidenceError) as error:
        aside = set_aside(source.runs, reading) if source else ()
        refused = (because("source.refused", message=said(error.phrase)), *aside)
    return _watched(plan, params, reading, as_of, data, refused, incidents, doubts)


def _known(params: DailyParams, as_of: datetime) -> tuple[tuple[Incident, ...], tuple[Reason, ...]]:
    """Read the log of incidents; a damaged one silences nothing, and is told."""
    path = params.path("incidents")
    try:
        return (read_incidents(path, as_of) if path else ()), ()
    except RunsError as error:
        return (), (because("watch.incidents_unread", message=str(error)),)


def _reading(plan: Plan, params: DailyParams, as_of: datetime) -> ReviewParams:
    """Return how the runs are read; of a store only the days that are watched."""
    reading = params.reading(as_of)
    path = reading.path("runs")
    if path is None or not load(path):
        return reading
    days = (params.days or plan.monitoring.window_days) + 1  # stored days are of another clock
    return reading.model_copy(update={"days": days})


def _data_of(
    plan: Plan, params: DailyParams, reading: ReviewParams, as_of: datetime, source: Source
) -> _Data:
    """Measure the runs once as a review does, and by day."""
    compared = compare(plan, reading, source.runs, source.measuring, _no_look(plan))
    since = params.since
    if since and since > as_of.date():
        raise UsageError(
            "{parameter} is {since}, but the days that are watched end on {until}; expected an "
            "earlier day", parameter="since", since=since, until=as_of.date(),
        )  # fmt: skip
    if since is None and params.days:
        since = as_of.date() - timedelta(days=params.days - 1)
    days = days_of(source.samples, compared.pair, plan, since=since, until=as_of,
                   zone=plan.monitoring.clock, counting=source.sharing)  # fmt: skip
    source.runs.check_unchanged()
    pair, stage = compared.pair, reading.stage
    blocks = ([compared.invalid] if compared.invalid else []) + [*compared.blocks]
    return _Data(
        compared, days, series(days, plan, pair),
        signals(days, plan, pair, stage, source.runs.copies,
                partial(compared.arms, compared.measured.table)),
        risks_of(plan, source, compared), tuple(blocks),
        (*over_the_cap(plan, stage, compared), *compared.warnings, *compared.set_aside),
        source.digest,
    )  # fmt: skip


def _no_look(plan: Plan) -> Look:
    """Return a look that spends nothing: no gate is judged here."""
    return Look(1, 1, plan.evidence.confidence, 0.0)


def _risk_alarms(risks: Sequence[RiskState], as_of: datetime) -> tuple[Alarm, ...]:
    """Return the alarms of risks that the plan lets ask for a rollback, where they are sure.

    No trigger of the plan names them, so people pull.
    """
    return tuple(
        Alarm("risk", Outcome.ROLLBACK, None, None, pulls=False, since=as_of,
              features=(risk.feature,), why=fires(risk))
        for risk in risks
        if weight_of(risk) == "rollback"
    )  # fmt: skip


def _watched(
    plan: Plan, params: DailyParams, reading: ReviewParams, as_of: datetime,
    data: _Data | None, refused: Sequence[Reason], incidents: Sequence[Incident],
    doubts: tuple[Reason, ...],
) -> Watch:  # fmt: skip
    """Put together what is known: with data, or without any that count."""
    pair, stage = (reading.control, reading.treatment), reading.stage
    raised = alarms(data.days if data else None, plan, arms=pair, stage=stage, as_of=as_of,
                    incidents=tuple(incidents))  # fmt: skip
    raised = (*_risk_alarms(data.risks if data else (), as_of), *raised)
    first = data.days.dates[0] if data and data.days.dates else None
    summaries = data.compared.summaries if data else ()
    return Watch(
        stage=stage, control=pair[0], treatment=pair[1], as_of=as_of, since=first,
        planned_days=plan.monitoring.harm_test_days, looked=data.looked if data else 0,
        outcome=_outcome(data, raised, doubts), reasons=_reasons(data, refused, raised, doubts),
        alarms=raised,
        series=data.series if data else (), signals=data.signals if data else (),
        risks=data.risks if data else (), here=_here(plan, params, stage, first, as_of),
        people=people_of(data.compared) if data else None, cap=plan.stages[stage].cap,
        incidents=_incidents(incidents, as_of), missed=(), warnings=data.warnings if data else (),
        runs={arm.arm: arm.runs for arm in summaries},
        samples={arm.arm: arm.samples for arm in summaries},
        data_sha256=data.digest if data else "",
        plan_sha256=file_sha256(given_path(reading, "plan")),
        stage_name=plan.stages[stage].name,
        features={key: feature.title for key, feature in plan.features.items()},
        simulated=any(arm.simulated for arm in summaries),
        counts=data is not None and data.counts and bool(data.days.dates),
    )  # fmt: skip


def _here(
    plan: Plan, params: DailyParams, stage: StageId, first: date | None, as_of: datetime
) -> Here:
    today = as_of.date()
    return here(plan, stage, params.start or start_of(plan, stage, first), today)


def _incidents(incidents: Sequence[Incident], as_of: datetime) -> tuple[Reason, ...]:
    """Return what the log says of the last days, open incidents first."""
    recent = [
        incident
        for incident in incidents
        if incident.closed is None or as_of - incident.latest <= INCIDENTS_TOLD
    ]
    recent.sort(key=lambda incident: (incident.closed is not None, -incident.latest.timestamp()))
    return tuple(told_at(incident, as_of) for incident in recent)


# --- the outcome ----------------------------------------------------------------------------------


def _outcome(data: _Data | None, raised: Sequence[Alarm], doubts: Sequence[Reason]) -> Outcome:
    """Return the worst of what alarms, lights and doubts ask for."""
    asks = {alarm.asks for alarm in raised}
    if Outcome.ROLLBACK in asks:
        return Outcome.ROLLBACK
    if data is None or not data.counts or not data.days.dates:
        return Outcome.NO_DATA
    lights = {line.light for line in data.series}
    if Outcome.RED in asks or "red" in lights:
        return Outcome.RED
    beyond = any(signal.beyond for signal in data.signals)
    fires = any(risk.state == "fires" for risk in data.risks)
    doubted = "amber" in lights or beyond or fires or data.blocks or doubts or not data.looked
    return Outcome.AMBER if asks or doubted else Outcome.CALM


def _reasons(
    data: _Data | None, refused: Sequence[Reason], raised: Sequence[Alarm], doubts: Sequence[Reason]
) -> tuple[Reason, ...]:
    """Return why the outcome is what it is, the first weighs most."""
    reasons = [*(alarm.why for alarm in raised), *doubts]
    if refused:
        return (*reasons, *refused)
    if data is None or not data.days.dates:
        return (*reasons, *_empty(data))
    reasons += data.blocks
    for colour in ("red", "amber"):
        reasons += [_of(line) for line in data.series if line.light == colour]
    reasons += [signal.says for signal in data.signals if signal.beyond]
    reasons += [fires(risk) for risk in data.risks if risk.state == "fires"]
    if not data.looked:
        reasons.append(because("watch.one_arm"))
    once = [why for k, why in enumerate(reasons) if why not in reasons[:k]]
    return tuple(once) or (because("watch.calm", days=data.looked),)


def _of(line: DailySeries) -> Reason:
    """Say of which metric it is what a series says."""
    name, _, tag = line.metric.partition(":")
    title = metric_record(name).title
    if tag:
        return because("watch.of_issue", metric=title, tag=tag, why=line.says)
    return because("watch.of", metric=title, why=line.says)


def _empty(data: _Data | None) -> tuple[Reason, ...]:
    """Say that no day has data, and of which time the runs are that there are."""
    if data is not None and data.days.undated:
        return (because("watch.undated", samples=data.days.undated),)
    starts = [row.started_at for row in data.compared.rows if row.started_at] if data else []
    if not starts or data is None:
        return (because("watch.empty"),)
    newest = max(starts).astimezone(data.days.zone)
    return (because("watch.empty_since", newest=f"{newest:%Y-%m-%d %H:%M}"),)
