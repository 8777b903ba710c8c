"""Evidence carried forward: earlier stages of the same candidate, summed with the one reviewed.

Every stage is measured by itself; what is added up are its moments per unit, so that a user in two
stages stays one cluster. An earlier stage only ever stops a candidate, so the sum passes one that
is at its limit no more often than a stage alone (of those that are there at stage k, all had to
pass before). What could be chosen is what to carry; hence all runs of a stage or none, without a
gap, and whatever is not carried is told with its reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from rolloutlib.measure.by_prompt import PromptSources
from rolloutlib.measure.components import Overlap, RunSources
from rolloutlib.measure.moments import Cells
from rolloutlib.measure.worst import worst as worst_case
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.measure.comparison import Comparison, Seen
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.design import Arms, Floats, Source
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.gates import Gate

__all__ = ["CarriedStage", "refusal", "stage_arms", "summed"]

# A control without an event, or without the issue, is data; without values it is none.
NOTHING_HAPPENED: Final = ("control.no_event", "issue.unseen")
# Share of a stage's samples above which those that look the same in another one are copies: no two
# runs have the same numbers by chance; a unit with one sample may.
_ALIKE: Final = {"run_id": 0.0, "cluster": 0.5}
_FINE: Final = ("latency_ms", "score")  # fine enough that two groups are not alike by chance
_COMPARED: Final = (*_FINE, "passed")  # by which copies are told


class CarriedStage(msgspec.Struct, frozen=True):
    """An earlier stage that was named, and whether its evidence counts here.

    Attributes:
        source: the folder, file or store, as it was named.
        why: why it is not carried; None where it is.
        control, treatment: samples of the arms.
        runs: ids of the runs of both arms.
        data_sha256: digest of its samples; empty where they could not be read.
    """

    stage: int
    source: str
    why: Reason | None = None
    control: int = 0
    treatment: int = 0
    runs: tuple[str, ...] = ()
    data_sha256: str = ""


class _Part(NamedTuple):
    """One stage's arms of a metric, the same at their worst, and the stage that they are of."""

    arms: Arms
    worst: Arms
    compared: Comparison

    @property
    def labels(self) -> tuple[str | None, ...]:
        """What the units are called."""
        return self.compared.measured.table.keys["cluster"].labels


# --- may it be carried ----------------------------------------------------------------------------


def refusal(
    earlier: Comparison, own: Comparison, gates: Iterable[Gate], between: Sequence[Comparison]
) -> Reason | None:
    """Return why an earlier stage's evidence does not count; None if it does.

    Order: (1) the same candidate and control, (2) its data can be judged, (3) its samples are
    others.

    Args:
        earlier: the stage before.
        own: the stage that is reviewed.
        gates: of the plan.
        between: the stages after it that are carried already.
    """
    arms = zip(own.summaries, earlier.summaries, strict=True)
    changed = (_changed(later, before) for later, before in arms)
    if (reason := next(filter(None, changed), None)) is not None:  # (1)
        return reason
    if earlier.profile != own.profile:
        return because("carry.profile", profile=earlier.profile, now=own.profile)
    if own.adjusts:
        return because("carry.adjusts")
    if (blocked := _blocked(earlier, own, gates)) is not None:  # (2)
        return because("carry.blocked", why=blocked)
    if earlier.measured.unit != own.measured.unit:
        return because("carry.unit", unit=earlier.measured.unit, now=own.measured.unit)
    overlaps = (_overlap(earlier, later) for later in (own, *between))  # (3)
    return next(filter(None, overlaps), None)


def _changed(later: ArmSummary, before: ArmSummary) -> Reason | None:
    """Say in what an arm ran otherwise; what one of both stages does not tell is not the same."""
    if not later.strategies or not before.strategies:
        return because("carry.untold", arm=before.arm, field="datasetMeta.strategyHash")
    if later.flags is None or before.flags is None:
        return because("carry.untold", arm=before.arm, field="featureFlags")
    if later.strategies != before.strategies:
        return because("carry.strategy", arm=before.arm, strategies=before.strategies,
                       now=later.strategies)  # fmt: skip
    keys = sorted(
        key for key in later.flags | before.flags if later.flags.get(key) != before.flags.get(key)
    )
    if not keys:
        return None
    flags = tuple(f"{key} = {str(before.flags.get(key, '–')).lower()}" for key in keys)
    now = tuple(f"{key} = {str(later.flags.get(key, '–')).lower()}" for key in keys)
    return because("carry.flags", arm=before.arm, flags=flags, now=now)


