"""Evidence with a fault never passes: it is failed or open, by a sentence that names it."""

# ruff: noqa: E501 -- a case on a line of its own

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rolloutlib.judge.checks import run_checks
from rolloutlib.plan.model import Check
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult

NOW = datetime(2026, 10, 28, 12, tzinfo=UTC)
CASE = '<testcase name="a"/>'


def look(check: Check, folder: Path, name: str, content: str | bytes) -> CheckResult:
    """Return the result of a check whose only evidence is this file."""
    path = folder / "evidence" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return run_checks({"id": check}, folder / "evidence", now=NOW, newest=NOW, root=folder)[0]


def suite(folder: Path, text: str) -> CheckResult:
    """Return the result of one suite."""
    check = Check(title="Tests", kind="junit", items=("perf",))
    return look(check, folder, "junit/TEST-perf.xml", text)


FAILED = {
    "the root's counts": f'<testsuites tests="3" failures="2"><testsuite tests="1">{CASE}</testsuite></testsuites>',
    "a namespace": '<testsuite><testcase name="a"><f:failure xmlns:f="urn:x"/></testcase></testsuite>',
    "a namespace of all": '<j:testsuite xmlns:j="u"><j:testcase name="a"><j:error/></j:testcase></j:testsuite>',
    "capitals": '<TestSuite><TestCase name="a"><Failure/></TestCase></TestSuite>',
    "a count in capitals": f'<testsuite Failures="2" tests="3">{CASE}</testsuite>',
    "a count with a namespace": f'<testsuite xmlns:x="u" x:failures="1" failures="0" tests="2">{CASE}</testsuite>',
    "another name of a count": f'<testsuite failed="1" tests="2">{CASE}</testsuite>',
    "aborted": f'<testsuite aborted="1" tests="2">{CASE}</testsuite>',
    "deep inside": f'<testsuites><testsuite><testsuite failures="1">{CASE}</testsuite></testsuite></testsuites>',
    "in a container": '<testsuite><testcase name="a"><failures><failure/></failures></testcase></testsuite>',
    "in a group": '<testsuite><group><testcase name="a"><failure/></testcase></group></testsuite>',
    "of an unknown element": f'<testsuite><test name="b"><failure/></test>{CASE}</testsuite>',
    "a case in a case": '<testsuite><testcase name="a"><testcase name="b"><error/></testcase></testcase></testsuite>',
    "another word": '<testsuite><testcase name="a"><failed/></testcase></testsuite>',
    "an exception": '<testsuite><testcase name="a"><exception/></testcase></testsuite>',
    "a time-out": '<testsuite><testcase name="a"><timeout/></testcase></testsuite>',
    "a status": '<testsuite><testcase name="a" Status="FAILED"/></testsuite>',
    "an outcome": '<testsuite><testcase name="a" outcome="failed"/></testsuite>',
    "no success": '<testsuite><testcase name="a" success="false"/></testsuite>',
    "a suite's status": f'<testsuite status="failed">{CASE}</testsuite>',
    "the root's result": f'<testsuites result="Failed"><testsuite>{CASE}</testsuite></testsuites>',
    "a suite's own failure": f"<testsuites><failure/><testsuite>{CASE}</testsuite></testsuites>",
}  # fmt: skip
OPEN = {
    "not run": '<testsuite><testcase name="a" status="notrun"/></testsuite>',
    "not executed": '<testsuite><testcase name="a" executed="false"/></testsuite>',
    "disabled": f'<testsuite disabled="1" tests="1">{CASE}</testsuite>',
    "lost tests": f'<testsuite tests="100">{CASE}</testsuite>',
    "lost tests of the root": f'<testsuites total="100"><testsuite tests="1">{CASE}</testsuite></testsuites>',
    "more tests than declared": f'<testsuite tests="1">{CASE * 5}</testsuite>',
    "none declared": f'<testsuite tests="0">{CASE}</testsuite>',
    "a negative count": f'<testsuite failures="-1" tests="1">{CASE}</testsuite>',
    "no number": f'<testsuite failures="NaN" tests="1">{CASE}</testsuite>',
    "a huge number": f'<testsuite failures="{"9" * 30}" tests="1">{CASE}</testsuite>',
    "half a failure": f'<testsuite failures="0.5" tests="1">{CASE}</testsuite>',
    "full-width digits": f'<testsuite failures="\uff12" tests="1">{CASE}</testsuite>',
    "inconclusive": '<testsuite><testcase name="a"><incomplete/></testcase></testsuite>',
    "another root": f"<results><testsuite>{CASE}</testsuite></results>",
    "two roots": f'<testsuite>{CASE}</testsuite><testsuite failures="1"/>',
    "an attribute twice": f'<testsuite failures="1" failures="0" tests="1">{CASE}</testsuite>',
    "an entity": f'<!DOCTYPE a [<!ENTITY x "y">]><testsuite>{CASE}</testsuite>',
    "nothing": "", "blanks": " \n", "an empty suite": "<testsuite/>",
    "dated in the future": f'<testsuite timestamp="2999-01-01T00:00:00Z">{CASE}</testsuite>',
    "beyond the calendar": f'<testsuite timestamp="9999-12-31T23:59:59-23:59">{CASE}</testsuite>',
}  # fmt: skip
PASSED = {
    "a log that tells of failures": '<testsuite><testcase name="a"><system-out>&lt;failure/> FAILED</system-out></testcase></testsuite>',
    "markup in a log": '<testsuite><testcase name="a"><system-out><failure/></system-out></testcase></testsuite>',
    "a comment": f"<testsuite><!-- <failure/> -->{CASE}</testsuite>",
    "counts that agree": f'<testsuites tests="2" failures="0"><testsuite tests="2" errors="0">{CASE * 2}</testsuite></testsuites>',
    "a flaky test": '<testsuite tests="1" failures="1"><testcase name="a"><flakyFailure/></testcase></testsuite>',
}  # fmt: skip


