"""Each gate's contrast run by run, and whether later runs say something else than earlier ones.

The evidence pools all runs and the plan's rule reads the last ones; where both are to mean one
thing, the runs have to measure one thing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from rolloutlib.measure.design import Compared, Sums, metric_of
from rolloutlib.measure.estimates import estimate_many
from rolloutlib.measure.run_series import joined
from rolloutlib.plan.metrics import is_binary
from rolloutlib.reason import Reason, because, known
from rolloutlib.stats.drift import later_bounds, step_test, weighted_holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.measure.run_series import Series, StageRuns
    from rolloutlib.plan.gates import Evidence, Gate
    from rolloutlib.stats.drift import Floats, Step

__all__ = ["Drift", "Named", "RunContrast", "contrasts"]

LEAST: Final = 2  # runs on the later side of a split
MIN_RUNS: Final = 4  # fewer runs cannot tell a step from the spread of runs
SIGNIFICANT: Final = 0.05  # over all gates of a review


class RunContrast(msgspec.Struct, frozen=True, kw_only=True):
    """A run of both arms, or of the treatment alone, and what it says by itself.

    Attributes:
        runs: their ids, the control's first; several where an arm ran more often than the other.
        started_at: start of the treatment's; None where a run of the gate tells none.
        stage: whose run it is: evidence of earlier stages may count, too.
        control, treatment: the arms' own values.
        point, lower, upper: in the gate's `evidence_unit`, the samples taken as independent; None
            is no number, or no bound.
    """

    runs: tuple[str, ...]
    started_at: datetime | None
    stage: int
    n_control: int
    n_treatment: int
    control: float | None
    treatment: float | None
    point: float | None
    lower: float | None
    upper: float | None


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's contrast run by run, and whether later runs say something else.

    Attributes:
        gate: its id in the plan.
        runs: oldest first; by name where their order is not known.
        why: what the test says, or why there is none.
        p_worse, p_better: one-sided tests of a step towards harm and away from it, adjusted over
            the gates; None where there is no test.
        worse, better: whether the step holds after the adjustment.
        proven: whether the runs after a step towards harm prove the stage's limit by themselves.
    """

    gate: str
    runs: tuple[RunContrast, ...]
    why: Reason
    p_worse: float | None = None
    p_better: float | None = None
    worse: bool = False
    better: bool = False
    proven: bool = False


class Named(NamedTuple):
    """A gate that has data.

    Attributes:
        key: its id in the plan.
        name: how it is called, with what the data decided it to be about.
        subject: that alone (the issue tag).
        stages: the runs of each stage that counts, the first stage first.
        limit: what the stage has to prove, in the unit of its contrast.
        measure: that unit; `signed`: whether it is a difference.
        slower_than: in ms, what a share of samples is slower than; None of anything else.
    """

    key: str
    gate: Gate
    name: str | Reason
    subject: str | None
    stages: tuple[StageRuns, ...]
    limit: float
    measure: str
    signed: bool
    slower_than: float | None = None


class _Tested(NamedTuple):
    """A gate before the adjustment over gates.

    Attributes:
        steps: towards harm and away from it.
        proven: whether the runs after the first of them prove the limit by themselves.
    """

    of: Named
    runs: tuple[RunContrast, ...]
    why: Reason | None = None
    steps: tuple[Step, Step] | None = None
    proven: bool = False


def contrasts(gates: Sequence[Named], pair: tuple[str, str], rules: Evidence) -> tuple[Drift, ...]:
    """Lay each gate out run by run, and test whether later runs say something else.

    The first gate has half of the error, the others share the rest (Holm, weighted).

    Args:
        gates: those that have data, in the plan's order.
        pair: names of the control and the treatment.
        rules: how evidence is judged.
    """
    tested = [_tested(named, pair, rules) for named in gates]
    testable = [part for part in tested if part.steps is not None]
    weights = [float(max(len(testable) - 1, 1) if part is testable[0] else 1) for part in testable]
    adjusted = [
        weighted_holm([part.steps[k].p for part in testable if part.steps], weights) for k in (0, 1)
    ]
    p_of = {part.of.key: both for part, *both in zip(testable, *adjusted, strict=True)}
    return tuple(_judged(part, p_of.get(part.of.key)) for part in tested)


def _tested(of: Named, pair: tuple[str, str], rules: Evidence) -> _Tested:
    """Return a gate run by run, and its steps where the runs allow a test."""
    metric = metric_of(of.gate, of.subject)
    control, treatment = (joined(of.stages, arm, metric) for arm in pair)
    arms, ordered = [treatment], treatment.told
    if of.gate.contrast != "treatment":
        ordered = ordered and control.told
        runs = min(len(control.n), len(treatment.n))
        arms = [control.blocks(runs), treatment.blocks(runs)]
    listed = _listed(of.gate, metric, arms, rules)
    if not ordered:
        return _Tested(of, listed, because("drift.no_order", gate=of.name))
    splits = _splits(arms, rules.runs_averaged)
    if len(listed) < MIN_RUNS or not splits:
        few = because("drift.few", gate=of.name, runs=len(listed), least=MIN_RUNS)
        return _Tested(of, listed, few)
    binary = is_binary(metric)
    down, up = _stepped(of.gate.contrast, arms, splits, binary=binary)
    steps = (down, up) if of.gate.harm == "lower" else (up, down)
    proven = _proven(of, arms, steps[0].late, rules.confidence, binary=binary)
    return _Tested(of, listed, None, steps, proven)


