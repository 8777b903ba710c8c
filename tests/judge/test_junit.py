"""JUnit XML as tools write it: every dialect against another kind of reader; hostile files."""

from __future__ import annotations

import random
import re
import xml.sax
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.sax.handler import ContentHandler

import pytest

from rolloutlib.judge.junit import Suite, read_suite
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import LANGUAGES

if TYPE_CHECKING:
    from xml.sax.xmlreader import AttributesImpl

FILES = sorted((Path(__file__).parents[1] / "data" / "junit").glob("*.xml"))
NAMES = [file.name for file in FILES]


def verdict(suite: Suite) -> str:
    """Return what a suite is, in a word."""
    if suite.failed:
        return "failed"
    if suite.doubt is None:
        return "passed"
    return "unreadable" if suite.doubt.code == "suite.unreadable" else "open"


def read(folder: Path, text: str) -> Suite:
    """Read a text as the file of a suite."""
    file = folder / "TEST-perf.xml"
    file.write_text(text, encoding="utf-8")
    return read_suite("perf", file)


class Reader(ContentHandler):
    """Another reader: it hears the elements one by one, whatever their namespace, and counts.

    It knows nothing of a tree. A suite's counts are remembered when it opens and compared with what
    was heard since when it closes.
    """

    ATTEMPTS: ClassVar = ("flakyFailure", "flakyError", "rerunFailure", "rerunError")

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.path: list[str] = []
        self.suites: list[tuple[AttributesImpl, list[int]]] = []
        self.broken = self.odd = self.missing = False
        self.ran = self.skipped = self.attempts = self.cases = 0
        self.case: set[str] = set()

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        """Hear an element begin."""
        short = name.rpartition(":")[2]
        if not self.path:
            assert short in {"testsuites", "testsuite", "testcase", "testrun"}
        parent = self.path[-1] if self.path else ""
        self.path.append(short)
        if short == "testcase":
            words = (attrs.get(key, "") for key in ("status", "result"))
            self.case = {re.sub("[^a-z]", "", word.lower()) for word in words} - {""}
        elif parent == "testcase":
            self.case.add(short)
        elif short in {"failure", "error"} and parent == "testsuite":
            self.broken = True
        elif short in {"testsuite", "testsuites", "testrun"}:
            before = [self.cases, self.skipped, self.ran, self.attempts]
            self.suites.append((attrs, before))

    def endElement(self, name: str) -> None:  # noqa: N802
        """Hear an element end."""
        short = self.path.pop()
        assert name.endswith(short)
        if short == "testcase":
            self.close_case()
        elif short in {"testsuite", "testsuites", "testrun"}:
            self.close_suite(*self.suites.pop())

    def close_case(self) -> None:
        """Count a case."""
        self.cases += 1
        bad = {"failure", "error", "fail", "failed", "panicked"}
        idle = {"skipped", "notrun", "disabled", "suppressed", "pending"}
        fine = {"run", "completed", "pass", "xfail", "passed"}
        if self.case & bad:
            self.broken = True
        elif self.case & idle:
            self.skipped += 1
        else:
            self.ran += 1
            self.attempts += len(self.case & {*self.ATTEMPTS})
            expected = fine | {*self.ATTEMPTS} | {"systemout", "system-out"}
            self.odd |= bool(self.case - expected)

    def close_suite(self, attrs: AttributesImpl, before: list[int]) -> None:
        """Hold a suite's counts against what was heard in it."""

        def count(name: str) -> float:
            try:
                value = float(attrs.get(name) or 0)
            except ValueError:
                value = -1.0
            self.odd |= value < 0
            return max(value, 0.0)

        cases, skipped, ran, attempts = (
            now - then
            for now, then in zip(
                (self.cases, self.skipped, self.ran, self.attempts), before, strict=True
            )
        )
        self.broken |= count("failures") + count("errors") > attempts and not self.broken
        absent = count("tests") - cases - attempts
        idle = count("skipped") + count("disabled") - skipped
        self.missing |= absent > max(idle, 0)
        if absent <= 0 < idle >= ran:
            self.ran -= ran

    @property
    def verdict(self) -> str:
        """What was heard, in a word."""
        if self.broken:
            return "failed"
        return "open" if self.odd or self.missing or self.ran <= 0 else "passed"


