"""What features D, B and C leave in the samples: difficulty, copies, veto reasons and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.judge.readings import NATS
from rolloutlib.judge.signals import crowded, levels_of, mix_reading, share_reading
from rolloutlib.measure.daily import of_dates
from rolloutlib.measure.daily_bands import bands
from rolloutlib.measure.shares import tags_of
from rolloutlib.reason import because, known
from rolloutlib.runs.spellings import folded
from rolloutlib.stats.contingency import contingency_chi2, contingency_cluster_permutation
from rolloutlib.watch.record import FeatureSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from numpy.typing import NDArray

    from rolloutlib.judge.readings import Reading
    from rolloutlib.measure.daily import Days
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.risks import Signal
    from rolloutlib.reason import Reason

__all__ = ["difficulty", "duplicates", "nothing", "suggested", "three_way", "vetoes"]

DRAWS: Final = 1999  # permutations: p-values in steps of a twentieth of a percent
MOST_REASONS: Final = 20  # that are shown, the most frequent ones
UNTOLD: Final = "–"


def nothing(feature: str, signal: str, measure: str, says: Reason) -> FeatureSignal:
    """Return a signal of which the data tell nothing, and why."""
    return FeatureSignal(feature, signal, measure, None, None, None, None, None, (), says)


# --- D: difficulty, and what stands twice ---------------------------------------------------------


def difficulty(days: Days, plan: Plan, treatment: str) -> FeatureSignal:
    """Hold the treatment's difficulty against the planned mix, over the window and on its last day.

    Beyond is what is more than chance and more than the plan's own limit of the divergence, if the
    register has one. The window is held as the register holds it; the day errs a fifth as often.
    """
    rules = plan.evidence
    strict = rules.model_copy(update={"confidence": 1 - (1 - rules.confidence) / 5})
    target = plan.monitoring.difficulty
    limit = _limit_of(plan, lambda signal: signal.mix is not None)
    latest = _latest(days, treatment)
    mix, single = days.shares.mix.where(arm=treatment), days.unit == "sample"
    counts = [levels_of(of_dates(days, mix, dates), target, single=single)
              for dates in (days.dates, (latest,))]  # fmt: skip
    whole, today = (
        mix_reading(levels, {**target}, how, single=single)
        for levels, how in zip(counts, (rules, strict), strict=True)
    )
    if whole.value is None:
        return nothing("D", "difficulty_mix", NATS, whole.absent or because("watch.no_day"))
    moved = [_moved(reading, limit) for reading in (whole, today)]
    beyond = True if moved[1] else moved[0]
    parts = tuple(
        (level, span, float(share))
        for column, (level, planned) in enumerate(target.items())
        for span, share in (("planned", planned), ("window", _share(counts[0], column)),
                            ("today", _share(counts[1], column)))
    )  # fmt: skip
    says = because("watch.mix", whole=_look(whole, moved[0]), today=_look(today, moved[1]),
                   day=latest.isoformat())  # fmt: skip
    edge = None if whole.chance is None else max(whole.chance, limit or 0.0)
    return FeatureSignal("D", "difficulty_mix", NATS, whole.value, None, None, edge, beyond, parts,
                         says)  # fmt: skip


def _share(counts: NDArray[np.float64], column: int) -> float:
    return float(counts[:, column].sum() / max(counts.sum(), 1.0))


def _look(reading: Reading, moved: bool | None) -> Reason:  # noqa: FBT001
    """Say how far a mix is from the planned one."""
    facts = {"kl": reading.value, "chance": reading.chance, "count": reading.n}
    if moved is None:
        return because("watch.mix_few", **facts)
    return because("watch.mix_beyond", **facts) if moved else because("watch.mix_within", **facts)


def _moved(reading: Reading, limit: float | None) -> bool | None:
    if reading.chance is None or reading.value is None:
        return None
    return reading.value > max(reading.chance, limit or 0.0)


def duplicates(days: Days, plan: Plan, treatment: str, copies: Mapping[str, int]) -> FeatureSignal:
    """Count the treatment's rows that repeat others, and samples that carry the tag for it."""
    limit = _limit_of(plan, lambda signal: signal.share == "copies")
    rows = float(days.table.where(arm=treatment).rows.sum())
    left_out = copies.get(treatment, 0)
    reading = share_reading(left_out, round(rows) + left_out, plan.evidence)
    if reading.value is None:
        return nothing("D", "duplicates", "proportion", because("watch.no_day"))
    parts = [("copies", treatment, float(reading.value))]
    duplicate_tags = _duplicate_tags(plan)
    tag = next((tag for tag in days.tags if folded(tag) in duplicate_tags), None)
    cells = days.table.where(arm=treatment).all(f"issue:{tag}") if tag else None
    if tag and cells is not None and cells.n[0]:
        parts.append((tag, treatment, float(cells.mean[0])))
    says = because(
        "watch.copies", count=left_out, value=reading.value, lower=reading.lower,
        upper=reading.upper, measure="proportion", signed=False,
        tags=_tagged(tag, parts[1:]),
    )  # fmt: skip
    return _of_share("D", "duplicates", reading, limit, parts, says)


