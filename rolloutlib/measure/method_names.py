"""What methods are called, each with its source: phrases, which a report says in its language.

A name is a function of the design and the plan's rules: clusters and floors stand in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.measure.bounds import floor_of_scores
from rolloutlib.measure.whole_clusters import icc_of_losses
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.measure.design import Compared, Unit
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence

    Name = Callable[[Compared, Evidence], Phrase]

__all__ = [
    "AT_FLOOR", "ONE_UNIT", "ORDER_STATISTICS", "PAIRED", "RAO_SCOTT", "RAO_SCOTT_PAIRS",
    "RATIO_AT_FLOOR", "RATIO_SCORE", "SCORE", "STUDENT", "TANGO", "UNITS", "clustered_fieller",
    "clustered_t", "cuped", "fixed", "korn_graubard", "moved", "not_adjusted", "wider",
]  # fmt: skip

SCORE: Final = phrase("Miettinen–Nurminen score (1985)")
RATIO_SCORE: Final = phrase("Miettinen–Nurminen score for a ratio (1985)")
TANGO: Final = phrase("Tango score for pairs (1998)")
ORDER_STATISTICS: Final = phrase(
    "order statistics at the effective sample size (Woodruff 1952), MOVER (Donner & Zou 2012)"
)
ONE_UNIT: Final[dict[Unit, Phrase]] = {
    "sample": phrase("sample"), "prompt": phrase("prompt"), "user": phrase("user"),
    "cluster": phrase("cluster"),
}  # fmt: skip
UNITS: Final[dict[Unit, Phrase]] = {
    "sample": phrase("samples"), "prompt": phrase("prompts"), "user": phrase("users"),
    "cluster": phrase("clusters"),
}  # fmt: skip


def _clusters(arms: Compared) -> Phrase:
    """Name what a cluster is, and how the arms share it."""
    units = UNITS[arms.unit]
    if arms.kind == "crossed":
        return phrase("crossed {units}", units=units)
    if arms.kind == "nested":
        return phrase("nested {units}", units=units)
    return phrase("paired {units}", units=units) if arms.kind == "paired" else units


def _at_floor(score: Phrase) -> Name:
    """Name a score bound at the effective sample size of arms that show no variance."""
    return lambda _, rules: phrase(
        "{score} at the effective sample size (ICC ≥ {floor:g})",
        score=score, floor=floor_of_scores(rules),
    )  # fmt: skip


def _rao_scott(score: Phrase) -> Name:
    """Name a score bound at the effective sample size that clusters leave."""

    def name(arms: Compared, rules: Evidence) -> Phrase:
        plain = phrase(
            "{score} at the effective sample size of {clusters} (Rao & Scott 1992, CR3)",
            score=score, clusters=_clusters(arms),
        )  # fmt: skip
        icc = icc_of_losses(arms, rules)
        return plain if not icc else phrase(
            "{method}, widened for skewness (Hall 1992) and for losses of whole clusters that none "
            "shows (ICC {icc:g})", method=plain, icc=icc,
        )  # fmt: skip

    return name


def clustered_t(arms: Compared, _: Evidence) -> Phrase:
    """Name the t bound whose variance is the clusters'."""
    return phrase(
        "CR3, Satterthwaite t, {clusters} (Bell & McCaffrey 2002)", clusters=_clusters(arms)
    )


def clustered_fieller(arms: Compared, _: Evidence) -> Phrase:
    """Name the bound of a ratio whose variances are the clusters'."""
    return phrase("Fieller, {clusters} (1954), CR3", clusters=_clusters(arms))


def korn_graubard(_: Compared, rules: Evidence) -> Phrase:
    """Name the exact bound of a share of samples that come in clusters."""
    return phrase("Korn–Graubard (1998), ICC ≥ {icc:g}", icc=rules.icc_floor)


def moved(name: Name) -> Name:
    """Add to a name that its bound is moved for skewness."""
    return lambda arms, rules: phrase(
        "{method}, corrected for skewness (Hall 1992)", method=name(arms, rules)
    )


def wider(name: Name) -> Name:
    """Add to a name that its bounds are wider for skewness, and never narrower."""
    return lambda arms, rules: phrase(
        "{method}, widened for skewness (Hall 1992)", method=name(arms, rules)
    )


def fixed(name: Phrase) -> Name:
    """Return a name that is the same for every design."""
    return lambda _, __: name


def not_adjusted(method: Phrase) -> Phrase:
    """Add to a name why the covariate changes nothing."""
    return phrase(
        "{method}, not adjusted: one arm alone, and the covariate's mean is as uncertain as its "
        "own", method=method,
    )  # fmt: skip


def cuped(method: Phrase, narrower: float, lower: float, upper: float) -> Phrase:
    """Add to a name what the covariate gave: how much narrower than the bounds without it."""
    return phrase(
        "{method}, CUPED (Deng et al. 2013): {share:.0%} narrower than [{lower:.4g}, {upper:.4g}]",
        method=method, share=narrower, lower=lower, upper=upper,
    )  # fmt: skip


AT_FLOOR, RATIO_AT_FLOOR = _at_floor(SCORE), _at_floor(RATIO_SCORE)
RAO_SCOTT, RAO_SCOTT_PAIRS = _rao_scott(SCORE), _rao_scott(TANGO)
STUDENT: Final = moved(fixed(phrase("t bound of a mean (Student 1908)")))
PAIRED: Final = wider(fixed(phrase("paired t (Student 1908)")))
