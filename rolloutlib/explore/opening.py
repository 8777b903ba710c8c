"""A report that was written earlier: its tables from review.json, its samples where they still are.

Each part is read once and held against the seal. The samples are read again by the parameters of
the report when somebody asks for them, and only those that the review was of are given out.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from rolloutlib.errors import RolloutError, UsageError, did_you_mean
from rolloutlib.explore.review import Review
from rolloutlib.files import bounded_bytes
from rolloutlib.judge import record as records
from rolloutlib.judge.record import decode
from rolloutlib.ledger.seal import PARAMS, QUARANTINE, REVIEW, SEAL, WATCH, faults, parts_in
from rolloutlib.limits import DOCUMENT_BYTES, FILE_BYTES
from rolloutlib.phrase import phrase
from rolloutlib.plan.params import review_params
from rolloutlib.plan.strict_yaml import load_yaml
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.judge.review import Judged
    from rolloutlib.plan.params import ReviewParams

__all__ = ["open_report"]

_BARE = records.Review(
    stage=0, control="", treatment="", recommendation=records.Recommendation.HOLD, reasons=()
)
TABLES = phrase("the tables of the report stay as they are")
ANEW = phrase("for the samples of now, make a review with rolloutlib.review")


class _Report(NamedTuple):
    """What was read: the record, its parameters where they are there, and what to know of both."""

    place: Path
    record: records.Review
    params: ReviewParams | None
    note: Sentence | str


def open_report(path: str | PathLike[str]) -> Review:
    """Open a report, as `rolloutlib.open` says."""
    report = _read(_found(path))
    return Review(report.record, params=report.params, judge=_judge(report), note=report.note)


def _found(path: str | PathLike[str]) -> Path:
    """Return where a report is: from the workbook's root, else from the working directory."""
    if not isinstance(path, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] -- in a notebook nobody checks types
        raise UsageError(
            "path is a {got}; expected the folder of a report, such as 'reports/w47'",
            got=type(path).__name__,
        )  # fmt: skip
    root = workbook_root()
    places = [root / path, Path(path).absolute()]
    for place in places:
        if place.exists():
            return place
    beside = places[0].parent
    names = [entry.name for entry in beside.iterdir()] if beside.is_dir() else []
    hint = did_you_mean(places[0].name, sorted(names))
    raise UsageError(
        "there is no report {path!r} (in {root}); expected the folder that `rollout review --out` "
        "wrote, or its review.json.{hint}",
        path=str(path),
        root=root,
        hint=hint,
    )


def _read(place: Path) -> _Report:
    """Read a report, each part once.

    Raises:
        UsageError: it is none, or its parts are not of one review.
    """
    folder = place if place.is_dir() else place.parent
    if place != folder and (place.name != REVIEW or not (folder / PARAMS).exists()):
        record = decode(bounded_bytes(place), where=str(place))
        return _Report(place, record, None, say("A review.json by itself: without its samples."))
    parts = {name: _bytes_of(folder, name) for name in parts_in(folder)}
    if REVIEW not in parts:
        watch = phrase(" ({file} is a day's watch)", file=WATCH) if WATCH in parts else ""
        raise UsageError(
            "{folder} holds no {review}{watch}; expected the folder that `rollout review --out` "
            "wrote",
            folder=folder,
            review=REVIEW,
            watch=watch,
        )
    if SEAL in parts and (wrong := faults(parts)):
        raise UsageError(
            "the parts of {folder} do not belong together: {wrong}; restore them, or run `rollout "
            "review --out` again",
            folder=folder,
            wrong=tuple(wrong),
        )
    record = decode(parts[REVIEW], where=str(folder / REVIEW))
    note = "" if SEAL in parts else say("This report has no seal: its parts may have been changed.")
    return _Report(folder, record, _params(folder, parts), note)


def _params(folder: Path, parts: dict[str, bytes]) -> ReviewParams | None:
    if PARAMS not in parts:
        return None
    values, where = load_yaml(folder / PARAMS), str(folder / PARAMS)
    if _bytes_of(folder, PARAMS) != parts[PARAMS]:
        raise UsageError(
            "{folder} was written anew while it was read; open it again", folder=folder
        )
    return review_params(values, where=where)


def _bytes_of(folder: Path, name: str) -> bytes:
    refused = name.startswith(f"{QUARANTINE}/")  # as many rows as a file may have
    return bounded_bytes(folder / name, FILE_BYTES if refused else DOCUMENT_BYTES)


def _judge(report: _Report) -> Callable[[], Judged] | None:
    """Return what judges the samples of a report again, once they are asked for."""
    place, params = report.place, report.params
    if params is None:
        return None

    def again() -> Judged:
        from rolloutlib.judge.review import judge_stage

        try:  # the look that the report was: it spends nothing
            judged = judge_stage(params, replayed=report.record.look)
        except RolloutError as error:
            raise UsageError(
                "the samples of {place} cannot be read again: {error}; {tables}",
                place=place,
                error=error,
                tables=TABLES,
            ) from None
        _require_same(report, judged.review.record)
        return judged

    return again


def _require_same(report: _Report, now: records.Review) -> None:
    """Refuse samples that are not those of the report, and a plan that judges them otherwise."""
    was, place = report.record, report.place
    if now.data_sha256 != was.data_sha256:
        raise UsageError(
            "the data have changed since {place} was written (their digest is {now}…, not "
            "{before}…); {tables}; {anew}", place=place, now=now.data_sha256[:12],
            before=was.data_sha256[:12], tables=TABLES, anew=ANEW,
        )  # fmt: skip
    if now.plan_sha256 == was.plan_sha256:
        return
    from rolloutlib.ledger.findings import together
    from rolloutlib.ledger.replay import compare

    level, verdicts, numbers = compare(_numbers(was), _numbers(now))
    if level not in {"E0", "E1"}:
        differs = together((*verdicts, *numbers)[:3])
        raise UsageError(
            "the plan has changed since {place} was written and judges the data otherwise "
            "({differs}); {tables}; {anew}", place=place, differs=differs, tables=TABLES, anew=ANEW,
        )  # fmt: skip


def _numbers(record: records.Review) -> records.Review:
    """Return what a plan makes of data, without what people bring to it."""
    return structs.replace(_BARE, stage=record.stage, gates=record.gates, segments=record.segments)
