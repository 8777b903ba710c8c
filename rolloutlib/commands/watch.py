"""`rollout watch`: a stage's days up to today, alarms first, and the kill switch where it may."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.language import before_command, of_reports
from rolloutlib.commands.options import (
    command,
    complain,
    from_here,
    given,
    lang_unless_told,
    option,
    say_lines,
    whole,
)
from rolloutlib.commands.options import say as put
from rolloutlib.commands.telling import tell_people
from rolloutlib.errors import RolloutError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.plan.params import DailyParams
    from rolloutlib.tell.event import Event
    from rolloutlib.watch.record import Alarm, Watch
    from rolloutlib.words.sentences import Sentence

EXIT = {"CALM": 0, "AMBER": 10, "RED": 20, "NO_DATA": 30, "ROLLBACK": 40}
WATCH = """\
Watch a stage day by day: series with bands and traffic lights, what each feature's risk demands,
alarms with the exact command that answers them, the plan's weeks and incidents. Writes a page, a
record and a notebook to a folder of the day."""
EXAMPLES = """\
examples:
  rollout watch
      the stage in force (params/flags.json), up to now
  rollout watch 2 --as-of 2026-10-29 --runs data/examples/story/stage-2-daily
      a stage at the end of a day, in the plan's clock
  rollout watch --catch-up
      every day since the last one that was watched, the oldest first

The folder of the day, reports/daily/2026-10-29, then holds watch.html, watch.json (for programs),
watch.ipynb and params.yaml (to run it again). The same day again replaces it.

--rollback pulls the kill switch when an alarm rings that the plan lets pull it (plan.yaml:
rollback.triggers, pulls: true; none is shipped so). Else people run the printed command.

