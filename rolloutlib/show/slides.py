"""A report as slides: its page as a PDF, after the seal has said that it is the report's own.

The PDF lies beside the sealed parts and is none of them: each engine makes other bytes, and people
sign what the page says. Its foot names verdict, days and review.json on every sheet, and the next
report in the folder takes it along.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.errors import RolloutError, UsageError, did_you_mean
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.record import PAIR_SCHEMA
from rolloutlib.ledger.beside import LEDGER
from rolloutlib.ledger.durable import Files, NotWrittenError, overwrite
from rolloutlib.ledger.seal import (
    NOTEBOOK,
    PAGE,
    PARAMS,
    QUARANTINE,
    REVIEW,
    SEAL,
    WATCH,
    WATCH_PAGE,
    faults,
    needed,
    parts_in,
    shown_by,
)
from rolloutlib.limits import DOCUMENT_BYTES, FILE_BYTES
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.show.pages import POLICY, css_text
from rolloutlib.show.printing import engines, printed
from rolloutlib.show.tables import render
from rolloutlib.text import plain
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Slides", "print_report", "report_at"]

RECORDS: Final = {PAGE: REVIEW, WATCH_PAGE: WATCH}  # a page → the record that it shows
_HEAD: Final = re.compile(
    r'<!DOCTYPE html>\n<html lang="([a-z]+)"[^>]*>\n<head>\n<meta charset="utf-8">\n'
    + re.escape(str(POLICY))
)
UNSEALED: Final = say(
    "This report has no seal: all that was checked is that the page names this review.json."
)
_TO_INDEX: Final = re.compile(r' ?<a class="rl-index" [^>]*>[^<]*</a>')  # a place on this machine
_TITLE: Final = re.compile(r"<title>([^<]*)</title>")


class Slides(NamedTuple):
    """What was written: where, what printed it, and what is to be known of it and the report."""

    path: Path
    by: Phrase | str
    notes: tuple[Sentence, ...]


class Shown(NamedTuple):
    """A report's page that may be printed.

    Attributes:
        folder: of the report.
        name: of the page in it.
        page: the page.
        record: review.json or watch.json, as bytes.
        sealed: whether a seal vouches for the page.
    """

    folder: Path
    name: str
    page: str
    record: bytes
    sealed: bool


class _Arm(msgspec.Struct):
    first: datetime | None = None
    last: datetime | None = None


class _Record(msgspec.Struct):
    """All that is read of the record here; what knows it whole takes longer to import."""

    schema: str = ""
    recommendation: str = ""
    arms: tuple[_Arm, ...] = ()


def print_report(
    report: Path, out: Path | None = None, *, engine: str = "", now: datetime | None = None
) -> Slides:
    """Print a report's page to a PDF beside it, or to `out`.

    Args:
        report: the folder of a review, a watch or a comparison, or the page or record in it.
        out: the file to write; None for review.pdf or watch.pdf in the folder.
        engine: one of `printing.ENGINES`; empty for the first that is here.
        now: the moment that the foot names; None for the clock's.

    Raises:
        UsageError: there is no such report, or no place for the file.
        RolloutError: the page is not the report's own, nothing here prints, or it failed.
    """
    engines(engine)  # nothing is read where nothing can print it
    shown = report_at(report)
    path = out or shown.folder / f"{Path(shown.name).stem}.pdf"
    _require_place(path, shown)
    made = printed(_for_paper(shown, now or datetime.now(UTC)), engine)
    if report_at(report) != shown:
        raise RolloutError(
            phrase(
                "{report} was written anew while it was printed; print it again",
                report=plain(str(report)),
            )
        )
    _write(path, made.data)
    notes = [
        *([] if made.instead is None else [
            say("{why}; so {engine} printed it", why=made.instead, engine=made.by)
        ]),
        *([] if shown.sealed else [UNSEALED]),
    ]  # fmt: skip
    return Slides(path, made.by, tuple(notes))


def report_at(report: Path) -> Shown:
    """Return the page of a report, each part read once and held against the seal.

    Raises:
        UsageError: there is no report.
        RolloutError: its parts are not of one report, or the page is none of rolloutlib.
    """
    folder = _folder(report)
    parts = {name: _bytes_of(folder, name) for name in parts_in(folder)}
    name = next((name for name in RECORDS if name in parts), "")
    if not name or RECORDS[name] not in parts:
        raise UsageError(
            phrase(
                "{folder} is no report with a page: expected the folder that rollout review, "
                "rollout watch or rollout compare wrote, with review.html and review.json (or "
                "watch.html and watch.json){days}",
                folder=plain(str(folder)),
                days=_days_of(folder),
            )
        )
    record, page = parts[RECORDS[name]], parts[name]
    if wrong := _disagreeing(name, parts):
        raise RolloutError(
            phrase(
                "{folder} is not printed, since its parts are not of one report: {wrong}; restore "
                "them, or run the review or watch again",
                folder=plain(str(folder)),
                wrong=tuple(wrong),
            )
        )
    text = page.decode("utf-8", "replace")
    if not _HEAD.match(text):
        raise RolloutError(
            phrase(
                "{page} is no page of rolloutlib, or one without its policy that nothing runs or "
                "loads; review again",
                page=plain(str(folder / name)),
            )
        )
    return Shown(folder, name, text, record, SEAL in parts)


def _folder(report: Path) -> Path:
    names = {*RECORDS, *RECORDS.values()}
    if report.is_dir():
        return report
    if report.is_file() and report.name in names:
        return report.parent
    beside = [entry.name for entry in report.parent.iterdir()] if report.parent.is_dir() else []
    hint = did_you_mean(report.name, sorted({*beside} - {report.name}))
    raise UsageError(
        phrase(
            "there is no report {report!r}; expected the folder of a report, or one of {names} in "
            "it.{hint}",
            report=plain(str(report)),
            names=", ".join(sorted(names)),
            hint=hint,
        )
    )


def _days_of(folder: Path) -> str | Phrase:
    """Name the newest day of a folder of daily watches, which is no report itself."""
    days = sorted(folder.glob(f"*/{WATCH_PAGE}"))
    return phrase("; did you mean {day}?", day=plain(str(days[-1].parent))) if days else ""


def _disagreeing(name: str, parts: Mapping[str, bytes]) -> list[Phrase]:
    """Say what keeps the page from being the report's own."""
    record = _read(parts[RECORDS[name]])
    if SEAL in parts:
        return faults(parts, needed(record.schema, record.recommendation))
    if record.schema == PAIR_SCHEMA:  # of before comparisons had a seal
        same = shown_by(parts[PAGE]) == sha256(parts[REVIEW]).hexdigest()
        return [] if same else [phrase("{page} is of another {record}", page=PAGE, record=REVIEW)]
    return [phrase("{name} is missing", name=SEAL)]


