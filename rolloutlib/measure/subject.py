"""Which issue the top-issue gate is about, chosen by data that the gate is not tested on.

Chosen and tested on the same control, the most frequent tag looks frequent partly by luck, and the
treatment seems to reduce it (a winner's curse: "−30 %" for nothing). So, in this order: the plan
names the issue; the control of an earlier stage chooses; the control has one tag only, or one that
leads clearly; else a fifth of the control's units chooses and is left out of the test (sample
splitting: Cox 1975, Biometrika 62:441). The fifth is that with the lowest sha256 of its ids, which
nobody can tune and every engine computes alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import narwhals as nw
import numpy as np

from rolloutlib.measure.components import overlap_of
from rolloutlib.measure.design import TOGETHER, Arms, read_design
from rolloutlib.reason import because
from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.judging import GatesPlan
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = [
    "Choosers", "Subject", "Wanted", "also_listed", "among", "choosers_of", "chosen_rows",
    "chosen_tag", "in_both", "is_clear", "left_by", "samples_of", "settled",
    "spelled_as_there", "split", "wanted_of", "without_choosers",
]  # fmt: skip

SHARE: Final = 0.2  # of the control's units that choose; docs/statistics.md compares shares
CLEAR: Final = 1.5  # standard errors by which a tag has to lead, so that nobody has to choose
_FIFTH: Final = "33"  # the digests below begin a fifth of all, where units are samples


_CHOSEN: Final = {
    "named": because("issue.named"),
    "before": because("issue.before"),
    "only": because("issue.only"),
    "clear": because("issue.clear"),
}


class Wanted(NamedTuple):
    """What decides the subject before this stage's samples do.

    Attributes:
        named: issues that gates of the plan name; they are measured in any case.
        open: whether a gate is about the top issue that nobody names.
        before: each tag of earlier control samples, and how many carry it.
    """

    named: tuple[str, ...] = ()
    open: bool = True
    before: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Choosers:
    """The units that chose: those whose id's sha256 is at most `last`.

    Attributes:
        column: of the samples, which holds the ids.
        last: a hexadecimal digest, or its beginning.
        count, units: how many chose, of how many in the control.
        names: their ids; empty where units are samples, which are not listed.
    """

    column: str
    last: str
    count: int
    units: int
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subject:
    """The issue that the gate is about, and who chose it."""

    tag: str
    how: Literal["named", "before", "only", "clear", "held_out"]
    unit: Unit = "sample"
    choosers: Choosers | None = None

    @property
    def why(self) -> Reason:
        """Say how the issue was chosen."""
        if self.choosers is None:
            return _CHOSEN[self.how]
        by, among = self.choosers.count, self.choosers.units
        return because("issue.held_out", count=by, among=among, unit=self.unit)


def wanted_of(plan: GatesPlan, runs: Runs, control: str, fixed: str | None) -> Wanted:
    """Return what decides the top issue before this stage's samples do."""
    issues = [gate.issue for gate in plan.gates.values() if gate.metric == "issue"]
    named = tuple(issue for issue in issues if issue is not None)
    if fixed is not None:
        return Wanted((*named, fixed), None in issues, ((fixed, 1),))
    before = tuple(sorted(runs.tags_before.get(control, {}).items()))
    return Wanted(named, None in issues, before)


def settled(tagged: Mapping[tuple[str, str], int], control: str, issues: Wanted) -> Subject | None:
    """Return the subject where no sample of this stage has to choose; else None.

    Args:
        tagged: how many samples of each arm carry each tag, by (arm, tag).
        control: the control's name.
        issues: what decides before this stage.
    """
    control_tags = {tag for arm, tag in tagged if arm == control}
    if earlier := chosen_tag(dict(issues.before), control_tags):
        return Subject(earlier, "before")
    return Subject(next(iter(control_tags)), "only") if len(control_tags) == 1 else None


def chosen_tag(earlier: Mapping[str, int], spellings: Collection[str]) -> str | None:
    """Return the most frequent earlier tag that is there at all, spelled as there.

    >>> chosen_tag({"bias": 7, "Hallucination": 9}, {"hallucination", "bias"})
    'hallucination'
    """
    ranked = sorted(earlier, key=lambda tag: (-earlier[tag], tag))
    spelled = (spelled_as_there(tag, spellings) for tag in ranked)
    return next((tag for tag in spelled if tag in spellings), None)


def spelled_as_there(tag: str, spellings: Collection[str]) -> str:
    """Return a tag as the samples spell it; as it is where they do not have it."""
    if tag in spellings:
        return tag
    return next((other for other in sorted(spellings) if folded(other) == folded(tag)), tag)


def choosers_of(column: str, unit: Unit, names: Iterable[str]) -> Choosers:
    """Return which of the control's units choose: a fifth of them, one at least.

    Args:
        column: of the samples, which holds the ids.
        unit: what a unit is; samples are not listed and counted but told by their digest.
        names: the ids of the control's units.
    """
    if unit == "sample":
        return Choosers(column, _FIFTH, 0, 0)
    by_digest = sorted((sha256(name.encode()).hexdigest(), name) for name in names)
    count = max(1, int(SHARE * len(by_digest)))
    chosen = by_digest[:count]
    last = chosen[-1][0] if chosen else ""
    return Choosers(column, last, len(chosen), len(by_digest), frozenset(n for _, n in chosen))


