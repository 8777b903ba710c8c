"""The account while files are read: rows by file, what is refused, set aside, or there twice."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import RunsError
from rolloutlib.files import shown_path
from rolloutlib.phrase import phrase, several
from rolloutlib.reason import because
from rolloutlib.runs.account import FileNote, Runs, failed_calls, later_rows, odd_runs
from rolloutlib.runs.currencies import Billed, currencies_in_json
from rolloutlib.runs.doubts import by_metric, doubts
from rolloutlib.runs.evidence import RefusedError, check_evidence
from rolloutlib.runs.files import META_NAME
from rolloutlib.runs.quarantine import InputFile, Quarantined, UnknownWord
from rolloutlib.runs.settling import settle
from rolloutlib.runs.spellings import NOTHING, meant
from rolloutlib.runs.tags import one_spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.reason import Reason
    from rolloutlib.runs.columnar import FlatPart
    from rolloutlib.runs.envelopes import FoundRun
    from rolloutlib.runs.files import Stamp
    from rolloutlib.runs.flat import FlatRuns
    from rolloutlib.runs.gathered import Gathered
    from rolloutlib.runs.listing import Listing
    from rolloutlib.runs.run_info import RunInfo
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["ENVELOPES", "Aside", "Tally", "all_cached", "all_copies", "all_nameless"]
__all__ += ["all_words", "naming_reasons"]

_NO_DATA = {".md", ".rst", ".yaml", ".yml", ".py", ".ipynb", ".html", ".png", ".svg", ".pdf"}
_ABOUT = ("readme", "licen", "copying", "notice", "changelog")  # how names of no data begin
ENVELOPES = "run envelopes"  # the dialect of files of runs
_NAMED = 5  # files that a sentence names


class Aside(NamedTuple):
    """Rows of a run that belong to another review: `other_stage` or `after_as_of`."""

    file: str
    reason: str
    arm: str
    run_id: str
    rows: int


@dataclass(slots=True)
class Tally:
    """What the files gave so far.

    Attributes:
        files: name, sha256 and dialect of each.
        read: rows by file.
        copies: rows left out because they repeat others, by file and arm.
        cached: those of them that came from a cache.
        nameless: rows that nobody can tell from copies, by file and arm.
        words: rows by file, word for an outcome that nobody knows, and arm.
        currencies: by file, what it tells of those of its costs, each with its arm.
        naming: by file, how runs got their names where the source names none: `days` or `one`.
        unread: files that nothing read.
        stamps: files that the engine reads again, whenever rows are asked for.
        told: what is told of a file's mapping, by file.
        tags_before: by arm, samples of an earlier stage's runs that carry each tag.
    """

    bad: list[Quarantined] = field(default_factory=list[Quarantined])
    failed: list[Quarantined] = field(default_factory=list[Quarantined])
    files: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    read: Counter[str] = field(default_factory=Counter[str])
    aside: list[Aside] = field(default_factory=list[Aside])
    copies: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    words: dict[str, Counter[tuple[str, str | None]]] = field(
        default_factory=lambda: defaultdict(Counter[tuple[str, "str | None"]])
    )
    cached: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    nameless: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    naming: dict[str, str] = field(default_factory=dict[str, str])
    currencies: dict[str, set[Billed]] = field(default_factory=dict[str, set[Billed]])
    unread: list[str] = field(default_factory=list[str])
    stamps: list[Stamp] = field(default_factory=list["Stamp"])
    told: dict[str, tuple[Reason, ...]] = field(default_factory=dict[str, "tuple[Reason, ...]"])
    tags_before: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter[str]))

    def refuse(self, row: Quarantined) -> None:
        """Book a bad row, run or file."""
        self.read[row.file] += row.rows
        self.bad.append(row)

    def refuse_file(self, what: Quarantined, digest: str) -> None:
        """Book a file that is no run at all."""
        self.refuse(what)
        self.files.append((what.file, digest, ENVELOPES))

    def refuse_unread(self, listing: Listing, path: Path, spec: SourceSpec | None) -> None:
        """Book the files that were refused unread.

        Raises:
            RunsError: nothing was read, since source.yaml is about other files.
        """
        for refusal in listing.refused:
            self.refuse(refusal)
            self.files.append((refusal.file, "", "refused unread"))
        if self.unread and not self.files:
            got = (
                phrase("source.yaml is about files {files!r}", files=spec.files) if spec
                else phrase("no source.yaml is there")
            )  # fmt: skip
            raise RunsError(
                "{got}, but {path} holds {files}; correct `files:` in source.yaml.",
                got=got, path=shown_path(path), files=several(self.unread),
            )  # fmt: skip

    def note_before(self, opened: FoundRun, stage: int | None, reviewed: int | None) -> None:
        """Count the tags of an earlier stage's run: they may choose the top issue of this one.

        Of a run, that is, which could have been evidence there and tells its arm.
        """
        run = opened.envelope
        if not run.arm or stage is None or reviewed is None or stage >= reviewed:
            return
        with suppress(RefusedError):
            check_evidence(opened)
            for sample in run.result.samples:
                tags = sample.issues if isinstance(sample.issues, tuple) else ()
                self.tags_before[run.arm].update(meant(tags, NOTHING))

    def keep(self, info: RunInfo, opened: FoundRun, spec: SourceSpec | None) -> None:
        """Book an envelope that is evidence, with the samples of it that are not."""
        self.read[info.file] += opened.rows
        for row in opened.bad:
            self.bad.append(replace(row, arm=info.arm))
            value = str(row.value)
            if row.field == "status" and value.startswith("'"):
                self.words[row.file][value[1:-1], info.arm] += row.rows
        self.failed.extend(replace(row, arm=info.arm) for row in failed_calls(opened))
        if billed := {(info.arm, name) for name in currencies_in_json(opened.unit.data, spec)}:
            self.currencies[info.file] = self.currencies.get(info.file, set()) | billed

    def add(self, file: str, spec: SourceSpec, read: int, gave: FlatPart | FlatRuns) -> None:
        """Book a flat file: the rows that count as read, and all else that it gave."""
        self.read[file] += read
        self.bad.extend(gave.bad)
        for counter, rows in ((self.copies, gave.copies), (self.cached, gave.cached)):
            counter.update({(file, arm): count for arm, count in rows.items()})
        for unknown in gave.words:
            self.words[file][unknown.word, unknown.arm] += unknown.rows
        self.told |= {file: gave.told} if gave.told else {}
        self.currencies |= {file: {*gave.currencies}} if gave.currencies else {}
        if "run_id" not in spec.mapped and spec.constants.run_id is None:
            dated = "started_at" in spec.mapped or spec.constants.started_at is not None
            self.naming[file] = "days" if dated else "one"

    def runs(
        self, gathered: Gathered, ignored: tuple[str, ...], spec: SourceSpec | None,
        as_of: datetime | None,
    ) -> Runs:  # fmt: skip
        """Put the runs together and draw up the account."""
        gathered.texts = gathered.told
        settled = settle(gathered)
        relation = one_spelling(settled.relation, spec)
        self.bad.extend(settled.bad)
        self.copies.update(settled.copies)
        self.cached.update(settled.cached)
        self.nameless.update(settled.nameless)
        others, later = (self.set_aside(reason) for reason in ("other_stage", "after_as_of"))
        names = {(info.arm, info.run_id) for info in settled.infos}
        rows_later = sum(rows for run, rows in later.items() if run in names)
        inputs, files = self.inputs(), self.notes()
        unread = tuple(sorted({*ignored, *self.unread}))
        return Runs(
            relation=relation,
            runs=_as_told(settled.infos, spec),
            inputs=inputs,
            quarantined=tuple(self.bad),
            failed=tuple(self.failed),
            other_stage=len(others.keys() - later.keys()),
            after_as_of=len(later.keys() - names),
            warnings=self.warnings(settled.infos, unread, later_rows(rows_later, as_of)),
            ignored=unread,
            source=spec,
            unknown_words=all_words(files.values()),
            copies=all_copies(files.values()),
            cached=all_cached(files.values()),
            nameless=all_nameless(files.values()),
            doubts=by_metric(doubts(relation, spec)),
            by_day="days" in self.naming.values(),
            notes=files,
            currencies={file.name: sorted(self.currencies.get(file.name, ()))
                        for file in inputs if file.kept},
            stamps=tuple(self.stamps),
            extras=gathered.extras,
            texts=gathered.texts,
            tags_before={arm: dict(tags) for arm, tags in self.tags_before.items()},
        )  # fmt: skip

    def set_aside(self, reason: str) -> Counter[tuple[str, str]]:
        """Count the rows that belong to another review for this reason, by arm and run."""
        rows = Counter[tuple[str, str]]()
        for aside in self.aside:
            if aside.reason == reason:
                rows[aside.arm, aside.run_id] += aside.rows
        return rows

    def warnings(
        self, infos: Sequence[RunInfo], unread: Sequence[str], later: Sequence[Reason]
    ) -> tuple[Reason, ...]:
        """Say what is odd but allowed."""
        naming = naming_reasons(self.naming.values(), len(infos))
        of_files = [reason for reasons in self.told.values() for reason in reasons]
        return (*naming, *of_files, *self._unread(unread), *later, *odd_runs(infos))

    def notes(self) -> dict[str, FileNote]:
        """Tell each file's copies, unknown words and how its runs got their names."""
        counts = (self.copies, self.cached, self.nameless)
        copies, cached, nameless = (_by_file(rows) for rows in counts)
        words = {
            file: tuple(UnknownWord(*key, rows) for key, rows in of.items())
            for file, of in self.words.items()
        }
        files = (copies, words, self.naming, self.told, nameless, self.currencies)
        return {
            file: FileNote(copies.get(file, {}), words.get(file, ()), self.naming.get(file, ""),
                           cached.get(file, {}), self.told.get(file, ()), nameless.get(file, {}),
                           tuple(sorted(self.currencies.get(file, ()))))
            for file in sorted(set[str]().union(*files))
        }  # fmt: skip

    def _unread(self, names: Iterable[str]) -> list[Reason]:
        """Name the files that may be data and that nothing read."""
        archives = {row.file for row in self.bad if row.field == "file" and not row.line}
        data = sorted({*filter(_may_be_data, names), *archives})
        more = (f"… ({len(data)})",) if len(data) > _NAMED else ()
        return [because("source.ignored", names=(*data[:_NAMED], *more))] if data else []

    def inputs(self) -> tuple[InputFile, ...]:
        """Draw up what each file gave."""
        bad, aside, copies = Counter[str](), Counter[str](), Counter[str]()
        for entry in self.bad:
            bad[entry.file] += entry.rows
        for entry in self.aside:
            aside[entry.file] += entry.rows
        for (file, _), rows in self.copies.items():
            copies[file] += rows
        return tuple(
            InputFile(
                name, digest, dialect, self.read[name],
                self.read[name] - bad[name] - copies[name], bad[name], aside[name], copies[name],
            )
            for name, digest, dialect in sorted(self.files)
        )  # fmt: skip


