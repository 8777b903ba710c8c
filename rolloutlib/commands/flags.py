"""`rollout flags`, `promote` and `rollback`: what is on for whom, one stage on, and back."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.helping import to_the_right
from rolloutlib.commands.options import command, group, lang, option, say, workbook
from rolloutlib.commands.worded import worded
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Audience, FlagValue, Plan

DONE, OPEN = phrase("done"), phrase("OPEN")
UNRECORDED = 1  # exit code: flags are off, but the ledger does not say so yet
OLDER = phrase(
    "An earlier version wrote it, for which optIn = 1 is a yes and optOut = 'true' is no refusal. "
    "The next promotion or rollback writes it anew; until then clients must say true or false of "
    "both."
)
PROMOTE = """\
Put a signed GO in force: switch the flags, read them back, draft release notes, update the
overview."""
ROLLBACK = """\
The kill switch: flags off first, then the record, the notice and the overview. Needs no data, no
engine, no plan, no ledger and no flag file that can be read. Exit code 0: off and recorded; 1: off,
not recorded yet; 3: the flag file could not be written, so flags are as they were."""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    kinds = group(commands, "flags", "what is on for whom, and whether it is what the plan says")
    command(kinds, "show", _show, "the flags in force, as an OpenFeature client resolves them")
    command(kinds, "diff", _diff, "what the next stage would change, for whom")
    checked = "the file is what the plan says, unedited, and clients can read it"
    command(kinds, "check", _check, checked)
    command(kinds, "init", _init, "write the flags of stage 0 for a new workbook")
    command(
        commands, "promote", _promote, "put a signed GO in force",
        option("decision DEC", "id of the record, such as dec-20261122-001"),
        lang("the documents"), description=PROMOTE,
    )  # fmt: skip
    off = "what to turn off (default: all that the stage turned on)"
    command(
        commands, "rollback", _rollback, "the kill switch",
        option("--reason TEXT", "why, in a sentence", required=True),
        option("--feature A", off, nargs="+", choices=tuple("ABCDEF"), default=()),
        option("--signal TEXT", "what was seen, such as 'latency +23 %%'", default=""),
        option("--owner NAME", "who pulls the switch", default=""),
        option("--cause TEXT", "the suspected cause", default=""),
        option("--review DIR", "folder of the review or watch that shows it: the notice prints its "
               "numbers, and the record keeps it", default=""),
        lang("record and documents"),
        description=ROLLBACK,
    )  # fmt: skip


def _show(_: argparse.Namespace) -> int:
    from rolloutlib.flags.client import flag_client, resolve
    from rolloutlib.flags.document import CONTEXTS, FLAGS, read_flags

    root, plan = workbook()
    state = read_flags(root / FLAGS).state
    say(
        "Stage {stage}, generation {generation}, profile {profile}{off}, by {decision}",
        stage=state.stage, generation=state.generation, profile=state.profile,
        off=phrase(", off: {features}", features=state.off) if state.off else "",
        decision=state.decision or "init",
    )  # fmt: skip
    with flag_client(root / FLAGS) as client:
        table = {audience: resolve(client, plan, context) for audience, context in CONTEXTS.items()}
    _table(plan, table)
    return 0


def _diff(_: argparse.Namespace) -> int:
    from dataclasses import replace

    from rolloutlib.flags.document import CONTEXTS, FLAGS, read_flags
    from rolloutlib.plan.workbook import STAGES

    root, plan = workbook()
    state = read_flags(root / FLAGS).state
    if state.stage == STAGES[-1] and not state.off:
        say("Stage {stage} is the last one; no promotion changes a flag.", stage=state.stage)
        return 0
    then = replace(state, stage=STAGES[min(state.stage + 1, STAGES[-1])], off=())
    say("A GO for stage {before} → {after} changes:", before=state.stage, after=then.stage)
    for feature in plan.features.values():
        changes = [_change(plan, feature.flag, who, state, then) for who in CONTEXTS]
        if any(changes):
            say(f"  {feature.flag}  {', '.join(filter(None, changes))}")
    return 0


def _change(plan: Plan, flag: str, who: Audience, state: FlagState, then: FlagState) -> str:
    from rolloutlib.flags.document import values

    people = () if who == "everyone" else (who,)
    was, now = values(plan, state, people)[flag], values(plan, then, people)[flag]
    return "" if was == now else f"{who}: {_word(was)} → {_word(now)}"


def _check(_: argparse.Namespace) -> int:
    from rolloutlib.flags import document as flags
    from rolloutlib.flags.client import read_back
    from rolloutlib.flags.knobs import with_knobs

    root, plan = workbook()
    file, session = flags.read_flags(root / flags.FLAGS), root / flags.SESSION
    state = file.state
    if not flags.unedited(plan, file):
        raise flags.FlagsError(
            "{file} is not what the plan says for its own state: the file or the plan was edited; "
            "restore it with git, or switch off with `rollout rollback` and decide again",
            file=flags.FLAGS,
        )  # fmt: skip
    if _bytes(session) != with_knobs(root, plan, flags.session_defaults(plan, state)):
        by = f"promote {state.decision}" if state.decision and not state.off else "rollback"
        raise flags.FlagsError(
            "{session} does not fit {flags}; `rollout {by}` writes it again",
            session=flags.SESSION, flags=flags.FLAGS, by=by,
        )  # fmt: skip
    read_back(root / flags.FLAGS, plan, state)
    say(
        "{file}: generation {generation} is what the plan says for stage {stage}, and a client "
        "reads it so.", file=flags.FLAGS, generation=state.generation, stage=state.stage,
    )  # fmt: skip
    if not flags.is_newest(plan, file):
        say(OLDER)
    return 0


def _bytes(path: Path) -> bytes | None:
    from rolloutlib.errors import FileError
    from rolloutlib.files import bounded_bytes

    try:
        return bounded_bytes(path)
    except FileError:
        return None


def _init(_: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FLAGS, SESSION, document, initial_state, session_defaults
    from rolloutlib.ledger.durable import Files, create, overwrite

    root, plan = workbook()
    first = document(plan, initial_state(plan))
    if _bytes(root / FLAGS) != first:  # where it is that already, an earlier call was cut short
        create(Files(), root / FLAGS, first)
    overwrite(Files(), root / SESSION, session_defaults(plan, initial_state(plan)))
    say("{file}: stage 0", file=FLAGS)
    return 0


def _promote(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.flags.promotion import promote

    root, plan = workbook()
    files, now = FlagFiles(time.time_ns), datetime.now(UTC)
    done = promote(root, plan, arguments.decision, now=now, files=files, lang=arguments.lang)
    say(
        "{state}: stage {before} → {after}, generation {generation}; a client reads it back.",
        state=phrase("In force") if done.applied else phrase("In force already"),
        before=done.before.stage, after=done.after.stage, generation=done.after.generation,
    )  # fmt: skip
    for path in done.written:
        say(f"  {path.relative_to(root)}")
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    from rolloutlib.commands.telling import tell_rollback, telling_of_failed_rollback
    from rolloutlib.flags.file import FlagFiles
    from rolloutlib.flags.outcome import Trigger
    from rolloutlib.flags.rollback import roll_back, workbook_to_switch

    root = workbook_to_switch()
    review = os.path.abspath(arguments.review) if arguments.review else ""  # noqa: PTH100 -- any name
    trigger = Trigger(arguments.reason, arguments.signal, arguments.owner, arguments.cause, review)
    with telling_of_failed_rollback(root):
        done = roll_back(
            root, trigger, tuple(arguments.feature), now=datetime.now(UTC),
            files=FlagFiles(time.time_ns), lang=arguments.lang,
        )  # fmt: skip
    say(
        "{word}: {flags} (stage {stage}, generation {generation})", flags=done.flags,
        word=phrase("OFF") if done.switched else phrase("Off already"),
        stage=done.after.stage, generation=done.after.generation,
    )  # fmt: skip
    for word, sentences in (
        (phrase("NOTE"), done.unread),
        (DONE, done.steps),
        (OPEN, done.open),
        (phrase("next"), done.follows),
    ):
        for sentence in sentences:
            say("  {word}  {what}", word=word, what=sentence)
    if done.green and done.switched:
        say("  {what}", what=_replayed(root, done.green))
    code = 0 if done.record else UNRECORDED
    sys.stdout.flush()
    tell_rollback(done, arguments.reason, root, code)
    return code


def _replayed(root: Path, green: str) -> Phrase:
    """Run the green decision's review again; flags are off by now, what fails here stays open."""
    from rolloutlib.errors import RolloutError
    from rolloutlib.ledger.replay import replay
    from rolloutlib.ledger.workbook import Workbook

    sys.stdout.flush()
    try:
        book = Workbook(root)
        first, *_ = str(replay(book, book.read().find(green))).splitlines()
    except (RolloutError, OSError) as error:
        return phrase("{word}  Replay of {record}: {error}; run `rollout replay {record}`",
                      word=OPEN, record=green, error=error)  # fmt: skip
    return phrase("{word}  Replay of {record}: {result}", word=DONE, record=green, result=first)


def _table(plan: Plan, table: Mapping[str, Mapping[str, FlagValue | None]]) -> None:
    names = [feature.flag for feature in plan.features.values()]
    width = max(map(len, names))
    say(" " * width + "".join(f"  {audience:>9}" for audience in table))
    for name in names:
        words = (to_the_right(_word(row[name]), 9) for row in table.values())
        say(f"{name:<{width}}" + "".join(f"  {word}" for word in words))


def _word(value: FlagValue | None) -> str:
    if isinstance(value, str):
        return value
    return worded({None: phrase("default"), True: phrase("on"), False: phrase("off")}[value])
