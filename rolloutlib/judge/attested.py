"""The attested facts: test suites, incidents, documents, release notes, each told by a file."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.judge.finding import Finding, Moment, find, locate, oldest, read_moment, said
from rolloutlib.judge.junit import read_suite
from rolloutlib.plan.strict_yaml import describe, load_yaml
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rolloutlib.judge.finding import Occasion
    from rolloutlib.plan.model import Check
    from rolloutlib.reason import Reason

__all__ = ["FILES", "look_at_documents", "look_at_incidents", "look_at_notes", "look_at_suites"]

INCIDENTS, CHANGES, NOTES = "incidents.jsonl", "changes.yaml", "release-notes.md"
FILES = {"incidents": INCIDENTS, "documents": CHANGES, "release_notes": NOTES}


# --- test suites ----------------------------------------------------------------------------------


def look_at_suites(check: Check, occasion: Occasion) -> Finding:
    """Every named suite has a JUnit XML with a test that ran, and no failure or error."""
    names = {suite: f"junit/TEST-{suite}.xml" for suite in check.items}
    suites = [read_suite(suite, occasion.folder / name) for suite, name in names.items()]
    there = [suite for suite in suites if (occasion.folder / names[suite.name]).is_file()]
    finding = partial(
        Finding,
        files=tuple(names[suite.name] for suite in there),
        ages=tuple((suite.name, oldest(map(read_moment, suite.timestamps))) for suite in there),
        simulated=any(suite.simulated for suite in there),
    )
    if failed := tuple(suite.name for suite in suites if suite.failed):
        return finding(holds=False, why=because("suites.fail", suites=failed))
    if doubts := tuple(suite.doubt for suite in suites if suite.doubt):
        return finding(holds=None, why=because("suites.open", suites=doubts))
    if flaky := tuple(f"{suite.name}: {test}" for suite in suites for test in suite.flaky):
        return finding(holds=True, why=because("suites.flaky", count=len(suites), tests=flaky))
    return finding(holds=True, why=because("suites.pass", count=len(suites)))


# --- incidents ------------------------------------------------------------------------------------


class _Incident(msgspec.Struct, rename="camel"):
    at: datetime
    severity: str
    title: str
    resolved_at: datetime | None = None
    simulated: bool = False

    @property
    def latest(self) -> datetime:
        return max(self.at, self.resolved_at or self.at)


class _Coverage(msgspec.Struct, rename="camel"):
    """A line that is no incident: until when the file tells them all, and whether it is real."""

    at: object = None
    covers_until: datetime | None = None
    simulated: bool = False


class _Log(NamedTuple):
    incidents: list[_Incident]
    until: datetime | None
    simulated: bool

    def recent(self, since: datetime, as_of: datetime | None) -> list[_Incident]:
        """Return the incidents that were open, or ended, after a moment, of those known then."""
        known = [each for each in self.incidents if as_of is None or each.at <= as_of]
        return [each for each in known if each.resolved_at is None or each.latest > since]


def look_at_incidents(check: Check, occasion: Occasion) -> Finding:
    """No incident began, or was still open, within the hours before now, as far as is known.

    The file must cover the review's moment. Where it ends before now (a decision is later than its
    review) the hours end with it.
    """
    file, hours, now = occasion.folder / INCIDENTS, check.hours or 0, occasion.now
    if not file.is_file():
        return Finding(holds=None, why=because("incidents.no_file"))
    log = _read_log(file)
    age = (INCIDENTS, Moment(log.until, said(log.until)) if log.until else None)
    finding = partial(Finding, files=(INCIDENTS,), ages=(age,), simulated=log.simulated)
    if now is None:
        return finding(holds=None, why=because("incidents.no_time", hours=hours))
    moment = occasion.as_of or occasion.newest or now
    covered = log.until is not None and log.until >= moment
    end = min(now, log.until) if log.until and covered else now
    if recent := log.recent(end - timedelta(hours=hours), occasion.as_of):
        last = max(recent, key=lambda incident: incident.at)
        why = because(
            "incidents.recent", count=len(recent), hours=hours, latest=last.title, at=said(last.at)
        )
        return finding(holds=False, why=why)
    if log.until is None:
        return finding(holds=None, why=because("incidents.empty"))
    if not covered:
        why = because("incidents.uncovered", until=said(log.until), moment=said(moment))
        return finding(holds=None, why=why)
    why = because("incidents.none", hours=hours, now=said(end), until=said(log.until))
    return finding(holds=True, why=why)


def _read_log(file: Path) -> _Log:
    """Read the lines; without a line that says until when, the newest time in it is that."""
    incidents: list[_Incident] = []
    until, simulated = None, False
    for number, line in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        read = _line(f"line {number}", line)
        simulated = simulated or read.simulated
        if isinstance(read, _Incident):
            incidents.append(read)
        else:
            until = read.covers_until or until
    return _Log(incidents, until or max((one.latest for one in incidents), default=None), simulated)


def _line(where: str, line: bytes) -> _Incident | _Coverage:
    try:
        read = msgspec.json.decode(line, type=_Coverage)
        if read.at is not None or not (read.covers_until or read.simulated):
            read = msgspec.json.decode(line, type=_Incident)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        expected = "expected an incident with at, severity and title, or coversUntil"
        raise RunsError(f"{where}: {error}; {expected}") from None
    for name in ("at", "resolved_at", "covers_until"):
        moment = getattr(read, name, None)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            key = msgspec.structs.fields(read)[read.__struct_fields__.index(name)].encode_name
            told = f"{key} is {moment.isoformat()!r}"
            raise RunsError(f"{where}: {told}; expected an offset such as +09:00")
    return read


# --- documents ------------------------------------------------------------------------------------

_Text = Annotated[str, Field(min_length=1)]
_When = Annotated[
    date | datetime | str | None, Field(validation_alias=AliasChoices("updated", "at"))
]


class _Attested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    updated: _When = None
    simulated: bool = False

    @field_validator("updated")
    @classmethod
    def _a_time(cls, updated: object) -> object:
        if updated is not None and read_moment(updated) is None:
            raise ValueError(f"{updated!r} is no time; expected one such as 2026-10-28T13:00+09:00")
        return updated


class _Change(_Attested):
    document: _Text
    path: _Text
    reflected: bool
    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] | None = None
    waived: _Text | None = None


class _Changes(_Attested):
    """changes.yaml: which documents reflect the change; a mere list of them is fine as well."""

    documents: list[_Change]


class _Document(NamedTuple):
    """An entry with the file that it means: its name where it was found, and its digest."""

    said: _Change
    name: str | None
    digest: str | None

    @property
    def title(self) -> str:
        return self.said.document


def look_at_documents(check: Check, occasion: Occasion) -> Finding:
    """Every named document says that it reflects the change, is there, and is no longer as it was.

    A change that needs nothing of a document waives it, with a reason.
    """
    file = occasion.folder / CHANGES
    if not file.is_file():
        return Finding(holds=None, why=because("documents.no_file"))
    changes = _read_changes(file)
    listed = [
        _document(each, occasion) for each in changes.documents if each.document in check.items
    ]
    finding = partial(
        Finding,
        files=tuple(dict.fromkeys((CHANGES, *(each.name for each in listed if each.name)))),
        ages=tuple(
            (each.title, read_moment(each.said.updated or changes.updated)) for each in listed
        ),
        simulated=changes.simulated or any(each.said.simulated for each in listed),
    )
    asked = [each for each in listed if not each.said.waived]
    if behind := _titles(each for each in asked if not each.said.reflected):
        return finding(holds=False, why=because("documents.stale", documents=behind))
    named = {each.title for each in listed}
    if missing := tuple(name for name in check.items if name not in named):
        return finding(holds=None, why=because("documents.missing", documents=missing))
    if (unlike := _unlike(asked, occasion)) is not None:
        return finding(holds=None, why=unlike)
    count = len(check.items)
    if waived := tuple(f"{each.title} ({each.said.waived})" for each in listed if each.said.waived):
        why = because("documents.waived", count=count, waived=waived)
        return finding(holds=True, why=why)
    return finding(holds=True, why=because("documents.reflect", count=count))


def _read_changes(file: Path) -> _Changes:
    listed = load_yaml(file)
    try:
        return _Changes.model_validate(
            {"documents": listed} if isinstance(listed, list) else listed
        )
    except ValidationError as error:
        raise PlanError(describe(error, str(file), _Changes)) from None


def _document(change: _Change, occasion: Occasion) -> _Document:
    name = locate(change.path, occasion.folder, occasion.root)
    path = name and find(name, occasion.folder, occasion.root)
    return _Document(change, name, sha256(path.read_bytes()).hexdigest() if path else None)


def _unlike(asked: Sequence[_Document], occasion: Occasion) -> Reason | None:
    """Return what keeps documents that are said to reflect the change from counting."""
    if lost := tuple(f"{each.title} ({each.said.path})" for each in asked if not each.name):
        return because("documents.no_path", documents=lost)
    attested = [(each, each.said.sha256.lower()) for each in asked if each.said.sha256]
    if changed := _titles(each for each, digest in attested if digest != each.digest):
        return because("documents.changed", documents=changed)
    if same := _titles(
        each for each in asked if occasion.green.get(each.name or "") == each.digest
    ):
        return because("documents.unchanged", documents=same)
    return None


def _titles(documents: Iterable[_Document]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.title for each in documents))


# --- release notes --------------------------------------------------------------------------------

_DATE: Final = re.compile(
    r"^[\s>*_#|-]*(?:date|updated|released?|날짜|일자|작성일)[\s*_]*:[\s*_]*(.+?)[\s*_|]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SIMULATED: Final = re.compile(r"^\s*simulated\s*:\s*true\s*$", re.IGNORECASE | re.MULTILINE)


def look_at_notes(check: Check, occasion: Occasion) -> Finding:
    """The release notes have every heading of the template, each with text below it."""
    file = occasion.folder / NOTES
    if not file.is_file():
        return Finding(holds=None, why=because("notes.no_file"))
    text = file.read_text("utf-8-sig", "replace")
    parts = [part.partition("\n") for part in f"\n{text}".split("\n#")]
    written = [head.lstrip("# ").lower() for head, _, body in parts if body.strip()]
    missing = tuple(
        name for name in check.items if not any(head.startswith(name.lower()) for head in written)
    )
    age = (NOTES, oldest(map(read_moment, _DATE.findall(text))))
    simulated = _SIMULATED.search(text) is not None
    finding = partial(Finding, files=(NOTES,), ages=(age,), simulated=simulated)
    if missing:
        return finding(holds=None, why=because("notes.lack", sections=missing))
    return finding(holds=True, why=because("notes.whole"))
