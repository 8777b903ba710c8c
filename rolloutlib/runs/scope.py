"""Which runs a review asks for: of its stage, begun by its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Scope"]


class Scope(NamedTuple):
    """What a run has to be of to be of this review.

    Attributes:
        stage: runs of another one are set aside.
        as_of: those that started later are.
        latest: the last moment at which a run can have begun.
        flags_arms: the flags that imply an arm.
    """

    stage: int | None
    as_of: datetime | None
    latest: datetime
    flags_arms: Mapping[str, Mapping[str, bool | str]]

    def of_another_review(self, stage: int | None, started_at: datetime | None) -> str:
        """Why a run is not of this review; what it does not tell is not held against it."""
        if self.is_other_stage(stage):
            return "other_stage"
        return "after_as_of" if self.as_of and started_at and started_at > self.as_of else ""

    def is_other_stage(self, stage: int | None) -> bool:
        """Whether a run names another stage than the review's."""
        return self.stage is not None and stage is not None and stage != self.stage
