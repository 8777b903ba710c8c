"""Regression adjustment on a covariate known before the treatment (CUPED).

Narrower bounds from the same samples.

Deng, Xu, Kohavi & Walker (2013), WSDM '13:123: y − θ(x − x̄) has the mean of y, because both arms'
covariates have the mean x̄ by randomisation, and the variance (1 − ρ²) var(y) with θ the regression
slope. Pairs that share their prompts share a prompt's covariate too, so there the adjustment
changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.measure.moments import Cells

if TYPE_CHECKING:
    from rolloutlib.measure.design import Arms


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
    weight = sum(float(cells.n[known.n > 0].sum()) for cells, known in both)
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