def heard(file: Path) -> str:
    """Return the other reader's verdict of a file."""
    data, reader = file.read_bytes(), Reader()
    for guess in ("utf-8-sig", "utf-16", "utf-16-le", "latin-1"):
        text = data.decode(guess, "ignore")
        if "<test" in text or guess == "latin-1":
            break
    if "<!ENTITY" in text:
        return "unreadable"
    text = re.sub(r"<\?xml.*?\?>", "", text.strip("\ufeff \n"), count=1)
    text = re.sub(r"&#[xX]?[0-9a-fA-F]+;", "", text)
    text = "".join(char for char in text if char in "\t\n\r" or char >= " ")
    text = text.replace("\ufffe", "").replace("\uffff", "")
    try:
        xml.sax.parseString(text, reader)  # noqa: S317 -- files of our own
    except (xml.sax.SAXException, AssertionError):
        return "unreadable"
    return reader.verdict


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_dialects(file: Path) -> None:
    """Each file is what its name says: what a person says who knows the tool."""
    assert verdict(read_suite("perf", file)) == file.stem.rpartition(".")[2]


@pytest.mark.parametrize("file", [file for file in FILES if "encoding" not in file.name])
def test_another_reader_says_the_same(file: Path) -> None:
    """A reader of another kind, blind to namespaces, comes to the same verdict of every file.

    It knows no names of encodings, and so not that some are none.
    """
    assert heard(file) == verdict(read_suite("perf", file))


def test_the_corpus_is_of_many_tools() -> None:
    """At least twelve tools, and each verdict often: a corpus that shrinks is noticed."""
    verdicts = [name.split(".")[-2] for name in NAMES]
    assert {
        "surefire", "gradle", "pytest", "jest", "mocha", "cypress", "gtest", "ctest", "bazel", "go",
        "phpunit", "playwright", "minitest", "rspec",
    } <= {name.split(".")[0].split("-")[0] for name in NAMES}  # fmt: skip
    assert min(map(verdicts.count, ("passed", "failed", "open", "unreadable"))) >= 15


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nunit3", "NUnit 3, not JUnit XML"),
        ("nunit2", "NUnit 2, not JUnit XML"),
        ("xunit2", "xUnit.net v2, not JUnit XML"),
        ("trx", "MSTest (TRX), not JUnit XML"),
        ("html", "HTML, not JUnit XML"),
        ("json", "JSON, not JUnit XML"),
        ("tap", "TAP, not JUnit XML"),
        ("gzip", "gzip, not JUnit XML"),
        ("feed", "its root is rss"),
        ("empty", "is empty"),
        ("truncated", "cut off or broken (unclosed token: line 2"),
        ("bomb", "declares XML entities, which are refused"),
        ("outside", "declares XML entities, which are refused"),
        ("nonsense-encoding", "the unknown encoding nonsense"),
    ],
)
def test_what_is_no_junit_is_named(name: str, expected: str) -> None:
    """The reason names the suite, the file and what it is, in both languages."""
    file = next(file for file in FILES if file.name == f"{name}.unreadable.xml")
    doubt = read_suite("perf", file).doubt
    assert doubt is not None
    assert f"perf: junit/{file.name}" in sentence(doubt)
    assert expected in sentence(doubt)
    assert all(file.name in sentence(doubt, lang) for lang in LANGUAGES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<testsuite tests="50"><testcase name="a"/></testsuite>', "of 50 declared tests 49 are"),
        ('<testsuite><testcase status="notrun"/></testsuite>', "of 1 tests none ran"),
        ('<testsuites><testsuite tests="4"/><testsuite tests="3"/></testsuites>',
         "of 7 declared tests 7 are missing"),
        ('<testsuite errors="two"><testcase/></testsuite>', "errors is 'two'"),
        ('<testsuite tests="1.5"><testcase/></testsuite>', "tests is '1.5'"),
        ('<testsuite><testcase result="perhaps"/></testsuite>', "result is 'perhaps'"),
    ],
)  # fmt: skip
def test_doubts_carry_their_numbers(tmp_path: Path, text: str, expected: str) -> None:
    """What is open says how much of it, or which word."""
    doubt = read(tmp_path, text).doubt
    assert doubt is not None
    assert expected in sentence(doubt)


