"""A day's watch → what people read: the headline, tables, and a summary for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.plan.metrics import METRICS, metric_record
from rolloutlib.show.registered import register_table
from rolloutlib.show.tables import (
    Cell,
    Html,
    Row,
    bullets,
    joined,
    label,
    number,
    render,
    style,
    table,
)  # fmt: skip
from rolloutlib.show.watched_arms import arm_heads, latest
from rolloutlib.text import LABEL, plain
from rolloutlib.watch.record import Outcome
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from datetime import datetime

    from rolloutlib.watch.record import Alarm, Colour, DailySeries, FeatureSignal, Point, Watch

__all__ = [
    "COLOURED", "SHAPES", "SIGNS", "alarm_table", "alarm_word", "command", "headline",
    "headline_of", "incidents", "light_word", "lights", "moment", "outcome_word", "risks",
    "series_title", "signal_table", "signal_title", "signal_value", "sources", "title_of",
    "told_only", "warnings",
]  # fmt: skip
__dir__ = __all__.copy  # what completion lists

SIGNS: Final = {
    Outcome.CALM: "✓", Outcome.AMBER: "▲", Outcome.RED: "■", Outcome.NO_DATA: "!",
    Outcome.ROLLBACK: "✕",
}  # fmt: skip
SHAPES: Final = {"green": "●", "amber": "▲", "red": "■", None: "–"}
# How the pieces are coloured: the classes of verdicts.
KINDS: Final = {
    Outcome.CALM: "go", Outcome.AMBER: "hold", Outcome.RED: "no_go", Outcome.NO_DATA: "invalid",
    Outcome.ROLLBACK: "no_go",
}  # fmt: skip
COLOURED: Final = {"green": "pass", "amber": "inconclusive", "red": "fail", None: ""}
ALARM_KINDS: Final = {Outcome.ROLLBACK: "fail", Outcome.RED: "fail", Outcome.AMBER: "inconclusive"}


def outcome_word(outcome: Outcome) -> Sentence:
    """Return what the day asks for, as people read it."""
    words = {
        Outcome.CALM: say("CALM"), Outcome.AMBER: say("AMBER"), Outcome.RED: say("RED"),
        Outcome.ROLLBACK: say("ROLLBACK"),
    }  # fmt: skip
    return words.get(outcome, say("NO DATA"))


def light_word(light: Colour | None) -> Sentence:
    """Return a traffic light as people read it."""
    words = {"green": say("green"), "amber": say("amber"), "red": say("red")}
    return words.get(light or "", say("no light"))


def alarm_word(code: str) -> str:
    """Return what kind of alarm it is; a kind of a newer version keeps its code."""
    words = {
        "harm": say("harm"), "surge": say("errors surge"), "incident": say("incident"),
        "blocked": say("users are blocked"), "no_data": say("no data"),
        "stopped": say("the feed stopped"), "thin": say("far fewer samples"),
        "vanished": say("a metric vanished"), "frozen": say("the same data again"),
        "clock": say("clock"), "risk": say("risk"),
    }  # fmt: skip
    return str(words.get(code, code))


def signal_title(signal: str) -> str:
    """Return what a feature's signal is called; one of a newer version keeps its name."""
    words = {
        "difficulty_mix": say("Difficulty mix"), "style": say("Style violations a sample"),
        "latency_ratio": say("Latency, on / off"), "veto_reasons": say("Veto reasons by profile"),
        "tags": say("Suggested tags"), "duplicates": say("Duplicates"), "mode": say("Mode"),
    }  # fmt: skip
    return str(words.get(signal, signal.replace("_", " ")))


def series_title(metric: str) -> str:
    """Return a series' title; an issue names its tag."""
    if metric.partition(":")[0] not in METRICS:
        return plain(metric, LABEL)
    tag = plain(metric.partition(":")[2], LABEL)
    return translate(metric_record(metric).title) + (f" ({tag})" if tag else "")


def moment(watch: Watch, when: datetime) -> str:
    """Return a moment in the clock of the plan, which the watch's own moment carries."""
    return when.astimezone(watch.as_of.tzinfo).strftime("%Y-%m-%d %H:%M")


def command(watch: Watch) -> str:
    """Return the command that answers the alarms, as a shell takes it; empty without one."""
    from shlex import join

    return join(("rollout", *watch.answer)) if watch.answer else ""


# --- the headline ---------------------------------------------------------------------------------


