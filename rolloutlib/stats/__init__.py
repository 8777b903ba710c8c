"""Numbers in, numbers out: every estimator of the gates, from counts, sums and moments alone.

Conventions: suffix 1 is the treatment, 0 the control. Every bound is one-sided at `confidence`; a two-sided
95 % interval is confidence=0.975. Scalars give floats, arrays give arrays. What no data bound is infinite,
or the end of the parameter's range.
"""

from rolloutlib.stats._special import binomial_cdf, noncentral_t_cdf, normal_cdf, normal_quantile, t_cdf, t_quantile
from rolloutlib.stats.anytime import (
    anytime_bounds,
    beta_binomial_e_value,
    mixture_rho,
    msprt_likelihood_ratio,
    normal_mixture_one_sided,
    normal_mixture_two_sided,
)
from rolloutlib.stats.cluster_ratios import crossed_ratio_bounds, nested_ratio_bounds, ratio_contrast, ratio_of_means
from rolloutlib.stats.clusters import Kind, cluster_mean, crossed_difference, nested_difference, side_by_side
from rolloutlib.stats.contingency import (
    Independence,
    contingency_chi2,
    contingency_cluster_permutation,
    contingency_monte_carlo,
)
from rolloutlib.stats.differences import (
    farrington_manning_difference,
    farrington_manning_difference_test,
    miettinen_nurminen_difference,
    miettinen_nurminen_difference_test,
    newcombe_difference,
)
from rolloutlib.stats.divergence import (
    exact_multinomial_test,
    g_statistic,
    goodness_of_fit,
    kl_divergence,
    kl_null_quantile,
    sample_ratio_test,
    simulated_multinomial_test,
)
from rolloutlib.stats.effective import beta_binomial_cdf, crossed_score_difference, nested_score_difference
from rolloutlib.stats.exact_tables import fisher_freeman_halton
from rolloutlib.stats.inference import Alternative, Bounds, ClusterInference, TestResult, t_bounds, t_test
from rolloutlib.stats.means import (
    Moments,
    mean_inference,
    merge_moments,
    moments_of,
    one_mean_t,
    one_mean_t_test,
    paired_t,
    paired_t_test,
    welch,
    welch_inference,
    welch_test,
)
from rolloutlib.stats.multiplicity import holm
from rolloutlib.stats.pairs import mcnemar_exact, mcnemar_test, newcombe_paired, tango, tango_test
from rolloutlib.stats.power import (
    design_effect,
    events_allowed,
    events_n,
    non_inferiority_n,
    paired_non_inferiority_n,
    proportions_n,
    t_test_n,
    variance_n,
)
from rolloutlib.stats.proportions import binomial_test, clopper_pearson, mid_p, wilson
from rolloutlib.stats.quantiles import quantile_bounds, quantile_lower_rank, quantile_n, quantile_upper_rank
from rolloutlib.stats.ratios import (
    fieller,
    koopman_ratio,
    miettinen_nurminen_ratio,
    miettinen_nurminen_ratio_test,
    poisson_rate,
    poisson_rate_ratio,
    poisson_rate_ratio_score_test,
    poisson_rate_ratio_test,
)
from rolloutlib.stats.resampling import cluster_bootstrap, cluster_sign_flip, sign_flip
from rolloutlib.stats.sequential import (
    Spending,
    binomial_spending_limits,
    lan_demets_boundaries,
    obrien_fleming_constant,
    pocock_constant,
    spent,
)
from rolloutlib.stats.skewed import skewed_mean
from rolloutlib.stats.survey import effective_sample_size, korn_graubard

__all__ = [
    "Alternative",
    "Bounds",
    "ClusterInference",
    "Independence",
    "Kind",
    "Moments",
    "Spending",
    "TestResult",
    "anytime_bounds",
    "beta_binomial_cdf",
    "beta_binomial_e_value",
    "binomial_cdf",
    "binomial_spending_limits",
    "binomial_test",
    "clopper_pearson",
    "cluster_bootstrap",
    "cluster_mean",
    "cluster_sign_flip",
    "contingency_chi2",
    "contingency_cluster_permutation",
    "contingency_monte_carlo",
    "crossed_difference",
    "crossed_ratio_bounds",
    "crossed_score_difference",
    "design_effect",
    "effective_sample_size",
    "events_allowed",
    "events_n",
    "exact_multinomial_test",
    "farrington_manning_difference",
    "farrington_manning_difference_test",
    "fieller",
    "fisher_freeman_halton",
    "g_statistic",
    "goodness_of_fit",
    "holm",
    "kl_divergence",
    "kl_null_quantile",
    "koopman_ratio",
    "korn_graubard",
    "lan_demets_boundaries",
    "mcnemar_exact",
    "mcnemar_test",
    "mean_inference",
    "merge_moments",
    "mid_p",
    "miettinen_nurminen_difference",
    "miettinen_nurminen_difference_test",
    "miettinen_nurminen_ratio",
    "miettinen_nurminen_ratio_test",
    "mixture_rho",
    "moments_of",
    "msprt_likelihood_ratio",
    "nested_difference",
    "nested_ratio_bounds",
    "nested_score_difference",
    "newcombe_difference",
    "newcombe_paired",
    "non_inferiority_n",
    "noncentral_t_cdf",
    "normal_cdf",
    "normal_mixture_one_sided",
    "normal_mixture_two_sided",
    "normal_quantile",
    "obrien_fleming_constant",
    "one_mean_t",
    "one_mean_t_test",
    "paired_non_inferiority_n",
    "paired_t",
    "paired_t_test",
    "pocock_constant",
    "poisson_rate",
    "poisson_rate_ratio",
    "poisson_rate_ratio_score_test",
    "poisson_rate_ratio_test",
    "proportions_n",
    "quantile_bounds",
    "quantile_lower_rank",
    "quantile_n",
    "quantile_upper_rank",
    "ratio_contrast",
    "ratio_of_means",
    "sample_ratio_test",
    "side_by_side",
    "sign_flip",
    "simulated_multinomial_test",
    "skewed_mean",
    "spent",
    "t_bounds",
    "t_cdf",
    "t_quantile",
    "t_test",
    "t_test_n",
    "tango",
    "tango_test",
    "variance_n",
    "welch",
    "welch_inference",
    "welch_test",
    "wilson",
]