def _bytes_of(folder: Path, name: str) -> bytes:
    refused = name.startswith(f"{QUARANTINE}/")  # as many rows as a file may have
    return bounded_bytes(folder / name, FILE_BYTES if refused else DOCUMENT_BYTES)


def _read(record: bytes) -> _Record:
    try:
        return msgspec.json.decode(record, type=_Record)
    except msgspec.DecodeError:  # of another version
        return _Record()


def _require_place(path: Path, shown: Shown) -> None:
    """Refuse a place where the PDF would be in the way, or could not be."""
    where = plain(str(path))
    if (
        shown.folder.resolve().parts[-3:-1] == tuple(LEDGER.split("/"))
        and path.parent == shown.folder
    ):
        raise UsageError(
            phrase(
                "{path} would lie among what a decision keeps as it was; name another place with "
                "--out FILE",
                path=where,
            )
        )
    if path.is_dir():
        raise UsageError(phrase("--out {path} is a folder; name a file in it", path=where))
    if path.name in {*RECORDS, *RECORDS.values(), NOTEBOOK, PARAMS, SEAL}:
        raise UsageError(
            phrase("--out {path} is a part of a report; name a file of another name", path=where)
        )
    if not path.parent.is_dir():
        raise UsageError(
            phrase(
                "--out {path}: there is no folder {folder}",
                path=where,
                folder=plain(str(path.parent)),
            )
        )


def _write(path: Path, pdf: bytes) -> None:
    try:
        overwrite(Files(), path, pdf)
    except NotWrittenError as error:
        raise RolloutError(
            phrase(
                "{path} cannot be written ({why}); make room there, or name another place with "
                "--out FILE",
                path=plain(str(path)),
                why=error.why or error,
            )
        ) from None


def _for_paper(shown: Shown, now: datetime) -> str:
    """Return the page with everything opened and a foot that names verdict, days and record."""
    head = _HEAD.match(shown.page)
    lang = head[1] if head else "en"
    title = _TITLE.search(shown.page)
    days = [arm.last for arm in _read(shown.record).arms if arm.last]
    foot = [
        unescape(title[1]) if title else "",
        say("data to {day}", day=f"{max(days):%Y-%m-%d}").text(lang) if days else "",
        say("printed {day}", day=f"{now.astimezone():%Y-%m-%d %H:%M}").text(lang),
        f"sha256:{sha256(shown.record).hexdigest()[:12]}",
    ]
    sheet = render("print.css", foot=css_text(" · ".join(filter(None, foot))))
    opened = _TO_INDEX.sub("", shown.page).replace("<details>", "<details open>")
    return opened.replace("</head>", f"<style>\n{sheet}\n</style>\n</head>", 1)
