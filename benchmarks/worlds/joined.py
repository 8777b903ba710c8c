"""Studies put together: evidence of two stages, several tags of one issue list, a covariate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.worlds.people import Arm, Seen
from benchmarks.worlds.rates import Rates, rates

if TYPE_CHECKING:
    from benchmarks.worlds.people import Floats, People


def both_stages(first: Seen, second: Seen) -> Seen:
    """Put two stages side by side: other runs, other units."""
    return Seen(_beside(first.control, second.control), _beside(first.treatment, second.treatment))


def _beside(first: Arm, second: Arm) -> Arm:
    parts: list[Floats] = []
    squared = first.square is not None
    for a, b in zip((first.n, first.total, first.squares), (second.n, second.total, second.squares),
                    strict=True):  # fmt: skip
        whole = np.zeros((len(a), a.shape[1] + b.shape[1], a.shape[2] + b.shape[2]))
        whole[:, : a.shape[1], : a.shape[2]] = a
        whole[:, a.shape[1] :, a.shape[2] :] = b
        parts.append(whole)
    return Arm(parts[0], parts[1], parts[2] if squared else None)


def tags(
    study: People, vary: Rates, levels: tuple[float, ...], ratio: float, rng: np.random.Generator,
    repetitions: int,
) -> list[Seen]:  # fmt: skip
    """Draw several tags, the treatment's rate of each being the control's times the ratio."""
    return [rates(study, vary, p, p * ratio, rng, repetitions) for p in levels]


class WithCovariate(NamedTuple):
    """A continuous metric with a covariate, one value a unit; (repetitions, units) each."""

    n: Floats
    control: Floats
    treatment: Floats
    before_control: Floats
    before_treatment: Floats


def with_covariate(
    units: int, per_unit: int, means: tuple[float, float], sd: float, rho: float, *, shared: bool,
    rng: np.random.Generator, repetitions: int,
) -> WithCovariate:  # fmt: skip
    """Draw unit means that correlate with what the same units showed before.

    Args:
        units: of each arm.
        per_unit: samples of each.
        means: true, of control and treatment.
        sd: of a unit's mean.
        rho: correlation with the covariate.
        shared: whether both arms have the same units.
        rng: seeded.
        repetitions: how many.
    """
    shape = (repetitions, units)
    x0 = rng.standard_normal(shape)
    x1 = x0 if shared else rng.standard_normal(shape)
    noise = (1 - rho**2) ** 0.5
    y0, y1 = (sd * (rho * x + noise * rng.standard_normal(shape)) for x in (x0, x1))
    return WithCovariate(
        np.full(shape, float(per_unit)), means[0] + y0, means[1] + y1, 100 + 15 * x0, 100 + 15 * x1
    )
