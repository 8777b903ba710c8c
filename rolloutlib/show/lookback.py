"""A rollout looked back on: its decisions on a time line, and what can be learnt from them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import GREEN, OCHRE, VERMILION
from rolloutlib.show.figure import INK, NARROW, Figure, Note, figure
from rolloutlib.show.marks import AXES_WIDE, axis, mark, plot
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, label, number, style, table
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, spoken

if TYPE_CHECKING:
    from datetime import datetime

    import altair as alt

    from rolloutlib.flags.lookback import Forecast, LookBack, Stay, Step
    from rolloutlib.show.figure import Spec
    from rolloutlib.show.marks import Drawn

__all__ = [
    "accepted_table", "alarms_table", "forecast_table", "headline", "incidents_table",
    "knobs_table", "stays_table", "steps_table", "time_line",
]  # fmt: skip

HUES: Final = {"GO": GREEN, "HOLD": OCHRE, "NO_GO": VERMILION, "ROLLBACK": INK}
SHAPES: Final = {"GO": "circle", "HOLD": "diamond", "NO_GO": "cross", "ROLLBACK": "triangle-down"}
FEW: Final = 10  # forecasts: below it a score says next to nothing about calibration
NAMED: Final = 8  # names that fit side by side
ROOM: Final = 0.02  # of a time line, before the first decision and after the last moment
LATE: Final = 0.85  # of a time line, after which a name ends at its mark
MOMENT: Final = (
    "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) ? '%H:%M' : '%m-%d')"
)
BASE: Final = 0.25  # the score of who always says 50 %


def _day(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d}"


@spoken
def headline(back: LookBack) -> Html:
    """Say the rollout in a few sentences."""
    counts = {verdict: sum(s.verdict == verdict for s in back.steps) for verdict in HUES}
    lines: list[Sentence] = []
    if back.steps:
        first, last = back.steps[0].at, back.steps[-1].at
        lines.append(say("{n} decisions from {first} to {last}: {go} GO, {hold} HOLD, {no} NO_GO, "
                         "{back} ROLLBACK.", n=len(back.steps), first=_day(first),
                         last=_day(last), go=counts["GO"], hold=counts["HOLD"],
                         no=counts["NO_GO"], back=counts["ROLLBACK"]))  # fmt: skip
        undone = sum(step.undone is not None for step in back.steps)
        lines.append(say("Taken back: {n} of {go} GO.", n=undone, go=counts["GO"]))
    if back.stays:
        lines.append(say("The rollout is at stage {stage}.", stage=back.stays[-1].stage))
    lines += [say("Not read: {what}", what=what) for what in back.unread]
    listed = bullets(lines, say("The ledger holds no decision yet."))
    html = f"<style>{style()}</style>\n{listed.html}"
    return Html(html, listed.text, str(say("Retrospective")))


@spoken
def time_line(back: LookBack) -> Figure | Note:
    """Draw each decision at its time, at the stage that it was about."""
    steps = [step for step in back.steps if step.stage is not None]
    if not steps:
        return Note(str(say("The ledger holds no decision yet.")))
    caption = say("Each mark is a decision at its stage: circles are GO, diamonds HOLD, crosses "
                  "NO_GO, triangles rollbacks. The line is the stage in force.")  # fmt: skip
    rows = ", ".join(f"{_day(s.at)} {s.verdict} {s.stage}" for s in steps)
    alt = say("Decisions by day and stage: {rows}.", rows=rows)
    return figure(lambda width: _line(back, steps, width), alt, caption)


def _line(back: LookBack, steps: list[Step], width: int) -> Drawn:
    x, begin = _times(back, steps, width), min(step.at for step in steps)
    y = axis("Y", "stage", (-0.4, 4.4), title=str(say("stage")), values=[*range(5)], format="d")
    at = {"x": x, "y": y}
    marks = [_decided(step, back, begin) for step in steps]
    stays = [_stayed(stay, back, begin) for stay in back.stays]
    path = [stay | {"at": stay[end]} for stay in stays for end in ("at", "end")]
    tip = {"id": say("Decision"), "day": say("Day"), "stage": say("Stage"),
           "verdict": say("Verdict"), "came": say("What came of it")}  # fmt: skip
    stayed = {"stage": say("Stage"), "from": say("From"), "until": say("Until"),
              "days": say("Days"), "blocked": say("of them after a rollback")}  # fmt: skip
    layers = [
        mark("line", at, path, color=INK, opacity=0.35, strokeWidth=2, clip=True),
        mark("rule", at | {"x2": "end"}, stays, tip=stayed, strokeWidth=14, opacity=0, clip=True),
        mark("point", at | {"color": "color", "shape": "shape"}, marks, tip=tip, size=150,
             clip=True),
    ]  # fmt: skip
    named = [row for row, step in zip(marks, steps, strict=True) if _is_apart(step, back)]
    if width > NARROW and named:
        side = {"align": {"expr": "datum.late ? 'right' : 'left'"},
                "dx": {"expr": "datum.late ? 4 : -4"}}  # fmt: skip
        layers.append(mark("text", at | {"text": "name:N"}, named, tip=tip, dy=-14, fontSize=11,
                           limit=width // NAMED, clip=True, **side))  # fmt: skip
    return plot(layers, width - AXES_WIDE, 220)


def _times(back: LookBack, steps: list[Step], width: int) -> alt.X:
    """Return the axis of times: days, and hours where they are short or zoomed to."""
    import altair as alt

    first = min(step.at for step in steps)
    room = max((back.now - first) * ROOM, timedelta(minutes=1))
    ends = [1000 * at.timestamp() for at in (first - room, back.now + room)]
    look: Spec = {"title": None, "labelExpr": MOMENT, "tickCount": 3 if width == NARROW else 7}
    scale: Spec = {"type": "utc", "domain": ends, "nice": False}
    return alt.X(field="at", type="temporal", scale=scale, axis=look)


def _decided(step: Step, back: LookBack, begin: datetime) -> Spec:
    return {
        "at": step.at.isoformat(), "stage": step.stage, "color": HUES[step.verdict],
        "shape": SHAPES[step.verdict], "name": step.id.removeprefix("dec-"), "id": step.id,
        "day": f"{step.at:%Y-%m-%d %H:%M}", "verdict": step.verdict, "came": str(_came(step)),
        "late": step.at - begin > LATE * (back.now - begin),
    }  # fmt: skip


def _stayed(stay: Stay, back: LookBack, begin: datetime) -> Spec:
    return {
        "at": max(stay.entered or begin, begin).isoformat(), "stage": stay.stage,
        "end": (stay.left or back.now).isoformat(), "from": _day(stay.entered),
        "until": _until(stay), "days": _days(stay), "blocked": f"{stay.blocked:.1f}",
    }  # fmt: skip


def _is_apart(step: Step, back: LookBack) -> bool:
    """Whether a decision's name has room: the next one at its stage is far enough away."""
    room = (back.now - back.steps[0].at) / NAMED
    later = (other.at for other in back.steps if other.stage == step.stage and other.at >= step.at)
    return all(at == step.at or at - step.at > room for at in later)


