"""Each gate's estimate as people would have it, where they labelled some of what a judge judged.

A judge's pass rate is of its own verdicts. What people say of some of the same samples tells how it
errs in each arm (`stats.judge_error`). The labels of an arm correct that arm only: a judge that
favours one candidate is told apart from one that is strict with everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from scipy import special

from rolloutlib.measure.beyond import RANGES
from rolloutlib.measure.design import Arms, metric_of
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.labelled import HUMAN
from rolloutlib.measure.needed import MOST_UNITS, Needed
from rolloutlib.phrase import phrase
from rolloutlib.plan.metrics import is_binary
from rolloutlib.reason import Reason, because, known
from rolloutlib.stats import judge_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.labelled import Known, Labels
    from rolloutlib.measure.moments import Cells
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence, Gate
    from rolloutlib.stats.judge_error import Corrected

__all__ = ["GateLabels", "People", "arm_of", "labels_of_all", "needed_labels", "people_of"]

MOST: Final = {"passed": 1.0, "score": judge_error.SPAN}  # the scale's end


class GateLabels(msgspec.Struct, frozen=True, kw_only=True):
    """What people's labels say of one gate.

    Attributes:
        corrected: whether the evidence is the corrected estimate.
        control, treatment: labelled samples of each arm.
        judge, judge_lower, judge_upper: the judge's own estimate with its bounds.
        people, people_lower, people_upper: the corrected one; None where it cannot be made.
        shift, shift_lower, shift_upper: by how much people move it, and bounds of that.
        contradict: people differ from the judge, to its favourite's harm, by more than chance.
        why: why the evidence is the judge's own; None where it is corrected.
    """

    corrected: bool
    control: int
    treatment: int
    judge: float
    judge_lower: float | None = None
    judge_upper: float | None = None
    people: float | None = None
    people_lower: float | None = None
    people_upper: float | None = None
    shift: float | None = None
    shift_lower: float | None = None
    shift_upper: float | None = None
    contradict: bool = False
    why: Reason | None = None


@dataclass(frozen=True, slots=True)
class People:
    """A gate with people's labels: what they make of its estimate, and the record of that.

    Attributes:
        own: the judge's own estimate.
        estimate: the one that judges the gate: corrected where the labels allow it.
        told: for the record.
        found: the contrast as people would give it; None where an arm has no label.
    """

    own: Estimate
    estimate: Estimate
    told: GateLabels
    found: Corrected | None

    @property
    def moved(self) -> float:
        """By how much the gate's point is moved; 0 where it is the judge's own."""
        shift = self.told.shift
        return shift if self.told.corrected and shift is not None else 0.0

    @property
    def contradicts(self) -> bool:
        """Whether too few labels to correct the judge speak against what it favours."""
        why = self.told.why
        return self.told.contradict and why is not None and why.code != "labels.tell"


def labels_of_all(compared: Comparison) -> Labels | None:
    """Return people's labels of every stage that counts; None where there are none."""
    every = [part.measured.labels for part in (compared, *(e.compared for e in compared.earlier))]
    labelled = [labels for labels in every if labels is not None]
    return labelled[0].joined(labelled[1:]) if labelled else None


def people_of(
    gate: Gate, arms: Arms, own: Estimate, labels: Labels, pair: tuple[str, str], rules: Evidence
) -> People | None:
    """Return what people's labels make of a gate; None where they do not tell its metric.

    Args:
        gate: its contrast and direction of harm.
        arms: the judge's moments per unit that the estimate is of.
        own: the judge's own estimate.
        labels: the labelled samples of both arms.
        pair: names of the control and the treatment.
        rules: confidence, smallest number of units, and what labels are for.
    """
    metric = metric_of(gate)  # a further scorer's is none that people gave
    if metric not in HUMAN:
        return None
    of_arm = {arm: labels.of(arm, metric) for arm in pair}
    if not any(len(labelled.judge) for labelled in of_arm.values()):
        return None
    compared = pair[1:] if gate.contrast == "treatment" else pair
    contrast = _contrast(gate, arms, own, of_arm, pair, rules)
    why = _not_corrected(gate, of_arm, compared, rules)
    against = _against(gate, contrast)
    row = GateLabels(
        corrected=why is None,
        control=len(of_arm[pair[0]].judge), treatment=len(of_arm[pair[1]].judge),
        judge=own.point, judge_lower=known(own.lower), judge_upper=known(own.upper),
        people=known(contrast.point), people_lower=known(contrast.bounds.lower),
        people_upper=known(contrast.bounds.upper), shift=known(contrast.shift),
        shift_lower=known(contrast.moved.lower), shift_upper=known(contrast.moved.upper),
        contradict=against, why=why,
    )  # fmt: skip
    if why is not None:
        return People(own, own, row, contrast)
    method = _method(gate.metric, own.method)
    lower, upper = contrast.bounds
    estimate = replace(own, point=contrast.point, lower=lower, upper=upper,
                       se=None, p_worse=None, p_better=None, method=method)  # fmt: skip
    return People(own, estimate, row, contrast)


