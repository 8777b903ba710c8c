"""Attested facts: a file as evidence, its digest, and whether it holds; no evidence means open.

The evidence folder holds junit/TEST-<suite>.xml (one JUnit XML a suite), incidents.jsonl,
changes.yaml and release-notes.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from defusedxml import DefusedXmlException, ElementTree
from pydantic import BaseModel, ConfigDict, RootModel

from rolloutlib.errors import RunsError
from rolloutlib.judge.record import CheckResult
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.plan.model import Check

__all__ = ["run_checks"]


class _Incident(msgspec.Struct, rename="camel"):
    at: datetime
    severity: str
    title: str
    resolved_at: datetime | None = None


_DECODER = msgspec.json.Decoder(_Incident)
_BROKEN = ("failure", "error")
# Bombs and odd encodings are among them.
_UNREADABLE = (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError)


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")
    document: str
    path: str
    reflected: bool


class _Changes(RootModel[list[_Change]]):
    """changes.yaml: which documents reflect the change."""


class _Finding(NamedTuple):
    holds: bool | None
    why: Reason
    files: tuple[Path, ...] = ()


def run_checks(
    checks: Mapping[str, Check],
    folder: Path | None,
    *,
    now: datetime | None,
    as_of: datetime | None = None,
) -> tuple[CheckResult, ...]:
    """Look at the evidence of every check.

    Args:
        checks: the plan's checks by id.
        folder: the evidence folder; None or a missing one leaves every check open.
        now: the moment that "the last 48 hours" end at; None leaves the incident check open.
        as_of: the moment whose knowledge the review is limited to: later incidents are left out.
            None counts them all, since an incident after the last run is no reason to go on.

    Raises:
        RunsError, PlanError: a file that is there but cannot be read; the message names it.
    """
    return tuple(_result(key, check, folder, now, as_of) for key, check in checks.items())


def _result(
    key: str, check: Check, folder: Path | None, now: datetime | None, as_of: datetime | None
) -> CheckResult:
    if folder is None or not folder.is_dir():
        return CheckResult(key, check.title, None, because("check.no_folder"))
    readers = {"junit": _suites, "documents": _documents, "release_notes": _release_notes}
    reader = readers.get(check.kind)
    finding = reader(check, folder) if reader else _incidents(check, folder, now, as_of)
    digests = tuple(sha256(file.read_bytes()).hexdigest() for file in finding.files)
    names = tuple(str(file.relative_to(folder)) for file in finding.files)
    return CheckResult(key, check.title, finding.holds, finding.why, names, digests)


def _suites(check: Check, folder: Path) -> _Finding:
    """Every named suite has a JUnit XML with a test that ran, and no failure or error."""
    files = {suite: folder / "junit" / f"TEST-{suite}.xml" for suite in check.items}
    there = tuple(file for file in files.values() if file.is_file())
    states = {
        suite: _suite_state(file) if file.is_file() else "empty" for suite, file in files.items()
    }
    failed, empty = (
        tuple(suite for suite, state in states.items() if state == bad)
        for bad in ("failed", "empty")
    )
    if failed:
        return _Finding(holds=False, why=because("suites.fail", suites=failed), files=there)
    if empty:
        return _Finding(holds=None, why=because("suites.missing", suites=empty), files=there)
    return _Finding(holds=True, why=because("suites.pass", count=len(files)), files=there)


def _suite_state(file: Path) -> Literal["passed", "failed", "empty"]:
    """Read a suite's counts and cases: a crash before the first test is an error without a case."""
    try:
        tree = ElementTree.parse(file)
    except _UNREADABLE as error:
        raise RunsError(f"{file}: {error}; expected a JUnit XML file") from None
    suites, cases = list(tree.iter("testsuite")), list(tree.iter("testcase"))
    counts = [suite.get(name, "0") for suite in suites for name in ("failures", "errors")]
    broken = [case for case in cases if any(case.find(tag) is not None for tag in _BROKEN)]
    if broken or any(count != "0" for count in counts):
        return "failed"
    return "passed" if any(case.find("skipped") is None for case in cases) else "empty"


def _incidents(
    check: Check, folder: Path, now: datetime | None, as_of: datetime | None
) -> _Finding:
    """No incident began, or was still open, within the hours before `now`."""
    file, hours = folder / "incidents.jsonl", check.hours or 0
    if not file.is_file():
        return _Finding(holds=None, why=because("incidents.no_file"))
    if now is None:
        return _Finding(holds=None, why=because("incidents.no_time", hours=hours), files=(file,))
    since = now - timedelta(hours=hours)
    known = [
        incident for incident in _read_incidents(file) if as_of is None or incident.at <= as_of
    ]
    recent = [
        incident
        for incident in known
        if incident.resolved_at is None or max(incident.at, incident.resolved_at) > since
    ]
    if not recent:
        moment = f"{now:%Y-%m-%d %H:%M %z}"
        return _Finding(
            holds=True, why=because("incidents.none", hours=hours, now=moment), files=(file,)
        )
    latest = max(recent, key=lambda incident: incident.at).title
    why = because("incidents.recent", count=len(recent), hours=hours, latest=latest)
    return _Finding(holds=False, why=why, files=(file,))


def _read_incidents(file: Path) -> list[_Incident]:
    lines = enumerate(file.read_bytes().splitlines(), 1)
    return [_incident(f"{file}:{number}", line) for number, line in lines if line.strip()]


def _incident(where: str, line: bytes) -> _Incident:
    try:
        incident = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunsError(
            f"{where}: {error}; expected an incident with at, severity and title"
        ) from None
    for name, moment in (("at", incident.at), ("resolvedAt", incident.resolved_at)):
        if moment is not None and moment.tzinfo is None:
            raise RunsError(
                f"{where}: {name} is {moment.isoformat()!r}; expected an offset such as +09:00"
            )
    return incident


def _documents(check: Check, folder: Path) -> _Finding:
    """Every named document is listed as reflecting the change, wherever it is listed."""
    file = folder / "changes.yaml"
    if not file.is_file():
        return _Finding(holds=None, why=because("documents.no_file"))
    listed = load_model(file, _Changes).root
    stale = {change.document for change in listed if not change.reflected}
    if behind := tuple(name for name in check.items if name in stale):
        return _Finding(
            holds=False, why=because("documents.stale", documents=behind), files=(file,)
        )
    named = {change.document for change in listed}
    if missing := tuple(name for name in check.items if name not in named):
        return _Finding(
            holds=None, why=because("documents.missing", documents=missing), files=(file,)
        )
    return _Finding(
        holds=True, why=because("documents.reflect", count=len(check.items)), files=(file,)
    )


def _release_notes(check: Check, folder: Path) -> _Finding:
    """The release notes have every heading of the template, each with text below it."""
    file = folder / "release-notes.md"
    if not file.is_file():
        return _Finding(holds=None, why=because("notes.no_file"))
    parts = [part.partition("\n") for part in file.read_text("utf-8", "replace").split("\n#")]
    written = [head.lstrip("# ").lower() for head, _, body in parts if body.strip()]
    missing = tuple(
        name for name in check.items if not any(head.startswith(name.lower()) for head in written)
    )
    if missing:
        return _Finding(holds=None, why=because("notes.lack", sections=missing), files=(file,))
    return _Finding(holds=True, why=because("notes.whole"), files=(file,))