@spoken
def steps_table(back: LookBack) -> Html:
    """List the decisions in order."""
    head = (say("Decision"), say("Day"), say("Stage"), say("Verdict"), say("What came of it"))
    return table(head, [_step(step) for step in back.steps],
                 none=str(say("The ledger holds no decision yet.")))  # fmt: skip


def _came(step: Step) -> Sentence:
    if step.undone:
        return say("taken back by {id}", id=step.undone)
    if step.entered is not None:
        return say("stage {stage} entered", stage=step.entered)
    return say("never put in force") if step.verdict == "GO" else say("–")


def _step(step: Step) -> Row:
    stage = "–" if step.stage is None else str(step.stage)
    cells = (label(step.id), Cell(_day(step.at)), number(stage), Cell(step.verdict))
    return Row((*cells, Cell(str(_came(step)))))


@spoken
def forecast_table(back: LookBack) -> Html:
    """Hold the chances that were named against what came, and sum them up in a score."""
    head = (say("Decision"), say("Stage"), say("Chance of a GO"), say("Next decision"),
            say("What it said"))  # fmt: skip
    listed = table(head, [_forecast(forecast) for forecast in back.forecasts],
                   none=str(say("No HOLD was decided, so no chance was named.")))  # fmt: skip
    return joined(bullets([*_score(back)]), listed) if back.forecasts else listed


