"""When a daily contrast is harm: three ways to cross a limit, one error for all looks of a test.

Four fifths of a test's error are spent over the plan's days, the last fifth over all that follow.
Of either, half goes to everything since the first day, a quarter each to the last `RECENT` days and
to the newest day alone, in which harm that begins late is not diluted by the good days before it.
How much days differ is then told by the days before, so that a jump is not its own excuse.
Arrays may have any axes before days and units: simulations judge many rollouts at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats.anytime import mixture_rho, normal_mixture_one_sided
from rolloutlib.stats.calendar import calendar_limits
from rolloutlib.stats.daily import DayArm, Looks, daily_contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = ["PLANNED", "RECENT", "Calendar", "Crossing", "crossing", "shares"]

RECENT = 3  # days
PLANNED, WHOLE = 0.8, 0.5  # shares of the error: of the plan's days; of all days so far
SPANS = (RECENT, 1)  # days of the looks at the last ones alone, with equal parts of what is left


class Calendar(NamedTuple):
    """By which days a test spends its error, and what it takes to look.

    Attributes:
        planned: days of the plan's harm test.
        cut: older days were left out, so that the planned days are over.
        spread: an arm's days differ by so many standard deviations of a sample, as assumed.
        least: units that each arm needs.
        alone: samples are units of their own.
    """

    planned: int
    cut: bool
    spread: float
    least: int
    alone: bool


class Crossing(NamedTuple):
    """A test's looks at everything so far, or at the last days alone. Each (..., days).

    Attributes:
        beyond: whether the look crossed its limit.
        point: treatment less control (times the null, of a ratio).
        bound: what it is at least, as sure as the limit asks; infinite where there is no look.
        span: days that are looked at; 0 is all so far.
    """

    beyond: Mask
    point: Floats
    bound: Floats
    span: int


def crossing(
    treatment: DayArm, control: DayArm | None, calendar: Calendar, *,
    harm: int, null: float, error: Floats | float,
) -> tuple[Crossing, ...]:  # fmt: skip
    """Judge each day: everything so far, the last days alone, and the day itself.

    Args:
        treatment: its samples by day.
        control: likewise; None: the treatment's mean is judged by itself.
        calendar: how days count.
        harm: 1 where more is worse, −1 where less is.
        null: the contrast that is no harm; what is beyond it in the direction of harm is.
        error: the chance of ever crossing without harm.
    """
    error = np.asarray(error, dtype=np.float64)
    looks = daily_contrast(treatment, control, spread=calendar.spread, alone=calendar.alone)
    question = (calendar, harm, null)
    crossings = [_crossing(looks, _whole_limits(looks, calendar, error), 0, *question)]
    for span in SPANS:
        last = _last(treatment, control, calendar, looks, span)
        limits = _last_limits(last, calendar, error, span)
        crossings.append(_crossing(last, limits, span, *question))
    return tuple(crossings)


def _usable(looks: Looks, calendar: Calendar) -> Mask:
    estimable = np.isfinite(looks.se) & (looks.se > 0) & (looks.df > 0)
    return estimable & (looks.fresh > 0) & (calendar.alone | (looks.units >= calendar.least))


def _crossing(
    looks: Looks, limits: Floats, span: int, calendar: Calendar, harm: int, null: float
) -> Crossing:
    z = harm * looks.z(null)
    beyond = _usable(looks, calendar) & (z > limits)
    df, sure = np.maximum(looks.df, 1e-9), np.where(beyond, limits, 0.0)
    back = special.stdtrit(df, special.ndtr(sure)) * np.where(beyond, looks.se, 0.0)
    return Crossing(
        beyond, looks.point, np.where(beyond, looks.point - harm * back, -harm * np.inf), span
    )


def _whole_limits(looks: Looks, calendar: Calendar, error: Floats) -> Floats:
    """Return the limits of looks at everything so far: spent by calendar, then a mixture's."""
    usable = _usable(looks, calendar)
    information = np.where(usable, 1 / np.square(np.where(usable, looks.se, 1.0)), 0.0)
    days: Floats = np.arange(1, information.shape[-1] + 1, dtype=np.float64)
    early: Mask = (days <= calendar.planned) & (not calendar.cut)
    planned = np.where(early, information, 0.0)
    limits = calendar_limits(planned, days / calendar.planned, alpha=error * PLANNED * WHOLE)
    if early.all():
        return limits
    whole: Floats = information[..., : calendar.planned].max(axis=-1, keepdims=True)
    whole = np.where(whole > 0, whole, information.max(axis=-1, keepdims=True))
    ratio = information / np.where(whole > 0, whole, 1.0)
    return np.where(early, limits, _mixture(ratio, error * (1 - PLANNED) * WHOLE))


def _mixture(ratio: Floats, alpha: Floats) -> Floats:
    """Return z limits that hold at all looks, tightest at the information of the planned days."""
    positive = ratio > 0
    safe = np.where(positive, ratio, 1.0)
    limits = np.full(ratio.shape, np.inf)
    for each in np.unique(alpha):
        rho = mixture_rho(1.0, alpha=float(each))
        edge = normal_mixture_one_sided(safe, rho=rho, alpha=float(each)) / np.sqrt(safe)
        limits = np.where(positive & (alpha[..., None] == each), edge, limits)
    return limits


def _last(
    treatment: DayArm, control: DayArm | None, calendar: Calendar, whole: Looks, span: int
) -> Looks:
    """Return looks at the last days alone, one a day; the first days have none of their own."""
    treated = DayArm(*(_windows(part, span) for part in treatment))
    untreated = None if control is None else DayArm(*(_windows(part, span) for part in control))
    before = np.full((*whole.between.shape[:-1], span), np.nan)
    earlier = [
        np.concatenate([before, part], axis=-1)[..., : part.shape[-1], None]
        for part in (whole.between, whole.between_df)
    ]
    looks = daily_contrast(
        treated, untreated, spread=calendar.spread, alone=calendar.alone,
        earlier=(earlier[0], earlier[1]),
    )  # fmt: skip
    last = Looks(*(np.broadcast_to(part, looks.point.shape)[..., -1] for part in looks))
    late: Mask = np.arange(treatment.n.shape[-2], dtype=np.int64) >= span
    return last._replace(fresh=last.fresh * late)


def _windows(values: Floats, span: int) -> Floats:
    """Return the last days of each day: (..., days, span, units)."""
    before = [(0, 0)] * (values.ndim - 2) + [(span - 1, 0), (0, 0)]
    rolled = np.lib.stride_tricks.sliding_window_view(np.pad(values, before), span, axis=-2)
    return np.moveaxis(rolled, -1, -2)


def _last_limits(looks: Looks, calendar: Calendar, error: Floats, span: int) -> Floats:
    """Return limits that share the error among the days, each with a look of its own."""
    share = shares(looks.point.shape[-1], calendar, calendar.planned - span)
    spent = (1 - WHOLE) / len(SPANS) * share * error[..., None]
    return -np.asarray(special.ndtri(spent), dtype=np.float64)


def shares(days: int, calendar: Calendar, looks: int) -> Floats:
    """Return each day's share of an error: the planned looks' even one, later 1/(j(j + 1))."""
    day: Floats = np.arange(1, days + 1, dtype=np.float64)
    after = day + calendar.planned if calendar.cut else day - calendar.planned
    later = (1 - PLANNED) / np.maximum(after * (after + 1), 1.0)
    return np.where(after > 0, later, PLANNED / max(looks, 1))
