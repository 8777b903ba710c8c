"""One JUnit XML file, in whichever dialect a tool writes it: did its tests run, and did they pass?

The format has no standard. What counts here: names without their namespace, in whatever case;
failures on cases, on suites, in counts or in a word alone, wherever they stand but in what a test
printed; "did not run" as an element, a status word or a count; tests that are declared and are not
in the file, or the other way round. A library that maps the elements to objects
(junitparser) knows neither namespaces nor words nor counts that contradict the cases, so the tree
itself is read, by a parser that refuses entities.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.judge.junit_words import FAILED, NO, NOT_RUN, RAN, UNSURE, WORDS, YES, YES_NO
from rolloutlib.judge.unfilled import lines_unfilled
from rolloutlib.judge.xml_text import UnreadableError, parse
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from rolloutlib.reason import Reason

__all__ = ["Suite", "read_suite"]

_SUITES: Final = frozenset({"testsuites", "testsuite", "testrun"})
_LOGS: Final = frozenset({"systemout", "systemerr"})  # what is in them is no result
_BROKEN: Final = frozenset({"failure", "error", "failed", "exception"})
_ATTEMPTS: Final = {
    "failures": ("flakyfailure", "rerunfailure"), "errors": ("flakyerror", "rerunerror"),
}  # fmt: skip
_COUNTS: Final = {
    "failures": ("failures", "failed", "fails", "failure"),
    "errors": ("errors", "error", "aborted", "crashed", "timeouts"), "tests": ("tests", "total"),
    "skipped": ("skipped", "disabled", "skip", "skips", "ignored", "notrun"),
}  # fmt: skip
_NAMED: Final = 10
_OF_RUNS: Final = "rollout.made_for."
_SIGNS: Final = ("classname", "name", "time", "timestamp")  # of a test
_RUNNER: Final = "pytest tests"  # what pytest calls every report, whatever suite it is of
_COUNT: Final = re.compile(r"\+?([0-9]{1,12})(\.0*)?")


class Suite(NamedTuple):
    """A suite and what its file says.

    Attributes:
        failed: some test failed, or the file counts a failure that no later success explains.
        doubt: why nothing can be concluded although nothing failed; None for a suite that passed.
        flaky: tests that failed first and passed in the end.
        timestamps: as the file tells them.
        simulated: the file says that nothing was tested.
        made_for: what it says that it ran on: its properties `rollout.made_for.…`, without that.
        named: what the suites in the file are called, in lower case.
        outermost: those of them that are in no suite with a name.
        cases: class, name, duration and time of its tests, as far as they tell them.
    """

    name: str
    failed: bool
    doubt: Reason | None
    flaky: tuple[str, ...] = ()
    timestamps: tuple[str, ...] = ()
    simulated: bool = False
    made_for: tuple[tuple[str, str], ...] = ()
    named: frozenset[str] = frozenset()
    outermost: frozenset[str] = frozenset()
    cases: tuple[tuple[str, ...], ...] = ()


class _Tally:
    """What an element and all within it amount to."""

    __slots__ = (
        "absent", "attempts", "broken", "declared", "failed", "flaky", "odd", "passed", "skipped",
        "surplus",
    )  # fmt: skip

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = self.absent = self.declared = 0
        self.surplus = 0  # tests in the file beyond those that it declares
        self.broken = 0  # a failure of which no case or suite has been told yet
        self.attempts = dict.fromkeys(_ATTEMPTS, 0)
        self.flaky: list[str] = []
        self.odd: list[tuple[str, str]] = []

    @property
    def cases(self) -> int:
        return self.passed + self.failed + self.skipped

    @property
    def says_something(self) -> bool:
        numbers = (self.cases, self.failed, self.broken, self.absent, self.declared, self.surplus)
        return any(numbers) or bool(self.odd)

    def add(self, other: _Tally) -> None:
        for name in ("passed", "failed", "skipped", "absent", "broken", "surplus"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, attempts in other.attempts.items():
            self.attempts[kind] += attempts
        self.flaky = (self.flaky + other.flaky)[:_NAMED]  # of each level a hostile file has many
        self.odd = (self.odd + other.odd)[:_NAMED]


def read_suite(name: str, file: Path) -> Suite:
    """Read the JUnit XML file of a suite; what cannot be read is a doubt."""
    if not file.is_file():
        return Suite(name, failed=False, doubt=because("suite.no_file", suite=name))
    try:
        root = parse(file, roots=_SUITES | {"testcase"})
    except UnreadableError as error:
        where = f"{file.parent.name}/{file.name}"
        doubt = because("suite.unreadable", suite=name, file=where, what=error.reason)
        return Suite(name, failed=False, doubt=doubt)
    elements = list(_results(root))
    if any(map(_unfilled, elements)):
        return Suite(name, failed=False, doubt=because("suite.unfilled", suite=name))
    whole = _tally(elements)
    failed = whole.failed > 0
    return Suite(
        name, failed=failed, doubt=None if failed else _doubt(name, whole),
        flaky=tuple(whole.flaky), timestamps=_timestamps(elements),
        simulated=any(map(_simulated, elements)), made_for=_made_for(elements),
        named=frozenset(_title_of_suite(each) for each in elements if _name(each) in _SUITES),
        outermost=frozenset(_outermost(root)),
        cases=tuple(_signs(each) for each in elements if _name(each) == "testcase"),
    )  # fmt: skip


def _results(root: Element) -> Iterator[Element]:
    """Yield the elements, parents first, but for those inside of what a test printed."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        yield element
        if _name(element) not in _LOGS:
            waiting.extend(reversed(element))