def _forecast(forecast: Forecast) -> Row:
    chance = say("none") if forecast.chance is None else show(forecast.chance, "proportion")
    came = forecast.came
    outcome = say("not known yet") if came is None else say("GO") if came else say("no GO")
    cells = (label(forecast.decision), number(forecast.stage), number(chance),
             label(forecast.next or "–"))  # fmt: skip
    return Row((*cells, Cell(str(outcome))))


def _score(back: LookBack) -> list[Sentence]:
    unnamed = sum(forecast.chance is None for forecast in back.forecasts)
    lines: list[Sentence] = []
    if back.score is None:
        lines.append(say("No forecast came due, so there is no score."))
    else:
        lines.append(say("Brier score {score:.3f} of {n} forecasts: 0 is perfect, {base} is who "
                         "always says 50 %.", score=back.score, n=back.scored,
                         base=BASE))  # fmt: skip
        if back.scored < FEW:
            lines.append(say("So few forecasts say next to nothing about calibration."))
    if unnamed:
        lines.append(say("{n} cannot be named any more: the plan has changed since, or a gate had "
                         "no data.", n=unnamed))  # fmt: skip
    return lines


@spoken
def alarms_table(back: LookBack) -> Html:
    """List the alarms that asked for a rollback, and whether anybody acted on them."""
    head = (say("Alarm"), say("Stage"), say("From"), say("Until"), say("Days"), say("Acted on"))
    rows: list[Row] = []
    for alarm in back.heard:
        cells = (label(alarm.code, alarm.metric or ""), number(alarm.stage),
                 Cell(_day(alarm.first)), Cell(_day(alarm.last)), number(alarm.days))  # fmt: skip
        answer = alarm.answered or str(say("nobody acted on it"))
        rows.append(Row((*cells, label(answer)), sentence(alarm.why)))
    if not back.watches:
        return bullets([], say("No day's watch was found."))
    false = sum(alarm.answered is None for alarm in back.heard)
    summary = say("Days watched: {watches}. Alarms that asked for a rollback: {n}; that nobody "
                  "acted on: {false}.", watches=back.watches, n=len(rows), false=false)  # fmt: skip
    return joined(bullets([summary]), table(head, rows)) if rows else bullets([summary])


@spoken
def stays_table(back: LookBack) -> Html:
    """Say how long the rollout was at each stage."""
    head = (say("Stage"), say("From"), say("Until"), say("Days"), say("of them after a rollback"))
    return table(head, [_stay(stay) for stay in back.stays])


def _stay(stay: Stay) -> Row:
    cells = (number(stay.stage), Cell(_day(stay.entered)), Cell(_until(stay)), number(_days(stay)))
    return Row((*cells, number(f"{stay.blocked:.1f}")))


def _until(stay: Stay) -> str:
    return str(say("today")) if stay.left is None else _day(stay.left)


def _days(stay: Stay) -> str:
    return "–" if stay.days is None else f"{stay.days:.1f}"


@spoken
def knobs_table(back: LookBack) -> Html:
    """List what was turned."""
    head = (say("Day"), say("Knob"), say("Before"), say("After"), say("Why"))
    values = [
        (Cell(_day(line.at)), label(line.knob), label(_value(line.before)),
         label(_value(line.after)), label(line.why)) for line in back.knobs
    ]  # fmt: skip
    return table(head, [*map(Row, values)], none=str(say("No knob was turned.")))


def _value(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:g}"


@spoken
def accepted_table(back: LookBack) -> Html:
    """List what signers accepted: misses within a tolerance, and waivers with their reasons."""
    lines = [f"{name}: {sentence(why)}" for name, why in back.deviations]
    for name, waiver in back.waivers:
        waived = say("{id}: {gate} was waived: {why}", id=name, gate=waiver.gate, why=waiver.reason)
        lines.append(str(waived))
    return bullets(lines, say("Nothing was accepted or waived."))


@spoken
def incidents_table(back: LookBack) -> Html:
    """List the incidents of the workbook's log."""
    head = (say("Incident"), say("Severity"), say("From"), say("Until"), say("What"))
    rows = [
        Row((label(incident.id), label(incident.severity), Cell(_day(incident.opened)),
             Cell(_day(incident.closed)), label(incident.title))) for incident in back.incidents
    ]  # fmt: skip
    return table(head, rows, none=str(say("The log holds no incident.")))


__dir__ = __all__.copy  # what completion lists