def _tagged(tag: str | None, parts: list[tuple[str, str, float]]) -> Reason:
    if tag is None or not parts:
        return because("watch.no_duplicate_tag")
    return because("watch.duplicate_tag", tag=tag, value=parts[0][2], measure="proportion",
                   signed=False)  # fmt: skip


def _duplicate_tags(plan: Plan) -> set[str]:
    """Return the issues that the register watches for feature D."""
    return {
        folded(signal.issue)
        for risk, signal in plan.signals()
        if risk.feature == "D" and signal.issue
    }


# --- B: why samples were vetoed -------------------------------------------------------------------


def vetoes(days: Days, treatment: str) -> FeatureSignal:
    """Count the treatment's veto reasons by guardian profile, and test whether they depend on it.

    Whole people swap profiles, not samples (`stats.contingency`); one who ran under two profiles
    counts as two. It is a diagnostic: profiles are there to veto for other reasons.
    """
    vetoed = days.table.where(arm=treatment).all("vetoed")
    table = of_dates(days, days.shares.vetoes.where(arm=treatment), days.dates)
    if not vetoed.n[0]:
        return nothing(
            "B", "veto_reasons", "ratio", because("watch.untold", field="status: vetoed")
        )
    if not table.rows.sum():
        return nothing(
            "B", "veto_reasons", "ratio", because("watch.no_veto", count=int(vetoed.n[0]))
        )
    unknown = float(table.where(reason=None).rows.sum())
    total = float(table.rows.sum())
    if unknown == total:
        return nothing("B", "veto_reasons", "ratio",
                       because("watch.no_reason", count=round(total)))  # fmt: skip
    return _of_reasons(table, unknown, single=days.unit == "sample")


def _of_reasons(table: MomentTable, unknown: float, *, single: bool) -> FeatureSignal:
    """Lay reasons and profiles in a table, and test it where it has two of both."""
    reason, profile, total = table.keys["reason"], table.keys["profile"], float(table.rows.sum())
    counts = np.zeros((len(profile.labels), len(reason.labels)))
    np.add.at(counts, (profile.codes, reason.codes), table.rows)
    order = np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_REASONS]
    parts = tuple(
        (reason.labels[int(column)] or UNTOLD, profile.labels[row] or UNTOLD,
         float(counts[row, column]))
        for column in order for row in range(len(counts)) if counts[row, column]
    )  # fmt: skip
    first = reason.labels[int(order[0])] or UNTOLD
    facts = {"count": round(total), "unknown": round(unknown), "reason": first,
             "share": float(counts[:, order[0]].sum() / total)}  # fmt: skip
    profiles = tuple(profile.labels[row] or UNTOLD for row in np.flatnonzero(counts.sum(axis=1)))
    if len(profiles) < 2 or (counts.sum(axis=0) > 0).sum() < 2:  # noqa: PLR2004 -- a table has two
        says = because("watch.vetoes_one", profiles=profiles, **facts)
        return FeatureSignal(
            "B", "veto_reasons", "ratio", None, None, None, None, None, parts, says
        )
    strength = contingency_chi2(counts).cramers_v
    p = _independent(table, single=single)
    says = because("watch.vetoes", profiles=profiles, p=p, strength=strength, **facts)
    return FeatureSignal(
        "B", "veto_reasons", "ratio", strength, None, None, None, None, parts, says
    )


