"""Prompts as sources of variance where users are the units: both are clusters, crossed.

Few prompts that many users answer are a few draws from what could be asked. Their contrast varies
beyond what users and samples explain (two-way clustering: Cameron, Gelbach & Miller 2011, J. Bus.
Econ. Stat. 29:238); what cells of prompt and user show is what is due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rolloutlib.measure.components import spread_of, total_of
from rolloutlib.measure.design import Quadratic, Source
from rolloutlib.measure.moments import Cells, Key, added, scan
from rolloutlib.stats import clusters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import narwhals as nw
    from numpy.typing import NDArray

    from rolloutlib.measure.components import Spread
    from rolloutlib.measure.counts import Count
    from rolloutlib.measure.design import Floats
    from rolloutlib.measure.moments import Ints, MomentTable
    from rolloutlib.measure.scan import Measured

    _Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]

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


@dataclass(frozen=True, eq=False)
class _Answers:
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

    @cached_property
    def by_prompt(self) -> Cells:
        return self.cells.pooled(self.prompt, self.prompts)

    @cached_property
    def by_cluster(self) -> Cells:
        return self.cells.pooled(self.cluster, self.clusters)

    @cached_property
    def crossed(self) -> bool:
        """Whether clusters answer several prompts each."""
        return self.told and len(self.cluster) >= OWN * self.answering

    @cached_property
    def answering(self) -> int:
        """How many clusters answer."""
        return int(np.count_nonzero(np.bincount(self.cluster, minlength=self.clusters)))

    @cached_property
    def places(self) -> Ints:
        """One number for each cell's prompt and cluster, the same in both arms."""
        return self.prompt * max(self.clusters, 1) + self.cluster

    @cached_property
    def shares(self) -> Floats:
        n = self.by_prompt.n
        return n / max(n.sum(), 1.0)

    @cached_property
    def weights(self) -> Floats:
        """What a prompt's deviation counts in the variance of the arm's mean (CR2)."""
        return self.shares / np.sqrt(np.maximum(1 - self.shares, 1e-12))


def _answers(table: MomentTable, arm: str, metric: str) -> _Answers:
    arms, every = table.keys["arm"], table.metrics[metric]
    has_value = (arms.codes == arms.code(arm)) & (every.n > 0)
    cells, prompt = every.take(has_value), table.keys["prompt"]
    alone = np.arange(len(cells.n), dtype=np.int64)
    by_units = "cluster" in table.keys
    key = table.keys["cluster"] if by_units else Key(alone, (None,) * len(alone))
    codes = key.codes[has_value] if by_units else alone
    return _Answers(
        prompt.codes[has_value], codes, cells, len(prompt.labels), len(key.labels), by_units
    )


def _sources(control: _Answers, treated: _Answers) -> tuple[Source, ...]:
    groups = [int((arm.by_prompt.n > 0).sum()) for arm in (control, treated)]
    if min(groups) < 2:  # noqa: PLR2004 -- one mean tells nothing
        return ()
    cells = (treated.by_prompt, control.by_prompt)
    alone = [clusters.cluster_mean(arm.n, arm.total, kind="CR2") for arm in cells]
    quad = (part for arm in cells for part in (arm.n, arm.total))
    both = clusters.cluster_contrast(*quad, kind="CR2")
    variances = [mean.se**2 for mean in alone]
    seen_both = (sum(variances) - both.se**2) / 2
    at_both = _at_both(treated, control) if treated.told and control.told else None
    noise, shared = _residuals(control, treated, at_both)
    spread = spread_of(control.by_cluster, treated.by_cluster, "user") if treated.told else None
    expected = [*noise, shared]
    if spread is not None:
        of_clusters = _of_clusters(control, treated, spread, at_both)
        expected = [part + more for part, more in zip(expected, of_clusters, strict=True)]
    squares = (np.array([arm.shares @ arm.shares]) for arm in (treated, control))
    return (
        Source(
            "prompt", (groups[0], groups[1]),
            Quadratic(*(np.array([part]) for part in (*variances, seen_both))),
            Quadratic(*(np.array([part]) for part in expected)),
            *(np.array([inference.df]) for inference in (*alone, both)),
            shares=(next(squares), next(squares)),
        ),
    )  # fmt: skip


