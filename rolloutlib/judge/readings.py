"""What data say of the risk register's signals, as records: numbers, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from rolloutlib.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NATS", "Reading", "SignalState", "Signals", "State"]

State = Literal["fires", "quiet", "open"]
NATS: Final = "nats"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What data say of one signal.

    Attributes:
        value: in `measure`; None where they do not show it, and `absent` says why.
        lower, upper: one-sided bounds, each at the plan's confidence; None is no bound.
        measure: `ratio`, `proportion`, `score`, `ms` or `nats`; `signed` for a difference.
        n: the treatment's samples that it is of; `count` of them have what a share counts.
        chance: what chance alone stays within at the plan's confidence; None but of a mix.
        p: of a mix, against the planned one.
        method: name and source, for people.
        told: what stands beside the number.
    """

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    measure: str = "proportion"
    signed: bool = False
    n: int = 0
    count: int | None = None
    chance: float | None = None
    p: float | None = None
    method: str | None = None
    absent: Reason | None = None
    told: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Signals:
    """The readings that a register is judged by.

    Attributes:
        readings: by risk and signal, both as the plan names them; what is missing is not known.
        profile: the guardian profile that the treatment ran under; None where nobody knows.
        latency_ms: the treatment's average latency.
    """

    readings: Mapping[tuple[str, str], Reading]
    profile: str | None = None
    latency_ms: float | None = None


class SignalState(msgspec.Struct, frozen=True):
    """One signal of a risk.

    Attributes:
        name: as the plan names it.
        state: `fires`: the number is beyond its limit, or people say so; `quiet`: it is not, and
            its bound is not either; `open`: neither, or nobody can say.
        sure: of one that fires by a number: whether the bound is beyond the limit too.
        limit: beyond which it fires; None of words.
        seen: the number with its bounds against the limit, or the words to look for.
        reading: what the data say; None of words.
    """

    name: str
    state: State
    sure: bool
    limit: float | None
    seen: Reason
    reading: Reading | None = None
