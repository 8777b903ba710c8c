"""Worked examples run against rolloutlib.stats: a thin adapter a key, from `inputs` to numbers.

A file of examples is a list of {id, estimator, method, inputs, expected, tolerance, source, kind}.
Intervals are two-sided at `level` unless `side` names one bound; arm 1 is x1/n1, arm 0 is x2/n2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from rolloutlib.measure.moments import Cells
from rolloutlib.stats import (
    anytime,
    clusters,
    contingency,
    differences,
    divergence,
    effective,
    inference,
    means,
    pairs,
    proportions,
    ratios,
    sequential,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.stats._numeric import Alternative

__all__ = ["COMPUTE"]

Inputs: TypeAlias = dict[str, Any]
Numbers: TypeAlias = float | list[float]


def _interval(bound: Callable[..., inference.Bounds], *names: str) -> Callable[[Inputs], Numbers]:
    def compute(inputs: Inputs) -> Numbers:
        arguments = [inputs[name] for name in names]
        level, side = inputs.get("level", 0.95), inputs.get("side", "both")
        if side in {"lower", "upper"}:
            return float(getattr(bound(*arguments, confidence=level), side))
        return list(bound(*arguments, confidence=0.5 + level / 2))

    return compute


def _score_test(
    test: Callable[..., inference.TestResult], null: str, *names: str
) -> Callable[[Inputs], list[float]]:
    def compute(inputs: Inputs) -> list[float]:
        arguments = [inputs[name] for name in names]
        default = 1.0 if null == "ratio0" else 0.0
        return list(
            test(*arguments, null=inputs.get(null, default), alternative=_alternative(inputs))
        )

    return compute


def _alternative(inputs: Inputs) -> Alternative:
    word = str(inputs.get("alternative", "two-sided")).replace("_", "-").replace(".", "-")
    return cast("Alternative", {"smaller": "less", "larger": "greater"}.get(word, word))


def _pairs(inputs: Inputs) -> Inputs:
    """Give both forms of a table of pairs, from its four cells or from b, c and n."""
    return inputs if "n" in inputs else {**inputs, "n": sum(inputs[cell] for cell in "abcd")}


def _arms(inputs: Inputs, *, crossed: bool) -> list[Any]:
    arms = [inputs[name] for name in ("n1", "s1", "n0", "s0")]
    return arms if crossed else list(clusters.side_by_side(*arms))


def _cr2_inference(inputs: Inputs) -> list[float]:
    contrast = clusters.cluster_contrast(*_arms(inputs, crossed=False), kind="CR2")
    bounds = inference.t_bounds(contrast, confidence=0.5 + inputs.get("level", 0.9) / 2)
    return [contrast.point, contrast.df, inference.t_test(contrast).p_value, *bounds]


def _crossed_cr2(inputs: Inputs) -> list[float]:
    arms = _arms(inputs, crossed=True)
    contrast = clusters.cluster_contrast(*arms, kind="CR2")
    third = clusters.cluster_contrast(*arms, kind="CR3")
    return [contrast.se, contrast.df, inference.t_test(contrast).p_value, third.se]


def _crossed_cr0_cr1(inputs: Inputs) -> list[float]:
    arms = _arms(inputs, crossed=True)
    contrast = clusters.cluster_contrast(*arms, kind="CR0")
    return [contrast.point, contrast.se, clusters.cluster_contrast(*arms, kind="CR1").se]


def _cluster_se(inputs: Inputs) -> float:
    arms = _arms(inputs, crossed=bool(inputs.get("crossed")))
    return clusters.cluster_contrast(*arms, kind=inputs.get("type", "CR3")).se


def _ratio_of_means(inputs: Inputs) -> list[float]:
    if "on" in inputs:
        once = [1.0] * len(inputs["on"])
        inputs = {"n1": once, "s1": inputs["on"], "n0": once, "s0": inputs["off"], **inputs}
    arms = _arms(inputs, crossed=inputs.get("crossed", True))
    return list(clusters.cluster_ratio(*arms, kind=inputs.get("type", "CR1"))[:2])


def _moments(values: Any) -> tuple[float, float, int]:  # noqa: ANN401 -- numbers as JSON has them
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.var(ddof=1)), len(array)


def _t(contrast: inference.ClusterInference, inputs: Inputs) -> list[float]:
    alternative = _alternative(inputs)
    result = inference.t_test(contrast, null=inputs.get("mu", 0.0), alternative=alternative)
    return [result.statistic, contrast.df, result.p_value]


def _welch(inputs: Inputs) -> list[float]:
    contrast = means.welch_inference(*_moments(inputs["x"]), *_moments(inputs["y"]))
    return _t(contrast, inputs)


def _paired(inputs: Inputs) -> list[float]:
    contrast = means.mean_inference(*_moments(np.subtract(inputs["x"], inputs["y"])))
    return _t(contrast, inputs)


def _mean_sd(inputs: Inputs) -> list[float]:
    """Go the way of a review: moments of parts, added up."""
    data = inputs["data"]
    values = [data["first"]] + data["pattern"] * data["repeat"] if isinstance(data, dict) else data
    count = max(1, len(cast("list[float]", values)) // 7)
    parts = np.array_split(np.asarray(values, dtype=np.float64), count)
    cells = Cells(
        np.array([float(len(part)) for part in parts]),
        np.array([part.mean() for part in parts]),
        np.array([np.sum((part - part.mean()) ** 2) for part in parts]),
    )
    whole = cells.pooled(np.zeros(len(parts), dtype=np.int64), 1)
    return [float(whole.mean[0]), float(np.sqrt(whole.m2[0] / (whole.n[0] - 1)))]


def _mixture(inputs: Inputs) -> Numbers:
    alpha = inputs.get("alpha", 0.05)
    bounds = anytime.normal_mixture_one_sided(inputs["V"], rho=inputs["rho"], alpha=alpha)
    return cast("list[float]", np.asarray(bounds).tolist())


def _kl(inputs: Inputs) -> list[float]:
    kl = divergence.kl_divergence(inputs["counts"], inputs["p"])
    return [2 * sum(inputs["counts"]) * kl, kl]


def _korn_graubard(inputs: Inputs) -> Numbers:
    def bound(n: list[float], x: list[float], *, confidence: float) -> inference.Bounds:
        return effective.korn_graubard(
            n, x, confidence=confidence, icc_floor=inputs.get("icc_floor")
        )

    return _interval(bound, "n", "x" if "x" in inputs else "s")(inputs)


def _lan_demets(spending: sequential.Spending) -> Callable[[Inputs], list[float]]:
    def compute(inputs: Inputs) -> list[float]:
        limits = sequential.lan_demets_boundaries(
            inputs["info"], alpha=inputs.get("alpha", 0.025), spending=spending
        )
        return [float(limit) for limit in limits]

    return compute


_COUNTS = ("x1", "n1", "x2", "n2")

COMPUTE: dict[str, Callable[[Inputs], Numbers]] = {
    "clopper_pearson_ci": _interval(proportions.clopper_pearson, "x", "n"),
    "clopper_pearson_upper": lambda i: _interval(proportions.clopper_pearson, "x", "n")(
        {"side": "upper", **i}
    ),
    "miettinen_nurminen_difference_ci": _interval(
        differences.miettinen_nurminen_difference, *_COUNTS
    ),
    "miettinen_nurminen_difference_test": _score_test(
        differences.miettinen_nurminen_difference_test, "delta0", *_COUNTS
    ),
    "miettinen_nurminen_ratio_ci": _interval(ratios.miettinen_nurminen_ratio, *_COUNTS),
    "miettinen_nurminen_ratio_test": _score_test(
        ratios.miettinen_nurminen_ratio_test, "ratio0", *_COUNTS
    ),
    "tango_ci": lambda i: _interval(pairs.tango, "b", "c", "n")(_pairs(i)),
    "mcnemar_exact_p": lambda i: pairs.mcnemar_exact(i["b"], i["c"], alternative=_alternative(i)),
    "lan_demets_obrien_fleming_bounds": _lan_demets("obrien_fleming"),
    "lan_demets_pocock_bounds": _lan_demets("pocock"),
    "cluster_difference_se": _cluster_se,
    "cluster_difference_cr2_inference": _cr2_inference,
    "cluster_mean_cr2": lambda i: list(clusters.cluster_mean(i["n"], i["s"], kind="CR2")),
    "crossed_difference_cr0_cr1": _crossed_cr0_cr1,
    "crossed_difference_cr2": _crossed_cr2,
    "korn_graubard_ci": _korn_graubard,
    "cluster_mean_linearised_se": lambda i: list(
        clusters.cluster_mean(i["n"], i["s"], kind="CR1")[:2]
    ),
    "ratio_of_means_linearised_se": _ratio_of_means,
    "welch_t": _welch,
    "paired_t": _paired,
    "mean_sd_from_moments": _mean_sd,
    "goodness_of_fit": lambda i: list(divergence.goodness_of_fit(i["counts"], i["p"])),
    "kl_divergence": _kl,
    "contingency_chi2": lambda i: list(contingency.contingency_chi2(i["table"])[:2]),
    "sample_ratio_p": lambda i: divergence.goodness_of_fit(i["counts"], i["p"]).p_value,
    "holm": lambda i: [float(p) for p in sequential.holm(i["p"])],
    "normal_mixture_one_sided": _mixture,
}