@spoken
def headline(watch: Watch) -> Html:
    """Show what the day asks for, what it is about, and why."""
    word, sign, heading = str(outcome_word(watch.outcome)), SIGNS[watch.outcome], title_of(watch)
    simulated = say("Simulated: these runs say of themselves that nobody measured them.")
    reasons = texts(watch.reasons)
    answer = _answer(watch) if watch.answer else Html("", "")
    html = render("headline.html.j2", kind=KINDS[watch.outcome], sign=sign, word=word,
                  title=heading, meaning=str(_meaning(watch)), facts=_facts(watch),
                  reasons=reasons, why=str(say("Why")), style=style(), measured=answer.html,
                  simulated=str(simulated) if watch.simulated else "", risks=[])  # fmt: skip
    listed = (f"- {reason}" for reason in reasons)
    lines = [*map(plain, (f"{sign} {heading}", str(_meaning(watch)), *listed)), answer.text]
    return Html(html, "\n".join(lines), heading)


def headline_of(watch: Watch) -> Sentence:
    """Name outcome, stage, treatment and day, in any language."""
    return say(
        "{outcome} · stage {stage}, {name} · {treatment} · {day}",
        outcome=outcome_word(watch.outcome), stage=watch.stage, name=Sentence(watch.stage_name),
        treatment=plain(watch.treatment, LABEL), day=watch.as_of.date().isoformat(),
    )  # fmt: skip


def title_of(watch: Watch) -> str:
    """Name outcome, stage, treatment and day, in the language that is spoken."""
    return str(headline_of(watch))


def _answer(watch: Watch) -> Html:
    """Show the command that answers the alarms, to be copied."""
    word, text = str(say("The answer:")), command(watch)
    return Html(render("command.html.j2", word=word, text=text), f"{word} {text}")


def _meaning(watch: Watch) -> Sentence:
    words = {
        Outcome.CALM: say("Nothing asks for anything today. People decide."),
        Outcome.AMBER: say("Look closer: something is amber, or there are too few data to say. "
                           "People decide."),
        Outcome.RED: say("Something is red today and needs an answer. People decide."),
        Outcome.ROLLBACK: say("An alarm asks for the kill switch. People decide, unless the plan "
                              "lets the alarm pull it."),
    }  # fmt: skip
    return words.get(watch.outcome, say("No data count as evidence of this stage today."))


def _facts(watch: Watch) -> list[tuple[str, str]]:
    stage = say("{stage}: {name}", stage=watch.stage, name=translate(watch.stage_name))
    days = say("{looked} of {planned}", looked=watch.looked, planned=watch.planned_days)
    week = watch.here.week or "–"
    facts = (
        (say("Stage"), stage), (say("Looked at"), moment(watch, watch.as_of)),
        (say("Data"), _span(watch)), (say("Days with both arms"), days),
        (say("Week of the plan"), week), (say("People in the treatment"), _people(watch)),
    )  # fmt: skip
    return [(str(name), str(value)) for name, value in facts if value is not None]


def _span(watch: Watch) -> str:
    """Return the first and the last day with data."""
    last = max((point.day for line in watch.series if (point := latest(line))), default=None)
    return f"{watch.since or '–'} – {last}" if last else "–"


def _people(watch: Watch) -> Sentence | str | None:
    if watch.people is None:
        return None
    if watch.cap is None:
        return f"{watch.people:,}"
    return say("{n} of at most {cap}", n=f"{watch.people:,}", cap=f"{watch.cap:,}")


# --- tables ---------------------------------------------------------------------------------------


@spoken
def alarm_table(watch: Watch) -> Html:
    """Show every alarm: what it asks for, since when, what was seen, and the command."""
    rows: list[Row] = []
    for alarm in watch.alarms:
        asks = Cell(f"{SIGNS[alarm.asks]} {outcome_word(alarm.asks)}",
                    kind=f"verdict {ALARM_KINDS.get(alarm.asks, '')}")  # fmt: skip
        about = (series_title(alarm.metric),) if alarm.metric else ()
        cells = (Cell(alarm_word(alarm.code), about), asks, Cell(moment(watch, alarm.since)),
                 Cell(sentence(alarm.why)), Cell(str(_switch(alarm))))  # fmt: skip
        rows.append(Row(cells))
    head = (say("Alarm"), say("Asks for"), say("Since"), say("What was seen"), say("Kill switch"))
    return table(head, rows, kind="alarms", none=str(say("No alarm.")))


def _switch(alarm: Alarm) -> Sentence:
    if alarm.asks is not Outcome.ROLLBACK:
        return say("–")
    if alarm.pulls:
        return say("the plan lets this alarm pull it (`rollout watch --rollback`)")
    return say("people pull it")