def among(tagged: Mapping[tuple[str, str], int], chosen_by: Mapping[str, int], control: str) -> str:
    """Return the tag that most choosers carry; of equal ones what more samples of both arms carry.

    Samples of both arms together tell nothing of the difference between them, so that they may
    settle a tie.
    """
    control_tags = {tag for arm, tag in tagged if arm == control}
    whole = {tag: sum(n for (_, of), n in tagged.items() if of == tag) for tag in control_tags}
    return min(control_tags, key=lambda tag: (-chosen_by.get(tag, 0), -whole[tag], tag))


def is_clear(table: MomentTable, control: str, ranked: Sequence[str], unit: Unit) -> bool:
    """Return whether the control's first tag leads every other one clearly.

    Where it does, that it was chosen here flatters hardly: simulated in docs/statistics.md.

    The lead is summed by clusters, so that one user's samples are not many people's.

    Args:
        table: moments by arm and cluster.
        control: the control's name.
        ranked: the control's most frequent tags, the first of all first.
        unit: what a cluster is.
    """
    of_control = table.where(arm=control)
    first, *others = (of_control.by("cluster", f"issue:{tag}").total for tag in ranked)
    for other in others:
        lead = first - other
        variance = first.sum() + other.sum() if unit == "sample" else np.square(lead).sum()
        if lead.sum() <= CLEAR * variance**0.5:
            return False
    return True


def in_both(table: MomentTable, arms: tuple[str, str], tag: str, unit: Unit) -> bool:
    """Return whether units are in both arms, so that who chose leaves the treatment as well."""
    metric = f"issue:{tag}"
    control, treatment = (table.where(arm=arm).by("cluster", metric) for arm in arms)
    return read_design(Arms(control, treatment, unit), "ratio")[1].kind in TOGETHER


def without_choosers(
    whole: Measured, arms: tuple[str, str],
    left: Callable[[Choosers, str, Sequence[str]], MomentTable],
) -> Measured:  # fmt: skip
    """Take out of the test who chose the issue, unless one issue leads clearly.

    Args:
        whole: everything measured.
        arms: names of the control and the treatment.
        left: gives moments of one metric by arm, run and cluster, without the choosers of some
            arms.
    """
    subject = whole.subject
    if subject is None or subject.choosers is None:
        return whole
    if is_clear(whole.table, arms[0], whole.tags[: whole.ranked], whole.unit):
        return replace(whole, subject=Subject(whole.tags[0], "clear"))
    shared = in_both(whole.table, arms, subject.tag, whole.unit)
    rest = left(subject.choosers, f"issue:{subject.tag}", arms if shared else arms[:1])
    table, by_run = (rest.grouped("arm", key) for key in ("cluster", "run_id"))
    overlap = overlap_of(rest) if whole.overlap else None
    return replace(whole, tested=replace(whole, table=table, by_run=by_run, overlap=overlap))


def also_listed(
    subject: Subject | None, issues: Wanted, tagged: Mapping[tuple[str, str], int]
) -> list[str]:
    """Return the issues that gates are about, which are measured however rare they are."""
    spellings = {tag for _, tag in tagged}
    named = [spelled_as_there(tag, spellings) for tag in issues.named]
    return [*named, *([subject.tag] if subject else [])]


def chosen_rows(table: MomentTable, choosers: Choosers) -> NDArray[np.bool_]:
    """Return which groups of a table by cluster are those of choosers, (K,)."""
    key = table.keys["cluster"]
    codes = [code for code, label in enumerate(key.labels) if label in choosers.names]
    return np.isin(key.codes, codes)


def left_by(choosers: Choosers, table: MomentTable, arms: Iterable[str]) -> MomentTable:
    """Return the groups of a table by arm and cluster that are not the choosers of these arms."""
    arm, gone = table.keys["arm"], chosen_rows(table, choosers)
    return table.take(~(gone & np.isin(arm.codes, [arm.code(name) for name in arms])))


def split(
    frame: nw.LazyFrame[Any], choosers: Choosers, arms: Iterable[str]
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Split samples on their own engine: the choosers of these arms, and all others."""
    native, column = nw.to_native(frame), choosers.column
    spark = frame.implementation.is_spark_like()
    digest = f"sha2({column}, 256)" if spark else f"sha256({column})"
    mark = f"coalesce({digest} <= '{choosers.last}', false) AS chooser"
    marked = nw.from_native(native.selectExpr("*", mark) if spark else native.project(f"*, {mark}"))
    chose = nw.col("chooser") & nw.col("arm").is_in([*arms])
    return marked.filter(chose), marked.filter(~chose)


def samples_of(
    frame: nw.LazyFrame[Any], choosers: Choosers, arms: Iterable[str]
) -> nw.LazyFrame[Any]:
    """Return the samples of the choosers, all of whom are of these arms."""
    if frame.implementation.is_spark_like() or not choosers.names:
        return split(frame, choosers, arms)[0]
    names = ", ".join(map(quoted, sorted(choosers.names)))  # faster than a digest of each row's id
    return nw.from_native(nw.to_native(frame).filter(f"{choosers.column} IN ({names})"))
