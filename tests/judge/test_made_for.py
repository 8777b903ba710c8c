"""Evidence that says what runs it is of holds a check of these alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from rolloutlib.judge.checks import run_checks
from rolloutlib.judge.made_for import ReviewedRuns, runs_digest
from rolloutlib.measure.averages import RunRow
from rolloutlib.measure.configuration import ArmSummary
from rolloutlib.plan.model import Check
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
RUNS = (
    RunRow("a1", "old", NOW, "a1", 30, 0.9, None, 900.0, 0.0, averaged=True),
    RunRow("b1", "new", NOW, "b1", 30, 0.91, 8.0, 905.5, 0.0, averaged=True),
)
ARM = ArmSummary("new", 1, 30, None, None, flags={"searchLite": True}, strategies=("beef" * 4,))
REVIEWED = ReviewedRuns(
    2, "old", "new", ARM, "default", NOW, runs_digest(RUNS), "0123456789abcdef" * 4
)
SAME = (
    "stage: 2", "control: old", "treatment: new", "strategy: beefbeef", "profile: default",
    "flags: {searchLite: true}", "as_of: 2026-11-20T18:00+09:00", "as_of: 2026-11-20",
    f"runs: '{runs_digest(RUNS)[:16]}'", "data_sha256: '0123456789ABCDEF'",
)  # fmt: skip
OTHER = (
    "stage: 3", "control: new", "treatment: old", "strategy: beef0000", "strategy: bee",
    "profile: strict", "flags: {searchLite: false}", "flags: {autoTagging: true}",
    "as_of: 2026-11-20T18:01+09:00", "as_of: 2026-11-21",
    f"runs: '{runs_digest(RUNS[:1])[:16]}'", "data_sha256: '0123456789abcdee'",
)  # fmt: skip
NOTES = Check(title="Notes", kind="release_notes", items=("What changed",))
DOCUMENTS = Check(title="Documents", kind="documents", items=("HITL",))
SUITES = Check(title="Suites", kind="junit", items=("perf",))


def look(check: Check, folder: Path, runs: ReviewedRuns | None = REVIEWED) -> CheckResult:
    """Look at a check's evidence beside the reviewed runs."""
    return run_checks({"id": check}, folder, now=NOW, runs=runs)[0]


def notes(folder: Path, text: str, *, in_front: bool = True) -> Path:
    """Write release notes that say so."""
    front = f"---\nmade_for:\n  {text}\n---\n" if in_front else ""
    below = "" if in_front else f"\nmade_for: {{{text}}}\n"
    (folder / "release-notes.md").write_text(
        f"{front}# Notes\n\n## What changed\nTags.\n{below}", encoding="utf-8"
    )
    return folder


def changes(folder: Path, text: str) -> Path:
    """Write changes.yaml that says so."""
    document = "{document: HITL, path: HITL.md, reflected: true}"
    (folder / "HITL.md").write_text("HITL", encoding="utf-8")
    (folder / "changes.yaml").write_text(
        f"made_for:\n  {text}\ndocuments:\n  - {document}\n", encoding="utf-8"
    )
    return folder


def suite(folder: Path, *properties: tuple[str, str]) -> Path:
    """Write a suite that passed, with properties; `our.` stands for the prefix of our own."""
    properties = tuple((name.replace("our.", "rollout.made_for."), at) for name, at in properties)
    inner = "".join(f'<property name="{name}" value="{value}"/>' for name, value in properties)
    (folder / "junit").mkdir(exist_ok=True)
    (folder / "junit" / "TEST-perf.xml").write_text(
        f'<testsuite><properties>{inner}</properties><testcase name="a"/></testsuite>',
        encoding="utf-8",
    )
    return folder


@pytest.mark.parametrize("text", SAME)
def test_what_is_so_holds(tmp_path: Path, text: str) -> None:
    """Every key that agrees leaves both checks as they are."""
    assert look(NOTES, notes(tmp_path, text)).holds is True
    assert look(NOTES, notes(tmp_path, text, in_front=False)).holds is True
    assert look(DOCUMENTS, changes(tmp_path, text)).holds is True


@pytest.mark.parametrize("text", OTHER)
def test_what_is_of_other_runs_is_open(tmp_path: Path, text: str) -> None:
    """The check is open, and its sentence names the key, what is said, and in both languages."""
    for result in (
        look(NOTES, notes(tmp_path, text)),
        look(NOTES, notes(tmp_path, text, in_front=False)),
        look(DOCUMENTS, changes(tmp_path, text)),
    ):
        assert (result.holds, result.why.code) == (None, "evidence.other_runs")
        for lang in ("en", "ko"):
            assert text.partition(":")[0] in sentence(result.why, lang)
            assert "{" not in sentence(result.why, lang)