@spoken
def lights(watch: Watch) -> Html:
    """Show every series' newest day: both arms, its light and the limits."""
    rows: list[Row] = []
    for line in watch.series:
        newest = latest(line)
        colour = Cell(f"{SHAPES[line.light]} {light_word(line.light)}",
                      kind=f"verdict {COLOURED[line.light]}" if line.light else "")  # fmt: skip
        arms = ("–", "–") if newest is None else (_value(newest.control, line), _band(newest, line))
        rows.append(Row((label(series_title(line.metric)), colour, *map(number, arms),
                         number(_limits(line)), Cell(sentence(line.says)))))  # fmt: skip
    head = (say("Metric"), say("Light"), *arm_heads(watch, say("Treatment [band]")),
            say("Green / amber"), say("What it means today"))  # fmt: skip
    return table(head, rows, kind="lights", none=str(say("No day has data.")))


def _value(value: float | None, line: DailySeries) -> str:
    return str(show(value, line.measure))


def _band(point: Point, line: DailySeries) -> str:
    lower, upper = (bound(end, line.measure) for end in (point.lower, point.upper))
    return f"{_value(point.treatment, line)} [{lower}, {upper}]"


def _limits(line: DailySeries) -> str:
    if line.green is None and line.amber is None:
        return "–"
    return f"{_value(line.green, line)} / {_value(line.amber, line)}"


@spoken
def signal_table(watch: Watch) -> Html:
    """Show what each feature's risk demands: the number, its limit, and what it means."""
    rows: list[Row] = []
    for signal in watch.signals:
        word, kind = _beyond(signal)
        feature = f"{signal.feature} {translate(watch.features.get(signal.feature, ''))}".strip()
        state = Cell(str(word), kind=f"verdict {kind}" if kind else "")
        cells = (Cell(feature, (signal_title(signal.signal),)), number(signal_value(signal)),
                 number(show(signal.limit, signal.measure)), state,
                 Cell(sentence(signal.says)))  # fmt: skip
        rows.append(Row(cells))
    head = (say("Feature"), say("Seen [bounds]"), say("Limit"), say("State"),
            say("What it means today"))  # fmt: skip
    return table(head, rows, kind="signals", none=str(say("No feature has data.")))


def _beyond(signal: FeatureSignal) -> tuple[Sentence, str]:
    if told_only(signal):
        return say("told"), ""
    if signal.beyond is None:
        return say("? unknown"), ""
    return (say("▲ beyond"), "inconclusive") if signal.beyond else (say("✓ within"), "pass")


def told_only(signal: FeatureSignal) -> bool:
    """Whether a signal has something to tell, and no limit that it could be beyond."""
    tells = signal.value is not None or bool(signal.parts)
    return tells and signal.beyond is None and signal.limit is None


def signal_value(signal: FeatureSignal) -> str:
    """Return a signal's number over the days watched, with its bounds where it has any."""
    value, ends = show(signal.value, signal.measure), (signal.lower, signal.upper)
    lower, upper = (bound(end, signal.measure) for end in ends)
    return str(value) if ends == (None, None) else f"{value} [{lower}, {upper}]"


@spoken
def risks(watch: Watch) -> Html:
    """Show the risk register on what was measured, and what answers each risk."""
    return register_table(watch.risks)


@spoken
def incidents(watch: Watch) -> Html:
    """List incidents, open ones first."""
    return bullets(texts(watch.incidents), say("No incident is known."))


@spoken
def warnings(watch: Watch) -> Html:
    """List what a reader should know although it changes nothing; missed days among it."""
    missed = [say("Nobody watched on {days}.", days=tuple(day.isoformat() for day in watch.missed))]
    lines = [*texts(watch.warnings), *(map(str, missed) if watch.missed else ())]
    return bullets(lines, say("No warnings."))


@spoken
def sources(watch: Watch) -> Html:
    """Show how many runs and samples each arm has, and the digests of what was read."""
    rows = [
        Row((label(arm), number(f"{watch.runs.get(arm, 0):,}"),
             number(f"{watch.samples.get(arm, 0):,}")))
        for arm in (watch.control, watch.treatment)
    ]  # fmt: skip
    digests = [
        say("{what}: sha256 {digest}", what=what, digest=digest)
        for what, digest in ((say("Data"), watch.data_sha256), (say("Plan"), watch.plan_sha256))
        if digest
    ]
    return joined(table((say("Arm"), say("Runs"), say("Samples")), rows), bullets(digests))