def _splits(arms: Sequence[Series], averaged: int) -> list[int]:
    """Choose the later parts to look at: the plan's last runs, the later half, all but the first.

    Runs that started at the same moment have no order, and no split goes between them.
    """
    m = len(arms[0].n)
    sizes = {late for late in (averaged, m // 2, m - averaged) if LEAST <= late < m}
    return sorted(
        late
        for late in sizes
        if all(arm.starts[m - late - 1] != arm.starts[m - late] for arm in arms)
    )


def _stepped(
    contrast: str, arms: Sequence[Series], splits: Sequence[int], *, binary: bool
) -> tuple[Step, Step]:
    """Test the gate's contrast for a step down and for a step up, in the gate's unit.

    A ratio is tested as its deviation from the ratio of all runs (Fieller's form), and shown as
    the ratios of either part.
    """
    old, new = arms[0], arms[-1]
    ratio = contrast == "ratio" and old.total.sum() > 0
    slope = (new.total.sum() / new.n.sum()) / (old.total.sum() / old.n.sum()) if ratio else 1.0
    steps = step_test(*_values(contrast, arms, slope, binary=binary), splits)
    if contrast != "ratio":
        return steps
    down, up = (step._replace(**_ratios(old, new, step.late)) for step in steps)
    return down, up


def _values(
    contrast: str, arms: Sequence[Series], slope: float, *, binary: bool
) -> tuple[Floats, Floats]:
    """Return each run's treatment − slope · control, or its treatment, and their variances."""
    new, old = arms[-1], arms[0]
    values, sampling = new.total / new.n, new.variance(binary=binary)
    if contrast == "treatment":
        return values, sampling
    return (values - slope * old.total / old.n, sampling + slope**2 * old.variance(binary=binary))


def _proven(
    of: Named, arms: Sequence[Series], late: int, confidence: float, *, binary: bool
) -> bool:
    """Return whether the last runs, by the spread of all, prove the limit without the others."""
    ratio = of.gate.contrast == "ratio"
    slope, limit = (of.limit, 0.0) if ratio else (1.0, of.limit)
    values = _values(of.gate.contrast, arms, slope, binary=binary)
    lower, upper = later_bounds(*values, late, confidence)
    return lower > limit if of.gate.harm == "lower" else upper < limit


def _ratios(old: Series, new: Series, late: int) -> dict[str, float]:
    """Return the ratio of the arms' means before and after a split; NaN where there is none."""
    first, last = slice(None, len(new.n) - late), slice(len(new.n) - late, None)

    def ratio(part: slice) -> float:
        control = old.total[part].sum() / old.n[part].sum()
        return (
            float(new.total[part].sum() / new.n[part].sum() / control) if control else float("nan")
        )

    return {"before": ratio(first), "after": ratio(last)}


def _listed(
    gate: Gate, metric: str, arms: Sequence[Series], rules: Evidence
) -> tuple[RunContrast, ...]:
    """Estimate the contrast within each run, its samples taken as independent."""
    new, old = arms[-1], arms[0]
    treated, control = (Sums(s.n[:, None], s.total[:, None], s.within[:, None]) for s in (new, old))
    kind = "one_arm" if gate.contrast == "treatment" else "independent"
    with np.errstate(all="ignore"):  # a run of one sample, or without events, has no bound
        both_arms = Compared(treated, control, kind, "sample")
        contrasts = estimate_many(gate, both_arms, rules, metric=metric)
    both = len(arms) > 1
    return tuple(
        RunContrast(
            runs=(*(old.names[k] if both else ()), *new.names[k]), started_at=new.starts[k],
            stage=new.stages[k],
            n_control=int(old.n[k]) if both else 0, n_treatment=int(new.n[k]),
            control=float(old.total[k] / old.n[k]) if both else None,
            treatment=float(new.total[k] / new.n[k]),
            point=known(contrasts.point[k]),
            lower=known(contrasts.lower[k]), upper=known(contrasts.upper[k]),
        )
        for k in range(len(new.n))
    )  # fmt: skip


def _judged(part: _Tested, adjusted: Sequence[float] | None) -> Drift:
    """Say what the test says, harm first."""
    of, runs = part.of, len(part.runs)
    if part.steps is None or adjusted is None:
        return Drift(gate=of.key, runs=part.runs, why=part.why or because("drift.few"))
    worse, better = (p < SIGNIFICANT for p in adjusted)
    step, p = (part.steps[0], adjusted[0]) if worse or not better else (part.steps[1], adjusted[1])
    facts = {
        "gate": of.name, "late": step.late, "early": runs - step.late, "value": known(step.after),
        "point": known(step.before), "p": p, "measure": of.measure, "signed": of.signed,
        **({} if of.slower_than is None else {"slower_than": of.slower_than}),
    }  # fmt: skip
    if worse and part.proven:
        why = because("drift.harmless", **facts)
    elif worse:
        why = because("drift.worse", **facts)
    elif better:
        why = because("drift.better", **facts)
    else:
        why = because("drift.none", gate=of.name, runs=runs, p=min(adjusted))
    return Drift(
        gate=of.key, runs=part.runs, why=why, p_worse=adjusted[0], p_better=adjusted[1],
        worse=worse, better=better and not worse, proven=worse and part.proven,
    )  # fmt: skip
