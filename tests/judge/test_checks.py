"""Attested facts: what holds, what fails, what stays open, and files that attack the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.errors import RunsError
from rolloutlib.judge.checks import run_checks
from rolloutlib.judge.finding import read_moment
from rolloutlib.judge.incidents import Incident, read_incidents
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
OTHER = PASSED.replace('"a"', '"b"')  # the same of another suite's test


def look(
    check: Check,
    folder: Path | None,
    *,
    now: datetime | None = NOW,
    **more: Any,  # noqa: ANN401
) -> CheckResult:
    """Return what is found of one check."""
    return run_checks({"id": check}, folder, now=now, **more)[0]


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
        result = look(check, folder)
        assert (result.holds, result.evidence, result.sha256) == (None, (), ())


def test_suites_pass(tmp_path: Path) -> None:
    """All suites with a test that ran and none that failed hold, with the digest of each file."""
    result = look(
        JUNIT, suites(tmp_path, contract=PASSED, perf=f"<testsuites>{OTHER}</testsuites>")
    )
    assert result.holds is True
    assert result.evidence == ("junit/TEST-contract.xml", "junit/TEST-perf.xml")
    assert result.sha256[0] == sha256(PASSED.encode()).hexdigest()


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
    result = look(JUNIT, suites(tmp_path, contract=PASSED, perf=perf))
    assert result.holds is holds
    assert holds is True or "perf" in sentence(result.why)


def test_every_open_suite_is_named(tmp_path: Path) -> None:
    """A suite without a file, and one that cannot be read, are open with the reason of each."""
    result = look(JUNIT, suites(tmp_path, contract=PASSED))
    assert (result.holds, sentence(result.why)) == (
        None,
        "These suites are open: perf has no result.",
    )
    broken = look(JUNIT, suites(tmp_path, contract="<testsuites/>", perf='{"passed": 3}'))
    assert broken.holds is None
    assert sentence(broken.why) == (
        "These suites are open: contract: of 0 tests none ran, "
        "perf: junit/TEST-perf.xml is JSON, not JUnit XML."
    )
    assert broken.evidence == ("junit/TEST-contract.xml", "junit/TEST-perf.xml")
    failing = look(JUNIT, suites(tmp_path, contract='<testsuite errors="1"/>'))
    assert failing.holds is False


def test_flaky_tests_are_told(tmp_path: Path) -> None:
    """A suite whose test passed at another try holds, and the reason names the test."""
    flaky = '<testsuite failures="1"><testcase name="net"><flakyFailure/></testcase></testsuite>'
    result = look(JUNIT, suites(tmp_path, contract=PASSED, perf=flaky))
    assert result.holds is True
    assert "some tests failed first: perf: net." in sentence(result.why)


def incident(hours_ago: float, resolved_ago: float | None = None, title: str = "Outage") -> str:
    """Return a line of incidents.jsonl."""
    moments = (
        NOW - timedelta(hours=hours) for hours in (hours_ago, resolved_ago) if hours is not None
    )
    at, *resolved = (moment.isoformat() for moment in moments)
    ended = f', "resolvedAt": "{resolved[0]}"' if resolved else ""
    return f'{{"at": "{at}", "severity": "high", "title": "{title}"{ended}}}\n'


COVERED = f'{{"coversUntil": "{NOW.isoformat()}"}}\n'


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        ("", None),
        ("\n\n", None),
        (COVERED, True),
        (incident(72, 71), None),
        (incident(72, 71) + COVERED, True),
        (COVERED + incident(72, 71), True),
        (COVERED + '{"coversUntil": "2026-11-20T08:59:59Z"}', None),
        ('{"coversUntil": "2026-11-20T08:59:59Z"}' + "\n" + COVERED, True),
        (incident(49, 48) + COVERED, True),
        (incident(49, 47.9), False),
        (incident(10, 9), False),
        (incident(1000), False),
        (incident(1000, 999) + incident(1), False),
        (incident(-5, -6), False),
    ],
    ids=[
        "empty",
        "blank lines",
        "none",
        "long over, not covered",
        "long over",
        "the coverage first",
        "the last coverage wins: short",
        "the last coverage wins: long",
        "just over",
        "ended within",
        "within",
        "still open",
        "one of two",
        "after",
    ],
)
def test_incidents(tmp_path: Path, lines: str, holds: bool | None) -> None:  # noqa: FBT001
    """An incident counts while it is open and for 48 hours after its end.

    One after the last run counts as well. Without any, the file must reach the review's moment.
    """
    (tmp_path / "incidents.jsonl").write_text(lines, encoding="utf-8")
    assert look(INCIDENTS, tmp_path).holds is holds


def test_a_review_as_of_then_knows_no_later_incident(tmp_path: Path) -> None:
    """With --as-of, what began later is not known yet; what ended later was open."""
    (tmp_path / "incidents.jsonl").write_text(incident(-1), encoding="utf-8")
    assert look(INCIDENTS, tmp_path, as_of=NOW).holds is True  # its own time covers the moment
    (tmp_path / "incidents.jsonl").write_text(incident(60, -1), encoding="utf-8")
    assert look(INCIDENTS, tmp_path, as_of=NOW).holds is False


def test_the_sentence_says_what_is_true_of_incidents(tmp_path: Path) -> None:
    """It counts them, in the singular too, and says of the latest whether it is open or over."""
    log, rest = tmp_path / "incidents.jsonl", "48 hours without an incident are asked for."

    def told(lines: str) -> str:
        log.write_text(lines, encoding="utf-8")
        return sentence(look(INCIDENTS, tmp_path).why)

    late, early = incident(1, title="Late"), incident(200, 40, title="Early")
    assert told(late) == f"Late (high) has been open for 1 hour; {rest}"
    assert told(incident(121)) == f"Outage (high) has been open for 5 days; {rest}"
    assert told(incident(47.5)) == f"Outage (high) has been open for 47 hours; {rest}"
    assert told(incident(0.5)).startswith("Outage (high) has been open for less than an hour;")
    assert told(early).startswith("Early (high) ended 40 hours before, at 2026-11-18 17:00 +0000;")
    assert told(incident(60, -1)).startswith("Outage (high) was open until 2026-11-20 10:00 +0000")
    assert told(incident(-5)).startswith("Outage (high) began later, at 2026-11-20 14:00 +0000;")
    both = f"2 incidents, the latest: Late (high) has been open for 1 hour; {rest}"
    assert told(late + early) == both


def identified(name: str, **fields: object) -> str:
    """Return a line of the incident of an id; without other fields, it begins 72 hours ago."""
    begins = {"at": (NOW - timedelta(hours=72)).isoformat(), "severity": "S2", "title": "Outage"}
    return json.dumps({"id": name, **(fields or begins)}) + "\n"


def ended(hours_ago: float) -> str:
    """Return the line that ends incident a."""
    return identified("a", resolvedAt=(NOW - timedelta(hours=hours_ago)).isoformat())


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        (identified("a") + COVERED, False),
        (identified("a") + ended(71) + COVERED, True),
        (ended(71) + identified("a") + COVERED, True),  # as a merge may order them
        (identified("a") + ended(71) + ended(71) + COVERED, True),
        (identified("a") + identified("b") + ended(71) + COVERED, False),
        (identified("a") + ended(47) + COVERED, False),
        (ended(71) + COVERED, None),
        (identified("a") + ended(71) + ended(70) + COVERED, None),
        (identified("a") + ended(73) + COVERED, None),
        (identified("a") + identified("a", at=NOW.isoformat(), severity="S1", title="B"), None),
        (identified("a", blocking=True) + COVERED, None),
    ],
    ids=[
        "open", "ended", "ended before it began in the file", "ended twice at one time",
        "another one is open", "ended a short while ago", "an end without a begin",
        "two ends", "ended before it began", "two incidents of one id", "blocking without a title",
    ],
)  # fmt: skip
def test_lines_of_one_id_are_one_incident(
    tmp_path: Path, lines: str, *, holds: bool | None
) -> None:
    """An end closes the incident of its id and no other one; a contradiction leaves it open."""
    (tmp_path / "incidents.jsonl").write_text(lines, encoding="utf-8")
    assert look(INCIDENTS, tmp_path).holds is holds


def test_incidents_are_read_as_they_were_known(tmp_path: Path) -> None:
    """What began later is unknown, what ended later is open; without a file there are none."""
    log = tmp_path / "incidents.jsonl"
    assert read_incidents(log) == ()
    began, later = NOW - timedelta(hours=72), incident(1, title="Late")
    log.write_text(
        identified("a", at=began.isoformat(), severity="S1", title="No", feature="A", blocking=True)
        + ended(71) + later,
        encoding="utf-8",
    )  # fmt: skip
    end = NOW - timedelta(hours=71)
    first = Incident("a", began, end, "No", "S1", "A", blocking=True)
    assert read_incidents(log)[0] == first
    assert [each.id for each in read_incidents(log)] == ["a", "line 3"]
    assert read_incidents(log, end) == (first,)
    assert read_incidents(log, end - timedelta(seconds=1)) == (first._replace(closed=None),)
    assert read_incidents(log, began - timedelta(seconds=1)) == ()
    log.write_text("{}", encoding="utf-8")
    with pytest.raises(RunsError, match=r"line 1: .*incidents\.jsonl"):
        read_incidents(log)


@pytest.mark.parametrize(
    ("folder", "workbook", "holds"),
    [
        (None, incident(72, 71) + COVERED, True),
        (incident(72, 71), incident(1), False),
        (incident(1), COVERED, False),
        (incident(72, 71), COVERED, True),  # together they cover as far as the later one
        (None, None, None),
        (COVERED, "{}", None),
    ],
)
def test_the_workbooks_log_is_read_where_the_plan_says_so(
    tmp_path: Path, folder: str | None, workbook: str | None, *, holds: bool | None
) -> None:
    """Incidents of either file count, and both are evidence; a damaged one leaves it open."""
    evidence, log = tmp_path / "evidence", tmp_path / "data" / "incidents.jsonl"
    for path, text in ((evidence / "incidents.jsonl", folder), (log, workbook)):
        path.parent.mkdir()
        if text is not None:
            path.write_text(text, encoding="utf-8")
    check = Check(title="Quiet", kind="incidents", hours=48, log="data/incidents.jsonl")
    (result,) = run_checks({"quiet": check}, evidence, now=NOW, root=tmp_path)
    assert result.holds is holds
    names = [name for name, text in (("incidents.jsonl", folder), (check.log, workbook)) if text]
    assert result.holds is None or list(result.evidence) == names


def test_without_a_time_the_hours_are_unknown(tmp_path: Path) -> None:
    """Runs that carry no time leave the check open."""
    (tmp_path / "incidents.jsonl").touch()
    result = look(INCIDENTS, tmp_path, now=None)
    assert result.holds is None
    assert result.evidence == ("incidents.jsonl",)


def test_a_short_log_says_where_it_ends(tmp_path: Path) -> None:
    """What the file does not cover is unknown, and both moments are told."""
    (tmp_path / "incidents.jsonl").write_text(incident(72, 71), encoding="utf-8")
    assert sentence(look(INCIDENTS, tmp_path).why) == (
        "incidents.jsonl says nothing after 2026-11-17 10:00 +0000; "
        "it has to cover 2026-11-20 09:00 +0000."
    )


def test_at_a_decision_the_hours_end_with_the_log(tmp_path: Path) -> None:
    """A log that covers the review but not the decision says nothing of the time between.

    So the hours that it speaks of are those before its own end.
    """
    lines = incident(60, 47) + COVERED
    (tmp_path / "incidents.jsonl").write_text(lines, encoding="utf-8")
    later = NOW + timedelta(days=9)
    assert look(INCIDENTS, tmp_path, now=later, newest=NOW).holds is False
    assert look(INCIDENTS, tmp_path, now=later).holds is None
    (tmp_path / "incidents.jsonl").write_text(incident(60, 49) + COVERED, encoding="utf-8")
    result = look(INCIDENTS, tmp_path, now=later, newest=NOW)
    assert sentence(result.why) == (
        "No incident in the 48 hours before 2026-11-20 09:00 +0000; "
        "what is known ends at 2026-11-20 09:00 +0000."
    )


@pytest.mark.parametrize(
    ("line", "expected"),
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
        ('{"coversUntil": "2026-11-20T08:00:00"}', "coversUntil is '2026-11-20T08:00:00'; expect"),
        ('{"coversUntil": "now"}', "expected an incident with at, severity and title"),
        ('{"severity": "x", "title": "y"}', "missing required field `at`"),
        ("garbage", "or coversUntil"),
        ('{"at": "yesterday", "severity": "x", "title": "y"}', "expected an incident with at"),
        ('{"at": "2026-11-01T08:00:00Z", "severity": "\udcff", "title": "y"}', "line 2: "),
    ],
    ids=["no offset", "end", "coverage", "no coverage", "no time", "garbage", "no moment", "bytes"],
)
def test_incidents_that_cannot_be_read(tmp_path: Path, line: str, expected: str) -> None:
    """A line that cannot be read leaves the check open and is named; it is never skipped."""
    text = "\n" + line + "\n" + COVERED
    (tmp_path / "incidents.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    result = look(INCIDENTS, tmp_path)
    assert result.holds is None
    assert "The evidence cannot be read: line 2: " in sentence(result.why)
    assert result.evidence == ("incidents.jsonl",)
    assert expected in sentence(result.why)


@pytest.mark.parametrize("until", ["2026-11-20T18:00+09:00", "2026-11-20T09:00Z"])
def test_a_time_needs_no_seconds(until: str, tmp_path: Path) -> None:
    """People write 18:00: it is that minute's beginning, and needs an offset as any other."""
    (tmp_path / "incidents.jsonl").write_text(f'{{"coversUntil": "{until}"}}', encoding="utf-8")
    result = look(INCIDENTS, tmp_path)
    assert (result.holds, result.at) == (True, NOW)
    bare = f'{{"coversUntil": "{until[:16]}"}}'
    (tmp_path / "incidents.jsonl").write_text(bare, encoding="utf-8")
    assert "expected an offset such as +09:00" in sentence(look(INCIDENTS, tmp_path).why)


