"""Regression adjustment on a covariate known before the treatment (CUPED).

Narrower bounds from the same samples.

Deng, Xu, Kohavi & Walker (2013), WSDM '13:123: y − θ(x − x̄) has the mean of y, because both arms'
covariates have the mean x̄ by randomisation, and the variance (1 − ρ²) var(y) with θ the regression
slope. Pairs that share their prompts share a prompt's covariate too, so their difference is not
changed. The mean of one arm alone is not adjusted: x̄ is estimated from the same samples, so that
its bound would be narrower than its error (9–22 % false passes where 5 % are promised).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.errors import UsageError
from rolloutlib.measure.moments import Cells, added
from rolloutlib.stats import contingency

if TYPE_CHECKING:
    from rolloutlib.measure.design import Arms
    from rolloutlib.measure.moments import MomentTable

UNLIKE = 0.05  # p below which the arms lack the covariate unlike


def check(table: MomentTable, pair: tuple[str, str]) -> None:
    """Refuse a covariate that nobody has, or that one arm's units lack more often.

    What is lost in one arm only may be lost because of what it is (the history of active users,
    say), and then moves that arm's mean: 24 % false passes with 30 users an arm where 5 % are
    promised. Few units are enough for harm, so the test has 5 %; who is refused in vain has the
    bounds without adjustment.

    Args:
        table: moments by arm and cluster.
        pair: names of the control and the treatment.

    Raises:
        UsageError: it is such a one.
    """
    if not table.all("covariate").n[0]:
        raise UsageError(
            "{parameter} is set, but no sample carries a covariate; "
            "name its column in source.yaml (columns)",
            parameter="adjust",
        )
    counts: list[tuple[int, int]] = []
    for arm in pair:
        of_arm = table.where(arm=arm)
        codes, size = of_arm.keys["cluster"].codes, len(of_arm.keys["cluster"].labels)
        has_samples = added(codes, of_arm.rows, size) > 0
        has_covariate = of_arm.by("cluster", "covariate").n > 0
        lacking, having = has_samples & ~has_covariate, has_samples & has_covariate
        counts.append((int(lacking.sum()), int(having.sum())))
    if contingency.contingency_chi2(counts).p_value >= UNLIKE:
        return
    (before, had), (after, have) = counts
    raise UsageError(
        "{parameter} is set, but the covariate is missing for {before} of {had} units of arm "
        "{control} and {after} of {have} of arm {treatment}; expected one that both arms lack "
        "alike. Name a covariate that was known of everyone before the treatment, or review "
        "without {parameter}",
        parameter="adjust",
        before=before, had=before + had, control=pair[0], after=after, have=after + have,
        treatment=pair[1],
    )  # fmt: skip


def adjust(metric: Arms, covariate: Arms) -> tuple[Arms, float]:
    """Return the metric's moments per unit with the covariate regressed out, and the slope θ.

    Units that do not know their covariate keep their values. Sums of squares within units are kept
    too: the estimators of repeated units use sums only, and units of one sample have none.

    Args:
        metric: moments of the outcome per unit, both arms aligned.
        covariate: moments of the covariate for the same units.
    """
    theta = slope(metric, covariate)
    both = ((metric.control, covariate.control), (metric.treatment, covariate.treatment))
    weight = sum(float(cells.n[x.n > 0].sum()) for cells, x in both)
    if not weight or not theta:
        return metric, theta
    centre = sum(float((cells.n * x.mean)[x.n > 0].sum()) for cells, x in both) / weight
    control, treatment = (_shifted(cells, x, theta, centre) for cells, x in both)
    return replace(metric, control=control, treatment=treatment), theta


def _shifted(cells: Cells, covariate: Cells, theta: float, centre: float) -> Cells:
    shift = np.where(covariate.n > 0, theta * (covariate.mean - centre), 0.0)
    return Cells(cells.n, cells.mean - shift, cells.m2)


def slope(metric: Arms, covariate: Arms) -> float:
    """Return the slope of the metric's unit means on the covariate's, weighted by samples.

    0 where the covariate does not vary.
    """
    cross = spread = 0.0
    for y, x in ((metric.control, covariate.control), (metric.treatment, covariate.treatment)):
        weight = np.where((x.n > 0) & (y.n > 0), y.n, 0.0)
        if weight.sum():
            dy, dx = (cells.mean - np.average(cells.mean, weights=weight) for cells in (y, x))
            cross, spread = cross + float(weight @ (dx * dy)), spread + float(weight @ dx**2)
    return cross / spread if spread > 0 else 0.0
