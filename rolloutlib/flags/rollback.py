"""The kill switch: flags off, seen off by a client, then the record, then what people are told.

It needs no plan, no ledger and no flag file that can be read, and it waits for nobody without end.
Each step after the first may fail without stopping the rest; what could not be done is listed as
open, never skipped in silence. Run again, it does only what is still missing, so a crash at any
step is mended by the same command.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.flags.bare import off_already, off_document
from rolloutlib.flags.file import StillOnError, flags_lock, force
from rolloutlib.flags.limits import SlowError, within
from rolloutlib.flags.outcome import RolledBack
from rolloutlib.flags.state import (
    FLAGS,
    SESSION,
    FlagState,
    next_generation,
    read_strictly,
    salvaged_generation,
    start_of,
)
from rolloutlib.ledger import durable
from rolloutlib.ledger.durable import NotWrittenError
from rolloutlib.ledger.findings import said_by
from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Literal

    from rolloutlib.flags.file import FlagFiles
    from rolloutlib.flags.outcome import Trigger
    from rolloutlib.flags.state import FlagFile
    from rolloutlib.plan.model import FeatureId, Plan

# How long a step may take, in seconds; after that the switch goes on without it.
LOCK, READ, PLAN, WRITE, CLIENT = 0.5, 1.0, 3.0, 10.0, 10.0
PLAN_WORK: Final = 0.5  # seconds of work: twenty times what the shipped plan takes
_TRACES: Final = (FLAGS, "params/plan.yaml", SESSION, "params/roles.yaml", "docs/LEDGER")
_PINNED: Final = 50  # the newest records whose flag files may tell a generation


class _Seen(NamedTuple):
    """The flag file as it is: read, or what is salvaged of it."""

    file: FlagFile | None
    data: bytes
    generation: int


class _Safe(NamedTuple):
    """The safe flags: state, documents, the keys that are off, and how a client shows it."""

    plan: Plan | None
    state: FlagState
    data: bytes
    session: bytes
    flags: tuple[str, ...]
    read_back: Callable[[Path], None]


def workbook_to_switch(start: Path | None = None) -> Path:
    """Return the nearest folder, at or above where one stands, with any trace of a workbook.

    Raises:
        StillOnError: there is none. No other one is taken: it could be another product's.
    """
    with suppress(FileNotFoundError):
        start_folder = start or Path.cwd()
        for folder in (start_folder, *start_folder.parents):
            if any(os.path.lexists(folder / trace) for trace in _TRACES):
                return folder
    raise StillOnError(
        "FLAGS ARE STILL ON: there is no workbook here or above (looked for {traces}); go into the "
        "workbook (cd) and run it again", traces=", ".join(_TRACES),
    )  # fmt: skip


def roll_back(
    root: Path,
    trigger: Trigger,
    features: tuple[FeatureId, ...] = (),
    *,
    now: datetime,
    files: FlagFiles,
    lang: Literal["en", "ko"] = "en",
) -> RolledBack:
    """Turn features off for everybody and record it.

    Args:
        root: the workbook's root; nothing has to be there.
        trigger: for the record and the notice.
        features: what to turn off; by default what the stage in force turned on for somebody.
            Without a plan that can be read it is everything.
        now: the clock's reading.
        files: the calls into the operating system that write flags.
        lang: language of the record and the documents.

    Raises:
        StillOnError: the flags could not be written, so they are still on: the one failure that
            stops here.
    """
    path, unread = root / FLAGS, list[Phrase]()
    plan = _plan(root, unread)
    with flags_lock(path, LOCK, unread):  # two at once: the second finds the flags off already
        present = _seen(root, unread)
        safe = _safe(plan, present, features, _next_id(root, now), unread)
        before, data = (present.file.state, present.file.data) if present.file else (None, None)
        outcome = RolledBack(before, safe.state, data != safe.data, safe.data, safe.flags, unread)
        if outcome.switched:
            _switch(files, path, safe, unread)
        outcome.attempt(
            phrase("Session defaults are safe"), lambda: _reset_session(files, root, safe, unread)
        )
    outcome.attempt(phrase("A client sees the flags off"), lambda: _read_back(path, safe))
    try:
        from rolloutlib.flags.rollback_record import (
            record_and_tell,  # after the flags are off: these imports take a while
        )

        record_and_tell(root, safe.plan, trigger, outcome, now=now, lang=lang)
    except Exception as error:  # noqa: BLE001  # whatever it is: the flags are off, and it is told
        outcome.open.append(phrase("Recorded: {why}", why=said_by(error)))
    return outcome


# --- what is there --------------------------------------------------------------------------------


def _plan(root: Path, unread: list[Phrase]) -> Plan | None:
    try:
        from rolloutlib.plan.model import load_plan

        return within(PLAN, lambda: load_plan(root / "params" / "plan.yaml"), busy=PLAN_WORK)
    except Exception as error:  # noqa: BLE001  # whatever it is: off needs no plan
        unread.append(_no_plan(error))
        return None


def _seen(root: Path, unread: list[Phrase]) -> _Seen:
    """Return the flag file, or what can be salvaged of it: its first bytes and its generation."""
    path = root / FLAGS
    try:
        file = within(READ, lambda: read_strictly(path))
    except Exception as error:  # noqa: BLE001  # whatever it is: it is replaced
        unread.append(phrase("The flag file could not be read: {why}", why=said_by(error)))
    else:
        return _Seen(file, file.data, file.state.generation)
    data, pinned = b"", 0
    with suppress(RolloutError):
        data = within(READ, lambda: start_of(path))
    with suppress(RolloutError, OSError):
        pinned = within(READ, lambda: _pinned(root))
    return _Seen(None, data, max(salvaged_generation(data), pinned))


def _pinned(root: Path) -> int:
    """Return the generation after the newest that the ledger pins, or 0: clients may know it."""
    pins = sorted((root / "docs" / "LEDGER").glob("dec-*/flags.json"), key=_by_number)[-_PINNED:]
    generations = [salvaged_generation(start_of(pin)) for pin in pins if pin.is_file()]
    return max(generations) + 1 if generations else 0


def _by_number(pin: Path) -> tuple[str, int, str]:
    """Return what sorts a day's ids by their numbers: the thousandth has one digit more."""
    name = pin.parent.name
    return name.split("-")[1], len(name), name


