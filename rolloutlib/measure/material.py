"""Did both arms run the same thing: their prompts, their mixes, and how many were sent where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.measure.design import Arms, Design
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.moments import Cells, added
from rolloutlib.plan.gates import Gate
from rolloutlib.reason import because
from rolloutlib.stats import divergence, sequential

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.gates import Evidence
    from rolloutlib.plan.model import Allocation
    from rolloutlib.reason import Fact, Reason
    from rolloutlib.runs import Runs

__all__ = [
    "allocated", "of_people", "replayed", "sample_ratio", "unlike", "unnamed", "user_ratio",
]  # fmt: skip

VALUES = 50  # of a category that are compared, the most frequent ones
MIXES = ("category", "difficulty")
PEOPLE = ("user", "cluster")
# A share of samples in both arms, compared like any gate.
SHARE = Gate(title="", metric="passed", contrast="difference", harm="lower", limit=-1.0,
             alternative=0.0)  # fmt: skip


def replayed(measured: Measured, design: Design) -> bool:
    """Return whether both arms were to run the same prompts: nobody splits prompts at random."""
    prompts = measured.prompts
    if prompts is None or not prompts.shared:
        return False
    return design.unit == "prompt" or _crossed(design)


def of_people(measured: Measured, design: Design) -> Design:
    """Return how the arms' users compare, whatever clusters they are in."""
    people = measured.people
    if people is None or not people.control + people.treatment:
        return design
    kind = "crossed" if people.both else "nested"
    return Design(kind, "user", people.control, people.treatment, people.both)


def allocated(measured: Measured, design: Design) -> Design:
    """Return the design of what was allocated: clusters, where each is in one arm, else users.

    Users of one cluster then go together, and their number varies more than single users' would.
    """
    whole = measured.unit == "cluster" and not design.pairs
    return design if whole else of_people(measured, design)


def _crossed(design: Design) -> bool:
    return 2 * design.pairs > max(design.clusters_control, design.clusters_treatment)


def unlike(
    measured: Measured, design: Design | None, rules: Evidence, pair: tuple[str, str],
    steered: Collection[str],
) -> list[Reason]:  # fmt: skip
    """Say in what the arms did not run the same thing.

    Args:
        measured: the samples of both arms.
        design: how they compare; None where both were given the same prompts, whoever asked them.
        rules: how evidence is judged.
        pair: names of the control and the treatment.
        steered: mixes that a feature changes on purpose, and that differ by design.
    """
    other = _overlap(measured, design, rules)
    return [*([other] if other else []), *_mixes(measured, rules, pair, steered=steered)]


def unnamed(measured: Measured, pair: tuple[str, str]) -> list[Reason]:
    """Say which arms do not name all their prompts: nobody can tell that both ran the same."""
    counts = {arm: measured.counts[arm] for arm in pair}
    return [
        because("material.unnamed", arm=arm, rows=count.samples - count.with_prompt,
                expected=count.samples)
        for arm, count in counts.items()
        if count.with_prompt < count.samples
    ]  # fmt: skip


def _overlap(measured: Measured, design: Design | None, rules: Evidence) -> Reason | None:
    """Return whether the arms share fewer prompts than the plan allows.

    Users of a split each bring prompts of their own; there prompts need no partner.
    """
    prompts = measured.prompts
    if prompts is None or (design and design.unit in PEOPLE and not _crossed(design)):
        return None
    share = prompts.shared / prompts.union
    if share >= rules.min_overlap:
        return None
    return because(
        "material.overlap", shared=prompts.shared, union=prompts.union, share=share,
        alone=prompts.union - prompts.shared, least=rules.min_overlap,
    )  # fmt: skip