def _independent(table: MomentTable, *, single: bool) -> float:
    """Return the p-value of reasons that do not depend on the profile, by permuted people."""
    profile, reason, cluster = (table.keys[name] for name in ("profile", "reason", "cluster"))
    rows = table.rows.astype(np.int64)
    if single:
        who = np.repeat(profile.codes, rows)
        counts = np.eye(len(reason.labels))[np.repeat(reason.codes, rows)]
    else:
        people, at = np.unique(
            cluster.codes * len(profile.labels) + profile.codes, return_inverse=True
        )
        who = people % len(profile.labels)
        counts = np.zeros((len(people), len(reason.labels)))
        np.add.at(counts, (at, reason.codes), table.rows)
    rng = np.random.default_rng(len(who))  # the same data give the same p-value
    return contingency_cluster_permutation(counts, who, rng=rng, draws=DRAWS).p_value


# --- C: suggested tags ----------------------------------------------------------------------------


def suggested(days: Days, plan: Plan, treatment: str) -> FeatureSignal:
    """Count suggested tags a sample, those that people edit, too many of them, and opposed pairs.

    The value is the share of samples with more tags than the register allows, or with opposed
    ones; samples count as independent ones.
    """
    rules = next((row for row in plan.signals() if row[1].share == "tags"), None)
    tags = days.shares.tags
    sets = tags_of(of_dates(days, tags, days.dates), treatment) if tags is not None else {}
    n = sum(sets.values())
    if not n:
        return nothing("C", "tags", "proportion", because("watch.untold", field="suggestedTags"))
    risk, limit = (rules[0], rules[1].limit) if rules else (None, None)
    crowds = [(k, *crowded(combo, risk)) for combo, k in sets.items()]
    many = sum(k for k, too_many, _ in crowds if too_many)
    against = sum(k for k, _, pairs in crowds if pairs)
    each = sum(len(combo) * k for combo, k in sets.items()) / n
    wrong = sum(k for k, too_many, pairs in crowds if too_many or pairs)
    reading = share_reading(wrong, n, plan.evidence)
    edited = days.table.where(arm=treatment).all("edited")
    parts = [("more than allowed", treatment, many / n), ("contradictory", treatment, against / n)]
    if edited.n[0]:
        parts.append(("edited", treatment, float(edited.mean[0])))
    says = because(
        "watch.tags", count=n, each=each, many=many, most=risk.max_tags if risk else None,
        against=against, value=reading.value, lower=reading.lower, upper=reading.upper,
        edits=_edits(days, plan, treatment), measure="proportion", signed=False,
    )  # fmt: skip
    return _of_share("C", "tags", reading, limit, parts, says)


def _edits(days: Days, plan: Plan, treatment: str) -> Reason:
    """Say how many suggestions people changed, on the whole and on the latest day."""
    edited = bands(days, treatment, "edited", plan.evidence)
    n = edited.n.sum()
    if not n:
        return because("watch.no_edits")
    value = float(np.nansum(edited.value * edited.n) / n)
    return because("watch.edits", value=value, count=round(float(n)), measure="proportion",
                   signed=False)  # fmt: skip


# --- what they share ------------------------------------------------------------------------------


def _of_share(
    feature: str, name: str, reading: Reading, limit: float | None,
    parts: list[tuple[str, str, float]], says: Reason,
) -> FeatureSignal:  # fmt: skip
    """Return the signal of a share of samples."""
    return FeatureSignal(
        feature, name, "proportion", reading.value, known(reading.lower), known(reading.upper),
        limit, three_way(reading, limit), tuple(parts), says,
    )  # fmt: skip


def three_way(reading: Reading, limit: float | None) -> bool | None:
    """Return whether a share is beyond its limit; None where the limit lies within its bounds.

    A share that no sample has is within once one sample in twenty is excluded, as no number of
    samples excludes all.
    """
    if limit is None or reading.value is None:
        return None
    if reading.value > limit:
        return True
    within = reading.upper is not None and reading.upper <= max(limit, UNSEEN)
    return False if within else None


UNSEEN: Final = 0.05


def _limit_of(plan: Plan, chooses: Callable[[Signal], bool]) -> float | None:
    """Return the limit of the register's first such signal."""
    return next((signal.limit for _, signal in plan.signals() if chooses(signal)), None)


def _latest(days: Days, arm: str) -> date:
    """Return the latest day on which an arm has samples."""
    labels = days.table.where(arm=arm).keys["day"]
    labelled = [labels.labels[int(code)] for code in np.unique(labels.codes)]
    named = max((label for label in labelled if label), default="")
    return next((day for day in days.dates if day.isoformat() == named), days.dates[-1])
