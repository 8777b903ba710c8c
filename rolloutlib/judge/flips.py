"""How often a repeat would recommend something else: units drawn again, judged by the same methods.

Gates whose verdict rests on their bounds are judged again in every repeat; what a gate says for any
other reason (nothing is there, too much is missing) it says in every repeat, and so does what
stands beside the gates. What judges it beside
its bounds (a worst case, a correction by people's labels) moves the bounds of all repeats by as
much as it moved those at hand. Nothing else is drawn again: files, runs and labels stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from rolloutlib.judge.record import Verdict
from rolloutlib.measure.design import Compared, Sums, read_design
from rolloutlib.measure.estimates import estimate_gate, estimate_many, proves
from rolloutlib.measure.moments import Cells
from rolloutlib.plan.metrics import is_binary
from rolloutlib.stats import flips as chance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.design import Arms, Kind
    from rolloutlib.plan.gates import Effect
    from rolloutlib.plan.model import Evidence, Gate
    from rolloutlib.stats.flips import Draws

__all__ = ["Flips", "flips_of"]

SEED: Final = 20_241_100  # the same data give the same rate
NO_GO, HOLD, GO = range(3)
NAMES: Final = ("NO_GO", "HOLD", "GO")
EFFECTS: Final = {
    "no_go": Verdict.FAIL, "hold": Verdict.INCONCLUSIVE, "tell": Verdict.PASS,
}  # fmt: skip
BY_BOUNDS: Final = ("bound.clears", "bound.broken", "bound.undecided")


class Flips(msgspec.Struct, frozen=True, kw_only=True):
    """How often verdicts differ on a repeat.

    Attributes:
        rate: chance that a repeat recommends something else, 0-1.
        lower, upper: its 95 % interval, from the number of repeats alone.
        aa_rate: chance that two repeats differ where both arms are the same.
        aa_lower, aa_upper: likewise.
        repeats: how many were drawn of either kind.
        unit: what was drawn: prompts, users, clusters or samples.
        shares: how often a repeat recommends GO, HOLD and NO_GO.
        aa_shares: likewise where both arms are the same.
    """

    rate: float
    lower: float
    upper: float
    aa_rate: float
    aa_lower: float
    aa_upper: float
    repeats: int
    unit: str
    shares: dict[str, float]
    aa_shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Row:
    """A gate that is judged again; `beside`: how far its bounds lie from those of its arms."""

    gate: Gate
    metric: str
    arms: Arms
    kind: Kind
    limit: float
    beside: tuple[float, float]


def flips_of(
    compared: Comparison, results: Sequence[GateResult], gates: Mapping[str, Gate],
    effects: Collection[Effect] = (),
) -> Flips | None:  # fmt: skip
    """Return how often a repeat would recommend something else.

    Args:
        compared: both arms.
        results: every gate's verdict.
        gates: the plan's, by id.
        effects: of what stands beside the gates, which every repeat finds again.

    Returns:
        None where no gate rests on its bounds, or the units are too many to draw.
    """
    rows: list[_Row] = []
    beside = {EFFECTS[effect] for effect in effects}
    fixed = {Verdict.PASS, *beside}
    for result in results:
        row = _row(compared, result, gates[result.id])
        if row is None:
            fixed.add(result.evidence.verdict)
        else:
            rows.append(row)
    units = max((len(row.arms.control.n) for row in rows), default=0)
    if not rows or not (repeats := chance.repeats_for(units)):
        return None
    rng = np.random.default_rng(SEED)
    recommended = [*beside, *(result.evidence.verdict for result in results)]
    own = NO_GO if Verdict.FAIL in recommended else GO
    own = own if own is NO_GO or {*recommended} == {Verdict.PASS} else HOLD
    rules = compared.rules
    again, same = (_verdicts(rows, fixed, rules, repeats, rng, pooled=pooled)
                   for pooled in (False, True))  # fmt: skip
    flip, aa = chance.flip(again, own), chance.flip(same)
    return Flips(
        rate=flip.rate, lower=flip.lower, upper=flip.upper,
        aa_rate=aa.rate, aa_lower=aa.lower, aa_upper=aa.upper, repeats=repeats,
        unit=compared.measured.unit, shares=_shares(again), aa_shares=_shares(same),
    )  # fmt: skip


def _row(compared: Comparison, result: GateResult, gate: Gate) -> _Row | None:
    """Return what is needed to judge a gate again; None where its bounds do not decide."""
    data, evidence = compared.gate(gate), result.evidence
    if evidence.why.code not in BY_BOUNDS or data.arms is None or data.metric is None:
        return None
    if (gate.statistic, gate.contrast) == ("quantile", "ratio"):
        return None  # its bounds are of ranks, which sums of units do not tell
    own = estimate_gate(gate, data.arms, compared.rules, metric=data.metric)
    if own is None:
        return None
    judged = (evidence.lower, evidence.upper)
    beside = [end - own_end if end is not None and isfinite(own_end) else 0.0
              for end, own_end in zip(judged, (own.lower, own.upper), strict=True)]  # fmt: skip
    arms, design = read_design(data.arms, gate.contrast)
    if design.kind == "paired":
        both = (data.arms.control.n > 0) & (data.arms.treatment.n > 0)
        arms = replace(data.arms, control=_only(data.arms.control, both),
                       treatment=_only(data.arms.treatment, both))  # fmt: skip
    return _Row(gate, data.metric, arms, design.kind, result.proof_limit, (beside[0], beside[1]))


def _only(cells: Cells, mask: NDArray[np.bool_]) -> Cells:
    return Cells(*(np.where(mask, part, 0.0) for part in (cells.n, cells.mean, cells.m2)))


def _verdicts(
    rows: Sequence[_Row], fixed: set[Verdict], rules: Evidence, repeats: int,
    rng: np.random.Generator, *, pooled: bool,
) -> NDArray[np.int64]:  # fmt: skip
    """Return what every repeat recommends, as numbers, (repeats,)."""
    failed = np.full(repeats, Verdict.FAIL in fixed)
    passed = np.full(repeats, fixed == {Verdict.PASS})
    draws: dict[int, Draws] = {}
    for row in rows:
        if row.arms.unit == "sample":
            arms = _new_samples(row, repeats, rng, pooled=pooled)
        else:
            size = len(row.arms.control.n)
            if size not in draws:
                draws[size] = _draws([r.arms for r in rows if len(r.arms.control.n) == size],
                                     repeats, rng, pooled=pooled)  # fmt: skip
            arms = _new_units(row, draws[size])
        with np.errstate(all="ignore"):  # a repeat may have no event: no bound, no verdict
            estimates = estimate_many(row.gate, arms, rules, metric=row.metric)
            ends = (estimates.lower + row.beside[0], estimates.upper + row.beside[1])
            cleared, broken = proves(*ends, row.limit, row.gate.harm)
        passed &= cleared & ~estimates.capped
        failed |= broken & ~estimates.capped
    return np.where(failed, NO_GO, np.where(passed, GO, HOLD))


def _draws(every: Sequence[Arms], repeats: int, rng: np.random.Generator, *, pooled: bool) -> Draws:
    """Draw the units that any gate has values of, once for all gates."""
    treated = np.any([arms.treatment.n > 0 for arms in every], axis=0)
    controls = np.any([arms.control.n > 0 for arms in every], axis=0)
    return (chance.pooled if pooled else chance.drawn)(treated, controls, repeats, rng)


def _new_units(row: _Row, draws: Draws) -> Compared:
    treatment, control = row.arms.treatment, row.arms.control
    n, total, within = (chance.taken(draws, treated, controls) for treated, controls in
                        ((treatment.n, control.n), (treatment.total, control.total),
                         (treatment.m2, control.m2)))  # fmt: skip
    treated, controls = (Sums(n[side], total[side], within[side]) for side in (0, 1))
    return Compared(treated, controls, row.kind, row.arms.unit, row.arms.beyond)


def _new_samples(row: _Row, repeats: int, rng: np.random.Generator, *, pooled: bool) -> Compared:
    """Draw the arms' sums themselves: binomial, or normal by the mean's error."""
    cells = [row.arms.treatment, row.arms.control]
    sizes = [float(part.n.sum()) for part in cells]
    if pooled:
        cells = [Cells.joined(cells)] * 2
    both = [_new_sums(part, size, row.metric, repeats, rng)
            for part, size in zip(cells, sizes, strict=True)]  # fmt: skip
    return Compared(both[0], both[1], row.kind, "sample", row.arms.beyond)


def _new_sums(
    cells: Cells, size: float, metric: str, repeats: int, rng: np.random.Generator
) -> Sums:
    whole = cells.pooled(np.zeros(len(cells.n), dtype=np.int64), 1)
    n, mean = np.full((repeats, 1), size), float(whole.mean[0])
    spread = float(whole.m2[0] / max(whole.n[0] - 1, 1.0))
    if is_binary(metric):
        total = rng.binomial(int(size), min(max(mean, 0.0), 1.0), (repeats, 1)).astype(np.float64)
        return Sums(n, total, total * (1 - total / np.maximum(n, 1.0)))
    error = rng.normal(0.0, (spread * size) ** 0.5, (repeats, 1))
    return Sums(n, size * mean + error, np.full((repeats, 1), spread * max(size - 1, 0.0)))


def _shares(verdicts: NDArray[np.int64]) -> dict[str, float]:
    return {
        NAMES[code]: int(np.count_nonzero(verdicts == code)) / len(verdicts)
        for code in (GO, HOLD, NO_GO)
    }
