"""What a comparison needs of a plan, be it of a staged rollout or of offline evals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.plan.gates import Decides, Evidence, Gate, Profile

__all__ = ["GatesPlan"]


class GatesPlan(Protocol):
    """Gates, and the rules by which data pass them."""

    @property
    def gates(self) -> Mapping[str, Gate]:
        """What is judged, by id."""
        ...

    @property
    def evidence(self) -> Evidence:
        """How the evidence is judged."""
        ...

    @property
    def decides(self) -> Decides:
        """What a finding beside the gates does."""
        ...

    def profile(self, name: str) -> Profile:
        """Return the thresholds of this name."""
        ...
