"""Two files of an eval tool, compared: read as two arms, measured once, judged by the evidence.

Of a stage's review everything that keeps a wrong GO away holds here too: what is missing, prompts
that one file lacks, mixes, copies, quarantine, doubted units, templates. What is of a stage does
not: looks, flags, allocation, checks, the plan's rule of averages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from rolloutlib.errors import NoEvidenceError, UsageError, did_you_mean
from rolloutlib.judge.beside import findings_of, groups_of, told_of_drift, vanished_of
from rolloutlib.judge.broken import broken
from rolloutlib.judge.file_verdicts import Verdicts, measured, verdicts
from rolloutlib.judge.flips import flips_of
from rolloutlib.judge.pair_record import PairReview
from rolloutlib.judge.recommendation import Finding, changes, reasons, recommend
from rolloutlib.judge.record import Recommendation
from rolloutlib.judge.two_files import One, arms_by_file, check_different, place_of_files
from rolloutlib.judge.ungated import falling, no_gate, ungated_scorers
from rolloutlib.measure.same import (
    MATERIAL,
    PROMPT,
    copied,
    is_timed,
    like_keys,
    same_arm,
    several,
    unlike_prompts,
)
from rolloutlib.measure.validity import copies
from rolloutlib.plan.offline import EvalDecides
from rolloutlib.reason import because, said
from rolloutlib.runs import read_runs
from rolloutlib.runs.database import readable
from rolloutlib.runs.further import labels_in
from rolloutlib.runs.samples import from_runs
from rolloutlib.text import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rolloutlib.judge.pair_record import Meaning
    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.offline import EvalGate, EvalPlan
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Quarantined, Runs
    from rolloutlib.runs.places import Two

__all__ = ["Pair", "check_differs", "compare_files", "nothing_compared"]


# What every file of an eval tool is like, and nobody has to be told.
USUAL: Final = frozenset({"source.one_run", "runs.no_start"})


# What one file alone tells of the material, and nobody may take to be the same in the other.
HOLDING: Final = ("judge",)


class Pair(NamedTuple):
    """What was found, and what it was made of.

    Attributes:
        compared: both arms after the measurement; None where nothing could be compared.
        runs: as they were read, with texts; likewise.
        silent: what one file alone tells of the material, whose columns are not read.
        failure: why nothing is left to be compared, of files that could be read.
    """

    review: PairReview
    refused: tuple[Quarantined, ...]
    compared: Comparison | None = None
    runs: Runs | None = None
    silent: tuple[str, ...] = ()
    failure: NoEvidenceError | None = None


def compare_files(
    plan: EvalPlan, files: Two | One, meaning: Meaning, *, names: tuple[str, str]
) -> Pair:
    """Read two files as two arms, judge every gate by the evidence, recommend.

    Args:
        plan: what they are compared by.
        files: of both arms, the control's first, or one that holds both.
        meaning: what their columns mean.
        names: what to call the arms.

    Raises:
        UsageError: a file holds several arms, or there is no such arm.
        RunsError: the files are no evidence as a whole.
    """
    with readable():
        runs = read_runs(place_of_files(files, meaning), texts=True)
        try:
            outcome = _compared(plan, runs, files, meaning, names)
        except NoEvidenceError as error:  # what was refused is kept, as a review keeps it
            nothing = nothing_compared(plan, names, error.phrase, runs)
            outcome = nothing._replace(failure=error)
    runs.check_unchanged()
    return outcome


def _compared(
    plan: EvalPlan, runs: Runs, files: Two | One, meaning: Meaning, names: tuple[str, str]
) -> Pair:
    """Find the two arms and judge them."""
    if isinstance(files, One):
        pair, same = files.pair, []
    else:
        same = check_different(runs.inputs, files)
        pair = arms_by_file(runs, files, names)
    if is_timed(runs):  # what has a time of its own is no second run; else answers may agree
        same, meaning = [], meaning._replace(doubts=(*same, *meaning.doubts))
    outcome = _judged(plan, runs, pair, names, meaning)
    warnings = (*same, *outcome.review.warnings)
    return outcome._replace(review=replace(outcome.review, warnings=warnings))


def nothing_compared(
    plan: EvalPlan, names: tuple[str, str], message: Phrase | str, runs: Runs | None = None
) -> Pair:
    """Return what is said of files that are no evidence at all."""
    refused = (*runs.quarantined, *runs.failed) if runs else ()
    review = PairReview(
        control="control", treatment="treatment", recommendation=Recommendation.INVALID,
        reasons=(because("source.refused", message=said(message)),),
        first=names[0], second=names[1], plan_name=plan.name, quarantine=groups_of(refused),
        inputs=runs.inputs if runs else (),
    )  # fmt: skip
    return Pair(review, refused)


def _judged(
    plan: EvalPlan, runs: Runs, pair: tuple[str, str], names: tuple[str, str], meaning: Meaning
) -> Pair:
    """Measure both arms once, judge every gate that applies, and recommend."""
    alike, equal = unlike_prompts(runs, pair, plan.differs), copied(runs, pair)
    compared = measured(plan, runs, pair, (*alike.blocks, *equal.blocks))
    judged = verdicts(plan, compared)
    silent = {why.facts["named"]: why for why in alike.told} | {
        name: why for name, why in meaning.silent.items() if name not in plan.differs
    }
    decides = EvalDecides() if compared.blocks else plan.decides
    findings = findings_of(decides, judged.gates, judged.parts, judged.issues, judged.drift)
    keys = like_keys(runs, pair, guessed=meaning.guessed)
    findings += [Finding(why, plan.decides.identical) for why in keys]
    ungated = ungated_scorers(plan, runs.extras)
    findings += [Finding(why, decides.scorers) for why in falling(compared, ungated)]
    holding = [
        *(why for name, why in silent.items() if name in HOLDING),
        *same_arm(runs, pair),
        *several(runs, dict(zip(pair, names, strict=True))),
        *meaning.doubts,
        *_unanswered(plan, judged.gates),
        *broken(compared),
    ]
    findings += [Finding(why, "hold") for why in holding]
    review = replace(
        _recorded(plan, runs, compared, judged, findings, meaning),
        first=names[0], second=names[1],
        warnings=(*_refused(runs), *meaning.asked, *no_gate(ungated), *equal.told,
                  *(why for name, why in silent.items() if name not in HOLDING),
                  *_told(compared, judged)),
    )  # fmt: skip
    return Pair(review, runs.quarantined, compared, runs, (*meaning.silent,))


def _told(compared: Comparison, judged: Verdicts) -> list[Reason]:
    """Say what decides nothing: of labels, issues that are gone, the data, and later runs."""
    return [
        *judged.of_labels,
        *vanished_of(judged.issues),
        *(why for why in compared.warnings if why.code not in USUAL),
        *told_of_drift(judged.drift),
    ]


def _recorded(
    plan: EvalPlan, runs: Runs, compared: Comparison, judged: Verdicts,
    findings: Sequence[Finding], meaning: Meaning,
) -> PairReview:  # fmt: skip
    """Write down what was measured, judged and recommended."""
    gates, applying = judged.gates, judged.applying
    recommended = recommend(gates, (), findings, attests=False)
    doubted = _doubted(plan.gates, meaning.doubts, applying)
    return PairReview(
        control=compared.pair[0], treatment=compared.pair[1], plan_name=plan.name,
        recommendation=recommended,
        reasons=_reasons(compared, runs, gates, findings, recommended),
        changes=changes(gates, (), compared.blocks),
        gates=gates, segments=judged.parts, issues=judged.issues,
        completeness=compared.completeness,
        inputs=runs.inputs, quarantine=groups_of((*runs.quarantined, *runs.failed)),
        arms=compared.summaries, runs=compared.rows, design=compared.design,
        labels=judged.labels,
        drift=judged.drift, set_aside=compared.set_aside, data_sha256=from_runs(runs).digest(),
        source_title=runs.source.title if runs.source else None,
        unjudged=_titles(plan.gates, plan.gates.keys() - applying.keys() - doubted.keys()),
        doubted={plan.gates[key].title: why for key, why in doubted.items()},
        needs=_titles(plan.gates, plan.needs),
        tool=meaning.tool, taken=meaning.taken, left=meaning.left,
        flips=None if compared.blocks else flips_of(
            compared, gates, plan.gates, {finding.effect for finding in findings}),
    )  # fmt: skip


def _refused(runs: Runs) -> list[Reason]:
    """Say how many rows were refused, with an example; many of them are a block besides."""
    refused, example = runs.rows_quarantined, next(iter(runs.quarantined), None)
    if example is None:
        return []
    return [because("pair.refused", rows=refused, read=runs.read, example=said(example.said))]


def check_differs(names: Sequence[str], pair: Pair) -> None:
    """Refuse a name in which nothing can differ: who misspelt it would wait for a GO in vain.

    Raises:
        UsageError: the files tell nothing of that name.
    """
    labels = labels_in(pair.runs.extras) if pair.runs else ()
    columns = (*MATERIAL, PROMPT, *labels, *pair.silent)
    if unknown := next((name for name in names if name not in columns), None):
        hint = did_you_mean(unknown, columns)
        raise UsageError(
            "--differs {name}: the files tell {there}.{hint}",
            name=unknown, there=listed(columns), hint=hint,
        )  # fmt: skip


def _doubted(
    gates: Mapping[str, EvalGate], doubts: Sequence[Reason], applying: Collection[str]
) -> dict[str, Reason]:
    """Return the gates without values of which a file may have some that could not be read."""
    unread = {why.facts.get("field"): why for why in doubts if why.code == "pair.unread"}
    return {
        key: unread[gate.metric]
        for key, gate in gates.items()
        if key not in applying and gate.metric in unread and not gate.scorer
    }


def _titles(gates: Mapping[str, EvalGate], keys: Collection[str]) -> tuple[str, ...]:
    return tuple(gate.title for key, gate in gates.items() if key in keys)


def _unanswered(plan: EvalPlan, gates: Sequence[GateResult]) -> list[Reason]:
    """Say that none of the gates that the plan needs is judged: speed alone is no answer."""
    judged = {gate.id for gate in gates if gate.evidence.point is not None}
    if judged & {*plan.needs}:
        return []
    return [because("pair.no_outcome", gates=_titles(plan.gates, plan.needs))]


def _reasons(
    compared: Comparison, runs: Runs, gates: Sequence[GateResult],
    findings: Sequence[Finding], recommended: Recommendation,
) -> tuple[Reason, ...]:  # fmt: skip
    if compared.invalid is not None:
        return (compared.invalid,)
    if recommended is Recommendation.GO:
        beside = [finding.why for finding in findings]
        return (because("pair.all_pass", gates=len(gates)), *beside)
    return reasons(
        gates, (), [finding.why for finding in findings], blocks=compared.blocks,
        copied=copies(runs, compared.pair),
    )  # fmt: skip