def _method(metric: str, judge: Phrase) -> Phrase:
    """Name the judge's own method, and what people's labels add to it."""
    if metric == "passed":
        return phrase(
            "{judge}; people's labels added (PPI++, Angelopoulos et al. 2023; exact)", judge=judge
        )
    return phrase(
        "{judge}; people's labels added (PPI++, Angelopoulos et al. 2023; CR3)", judge=judge
    )


def _not_corrected(
    gate: Gate, of_arm: Mapping[str, Known], compared: Sequence[str], rules: Evidence
) -> Reason | None:
    """Say why a gate keeps the judge's own estimate; None where it is corrected."""
    if rules.human_labels == "tell":
        return because("labels.tell")
    if gate.estimand == "per_user":
        return because("labels.per_user")
    fewest = min(compared, key=lambda arm: of_arm[arm].units)
    if of_arm[fewest].units < rules.min_clusters:
        units = of_arm[fewest].units
        return because("labels.few", arm=fewest, labels=units, least=rules.min_clusters)
    return None


def _against(gate: Gate, contrast: Corrected) -> bool:
    """Return whether people move the gate towards harm, and by more than chance."""
    lower, upper = contrast.moved
    return upper < 0 if gate.harm == "lower" else lower > 0


def _contrast(
    gate: Gate, arms: Arms, own: Estimate, of_arm: Mapping[str, Known], pair: tuple[str, str],
    rules: Evidence,
) -> Corrected:  # fmt: skip
    """Return the gate's contrast as people would give it; an arm without labels keeps its own."""
    both = zip((arms.control, arms.treatment), pair, strict=True)
    control, treated = (arm_of(gate, arms, cells, of_arm[arm], rules) for cells, arm in both)
    judged = (own.point, own.lower, own.upper)
    contrast = judge_error.contrast(gate.contrast, judged, treated, control)
    low, high = (end * MOST[gate.metric] for end in RANGES[gate.contrast])
    ends = (min(max(end, low), high) for end in contrast.bounds)
    return contrast._replace(bounds=type(contrast.bounds)(*ends))


def arm_of(
    gate: Gate, arms: Arms, cells: Cells, labelled: Known, rules: Evidence
) -> judge_error.Arm:
    """Return an arm's mean as people would give it, and the judge's own.

    Args:
        gate: on the metric.
        arms: both arms' moments, for their unit.
        cells: the arm's.
        labelled: its labelled samples.
        rules: confidence and floors.
    """
    alone = gate.model_copy(update={"contrast": "treatment", "estimand": "per_sample"})
    own = estimate_gate(alone, Arms(cells, cells, arms.unit), rules, metric=gate.metric)
    if own is None:
        return judge_error.Arm(judge_error.Level(0.0, 1.0, 0.0, 0.0), 0.0, 0.0, 0.0)
    level = judge_error.Level(own.point, 1.0, 0.0, 0.0)
    if len(labelled.judge):
        level = _level(gate.metric, own.point, labelled, rules)
    below, above = own.point - own.lower, own.upper - own.point
    return judge_error.Arm(level, own.point, below, above)


def _level(metric: str, judged: float, labelled: Known, rules: Evidence) -> judge_error.Level:
    """Return an arm's mean as people would give it."""
    if not is_binary(metric):
        return judge_error.corrected_mean(judged, labelled.judge, labelled.human, labelled.cluster,
                                          confidence=rules.confidence)  # fmt: skip
    passed = labelled.judge > 0
    strata = (_counted(labelled, stratum) for stratum in (passed, ~passed))
    return judge_error.corrected_rate(judged, *strata, confidence=rules.confidence,
                                      icc_floor=rules.icc_floor)  # fmt: skip


def _counted(labelled: Known, stratum: np.ndarray) -> judge_error.Labels:
    """Count labels, and passes among them, of what the judge said one thing about, per unit."""
    cluster, human = labelled.cluster[stratum], labelled.human[stratum]
    n = np.bincount(cluster, minlength=labelled.units).astype(np.float64)
    return judge_error.Labels(n, np.bincount(cluster, human, labelled.units))


def needed_labels(
    gate: Gate, people: People, limit: float, alternative: float, rules: Evidence
) -> Needed | None:
    """Return how many labels an arm prove the limit with the plan's power; None if labels cannot.

    What the judge's own means add to the bound stays; what the labels add shrinks with their root.
    """
    if not people.told.corrected or people.found is None:
        return None
    harm = 0 if gate.harm == "lower" else 1
    whole = abs(people.estimate.point - people.found.bounds[harm])
    of_labels = abs(people.found.shift - people.found.moved[harm])
    if not (isfinite(whole) and of_labels > 0):
        return None
    z, more = special.ndtri(rules.confidence), special.ndtri(rules.power)
    room = (abs(alternative - limit) * z / (z + more)) ** 2 - max(whole**2 - of_labels**2, 0.0)
    have = min([people.told.control, people.told.treatment][gate.contrast == "treatment" :])
    if room <= 0 or have * of_labels**2 / room > MOST_UNITS:
        return None
    total = ceil(have * of_labels**2 / room)
    return Needed("labels", total, total - have) if total > have else None
