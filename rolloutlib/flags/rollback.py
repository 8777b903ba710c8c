"""The kill switch: flags off first, seen off by a client, then the record, then everything that people are told.

Each step after the first may fail without stopping the rest; what could not be done is listed as open, never skipped in
silence. Run again, it does only what is still missing, so a crash at any step is mended by the same command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from rolloutlib.flags.client import read_back
from rolloutlib.flags.document import (
    FLAGS,
    SESSION,
    FlagFile,
    FlagsError,
    FlagState,
    changed_features,
    document,
    initial_state,
    read_flags,
    salvaged_generation,
    session_defaults,
    switch,
)
from rolloutlib.ledger import durable
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.plan.model import FeatureId, Plan

__all__ = ["Reason", "RolledBack", "roll_back"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is rolled back: what people saw, who pulls the switch, what they suspect."""

    text: str
    signal: str = ""
    owner: str = ""
    cause: str = ""


@dataclass(slots=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        before: the flags that were in force; None when the file was missing or damaged.
        after: the safe flags that are in force now.
        switched: False when they were in force already.
        record: id of the rollback record, written now or before; None while it is open.
        green: the decision to return to; None when there is none, or nobody can tell.
        done, open: what was done and what could not be done, in order.
        follows: what people still have to do: signatures.
    """

    before: FlagState | None
    after: FlagState
    switched: bool
    record: str | None = None
    green: str | None = None
    done: list[Sentence] = field(default_factory=list[Sentence])
    open: list[Sentence] = field(default_factory=list[Sentence])
    follows: list[Sentence] = field(default_factory=list[Sentence])

    def attempt(self, what: Sentence, step: Callable[[], object]) -> None:
        """Do a step; where it fails, keep why among what is open."""
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self.open.append(say("{what}: {why}", what=what, why=str(error)))
        else:
            self.done.append(what)


def roll_back(
    root: Path,
    plan: Plan,
    reason: Reason,
    features: tuple[FeatureId, ...] = (),
    *,
    now: datetime,
    files: FlagFiles,
    lang: Literal["en", "ko"] = "en",
) -> RolledBack:
    """Turn features off for everybody and record it.

    Args:
        root: the workbook's root; only params/plan.yaml has to be there.
        plan: the plan.
        reason: for the record and the notice.
        features: what to turn off; by default what the stage in force turned on for somebody.
        now: the clock's reading.
        files: the calls into the operating system that write flags.
        lang: language of the record and the documents.

    Raises:
        NotWrittenError: the flags could not be written, so they are still on: the one failure that stops here.
    """
    path = root / FLAGS
    held = _held(path)
    before, after = held.state if held else None, _safe_state(root, plan, held, features, now)
    found = RolledBack(before, after, switched=after != before)
    if found.switched:
        switch(files, path, document(plan, after), before=None)
        found.done.append(
            say("Flags off: {flags}", flags=", ".join(plan.features[key].flag for key in after.off))
        )
    session = session_defaults(plan, after)
    found.attempt(
        say("Session defaults are safe"), lambda: durable.replace(files, root / SESSION, session)
    )
    found.attempt(say("A client sees the flags off"), lambda: read_back(path, plan, after))
    from rolloutlib.flags.rollback_record import (
        record_and_tell,  # after the flags are off: these imports take a while
    )

    record_and_tell(root, plan, reason, found, now=now, lang=lang)
    return found


def _held(path: Path) -> FlagFile | None:
    try:
        return read_flags(path)
    except FlagsError:
        return None


def _safe_state(
    root: Path, plan: Plan, file: FlagFile | None, features: tuple[FeatureId, ...], now: datetime
) -> FlagState:
    """Return the state to switch to: the one in force when it is safe already, so a second rollback is harmless."""
    profile = plan.rollback.safe_profile
    if file is not None:
        held, unedited = file.state, document(plan, file.state) == file.data
    else:  # nobody can tell the stage: the first one, without anything that any stage turns on
        held, unedited = (
            FlagState(
                initial_state(plan).stage, salvaged_generation(root / FLAGS), profile=profile
            ),
            False,
        )
        features = (
            *features,
            *(key for stage in plan.stages for key in changed_features(plan, stage)),
        )
    wanted = {*held.off, *(features or changed_features(plan, held.stage))}
    off: tuple[FeatureId, ...] = tuple(key for key in plan.features if key in wanted)
    if unedited and (off, profile) == (held.off, held.profile):
        return held
    return FlagState(held.stage, held.generation + 1, _next_id(root, now), off, profile)


def _next_id(root: Path, now: datetime) -> str:
    """Return the id that the record will get, from the names in the folder: the ledger may be damaged."""
    stem = f"dec-{now.astimezone(UTC):%Y%m%d}-rollback-"
    names = [path.name for path in (root / "docs" / "LEDGER").glob(f"{stem}*.record")]
    used = [
        int(found[1])
        for name in names
        if (found := re.fullmatch(rf"{stem}(\d{{3}})\.record", name))
    ]
    return f"{stem}{max(used, default=0) + 1:03d}"
