"""The off document without a plan: from the flag file itself, or from what the product has.

Every flag gets its own safe value for everybody, which is also the default in the clients' code.
Where the plan can be read again it says the same, byte by byte.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.flags.shape import constant, same, session, state_tells, tells, whole
from rolloutlib.flags.state import STATE_KEY, FlagState, parsed, state_of
from rolloutlib.plan.workbook import STAGES

if TYPE_CHECKING:
    from rolloutlib.flags.state import FlagFile
    from rolloutlib.plan.model import FeatureId, FlagValue

SAFE_PROFILE: Final = "default"
_MAX_FLAGS: Final = 200
_LETTERS: Final[tuple[FeatureId, ...]] = ("A", "B", "C", "D", "E", "F")


class Known(NamedTuple):
    """A flag of the product: its feature, its values on and off, and the one that is safe."""

    feature: FeatureId
    on: FlagValue
    off: FlagValue
    safe: FlagValue


PRODUCT: Final[dict[str, Known]] = {
    "feature.searchLite": Known("A", on=True, off=False, safe=False),
    "feature.guardianProfiles": Known("B", on=True, off=False, safe=False),
    "feature.autoTagging": Known("C", on=True, off=False, safe=False),
    "feature.difficultyDistribution": Known("D", on=True, off=False, safe=False),
    "feature.styleGuard": Known("E", on=True, off=False, safe=False),
    "feature.mode": Known("F", on="exploit", off="explore", safe="exploit"),
}


@dataclass(frozen=True, slots=True)
class OffFlag:
    """A flag that is off: its values by name, and the safe one; None is the default in the code."""

    variants: dict[str, FlagValue]
    safe: FlagValue | None
    feature: FeatureId | None

    @classmethod
    def product(cls, key: str) -> OffFlag:
        """Return a flag of the product."""
        product = PRODUCT[key]
        return cls({"on": product.on, "off": product.off}, product.safe, product.feature)

    def document(self) -> dict[str, Any]:
        """Return the flag in flagd's schema: the same for everybody, or left to the code."""
        if self.safe is None:
            default = next(iter(self.variants))
            return {"state": "DISABLED", "variants": self.variants, "defaultVariant": default}
        return constant(self.variants, self.safe, tells(self.feature, self.safe))


@dataclass(frozen=True, slots=True)
class OffDocument:
    """What is off, as a state and as bytes.

    Attributes:
        flags: by key.
    """

    state: FlagState
    flags: dict[str, OffFlag]

    @property
    def data(self) -> bytes:
        """Return the document."""
        flags = {key: flag.document() for key, flag in self.flags.items()}
        return whole(self.state, flags | {STATE_KEY: constant({}, self.value, {})})

    @property
    def value(self) -> dict[str, Any]:
        """Return `rollout.state`."""
        values = {key: flag.safe for key, flag in self.flags.items() if flag.safe is not None}
        return values | state_tells(self.state)

    @property
    def session(self) -> bytes:
        """Return session.config.json: what the engine starts a session with by default."""
        by_feature = {flag.feature: (key, flag) for key, flag in self.flags.items()}
        chosen: dict[str, FlagValue] = {}
        for product_key in ("feature.searchLite", "feature.mode"):
            own = OffFlag.product(product_key)
            key, flag = by_feature.get(own.feature, (product_key, own))
            if flag.safe is not None:
                chosen[key] = flag.safe
        return session(chosen, self.state.profile)


def off_document(data: bytes, generation: int, decision: str) -> OffDocument:
    """Return the document in which every flag of a flag file is off for everybody.

    Args:
        data: the flag file's bytes, as far as they could be read.
        generation: of the new state.
        decision: id of the record that will tell of it.
    """
    stage = STAGES[0]
    try:
        read = parsed(data)
        flags = _flags(read)
    except ValueError:
        flags = {}
    else:
        with suppress(ValueError):
            stage = state_of(read).stage
    flags = flags or _named(data)
    features = {flag.feature for flag in flags.values()}
    off: tuple[FeatureId, ...] = tuple(letter for letter in _LETTERS if letter in features)
    return OffDocument(FlagState(stage, generation, decision, off, SAFE_PROFILE), flags)


def off_already(file: FlagFile) -> OffDocument | None:
    """Return the off document that a file is; None where it turns something on, or might."""
    same_again = off_document(file.data, file.state.generation, file.state.decision)
    return same_again if same_again.data == file.data else None


def _named(data: bytes) -> dict[str, OffFlag]:
    """Return the product's flags, and those that damaged bytes name: these are left to the code."""
    names = [name.decode() for name in re.findall(rb'"(feature\.[A-Za-z]{1,60})"', data)]
    flags = {key: OffFlag.product(key) for key in PRODUCT}
    for name in [*dict.fromkeys(names)][:_MAX_FLAGS]:
        flags.setdefault(name, OffFlag({"on": True, "off": False}, None, None))
    return flags


def _flags(read: dict[str, Any]) -> dict[str, OffFlag]:
    """Return the flags of a document that can be told, by key."""
    entries = _fields(read.get("flags"))
    keys = [key for key in entries if key != STATE_KEY and re.fullmatch(r"[\w.-]{1,100}", key)]
    return {key: _off_flag(key, _fields(entries[key])) for key in keys[:_MAX_FLAGS]}


def _off_flag(key: str, entry: dict[str, Any]) -> OffFlag:
    """Return a flag off: by what the product knows, what the file says of itself, or its types."""
    product = PRODUCT.get(key)
    if product and isinstance(product.safe, bool):
        return OffFlag.product(key)
    metadata, named = _fields(entry.get("metadata")), _fields(entry.get("variants"))
    values = {name: value for name, value in named.items() if isinstance(value, (bool, str))}
    safe, feature = metadata.get("safe"), product.feature if product else metadata.get("feature")
    if not any(same(safe, value) for value in values.values()):
        switch = bool(values) and all(isinstance(value, bool) for value in values.values())
        safe = product.safe if product else False if switch else None
    if entry.get("state") == "DISABLED" and not product:
        safe = None
    letter = feature if isinstance(feature, str) and feature in _LETTERS else None
    variants = cast("dict[str, FlagValue]", values or {"on": True, "off": False})
    return OffFlag(variants, cast("FlagValue | None", safe), letter)


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever the file holds
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