Exit code: 0 calm, 10 amber or too few data to say, 20 red, 30 no data that count, 40 ROLLBACK,
2 wrong usage, 1 failure."""
STAGES = "0 internal, 1 dogfood, 2 opt-in beta, 3 default-on, 4 full (default: the one in force)"
PATHS = ("runs", "source", "incidents", "out")


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "watch", _watch, "watch a stage day by day, alarms first",
        option("stage STAGE", STAGES, type=int, choices=range(5), nargs="?"),
        option("--runs PATH", "file, folder or store of runs (default: as params/daily.yaml or "
               "params/stage-STAGE.yaml says)"),
        option("--as-of WHEN", "a date (the end of that day in the plan's clock) or a moment "
               "(ISO 8601 with offset); later runs are left out (default: now)"),
        option("--since DATE", "the first day that is watched"),
        option("--days N", "only the last N days (default: the plan's monitoring.window_days)",
               type=whole(1)),
        option("--start DATE", "first day of the rollout, with which its first week begins"),
        option("--control ARM", "name of the control arm (default: control)"),
        option("--treatment ARM", "name of the treatment arm (default: treatment)"),
        option("--source FILE", "source.yaml that explains flat tables (default: beside the runs)"),
        option("--profile NAME", "guardian profile, where the runs name none (default: default)"),
        option("--incidents FILE", "log of incidents (default: data/incidents.jsonl)"),
        option("--engine ENGINE", "where the scan runs (default: duckdb)"),
        lang_unless_told("the page"),
        option("--out DIR", "folder of the daily watches (default: reports/daily)"),
        option("--catch-up", "watch every day since the last one that was watched",
               action="store_true"),
        option("--rollback", "pull the kill switch for alarms that the plan lets pull it",
               action="store_true"),
        description=WATCH, epilog=EXAMPLES,
    )  # fmt: skip


def _watch(arguments: argparse.Namespace) -> int:
    from rolloutlib.commands.history import renewing
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.watching import resolved

    params = resolved(_said(arguments), where="rollout watch", lang=of_reports())
    for name in ("runs", "source"):
        if (path := params.path(name)) is not None and not path.exists():
            raise UsageError("--{option} {path}: there is no such file or folder",
                             option=name, path=getattr(params, name))  # fmt: skip
    *earlier, newest = _days(params, arguments)
    with renewing(workbook_root(), params.lang) as made:
        for day in earlier:  # what rang on a day that has gone is told, not acted upon
            try:
                _one(day, made, pull=False)
            except RolloutError as error:  # no day that has gone keeps today from being watched
                complain("{day}: {error}", day=day.as_of, error=error)
        return _one(newest, made, pull=arguments.rollback)


def _said(arguments: argparse.Namespace) -> dict[str, Any]:
    from rolloutlib.plan.workbook import workbook_root

    names = ("stage", "as_of", "since", "days", "start", "control", "treatment", "profile",
             "engine", "lang")  # fmt: skip
    values = before_command() | given(arguments, *PATHS, *names)
    root = workbook_root()
    return values | {name: from_here(values[name], root) for name in PATHS if values.get(name)}


def _days(params: DailyParams, arguments: argparse.Namespace) -> list[DailyParams]:
    """Return the days to watch, oldest first; the last is the one that was asked for."""
    if not arguments.catch_up:
        return [params]
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.watching import watched_days
    from rolloutlib.watch.missed import missed_days

    zone = load_plan(workbook_root() / params.plan).monitoring.clock
    today = params.until(zone).astimezone(zone).date()
    out = params.path("out")
    unwatched = missed_days(watched_days(out) if out else (), today)
    earlier = [params.model_copy(update={"as_of": day}) for day in unwatched if day != today]
    return [*earlier, params]


def _one(params: DailyParams, made_at: Callable[[Path], object], *, pull: bool) -> int:
    """Watch one day; return its exit code. `made_at` hears where its page is."""
    from rolloutlib.flags.overview import log_run
    from rolloutlib.ledger.run_log import ran_of_watch
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.watched_record import answered_in
    from rolloutlib.show.watched_summary import summary_text
    from rolloutlib.show.watching import watch_notebook
    from rolloutlib.watch.record import decode
    from rolloutlib.words.sentences import language, say

    try:
        made = watch_notebook(params, progress=sys.stderr)
    except Exception:
        if pull:  # a page that cannot be made is no reason to leave flags on
            _pull_without_a_page(params)
        raise
    made_at(made.page)
    watch, root = decode(made.record, "watch.json"), workbook_root()
    page = made.page.relative_to(root) if made.page.is_relative_to(root) else made.page
    say_lines(summary_text(answered_in(language(), watch, params), lang=language()))
    put("")
    put(say("Report: {path}", path=str(page)))
    if pull:
        _pull(watch, params, str(page.parent))
    if made.page.is_relative_to(root):
        for undone in log_run(root, ran_of_watch(watch, made.page), params.lang):
            complain(undone)
    tell_people(_event(watch, made.page), root)
    return EXIT[watch.outcome]


def _event(watch: Watch, page: Path) -> Event:
    """Return what people are told: the outcome, why, and the command that answers it."""
    from rolloutlib.show.watched import command, headline_of
    from rolloutlib.tell.event import Event
    from rolloutlib.words.sentences import say

    answer = (
        [say("{word} {command}", word=say("The answer:"), command=command(watch))]
        if watch.answer
        else []
    )
    return Event(
        kind="watch", outcome=watch.outcome.value, exit_code=EXIT[watch.outcome],
        headline=headline_of(watch), lines=(*watch.reasons, *answer), stage=watch.stage,
        report=page,
    )  # fmt: skip


def _pull_without_a_page(params: DailyParams) -> None:
    from rolloutlib.watch.watch import watch_stage

    try:
        watch = watch_stage(params)
    except Exception:  # noqa: BLE001 -- the first failure is told, which says more
        return
    _pull(watch, params, "")


# --- the kill switch ------------------------------------------------------------------------------


def _pull(watch: Watch, params: DailyParams, folder: str) -> None:
    """Pull the kill switch for the alarms that may, by the command that is printed for people."""
    from rolloutlib.show.watched_record import answer_of
    from rolloutlib.watch.record import Outcome
    from rolloutlib.words.sentences import say

    alarms = [alarm for alarm in watch.alarms if alarm.asks is Outcome.ROLLBACK]
    if not alarms:
        return
    able = [alarm for alarm in alarms if alarm.pulls and (watch.counts or alarm.metric is None)]
    if why := _not_pulled(watch, alarms, able):
        put(why)
        return
    put(say("The plan lets this alarm pull the kill switch:"))
    _roll_back(answer_of(able, params.lang, folder))


def _not_pulled(watch: Watch, alarms: list[Alarm], able: list[Alarm]) -> Sentence | None:
    """Say why the switch is left to people; None where it is to be pulled."""
    from rolloutlib.words.sentences import say

    if not any(alarm.pulls for alarm in alarms):
        return say(
            "The kill switch was not pulled: the plan lets none of these alarms pull it "
            "(rollback.triggers in plan.yaml: pulls). The command above pulls it."
        )
    if not able:
        return say(
            "The kill switch was not pulled: these data are not of the stage as the plan has it. "
            "The command above pulls it."
        )
    stage = _in_force()
    if stage is not None and stage != watch.stage:
        return say(
            "The kill switch was not pulled: stage {now} is in force, and these data are of stage "
            "{stage}. The command above pulls it.", now=stage, stage=watch.stage,
        )  # fmt: skip
    return None


def _in_force() -> int | None:
    """Return the stage in force; None where the flag file cannot be read, which stops nothing."""
    from rolloutlib.flags.state import FLAGS, read_flags
    from rolloutlib.plan.workbook import workbook_root

    try:
        return read_flags(workbook_root() / FLAGS).state.stage
    except RolloutError:
        return None


def _roll_back(argv: list[str]) -> None:
    """Run `rollout rollback …` as a person would."""
    from rolloutlib.commands import flags
    from rolloutlib.commands.parsing import Parser

    parser = Parser(prog="rollout")
    flags.add(parser.add_subparsers())
    arguments = parser.parse_args(argv)
    arguments.call(arguments)
