"""What a day's watch leaves behind: watch.json and the parameters that run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import yaml

from rolloutlib.ledger.seal import PARAMS, WATCH
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.kernel import report_folder
from rolloutlib.show.tables import Html, render
from rolloutlib.show.watched import alarm_word, series_title
from rolloutlib.show.watched_summary import summary_text
from rolloutlib.show.watching import day_folder, watched_days
from rolloutlib.watch.answer import rollback_arguments
from rolloutlib.watch.missed import missed_days
from rolloutlib.watch.record import Outcome, encode
from rolloutlib.words.reasons import sentence, worded
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.plan.params import DailyParams
    from rolloutlib.watch.record import Alarm, Watch

__all__ = ["answer_of", "answered", "answered_in", "write_watch"]


def answered(watch: Watch, params: DailyParams) -> Watch:
    """Return the watch with what only its workbook tells: missed days, and the answer's command."""
    out, today = params.path("out"), watch.as_of.date()
    missed = missed_days(watched_days(out), today)[:-1] if out else ()
    with_answer = answered_in(params.lang, watch, params)
    return msgspec.structs.replace(with_answer, missed=missed)


def answered_in(lang: str, watch: Watch, params: DailyParams) -> Watch:
    """Return the watch with the answer's command in a language: a terminal's, or its record's."""
    asking = [alarm for alarm in watch.alarms if alarm.asks is Outcome.ROLLBACK]
    answer = answer_of(asking, lang, _shown(params)) if asking else []
    return msgspec.structs.replace(watch, answer=tuple(answer))


def _shown(params: DailyParams) -> str:
    """Return the folder of the day as the workbook's commands name it; empty without one."""
    if params.out is None:
        return ""
    folder, root = day_folder(params), workbook_root()
    return str(folder.relative_to(root) if folder.is_relative_to(root) else folder)


def answer_of(alarms: Sequence[Alarm], lang: str, folder: str) -> list[str]:
    """Return the arguments of `rollout` that answer alarms.

    Args:
        alarms: at least one, the first weighs most.
        lang: what the record that they make says is in it.
        folder: of the watch that shows them; empty without one.
    """
    with speaking(lang):
        about = [f"{alarm_word(alarm.code)}{_metric(alarm)}" for alarm in alarms]
        day = say("Daily watch: {alarms}", alarms=tuple(dict.fromkeys(about)))
        first = sentence(alarms[0].why)
    argv = rollback_arguments(alarms, reason=day.text(lang), signal=first, review=folder)
    return [part for argument in argv for part in _apart(argument)]


def _apart(argument: str) -> tuple[str, ...]:
    """Return an option and its value as people write them, where that cannot be misread."""
    name, equals, value = argument.partition("=")
    apart = equals and name.startswith("--") and value and not value.startswith("-")
    return (name, value) if apart else (argument,)


def _metric(alarm: Alarm) -> str:
    return f" ({series_title(alarm.metric)})" if alarm.metric else ""


def write_watch(watch: Watch, params: DailyParams) -> Html:
    """Write the record where `rollout watch` gathers it; return the summary for a terminal.

    Whoever runs the notebook by hand writes nothing.
    """
    if (folder := report_folder()) is not None:
        save(watch, params, folder)
    text = summary_text(watch, params.lang)
    return Html(render("plain.html.j2", text=text), text)


def save(watch: Watch, params: DailyParams, folder: Path) -> None:
    """Write watch.json and params.yaml, which watches the same day again."""
    (folder / WATCH).write_bytes(encode(worded(watch)))
    plain = params.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    (folder / PARAMS).write_text(text, encoding="utf-8")


__dir__ = __all__.copy  # what completion lists
