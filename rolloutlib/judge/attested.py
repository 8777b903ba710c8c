"""The attested facts: test suites, documents, release notes, each told by a file."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, cast

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)

from rolloutlib.errors import PlanError
from rolloutlib.files import file_sha256
from rolloutlib.judge.copied import copied, misnamed
from rolloutlib.judge.finding import Finding, a_time, find, locate, oldest, read_file, read_moment
from rolloutlib.judge.incidents import INCIDENTS
from rolloutlib.judge.junit import read_suite
from rolloutlib.judge.made_for import MadeFor, made_for
from rolloutlib.judge.unfilled import says_something
from rolloutlib.plan.strict_yaml import describe, load_yaml, parse_yaml
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rolloutlib.judge.finding import Occasion
    from rolloutlib.plan.model import Check
    from rolloutlib.reason import Reason

__all__ = ["FILES", "look_at_documents", "look_at_notes", "look_at_suites"]

CHANGES, NOTES = "changes.yaml", "release-notes.md"
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


# --- documents ------------------------------------------------------------------------------------

_Text = Annotated[str, Field(pattern=r"\S")]
_When = Annotated[
    date | datetime | str | None,
    AfterValidator(a_time),
    Field(validation_alias=AliasChoices("updated", "at")),
]


class _Attested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    updated: _When = None
    simulated: StrictBool = False


class _Change(_Attested):
    document: _Text
    path: _Text
    reflected: StrictBool
    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] | None = None
    waived: _Text | None = None


class _Changes(_Attested):
    """changes.yaml: which documents reflect the change; a mere list of them is fine as well."""

    made_for: object = None  # read last: a slip in it hides no document that fails
    documents: list[_Change]


class _Document(NamedTuple):
    """An entry with the file that it means: its name where it was found, and its digest."""

    said: _Change
    name: str | None
    digest: str | None

    @property
    def title(self) -> str:
        return self.said.document

    @property
    def waived(self) -> str | None:
        """The reason for which nothing of it changes; a word that promises one is none."""
        reason = self.said.waived
        return reason if reason and says_something(reason) else None

    @property
    def is_told(self) -> bool:
        """Whether the entry says anything: a waiver without a reason says nothing of it."""
        return self.said.reflected or not self.said.waived or self.waived is not None


def look_at_documents(check: Check, occasion: Occasion) -> Finding:
    """Every named document says that it reflects the change, is there, and is no longer as it was.

    A change that needs nothing of a document waives it, with a reason.
    """
    if read_file(CHANGES, occasion.folder, _MOST) is None:
        return Finding(holds=None, why=because("documents.no_file"))
    changes = _read_changes(occasion.folder / CHANGES)
    named = (each for each in changes.documents if each.document in check.items)
    listed = [each for each in (_document(each, occasion) for each in named) if each.is_told]
    finding = partial(
        Finding,
        files=tuple(dict.fromkeys((CHANGES, *(each.name for each in listed if each.name)))),
        ages=tuple(
            (each.title, read_moment(each.said.updated or changes.updated)) for each in listed
        ),
        simulated=changes.simulated or any(each.said.simulated for each in listed),
    )
    required = [each for each in listed if not each.waived]
    if behind := _titles(each for each in required if not each.said.reflected):
        return finding(holds=False, why=because("documents.stale", documents=behind))
    titles = {each.title for each in listed}
    if missing := tuple(name for name in check.items if name not in titles):
        return finding(holds=None, why=because("documents.missing", documents=missing))
    if (unlike := _unlike(required, occasion)) is not None:
        return finding(holds=None, why=unlike)
    of_runs = () if changes.made_for is None else ((CHANGES, made_for(changes.made_for, CHANGES)),)
    holds, count = partial(finding, holds=True, made_for=of_runs), len(check.items)
    if waived := tuple(f"{each.title} ({each.waived})" for each in listed if each.waived):
        why = because("documents.waived", count=count, waived=waived)
        return holds(why=why)
    return holds(why=because("documents.reflect", count=count))


def _read_changes(file: Path) -> _Changes:
    listed = load_yaml(file)
    try:
        return _Changes.model_validate(
            {"documents": listed} if isinstance(listed, list) else listed
        )
    except ValidationError as error:
        raise PlanError(describe(error, str(file), _Changes)) from None


def _document(change: _Change, occasion: Occasion) -> _Document:
    """Find the file that an entry means; the list of documents itself is none."""
    name = locate(change.path, occasion.folder, occasion.root)
    path = name and find(name, occasion.folder, occasion.root)
    if not path or path.samefile(occasion.folder / CHANGES):
        return _Document(change, None, None)
    return _Document(change, name, file_sha256(path))


def _unlike(documents: Sequence[_Document], occasion: Occasion) -> Reason | None:
    """Return what keeps documents that are said to reflect the change from counting."""
    if lost := tuple(f"{each.title} ({each.said.path})" for each in documents if not each.name):
        return because("documents.no_path", documents=lost)
    attested = [(each, each.said.sha256.lower()) for each in documents if each.said.sha256]
    if changed := _titles(each for each, digest in attested if digest != each.digest):
        return because("documents.changed", documents=changed)
    if same := _titles(
        each for each in documents if occasion.green.get(each.name or "") == each.digest
    ):
        return because("documents.unchanged", documents=same)
    return None


def _titles(documents: Iterable[_Document]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.title for each in documents))


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
