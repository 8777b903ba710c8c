"""Which runs two reviews have in common, and so how many samples, as far as their records tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import Review
    from rolloutlib.measure.averages import RunRow

__all__ = ["Overlap", "RunMoved", "carried_stages", "match_runs", "overlap_of"]

_RUN_NUMBERS: Final = ("n", "pass_rate", "avg_score", "avg_latency_ms", "vetoed")


@dataclass(frozen=True, slots=True)
class RunMoved:
    """One run in both reviews.

    Attributes:
        state: `same` has the same numbers in both, `renamed` has them under another name or arm,
            `changed` has others under the same name.
    """

    before: RunRow | None
    after: RunRow | None
    state: Literal["new", "gone", "same", "renamed", "changed"]

    @property
    def run(self) -> RunRow:
        """The run as the later review has it, else as the earlier one had it."""
        both = [run for run in (self.after, self.before) if run is not None]
        return both[0]


class Overlap(NamedTuple):
    """How many samples two reviews share.

    Attributes:
        before, after: samples of both arms' runs in each review.
        shared: of the runs that are the same in both.
        new: of the runs that only the later review has.
        why: what keeps the changes from having an interval; nothing where no sample can be shared.
    """

    before: int
    after: int
    shared: int
    new: int
    why: tuple[Reason, ...]


def match_runs(before: Sequence[RunRow], after: Sequence[RunRow]) -> tuple[RunMoved, ...]:
    """Match runs by arm and name, what is left by its numbers."""
    earlier = {(run.arm, run.run_id): run for run in before}
    named = {(run.arm, run.run_id) for run in after}
    left = {key: run for key, run in earlier.items() if key not in named}
    twins = {_numbers(run): key for key, run in left.items() if _tells_apart(run)}
    rows: list[RunMoved] = []
    for run in after:
        old = earlier.get((run.arm, run.run_id))
        if old is not None:
            same = _numbers(old) == _numbers(run)
            rows.append(RunMoved(old, run, "same" if same else "changed"))
            continue
        twin = twins.pop(_numbers(run), None) if _tells_apart(run) else None
        rows.append(RunMoved(left.pop(twin) if twin else None, run, "renamed" if twin else "new"))
    return (*rows, *(RunMoved(run, None, "gone") for run in left.values()))


def _numbers(run: RunRow) -> tuple[float | None, ...]:
    """Return a run's numbers, to the digits that every way to add them up agrees in."""
    values = (getattr(run, name) for name in _RUN_NUMBERS)
    return tuple(None if value is None else float(f"{value:.9g}") for value in values)


def _tells_apart(run: RunRow) -> bool:
    """Whether a run has a number so fine that no other run has the same by chance."""
    return run.n > 1 and (run.avg_latency_ms is not None or run.avg_score is not None)


def overlap_of(
    before: Review, after: Review, runs: Sequence[RunMoved], *, same_data: bool
) -> Overlap:
    """Count the samples that two reviews share; say why where nobody can tell."""
    n = [sum(run.n for run in review.runs) for review in (before, after)]
    shared = sum(run.run.n for run in runs if run.state in {"same", "renamed"})
    new = sum(run.run.n for run in runs if run.state == "new")
    if same_data:
        return Overlap(n[0], n[1], n[1], 0, (because("moved.same_data"),))
    why: list[Reason] = []
    if not before.runs or not after.runs:
        why.append(because("moved.untold"))
    if shared:
        why.append(because("moved.shared", shared=shared, n=n[1], share=shared / n[1]))
    if changed := tuple(run.run.run_id for run in runs if run.state == "changed"):
        why.append(because("moved.unclear", runs=changed))
    if carried_stages(before) or carried_stages(after):
        why.append(because("moved.carries"))
    if not why and (files := _files(before) & _files(after)):
        why.append(because("moved.files", files=tuple(sorted(files))))
    return Overlap(n[0], n[1], shared, new, tuple(why))


def _files(review: Review) -> set[str]:
    """Return the digests of the files that samples came from."""
    return {file.sha256[:12] for file in review.inputs if file.kept and file.sha256}


def carried_stages(review: Review) -> tuple[int, ...]:
    """Return the earlier stages whose evidence counts in a review."""
    return tuple(row.stage for row in review.carried if row.why is None)