def test_what_runs_do_not_tell_confirms_nothing(tmp_path: Path) -> None:
    """A hash beside runs without one, and a moment beside a review without one, are open."""
    bare = REVIEWED._replace(arm=structs.replace(ARM, strategies=(), flags=None), as_of=None)
    for text in ("strategy: beefbeef", "flags: {searchLite: true}", "as_of: 2026-11-20"):
        result = look(NOTES, notes(tmp_path, text), bare)
        assert result.holds is None
        assert "do not tell" in sentence(result.why)


def test_a_suite_says_what_it_ran_on(tmp_path: Path) -> None:
    """Properties `rollout.made_for.…` are held against the runs; two values of one are none."""
    good = (("our.treatment", "new"), ("our.flags.searchLite", "true"), ("stage", "prod"))
    assert look(SUITES, suite(tmp_path, *good)).holds is True
    for odd in ("old", "strategy"):
        name = "our.treatment" if odd == "old" else "our.strategy"
        result = look(SUITES, suite(tmp_path, *good, (name, odd)))
        assert (result.holds, result.why.code) == (None, "evidence.other_runs")
    unknown = look(SUITES, suite(tmp_path, ("our.tretment", "new")))
    assert (unknown.holds, unknown.why.code) == (None, "evidence.unreadable")
    assert "made_for.tretment" in sentence(unknown.why)
    for foreign in ("rollout.version", "rollout.env", "rollout.stage"):
        assert look(SUITES, suite(tmp_path, (foreign, "1.2"))).holds is True


@pytest.mark.parametrize("text", ["stag: 2", "runs: 12", "as_of: soon", "stage: [2", "flags: on"])
def test_what_cannot_be_read_is_open(tmp_path: Path, text: str) -> None:
    """A slip in a key or a value is no agreement."""
    assert look(NOTES, notes(tmp_path, text)).why.code == "evidence.unreadable"
    assert look(DOCUMENTS, changes(tmp_path, text)).why.code == "evidence.unreadable"


def test_a_failure_stays_a_failure(tmp_path: Path) -> None:
    """Whatever runs evidence is of, and however it says so: it fails, or lacks what it lacks."""
    for text in ("stage: 3", "stag: 3"):
        file = changes(tmp_path, text) / "changes.yaml"
        file.write_text(file.read_text("utf-8").replace("true", "false"), "utf-8")
        assert look(DOCUMENTS, tmp_path).holds is False
        file = notes(tmp_path, text) / "release-notes.md"
        file.write_text(file.read_text("utf-8").replace("What changed", "Else"), "utf-8")
        assert look(NOTES, tmp_path).why.code == "notes.lack"
    both = Check(title="Suites", kind="junit", items=("perf", "contract"))
    broken = '<testsuite name="contract"><testcase name="a"><failure/></testcase></testsuite>'
    (suite(tmp_path, ("our.tretment", "new")) / "junit" / "TEST-contract.xml").write_text(broken)
    assert (look(both, tmp_path).holds, look(both, tmp_path).why.code) == (False, "suites.fail")


@pytest.mark.parametrize("value", [" the beta users", " Acme: all", "", "\n  - Acme", " |\n  Acme"])
def test_words_about_people_are_no_runs(tmp_path: Path, value: str) -> None:
    """Only a mapping tells runs; a key of it that is none is named with `made_for`."""
    file = notes(tmp_path, "stage: 2") / "release-notes.md"
    text = file.read_text("utf-8")
    file.write_text(text.replace("\n  stage: 2", value), "utf-8")
    assert look(NOTES, tmp_path).holds is True
    file.write_text(text.replace("stage: 2", "stag: 2"), "utf-8")
    assert "made_for.stag" in sentence(look(NOTES, tmp_path).why)


def test_the_digest_of_runs_moves_with_their_numbers() -> None:
    """Another run, row, start or number is another digest; order and rounding are none."""
    row = RUNS[1]
    rounded = structs.replace(row, avg_latency_ms=905.5 * (1 + 1e-14), replicate="x")
    assert runs_digest((rounded, RUNS[0])) == runs_digest(RUNS)
    for other in ({"n": 31}, {"run_id": "b2"}, {"pass_rate": 0.92}, {"started_at": None}):
        assert runs_digest((RUNS[0], structs.replace(row, **other))) != runs_digest(RUNS)