def _next_id(root: Path, now: datetime) -> str:
    """Return the id that the record will get, by names of files: the ledger may be damaged."""
    names: list[str] = []
    for folder in ("docs/LEDGER", "docs/ROLLBACKS", "params/ROLLBACKS"):
        with suppress(OSError):
            paths = (root / folder).glob("dec-*.[rm]*")  # records, and cards of those that are gone
            names += [path.stem.partition("~")[0] for path in paths]
    return durable.next_id("rollback", now, names)


def _no_plan(error: Exception) -> Phrase:
    return phrase("The plan could not be read, so every flag is off: {why}", why=said_by(error))


# --- what is safe ---------------------------------------------------------------------------------


def _safe(
    plan: Plan | None,
    present: _Seen,
    features: tuple[FeatureId, ...],
    record: str,
    unread: list[Phrase],
) -> _Safe:
    if plan is not None:
        try:
            return _by_plan(plan, present, features, record)
        except Exception as error:  # noqa: BLE001  # a plan that makes no document is none
            unread.append(_no_plan(error))
    if features:
        unread.append(
            phrase(
                "Only the plan says which flag is feature {names}: every one is off", names=features
            )
        )
    off = present.file and off_already(present.file)
    off = off or off_document(present.data, next_generation(present.generation), record)

    def read_back(path: Path) -> None:
        from rolloutlib.flags.client import read_back_off

        read_back_off(path, off)

    return _Safe(None, off.state, off.data, off.session, tuple(off.flags), read_back)


def _by_plan(plan: Plan, present: _Seen, features: tuple[FeatureId, ...], record: str) -> _Safe:
    """Return what the plan says is safe: the state in force when it is safe already."""
    from rolloutlib.flags import client, document

    def at(state: FlagState, data: bytes) -> _Safe:
        keys = tuple(plan.features[key].flag for key in state.off)
        session = document.session_defaults(plan, state)

        def read_back(path: Path) -> None:
            client.read_back(path, plan, state)

        return _Safe(plan, state, data, session, keys, read_back)

    profile, file = plan.rollback.safe_profile, present.file
    anything = {key for stage in plan.stages for key in document.changed_features(plan, stage)}
    if file is None:  # nobody can tell the stage: the first one, without what any stage turns on
        stage, turned_off = document.initial_state(plan).stage, {*features, *anything}
    else:
        stage = file.state.stage
        by_stage = document.changed_features(plan, stage) or anything
        turned_off = {*file.state.off, *(features or by_stage)}
    off: tuple[FeatureId, ...] = tuple(key for key in plan.features if key in turned_off)
    in_force = (file.state.off, file.state.profile) if file else None
    if file and in_force == (off, profile) and document.unedited(plan, file):
        return at(file.state, file.data)
    state = FlagState(stage, next_generation(present.generation), record, off, profile)
    return at(state, document.document(plan, state))


# --- steps ----------------------------------------------------------------------------------------


def _switch(files: FlagFiles, path: Path, safe: _Safe, unread: list[Phrase]) -> None:
    try:
        unread.extend(within(WRITE, lambda: force(files, path, safe.data)))
    except (NotWrittenError, SlowError) as error:
        why = error.phrase
        if isinstance(error, SlowError):
            why = phrase("{path}: {why}", path=path, why=error)
        raise StillOnError(
            "FLAGS ARE STILL ON: {why}; give this user the right to write there, or free the disk, "
            "and run it again", why=why,
        ) from None  # fmt: skip


def _reset_session(files: FlagFiles, root: Path, safe: _Safe, unread: list[Phrase]) -> None:
    unread.extend(within(WRITE, lambda: force(files, root / SESSION, safe.session)))


def _read_back(path: Path, safe: _Safe) -> None:
    within(CLIENT, lambda: safe.read_back(path))
