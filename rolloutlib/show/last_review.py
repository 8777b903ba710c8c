"""Which earlier report a review is compared with: the one that is named, or the last one's.

Only review.json and the seal of a report are read, of a bounded number of folders. What is found
depends on what the reports say (their data's times, their looks, their names), never on the times
of files: a copied workbook finds the same.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.errors import FileError, UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.record import SCHEMA, Review, decode
from rolloutlib.ledger.seal import REVIEW, SEAL, lists
from rolloutlib.measure.looks import Look
from rolloutlib.plan.params import LAST, NONE
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.kernel import report_folder
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.plan.params import ReviewParams

__all__ = ["MOST", "LastReview", "last_review", "record_at"]

MOST: Final = 200  # reports that are looked at, of each folder the last ones by their names
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


class LastReview(NamedTuple):
    """The earlier review.

    Attributes:
        where: its report, as a path from the workbook's root where it lies there.
        review: its record; None where there is none.
        damaged: reports that could not be looked at, since their review.json is not as sealed.
        asked: what was asked for: a report's path, `last` or `none`.
    """

    where: str
    review: Review | None
    damaged: tuple[str, ...] = ()
    asked: str = LAST


class _Run(msgspec.Struct):
    started_at: datetime | None = None
    last_at: datetime | None = None


class _Kind(msgspec.Struct):
    schema: str = ""


class _Head(msgspec.Struct):
    """What tells whether a review is of the same series, without decoding the rest."""

    stage: int | None = None
    control: str = ""
    treatment: str = ""
    data_sha256: str = ""
    gates: tuple[msgspec.Raw, ...] = ()
    runs: tuple[_Run, ...] = ()
    look: Look = Look(0, 0, None, 0.0)


class _Candidate(NamedTuple):
    end: datetime
    look: int
    name: str
    folder: Path
    data: bytes


def last_review(review: Review, params: ReviewParams) -> LastReview:
    """Find what a review is compared with, as `params.against` says.

    The last review is the newest sealed report of the same stage and the same two arms, on other
    data, whose newest run is no later than this review's (of equal ones the one with the highest
    look, then the last by name). It is looked for in reports/ and beside where this review's
    report is written.

    Args:
        review: the review of now.
        params: of it.

    Raises:
        UsageError: `params.against` names no report.
    """
    root, against = workbook_root(), params.against
    if against == NONE:
        return LastReview("", None, asked=NONE)
    if against != LAST:
        path = root / against
        return LastReview(_named(path, root), record_at(path), asked=against)
    damaged: list[str] = []
    candidates = sorted(_candidates(review, _places(root, params), damaged, root), reverse=True)
    for candidate in candidates:
        with suppress(UsageError):  # its record cannot be read
            if _as_sealed(candidate.folder, candidate.data):
                where = _named(candidate.folder, root)
                return LastReview(where, decode(candidate.data), tuple(damaged))
        damaged.append(_named(candidate.folder, root))
    return LastReview("", None, tuple(damaged))


def record_at(path: Path) -> Review:
    """Read the record of a report: its folder, or its review.json.

    Raises:
        UsageError: there is none, it is no review, or it is not the one that its seal lists.
    """
    file = path / REVIEW if path.is_dir() else path
    shown = exact(str(file))
    try:
        data = bounded_bytes(file)
    except FileError as error:
        raise UsageError(
            "{file} is no folder of a report, nor its {record}: it {why}",
            file=shown, record=REVIEW, why=error.why,
        ) from None  # fmt: skip
    review = decode(data, where=shown)
    seal = file.with_name(SEAL)
    if file.name == REVIEW and seal.is_file() and not lists(bounded_bytes(seal), REVIEW, data):
        raise UsageError(
            "{file} is not the one that {seal} beside it lists: it was changed after the review; "
            "restore the report, or run `rollout review` again", file=shown, seal=SEAL,
        )  # fmt: skip
    return review


def _places(root: Path, params: ReviewParams) -> list[Path]:
    """Return the folders that may hold earlier reports: reports/, and where this one goes."""
    gathering = report_folder()
    out = gathering or (None if params.out is None else root / params.out)
    beside = [] if out is None else [out.parent]
    return list(dict.fromkeys(folder.resolve() for folder in (root / "reports", *beside)))


def _candidates(
    review: Review, places: Iterable[Path], damaged: list[str], root: Path
) -> Iterator[_Candidate]:
    """Yield earlier reviews of the same series; note the reports that cannot be read."""
    this = (_end(review.runs), review.look.number)
    for folder in (report for place in places for report in _reports(place)):
        try:
            data = bounded_bytes(folder / REVIEW)
            if msgspec.json.decode(data, type=_Kind).schema != SCHEMA:  # such as a comparison
                damaged.extend(() if _as_sealed(folder, data) else (_named(folder, root),))
                continue
            head = msgspec.json.decode(data, type=_Head)
        except FileError as error:
            if not error.missing:
                damaged.append(_named(folder, root))
            continue
        except (msgspec.DecodeError, UnicodeDecodeError):
            damaged.append(_named(folder, root))
            continue
        arms = (head.control, head.treatment) == (review.control, review.treatment)
        other = head.data_sha256 != review.data_sha256 and bool(head.gates)
        when = (_end(head.runs), head.look.number)
        if arms and head.stage == review.stage and other and when <= this:
            yield _Candidate(*when, folder.name, folder, data)


def _as_sealed(folder: Path, record: bytes) -> bool:
    with suppress(UsageError):  # the seal cannot be read
        return lists(bounded_bytes(folder / SEAL), REVIEW, record)
    return False


def _reports(place: Path) -> list[Path]:
    """Return a folder's sealed reports, the last by name first; itself where it is one."""
    try:
        names = sorted((entry.name for entry in place.iterdir()), reverse=True)
    except OSError:
        return []
    folders = (place / name for name in names if not name.startswith("."))
    sealed = [folder for folder in (place, *folders) if (folder / SEAL).is_file()]
    return [folder for folder in sealed if (folder / REVIEW).is_file()][:MOST]


def _end(runs: Iterable[_Run | RunRow]) -> datetime:
    """Return when the newest run was; before all others where no run tells."""
    times = (run.last_at or run.started_at for run in runs)
    moments = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in times if at is not None]
    return max(moments, default=_BEFORE_ALL)


def _named(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


__dir__ = __all__.copy  # what completion lists
