"""How a flag document is laid out (flagd's schema): the plan fills it, or the kill switch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.flags.state import FlagState
    from rolloutlib.plan.model import FeatureId, FlagValue

SCHEMA_URL: Final = "https://flagd.dev/schema/v0/flags.json"


def whole(state: FlagState, flags: Mapping[str, Any]) -> bytes:
    """Return a document: which state it is, and its flags by key."""
    metadata = {"stage": state.stage, "generation": state.generation, "decision": state.decision}
    metadata |= {"off": ",".join(state.off), "profile": state.profile, "flagSetId": "rollout"}
    return _text({"$schema": SCHEMA_URL, "metadata": metadata, "flags": flags})


def flag(
    variants: dict[str, Any],
    default: str,
    targeting: dict[str, Any] | None,
    metadata: Mapping[str, object],
) -> dict[str, Any]:
    """Return a flag: values by name, the one for everybody, and the rules for who gets another."""
    about = {"metadata": dict(metadata)} if metadata else {}
    rules = {} if targeting is None else {"targeting": targeting}
    return {"state": "ENABLED", "variants": variants, "defaultVariant": default} | about | rules


def constant(
    variants: Mapping[str, Any], value: object, metadata: Mapping[str, object]
) -> dict[str, Any]:
    """Return a flag that is the same for everybody."""
    values = dict(variants)
    return flag(values, variant_of(values, value, "everyone"), None, metadata)


def tells(feature: FeatureId | None, safe: FlagValue) -> dict[str, object]:
    """Return what a flag tells of itself, for a kill switch that can read no plan."""
    return {} if feature is None else {"feature": feature, "safe": safe}


def variant_of(variants: dict[str, Any], value: object, otherwise: str) -> str:
    """Return the name of a value; one that has none yet gets the name `otherwise`."""
    name = next((name for name, other in variants.items() if same(other, value)), otherwise)
    variants.setdefault(name, value)
    return name


def same(value: object, other: object) -> bool:
    """Whether two values are alike in type too: 1 is not true."""
    return type(value) is type(other) and value == other


def state_tells(state: FlagState) -> dict[str, Any]:
    """Return what `rollout.state` holds beside the flags: the profile, and which state it is."""
    about = {"stage": state.stage, "generation": state.generation, "decision": state.decision}
    return {"guardianProfileId": state.profile} | about


def session(chosen: Mapping[str, FlagValue], profile: str) -> bytes:
    """Return session.config.json: what the engine starts a session with by default."""
    defaults = {key.removeprefix("feature."): value for key, value in chosen.items()}
    return _text(defaults | {"guardianProfileId": profile})


def _text(content: object) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