def _as_told(infos: Sequence[RunInfo], spec: SourceSpec | None) -> tuple[RunInfo, ...]:
    """Return the runs; where source.yaml calls what it describes simulated, each is."""
    is_simulated = spec is not None and spec.simulated
    return tuple(replace(info, simulated=True) if is_simulated else info for info in infos)


def naming_reasons(naming: Iterable[str], runs: int) -> list[Reason]:
    """Say where runs have their names from, if the source names none."""
    how = set(naming)
    days = [because("source.days", runs=runs)] if "days" in how else []
    return days + ([because("source.one_run")] if "one" in how else [])


def all_copies(notes: Iterable[FileNote]) -> dict[str, int]:
    """Add up the copies of several files, by arm."""
    return _summed(note.copies for note in notes)


def all_cached(notes: Iterable[FileNote]) -> dict[str, int]:
    """Add up those of the copies that came from a cache, by arm."""
    return _summed(note.cached for note in notes)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    every: Counter[str] = Counter()
    for of_file in counts:
        every.update(of_file)
    return dict(sorted(every.items()))


def _by_file(rows: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    files: dict[str, dict[str, int]] = defaultdict(dict)
    for (file, arm), count in rows.items():
        if count:
            files[file][arm] = count
    return files


def all_nameless(notes: Iterable[FileNote]) -> dict[str, int]:
    """Add up the rows of several files that nobody can tell from copies, by arm."""
    return _summed(note.nameless for note in notes)


def all_words(notes: Iterable[FileNote]) -> tuple[UnknownWord, ...]:
    """Add up the unknown words of several files, the commonest first."""
    words: Counter[tuple[str, str | None]] = Counter()
    for note in notes:
        words.update({word[:2]: word.rows for word in note.words})
    unknown = [UnknownWord(*key, rows) for key, rows in words.items()]
    return tuple(sorted(unknown, key=lambda word: (-word.rows, word.word, word.arm or "")))


def _may_be_data(name: str) -> bool:
    stem, kind = os.path.splitext(os.path.basename(name).casefold())  # noqa: PTH119, PTH122
    about = stem.startswith(_ABOUT) or stem + kind == META_NAME
    return kind not in _NO_DATA and not about