def change(document: str, reflected: str = "true", more: str = "") -> str:
    """Return an entry of changes.yaml."""
    path = f"docs/{document}.md"
    return f"- {{document: {document}, path: {path}, reflected: {reflected}{more}}}\n"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Return an evidence folder within a workbook: one document in each."""
    folder = tmp_path / "runs" / "evidence"
    for name, base in (("HITL", folder), ("PLAN_super", tmp_path)):
        (base / "docs").mkdir(parents=True)
        (base / "docs" / f"{name}.md").write_text(name, encoding="utf-8")
    return folder


def reflect(folder: Path, text: str, **more: Any) -> CheckResult:  # noqa: ANN401
    """Return what is found of the documents, with changes.yaml as given."""
    (folder / "changes.yaml").write_text(text, encoding="utf-8")
    return look(DOCUMENTS, folder, root=folder.parents[1], **more)


BOTH = change("HITL") + change("PLAN_super")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (BOTH, True),
        (change("HITL") + change("PLAN_super", "false"), False),
        (change("HITL"), None),
        (change("HITL", "false"), False),
        (change("HITL", "false") + BOTH, False),
        ("[]", None),
        (f"updated: 2026-11-20\ndocuments:\n{BOTH}", True),
        (change("HITL") + change("PLAN_super", "false", ", waived: no flag of it changes"), True),
        (BOTH + change("OTHER", "false"), True),
    ],
    ids=[
        "all", "one stale", "one missing", "stale and missing", "contradiction", "empty list",
        "a listing with its time", "waived", "a document that the plan does not name",
    ],
)  # fmt: skip
def test_documents(documents: Path, text: str, holds: bool | None) -> None:  # noqa: FBT001
    """Every document must be listed as reflecting the change; a contradiction counts against it."""
    assert reflect(documents, text).holds is holds


def test_one_file_may_be_two_documents_and_is_said(documents: Path) -> None:
    """One path twice holds, with a word of it; a copy under another name is no second document."""
    twice = change("HITL") + change("PLAN_super").replace("docs/PLAN_super", "docs/../docs/HITL")
    result = reflect(documents, twice)
    assert (result.holds, result.why.code) == (True, "documents.shared")
    assert "several of them: docs/HITL.md (HITL, PLAN_super)." in sentence(result.why)
    three = Check(title="Documents", kind="documents", items=("HITL", "PLAN_super", "OTHER"))
    waived = twice + change("OTHER", "false", ", waived: no interface changes")
    (documents / "changes.yaml").write_text(waived, encoding="utf-8")
    both = look(three, documents, root=documents.parents[1])
    assert (both.holds, both.why.code) == (True, "documents.shared_waived")
    (documents / "docs" / "HITL.md").write_text("PLAN_super", encoding="utf-8")
    copied = reflect(documents, BOTH)
    assert (copied.holds, copied.why.code) == (None, "documents.copies")
    assert sentence(copied.why) == "PLAN_super is another copy of the file of HITL."


@pytest.mark.parametrize("path", ["runs/evidence/docs/HITL.md", "docs/hard.md", "hard.md"])
def test_one_file_by_two_names_is_one_file(documents: Path, path: str) -> None:
    """A path of the workbook, or a hard link in either folder, is the file itself and no copy."""
    for folder in (documents / "docs", documents.parents[1]):
        (folder / "hard.md").hardlink_to(documents / "docs" / "HITL.md")
    twice = change("HITL") + change("PLAN_super").replace("docs/PLAN_super.md", path)
    result = reflect(documents, twice)
    assert (result.holds, result.why.code) == (True, "documents.shared")
    assert f"several of them: docs/HITL.md = {path} (HITL, PLAN_super)." in sentence(result.why)
    assert result.evidence == ("changes.yaml", "docs/HITL.md", path)


@pytest.mark.parametrize(
    "slip",
    [
        "updated: soon\ndocuments:\n{}",
        "author: Ana\ndocuments:\n{}",
        "documents:\n- {{document: PLAN_super, path: docs/PLAN_super.md, reflect: true}}\n{}",
        "documents:\n- just a word\n{}",
    ],
)
def test_a_slip_elsewhere_hides_no_stale_document(documents: Path, slip: str) -> None:
    """An entry that is whole and says that it is behind fails the check; others leave it open."""
    stale = reflect(documents, slip.format(change("HITL", "false")))
    assert (stale.holds, stale.why.code) == (False, "documents.stale")
    assert "HITL" in sentence(stale.why)
    for fine in (change("HITL"), change("HITL", "false", ", waived: no flag"),
                 change("OTHER", "false")):  # fmt: skip
        read = reflect(documents, slip.format(fine))
        assert (read.holds, read.why.code) == (None, "evidence.unreadable")


def test_what_broken_yaml_seems_to_say_is_said(documents: Path) -> None:
    """Nobody can tell what it means, so the check is open; the line is named all the same."""
    result = reflect(documents, change("HITL", "false") + "- {document: [\n# reflected: false\n")
    assert (result.holds, result.why.code) == (None, "documents.unread")
    assert "changes.yaml: line " in sentence(result.why)
    assert "does not reflect the change (line 1)." in sentence(result.why)


def test_documents_are_evidence(documents: Path) -> None:
    """A document is found in the evidence folder or in the workbook, and digested as it is."""
    result = reflect(documents, BOTH)
    assert result.evidence == ("changes.yaml", "docs/HITL.md", "docs/PLAN_super.md")
    assert result.sha256[1] == sha256(b"HITL").hexdigest()


@pytest.mark.parametrize(
    "path", ["docs/HITL2.md", "docs", "../../../docs/PLAN_super.md", "/etc/hostname", "'\\0'", "''"]
)
def test_documents_that_are_not_there(documents: Path, path: str) -> None:
    """A path to nothing, to a folder or out of the workbook leaves the check open, by name."""
    entry = f"- {{document: HITL, path: {path}, reflected: true}}\n"
    result = reflect(documents, entry + change("PLAN_super"))
    assert result.holds is None
    expected = "0.path is ''" if path == "''" else f"changes.yaml says: HITL ({path.strip(chr(39))}"
    assert expected in sentence(result.why)


def test_a_document_as_it_was_does_not_reflect_the_change(documents: Path) -> None:
    """What is as in the last green record is open, by name, unless the entry waives it."""
    green = {"docs/HITL.md": sha256(b"HITL").hexdigest(), "changes.yaml": "0" * 64}
    result = reflect(documents, BOTH, green=green)
    assert result.holds is None
    assert (
        sentence(result.why) == "These documents are as they were in the last green record: HITL."
    )
    waived = change("HITL", more=", waived: nothing of it changes") + change("PLAN_super")
    why = sentence(reflect(documents, waived, green=green).why)
    assert "are waived: HITL (nothing of it changes)." in why
    (documents / "docs" / "HITL.md").write_text("HITL, and summaries", encoding="utf-8")
    assert reflect(documents, BOTH, green=green).holds is True


def test_a_document_is_the_one_that_was_attested(documents: Path) -> None:
    """Where the entry names a digest, another text under the same path is open."""
    attested = change("HITL", more=f", sha256: {sha256(b'HITL').hexdigest()}")
    assert reflect(documents, attested + change("PLAN_super")).holds is True
    (documents / "docs" / "HITL.md").write_text("Another", encoding="utf-8")
    result = reflect(documents, attested + change("PLAN_super"))
    assert (result.holds, result.why.code) == (None, "documents.changed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- {document: HITL, path: x, reflect: true}",
         "documents.0.reflected is missing; documents.0.reflect is not a known key"),
        ("updated: soon\ndocuments: []", "updated: 'soon' is no time"),
        ("just a sentence", "the file is 'just a sentence'"),
        ("- {document: [", "changes.yaml: line 1: "),
    ],
)  # fmt: skip
def test_misspelt_changes(documents: Path, text: str, expected: str) -> None:
    """A slip in changes.yaml leaves the check open and names the key."""
    result = reflect(documents, text)
    assert result.holds is None
    assert (
        f"The evidence cannot be read: changes.yaml: {expected.removeprefix('changes.yaml: ')}"
        in (sentence(result.why))
    )


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


def aged(folder: Path, at: str) -> dict[str, Check]:
    """Write evidence of all kinds that tells this time, and return the checks of it."""
    (folder / "docs").mkdir(parents=True)
    for name in ("HITL", "PLAN_super"):
        (folder / "docs" / f"{name}.md").write_text(name, encoding="utf-8")
    contract, perf = (
        passed.replace("<testsuite ", f'<testsuite timestamp="{at}" ') for passed in (PASSED, OTHER)
    )
    suites(folder, contract=contract, perf=perf)
    changes = f"at: {at}\nsimulated: true\ndocuments:\n{BOTH}"
    (folder / "changes.yaml").write_text(changes, encoding="utf-8")
    notes = f"# Notes\n**Date:** {at}\nsimulated: true\n## What changed\nA.\n## Actions\nNone.\n"
    (folder / "release-notes.md").write_text(notes, encoding="utf-8")
    (folder / "incidents.jsonl").write_text(f'{{"coversUntil": "{at}"}}', encoding="utf-8")
    return {"suites": JUNIT, "documents": DOCUMENTS, "notes": NOTES, "incidents": INCIDENTS}


@pytest.mark.parametrize(
    ("at", "holds"),
    [("2026-11-20T18:00:00+09:00", True), ("2026-11-20T17:59:59+09:00", None)],
    ids=["with the newest run", "a second before"],
)
def test_evidence_has_a_date(tmp_path: Path, at: str, holds: bool | None) -> None:  # noqa: FBT001
    """What is older than the newest treatment run is open, and both times are told."""
    for check in aged(tmp_path, at).values():
        result = look(check, tmp_path, newest=NOW, simulated=True)
        assert result.holds is holds, check.kind
        assert result.at == datetime.fromisoformat(at)
        why = sentence(result.why)
        if holds:
            assert "2026-11-20 18:00 +0900" in why or check.kind == "incidents"
        else:
            assert "2026-11-20 09:00 +0000" in why
            assert "2026-11-20 17:59 +0900" in why or "2026-11-20 08:59 +0000" in why


def test_the_names_of_what_is_stale(tmp_path: Path) -> None:
    """Only what is too old is named; the rest of the evidence is as new as it says."""
    old = PASSED.replace("<testsuite ", '<testsuite timestamp="2026-10-23T13:00:00+09:00" ')
    new = PASSED.replace("<testsuite ", '<testsuite timestamp="2026-11-21T13:00:00+09:00" ')
    result = look(JUNIT, suites(tmp_path, contract=new, perf=old), newest=NOW)
    assert result.why.code == "evidence.stale"
    assert sentence(result.why) == (
        "Older than the newest treatment run, of 2026-11-20 09:00 +0000: "
        "perf, of 2026-10-23 13:00 +0900."
    )


def test_a_failure_of_yesterday_is_a_failure(tmp_path: Path) -> None:
    """Age opens what would hold; it never softens what failed."""
    failed = '<testsuite timestamp="2026-10-23T13:00:00Z" failures="1"><testcase/></testsuite>'
    result = look(JUNIT, suites(tmp_path, contract=PASSED, perf=failed), newest=NOW)
    assert result.holds is False
    assert sentence(result.why) == (
        "These suites fail: perf. Evidence of 2026-10-23 13:00 +0000; "
        "nothing tells the age of: contract."
    )


def test_a_time_without_an_offset_is_old_only_where_it_is_everywhere(tmp_path: Path) -> None:
    """Many tools tell no offset; the text shows none, and the westernmost zone is granted."""
    for at, holds in (("2026-11-19T21:00:00", True), ("2026-11-19T20:59:59", None)):
        dated = PASSED.replace("<testsuite ", f'<testsuite timestamp="{at}" ')
        result = look(
            JUNIT, suites(tmp_path, contract=dated, perf=dated.replace('"a"', '"b"')), newest=NOW
        )
        assert result.holds is holds
        assert f"of {at[:10]} {at[11:16]}." in sentence(result.why)


def test_undated_evidence_holds_unless_the_plan_limits_its_age(tmp_path: Path) -> None:
    """The reason says that the age is unknown; with max_age_days in the plan that is not enough."""
    suites(tmp_path, contract=PASSED, perf=OTHER)
    result = look(JUNIT, tmp_path, newest=NOW)
    assert (result.holds, result.at) == (True, None)
    assert sentence(result.why).endswith("Nothing tells the age of: contract, perf.")
    limited = JUNIT.model_copy(update={"max_age_days": 30})
    assert look(limited, tmp_path, newest=NOW).why.code == "evidence.undated"


def test_the_plan_may_let_evidence_be_older(tmp_path: Path) -> None:
    """max_age_days: so much older than the newest treatment run, to the second."""
    checks = aged(tmp_path, "2026-11-13T09:00:00Z")
    for days, holds in ((7, True), (6, None), (0, None)):
        for key in ("suites", "documents", "notes"):
            limited = checks[key].model_copy(update={"max_age_days": days})
            result = look(limited, tmp_path, newest=NOW, simulated=True)
            assert result.holds is holds
            assert holds or f"More than {days} days older" in sentence(result.why)
    without = look(limited, tmp_path)
    assert (without.holds, without.why.code) == (None, "evidence.no_run_time")


def test_incidents_have_no_age_of_their_own() -> None:
    """Their file says until when it covers: a limit of its age would be a second rule."""
    with pytest.raises(ValueError, match="leave max_age_days out"):
        Check(title="Quiet", kind="incidents", hours=48, max_age_days=3)


def test_simulated_evidence_says_so(tmp_path: Path) -> None:
    """Evidence that is not from real work holds a check only beside runs that are not either."""
    checks = aged(tmp_path, "2026-11-20T18:00:00+09:00")
    property_ = '<property name="simulated" value="true"/>'
    suites(tmp_path, perf=PASSED.replace("<testcase", property_ + "<testcase", 1))
    with (tmp_path / "incidents.jsonl").open("a", encoding="utf-8") as log:
        log.write('\n{"simulated": true}\n')
    for check in checks.values():
        alone, beside = look(check, tmp_path), look(check, tmp_path, simulated=True)
        assert alone.simulated
        assert beside.simulated
        assert (alone.holds, alone.why.code) == (None, "evidence.simulated"), check.kind
        assert beside.holds is True, check.kind
    (tmp_path / "incidents.jsonl").write_text(COVERED, encoding="utf-8")
    assert look(INCIDENTS, tmp_path).simulated is False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-10-28T13:00:00.123456789Z", "2026-10-28 13:00 +0000"),
        ("2026-10-28 13:00:00 +0900", "2026-10-28 13:00 +0900"),
        ("2026-10-28 13:00", "2026-10-28 13:00"),
        ("Wed, 28 Oct 2026 13:00:00 +0900", "2026-10-28 13:00 +0900"),
        ("1793192400", "2026-10-28 13:00 +0000"),
        ("1793192400123", "2026-10-28 13:00 +0000"),
        ("0001-01-01T00:00:00", None),
        ("1970-01-01T00:00:00Z", None),
        ("", None),
        ("10/28/2026", None),
        ("2026-13-45", None),
        (7, None),
    ],
)
def test_times_in_the_wild(value: object, text: str | None) -> None:
    """What tools write as a time is read; a default that means nothing tells none."""
    moment = read_moment(value)
    assert (moment and moment.text) == text


DRAFT = "TODO(pm): what happens next"


@pytest.mark.parametrize(
    "words",
    ["N/A", "해당 없음", "- 없음.", "\u2039무엇이 바뀌었는지\u203a", "{{what}}", "[내용 입력]",
     "<what changed>",
     "Lorem ipsum dolor\nsit amet", "\uff34\uff2f\uff24\uff2f(pm): x", "TODO\uff08pm\uff09: x",
     "| {{a}} | {{b}} |", "- [ ]"],
)  # fmt: skip
def test_a_template_that_nobody_filled_says_nothing(tmp_path: Path, words: str) -> None:
    """Slots, filler and "not applicable" in a section are no words for it."""
    notes = f"## What changed\n{words}\n## Actions\nNone.\n"
    (tmp_path / "release-notes.md").write_text(notes, encoding="utf-8")
    result = look(NOTES, tmp_path)
    assert result.holds is None
    assert result.why.code in {"notes.lack", "evidence.unfilled"}


@pytest.mark.parametrize(
    "words",
    [
        "[Plan](plan.md)",
        "- [x] Tags are on",
        "<https://ex.com/plan>",
        "Tags [new] come",
        "[Plan][1]",
    ],
)
def test_links_and_boxes_are_words(tmp_path: Path, words: str) -> None:
    """What Markdown writes in brackets is no slot."""
    notes = f"## What changed\n{words}\n## Actions\nNone.\n"
    (tmp_path / "release-notes.md").write_text(notes, encoding="utf-8")
    assert look(NOTES, tmp_path).holds is True


@pytest.mark.parametrize(
    ("check", "name", "text", "lines"),
    [
        (NOTES, "release-notes.md", f"## What changed\nTags.\n## Actions\n{DRAFT}\n", "4"),
        (NOTES, "release-notes.md", f"## Actions\ntodo(PM)\nA <!-- {DRAFT} -->", "2, 3"),
        (INCIDENTS, "incidents.jsonl", '{"coversUntil": "TODO(engine): a time"}', "1"),
        (DOCUMENTS, "changes.yaml", f"documents:\n- {{document: HITL, path: '{DRAFT}'}}", "2"),
    ],
)  # fmt: skip
def test_a_placeholder_keeps_its_check_open(
    check: Check, name: str, text: str, lines: str, tmp_path: Path
) -> None:
    """Whatever else a file says: the reason names it and the lines."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    result = look(check, tmp_path)
    assert (result.holds, result.why.code, result.evidence) == (None, "evidence.unfilled", (name,))
    assert f"in line {lines};" in sentence(result.why)


