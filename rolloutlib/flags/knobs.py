"""Knobs of the session config: turned one at a time, within bounds, each with its line in a log.

The log is written first: a crash between the two leaves a line that the file does not show, which
`rollout knobs list` says, never a turned knob that nobody recorded. A rollback writes the session
config anew, without any knob: what is safe is what the engine has by itself.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.errors import FileError, did_you_mean
from rolloutlib.files import bounded_bytes
from rolloutlib.flags.file import force, where_clients_read
from rolloutlib.flags.state import FLAGS, SESSION
from rolloutlib.ledger.durable import locked, overwrite
from rolloutlib.ledger.knobs import LOG, KnobError, KnobLine, encoded, knob_text, net, read_log
from rolloutlib.plan.risks import Turn

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.file import FlagFiles
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.risks import Knob

__all__ = ["Because", "InForce", "in_force", "turn", "turn_of", "undo", "with_knobs"]

Value = float | str | None
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_LOCK_SECONDS: Final = 10.0


class Because(NamedTuple):
    """Why and by whom a knob is turned.

    Attributes:
        why: a risk of the plan, or words.
        since: changes after this moment have not been measured yet; None counts all.
        review: sha256 of what shows it.
        forced: why one more than may be turned at once.
    """

    why: str
    at: datetime
    by: str = ""
    since: datetime | None = None
    review: str = ""
    forced: str = ""


class InForce(NamedTuple):
    """A knob's value now, and whether the log says the same."""

    name: str
    knob: Knob
    value: Value
    recorded: bool


def turn_of(knob: Knob, text: str) -> Turn:
    """Read what a knob is told: a word, a new number, or with a sign a step.

    Raises:
        KnobError: it is neither.
    """
    plain = text.replace("−", "-")
    if knob.values:
        return Turn(to=text) if text else Turn(to="–")
    if not _NUMBER.fullmatch(plain):
        raise KnobError(
            "{text!r} is no number; give a value (0.45), or a step with its sign", text=text
        )
    return Turn(by=float(plain)) if plain[0] in "+-" else Turn(to=float(plain))


def in_force(root: Path, plan: Plan) -> list[InForce]:
    """Return every knob's value: what the session config says, else the engine's own.

    Raises:
        KnobError: the session config or the log cannot be read.
    """
    session, log = _session(root), read_log(root)
    last = {line.knob: line.after for line in log}
    knobs: list[InForce] = []
    for name, knob in plan.knobs.known.items():
        value = _at(session, knob.key)
        effective = knob.default if value is None else value
        logged = last.get(name)
        same = name not in last or logged == value or (logged is None and effective == knob.default)
        knobs.append(InForce(name, knob, effective, same))
    return knobs


def turn(
    root: Path, plan: Plan, name: str, how: Turn, because: Because, *, files: FlagFiles
) -> KnobLine:
    """Turn a knob: its line goes into the log, its value into the session config.

    Args:
        root: the workbook's root.
        plan: whose knobs and bounds they are.
        name: the knob's.
        how: a step or a value.
        because: why, and by whom.
        files: the calls into the operating system.

    Raises:
        KnobError: there is no such knob, it may not be turned so, or too many are turned already.
        NotWrittenError, BusyError: a file could not be written, or somebody else writes.
    """
    knob = _known(plan, name)
    with locked(where_clients_read(root / FLAGS).parent, _LOCK_SECONDS):
        session, log = _session(root), read_log(root)
        present = _at(session, knob.key)
        before = knob.default if present is None else present
        if why := knob.refuses(before, how):
            raise KnobError("{name} is {value}; {why}", name=name, value=knob_text(before), why=why)
        after = how.to if knob.values else _whole(knob, knob.after(_number(before), how))
        if after == before and present is not None:
            raise KnobError("{name} is {value} already", name=name, value=knob_text(before))
        _refuse_more(plan, name, log, because)
        line = KnobLine(len(log) + 1, because.at, name, knob.key, present, after, because.why,
                        because.by, because.review, because.forced)  # fmt: skip
        _write(root, session, (*log, line), files)
    return line


