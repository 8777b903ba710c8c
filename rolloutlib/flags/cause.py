"""What showed that something has to be rolled back: a review or a day's watch, in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.flags.notices import measured_gate
from rolloutlib.plan.metrics import metric_record
from rolloutlib.text import markdown
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.judge.record import Review
    from rolloutlib.watch.record import DailySeries, Watch

__all__ = ["Cause", "read_cause"]

REVIEW, WATCH = "review.json", "watch.json"
_FILES: Final = (REVIEW, WATCH)


class Cause(NamedTuple):
    """A review or watch that shows why.

    Attributes:
        path: of its file; `file` is the name that the record keeps it under.
        lines: its numbers, for the notice.
        data: its bytes.
    """

    path: Path
    lines: tuple[Sentence, ...]
    data: bytes

    @property
    def file(self) -> str:
        """`review.json` or `watch.json`."""
        return self.path.name

    def name_in(self, root: Path) -> str:
        """Return its path in the workbook; its folder and name where it lies elsewhere."""
        return _shown(self.path, root)


def read_cause(place: str, root: Path) -> Cause:
    """Read the review or watch of a report.

    Args:
        place: the report's folder, or the file itself.
        root: the workbook's root.

    Raises:
        UsageError: there is neither of them, or it cannot be read.
    """
    report = Path(place)
    path = next((report / name for name in _FILES if (report / name).exists()), report)
    if path.name not in _FILES:
        raise UsageError(
            "{place} has no {review} and no {watch}; expected the folder of a review or a watch",
            place=place, review=REVIEW, watch=WATCH,
        )  # fmt: skip
    data = bounded_bytes(path)
    read, name = _of_review if path.name == REVIEW else _of_watch, _shown(path, root)
    return Cause(path, (*read(data, name),), data)


def _shown(path: Path, root: Path) -> str:
    """Return a path as every copy of the workbook can read it."""
    inside = path.is_relative_to(root)
    return (path.relative_to(root) if inside else Path(path.parent.name, path.name)).as_posix()


def _of_review(data: bytes, name: str) -> Iterator[Sentence]:
    from rolloutlib.judge.record import decode
    from rolloutlib.ledger.decide import gate_state

    review: Review = decode(data, where=name)
    yield say("The review of stage {stage} says {verdict}: {path}",
              stage=review.stage, verdict=review.recommendation.value,
              path=markdown(name))  # fmt: skip
    for gate in review.gates:
        yield measured_gate(gate_state(gate))


def _of_watch(data: bytes, name: str) -> Iterator[Sentence]:
    from rolloutlib.watch.record import decode

    watch: Watch = decode(data, where=name)
    yield say("The watch of stage {stage} on {day} says {verdict}: {path}",
              stage=watch.stage, day=f"{watch.as_of:%Y-%m-%d}", verdict=watch.outcome.value,
              path=markdown(name))  # fmt: skip
    for alarm in watch.alarms:
        yield say("Alarm: {why}", why=markdown(sentence(alarm.why)))
    for series in watch.series:
        if (line := _newest(series)) is not None:
            yield line


def _newest(series: DailySeries) -> Sentence | None:
    """Return a metric's newest day that has a value; None where no day has one."""
    point = next((each for each in reversed(series.points) if each.treatment is not None), None)
    if point is None:
        return None
    values = (show(value, series.measure) for value in (point.treatment, point.control))
    treatment, control = values
    title, tag = _title(series.metric), series.metric.partition(":")[2]
    metric = f"{title} ({markdown(tag)})" if tag else title
    return say("{metric} on {day}: {treatment}, control {control}", metric=metric,
               day=point.day.isoformat(), treatment=treatment, control=control)  # fmt: skip


def _title(metric: str) -> str:
    """Return what a metric is called; a watch may have one that this version does not know."""
    try:
        return translate(metric_record(metric).title)
    except KeyError:
        return markdown(metric)