def test_flaky_tests_are_named(tmp_path: Path) -> None:
    """At most ten of them, in the file's order, without the colours that a terminal shows."""
    case = '<testcase name="&#27;[31mt{}"><flakyFailure/></testcase>'
    text = f"<testsuite>{''.join(map(case.format, range(12)))}</testsuite>"
    assert read(tmp_path, text).flaky == tuple(f"t{number}" for number in range(10))


def test_times_are_the_suites_or_else_the_cases(tmp_path: Path) -> None:
    """A suite's own time counts; where it has none, those of its cases; a property's does not."""
    case = '<testcase timestamp="2026-10-02"/>'
    suite = f'<testsuite timestamp="2026-10-01">{case}</testsuite>'
    assert read(tmp_path, suite).timestamps == ("2026-10-01",)
    untimed = f'<testsuite timestamp=""><property timestamp="2026-01-01"/>{case}</testsuite>'
    assert read(tmp_path, untimed).timestamps == ("2026-10-02",)
    assert read(tmp_path, "<testsuite><testcase/></testsuite>").timestamps == ()


@pytest.mark.parametrize(
    ("property_", "simulated"),
    [
        ('<property name="simulated" value="true"/>', True),
        ('<property name="simulated">TRUE</property>', True),
        ('<property name="simulated" value="false"/>', False),
        ('<property name="seed" value="true"/>', False),
    ],
)
def test_simulated(tmp_path: Path, property_: str, simulated: bool) -> None:  # noqa: FBT001
    """A property says that nothing was tested."""
    text = f"<testsuite><properties>{property_}</properties><testcase/></testsuite>"
    assert read(tmp_path, text).simulated is simulated


def test_a_hostile_depth_is_read_like_any_other(tmp_path: Path) -> None:
    """Twenty thousand suites within each other: no recursion, and the failure is found."""
    deep = 20_000
    inner = '<testcase name="a"><failure/></testcase>'
    assert read(tmp_path, "<testsuite>" * deep + inner + "</testsuite>" * deep).failed


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is not read into memory."""
    monkeypatch.setattr("rolloutlib.judge.xml_text.MAX_BYTES", 10)
    doubt = read(tmp_path, "<testsuite><testcase/></testsuite>").doubt
    assert doubt is not None
    assert "is larger than 10 bytes" in sentence(doubt)


@pytest.mark.parametrize("file", [file for file in FILES if ".passed" in file.name])
def test_what_is_cut_off_never_passes(file: Path, tmp_path: Path) -> None:
    """A file that ends before its last element does is never a pass, wherever it ends."""
    data, cut_off = file.read_bytes(), tmp_path / "TEST-perf.xml"
    end = data.rfind(b">")
    for cut in range(0, end, max(1, end // 40)):
        cut_off.write_bytes(data[:cut])
        assert verdict(read_suite("perf", cut_off)) != "passed", cut


@pytest.mark.slow
def test_damaged_files_are_verdicts_too(tmp_path: Path) -> None:
    """Whatever bytes a file has, there is a verdict with a sentence, and no other error."""
    rng, damaged = random.Random(9), tmp_path / "TEST-perf.xml"  # noqa: S311 -- to be repeatable
    for _ in range(600):
        data = bytearray(rng.choice(FILES).read_bytes())
        for _ in range(rng.randint(1, 5)):
            at, size = rng.randint(0, len(data)), rng.randint(0, 9)
            data[at : at + size] = rng.choice((rng.randbytes(3), data[size : 5 * size], b""))
        damaged.write_bytes(data)
        suite = read_suite("perf", damaged)
        assert suite.doubt is None or sentence(suite.doubt)