@pytest.mark.parametrize("mark", ['"', "'", "**", ""])
def test_the_quoted_date_of_a_draft_is_its_date(tmp_path: Path, mark: str) -> None:
    """As YAML quotes it in the front matter, or Markdown marks it: old notes are old."""
    folder = notes(tmp_path, f"stage: 2\ndate: {mark}2026-11-19T18:00:00+09:00{mark}")
    file = folder / "release-notes.md"
    result = run_checks({"id": NOTES}, folder, now=NOW, newest=NOW, runs=REVIEWED)[0]
    assert (result.holds, result.why.code) == (None, "evidence.stale")
    file.write_text(file.read_text("utf-8").replace("date:", f"simulated: {mark}true{mark}\nat:"))
    assert run_checks({"id": NOTES}, folder, now=NOW, runs=REVIEWED)[0].simulated


def test_another_suites_file_is_no_result(tmp_path: Path) -> None:
    """A copy of one suite's file under another name is open; names that the plan lacks are none."""
    both = Check(title="Suites", kind="junit", items=("perf", "contract"))
    folder = tmp_path / "junit"
    folder.mkdir()
    for own, named, holds in (("contract", "perf", None), ("Perf", "perf", True), ("x", "y", True)):
        for file, name in (("perf", own), ("contract", "contract")):
            text = f'<testsuite name="{name}"><testcase name="{named}" time="{file}"/></testsuite>'
            (folder / f"TEST-{file}.xml").write_text(text, encoding="utf-8")
        result = look(both, tmp_path)
        assert result.holds is holds
    (folder / "TEST-perf.xml").write_bytes((folder / "TEST-contract.xml").read_bytes())
    assert "perf: the suite in its file is called contract" in sentence(look(both, tmp_path).why)


CASE = '<testcase classname="t" name="a"{}/>'
TIMED = CASE.format(' time="1.25"')
AT = 'timestamp="2026-11-19T09:00:00Z"'


def both_suites(folder: Path, perf: str, contract: str) -> CheckResult:
    """Look at two suites with these files."""
    (folder / "junit").mkdir()
    for name, text in (("perf", perf), ("contract", contract)):
        (folder / "junit" / f"TEST-{name}.xml").write_text(text, encoding="utf-8")
    return look(Check(title="Suites", kind="junit", items=("perf", "contract")), folder)


def report(name: str, case: str = CASE.format(""), more: str = AT) -> str:
    """Return a suite of this name with a test."""
    return f'<testsuite name="{name}" {more}>{case}</testsuite>'


ALL = f"<testsuites>{report('perf')}{report('contract', TIMED)}</testsuites>"


@pytest.mark.parametrize(
    ("perf", "contract"),
    [
        (f'<testsuites name="all">{report("unit")}{report("contract")}</testsuites>',
         report("contract", TIMED)),
        (f'<testsuites name="all">{report("contract")}</testsuites>', report("contract", TIMED)),
        (f"<testsuites>{report('unit')}{report('contract')}</testsuites>", report("x", TIMED)),
        (report("perf"), report("contract")),
        (ALL, ALL),
        (report("pytest", TIMED), report("pytest", TIMED, AT.replace("19", "18"))),
        (report("pytest", TIMED), report("pytest", TIMED.replace("1.25", "1.26"))),
    ],
)  # fmt: skip
def test_suites_that_are_alike_by_chance_hold(tmp_path: Path, perf: str, contract: str) -> None:
    """An inner suite's name, tests of one name without times, and a report of all are no copies."""
    assert both_suites(tmp_path, perf, contract).holds is True


@pytest.mark.parametrize(
    ("perf", "contract", "code"),
    [
        (report("pytest"), report("pytest"), "suite.copy"),
        (report("pytest", TIMED), report("contract", TIMED), "suite.copy"),
        (report("perf", TIMED), report("contract", TIMED), "suite.copy"),
        (f'<testsuites name="perf">{report("contract")}</testsuites>', report("contract"),
         "suite.copy"),
        (f'<testsuites name="pytest tests">{report("contract")}</testsuites>',
         report("contract", TIMED), "suite.other"),
    ],
)  # fmt: skip
def test_copies_of_a_suite_are_open(tmp_path: Path, perf: str, contract: str, code: str) -> None:
    """The same tests and times under two names are one result; both languages name the suites."""
    result = both_suites(tmp_path, perf, contract)
    assert result.holds is None
    assert code in str(result.why)
    for lang in ("en", "ko"):
        assert "perf" in sentence(result.why, lang)
        assert "contract" in sentence(result.why, lang)