def _blocked(earlier: Comparison, own: Comparison, gates: Iterable[Gate]) -> Reason | None:
    """Return what keeps an earlier stage's data from proving anything, of any gate judged here."""
    if earlier.invalid is not None or earlier.blocks:
        return earlier.invalid or earlier.blocks[0]
    for gate in gates:
        own_gate = own.gate(gate)
        if own_gate.absent is not None and own_gate.absent.code not in NOTHING_HAPPENED:
            continue
        earlier_gate = earlier.gate(gate)
        lacks = earlier_gate.gaps
        if earlier_gate.absent is not None and earlier_gate.absent.code not in NOTHING_HAPPENED:
            lacks = earlier_gate.absent
        if lacks is not None:
            return lacks
    return None


def _overlap(earlier: Comparison, later: Comparison) -> Reason | None:
    """Say that runs, or samples, of one stage are in another one as well."""
    names = {row.run_id for row in earlier.rows} & {row.run_id for row in later.rows}
    if names:
        return because("carry.runs", runs=tuple(sorted(names)))
    both = (earlier.measured, later.measured)
    groups = {
        "run_id": [measured.by_run for measured in both],
        "cluster": [measured.table for measured in both],
    }
    for key, tables in groups.items():
        own_prints, later_prints = (_prints(table, key) for table in tables)
        alike = sum(rows for print_, rows in own_prints.items() if print_ in later_prints)
        if alike > _ALIKE[key] * sum(own_prints.values()):
            return because("carry.copies", share=alike / sum(own_prints.values()))
    return None


def _prints(table: MomentTable, key: str) -> dict[tuple[str, ...], float]:
    """Return what groups of an arm look like, and how many samples those have.

    Groups whose latency and score never vary look alike by chance, and are left out. Runs are told
    by their numbers alone: a copy has another name.
    """
    arm, group = table.keys["arm"], table.keys[key]
    fine = sum((table.metrics[name].m2 > 0).astype(np.int64) for name in _FINE)
    prints: dict[tuple[str, ...], float] = {}
    for place in np.flatnonzero(fine):
        name = str(group.labels[int(group.codes[place])]) if key == "cluster" else ""
        cells = (table.metrics[metric] for metric in _COMPARED)
        numbers = (f"{part[place]:.9g}" for c in cells for part in (c.n, c.mean, c.m2))
        print_ = (str(arm.labels[int(arm.codes[place])]), name, *numbers)
        prints[print_] = prints.get(print_, 0.0) + float(table.rows[place])
    return prints


# --- its sum --------------------------------------------------------------------------------------


def summed(compared: Comparison, gate: Gate, shown: Seen) -> Seen:
    """Return what all stages' samples say about a gate: the reviewed stage's, with theirs added.

    What is missing at an earlier stage is at its worst there as it is here. A gate that the
    reviewed stage has no values of gets none from before.
    """
    if not (others := _parts(compared, gate, shown)) or shown.arms is None or shown.metric is None:
        return shown
    own = _without_choosers(compared, shown.subject) if gate.metric == "issue" else compared
    every = [_Part(shown.arms, shown.worst or shown.arms, own), *(part for _, part in others)]
    beyond = _runs_of_all(every, shown.metric) + _prompts_of_all(every, shown.metric)
    arms = _joined([(part.arms, part.labels) for part in every])
    lacking = any(part.worst is not part.arms for part in every)
    worst = _joined([(part.worst, part.labels) for part in every]) if lacking else None
    return replace(
        shown, arms=replace(arms, beyond=beyond), worst=worst and replace(worst, beyond=beyond)
    )


def stage_arms(
    compared: Comparison, gate: Gate, shown: Seen, stage: int
) -> tuple[tuple[int, Arms], ...]:
    """Return each stage's own arms of a gate, the reviewed one first; none if nothing is added."""
    others = _parts(compared, gate, shown)
    if not others or shown.arms is None:
        return ()
    return ((stage, shown.arms), *((number, part.arms) for number, part in others))


def _parts(compared: Comparison, gate: Gate, shown: Seen) -> list[tuple[int, _Part]]:
    """Return what each carried stage adds to a gate."""
    if shown.arms is None or shown.metric is None or shown.absent is not None:
        return []
    if gate.is_quantile_ratio:  # each stage has quantiles of its own
        return []
    of_issue = gate.metric == "issue"
    if of_issue and gate.issue is None and shown.subject != compared.fixed:
        return []
    parts: list[tuple[int, _Part]] = []
    for stage, earlier in compared.earlier:
        comparison = _without_choosers(earlier, shown.subject) if of_issue else earlier
        if shown.metric in comparison.measured.table.metrics:
            arms = comparison.arms(comparison.measured.table, shown.metric)
            worst = worst_case(comparison.account, gate, arms, shown.metric) or arms
            parts.append((stage, _Part(arms, worst, comparison)))
    return parts


