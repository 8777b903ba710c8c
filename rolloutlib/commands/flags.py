"""`rollout flags`, `promote` and `rollback`: what is on for whom, one stage on, and back."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.plan.model import Audience, FlagValue, Plan

__all__ = ["add"]

UNRECORDED = 1  # exit code: flags are off, but the ledger does not say so yet


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    flags = commands.add_parser(
        "flags", help="what is on for whom, and whether it is what the plan says"
    )
    kinds = flags.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, call, told in (
        ("show", _show, "the flags in force, as an OpenFeature client resolves them"),
        ("diff", _diff, "what the next stage would change, for whom"),
        ("check", _check, "the file is what the plan says, unedited, and clients can read it"),
        ("init", _init, "write the flags of stage 0 for a new workbook"),
    ):
        kinds.add_parser(name, help=told, description=told, allow_abbrev=False).set_defaults(
            call=call
        )
    _add_promote(commands)
    _add_rollback(commands)


def _add_promote(commands: Any) -> None:
    told = "Put a signed GO in force: switch the flags, read them back, draft release notes, update the overview."
    promote = commands.add_parser(
        "promote", help="put a signed GO in force", description=told, allow_abbrev=False
    )
    promote.add_argument(
        "decision", metavar="DEC", help="id of the record, such as dec-20261122-001"
    )
    promote.add_argument(
        "--lang", choices=("en", "ko"), default="en", help="language of the documents"
    )
    promote.set_defaults(call=_promote)


def _add_rollback(commands: Any) -> None:
    told = (
        "The kill switch: flags off first, then the record, the notice and the overview. Needs no data and no engine. "
        "Exit code 0: off and recorded; 1: off, not recorded yet."
    )
    rollback = commands.add_parser(
        "rollback", help="the kill switch", description=told, allow_abbrev=False
    )
    rollback.add_argument("--reason", metavar="TEXT", required=True, help="why, in a sentence")
    rollback.add_argument(
        "--feature",
        metavar="A",
        nargs="+",
        choices=tuple("ABCDEF"),
        default=(),
        help="what to turn off (default: all that the stage turned on)",
    )
    rollback.add_argument(
        "--signal", metavar="TEXT", default="", help="what was seen, such as 'latency +23 %%'"
    )
    rollback.add_argument("--owner", metavar="NAME", default="", help="who pulls the switch")
    rollback.add_argument("--cause", metavar="TEXT", default="", help="the suspected cause")
    rollback.add_argument(
        "--lang", choices=("en", "ko"), default="en", help="language of record and documents"
    )
    rollback.set_defaults(call=_rollback)


def _workbook() -> tuple[Path, Plan]:
    from rolloutlib.plan.model import load_plan, workbook_root

    root = workbook_root()
    return root, load_plan(root / "params" / "plan.yaml")


def _show(_: argparse.Namespace) -> int:
    from rolloutlib.flags.client import flag_client, resolve
    from rolloutlib.flags.document import CONTEXTS, FLAGS, read_flags

    root, plan = _workbook()
    held = read_flags(root / FLAGS).state
    off = f", off: {', '.join(held.off)}" if held.off else ""
    _say(
        f"Stage {held.stage}, generation {held.generation}, profile {held.profile}{off}, by {held.decision or 'init'}"
    )
    with flag_client(root / FLAGS) as client:
        table = {audience: resolve(client, plan, context) for audience, context in CONTEXTS.items()}
    _table(plan, table)
    return 0


def _diff(_: argparse.Namespace) -> int:
    from dataclasses import replace

    from rolloutlib.flags.document import CONTEXTS, FLAGS, read_flags
    from rolloutlib.plan.model import STAGES

    root, plan = _workbook()
    held = read_flags(root / FLAGS).state
    if held.stage == STAGES[-1] and not held.off:
        _say(f"Stage {held.stage} is the last one; no promotion changes a flag.")
        return 0
    then = replace(held, stage=STAGES[min(held.stage + 1, STAGES[-1])], off=())
    _say(f"A GO for stage {held.stage} → {then.stage} changes:")
    for feature in plan.features.values():
        changed = [
            text for who in CONTEXTS if (text := _change(plan, feature.flag, who, held, then))
        ]
        if changed:
            _say(f"  {feature.flag}  {', '.join(changed)}")
    return 0


def _change(plan: Plan, flag: str, who: Audience, held: FlagState, then: FlagState) -> str:
    from rolloutlib.flags.document import values

    people = () if who == "everyone" else (who,)
    was, now = values(plan, held, people)[flag], values(plan, then, people)[flag]
    return "" if was == now else f"{who}: {_word(was)} → {_word(now)}"


def _check(_: argparse.Namespace) -> int:
    from rolloutlib.flags.client import read_back
    from rolloutlib.flags.document import (
        FLAGS,
        SESSION,
        FlagsError,
        document,
        read_flags,
        session_defaults,
    )

    root, plan = _workbook()
    held = read_flags(root / FLAGS)
    if held.data != document(plan, held.state):
        was = (
            f"{FLAGS} is not what the plan says for its own state: the file or the plan was edited"
        )
        raise FlagsError(f"{was}; restore it with git, or decide again")
    session = root / SESSION
    if not session.is_file() or session.read_bytes() != session_defaults(plan, held.state):
        by = (
            f"promote {held.state.decision}"
            if held.state.decision and not held.state.off
            else "rollback"
        )
        raise FlagsError(f"{SESSION} does not fit {FLAGS}; `rollout {by}` writes it again")
    read_back(root / FLAGS, plan, held.state)
    told = f"generation {held.state.generation} is what the plan says for stage {held.state.stage}"
    _say(f"{FLAGS}: {told}, and a client reads it so.")
    return 0


def _init(_: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FLAGS, SESSION, document, initial_state, session_defaults
    from rolloutlib.ledger.durable import Files, create, overwrite

    root, plan = _workbook()
    create(Files(), root / FLAGS, document(plan, initial_state(plan)))
    overwrite(Files(), root / SESSION, session_defaults(plan, initial_state(plan)))
    _say(f"{FLAGS}: stage 0")
    return 0


def _promote(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.flags.promotion import promote

    root, plan = _workbook()
    files = FlagFiles(time.time_ns)
    found = promote(
        root, plan, arguments.decision, now=datetime.now(UTC), files=files, lang=arguments.lang
    )
    told = f"stage {found.before.stage} → {found.after.stage}, generation {found.after.generation}"
    _say(f"{'In force' if found.applied else 'In force already'}: {told}; a client reads it back.")
    for path in found.written:
        _say(f"  {path.relative_to(root)}")
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.flags.outcome import Trigger
    from rolloutlib.flags.rollback import roll_back

    root, plan = _workbook()
    trigger = Trigger(arguments.reason, arguments.signal, arguments.owner, arguments.cause)
    files, lang = FlagFiles(time.time_ns), arguments.lang
    found = roll_back(
        root, plan, trigger, tuple(arguments.feature), now=datetime.now(UTC), files=files, lang=lang
    )
    off = ", ".join(plan.features[key].flag for key in found.after.off)
    word = "OFF" if found.switched else "Off already"
    _say(f"{word}: {off} (stage {found.after.stage}, generation {found.after.generation})")
    for word, sentences in (("done", found.done), ("OPEN", found.open), ("next", found.follows)):
        for sentence in sentences:
            _say(f"  {word}  {sentence.text(lang)}")
    if found.green and found.switched:
        _say(f"  {_replayed(root, found.green)}")
    return 0 if found.record else UNRECORDED


def _replayed(root: Path, green: str) -> str:
    """Run the green decision's review again; flags are off by now, and whatever fails here stays open."""
    from rolloutlib.errors import RolloutError
    from rolloutlib.ledger.replay import replay
    from rolloutlib.ledger.workbook import Workbook

    sys.stdout.flush()
    try:
        book = Workbook(root)
        return (
            f"done  Replay of {green}: {str(replay(book, book.read().find(green))).splitlines()[0]}"
        )
    except (RolloutError, OSError) as error:
        return f"OPEN  Replay of {green}: {error}; run `rollout replay {green}`"


def _table(plan: Plan, table: Mapping[str, Mapping[str, FlagValue | None]]) -> None:
    names = [feature.flag for feature in plan.features.values()]
    width = max(map(len, names))
    _say(" " * width + "".join(f"  {audience:>9}" for audience in table))
    for name in names:
        _say(f"{name:<{width}}" + "".join(f"  {_word(row[name]):>9}" for row in table.values()))


def _word(value: FlagValue | None) -> str:
    return (
        value
        if isinstance(value, str)
        else "default"
        if value is None
        else "on"
        if value
        else "off"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
