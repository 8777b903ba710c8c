"""Prompts as sources of variance where users are the units: both are clusters, crossed.

Few prompts that many users answer are a few draws from what could be asked. Their contrast varies
beyond what users and samples explain (two-way clustering: Cameron, Gelbach & Miller 2011, J. Bus.
Econ. Stat. 29:238); what cells of prompt and user show is what is due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rolloutlib.measure.components import spread_of, total_of
from rolloutlib.measure.design import Quadratic, Source
from rolloutlib.measure.moments import Cells, Key, added, scan
from rolloutlib.stats import clusters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import narwhals as nw

    from rolloutlib.measure.components import Spread
    from rolloutlib.measure.design import Floats
    from rolloutlib.measure.moments import Ints, MomentTable
    from rolloutlib.measure.scan import Count, Measured

__all__ = ["PromptSources", "answered_often", "scan_answers"]

SEVERAL = 2  # samples of a prompt in each arm from which on prompts may show
EXACT_ROWS = 200_000  # above, cells of prompt and user are as many as samples, and each is one
OTHERS = ("prompt_id", "arm", "apart")  # columns of clusters that are no people
OWN = 1.2  # prompts a user, below which users and their prompts are the same thing


def answered_often(counts: Mapping[str, Count], unit: str) -> bool:
    """Return whether prompts can be told from users: both named, a prompt several times an arm."""
    if unit in {"prompt", "sample"}:
        return False
    return all(
        count.with_prompt == count.samples and count.samples >= SEVERAL * count.prompts > SEVERAL
        for count in counts.values()
    )


def scan_answers(
    frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], units: Mapping[str, str],
    counts: Mapping[str, Count],
) -> MomentTable | None:  # fmt: skip
    """Measure by arm and prompt, and by cluster too where there are not too many; None if in vain.

    Args:
        frame: the samples of both arms.
        metrics: as `scan` takes them.
        units: the columns of arm and cluster.
        counts: of both arms.
    """
    if not answered_often(counts, "user" if units["cluster"] not in OTHERS else "sample"):
        return None
    if sum(count.samples for count in counts.values()) > EXACT_ROWS:
        units = {"arm": "arm"}
    return scan(frame, metrics, by={**units, "prompt": "prompt_id"})


@dataclass(frozen=True, slots=True)
class PromptSources:
    """What prompts add to any metric's variance.

    Attributes:
        measured: its `answers` are moments by arm, prompt and perhaps cluster.
        pair: names of the control and the treatment.
    """

    measured: Measured
    pair: tuple[str, str]
    _made: dict[str, tuple[Source, ...]] = field(default_factory=dict[str, tuple[Source, ...]])

    def within(self, measured: Measured) -> PromptSources:
        """Return those of a part of the samples."""
        return PromptSources(measured, self.pair)

    def of_metric(self, metric: str) -> tuple[Source, ...]:
        """Return what prompts add to a metric; nothing where it is not measured by prompt."""
        answers = self.measured.answers
        if answers is None or metric not in answers.metrics:
            return ()
        if metric not in self._made:
            self._made[metric] = _sources(*(_answers(answers, arm, metric) for arm in self.pair))
        return self._made[metric]


class _Answers(NamedTuple):
    """One arm's cells of prompt and cluster that know a metric.

    Attributes:
        prompt, cluster: codes; every cell is a cluster of its own where clusters are not told.
        cells: moments.
        prompts, clusters: how many codes there are.
        told: whether clusters are.
    """

    prompt: Ints
    cluster: Ints
    cells: Cells
    prompts: int
    clusters: int
    told: bool

    @property
    def by_prompt(self) -> Cells:
        return self.cells.pooled(self.prompt, self.prompts)

    @property
    def by_cluster(self) -> Cells:
        return self.cells.pooled(self.cluster, self.clusters)

    @property
    def crossed(self) -> bool:
        """Whether clusters answer several prompts each."""
        return self.told and len(self.cluster) >= OWN * len(np.unique(self.cluster))

    @property
    def shares(self) -> Floats:
        n = self.by_prompt.n
        return n / max(n.sum(), 1.0)

    @property
    def weights(self) -> Floats:
        """What a prompt's deviation counts in the variance of the arm's mean (CR2)."""
        return self.shares / np.sqrt(np.maximum(1 - self.shares, 1e-12))


def _answers(table: MomentTable, arm: str, metric: str) -> _Answers:
    mine = table.where(arm=arm)
    known = mine.metrics[metric].n > 0
    cells, prompt = mine.metrics[metric].take(known), mine.keys["prompt"]
    alone = np.arange(int(known.sum()), dtype=np.int64)
    key = mine.keys.get("cluster", Key(alone, (None,) * len(alone)))
    codes = key.codes[known] if "cluster" in mine.keys else alone
    told = "cluster" in mine.keys
    return _Answers(prompt.codes[known], codes, cells, len(prompt.labels), len(key.labels), told)


def _sources(zero: _Answers, one: _Answers) -> tuple[Source, ...]:
    groups = [int((arm.by_prompt.n > 0).sum()) for arm in (zero, one)]
    if min(groups) < 2:  # noqa: PLR2004 -- one mean tells nothing
        return ()
    by_one, by_zero = one.by_prompt, zero.by_prompt
    alone = [clusters.cluster_mean(by.n, by.total, kind="CR2") for by in (by_one, by_zero)]
    both = clusters.cluster_contrast(by_one.n, by_one.total, by_zero.n, by_zero.total, kind="CR2")
    seen = [found.se**2 for found in alone]
    seen_both = (sum(seen) - both.se**2) / 2
    noise, shared = _residuals(zero, one)
    spread = spread_of(zero.by_cluster, one.by_cluster, "user") if one.told else None
    due = [*noise, shared]
    if spread is not None:
        due = [part + of for part, of in zip(due, _of_clusters(zero, one, spread), strict=True)]
    kept = (np.array([arm.shares @ arm.shares]) for arm in (one, zero))
    return (
        Source(
            "prompt", (groups[0], groups[1]),
            Quadratic(*(np.array([part]) for part in (*seen, seen_both))),
            Quadratic(*(np.array([part]) for part in due)),
            *(np.array([found.df]) for found in (*alone, both)), shares=(next(kept), next(kept)),
        ),
    )  # fmt: skip


def _residuals(zero: _Answers, one: _Answers) -> tuple[tuple[float, float], float]:
    """Return what single cells add to both means' variances, and to their covariance."""
    errors = [_errors(arm) for arm in (one, zero)]
    noise = [float(part @ part) for part in errors]
    for k, arm in enumerate((one, zero)):
        if not arm.told:
            noise[k] = total_of(arm.cells) / max(arm.cells.n.sum(), 1.0)
    if not (one.told and zero.told):
        return (noise[0], noise[1]), 0.0
    places = [arm.prompt * max(arm.clusters, 1) + arm.cluster for arm in (one, zero)]
    _, mine, theirs = np.intersect1d(*places, assume_unique=True, return_indices=True)
    return (noise[0], noise[1]), float(errors[0][mine] @ errors[1][theirs])


