"""Attested facts: what holds, what fails, what stays open, and files that attack the reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.judge.checks import run_checks
from rolloutlib.plan.model import Check
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JUNIT = Check(title="Suites", kind="junit", items=("contract", "perf"))
INCIDENTS = Check(title="Quiet", kind="incidents", hours=48)
DOCUMENTS = Check(title="Documents", kind="documents", items=("HITL", "PLAN_super"))
NOTES = Check(title="Notes", kind="release_notes", items=("What changed", "Actions"))
PASSED = '<testsuite tests="1" failures="0" errors="0"><testcase name="a"/></testsuite>'
BOMB = """<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="&e;"/></testsuite>"""


def look(
    check: Check, folder: Path | None, *, now: datetime | None = NOW, as_of: datetime | None = None
) -> CheckResult:
    """Return what is found of one check."""
    return run_checks({"id": check}, folder, now=now, as_of=as_of)[0]


def suites(folder: Path, **texts: str) -> Path:
    """Write a JUnit file a suite."""
    (folder / "junit").mkdir(exist_ok=True)
    for suite, text in texts.items():
        (folder / "junit" / f"TEST-{suite}.xml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "check", [JUNIT, INCIDENTS, DOCUMENTS, NOTES], ids=lambda check: check.kind
)
def test_without_evidence_a_check_is_open(check: Check, tmp_path: Path) -> None:
    """No folder, a folder that does not exist and an empty one leave the check open, never done."""
    for folder in (None, tmp_path / "none", tmp_path):
        found = look(check, folder)
        assert (found.holds, found.evidence, found.sha256) == (None, (), ())


def test_suites_pass(tmp_path: Path) -> None:
    """All suites with a test that ran and none that failed hold, with the digest of each file."""
    found = look(
        JUNIT, suites(tmp_path, contract=PASSED, perf=f"<testsuites>{PASSED}</testsuites>")
    )
    assert found.holds is True
    assert found.evidence == ("junit/TEST-contract.xml", "junit/TEST-perf.xml")
    assert found.sha256[0] == sha256(PASSED.encode()).hexdigest()


@pytest.mark.parametrize(
    ("perf", "holds"),
    [
        (
            '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>',
            False,
        ),
        ('<testsuite><testcase name="a"><error/></testcase></testsuite>', False),
        ('<testsuite tests="0" errors="1"></testsuite>', False),
        ('<testsuite><testcase name="a"><skipped/></testcase></testsuite>', None),
        ("<testsuite/>", None),
        (
            '<testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>',
            True,
        ),
    ],
    ids=[
        "failure",
        "error",
        "crash before the first test",
        "all skipped",
        "no test",
        "some skipped",
    ],
)
def test_states_of_a_suite(tmp_path: Path, perf: str, holds: bool | None) -> None:  # noqa: FBT001
    """One failing suite fails the check; a suite in which nothing ran leaves it open."""
    found = look(JUNIT, suites(tmp_path, contract=PASSED, perf=perf))
    assert found.holds is holds
    assert holds is True or "perf" in sentence(found.why)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    """A suite without a file is open, unless another one fails."""
    found = look(JUNIT, suites(tmp_path, contract=PASSED))
    assert (found.holds, sentence(found.why)) == (None, "These suites have no result: perf.")
    failing = look(JUNIT, suites(tmp_path, contract='<testsuite errors="1"/>'))
    assert failing.holds is False


@pytest.mark.parametrize(
    "text", ["passed", "", BOMB, OUTSIDE, '<?xml version="1.0" encoding="nonsense"?><a/>']
)
def test_garbage_and_attacks_are_refused(tmp_path: Path, text: str) -> None:
    """No XML, and XML with entities (bombs, outside files), is refused by the file's name."""
    with pytest.raises(RunsError, match=r"TEST-perf\.xml: .*; expected a JUnit XML file"):
        look(JUNIT, suites(tmp_path, contract=PASSED, perf=text))


def incident(hours_ago: float, resolved_ago: float | None = None, title: str = "Outage") -> str:
    """Return a line of incidents.jsonl."""
    moments = (
        NOW - timedelta(hours=hours) for hours in (hours_ago, resolved_ago) if hours is not None
    )
    at, *resolved = (moment.isoformat() for moment in moments)
    ended = f', "resolvedAt": "{resolved[0]}"' if resolved else ""
    return f'{{"at": "{at}", "severity": "high", "title": "{title}"{ended}}}\n'


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        ("", True),
        ("\n\n", True),
        (incident(72, 71), True),
        (incident(49, 48), True),
        (incident(49, 47.9), False),
        (incident(10, 9), False),
        (incident(1000), False),
        (incident(1000, 999) + incident(1), False),
        (incident(-5, -6), False),
    ],
    ids=[
        "none",
        "blank lines",
        "long over",
        "just over",
        "ended within",
        "within",
        "still open",
        "one of two",
        "after",
    ],
)
def test_incidents(tmp_path: Path, lines: str, holds: bool) -> None:  # noqa: FBT001
    """An incident counts while it is open and for 48 hours after its end.

    One after the last run counts as well.
    """
    (tmp_path / "incidents.jsonl").write_text(lines, encoding="utf-8")
    assert look(INCIDENTS, tmp_path).holds is holds