def undo(
    root: Path, plan: Plan, name: str | None, because: Because, *, files: FlagFiles
) -> KnobLine:
    """Take the last change back, of a knob or of all; arguments and errors as `turn`."""
    if name is not None:
        _known(plan, name)
    with locked(where_clients_read(root / FLAGS).parent, _LOCK_SECONDS):
        session, log = _session(root), read_log(root)
        undone = {line.undoes for line in log}
        changes = [
            line for line in log
            if line.undoes is None and line.number not in undone and name in {None, line.knob}
        ]  # fmt: skip
        if not changes:
            raise KnobError(
                "{log} has no change of {name} to take back" if name else
                "{log} has no change to take back", log=LOG, name=name,
            )  # fmt: skip
        last = changes[-1]
        present = _at(session, last.key)
        if present != last.after:
            raise KnobError(
                "{file} has {key} = {now}, but change {number} left {was}: somebody turned it "
                "since, or a rollback reset it; set it with `rollout knobs set`",
                file=SESSION, key=last.key, now=knob_text(present), number=last.number,
                was=knob_text(last.after),
            )  # fmt: skip
        line = KnobLine(len(log) + 1, because.at, last.knob, last.key, present, last.before,
                        because.why, because.by, undoes=last.number)  # fmt: skip
        _write(root, session, (*log, line), files)
    return line


def with_knobs(root: Path, plan: Plan, fresh: bytes) -> bytes:
    """Return a new session config with the knobs that the present one has.

    A value that the log does not tell, or that its knob may not have, is left out.

    Args:
        root: the workbook's root.
        plan: whose knobs they are.
        fresh: what the flags alone make of it.

    Raises:
        KnobError: the log is damaged.
    """
    session: dict[str, Any] = json.loads(fresh)
    last = {line.knob: line.after for line in read_log(root)}
    present_session: dict[str, Any] = {}
    with suppress(KnobError):
        present_session = _session(root)
    for name, knob in plan.knobs.known.items():
        value = _at(present_session, knob.key)
        if value is not None and value == last.get(name) and knob.holds(value):
            _put(session, knob.key, value)
    return _bytes(session)


# --- parts ----------------------------------------------------------------------------------------


def _known(plan: Plan, name: str) -> Knob:
    knob = plan.knobs.known.get(name)
    if knob is None:
        raise KnobError(
            "{name!r} is no knob of the plan; expected one of {known}.{hint}", name=name,
            known=", ".join(plan.knobs.known), hint=did_you_mean(name, plan.knobs.known),
        )  # fmt: skip
    return knob


def _refuse_more(plan: Plan, name: str, log: tuple[KnobLine, ...], because: Because) -> None:
    """Refuse a knob beside as many as may be turned before anything is measured anew."""
    turned, most = [*net(log, since=because.since)], plan.knobs.at_once
    if name in turned or len(turned) < most or because.forced:
        return
    raise KnobError(
        "{knobs} are turned already, and nothing was measured since; of {n} nobody knows which one "
        "helped. Review first, take one back (rollout knobs undo), or give a reason: --force TEXT",
        knobs=", ".join(turned), n=most + 1,
    )  # fmt: skip


def _number(value: Value) -> float | None:
    return value if isinstance(value, int | float) else None


def _whole(knob: Knob, value: float) -> float:
    """Return a count as a whole number, as the engine reads it."""
    counts = knob.least_step is not None and knob.least_step >= 1 and value.is_integer()
    return int(value) if counts else value


def _session(root: Path) -> dict[str, Any]:
    try:
        session = json.loads(bounded_bytes(root / SESSION))
    except (FileError, ValueError) as error:
        raise KnobError(
            "{file} cannot be read: {error}; `rollout flags check` says what it should be; restore "
            "it (git checkout {file})", file=SESSION, error=error,
        ) from None  # fmt: skip
    if not isinstance(session, dict):
        raise KnobError(
            "{file} is no object; `rollout flags check` says what it should be; restore it (git "
            "checkout {file})", file=SESSION,
        )  # fmt: skip
    return cast("dict[str, Any]", session)


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _at(session: dict[str, Any], key: str) -> Value:
    """Return what stands at a dotted key; None where nothing, or no value, stands."""
    *parents, last = key.split(".")
    node: dict[str, Any] = session
    for part in parents:
        node = _object(node.get(part)) or {}
    value = node.get(last)
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _put(session: dict[str, Any], key: str, value: Value) -> None:
    """Write a value at a dotted key, or take it away; what stands in the way gives way."""
    *parents, last = key.split(".")
    node = session
    for part in parents:
        inner = _object(node.get(part))
        if inner is None:
            node[part] = inner = {}
        node = inner
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value
    if parents and not node:
        session.pop(parents[0], None)


def _write(
    root: Path, session: dict[str, Any], log: tuple[KnobLine, ...], files: FlagFiles
) -> None:
    overwrite(files, root / LOG, encoded(log))
    _put(session, log[-1].key, log[-1].after)
    force(files, root / SESSION, _bytes(session))


def _bytes(session: dict[str, Any]) -> bytes:
    return (json.dumps(session, indent=1) + "\n").encode()
