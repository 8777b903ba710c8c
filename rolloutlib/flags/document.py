"""The flag document: what the plan says for stage, feature and audience, switched as one file.

Everything in params/flags.json (flagd's schema) follows from the plan and a `FlagState`, so a few
words say which flags are in force, and any OpenFeature client resolves them. A person belongs to
several audiences (opted in, and internal); feature by feature the narrowest audience that the plan
names decides.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from rolloutlib.errors import RolloutError
from rolloutlib.ledger.durable import Files, locked, overwrite
from rolloutlib.plan.model import STAGES, Audience, FeatureId, FlagValue, Plan, StageId, Toggle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

FLAGS: Final = "params/flags.json"
SESSION: Final = "params/session.config.json"
STATE_KEY: Final = "rollout.state"
SCHEMA_URL: Final = "https://flagd.dev/schema/v0/flags.json"
_MIN_MTIME_STEP_NS = (
    2_000_000  # clients compare times as floats, and a kernel's clock may stand still for a tick
)

# What a client says about a person (its evaluation context), by audience.
CONTEXTS: Final[dict[Audience, dict[str, str | bool]]] = {
    "internal": {"cohort": "internal"},
    "dogfood": {"cohort": "dogfood"},
    "opted_in": {"cohort": "beta_optin", "optIn": True},
    "everyone": {},
    "opted_out": {"optOut": True},
}
# The narrowest first: saying no beats saying yes, and a wish beats belonging to a cohort.
_RULES: Final[dict[Audience, dict[str, Any]]] = {
    "opted_out": {"===": [{"var": "optOut"}, True]},
    "opted_in": {
        "or": [{"===": [{"var": "optIn"}, True]}, {"===": [{"var": "cohort"}, "beta_optin"]}]
    },
    "internal": {"===": [{"var": "cohort"}, "internal"]},
    "dogfood": {"===": [{"var": "cohort"}, "dogfood"]},
}


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


_STATE: Final = TypeAdapter(FlagState)


@dataclass(frozen=True, slots=True)
class FlagFile:
    """A flag file as it was read: its bytes, their sha256, and the state that it says it holds."""

    state: FlagState
    data: bytes
    digest: str


def initial_state(plan: Plan) -> FlagState:
    """Return the state of a workbook before its first decision: stage 0."""
    return FlagState(STAGES[0], 1, profile=plan.rollback.safe_profile)


def changed_features(plan: Plan, stage: StageId) -> tuple[FeatureId, ...]:
    """Return what a stage turned on for somebody: what a rollback turns off by default."""
    now = plan.stages[stage].toggles
    before = plan.stages[STAGES[stage - 1]].toggles if stage else {}
    unset = {key: Toggle(default=toggle.default) for key, toggle in now.items()}
    return tuple(key for key in now if now[key] != before.get(key, unset[key]))


# --- state → document -----------------------------------------------------------------------------


def values(plan: Plan, state: FlagState, audiences: Collection[Audience]) -> dict[str, FlagValue]:
    """Return every flag's value, by flag key, for a person who belongs to these audiences."""
    toggles = plan.stages[state.stage].toggles
    narrowest = [*(audience for audience in _RULES if audience in audiences), "everyone"]
    by_flag: dict[str, FlagValue] = {}
    for key, feature in plan.features.items():
        named = [getattr(toggles[key], audience) for audience in narrowest]
        on = next((value for value in named if value is not None), toggles[key].default)
        value = feature.enabled if on else feature.disabled
        by_flag[feature.flag] = feature.safe if key in state.off else value
    return by_flag


def state_value(
    plan: Plan, state: FlagState, audiences: Collection[Audience]
) -> dict[str, FlagValue | int]:
    """Return `rollout.state`: every flag, the profile, and which state this is, read as one."""
    about = {"stage": state.stage, "generation": state.generation, "decision": state.decision}
    return {**values(plan, state, audiences), "guardianProfileId": state.profile, **about}  # pyright: ignore[reportReturnType]  profile names are text


def document(plan: Plan, state: FlagState) -> bytes:
    """Return the document (flagd schema): a flag a feature, and `rollout.state` with them all."""
    toggles = plan.stages[state.stage].toggles.values()
    named: list[Audience] = [
        audience
        for audience in _RULES
        if any(getattr(toggle, audience) is not None for toggle in toggles)
    ]
    flags: dict[str, Any] = {}
    for feature in plan.features.values():
        variants = {"on": feature.enabled, "off": feature.disabled}
        flags[feature.flag] = _flag(named, variants, _value_of(plan, state, feature.flag))
    flags[STATE_KEY] = _flag(named, {}, lambda audiences: state_value(plan, state, audiences))
    metadata = {"stage": state.stage, "generation": state.generation, "decision": state.decision}
    metadata |= {"off": ",".join(state.off), "profile": state.profile, "flagSetId": "rollout"}
    whole = {"$schema": SCHEMA_URL, "metadata": metadata, "flags": flags}
    return (json.dumps(whole, indent=1) + "\n").encode()


