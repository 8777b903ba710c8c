"""Workbooks with flags and a ledger for tests.

Real keys, promotions as `decide` makes them, with the flags pinned.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rolloutlib.flags.document import (
    FLAGS,
    SESSION,
    FlagFiles,
    FlagState,
    document,
    initial_state,
    read_flags,
    session_defaults,
)
from rolloutlib.flags.promotion import PINNED
from rolloutlib.ledger.book import append, sign_record
from rolloutlib.ledger.records import Move
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.plan.model import load_plan
from tests.ledger import workbooks

if TYPE_CHECKING:
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.records import Decision, Predicate
    from rolloutlib.plan.workbook import StageId

__all__ = ["FILES", "NOW", "PLAN", "ROOT", "at", "decided", "flags_of", "signed", "workbook"]

ROOT = Path(__file__).parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
NOW = datetime(
    2026, 2, 1, 9, tzinfo=UTC
)  # before any clock that runs these tests, after the keys became valid
FILES = FlagFiles(time.time_ns)


def at(hours: float) -> datetime:
    """Return a moment so many hours after the story begins."""
    return NOW + timedelta(hours=hours)


def workbook(folder: Path, stage: StageId = 0) -> Path:
    """Make a workbook with four people's keys, an empty ledger, and the flags of a stage."""
    workbooks.workbook(folder)
    state = initial_state(PLAN) if stage == 0 else FlagState(stage, 1)
    (folder / FLAGS).write_bytes(document(PLAN, state))
    (folder / SESSION).write_bytes(session_defaults(PLAN, state))
    return folder


def decided(
    root: Path,
    *,
    hours: float,
    verdict: Decision = "GO",
    stage: int | None = None,
    signers: tuple[str, ...] | None = None,
) -> str:
    """Append a promotion out of the stage in force, as `decide` does, and let people sign it.

    Return its id.
    """
    file = read_flags(root / FLAGS)
    stage = file.state.stage if stage is None else stage

    def draft(slot: Slot) -> Predicate:
        return msgspec.structs.replace(
            workbooks.promotion(slot, verdict), stage=Move(stage, stage + 1)
        )

    node = append(
        Workbook(root),
        "promotion",
        draft,
        {"review.json": b"{}\n", PINNED: file.data},
        now=at(hours),
    )
    for n, who in enumerate(workbooks.SIGNERS if signers is None else signers, 1):
        signed(root, node.id, who, hours=hours + n / 60)
    return node.id


def signed(root: Path, name: str, who: str, *, hours: float) -> None:
    """Sign as one of the ledger tests' people."""
    role, key = workbooks.PEOPLE[who][1], workbooks.keys() / who
    sign_record(Workbook(root), name, role=role, key=key, who=None, now=at(hours))


def flags_of(root: Path) -> FlagState:
    """Return the state in force."""
    return read_flags(root / FLAGS).state
