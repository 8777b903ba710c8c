"""What is missing: of each arm's values how many were due, known, unreadable or absent.

A value that is missing is not a value that is fine. More than the plan's `max_missing` of an arm's
due values, or one arm missing more than the other, keeps a gate from passing; what is less has to
survive its worst case (`worst`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import because
from rolloutlib.stats import contingency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.design import Floats
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.gates import Evidence
    from rolloutlib.reason import Fact, Reason
    from rolloutlib.runs import Runs

__all__ = ["Account", "Completeness", "Lack", "absent", "due_values", "lacks", "unreadable"]


class Completeness(msgspec.Struct, frozen=True):
    """One metric in one arm: samples; of edits the samples with a suggestion.

    Attributes:
        expected: values that are due: the arm's own samples, and what is unreadable or absent.
        known: values that are there.
        unreadable: of rows that were refused.
        absent: of samples that the other arm has and this one should have too.
    """

    arm: str
    metric: str
    expected: int
    known: int
    unreadable: int
    absent: int

    @property
    def missing(self) -> float:
        """Share of the expected values that nobody knows, 0–1."""
        return 1 - self.known / self.expected if self.expected else 0.0


class Lack(NamedTuple):
    """Samples that an arm should have and has not; `absent` is beyond the unreadable."""

    unreadable: int
    absent: float


def lacks(
    measured: Measured, runs: Runs, pair: tuple[str, str], *,
    replayed: bool, split: bool,
) -> dict[str, Lack]:  # fmt: skip
    """Return what each arm lacks.

    Prompts that both arms were to run are due in both. Where samples carry no id, each arm is due
    as many as the other, unless they were split at random.

    Args:
        measured: the samples of both arms.
        runs: whose refused rows are unreadable; those of an unknown arm are missing in both.
        pair: names of the control and the treatment.
        replayed: whether both arms ran the same prompts.
        split: whether samples were allocated at random, so that the arms differ in size by chance.
    """
    unknown = runs.unreadable.get(None, 0)
    refused = {arm: runs.unreadable.get(arm, 0) + unknown for arm in pair}
    gone = dict.fromkeys(pair, 0.0)
    if replayed and measured.prompts is not None:
        lacking = measured.prompts.absent
        gone = {arm: max(lacking[arm] - refused[arm], 0.0) for arm in pair}
    elif measured.unit == "sample" and not split:
        rows = {arm: measured.counts[arm].samples + refused[arm] for arm in pair}
        gone = {arm: float(max(rows.values()) - rows[arm]) for arm in pair}
    return {arm: Lack(refused[arm], gone[arm]) for arm in pair}


def unreadable(
    lacking: Mapping[str, Lack], measured: Measured, runs: Runs, rules: Evidence
) -> list[Reason]:
    """Say of each arm whether too many of its samples could not be read for any gate to pass."""
    reasons: list[Reason] = []
    for arm, lack in lacking.items():
        expected = measured.counts[arm].samples + lack.unreadable + lack.absent
        if lack.unreadable <= rules.max_missing * expected:
            continue
        facts: dict[str, Fact] = {"arm": arm, "rows": lack.unreadable, "expected": ceil(expected),
                                  "share": lack.unreadable / expected,
                                  "most": rules.max_missing}  # fmt: skip
        words = [w for w in runs.unknown_words if w.arm in {arm, None}]
        named = tuple(because("data.word", word=w.word, rows=w.rows) for w in words)
        reasons.append(
            because("data.unreadable_words", **facts, words=named)
            if named
            else because("data.unreadable", **facts)
        )
    return reasons


def absent(lacking: Mapping[str, Lack], measured: Measured, rules: Evidence) -> list[Reason]:
    """Say of each arm whether too many of its samples are not there for any gate to pass.

    Or whether one arm lacks samples and the other does not, beyond chance.
    """
    reasons: list[Reason] = []
    for arm, lack in lacking.items():
        missing = lack.unreadable + lack.absent
        expected = measured.counts[arm].samples + missing
        if lack.unreadable <= rules.max_missing * expected < missing:
            reasons.append(because(
                "data.absent", arm=arm, rows=ceil(missing), expected=ceil(expected),
                share=missing / expected, most=rules.max_missing,
            ))  # fmt: skip
    if reasons or any(
        lack.unreadable > rules.max_missing * (measured.counts[arm].samples + sum(lack))
        for arm, lack in lacking.items()
    ):
        return reasons
    counts = [(sum(lack), measured.counts[arm].samples) for arm, lack in lacking.items()]
    p = contingency.contingency_chi2(counts).p_value
    if p >= rules.missing_p:
        return []
    control, treatment = (ceil(missing) for missing, _ in counts)
    return [because("data.absent_unlike", control=control, treatment=treatment, p=p)]


@dataclass(frozen=True, slots=True)
class Account:
    """What is missing of each metric in both arms, and what would follow at worst.

    Attributes:
        measured: the samples of both arms.
        pair: names of the control and the treatment.
        lacking: samples that each arm lacks as a whole.
        by_prompt: whether what is absent is known prompt by prompt, and the runs that the
            treatment has for one of the control.
    """

    measured: Measured
    pair: tuple[str, str]
    lacking: Mapping[str, Lack]
    rules: Evidence
    by_prompt: float | None

    def of(self, metric: str, arm: str) -> Completeness:
        """Return one metric's account in one arm."""
        table = self.measured.table.where(arm=arm)
        expected = float(due_values(table, metric, self.rules).sum())
        rows = float(table.rows.sum())
        scale, lack = expected / rows if rows else 0.0, self.lacking[arm]
        unreadable, absent = ceil(lack.unreadable * scale), ceil(lack.absent * scale - 1e-9)
        values = int(table.all(metric).n[0])
        return Completeness(
            arm, metric, round(expected) + unreadable + absent, values, unreadable, absent
        )

    def all(self, metrics: Sequence[str]) -> tuple[Completeness, ...]:
        """Return every metric's account that either arm knows anything of."""
        rows = [[self.of(metric, arm) for arm in self.pair] for metric in dict.fromkeys(metrics)]
        return tuple(row for both in rows if any(part.known for part in both) for row in both)

    def gap(self, metric: str, arms: Sequence[str]) -> Reason | None:
        """Return why a gate on these arms may not pass: too much of its metric is missing."""
        rows = [self.of(metric, arm) for arm in arms]
        most, field = self.rules.max_missing, metric_record(metric).field
        for row in rows:
            if row.missing > most:
                return because(
                    "missing.share", arm=row.arm, field=field, rows=row.expected - row.known,
                    expected=row.expected, share=row.missing, most=most,
                )  # fmt: skip
        if len(rows) == 1:
            return None
        counts = [(row.expected - row.known, row.known) for row in rows]
        p = contingency.contingency_chi2(counts).p_value
        if p >= self.rules.missing_p:
            return None
        control, treatment = (count for count, _ in counts)
        return because("missing.differs", field=field, control=control, treatment=treatment, p=p)


def due_values(table: MomentTable, metric: str, rules: Evidence) -> Floats:
    """Return how many values of a metric each group of samples should have, (K,)."""
    if metric == "edited":
        return np.maximum(table.metrics["suggested"].total, table.metrics[metric].n)
    if metric.startswith("issue:") and rules.labelled == "sample":
        return table.metrics[metric].n
    return table.rows
