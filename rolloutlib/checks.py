"""Attested facts: a file as evidence, its digest, and whether it holds. No evidence means open, never done.

The evidence folder holds junit/TEST-<suite>.xml (one JUnit XML a suite), incidents.jsonl, changes.yaml and
release-notes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec
from defusedxml import ElementTree as ET
from pydantic import BaseModel, ConfigDict, RootModel

from rolloutlib.errors import RunsError
from rolloutlib.messages import Sentence, say
from rolloutlib.yamlfile import load_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.plan import Check

__all__ = ["CheckResult", "run_checks"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One Go/No-Go check.

    Attributes:
        holds: True or False by the evidence; None while there is none (the check is open).
        evidence: file names relative to the evidence folder, with `sha256` of their bytes in the same order.
    """

    id: str
    title: str
    holds: bool | None
    why: Sentence
    evidence: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()


class _Incident(msgspec.Struct, rename="camel"):
    at: datetime
    severity: str
    title: str
    resolved_at: datetime | None = None


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")
    document: str
    path: str
    reflected: bool


class _Changes(RootModel[list[_Change]]):
    """changes.yaml: which documents reflect the change."""


@dataclass(frozen=True, slots=True)
class _Finding:
    holds: bool | None
    why: Sentence
    files: tuple[Path, ...] = ()


def run_checks(checks: Mapping[str, Check], folder: Path | None, *, now: datetime | None) -> tuple[CheckResult, ...]:
    """Look at the evidence of every check.

    Args:
        checks: the plan's checks by id.
        folder: the evidence folder; None or a missing one leaves every check open.
        now: the moment that "the last 48 hours" end at; None leaves the incident check open.
    """
    return tuple(_result(key, check, folder, now) for key, check in checks.items())


def _result(key: str, check: Check, folder: Path | None, now: datetime | None) -> CheckResult:
    if folder is None or not folder.is_dir():
        return CheckResult(key, check.title, None, say("There is no evidence folder."))
    found = {"junit": _suites, "documents": _documents, "release_notes": _release_notes}.get(check.kind)
    finding = found(check, folder) if found else _incidents(check, folder, now)
    digests = tuple(sha256(file.read_bytes()).hexdigest() for file in finding.files)
    names = tuple(str(file.relative_to(folder)) for file in finding.files)
    return CheckResult(key, check.title, finding.holds, finding.why, names, digests)


def _suites(check: Check, folder: Path) -> _Finding:
    """Every named suite has a JUnit XML with at least one test and no failure or error."""
    files = {suite: folder / "junit" / f"TEST-{suite}.xml" for suite in check.items}
    there = tuple(file for file in files.values() if file.is_file())
    missing = [suite for suite, file in files.items() if not file.is_file()]
    states = {suite: _suite_state(file) for suite, file in files.items() if file.is_file()}
    if failed := [suite for suite, state in states.items() if state == "failed"]:
        return _Finding(False, say("These suites fail: {suites}.", suites=", ".join(failed)), there)
    if lacking := missing + [suite for suite, state in states.items() if state == "empty"]:
        return _Finding(None, say("These suites have no result: {suites}.", suites=", ".join(lacking)), there)
    return _Finding(True, say("All {count} suites pass.", count=len(files)), there)


def _suite_state(file: Path) -> Literal["passed", "failed", "empty"]:
    try:
        cases = list(ET.parse(file).iter("testcase"))
    except ET.ParseError as error:
        raise RunsError(f"{file}: {error}; expected a JUnit XML file") from None
    if any(case.find(tag) is not None for case in cases for tag in ("failure", "error")):
        return "failed"
    return "passed" if any(case.find("skipped") is None for case in cases) else "empty"


def _incidents(check: Check, folder: Path, now: datetime | None) -> _Finding:
    """No incident began, or was still open, within the hours before `now`."""
    file, hours = folder / "incidents.jsonl", check.hours or 0
    if not file.is_file():
        return _Finding(None, say("There is no incidents.jsonl."))
    if now is None:
        return _Finding(
            None, say("The runs carry no time, so the last {hours} hours are unknown.", hours=hours), (file,)
        )
    since = now - timedelta(hours=hours)
    recent = [
        i for i in _read_incidents(file) if i.at <= now and (i.resolved_at is None or max(i.at, i.resolved_at) > since)
    ]
    if recent:
        return _Finding(
            False,
            say(
                "{count} incidents in the last {hours} hours; the latest: {title}.",
                count=len(recent),
                hours=hours,
                title=recent[-1].title,
            ),
            (file,),
        )
    return _Finding(
        True,
        say("No incident in the {hours} hours before {now}.", hours=hours, now=f"{now:%Y-%m-%d %H:%M %z}"),
        (file,),
    )


def _read_incidents(file: Path) -> list[_Incident]:
    decoder = msgspec.json.Decoder(_Incident)
    incidents: list[_Incident] = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                incidents.append(decoder.decode(line))
            except msgspec.DecodeError as error:
                raise RunsError(f"{file}:{number}: {error}; expected an incident with at, severity and title") from None
            if incidents[-1].at.tzinfo is None:
                raise RunsError(
                    f"{file}:{number}: at is {incidents[-1].at.isoformat()!r}; expected an offset such as +09:00"
                )
    return incidents


def _documents(check: Check, folder: Path) -> _Finding:
    """Every named document is listed as reflecting the change."""
    file = folder / "changes.yaml"
    if not file.is_file():
        return _Finding(None, say("There is no changes.yaml."))
    reflected = {change.document: change.reflected for change in load_model(file, _Changes).root}
    if stale := [name for name in check.items if reflected.get(name) is False]:
        return _Finding(
            False,
            say("These documents do not reflect the change: {documents}.", documents=", ".join(stale)),
            (file,),
        )
    if missing := [name for name in check.items if name not in reflected]:
        return _Finding(
            None,
            say("Nothing is said of these documents: {documents}.", documents=", ".join(missing)),
            (file,),
        )
    return _Finding(True, say("All {count} documents reflect the change.", count=len(check.items)), (file,))


def _release_notes(check: Check, folder: Path) -> _Finding:
    """The release notes have every heading of the template, each with text below it."""
    file = folder / "release-notes.md"
    if not file.is_file():
        return _Finding(None, say("There is no release-notes.md."))
    parts = [part.partition("\n") for part in file.read_text("utf-8").split("\n#")]
    written = [head.lstrip("# ").lower() for head, _, body in parts if body.strip()]
    if missing := [name for name in check.items if not any(head.startswith(name.lower()) for head in written)]:
        return _Finding(None, say("The release notes lack: {sections}.", sections=", ".join(missing)), (file,))
    return _Finding(True, say("The release notes have all sections."), (file,))
