"""`rollout knobs`: the session's knobs, one turn at a time, within bounds, each recorded."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.exits import ALWAYS
from rolloutlib.commands.options import command, group, now, option, say, workbook
from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from rolloutlib.flags.knobs import Because
    from rolloutlib.ledger.knobs import KnobLine
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Plan

SET = """\
Turn a knob of params/session.config.json and write a line into params/knobs.jsonl; the next
decision's record and card repeat it under Knob Changes. A word or a number without a sign is the
new value, a number with a sign a step: `rollout knobs set styleStrictness -0.05 --because
over_formal`. Bounds, steps, directions and how many may be turned at once are the plan's (knobs:).
A rollback writes the session config anew, without any knob."""
WHY = "the plan's risk that it answers, or a sentence"


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    kinds = group(commands, "knobs", "turn the knobs that the risk register names")
    listed = "every knob: its value, its bounds, and its changes"
    command(kinds, "list", _list, listed, epilog=f"Exit code: 0 listed; {ALWAYS}")
    command(
        kinds, "set", _set, "turn a knob",
        option("knob KNOB", "its name in the plan"),
        option("value VALUE", "a new value, or a step with its sign"),
        option("--because RISK", WHY, required=True),
        option("--review DIR", "what shows it: a report of `rollout review` or `rollout watch`",
               type=Path),
        option("--by NAME", "who turns it", default=""),
        option("--force TEXT", "why one more than the plan allows at once", default=""),
        description=SET,
    )  # fmt: skip
    command(
        kinds, "undo", _undo, "take the last change back",
        option("knob KNOB", "of this knob (default: of all)", nargs="?"),
        option("--because TEXT", WHY, default="taken back"),
        option("--by NAME", "who takes it back", default=""),
    )  # fmt: skip


def _list(_: argparse.Namespace) -> int:
    from rolloutlib.flags.knobs import in_force
    from rolloutlib.ledger.knobs import LOG, knob_text, read_log

    root, plan = workbook()
    for setting in in_force(root, plan):
        knob = setting.knob
        least_to_most = phrase(
            "{least} to {most}", least=knob_text(knob.least), most=knob_text(knob.most)
        )
        another = phrase("; {log} says another value: a rollback reset it, or a hand", log=LOG)
        say(
            "{knob} ({feature}) = {value}  {key}: {bounds}{odd}", knob=setting.name,
            feature=knob.feature, value=knob_text(setting.value), key=knob.key,
            bounds=knob.values or least_to_most, odd="" if setting.recorded else another,
        )  # fmt: skip
    for line in read_log(root):
        say("  {line}", line=_told(plan, line))
    return 0


def _set(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.document import SESSION, FlagFiles
    from rolloutlib.flags.knobs import turn, turn_of

    root, plan = workbook()
    knobs = plan.knobs.known
    if arguments.knob not in knobs:
        raise UsageError(
            "{knob!r} is no knob of the plan; expected {known}.{hint}", knob=arguments.knob,
            known=tuple(knobs), hint=did_you_mean(arguments.knob, knobs),
        )  # fmt: skip
    because = _because(root, plan, arguments, arguments.review, arguments.force)
    how = turn_of(knobs[arguments.knob], arguments.value)
    line = turn(root, plan, arguments.knob, how, because, files=FlagFiles(time.time_ns))
    say(_told(plan, line))
    say("{file} has it now; the next decision's record and card repeat it.", file=SESSION)
    return 0


def _undo(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.flags.knobs import undo

    root, plan = workbook()
    because = _because(root, plan, arguments, None, "")
    say(_told(plan, undo(root, plan, arguments.knob, because, files=FlagFiles(time.time_ns))))
    return 0


def _told(plan: Plan, line: KnobLine) -> Phrase:
    from rolloutlib.ledger.knobs import knob_text

    knob = plan.knobs.known.get(line.knob)
    default = knob.default if knob else None
    before, after = (knob_text(default if v is None else v) for v in (line.before, line.after))
    return phrase(
        "{number}. {at} {key}: {before} → {after} ({why}{by}{forced}{undoes})",
        number=line.number, at=f"{line.at:%Y-%m-%d %H:%M}Z", key=line.key, before=before,
        after=after, why=line.why, by=phrase(", by {who}", who=line.by) if line.by else "",
        forced=phrase("; forced: {why}", why=line.forced) if line.forced else "",
        undoes=phrase("; takes {change} back", change=line.undoes) if line.undoes else "",
    )  # fmt: skip


def _because(
    root: Path, plan: Plan, arguments: argparse.Namespace, review: Path | None, force: str
) -> Because:
    """Return why a knob is turned, and since when changes have not been measured."""
    from rolloutlib.flags.knobs import Because

    why = arguments.because.strip()
    if not why or (" " not in why and arguments.call is _set and why not in plan.risks):
        raise UsageError(
            "--because is {got!r}; expected a risk of the plan ({risks}) or a sentence.{hint}",
            got=arguments.because, risks=tuple(plan.risks), hint=did_you_mean(why, plan.risks),
        )  # fmt: skip
    since, digest = (_last_decision(root), "") if review is None else _measured(review)
    return Because(why, now(), arguments.by, since, digest, force.strip())


def _last_decision(root: Path) -> datetime | None:
    """Return when the last decision was drafted: what was turned before it was seen with it."""
    from rolloutlib.ledger.documents import moment
    from rolloutlib.ledger.workbook import Workbook

    drafted = [
        moment(node.predicate.prepared.at, "prepared.at")
        for node in Workbook(root).read().nodes
        if node.predicate.kind == "promotion"
    ]
    return max(drafted, default=None)


def _measured(folder: Path) -> tuple[datetime | None, str]:
    """Return up to when a report's data go, and the digest of what it found."""
    from rolloutlib.files import bounded_bytes
    from rolloutlib.judge.record import decode
    from rolloutlib.watch import record

    review, watch = folder / "review.json", folder / "watch.json"
    if review.is_file():
        data = bounded_bytes(review)
        starts = [run.started_at for run in decode(data, where=str(review)).runs if run.started_at]
        return max(starts, default=None), hashlib.sha256(data).hexdigest()
    if watch.is_file():
        data = bounded_bytes(watch)
        return record.decode(data, str(watch)).as_of, hashlib.sha256(data).hexdigest()
    raise UsageError(
        "--review {folder} holds no review.json and no watch.json; expected a folder that `rollout "
        "review --out` or `rollout watch` wrote", folder=folder,
    )  # fmt: skip