def _at_both(treated: _Answers, control: _Answers) -> _Pairs:
    """Return where the cells of both arms are that have prompt and cluster in common."""
    pairs = np.intersect1d(treated.places, control.places, assume_unique=True, return_indices=True)
    return pairs[1], pairs[2]


def _residuals(
    control: _Answers, treated: _Answers, at_both: _Pairs | None
) -> tuple[tuple[float, float], float]:
    """Return what single cells add to both means' variances, and to their covariance."""
    errors = [_errors(arm) for arm in (treated, control)]
    noise = [float(part @ part) for part in errors]
    for k, arm in enumerate((treated, control)):
        if not arm.told:
            noise[k] = total_of(arm.cells) / max(arm.cells.n.sum(), 1.0)
    if at_both is None:
        return (noise[0], noise[1]), 0.0
    at_treated, at_control = at_both
    return (noise[0], noise[1]), float(errors[0][at_treated] @ errors[1][at_control])


def _errors(arm: _Answers) -> Floats:
    """Return each cell's part of the error of the arm's mean, beside that of its cluster."""
    n, mean = arm.cells.n, arm.cells.mean
    whole = n.sum()
    centre: Floats | float = float(n @ mean) / max(whole, 1.0)
    left = len(n) - 1.0
    if arm.crossed:
        centre, left = arm.by_cluster.mean[arm.cluster], len(n) - arm.answering
    return n * (mean - centre) / max(whole, 1.0) * np.sqrt(len(n) / max(left, 1.0))


def _of_clusters(
    control: _Answers, treated: _Answers, spread: Spread, at_both: _Pairs | None
) -> list[float]:
    """Return what clusters add that do not answer all prompts alike: both arms, and in common."""
    of_treated, of_control = _Per.of(treated), _Per.of(control)
    own = [
        between * _product(arm, arm, per, per, (slice(None), slice(None))) if arm.crossed else 0.0
        for between, arm, per in zip(
            spread.between, (treated, control), (of_treated, of_control), strict=False
        )
    ]
    common = spread.between[2] if treated.crossed and control.crossed else 0.0
    if not common or at_both is None:
        return [*own, 0.0]
    return [*own, common * _product(treated, control, of_treated, of_control, at_both)]


class _Per(NamedTuple):
    """Samples of an arm by cell, prompt and cluster."""

    n: Floats
    prompt: Floats
    cluster: Floats

    @classmethod
    def of(cls, arm: _Answers) -> _Per:
        n = arm.cells.n
        return cls(n, added(arm.prompt, n, arm.prompts), added(arm.cluster, n, arm.clusters))


def _product(
    a: _Answers, b: _Answers, of_a: _Per, of_b: _Per, at_both: _Pairs | tuple[slice, slice]
) -> float:
    """Return Σ over prompts and clusters of both arms' deviations of a cluster's share."""
    at_a, at_b = at_both
    cells = added(a.prompt[at_a], of_a.n[at_a] * of_b.n[at_b], a.prompts)
    by_a = added(a.prompt, of_a.n * of_b.cluster[a.cluster], a.prompts)
    by_b = added(b.prompt, of_b.n * of_a.cluster[b.cluster], b.prompts)
    whole_a, whole_b = of_a.n.sum(), of_b.n.sum()
    p_a, p_b = (np.where(part.prompt > 0, part.prompt, np.inf) for part in (of_a, of_b))
    inner = (cells / (p_a * p_b) - by_a / (p_a * whole_b) - by_b / (p_b * whole_a)
             + float(of_a.cluster @ of_b.cluster) / (whole_a * whole_b))  # fmt: skip
    return float((a.weights * b.weights) @ inner)