def test_a_suite_with_a_placeholder_is_open(tmp_path: Path) -> None:
    """Also beside tests that passed; a failure elsewhere counts for more."""
    mark = '<properties><property name="TODO(qa): the result"/></properties>'
    draft = PASSED.replace("<testcase", f"{mark}<testcase")
    result = look(JUNIT, suites(tmp_path, contract=draft, perf=PASSED))
    assert (result.holds, sentence(result.why)) == (
        None, "These suites wait for their results, and are drafts: contract."
    )  # fmt: skip
    empty = '<testsuite tests="0"/>'
    result = look(JUNIT, suites(tmp_path, perf=empty))
    assert result.why.code == "suites.open"
    failed = '<testsuite><testcase name="a"><failure/></testcase></testsuite>'
    assert look(JUNIT, suites(tmp_path, perf=failed)).holds is False


@pytest.mark.parametrize("nothing", ["TBD", "- todo", "**작성 예정**", "tba.\n\nWIP", "|---|"])
def test_words_that_promise_words_are_none(nothing: str, tmp_path: Path) -> None:
    """A section of the notes that says only that it will be written is missing."""
    text = f"## What changed\n{nothing}\n## Actions\nTags.\n"
    (tmp_path / "release-notes.md").write_text(text, encoding="utf-8")
    result = look(NOTES, tmp_path)
    assert (result.holds, result.why.code) == (None, "notes.lack")
    assert "What changed" in sentence(result.why)