def test_a_review_as_of_then_knows_no_later_incident(tmp_path: Path) -> None:
    """With --as-of, what began later is not known yet; what ended later was open."""
    (tmp_path / "incidents.jsonl").write_text(incident(-1), encoding="utf-8")
    assert look(INCIDENTS, tmp_path, as_of=NOW).holds is True
    (tmp_path / "incidents.jsonl").write_text(incident(60, -1), encoding="utf-8")
    assert look(INCIDENTS, tmp_path, as_of=NOW).holds is False


def test_the_latest_incident_is_named(tmp_path: Path) -> None:
    """The sentence counts the incidents and names the latest, in whatever order they are."""
    (tmp_path / "incidents.jsonl").write_text(
        incident(1, title="Late") + incident(2, title="Early"), encoding="utf-8"
    )
    assert (
        sentence(look(INCIDENTS, tmp_path).why)
        == "2 incidents in the last 48 hours; the latest: Late."
    )


def test_without_a_time_the_hours_are_unknown(tmp_path: Path) -> None:
    """Runs that carry no time leave the check open."""
    (tmp_path / "incidents.jsonl").touch()
    found = look(INCIDENTS, tmp_path, now=None)
    assert found.holds is None
    assert found.evidence == ("incidents.jsonl",)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            '{"at": "2026-11-20T08:00:00", "severity": "x", "title": "y"}',
            "at is '2026-11-20T08:00:00'; expected an offset",
        ),
        (
            (
                '{"at": "2026-11-01T08:00:00Z", "severity": "x", "title": "y", '
                '"resolvedAt": "2026-11-20T08:00:00"}'
            ),
            "resolvedAt is '2026-11-20T08:00:00'; expected an offset such as +09:00",
        ),
        ('{"severity": "x", "title": "y"}', "missing required field `at`"),
        ("garbage", "expected an incident with at, severity and title"),
        (
            '{"at": "yesterday", "severity": "x", "title": "y"}',
            "expected an incident with at, severity and title",
        ),
    ],
    ids=["no offset", "end without offset", "no time", "garbage", "no moment"],
)
def test_incidents_that_cannot_be_read(tmp_path: Path, line: str, sentence: str) -> None:
    """A line that cannot be read is named by file and line; it is never skipped."""
    (tmp_path / "incidents.jsonl").write_text("\n" + line, encoding="utf-8")
    with pytest.raises(RunsError) as caught:
        look(INCIDENTS, tmp_path)
    assert f"incidents.jsonl:2: {sentence}" in str(caught.value) or sentence in str(caught.value)
    assert "incidents.jsonl:2: " in str(caught.value)


def test_bytes_in_incidents(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are refused by file and line."""
    (tmp_path / "incidents.jsonl").write_bytes(
        b'{"at": "2026-11-01T08:00:00Z", "severity": "\xff", "title": "y"}'
    )
    with pytest.raises(RunsError, match=r"incidents\.jsonl:1: "):
        look(INCIDENTS, tmp_path)


def change(document: str, reflected: str) -> str:
    """Return an entry of changes.yaml."""
    return f"- {{document: {document}, path: docs/{document}.md, reflected: {reflected}}}\n"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (change("HITL", "true") + change("PLAN_super", "true"), True),
        (change("HITL", "true") + change("PLAN_super", "false"), False),
        (change("HITL", "true"), None),
        (change("HITL", "false"), False),
        (change("HITL", "false") + change("HITL", "true") + change("PLAN_super", "true"), False),
        ("[]", None),
    ],
    ids=["all", "one stale", "one missing", "stale and missing", "contradiction", "empty list"],
)
def test_documents(tmp_path: Path, text: str, holds: bool | None) -> None:  # noqa: FBT001
    """Every document must be listed as reflecting the change; a contradiction counts against it."""
    (tmp_path / "changes.yaml").write_text(text, encoding="utf-8")
    assert look(DOCUMENTS, tmp_path).holds is holds


def test_misspelt_changes(tmp_path: Path) -> None:
    """A slip in changes.yaml names the file and the key."""
    (tmp_path / "changes.yaml").write_text(
        "- {document: HITL, path: x, reflect: true}", encoding="utf-8"
    )
    with pytest.raises(
        PlanError, match=r"changes\.yaml: 0\.reflected is missing; 0\.reflect is not a known key"
    ):
        look(DOCUMENTS, tmp_path)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("# Notes\n## What changed\nA.\n## Actions\nNone.\n", True),
        ("# What changed\r\nA.\r\n# ACTIONS for users\r\nNone.\r\n", True),
        ("## What changed\nA.\n## Actions\n\n", None),
        ("## What changed\nA, and actions.\n", None),
        ("", None),
    ],
    ids=["written", "other case and line ends", "no text below", "no heading", "empty"],
)
def test_release_notes(tmp_path: Path, text: str, holds: bool | None) -> None:  # noqa: FBT001
    """Each heading of the template must be there with text below it."""
    (tmp_path / "release-notes.md").write_text(text, encoding="utf-8", newline="")
    assert look(NOTES, tmp_path).holds is holds


def test_release_notes_in_another_encoding(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 in a text do not stop the review: headings are what counts."""
    (tmp_path / "release-notes.md").write_bytes(b"## What changed\n\xb0\xa1\n## Actions\nNone.\n")
    assert look(NOTES, tmp_path).holds is True
