"""The kill switch: flags off, seen off by a client, then the record, then what people are told.

Each step after the first may fail without stopping the rest; what could not be done is listed as
open, never skipped in silence. Run again, it does only what is still missing, so a crash at any
step is mended by the same command.
"""

from __future__ import annotations

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
from rolloutlib.flags.outcome import RolledBack
from rolloutlib.ledger import durable
from rolloutlib.plan.model import load_plan
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.flags.outcome import Trigger
    from rolloutlib.plan.model import FeatureId, Plan


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
        root: the workbook's root; only params/plan.yaml has to be there.
        trigger: for the record and the notice.
        features: what to turn off; by default what the stage in force turned on for somebody.
        now: the clock's reading.
        files: the calls into the operating system that write flags.
        lang: language of the record and the documents.

    Raises:
        NotWrittenError: the flags could not be written, so they are still on: the one failure that
            stops here.
    """
    plan, path = load_plan(root / "params" / "plan.yaml"), root / FLAGS
    file = _read(path)
    before, after = file.state if file else None, _safe_state(root, plan, file, features, now)
    off = tuple(plan.features[key].flag for key in after.off)
    safe = document(plan, after)
    outcome = RolledBack(before, after, after != before, safe, off)
    if outcome.switched:
        switch(files, path, safe, before=None)
        outcome.done.append(say("Flags off: {flags}", flags=", ".join(off)))
    session = session_defaults(plan, after)
    outcome.attempt(
        say("Session defaults are safe"), lambda: durable.overwrite(files, root / SESSION, session)
    )
    outcome.attempt(say("A client sees the flags off"), lambda: read_back(path, plan, after))
    from rolloutlib.flags.rollback_record import (
        record_and_tell,  # after the flags are off: these imports take a while
    )

    record_and_tell(root, plan, trigger, outcome, now=now, lang=lang)
    return outcome


def _read(path: Path) -> FlagFile | None:
    try:
        return read_flags(path)
    except FlagsError:
        return None


def _safe_state(
    root: Path, plan: Plan, file: FlagFile | None, features: tuple[FeatureId, ...], now: datetime
) -> FlagState:
    """Return the state to switch to: the one in force when it is safe already."""
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
    """Return the id that the record will get, by the folder's names: the ledger may be damaged."""
    files = (root / "docs" / "LEDGER").glob("dec-*.record")
    return durable.next_id("rollback", now, [path.stem for path in files])
