"""What a decision record says of its review: what was measured, what was found, what is accepted.

The record itself: records.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from rolloutlib.ledger.documents import Part

FlagKey = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9.]{1,100}\Z")]
Decimal = Annotated[
    str, msgspec.Meta(pattern=r"\A-?[0-9]{1,20}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?\Z")
]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Window(Part, frozen=True):
    """The runs that were looked at, and the hours without an incident that are attested."""

    runs: tuple[str, ...]
    incident_free_hours: Whole | None


class MeasuredArm(Part, frozen=True):
    """What was measured in an arm; None, or nothing, where its runs do not tell.

    Attributes:
        first, last: start of the first and of the last run, UTC.
        flags: by short key.
    """

    arm: str
    runs: Whole
    samples: Whole
    users: Whole | None
    first: str | None
    last: str | None
    flags: dict[FlagKey, bool | str] | None
    profiles: tuple[str, ...]
    strategies: tuple[str, ...]
    simulated: bool


class CarriedPart(Part, frozen=True):
    """An earlier stage whose samples the evidence sums: how many, of which runs, their digest."""

    stage: Whole
    control: Whole
    treatment: Whole
    runs: tuple[str, ...]
    data: str


class GateState(Part, frozen=True):
    """One gate with both verdicts; numbers are decimal strings.

    Attributes:
        unit: of limit and value; `evidence_unit` of proof_limit, point and bounds (a quantile gate
            judges a share).
        signed: the numbers are differences.
        harm: the direction in which the number gets worse; records of the first form of card lack
            this and what follows.
        subject: what the gate is about where the data decide it (the issue tag).
        quantile: whose share beyond `limit` is judged; none of any other gate.
        runs, runs_wanted: how many runs `value` averages, and how many the plan wants.
        plan_why, why: what keeps a verdict from what its numbers alone would say, in a sentence of
            the record's language.
    """

    id: str
    title: str
    unit: str
    evidence_unit: str
    signed: bool
    limit: Decimal | None
    proof_limit: Decimal | None
    plan: str
    value: Decimal | None
    evidence: str
    point: Decimal | None
    lower: Decimal | None
    upper: Decimal | None
    n_control: Whole | None
    n_treatment: Whole | None
    clusters: Whole | None
    harm: Literal["lower", "higher"] | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    quantile: Decimal | msgspec.UnsetType = msgspec.UNSET
    runs: Whole | msgspec.UnsetType = msgspec.UNSET
    runs_wanted: Whole | msgspec.UnsetType = msgspec.UNSET
    plan_why: str | msgspec.UnsetType = msgspec.UNSET
    why: str | msgspec.UnsetType = msgspec.UNSET


class CheckState(Part, frozen=True):
    """One Go/No-Go check; `evidence` names subjects.

    Attributes:
        why: in a sentence of the record's language.
        simulated: whether its evidence says that it is not from real work.
    """

    id: str
    title: str
    holds: bool | None
    why: str
    evidence: tuple[str, ...]
    simulated: bool | msgspec.UnsetType = msgspec.UNSET


class Waiver(Part, frozen=True):
    """A gate or check that the meeting waived, and why."""

    gate: str
    reason: str


class Deviation(Part, frozen=True):
    """A gate's value that misses the plan's limit within the tolerance, accepted by this GO.

    Attributes:
        gate: the gate's id; `limit` and `value` are its own.
        harm: the direction in which the value gets worse.
        worst: the value if all that is missing is bad; None where nothing is missing.
        tolerance: by less than this the value misses, in the gate's unit.
    """

    gate: str
    harm: Literal["lower", "higher"]
    limit: Decimal
    value: Decimal
    worst: Decimal | None
    tolerance: Decimal


class OwedPart(Part, frozen=True):
    """Something that is still owed: by which role, and what, in the record's language."""

    role: str
    what: str


class KnobPart(Part, frozen=True):
    """A knob that was turned since the promotion record before: its place, values, and why."""

    path: str
    before: str | None
    after: str | None
    why: str


class MovePart(Part, frozen=True):
    """A flag that a GO moves: its feature, the values before and after, and for whom.

    Attributes:
        feature: the plan's letter; `title` what people call it.
        audiences: for whom it moves, by the plan's toggles.
        stays: for whom it has another value than `after`, then too.
    """

    feature: str
    title: str
    flag: FlagKey
    before: bool | str | None
    after: bool | str
    audiences: tuple[str, ...]
    stays: tuple[str, ...] = ()