@pytest.mark.parametrize("name", FAILED)
def test_a_failure_is_found_wherever_it_stands(tmp_path: Path, name: str) -> None:
    """Whatever the spelling and the place: the check fails."""
    result = suite(tmp_path, FAILED[name])
    assert result.holds is False
    assert sentence(result.why).startswith("These suites fail: perf.")


@pytest.mark.parametrize("name", OPEN)
def test_a_suite_that_does_not_add_up_is_open(tmp_path: Path, name: str) -> None:
    """Neither passed nor failed, with a sentence that names the suite."""
    result = suite(tmp_path, OPEN[name])
    assert result.holds is None
    assert "perf" in sentence(result.why)


@pytest.mark.parametrize("name", PASSED)
def test_what_a_test_printed_is_no_result(tmp_path: Path, name: str) -> None:
    """A log may speak of failures; the test has passed."""
    assert suite(tmp_path, PASSED[name]).holds is True


def test_surplus_tests_are_counted(tmp_path: Path) -> None:
    """Both numbers are named."""
    why = sentence(suite(tmp_path, OPEN["more tests than declared"]).why)
    assert why == "These suites are open: perf: 5 tests are in the file, which declares 1."


COVERED = '{"coversUntil": "2026-10-28T12:00:00Z"}\n'
OLD = {"at": "2026-10-01T00:00:00Z", "severity": "S1", "title": "x",
       "resolvedAt": "2026-10-02T00:00:00Z"}  # fmt: skip
QUIET = Check(title="Quiet", kind="incidents", hours=48)


def incident(**fields: object) -> str:
    """Return a line about an old incident that is over, with other fields."""
    return json.dumps(OLD | fields)