def _errors(arm: _Answers) -> Floats:
    """Return each cell's part of the error of the arm's mean, beside that of its cluster."""
    n, mean = arm.cells.n, arm.cells.mean
    whole = n.sum()
    centre: Floats | float = float(n @ mean) / max(whole, 1.0)
    left = len(n) - 1.0
    if arm.crossed:
        centre, left = arm.by_cluster.mean[arm.cluster], len(n) - len(np.unique(arm.cluster))
    return n * (mean - centre) / max(whole, 1.0) * np.sqrt(len(n) / max(left, 1.0))


def _of_clusters(zero: _Answers, one: _Answers, spread: Spread) -> list[float]:
    """Return what clusters add that do not answer all prompts alike: both arms, and in common."""
    of_one, of_zero = _Per.of(one), _Per.of(zero)
    own = [
        spread.between[0] * _product(one, one, of_one, of_one) if one.crossed else 0.0,
        spread.between[1] * _product(zero, zero, of_zero, of_zero) if zero.crossed else 0.0,
    ]
    common = spread.between[2] if one.crossed and zero.crossed else 0.0
    return [*own, common * _product(one, zero, of_one, of_zero) if common else 0.0]


class _Per(NamedTuple):
    """Samples of an arm by cell, prompt and cluster."""

    n: Floats
    prompt: Floats
    cluster: Floats

    @classmethod
    def of(cls, arm: _Answers) -> _Per:
        n = arm.cells.n
        return cls(n, added(arm.prompt, n, arm.prompts), added(arm.cluster, n, arm.clusters))


def _product(a: _Answers, b: _Answers, of_a: _Per, of_b: _Per) -> float:
    """Return Σ over prompts and clusters of both arms' deviations of a cluster's share."""
    places = [arm.prompt * max(arm.clusters, 1) + arm.cluster for arm in (a, b)]
    _, mine, theirs = np.intersect1d(*places, assume_unique=True, return_indices=True)
    cells = added(a.prompt[mine], of_a.n[mine] * of_b.n[theirs], a.prompts)
    one = added(a.prompt, of_a.n * of_b.cluster[a.cluster], a.prompts)
    zero = added(b.prompt, of_b.n * of_a.cluster[b.cluster], b.prompts)
    whole_a, whole_b = of_a.n.sum(), of_b.n.sum()
    p_a, p_b = (np.where(part.prompt > 0, part.prompt, np.inf) for part in (of_a, of_b))
    inner = (cells / (p_a * p_b) - one / (p_a * whole_b) - zero / (p_b * whole_a)
             + float(of_a.cluster @ of_b.cluster) / (whole_a * whole_b))  # fmt: skip
    return float((a.weights * b.weights) @ inner)
