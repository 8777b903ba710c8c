"""A day's watch for a terminal: alarms first, then lights, signals, and what else is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.show.tables import aligned
from rolloutlib.show.watched import (
    SHAPES,
    SIGNS,
    command,
    light_word,
    moment,
    outcome_word,
    series_title,
    signal_title,
    title_of,
    told_only,
)  # fmt: skip
from rolloutlib.show.watched_arms import arm_heads, latest
from rolloutlib.text import plain
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import say, spoken

if TYPE_CHECKING:
    from rolloutlib.watch.record import DailySeries, FeatureSignal, Watch

__all__ = ["summary_text"]


@spoken
def summary_text(watch: Watch) -> str:
    """Return the watch for a terminal."""
    alarmed = [alarm.why for alarm in watch.alarms]
    return "\n".join([
        plain(f"{SIGNS[watch.outcome]} {title_of(watch)}"), plain(sentence(watch.here.says)), "",
        *_alarms(watch), *_lights(watch), *_signals(watch),
        *_listed(str(say("Why:")), texts(r for r in watch.reasons if r not in alarmed)),
        *_listed(str(say("Incidents:")), texts(watch.incidents)),
        *_listed(str(say("Warnings:")), texts(watch.warnings)),
    ]).rstrip()  # fmt: skip


def _alarms(watch: Watch) -> list[str]:
    """Return the alarms, the command that answers them below."""
    alarms = [
        str(say("{sign} {asks} since {since}: {why}", sign=SIGNS[alarm.asks],
                asks=outcome_word(alarm.asks), since=moment(watch, alarm.since),
                why=sentence(alarm.why)))
        for alarm in watch.alarms
    ]  # fmt: skip
    lines = _listed(str(say("Alarms:")), alarms or [str(say("No alarm."))])
    answer = plain(command(watch), most=10_000)
    return [*lines[:-1], f"      {answer}", ""] if answer else lines


def _lights(watch: Watch) -> list[str]:
    rows = [_light(line) for line in watch.series]
    if not rows:
        return []
    head = (say("Metric"), say("Light"), *arm_heads(watch))
    return [*aligned([tuple(map(str, head)), *rows], right=frozenset({2, 3})), ""]


def _light(line: DailySeries) -> tuple[str, ...]:
    newest = latest(line)
    control, treatment = (newest.control, newest.treatment) if newest else (None, None)
    values = (str(show(value, line.measure)) for value in (control, treatment))
    light = f"{SHAPES[line.light]} {light_word(line.light)}" if line.light else "–"
    return (series_title(line.metric), light, *values)


def _signals(watch: Watch) -> list[str]:
    return _listed(str(say("Signals:")), [_signal(signal) for signal in watch.signals])


def _signal(signal: FeatureSignal) -> str:
    sign = "?" if signal.beyond is None else "▲" if signal.beyond else "✓"
    sign = "·" if told_only(signal) else sign
    title = signal_title(signal.signal)
    return f"{sign} {signal.feature} {title}: {sentence(signal.says)}"


def _listed(head: str, items: list[str]) -> list[str]:
    return [head, *(plain(f"  - {item}") for item in items), ""] if items else []