def _doubt(name: str, whole: _Tally) -> Reason | None:
    """Return why a suite without a failure is open."""
    declared = max(whole.declared, whole.cases + whole.absent)
    if whole.odd:
        field, value = whole.odd[0]
        return because("suite.odd", suite=name, field=field, value=value)
    if whole.absent:
        return because("suite.absent", suite=name, absent=whole.absent, declared=declared)
    if whole.surplus:
        cases = whole.cases
        return because("suite.surplus", suite=name, cases=cases, declared=cases - whole.surplus)
    if not whole.passed:
        return because("suite.not_run", suite=name, tests=declared)
    return None


def _tally(elements: list[Element]) -> _Tally:
    """Sum up the tree from its leaves: in reverse, an element comes after all within it.

    Without recursion, since a hostile file can be nested as deep as it likes.
    """
    tallies: dict[Element, _Tally] = {}
    tally = _Tally()
    for element in reversed(elements):
        tally = _Tally()
        for child in element:
            inner = tallies.pop(child, None)
            if inner is not None:
                tally.add(inner)
        if _name(element) == "testcase":
            tally.add(_case(element, broken=tally.broken))
            tally.broken = 0
        elif _name(element) in _SUITES:
            _count(element, tally)
        elif _name(element) in _BROKEN:
            tally.broken = 1
        if tally.says_something:
            tallies[element] = tally
    tally.failed += tally.broken
    return tally


def _case(case: Element, *, broken: int) -> _Tally:
    """One test: what its children say counts more than what its status does."""
    tally, kids = _Tally(), [_name(child) for child in case]
    states = _told(case)
    words = [_word(text) for text in states.values()]
    attempts = {kind: sum(kid in tags for kid in kids) for kind, tags in _ATTEMPTS.items()}
    if broken or not FAILED.isdisjoint((*kids, *words)):
        tally.failed = 1
    elif not NOT_RUN.isdisjoint((*kids, *words)):
        tally.skipped = 1
    else:
        tally.passed, tally.attempts = 1, attempts
        tally.flaky = [_title(case)] if any(attempts.values()) else []
        states |= {kid: kid for kid in kids if kid in UNSURE}
        tally.odd = [(key, text[:40]) for key, text in states.items() if _word(text) not in RAN]
    return tally


def _told(element: Element) -> dict[str, str]:
    """Return what an element's attributes say of how it ended, in words."""
    attributes = {_plain(key): text for key, text in element.items() if text.strip()}
    words = {key: attributes[key] for key in WORDS if key in attributes}
    no = {key: word for key, word in YES_NO.items() if _word(attributes.get(key)) in NO}
    return words | no


