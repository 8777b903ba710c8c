"""Worked examples run against rolloutlib.stats: one thin adapter an estimator key, from `inputs` to the numbers.

A file of examples is a list of {id, estimator, method, inputs, expected, tolerance, source, kind}. Intervals are
two-sided at `level` unless `side` names one bound; arm 1 is x1/n1, arm 0 is x2/n2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from rolloutlib import stats

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COMPUTE"]

Inputs: TypeAlias = dict[str, Any]
Numbers: TypeAlias = float | list[float]


def _interval(bound: Callable[..., stats.Bounds], *names: str) -> Callable[[Inputs], Numbers]:
    def compute(inputs: Inputs) -> Numbers:
        arguments = [inputs[name] for name in names]
        level, side = inputs.get("level", 0.95), inputs.get("side", "both")
        if side in {"lower", "upper"}:
            return float(getattr(bound(*arguments, confidence=level), side))
        return list(bound(*arguments, confidence=0.5 + level / 2))

    return compute


def _pairs(inputs: Inputs) -> Inputs:
    """Give both forms of a table of pairs, from its four cells or from b, c and n."""
    return inputs if "n" in inputs else {**inputs, "n": sum(inputs[cell] for cell in "abcd")}


def _score_test(
    test: Callable[..., stats.TestResult], null: str, *names: str
) -> Callable[[Inputs], list[float]]:
    def compute(inputs: Inputs) -> list[float]:
        arguments = [inputs[name] for name in names]
        default = 1.0 if null == "ratio0" else 0.0
        return list(
            test(*arguments, null=inputs.get(null, default), alternative=_alternative(inputs))
        )

    return compute


def _alternative(inputs: Inputs) -> stats.Alternative:
    word = str(inputs.get("alternative", "two-sided")).replace("_", "-").replace(".", "-")
    return cast("stats.Alternative", {"smaller": "less", "larger": "greater"}.get(word, word))


def _sided(inputs: Inputs) -> int:
    one = str(inputs.get("alternative", "two-sided")) not in {"two-sided", "two.sided", "two_sided"}
    return int(inputs.get("sided", 1 if one else 2))


def _each(compute: Callable[[Any], float], values: object) -> Numbers:
    """Apply to one number or to each of a list."""
    return (
        [compute(value) for value in cast("list[Any]", values)]
        if isinstance(values, list)
        else compute(values)
    )


def _arms(inputs: Inputs) -> list[Any]:
    return [inputs[name] for name in ("n1", "s1", "n0", "s0")]


def _cr2_inference(inputs: Inputs) -> list[float]:
    found = stats.nested_difference(*_arms(inputs), kind="CR2")
    bounds = stats.t_bounds(found, confidence=0.5 + inputs.get("level", 0.9) / 2)
    return [found.point, found.df, stats.t_test(found).p_value, *bounds]


def _crossed_cr2(inputs: Inputs) -> list[float]:
    found = stats.crossed_difference(*_arms(inputs), kind="CR2")
    third = stats.crossed_difference(*_arms(inputs), kind="CR3")
    return [found.se, found.df, stats.t_test(found).p_value, third.se]


def _crossed_cr0_cr1(inputs: Inputs) -> list[float]:
    found = stats.crossed_difference(*_arms(inputs), kind="CR0")
    return [found.point, found.se, stats.crossed_difference(*_arms(inputs), kind="CR1").se]


def _cluster_se(inputs: Inputs) -> float:
    compare = stats.crossed_difference if inputs.get("crossed") else stats.nested_difference
    return compare(*_arms(inputs), kind=inputs.get("type", "CR3")).se


def _korn_graubard(inputs: Inputs) -> Numbers:
    def bound(n: list[float], x: list[float], *, confidence: float) -> stats.Bounds:
        return stats.korn_graubard(n, x, confidence=confidence, icc_floor=inputs.get("icc_floor"))

    return _interval(bound, "n", "x" if "x" in inputs else "s")(inputs)


def _ratio_of_means(inputs: Inputs) -> list[float]:
    if "on" in inputs:
        once = [1.0] * len(inputs["on"])
        inputs = {"n1": once, "s1": inputs["on"], "n0": once, "s0": inputs["off"], **inputs}
    crossed = inputs.get("crossed", True)
    return list(
        stats.ratio_of_means(*_arms(inputs), crossed=crossed, kind=inputs.get("type", "CR1"))[:2]
    )


def _welch(inputs: Inputs) -> list[float]:
    x, y = stats.moments_of(inputs["x"]), stats.moments_of(inputs["y"])
    found = stats.welch_inference(x.mean, x.var, x.n, y.mean, y.var, y.n)
    result = stats.t_test(found, null=inputs.get("mu", 0.0), alternative=_alternative(inputs))
    return [result.statistic, found.df, result.p_value]


def _paired(inputs: Inputs) -> list[float]:
    moments = stats.moments_of(np.subtract(inputs["x"], inputs["y"]))
    found = stats.mean_inference(moments.mean, moments.var, moments.n)
    result = stats.t_test(found, null=inputs.get("mu", 0.0), alternative=_alternative(inputs))
    return [result.statistic, found.df, result.p_value]


def _mean_sd(inputs: Inputs) -> list[float]:
    """Go the way of a review: moments of parts, merged."""
    data = inputs["data"]
    values = [data["first"]] + data["pattern"] * data["repeat"] if isinstance(data, dict) else data
    parts = np.array_split(
        np.asarray(values, dtype=np.float64), max(1, len(cast("list[float]", values)) // 7)
    )
    moments = stats.merge_moments(stats.moments_of(part) for part in parts)
    return [moments.mean, float(np.sqrt(moments.var))]


def _exact_multinomial(inputs: Inputs) -> float:
    try:
        return stats.exact_multinomial_test(inputs["counts"], inputs["p"]).p_value
    except ValueError:  # too many outcomes to list
        return stats.simulated_multinomial_test(
            inputs["counts"], inputs["p"], rng=np.random.default_rng(1), draws=400_000
        ).p_value


def _lan_demets(spending: stats.Spending) -> Callable[[Inputs], list[float]]:
    def compute(inputs: Inputs) -> list[float]:
        limits = stats.lan_demets_boundaries(
            inputs["info"],
            alpha=inputs.get("alpha", 0.025),
            spending=spending,
            sided=int(inputs.get("sided", 1)),
        )
        return [float(limit) for limit in limits]

    return compute


def _constants(constant: Callable[..., float]) -> Callable[[Inputs], Numbers]:
    return lambda inputs: _each(
        lambda k: constant(k, alpha=inputs["alpha"], sided=inputs.get("sided", 2)), inputs["K"]
    )


def _proportions_n(inputs: Inputs) -> float:
    alpha, power = inputs.get("alpha", 0.05), inputs.get("power", 0.8)
    return stats.proportions_n(
        p1=inputs["p1"], p0=inputs["p2"], power=power, alpha=alpha, sided=_sided(inputs)
    )


def _t_test_n(inputs: Inputs) -> float:
    alpha, power = inputs.get("alpha", 0.05), inputs.get("power", 0.8)
    return stats.t_test_n(
        delta=inputs["delta"],
        sd=inputs.get("sd", 1.0),
        power=power,
        alpha=alpha,
        sided=_sided(inputs),
    )


def _paired_n(inputs: Inputs) -> float:
    return stats.paired_non_inferiority_n(
        discordance=inputs["psi"],
        margin=inputs["margin"],
        delta=inputs.get("delta", 0.0),
        alpha=inputs.get("alpha", 0.05),
        power=inputs.get("power", 0.8),
    )


_COUNTS = ("x1", "n1", "x2", "n2")
_RATES = ("x1", "T1", "x2", "T2")

COMPUTE: dict[str, Callable[[Inputs], Numbers]] = {
    "wilson_ci": _interval(stats.wilson, "x", "n"),
    "clopper_pearson_ci": _interval(stats.clopper_pearson, "x", "n"),
    "clopper_pearson_upper": lambda i: _interval(stats.clopper_pearson, "x", "n")(
        {"side": "upper", **i}
    ),
    "midp_ci": _interval(stats.mid_p, "x", "n"),
    "max_events_min_n": lambda i: _each(
        lambda k: stats.events_n(i["limit"], events=k, confidence=i.get("level", 0.95)), i["k"]
    ),
    "quantile_min_n": lambda i: _each(
        lambda k: stats.quantile_n(i["q"], exceedances=k, confidence=i.get("level", 0.95)), i["k"]
    ),
    "quantile_upper_rank": lambda i: float(
        stats.quantile_upper_rank(i["n"], i["q"], confidence=i.get("level", 0.95)) or np.nan
    ),
    "farrington_manning_difference_ci": _interval(stats.farrington_manning_difference, *_COUNTS),
    "miettinen_nurminen_difference_ci": _interval(stats.miettinen_nurminen_difference, *_COUNTS),
    "newcombe_difference_ci": _interval(stats.newcombe_difference, *_COUNTS),
    "farrington_manning_difference_test": _score_test(
        stats.farrington_manning_difference_test, "delta0", *_COUNTS
    ),
    "miettinen_nurminen_difference_test": _score_test(
        stats.miettinen_nurminen_difference_test, "delta0", *_COUNTS
    ),
    "farrington_manning_difference_z": lambda i: _score_test(
        stats.farrington_manning_difference_test, "delta0", *_COUNTS
    )(i)[0],
    "koopman_ratio_ci": _interval(stats.koopman_ratio, *_COUNTS),
    "miettinen_nurminen_ratio_ci": _interval(stats.miettinen_nurminen_ratio, *_COUNTS),
    "miettinen_nurminen_ratio_test": _score_test(
        stats.miettinen_nurminen_ratio_test, "ratio0", *_COUNTS
    ),
    "tango_ci": lambda i: _interval(stats.tango, "b", "c", "n")(_pairs(i)),
    "tango_test": lambda i: _score_test(stats.tango_test, "delta0", "b", "c", "n")(_pairs(i)),
    "newcombe_paired_ci": _interval(stats.newcombe_paired, "a", "b", "c", "d"),
    "mcnemar_test": lambda i: list(stats.mcnemar_test(i["b"], i["c"])),
    "mcnemar_exact_p": lambda i: stats.mcnemar_exact(i["b"], i["c"], alternative=_alternative(i)),
    "poisson_ci": _interval(stats.poisson_rate, "x", "T"),
    "poisson_ratio_ci": _interval(stats.poisson_rate_ratio, *_RATES),
    "poisson_ratio_test": lambda i: stats.poisson_rate_ratio_test(
        *(i[name] for name in _RATES), null=i.get("ratio0", 1.0), alternative=_alternative(i)
    ),
    "poisson_ratio_score_test": _score_test(stats.poisson_rate_ratio_score_test, "ratio0", *_RATES),
    "pocock_constants": _constants(stats.pocock_constant),
    "obrien_fleming_constants": _constants(stats.obrien_fleming_constant),
    "lan_demets_obrien_fleming_bounds": _lan_demets("obrien_fleming"),
    "lan_demets_pocock_bounds": _lan_demets("pocock"),
    "cluster_difference_se": _cluster_se,
    "cluster_difference_cr2_inference": _cr2_inference,
    "cluster_mean_cr2": lambda i: list(stats.cluster_mean(i["n"], i["s"], kind="CR2")),
    "crossed_difference_cr0_cr1": _crossed_cr0_cr1,
    "crossed_difference_cr2": _crossed_cr2,
    "korn_graubard_ci": _korn_graubard,
    "cluster_mean_linearised_se": lambda i: list(
        stats.cluster_mean(i["n"], i["s"], kind="CR1")[:2]
    ),
    "ratio_of_means_linearised_se": _ratio_of_means,
    "welch_t": _welch,
    "paired_t": _paired,
    "mean_sd_from_moments": _mean_sd,
    "goodness_of_fit": lambda i: list(stats.goodness_of_fit(i["counts"], i["p"])),
    "kl_divergence": lambda i: [
        stats.g_statistic(i["counts"], i["p"]),
        stats.kl_divergence(i["counts"], i["p"]),
    ],
    "exact_multinomial_g_p": _exact_multinomial,
    "contingency_chi2": lambda i: list(stats.contingency_chi2(i["table"])[:2]),
    "fisher_freeman_halton_p": lambda i: stats.fisher_freeman_halton(i["table"]),
    "sample_ratio_p": lambda i: stats.sample_ratio_test(i["counts"], i["p"]).p_value,
    "holm": lambda i: [float(p) for p in stats.holm(i["p"])],
    "t_test_n": _t_test_n,
    "proportions_n": _proportions_n,
    "paired_non_inferiority_n": _paired_n,
    "normal_mixture_one_sided": lambda i: _each(
        lambda v: stats.normal_mixture_one_sided(v, rho=i["rho"], alpha=i.get("alpha", 0.05)),
        i["V"],
    ),
    "normal_mixture_two_sided": lambda i: _each(
        lambda v: stats.normal_mixture_two_sided(v, rho=i["rho"], alpha=i.get("alpha", 0.05)),
        i["V"],
    ),
    "msprt_likelihood_ratio": lambda i: stats.msprt_likelihood_ratio(
        i["theta_hat"], i["V"], tau2=i["tau2"]
    ),
    "beta_binomial_e_value": lambda i: stats.beta_binomial_e_value(
        i["x"], i["n"], p0=i["p0"], a=i["a"], b=i["b"]
    ),
}
