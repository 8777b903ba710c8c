"""One JUnit XML file, in whichever dialect a tool writes it: did its tests run, and did they pass?

The format has no standard. What counts here: an element's name without its namespace; failures on
cases, on suites or in counts alone; "did not run" as an element, a status word or a count; tests
that are declared and are not in the file. A library that maps the elements to objects
(junitparser) knows neither namespaces nor words nor counts that contradict the cases, so the tree
itself is read, by a parser that refuses entities.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.judge.xml_text import UnreadableError, parse
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from rolloutlib.reason import Reason

__all__ = ["Suite", "read_suite"]

_SUITES: Final = frozenset({"testsuites", "testsuite", "testrun"})
_BROKEN: Final = frozenset({"failure", "error"})
_ATTEMPTS: Final = {
    "failures": ("flakyFailure", "rerunFailure"), "errors": ("flakyError", "rerunError"),
}  # fmt: skip
_NOT_RUN_COUNTS: Final = ("skipped", "disabled", "skip", "skips", "ignored", "notrun")
_RAN: Final = frozenset(
    {
        "run",
        "passed",
        "pass",
        "success",
        "successful",
        "succeeded",
        "ok",
        "completed",
        "fixed",
        "xfail",
    }
)
_NOT_RUN: Final = frozenset(
    {"notrun", "disabled", "skipped", "skip", "ignored", "pending", "suppressed", "todo", "blocked"}
)
_FAILED: Final = frozenset(
    {
        "failed",
        "fail",
        "failure",
        "error",
        "errored",
        "broken",
        "timeout",
        "timedout",
        "aborted",
        "crashed",
        "panicked",
        "interrupted",
        "regression",
        "xpass",
    }
)
_NAMED: Final = 10
_COUNT: Final = re.compile(r"\+?([0-9]{1,12})(\.0*)?")


class Suite(NamedTuple):
    """A suite and what its file says.

    Attributes:
        failed: some test failed, or the file counts a failure that no later success explains.
        doubt: why nothing can be concluded although nothing failed; None for a suite that passed.
        flaky: tests that failed first and passed in the end.
        timestamps: as the file tells them.
        simulated: the file says that nothing was tested.
    """

    name: str
    failed: bool
    doubt: Reason | None
    flaky: tuple[str, ...] = ()
    timestamps: tuple[str, ...] = ()
    simulated: bool = False


class _Tally:
    """What an element and all within it amount to."""

    __slots__ = ("absent", "attempts", "declared", "failed", "flaky", "odd", "passed", "skipped")

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = self.absent = self.declared = 0
        self.attempts = dict.fromkeys(_ATTEMPTS, 0)
        self.flaky: list[str] = []
        self.odd: list[tuple[str, str]] = []

    @property
    def cases(self) -> int:
        return self.passed + self.failed + self.skipped

    def add(self, other: _Tally) -> None:
        for name in ("passed", "failed", "skipped", "absent"):
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
    elements = list(root.iter())
    whole = _tally(elements)
    failed = whole.failed > 0
    return Suite(
        name, failed=failed, doubt=None if failed else _doubt(name, whole),
        flaky=tuple(whole.flaky), timestamps=_timestamps(elements),
        simulated=any(map(_simulated, elements)),
    )  # fmt: skip


def _doubt(name: str, whole: _Tally) -> Reason | None:
    """Return why a suite without a failure is open."""
    declared = max(whole.declared, whole.cases + whole.absent)
    if whole.odd:
        field, value = whole.odd[0]
        return because("suite.odd", suite=name, field=field, value=value)
    if whole.absent:
        return because("suite.absent", suite=name, absent=whole.absent, declared=declared)
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
            tally.add(_case(element))
        elif _name(element) in _SUITES:
            _count(element, tally)
        if tally.cases or tally.failed or tally.absent or tally.odd or tally.declared:
            tallies[element] = tally
    return tally


def _case(case: Element) -> _Tally:
    """One test: what its children say counts more than what its status does."""
    tally, kids = _Tally(), [_name(child) for child in case]
    words = [_word(case.get(key)) for key in ("status", "result")]
    attempts = {kind: sum(kid in tags for kid in kids) for kind, tags in _ATTEMPTS.items()}
    if not _BROKEN.isdisjoint(kids) or not _FAILED.isdisjoint(words):
        tally.failed = 1
    elif not _NOT_RUN.isdisjoint((*map(_word, kids), *words)):
        tally.skipped = 1
    else:
        tally.passed, tally.attempts = 1, attempts
        tally.flaky = [_title(case)] if any(attempts.values()) else []
        tally.odd = [
            (key, case.get(key, "")) for key, word in zip(("status", "result"), words, strict=True)
            if word and word not in _RAN
        ]  # fmt: skip
    return tally


def _count(suite: Element, tally: _Tally) -> None:
    """Compare a suite's own counts with what it holds: the worse of both counts."""
    tally.failed += sum(_name(child) in _BROKEN for child in suite)
    for kind, attempts in tally.attempts.items():
        failures = _number(suite, kind, tally)
        if not tally.failed and failures > attempts:  # an attempt that passed later explains one
            tally.failed = failures
    skipped = sum(_number(suite, name, tally) for name in _NOT_RUN_COUNTS) - tally.skipped
    tally.declared = _number(suite, "tests", tally)
    gap = max(0, tally.declared - tally.cases - sum(tally.attempts.values()))
    unseen = min(gap, max(0, skipped))  # skipped, and therefore not in the file
    unmarked = min(tally.passed, max(0, skipped - unseen))  # in the file, as if they had passed
    tally.passed, tally.skipped = tally.passed - unmarked, tally.skipped + unmarked + unseen
    tally.absent = max(tally.absent, gap - unseen)


def _number(suite: Element, name: str, tally: _Tally) -> int:
    """Return a count; none is 0, and nonsense is remembered."""
    text = (suite.get(name) or "").strip()
    match = _COUNT.fullmatch(text)
    if match is None and text:
        tally.odd.append((name, text[:40]))
    return int(match[1]) if match else 0


def _timestamps(elements: Iterable[Element]) -> tuple[str, ...]:
    """Return the suites' own times, or else the cases'."""
    by_name: dict[bool, list[str]] = {True: [], False: []}
    for element in elements:
        if (text := element.get("timestamp", "").strip()) and _name(element) != "property":
            by_name[_name(element) in _SUITES].append(text)
    return tuple(dict.fromkeys(by_name[True] or by_name[False]))


def _simulated(element: Element) -> bool:
    """Return whether an element says that nothing was tested: a property, or an attribute."""
    value = element.get("simulated")
    if value is None and _name(element) == "property" and element.get("name") == "simulated":
        value = element.get("value") or element.text
    return _word(value) == "true"


def _title(case: Element) -> str:
    return (case.get("name") or case.get("classname") or "?")[:80]


def _word(text: str | None) -> str:
    """Return a status word without what tools spell differently: `Not-Run` is `notrun`."""
    return re.sub(r"[\s_-]", "", text or "").casefold()


def _name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]