def _count(suite: Element, tally: _Tally) -> None:
    """Compare a suite's own counts with what it holds: the worse of both counts."""
    tally.failed, tally.broken = tally.failed + tally.broken, 0
    for key, text in _told(suite).items() if _name(suite) != "testrun" else ():
        tally.failed += _word(text) in FAILED
        if _word(text) in NOT_RUN:
            tally.odd.append((key, text[:40]))
    for kind, attempts in tally.attempts.items():
        failures = _number(suite, kind, tally)
        if not tally.failed and failures > attempts:  # an attempt that passed later explains one
            tally.failed = failures
    skipped = _number(suite, "skipped", tally, total=True) - tally.skipped
    tally.declared = _number(suite, "tests", tally)
    if any(_plain(key) in _COUNTS["tests"] for key in suite.attrib):
        tally.surplus = max(tally.surplus, tally.cases - tally.declared)
    gap = max(0, tally.declared - tally.cases - sum(tally.attempts.values()))
    unseen = min(gap, max(0, skipped))  # skipped, and therefore not in the file
    unmarked = min(tally.passed, max(0, skipped - unseen))  # in the file, as if they had passed
    tally.passed, tally.skipped = tally.passed - unmarked, tally.skipped + unmarked + unseen
    tally.absent = max(tally.absent, gap - unseen)


def _number(suite: Element, kind: str, tally: _Tally, *, total: bool = False) -> int:
    """Return a count, the largest (or the sum) of its names; nonsense is remembered."""
    counts = [0]
    for key, value in suite.items():
        text = value.strip()
        if not text or _plain(key) not in _COUNTS[kind]:
            continue
        match = _COUNT.fullmatch(text)
        if match is None:
            tally.odd.append((_plain(key), text[:40]))
        counts.append(int(match[1]) if match else 0)
    return sum(counts) if total else max(counts)


def _timestamps(elements: Iterable[Element]) -> tuple[str, ...]:
    """Return the suites' own times, or else the cases'."""
    by_name: dict[bool, list[str]] = {True: [], False: []}
    for element in elements:
        if (text := element.get("timestamp", "").strip()) and _name(element) != "property":
            by_name[_name(element) in _SUITES].append(text)
    return tuple(dict.fromkeys(by_name[True] or by_name[False]))


def _simulated(element: Element) -> bool:
    """Return whether an element says that nothing was tested: a property, or an attribute."""
    values = [value for key, value in element.items() if _plain(key) == "simulated"]
    if _name(element) == "property" and _word(element.get("name")) == "simulated":
        values.append(element.get("value") or element.text or "")
    return any(_word(value) in YES for value in values)


def _title_of_suite(element: Element) -> str:
    return (element.get("name") or "").strip().casefold()


def _outermost(root: Element) -> Iterator[str]:
    """Yield the names of suites that are in no other suite with a name."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        title = _title_of_suite(element) if _name(element) in _SUITES else ""
        if title and title != _RUNNER:
            yield title
        elif _name(element) not in _LOGS:
            waiting.extend(element)


def _signs(case: Element) -> tuple[str, ...]:
    signs = {_plain(key): value.strip() for key, value in case.items()}
    return tuple(signs.get(key, "") for key in _SIGNS)


def _made_for(elements: Iterable[Element]) -> tuple[tuple[str, str], ...]:
    """Return the properties `rollout.made_for.…`; of a key all its values, in one."""
    values: dict[str, dict[str, None]] = {}
    for element in elements:
        name = (element.get("name") or "").strip()
        if _name(element) == "property" and name.startswith(_OF_RUNS):
            value = (element.get("value") or element.text or "").strip()
            values.setdefault(name.removeprefix(_OF_RUNS), {})[value] = None
    return tuple((key, ", ".join(each)) for key, each in values.items())


def _unfilled(element: Element) -> bool:
    """Return whether a property is the placeholder of a draft."""
    return _name(element) == "property" and bool(lines_unfilled(element.get("name") or ""))


def _title(case: Element) -> str:
    return (case.get("name") or case.get("classname") or "?")[:80]


def _word(text: str | None) -> str:
    """Return a status word without what tools spell differently: `Not-Run` is `notrun`."""
    return re.sub(r"[\s_-]", "", text or "").casefold()


def _name(element: Element) -> str:
    """Return an element's name without its namespace, case and dashes."""
    return _plain(element.tag)


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return _word(name.rpartition("}")[2])
