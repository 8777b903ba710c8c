"""Thresholds and correlations of latent normal values that show as other distributions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

__all__ = ["LOG_LATENCY_SD", "latency", "latent_icc", "run_spread", "threshold"]

LOG_LATENCY_SD: Final = 0.5  # skewness 1.75, about that of published load tests


def threshold(share: float) -> np.float32:
    """What a standard normal value exceeds in that share of samples."""
    return np.float32(special.ndtri(1 - share))


def latency(latent: Floats, mean: float, cap_ms: float) -> Floats:
    """Return lognormal latencies whose mean is that once each is capped."""
    centre = np.float32(_log_median(mean, cap_ms))
    return np.minimum(np.exp(np.float32(LOG_LATENCY_SD) * latent + centre), np.float32(cap_ms))


@cache
def _log_median(mean: float, cap_ms: float) -> float:
    """Return the median's logarithm of a lognormal latency with that mean below a cap."""
    sd = LOG_LATENCY_SD
    low, high = np.log(mean) - sd**2 / 2, np.log(mean) + 2.0
    for _ in range(60 if np.isfinite(cap_ms) else 0):
        centre = (low + high) / 2
        z = (np.log(cap_ms) - centre) / sd
        below, above = (float(special.ndtr(np.array(side))) for side in (z - sd, -z))
        capped = float(np.exp(centre + sd**2 / 2)) * below + cap_ms * above
        low, high = (centre, high) if capped < mean else (low, centre)
    return float(low)


def run_spread(sd: float, share: float) -> float:
    """Return the latent standard deviation of runs which moves that share by `sd`, at most .9."""
    z = float(threshold(share))
    return min(sd / (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)), 0.9)


@cache
def latent_icc(metric: str, mean: float, icc: float) -> float:
    """Latent correlation of a user's values which gives the metric that correlation."""
    if metric == "score" or not icc:
        return icc
    if metric == "latency_ms":  # lognormal: corr = (exp(r·sd²) − 1)/(exp(sd²) − 1)
        return float(np.log1p(icc * np.expm1(LOG_LATENCY_SD**2)) / LOG_LATENCY_SD**2)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _binary_icc(mean, middle) < icc else (low, middle)
    return (low + high) / 2


def _binary_icc(share: float, latent: float) -> float:
    """Intra-class correlation of a thresholded normal value.

    E[Φ((√r·u − t)/√(1 − r))²] by Gauss and Hermite.
    """
    nodes, weights = _hermite()
    z = (latent**0.5 * nodes - float(threshold(share))) / (1 - latent) ** 0.5
    chance = special.ndtr(np.asarray(z, dtype=np.float64))
    return float((weights @ chance**2 / weights.sum() - share**2) / (share * (1 - share)))


@cache
def _hermite() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.polynomial.hermite_e.hermegauss(120)
