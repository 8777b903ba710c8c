"""A batch of runs that nothing refused yet, and its samples as columns."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.phrase import phrase
from rolloutlib.plan.metrics import SCORER
from rolloutlib.plan.segments import MOST_SEGMENTS
from rolloutlib.runs.columns import sample_columns
from rolloutlib.runs.evidence import RefusedError
from rolloutlib.runs.further import columns_beside, is_scorer, labels_in, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from rolloutlib.runs.columns import Sample, SampleColumns
    from rolloutlib.runs.envelopes import Envelope, FoundRun
    from rolloutlib.runs.run_info import RunInfo

__all__ = ["Ready", "beside_of", "columns_of", "note_labels"]


class Ready(NamedTuple):
    """A run that is evidence by itself, and what was found."""

    info: RunInfo
    found: FoundRun


def columns_of(ready: Sequence[Ready]) -> SampleColumns:
    """Return the columns of all samples of these runs."""
    return sample_columns(_samples(ready))


def beside_of(ready: Sequence[Ready], texts: Iterable[str]) -> dict[str, pa.Array]:
    """Return the columns beside them: all labels and scorers of samples, and these texts."""
    samples = _samples(ready)
    return columns_beside(samples) | texts_of(samples, texts)


def note_labels(run: Envelope, noted: set[str]) -> None:
    """Add the labels and scorers of a run's samples to those that are known.

    Raises:
        RefusedError: then there would be more than a source may have.
    """
    samples = run.result.samples
    labels = {*labels_in(noted)}.union(*(sample.segments for sample in samples if sample.segments))
    scorers = {SCORER + name for sample in samples if sample.scores for name in sample.scores}
    scorers |= {*filter(is_scorer, noted)}
    for field, every in (("segments", labels), ("scores", scorers)):
        if len(every) > MOST_SEGMENTS:
            expected = phrase(
                "expected at most {most} names of {field} in all runs together",
                most=MOST_SEGMENTS, field=field,
            )  # fmt: skip
            raise RefusedError(field, min(every - noted), expected)
    noted.update(labels, scorers)


def _samples(ready: Sequence[Ready]) -> list[Sample]:
    return [sample for run in ready for sample in run.found.envelope.result.samples]
