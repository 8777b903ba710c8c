"""Results of one test suite that lie under the name of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.junit import Suite
    from rolloutlib.reason import Reason

__all__ = ["copied", "misnamed"]


def misnamed(suite: Suite, items: Sequence[str]) -> Reason | None:
    """Say that a suite's file is another suite's of the plan, by the outermost names within it.

    Suites within a suite are called as their tests are, which may be as another suite is.
    """
    names = {item.casefold(): item for item in items}
    if suite.name.casefold() in suite.named or not suite.outermost <= names.keys():
        return None
    other = next((item for name, item in names.items() if name in suite.outermost), None)
    return None if other is None else because("suite.other", suite=suite.name, named=other)


def copied(suite: Suite, others: Sequence[Suite]) -> Reason | None:
    """Say that a suite's file tells the same tests as another's, to their times."""
    other = next((other for other in others if _is_copy(suite, other)), None)
    return None if other is None else because("suite.copy", suite=suite.name, other=other.name)


def _is_copy(suite: Suite, other: Suite) -> bool:
    """Return whether two files tell of the same tests, and neither their names nor times differ.

    Files that both name their own suite may have tests of one name, as long as none tells a time;
    and one report of all suites may lie under each of their names.
    """
    if suite.cases != other.cases or suite.timestamps != other.timestamps or not _has_names(suite):
        return False
    first, second = suite.name.casefold(), other.name.casefold()
    if first not in suite.named or second not in other.named:
        return True
    if second in suite.named and first in other.named:
        return False
    return _has_times(suite) or second in suite.named or first in other.named


def _has_names(suite: Suite) -> bool:
    return any(classname or name for classname, name, *_ in suite.cases)


def _has_times(suite: Suite) -> bool:
    """Return whether a test tells when it ran, or how long, but for durations of nothing."""
    return any(took.strip("0.") or at for *_, took, at in suite.cases)
