"""How the two arms compare, read off the data metric by metric.

One sample a unit in both arms are pairs, units in both arms with more samples are crossed clusters,
units that repeat within one arm are nested clusters, anything else is independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from rolloutlib.measure.moments import Cells
from rolloutlib.plan.metrics import BEYOND, SCORER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.histograms import Histogram
    from rolloutlib.plan.model import Gate

    Floats = NDArray[np.float64]

Unit = Literal["sample", "prompt", "user", "cluster"]
SourceKind = Literal["run", "prompt"]
Kind = Literal["one_arm", "independent", "paired", "nested", "crossed"]


TOGETHER: frozenset[Kind] = frozenset({"paired", "crossed"})  # each unit is in both arms
# What clusters compare by once each of them is one value.
SINGLE: dict[Kind, Kind] = {"nested": "independent", "crossed": "paired"}


@dataclass(frozen=True, slots=True)
class Design:
    """How the two arms compare for one metric.

    Attributes:
        kind: `one_arm`, `independent` samples, `paired` (one sample a unit in each arm), `nested`
            clusters (a cluster is in one arm) or `crossed` clusters (in both).
        unit: what a cluster or pair is.
        clusters_control, clusters_treatment: units with data in each arm; 0 where samples carry no
            unit.
        pairs: units with data in both arms.
        dropped: samples whose unit the other arm lacks; a paired comparison leaves them out.
    """

    kind: Kind
    unit: Unit
    clusters_control: int
    clusters_treatment: int
    pairs: int
    dropped: int = 0


class Quadratic(NamedTuple):
    """A variance of treatment − weight·control, as a function of the weight.

    Attributes:
        one, zero: variances of the treatment's and of the control's mean. (repetitions,)
        both: their covariance.
    """

    one: Floats
    zero: Floats
    both: Floats

    def at(self, weight: Floats | float) -> Floats:
        """Return the variance at a weight; not below 0."""
        whole = self.one + np.square(weight) * self.zero - 2 * np.asarray(weight) * self.both
        return np.maximum(whole, 0.0)


class Source(NamedTuple):
    """A source of variance beside the units: what the means of its groups show of one metric.

    Attributes:
        kind: what a group is.
        groups: groups with samples in the control and in the treatment.
        seen: variance of the arms' means that the means of the groups show.
        due: what it would be if the groups added none.
        df_one, df_zero: degrees of freedom of an arm's own. (repetitions,)
        df_both: of matched groups, which vary together; NaN where each arm's vary for themselves.
        shares: sum of the squared shares of samples that the groups have, in either arm: what of a
            group's variance an arm's mean keeps.
    """

    kind: SourceKind
    groups: tuple[int, int]
    seen: Quadratic
    due: Quadratic
    df_one: Floats
    df_zero: Floats
    df_both: Floats
    shares: tuple[Floats, Floats]

    def take(self, repetition: int) -> Source:
        """Return one repetition."""
        variance, expected = (Quadratic(*(_one_of(part, repetition) for part in whole))
                     for whole in (self.seen, self.due))  # fmt: skip
        freedom = (_one_of(df, repetition) for df in (self.df_one, self.df_zero, self.df_both))
        treated, control = (_one_of(share, repetition) for share in self.shares)
        shares = (treated, control)
        return Source(self.kind, self.groups, variance, expected, *freedom, shares=shares)


def _one_of(value: Floats, repetition: int) -> Floats:
    return value if len(value) == 1 else value[[repetition]]


@dataclass(frozen=True, slots=True)
class Arms:
    """One metric's moments per unit in both arms: entry k of both belongs to the same unit.

    Attributes:
        beyond: sources of variance that units do not show (runs, prompts), which bounds add.
        tails: all values of both arms, the control's first, where their quantiles are compared.
    """

    control: Cells
    treatment: Cells
    unit: Unit
    beyond: tuple[Source, ...] = ()
    tails: tuple[Histogram, Histogram] | None = None

    def per_user(self, *, binary: bool) -> Arms:
        """Return the same with every unit weighed alike: the per-user estimand, as `alike`."""
        control, treatment = (
            _alike(cells, binary=binary) for cells in (self.control, self.treatment)
        )
        return replace(self, control=control, treatment=treatment)

    def take(self, units: NDArray[np.bool_]) -> Arms:
        """Return the units that a mask selects."""
        return replace(self, control=self.control.take(units), treatment=self.treatment.take(units))


class Sums(NamedTuple):
    """One arm of one metric, many repetitions at once; a review is one repetition.

    Attributes:
        n: samples of each unit. (repetitions, units)
        total: their sum. (repetitions, units)
        within: their centred sum of squares within the unit; 0 where units have one sample, and
            not needed where units are clusters.
    """

    n: Floats
    total: Floats
    within: Floats | float = 0.0

    @property
    def units(self) -> Floats:
        """Units with samples, (repetitions,)."""
        return (self.n > 0).sum(axis=-1).astype(np.float64)

    def take(self, repetition: int) -> Sums:
        """Return one repetition."""
        within = np.broadcast_to(self.within, self.n.shape)[[repetition]]
        return Sums(self.n[[repetition]], self.total[[repetition]], within)


class Compared(NamedTuple):
    """Both arms as every method takes them: entry k of both is the same unit.

    Independent samples are pooled, so their arms may have different numbers of entries.

    Attributes:
        beyond: sources of variance that units do not show, which bounds add.
    """

    one: Sums
    zero: Sums
    kind: Kind
    unit: Unit
    beyond: tuple[Source, ...] = ()

    @property
    def repeats(self) -> bool:
        """Whether units have several samples in the treatment, so that they are clusters."""
        return self.unit != "sample" and bool(self.one.n.max(initial=0) > 1)

    def take(self, repetition: int) -> Compared:
        """Return one repetition."""
        beyond = tuple(source.take(repetition) for source in self.beyond)
        treated, control = self.one.take(repetition), self.zero.take(repetition)
        return self._replace(one=treated, zero=control, beyond=beyond)


def alike(n: Floats, *, binary: bool) -> Floats:
    """Return samples a unit with which a mean over samples is the mean over units.

    One each; of a rate the harmonic mean of their sizes h, because the mean of G units' rates with
    p in each has the variance of a share of G·h samples, p(1 − p)/(G·h): so score and exact bounds
    and floors of the correlation hold for it as they do for samples.
    """
    sampled = n > 0
    inverse = np.divide(1.0, n, out=np.zeros_like(n), where=sampled).sum(axis=-1, keepdims=True)
    units = sampled.sum(axis=-1, keepdims=True)
    size = np.divide(units, inverse, out=np.ones_like(inverse), where=inverse > 0)
    return np.where(sampled, size if binary else 1.0, 0.0)


def per_user(arms: Compared, *, binary: bool) -> Compared:
    """Return repetitions with every unit weighed alike; means of users are single values."""
    both = [_weighed(arm, binary=binary) for arm in (arms.one, arms.zero)]
    if binary:
        return arms._replace(one=both[0], zero=both[1])
    if arms.kind == "crossed":
        answered = ((both[0].n > 0) & (both[1].n > 0)).astype(np.float64)
        both = [Sums(arm.n * answered, arm.total * answered) for arm in both]
    kind = SINGLE.get(arms.kind, arms.kind)
    return arms._replace(one=both[0], zero=both[1], kind=kind)


def _weighed(arm: Sums, *, binary: bool) -> Sums:
    n = alike(arm.n, binary=binary)
    return Sums(n, n * (arm.total / np.maximum(arm.n, 1.0)))


def metric_of(gate: Gate, subject: str | None = None) -> str:
    """Return the metric's name in the moments.

    Exceedances for a quantile gate (of each arm's own quantile for a ratio), `issue:<tag>` for an
    issue, `score:<name>` for a scorer.
    """
    if gate.is_quantile_ratio:
        return f"{BEYOND}{gate.quantile:g}"
    if gate.statistic == "quantile":
        return "slow"
    if gate.scorer is not None:
        return SCORER + gate.scorer
    return f"issue:{subject}" if gate.metric == "issue" else gate.metric


def told_by(metric: str) -> str:
    """Return the metric that samples tell: of what is slow, the latency."""
    return "latency_ms" if metric == "slow" or metric.startswith(BEYOND) else metric


def read_design(arms: Arms, contrast: str) -> tuple[Arms, Design]:
    """Read the design off the unit counts; a paired comparison keeps complete pairs only.

    Where fewer than half of the units have a partner, nothing is left out, and the comparison is
    by clusters, some of them in both arms.
    """
    n0, n1 = arms.control.n, arms.treatment.n
    both, has_units = (n0 > 0) & (n1 > 0), arms.unit != "sample"
    counts = (int((n0 > 0).sum()), int((n1 > 0).sum()), int(both.sum())) if has_units else (0, 0, 0)
    if contrast == "treatment":
        return arms, Design("one_arm", arms.unit, *counts)
    if not has_units:
        return arms, Design("independent", arms.unit, *counts)
    single = max(n0.max(initial=0), n1.max(initial=0)) <= 1
    if not both.any():
        return arms, Design("independent" if single else "nested", arms.unit, *counts)
    dropped = int(n0.sum() + n1.sum() - n0[both].sum() - n1[both].sum())
    if single and 2 * counts[2] >= max(counts):
        return arms.take(both), Design("paired", arms.unit, *counts, dropped)
    return arms, Design("crossed", arms.unit, *counts, dropped)


def compared(arms: Arms, kind: Kind) -> Compared:
    """Return a review's arms as one repetition."""
    treated, control = _sums(arms.treatment), _sums(arms.control)
    return Compared(treated, control, kind, arms.unit, arms.beyond)


def _sums(cells: Cells) -> Sums:
    return Sums(cells.n[None], cells.total[None], cells.m2[None])


def _alike(cells: Cells, *, binary: bool) -> Cells:
    mean = np.clip(cells.mean, 0.0, 1.0) if binary else cells.mean  # a merged 1 may be rounded up
    return Cells(alike(cells.n, binary=binary), mean, np.zeros_like(cells.n))