def _without_choosers(earlier: Comparison, tag: str | None) -> Comparison:
    """Return a stage without those of its samples that chose the issue."""
    subject = earlier.measured.subject
    chose = subject is not None and subject.choosers is not None and subject.tag == tag
    return earlier.tested() if chose else earlier


def _joined(parts: Sequence[tuple[Arms, tuple[str | None, ...]]]) -> Arms:
    """Add up the arms of several stages, unit by unit."""
    labels = tuple(dict.fromkeys(label for _, names in parts for label in names))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([place[label] for _, names in parts for label in names], dtype=np.int64)
    control = Cells.joined([arms.control for arms, _ in parts]).pooled(codes, len(labels))
    treated = Cells.joined([arms.treatment for arms, _ in parts]).pooled(codes, len(labels))
    return replace(parts[0][0], control=control, treatment=treated)


def _runs_of_all(parts: Sequence[_Part], metric: str) -> tuple[Source, ...]:
    """Return what the runs of all stages add to a metric's variance."""
    every = [_only(part.compared.measured, metric) for part in parts]
    table, by_run = every[0].table, every[0].by_run
    for other in every[1:]:
        table, by_run = table + other.table, by_run + other.by_run
    whole = replace(every[0], table=table, by_run=by_run, overlap=_overlaps(every))
    rows = [row for part in parts for row in part.compared.rows]
    return RunSources.of(whole, parts[0].compared.pair, rows).of_metric(metric)


def _prompts_of_all(parts: Sequence[_Part], metric: str) -> tuple[Source, ...]:
    """Return what prompts add to it, by the stages that tell prompts from users."""
    answers = [part.compared.measured.answers for part in parts]
    tables = [table for table in answers if table is not None and metric in table.metrics]
    keys = [key for key in ("arm", "prompt", "cluster") if all(key in t.keys for t in tables)]
    if not tables:
        return ()
    alone = (replace(table, metrics={metric: table.metrics[metric]}) for table in tables)
    first, *others = (table.grouped(*keys) for table in alone)
    whole = replace(parts[0].compared.measured, answers=sum(others, start=first).grouped(*keys))
    return PromptSources(whole, parts[0].compared.pair).of_metric(metric)


def _only(measured: Measured, metric: str) -> Measured:
    """Return what was measured of one metric, so that tables of all stages have the same shape."""
    table, by_run = (replace(whole, metrics={metric: whole.metrics[metric]})
                     for whole in (measured.table, measured.by_run))  # fmt: skip
    return replace(measured, table=table, by_run=by_run)


def _overlaps(every: Sequence[Measured]) -> Overlap | None:
    """Return which units the runs of all stages share.

    Runs of two stages as if each had its arm's users in the arm's shares: sums do not tell more.
    """
    overlaps = [stage.overlap for stage in every if stage.overlap is not None]
    if len(overlaps) < len(every):
        return None
    labels = {label: None for stage in every for label in stage.table.keys["cluster"].labels}
    spread = [_spread(*stage, [*labels]) for stage in zip(every, overlaps, strict=True)]
    blocks = [[rows @ columns.T for columns in spread] for rows in spread]
    for place, overlap in enumerate(overlaps):
        blocks[place][place] = overlap.shared
    runs = tuple(run for overlap in overlaps for run in overlap.runs)
    return Overlap(runs, np.concatenate([overlap.n for overlap in overlaps]), np.block(blocks))


def _spread(measured: Measured, overlap: Overlap, labels: list[str | None]) -> Floats:
    """Return the samples of each run by unit, as its arm's are spread, (runs, units)."""
    table, place = measured.table, {label: code for code, label in enumerate(labels)}
    codes, arm = table.keys["cluster"].placed(place), table.keys["arm"]
    shares: dict[str, Floats] = {}
    for name in {name for name, _ in overlap.runs}:
        in_arm = arm.codes == arm.code(name)
        rows = np.bincount(codes[in_arm], table.rows[in_arm], len(labels))
        shares[name] = rows / max(rows.sum(), 1.0)
    sizes = zip(overlap.runs, overlap.n, strict=True)
    return np.array([n * shares[name] for (name, _), n in sizes])
