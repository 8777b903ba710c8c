"""Which gates of a plan have nothing to judge in data that are read by a mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.plan.metrics import METRICS, SCORER
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rolloutlib.plan.gates import Gate
    from rolloutlib.reason import Reason
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["missing_for"]

_ERRORS = frozenset({"error", "timeout"})


def missing_for(spec: SourceSpec, gates: Mapping[str, Gate]) -> tuple[Reason, ...]:
    """Return a reason a gate that the mapping leaves without a value: it cannot pass.

    Args:
        spec: the mapping.
        gates: of the plan, by name.
    """
    metrics = set(_known(spec))
    return tuple(
        because("draft.missed", gate=gate.title, field=gate.scorer or METRICS[gate.metric].field)
        for gate in gates.values()
        if (SCORER + gate.scorer if gate.scorer else gate.metric) not in metrics
    )


def _known(spec: SourceSpec) -> Iterator[str]:
    """Yield the metrics that samples of the source tell."""
    mapped, expressible = spec.mapped, spec.expressible
    yield from spec.scorers
    yield from mapped.keys() & METRICS.keys()
    if expressible:
        yield "passed"
    if "vetoed" in expressible:
        yield "vetoed"
    if expressible & _ERRORS:
        yield "error"
    if "issues" in mapped:
        yield "issue"
    if mapped.keys() >= {"suggested_tags", "confirmed_tags"}:
        yield "edited"
