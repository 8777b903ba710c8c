"""Which flags are in force, as the flag file says it, read within bounds.

Nothing here knows the plan, so the kill switch needs none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.errors import FileError, RolloutError
from rolloutlib.files import bounded_bytes, opened
from rolloutlib.phrase import foreign
from rolloutlib.plan.workbook import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.plan.model import FeatureId
    from rolloutlib.plan.workbook import StageId

FLAGS: Final = "params/flags.json"
SESSION: Final = "params/session.config.json"
STATE_KEY: Final = "rollout.state"
MAX_BYTES: Final = 1_000_000
_MAX_DEPTH = 64
_MAX_DIGITS = 400
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_GENERATIONS = range(1, 10**15)  # exact as a JavaScript number, with room for more
_FEATURES = "ABCDEF"


class FlagsError(RolloutError):
    """The flag file is missing, damaged, or not the one that a change was decided for."""


@dataclass(frozen=True, slots=True)
class FlagState:
    """Which flags are meant to be in force; the document follows from it and the plan.

    Attributes:
        generation: rises by one with every switch, so that a client can tell an older state.
        decision: id of the record that asked for this state; empty for a workbook's first one.
        off: features that a rollback turned off for everybody.
        profile: the guardian profile of new sessions.
    """

    stage: StageId
    generation: int
    decision: str = ""
    off: tuple[FeatureId, ...] = ()
    profile: str = "default"


@dataclass(frozen=True, slots=True)
class FlagFile:
    """A flag file as it was read: its bytes, their sha256, and the state that it says it holds."""

    state: FlagState
    data: bytes
    digest: str


def digest_of(data: bytes) -> str:
    """Return the sha256 by which records name a flag file."""
    return sha256(data).hexdigest()


def read_flags(path: Path) -> FlagFile:
    """Read a flag file.

    Raises:
        FlagsError: it is missing, no file, too large, damaged, or does not say which state it
            holds.
    """
    try:
        return read_strictly(path)
    except FileError as error:
        raise FlagsError(
            "{path} {why}; `rollout rollback` writes the safe state", path=path, why=error.why
        ) from None
    except ValueError as error:
        raise FlagsError(
            "{path} is damaged ({error}); expected the flag document that `rollout promote` or "
            "`rollout rollback` wrote; clients keep their last good values until you restore it "
            "with git, or write the safe state with `rollout rollback`",
            path=path, error=foreign(str(error)),
        ) from None  # fmt: skip


def read_strictly(path: Path) -> FlagFile:
    """Read a flag file, as `read_flags` does, for who can do without it.

    Raises:
        FileError: it is missing, no file, or too large.
        ValueError: it is damaged.
    """
    data = bounded_bytes(path, MAX_BYTES)
    return FlagFile(state_of(parsed(data)), data, digest_of(data))


def start_of(path: Path) -> bytes:
    """Return the first bytes of a file of any size, for what can be salvaged of it.

    Raises:
        FileError: it is missing, or no file.
    """
    with opened(path, 2**62) as stream:
        return stream.read(MAX_BYTES)


def parsed(data: bytes) -> dict[str, Any]:
    """Return the object that a document holds.

    Raises:
        ValueError: it is no JSON object, is nested too deep, or has a key twice.
    """
    if _depth(data) > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    try:
        text = data.decode()
        whole = json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_constant=_whole)
    except UnicodeDecodeError:
        raise ValueError("no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON at line {error.lineno}") from None
    if not isinstance(whole, dict):
        raise ValueError(f"a JSON {type(whole).__name__}")  # noqa: TRY004  # one family for damage
    return cast("dict[str, Any]", whole)


def _depth(data: bytes) -> int:
    """Return how deep a document is nested; brackets in texts count too, ours have none."""
    brackets = data.translate(None, _NO_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        raise ValueError("a key is there twice")
    return whole


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or not digits.lstrip("-").isdigit():
        raise ValueError(f"{digits[:20]} is no number")
    return int(digits)


def state_of(whole: dict[str, Any]) -> FlagState:
    """Return the state that a document says it holds.

    Raises:
        ValueError: a part of it is missing, of another type, or beyond what makes sense.
    """
    about: Any = whole.get("metadata")
    if not isinstance(about, dict):
        raise ValueError("no metadata")  # noqa: TRY004  # one family for damage
    metadata = cast("dict[str, Any]", about)
    stage, generation = (metadata.get(key) for key in ("stage", "generation"))
    for key, allowed in (("stage", STAGES), ("generation", _GENERATIONS)):
        if type(metadata.get(key)) is not int or metadata[key] not in allowed:
            raise ValueError(f"{key} is {str(metadata.get(key))[:40]!r}")
    decision, off, profile = (metadata.get(key) for key in ("decision", "off", "profile"))
    features = off.split(",") if isinstance(off, str) and off else []
    unknown = [key for key in features if key not in set(_FEATURES)]
    if not isinstance(off, str) or unknown or len(set(features)) < len(features):
        raise ValueError(f"off is {str(off)[:40]!r}")
    for key, text in (("decision", decision), ("profile", profile)):
        if not isinstance(text, str) or not re.fullmatch(r"[^\x00-\x1f\x7f]{0,100}", text):
            raise ValueError(f"{key} is {str(text)[:40]!r}")
    return FlagState(
        cast("StageId", stage), cast("int", generation), cast("str", decision),
        cast("tuple[FeatureId, ...]", tuple(features)), cast("str", profile),
    )  # fmt: skip


def next_generation(generation: int) -> int:
    """Return the generation after this one."""
    return min(generation + 1, _GENERATIONS[-1])


def salvaged_generation(data: bytes) -> int:
    """Return the highest generation that a damaged file shows, or 0: the next must be newer."""
    numbers = re.findall(rb'"generation":\s*(\d{1,15})(?!\d)', data.replace(b"\0", b""))
    return max(map(int, numbers), default=0)
