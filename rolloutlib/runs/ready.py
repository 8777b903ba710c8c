"""A batch of runs that nothing refused yet, and its samples as columns."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.plan.segments import MOST_SEGMENTS
from rolloutlib.runs.columns import sample_columns
from rolloutlib.runs.evidence import RefusedError
from rolloutlib.runs.further import labels_of, texts_of

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
    """Return the columns beside them: all labels that samples carry, and these texts."""
    samples = _samples(ready)
    return labels_of(samples) | texts_of(samples, texts)


def note_labels(run: Envelope, known: set[str]) -> None:
    """Add the labels of a run's samples to those that are known.

    Raises:
        RefusedError: then there would be more than a source may have.
    """
    named = [sample.segments for sample in run.result.samples if sample.segments]
    every = known.union(*named)
    if len(every) > MOST_SEGMENTS:
        expected = f"expected at most {MOST_SEGMENTS} names of segments in all runs together"
        raise RefusedError("segments", min(every - known), expected)
    known.update(every)


def _samples(ready: Sequence[Ready]) -> list[Sample]:
    return [sample for one in ready for sample in one.found.envelope.result.samples]