def _mixes(
    measured: Measured, rules: Evidence, pair: tuple[str, str], *, steered: Collection[str]
) -> list[Reason]:
    """Say which mixes differ beyond chance: Holm over the values of each.

    Args:
        measured: the samples of both arms by stratum.
        rules: how evidence is judged; a mix differs below `sample_ratio_p`.
        pair: names of the control and the treatment.
        steered: mixes that a feature changes on purpose, and that differ by design.
    """
    reasons: list[Reason] = []
    for by in MIXES:
        table = measured.strata.get(by)
        if table is None or by in steered:
            continue
        labels = _frequent(table, by)
        arms = [_shares(table, by, value, pair, measured) for value in labels]
        p_values = [_two_sided(part, rules) for part in arms]
        adjusted = sequential.holm([1.0 if p is None else p for p in p_values])
        least = int(np.argmin(adjusted)) if len(labels) else 0
        if len(labels) and adjusted[least] < rules.sample_ratio_p:
            control, treatment = (
                float(cells.total.sum() / max(cells.n.sum(), 1))
                for cells in (arms[least].control, arms[least].treatment)
            )
            reasons.append(because(
                "material.mix", by=by, named=labels[least] or "–", control=control,
                treatment=treatment, p=float(adjusted[least]),
            ))  # fmt: skip
    return reasons


def _frequent(table: MomentTable, by: str) -> list[str | None]:
    """Return the values of a stratum, the most frequent first."""
    key = table.keys[by]
    rows = added(key.codes, table.rows, len(key.labels))
    order = np.argsort(-rows, kind="stable")[:VALUES]
    return [key.labels[place] for place in order if rows[place]]


def _shares(
    table: MomentTable, by: str, value: str | None, pair: tuple[str, str], measured: Measured
) -> Arms:
    """Return the share of samples with a value, cluster by cluster, in both arms."""
    size = len(table.keys["cluster"].labels)
    cells: list[Cells] = []
    for arm in pair:
        of_arm = table.where(arm=arm)
        codes, rows = of_arm.keys["cluster"].codes, of_arm.rows
        chosen = of_arm.keys[by].codes == of_arm.keys[by].code(value)
        n, with_value = added(codes, rows, size), added(codes, rows * chosen, size)
        mean = np.divide(with_value, n, out=np.zeros(size), where=n > 0)
        cells.append(Cells(n, mean, n * mean * (1 - mean)))
    return Arms(cells[0], cells[1], measured.unit)


def _two_sided(arms: Arms, rules: Evidence) -> float | None:
    estimate = estimate_gate(SHARE, arms, rules, metric="passed")
    if estimate is None or estimate.cap or estimate.p_worse is None or estimate.p_better is None:
        return None
    return min(1.0, 2 * min(estimate.p_worse, estimate.p_better))


def user_ratio(design: Design, rules: Evidence, allocation: Allocation | None) -> Reason | None:
    """Test the planned allocation of users; a replay, with most in both arms, has none."""
    counts = (design.clusters_control, design.clusters_treatment)
    if design.unit not in PEOPLE or not min(counts) or _crossed(design):
        return None
    facts = _mismatch(counts, rules, allocation)
    return because("arms.sample_ratio", **facts) if facts else None


def _mismatch(
    counts: Sequence[int], rules: Evidence, allocation: Allocation | None
) -> dict[str, Fact] | None:
    """Return both arms' counts and the planned ones, where they differ beyond chance."""
    shares = allocation.shares if allocation else (0.5, 0.5)
    p = float(divergence.goodness_of_fit(counts, shares).p_value)
    if p >= rules.sample_ratio_p:
        return None
    control, treatment = (share * sum(counts) for share in shares)
    return {"control": counts[0], "treatment": counts[1], "p": p, "planned_control": control,
            "planned_treatment": treatment}  # fmt: skip


def sample_ratio(
    measured: Measured, runs: Runs, pair: tuple[str, str], rules: Evidence,
    allocation: Allocation | None,
) -> Reason | None:  # fmt: skip
    """Test the planned allocation of samples, where they carry neither user nor prompt.

    Refused rows of a known arm were sent there all the same.
    """
    if measured.unit != "sample":
        return None
    rows = [measured.counts[arm].samples + runs.unreadable.get(arm, 0) for arm in pair]
    facts = _mismatch(rows, rules, allocation)
    return because("arms.row_ratio", **facts) if facts else None