INCIDENTS = {
    "a key twice": (json.dumps({**OLD, "at": "2026-10-28T10:00:00Z"})[:-1] + ', "at": "2020-01-01T00:00:00Z"}', "expected each key once"),
    "a key in another case": (incident(At="2026-10-28T01:00:00Z"), "expected one spelling, beside 'at'"),
    "a key in another spelling": (incident(resolved_at="2026-10-28T01:00:00Z"), "the key 'resolved_at' is unknown; expected resolvedAt"),
    "over before it began": (incident(resolvedAt="2020-01-01T00:00:00Z"), "expected a time after its begin"),
    "no severity": (incident(severity=" "), "$.severity"),
    "no title": (incident(title=""), "$.title"),
    "no time": (incident(at=None, coversUntil="2026-10-28T12:00:00Z"), "$.at"),
    "the year 1": (incident(at="0001-01-01T00:00:00+14:00"), "expected a year from 2000"),
    "a leap second": (incident(at="2026-06-30T23:59:60Z"), "$.at"),
    "an epoch": (incident(at=1_761_600_000), "$.at"),
    "a coverage of all times": ('{"coversUntil": "9999-12-31T23:59:59Z"}', "expected a time until which incidents can be known"),
    "a coverage twice": ('{"coversUntil": "2020-01-01T00:00:00Z", "coversUntil": "2026-10-28T12:00:00Z"}', "expected each key once"),
    "text as truth": ('{"coversUntil": "2026-10-28T12:00:00Z", "simulated": "true"}', "$.simulated"),
    "no object": ("[]", "expected an object"),
    "nesting": ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "expected at most 64 levels"),
    "a number of 5,000 digits": ('{"coversUntil": ' + "9" * 5000 + "}", "expected an integer of at most 40 digits"),
    "NaN": ('{"coversUntil": NaN}', "expected a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("name", INCIDENTS)
def test_a_line_that_may_hide_an_incident_is_open(tmp_path: Path, name: str) -> None:
    """The sentence names file, line and what is expected there."""
    line, expected = INCIDENTS[name]
    result = look(QUIET, tmp_path, "incidents.jsonl", f"{line}\n{COVERED}")
    assert result.holds is None
    assert sentence(result.why).startswith("The evidence cannot be read: line 1: ")
    assert sentence(result.why).endswith("(incidents.jsonl)")
    assert expected in sentence(result.why)


@pytest.mark.parametrize("at", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
def test_an_incident_of_the_future_is_one(tmp_path: Path, at: str) -> None:
    """Nobody knows when it was, so it counts."""
    line = incident(at=at, resolvedAt=None)
    assert look(QUIET, tmp_path, "incidents.jsonl", f"{line}\n{COVERED}").holds is False
    assert look(QUIET, tmp_path, "incidents.jsonl", f"{incident()}\n{COVERED}").holds is True


DOCUMENTS = Check(title="Documents", kind="documents", items=("A",))
CHANGES = {
    "a key twice": "- {document: A, path: a.md, reflected: false, reflected: true}",
    "another case": "- {document: A, path: a.md, Reflected: true}",
    "text as truth": '- {document: A, path: a.md, reflected: "true"}',
    "a number as truth": "- {document: A, path: a.md, reflected: 1}",
    "a blank waiver": '- {document: A, path: a.md, reflected: false, waived: " "}',
    "a waiver that is to come": "- {document: A, path: a.md, reflected: false, waived: TBD}",
    "a waiver of n/a": "- {document: A, path: a.md, reflected: false, waived: 해당 없음}",
    "a waiver of no": "- {document: A, path: a.md, reflected: false, waived: no}",
    "an alias": "- &a {document: A, path: a.md, reflected: true}\n- *a",
    "a tag": "!!python/object:os.system {}",
    "two documents": "- {document: A, path: a.md, reflected: true}\n---\n- {}",
    "nothing": "", "nesting": "[" * 10_000,
    "a day that is none": "updated: 2026-13-01\ndocuments: []",
    "the future": "updated: 2999-01-01\ndocuments: [{document: A, path: a.md, reflected: true}]",
    "a pipe": "- {document: A, path: pipe, reflected: true}",
    "a device": "- {document: A, path: /dev/zero, reflected: true}",
    "a long path": f"- {{document: A, path: {'a/' * 5000}, reflected: true}}",
    "a path that leads out": "- {document: A, path: ../../../../etc/passwd, reflected: true}",
    "itself": "- {document: A, path: changes.yaml, reflected: true}",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_changes_with_a_fault_are_open(tmp_path: Path, name: str) -> None:
    """What is said of a document counts only if it can mean one thing."""
    (tmp_path / "a.md").write_text("x", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    result = look(DOCUMENTS, tmp_path, "changes.yaml", CHANGES[name])
    assert result.holds is None
    good = "- {document: A, path: a.md, reflected: true}"
    assert look(DOCUMENTS, tmp_path, "changes.yaml", good).holds is True


NOTES_CHECK = Check(title="Notes", kind="release_notes", items=("What changed", "Rollback"))
NOTES = {
    "in code": "```\n# What changed\nx\n# Rollback\ny\n```\n",
    "in a comment": "<!--\n# What changed\nx\n# Rollback\ny\n-->\n",
    "only comments": "# What changed\n<!-- todo -->\n# Rollback\n<!-- todo -->\n",
    "other words": "# What changedx\nx\n# Rollbacks never\ny\n",
    "invisible text": "# What changed\nx\n# Rollback\n\u200b\n",
    "the future": "Date: 2999-01-01\n# What changed\nx\n# Rollback\ny\n",
    "beyond the calendar": "Date: 9999-12-31T23:59:59-23:59\n# What changed\nx\n# Rollback\ny\n",
    "too many bytes": "# What changed\nx\n# Rollback\ny\n" + "\n" * 1_000_000,
}


@pytest.mark.parametrize("name", NOTES)
def test_notes_that_nobody_can_read_are_open(tmp_path: Path, name: str) -> None:
    """A section counts where a reader sees its heading and text below it."""
    assert look(NOTES_CHECK, tmp_path, "release-notes.md", NOTES[name]).holds is None
    good = "Date: 2026-10-28\n# What changed (today)\nx\n# Rollback\ny\n"
    assert look(NOTES_CHECK, tmp_path, "release-notes.md", good).holds is True


def device(path: Path) -> None:
    """Put a link to a device there that never ends."""
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, device, os.mkdir], ids=["pipe", "device", "folder"])
def test_only_regular_files_are_evidence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe, a device and a folder are never read, and never waited for."""
    checks = {"i": QUIET, "d": DOCUMENTS, "n": NOTES_CHECK,
              "j": Check(title="Tests", kind="junit", items=("perf",))}  # fmt: skip
    (tmp_path / "junit").mkdir()
    names = ("incidents.jsonl", "changes.yaml", "release-notes.md", "junit/TEST-perf.xml")
    for name in names:
        make(tmp_path / name)
    for result in run_checks(checks, tmp_path, now=NOW, newest=NOW):
        assert result.holds is None
        assert sentence(result.why)
