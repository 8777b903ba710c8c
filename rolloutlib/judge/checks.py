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
from defusedxml import DefusedXmlException, ElementTree
from pydantic import BaseModel, ConfigDict, RootModel

from rolloutlib.errors import RunsError
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.plan.model import Check

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


_DECODER = msgspec.json.Decoder(_Incident)
_BROKEN = ("failure", "error")


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
    files: tuple[Path, ...]


def _kept(why: Sentence, *files: Path) -> _Finding:
    return _Finding(holds=True, why=why, files=files)


def _broken(why: Sentence, *files: Path) -> _Finding:
    return _Finding(holds=False, why=why, files=files)


def _open(why: Sentence, *files: Path) -> _Finding:
    return _Finding(holds=None, why=why, files=files)


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
        as_of: the moment whose knowledge the review is limited to: later incidents are left out. None counts them
            all, since an incident after the last run is no reason to go on.

    Raises:
        RunsError, PlanError: a file that is there but cannot be read; the message names it.
    """
    return tuple(_result(key, check, folder, now, as_of) for key, check in checks.items())


def _result(
    key: str, check: Check, folder: Path | None, now: datetime | None, as_of: datetime | None
) -> CheckResult:
    if folder is None or not folder.is_dir():
        return CheckResult(key, check.title, None, say("There is no evidence folder."))
    found = {"junit": _suites, "documents": _documents, "release_notes": _release_notes}.get(
        check.kind
    )
    finding = found(check, folder) if found else _incidents(check, folder, now, as_of)
    digests = tuple(sha256(file.read_bytes()).hexdigest() for file in finding.files)
    names = tuple(str(file.relative_to(folder)) for file in finding.files)
    return CheckResult(key, check.title, finding.holds, finding.why, names, digests)


def _suites(check: Check, folder: Path) -> _Finding:
    """Every named suite has a JUnit XML with at least one test that ran, and no failure or error."""
    files = {suite: folder / "junit" / f"TEST-{suite}.xml" for suite in check.items}
    there = tuple(file for file in files.values() if file.is_file())
    states = {
        suite: _suite_state(file) if file.is_file() else "empty" for suite, file in files.items()
    }
    if failed := [suite for suite, state in states.items() if state == "failed"]:
        return _broken(say("These suites fail: {suites}.", suites=", ".join(failed)), *there)
    if lacking := [suite for suite, state in states.items() if state == "empty"]:
        return _open(
            say("These suites have no result: {suites}.", suites=", ".join(lacking)), *there
        )
    return _kept(say("All {count} suites pass.", count=len(files)), *there)


def _suite_state(file: Path) -> Literal["passed", "failed", "empty"]:
    """Read a suite's own counts and its cases: a crash before the first test is an error without a case."""
    try:
        tree = ElementTree.parse(file)
    except (
        ElementTree.ParseError,
        DefusedXmlException,
        ValueError,
        LookupError,
    ) as error:  # bombs, odd encodings
        raise RunsError(f"{file}: {error}; expected a JUnit XML file") from None
    counts = [
        suite.get(name, "0") for suite in tree.iter("testsuite") for name in ("failures", "errors")
    ]
    cases = list(tree.iter("testcase"))
    if any(count != "0" for count in counts) or any(
        case.find(tag) is not None for case in cases for tag in _BROKEN
    ):
        return "failed"
    return "passed" if any(case.find("skipped") is None for case in cases) else "empty"


def _incidents(
    check: Check, folder: Path, now: datetime | None, as_of: datetime | None
) -> _Finding:
    """No incident began, or was still open, within the hours before `now`."""
    file, hours = folder / "incidents.jsonl", check.hours or 0
    if not file.is_file():
        return _open(say("There is no incidents.jsonl."))
    if now is None:
        return _open(
            say("The runs carry no time, so the last {hours} hours are unknown.", hours=hours), file
        )
    since = now - timedelta(hours=hours)
    known = [
        incident for incident in _read_incidents(file) if as_of is None or incident.at <= as_of
    ]
    recent = [
        one for one in known if one.resolved_at is None or max(one.at, one.resolved_at) > since
    ]
    if recent:
        title = max(recent, key=lambda one: one.at).title
        why = say(
            "{count} incidents in the last {hours} hours; the latest: {title}.",
            count=len(recent), hours=hours, title=title,
        )  # fmt: skip
        return _broken(why, file)
    moment = f"{now:%Y-%m-%d %H:%M %z}"
    return _kept(
        say("No incident in the {hours} hours before {now}.", hours=hours, now=moment), file
    )


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
        return _open(say("There is no changes.yaml."))
    listed = load_model(file, _Changes).root
    if stale := [
        name
        for name in check.items
        if any(one.document == name and not one.reflected for one in listed)
    ]:
        return _broken(
            say(
                "These documents do not reflect the change: {documents}.",
                documents=", ".join(stale),
            ),
            file,
        )
    if missing := [name for name in check.items if not any(one.document == name for one in listed)]:
        return _open(
            say("Nothing is said of these documents: {documents}.", documents=", ".join(missing)),
            file,
        )
    return _kept(say("All {count} documents reflect the change.", count=len(check.items)), file)


def _release_notes(check: Check, folder: Path) -> _Finding:
    """The release notes have every heading of the template, each with text below it."""
    file = folder / "release-notes.md"
    if not file.is_file():
        return _open(say("There is no release-notes.md."))
    parts = [part.partition("\n") for part in file.read_text("utf-8", "replace").split("\n#")]
    written = [head.lstrip("# ").lower() for head, _, body in parts if body.strip()]
    if missing := [
        name for name in check.items if not any(head.startswith(name.lower()) for head in written)
    ]:
        return _open(say("The release notes lack: {sections}.", sections=", ".join(missing)), file)
    return _kept(say("The release notes have all sections."), file)
