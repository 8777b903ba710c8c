"""The attested facts: test suites and release notes, each told by a file."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from rolloutlib.judge.change_list import CHANGES
from rolloutlib.judge.copied import copied, misnamed
from rolloutlib.judge.finding import Finding, oldest, read_file, read_moment
from rolloutlib.judge.incidents import INCIDENTS
from rolloutlib.judge.junit import read_suite
from rolloutlib.judge.made_for import MadeFor, made_for
from rolloutlib.judge.unfilled import says_something
from rolloutlib.plan.strict_yaml import parse_yaml
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.finding import Occasion
    from rolloutlib.plan.model import Check

__all__ = ["FILES", "look_at_notes", "look_at_suites"]

NOTES: Final = "release-notes.md"
_FLAGS: Final = "flags."  # of a suite's properties
_MOST: Final = 1_000_000  # bytes that people write
FILES = {"incidents": INCIDENTS, "documents": CHANGES, "release_notes": NOTES}


# --- test suites ----------------------------------------------------------------------------------


def look_at_suites(check: Check, occasion: Occasion) -> Finding:
    """Every named suite has a JUnit XML with a test that ran, and no failure or error."""
    names = {suite: f"junit/TEST-{suite}.xml" for suite in check.items}
    suites = [read_suite(suite, occasion.folder / name) for suite, name in names.items()]
    present = [suite for suite in suites if (occasion.folder / names[suite.name]).is_file()]
    finding = partial(
        Finding,
        files=tuple(names[suite.name] for suite in present),
        ages=tuple((suite.name, oldest(map(read_moment, suite.timestamps))) for suite in present),
        simulated=any(suite.simulated for suite in present),
    )
    if failed := tuple(suite.name for suite in suites if suite.failed):
        return finding(holds=False, why=because("suites.fail", suites=failed))
    passed = [suite for suite in present if not suite.doubt]
    copies = (
        misnamed(suite, check.items) or copied(suite, passed[:before])
        for before, suite in enumerate(passed)
    )
    doubts = (*(suite.doubt for suite in suites if suite.doubt), *filter(None, copies))
    if doubts:
        if all(doubt.code == "suite.unfilled" for doubt in doubts):
            drafts = tuple(suite.name for suite in suites if suite.doubt)
            return finding(holds=None, why=because("suites.unfilled", suites=drafts))
        return finding(holds=None, why=because("suites.open", suites=doubts))
    of_runs = tuple(  # read last: a slip in one suite's properties hides no other suite's failure
        (suite.name, _of_suite(suite.made_for, names[suite.name]))
        for suite in suites
        if suite.made_for
    )
    holds = partial(finding, holds=True, made_for=of_runs)
    if flaky := tuple(f"{suite.name}: {test}" for suite in suites for test in suite.flaky):
        return holds(why=because("suites.flaky", count=len(suites), tests=flaky))
    return holds(why=because("suites.pass", count=len(suites)))


def _of_suite(properties: Sequence[tuple[str, str]], file: str) -> MadeFor:
    """Return what a suite ran on; `flags.searchLite` is a flag."""
    flags = {key.removeprefix(_FLAGS): value for key, value in properties if key.startswith(_FLAGS)}
    others = {key: value for key, value in properties if not key.startswith(_FLAGS)}
    return made_for({**others, "flags": flags} if flags else others, file)


# --- release notes --------------------------------------------------------------------------------

_MARKS: Final = (
    r"""[ \t>*_#|"'\u201c\u201d\u2018\u2019-]{0,40}"""  # of Markdown and YAML, around a word
)
_DATE: Final = re.compile(
    rf"^{_MARKS}(?:date|updated|released?|날짜|일자|작성일){_MARKS}:{_MARKS}(.{{1,200}}?){_MARKS}\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_MADE_FOR: Final = re.compile(  # a mapping: "made_for: the beta users" are words of the notes
    r"^made_for[ \t]*:[ \t]*(?:\{.*|#.*)?(?:\n[ \t]+\S.*)*$", re.MULTILINE
)
_SIMULATED: Final = re.compile(
    rf"^{_MARKS}simulated{_MARKS}:{_MARKS}true{_MARKS}\r?$", re.IGNORECASE | re.MULTILINE
)


# What a reader of the rendered notes does not see, and code, whose "#" is no heading.
_NOT_SHOWN: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE
)
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def _heads(head: str, name: str) -> bool:
    """Return whether a heading begins with this name, as words: "Rollbacks" is not "Rollback"."""
    after = head[len(name) : len(name) + 1]
    return head.startswith(name) and not (after.isascii() and after.isalnum())


def look_at_notes(check: Check, occasion: Occasion) -> Finding:
    """The release notes have every heading of the template, each with text below it."""
    data = read_file(NOTES, occasion.folder, _MOST)
    if data is None:
        return Finding(holds=None, why=because("notes.no_file"))
    text = _UNSEEN.sub("", data.decode("utf-8-sig", "replace"))
    lines = "\n".join(text.splitlines())
    parts = [part.partition("\n") for part in f"\n{_NOT_SHOWN.sub('', lines)}".split("\n#")]
    written = [head.lstrip("# ").lower() for head, _, body in parts if says_something(body)]
    missing = tuple(
        name for name in check.items if not any(_heads(head, name.lower()) for head in written)
    )
    age = (NOTES, oldest(map(read_moment, _DATE.findall(text))))
    simulated = _SIMULATED.search(text) is not None
    finding = partial(Finding, files=(NOTES,), ages=(age,), simulated=simulated)
    if missing:
        return finding(holds=None, why=because("notes.lack", sections=missing))
    return finding(holds=True, why=because("notes.whole"), made_for=_of_notes(lines))


def _of_notes(lines: str) -> tuple[tuple[str, MadeFor], ...]:
    """Return what runs the notes say that they are of, in the front matter or in the text.

    Raises:
        PlanError: it cannot be read.
    """
    shown = _NOT_SHOWN.sub("", lines)
    values = [parse_yaml(match[0], NOTES)["made_for"] for match in _MADE_FOR.finditer(shown)]
    blocks = [cast("object", value) for value in values if isinstance(value, dict)]
    return tuple((NOTES, made_for(block, NOTES)) for block in blocks)