def _value_of(
    plan: Plan, state: FlagState, flag: str
) -> Callable[[frozenset[Audience]], FlagValue]:
    return lambda audiences: values(plan, state, audiences)[flag]


def _flag(
    named: Sequence[Audience],
    variants: dict[str, Any],
    value_of: Callable[[frozenset[Audience]], Any],
) -> dict[str, Any]:
    """Return one flag: its variants, the one for everybody, and the rules for who gets another."""

    def variant_of(audiences: frozenset[Audience]) -> str:
        value = value_of(audiences)
        names = (name for name, known in variants.items() if known == value)
        name = next(names, "+".join(sorted(audiences)) or "everyone")
        variants.setdefault(name, value)
        return name

    default = variant_of(frozenset())
    targeting = _targeting(named, variant_of)
    rules = {"targeting": targeting} if isinstance(targeting, dict) else {}
    return {"state": "ENABLED", "variants": variants, "defaultVariant": default, **rules}


def _targeting(
    named: Sequence[Audience],
    variant_of: Callable[[frozenset[Audience]], str],
    audiences: frozenset[Audience] = frozenset(),
) -> dict[str, Any] | str:
    """Return the JSON Logic that asks for one audience after the other, where it matters."""
    if not named:
        return variant_of(audiences)
    first, *rest = named
    within = audiences.union(named[:1])
    outside, inside = _targeting(rest, variant_of, audiences), _targeting(rest, variant_of, within)
    return inside if inside == outside else {"if": [_RULES[first], inside, outside]}


def session_defaults(plan: Plan, state: FlagState) -> bytes:
    """Return session.config.json: what the engine starts a session with by default."""
    flags = values(plan, state, ())
    chosen = [plan.features["A"].flag, plan.features["F"].flag]
    defaults: dict[str, Any] = {flag.removeprefix("feature."): flags[flag] for flag in chosen}
    defaults["guardianProfileId"] = state.profile
    return (json.dumps(defaults, indent=1) + "\n").encode()


# --- files ----------------------------------------------------------------------------------------


def digest_of(data: bytes) -> str:
    """Return the sha256 by which records name a flag file."""
    return sha256(data).hexdigest()


def read_flags(path: Path) -> FlagFile:
    """Read a flag file.

    Raises:
        FlagsError: it is missing, truncated, or does not say which state it holds.
    """
    try:
        data = path.read_bytes()
        metadata: dict[str, Any] = json.loads(data)["metadata"]
        off = [feature for feature in metadata["off"].split(",") if feature]
        state = _STATE.validate_python({**metadata, "off": off})
    except OSError as error:
        hint = "`rollout rollback` writes the safe state"
        raise FlagsError(f"{path} cannot be read: {error.strerror}; {hint}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        expected = "expected the flag document that `rollout promote` or `rollout rollback` wrote"
        until = "clients keep their last good values until you restore it with git"
        hint = f"{until}, or write the safe state with `rollout rollback`"
        raise FlagsError(f"{path} is damaged; {expected}; {hint}") from None
    return FlagFile(state, data, digest_of(data))


def salvaged_generation(path: Path) -> int:
    """Return the highest generation that a damaged file shows, or 0: the next must be newer."""
    try:
        numbers = re.findall(rb'"generation":\s*(\d{1,9})', path.read_bytes())
    except OSError:
        return 0
    return max(map(int, numbers), default=0)


class FlagFiles(Files):
    """The calls into the operating system, with a modification time that always rises.

    Clients ignore a file that is not newer than the one they know; a clock that was set back must
    not keep flags on.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        """Take the clock: nanoseconds since 1970."""
        self.clock_ns = clock_ns

    def rename(self, source: Path, target: Path) -> None:
        """Replace a file by another in one step; the new one is newer."""
        last_ns = target.stat().st_mtime_ns if target.exists() else 0
        newer_ns = max(self.clock_ns(), last_ns + _MIN_MTIME_STEP_NS)
        os.utime(source, ns=(newer_ns, newer_ns))
        super().rename(source, target)


def switch(files: FlagFiles, path: Path, data: bytes, *, before: str | None) -> None:
    """Put a flag document in the place of the one that a change was decided for, at once.

    Args:
        files: the calls into the operating system, and the clock.
        path: the flag file.
        data: its new bytes.
        before: sha256 of the file that must be there; None replaces whatever is there (the kill
            switch).

    Raises:
        FlagsError: another file is there; nothing was changed.
        NotWrittenError: the system refused; the old flags are still in force.
    """
    with locked(path.parent):
        if before is not None and (there := read_flags(path).digest) != before:
            expected = f"expected sha256 {before[:12]}…, for which this change was decided"
            again = "look at `rollout flags diff`, decide again"
            raise FlagsError(f"{path} has sha256 {there[:12]}…; {expected}; {again}")
        overwrite(files, path, data)
