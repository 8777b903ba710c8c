"""The documents that a change touches: changes.yaml says of each whether it reflects the change."""

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
from rolloutlib.judge.finding import Finding, a_time, find, locate, read_file, read_moment
from rolloutlib.judge.made_for import made_for
from rolloutlib.judge.unfilled import says_something
from rolloutlib.plan.strict_yaml import describe, load_yaml, parse_yaml
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rolloutlib.judge.finding import Occasion
    from rolloutlib.plan.model import Check
    from rolloutlib.reason import Reason

__all__ = ["CHANGES", "look_at_documents"]

CHANGES: Final = "changes.yaml"
_MOST: Final = 1_000_000  # bytes that people write
_AGAINST: Final = re.compile(r"[^#]*\breflected\s*:\s*(?:false|no|off)\b", re.IGNORECASE)
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
    """An entry with the file that it means: its name where it was found, its digest, and itself."""

    said: _Change
    name: str | None = None
    digest: str | None = None
    inode: tuple[int, int] | None = None  # with its device: one file, whatever its names

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
    try:
        changes = _read_changes(occasion.folder / CHANGES)
    except PlanError as error:
        if (hidden := _behind_a_slip(check, occasion, str(error))) is None:
            raise
        return hidden
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
    return finding(holds=True, why=_held(listed, len(check.items)), made_for=of_runs)


def _held(listed: Sequence[_Document], count: int) -> Reason:
    """Return how all documents hold: waived ones and a file that is several of them are said."""
    waived = tuple(f"{each.title} ({each.waived})" for each in listed if each.waived)
    shared = _shared([each for each in listed if not each.waived])
    if shared and waived:
        return because("documents.shared_waived", count=count, waived=waived, shared=shared)
    if shared:
        return because("documents.shared", count=count, shared=shared)
    if waived:
        return because("documents.waived", count=count, waived=waived)
    return because("documents.reflect", count=count)


def _read_changes(file: Path) -> _Changes:
    listed = load_yaml(file)
    try:
        return _Changes.model_validate(
            {"documents": listed} if isinstance(listed, list) else listed
        )
    except ValidationError as error:
        raise PlanError(describe(error, str(file), _Changes)) from None


def _behind_a_slip(check: Check, occasion: Occasion, slip: str) -> Finding | None:
    """Return what changes.yaml says against a document although a slip keeps it from being read.

    An entry that is whole fails the check whatever is wrong elsewhere; where the YAML itself cannot
    be read, the lines are named that seem to say so.
    """
    data = read_file(CHANGES, occasion.folder, _MOST) or b""
    text = data.decode("utf-8-sig", "replace")
    try:
        listed = parse_yaml(text, CHANGES)
    except PlanError:
        lines = enumerate(text.splitlines(), 1)
        against = tuple(str(number) for number, line in lines if _AGAINST.match(line))
        what = slip.replace(f"{occasion.folder}/", "")
        why = because("documents.unread", what=what, lines=against)
        return Finding(holds=None, why=why, files=(CHANGES,)) if against else None
    if isinstance(listed, dict):
        listed = cast("dict[str, object]", listed).get("documents")
    entries = cast("list[object]", listed) if isinstance(listed, list) else []
    whole = [*filter(None, map(_whole, entries))]
    against = tuple(each for each in whole if each.document in check.items and _is_behind(each))
    if not against:
        return None
    behind = tuple(dict.fromkeys(each.document for each in against))
    ages = tuple((each.document, read_moment(each.updated)) for each in against)
    why = because("documents.stale", documents=behind)
    return Finding(holds=False, why=why, files=(CHANGES,), ages=ages)


def _whole(entry: object) -> _Change | None:
    """Return an entry that can be read by itself."""
    try:
        return _Change.model_validate(entry)
    except ValidationError:
        return None


def _is_behind(change: _Change) -> bool:
    return not change.reflected and not change.waived


def _document(change: _Change, occasion: Occasion) -> _Document:
    """Find the file that an entry means; the list of documents itself is none."""
    name = locate(change.path, occasion.folder, occasion.root)
    path = name and find(name, occasion.folder, occasion.root)
    if not path or path.samefile(occasion.folder / CHANGES):
        return _Document(change)
    state = path.stat()
    return _Document(change, name, file_sha256(path), (state.st_dev, state.st_ino))


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
    first = {each.digest: each for each in reversed(documents)}
    if copies := _titles(each for each in documents if first[each.digest].inode != each.inode):
        originals = _titles(first[each.digest] for each in documents if each.title in copies)
        return because("documents.copies", documents=copies, originals=originals)
    return None


def _shared(documents: Sequence[_Document]) -> tuple[str, ...]:
    """Return the files that are several documents, each by all its names and with what it is."""
    files: dict[tuple[int, int] | None, list[_Document]] = {}
    for each in documents:
        files.setdefault(each.inode, []).append(each)
    return tuple(
        f"{' = '.join(dict.fromkeys(str(each.name) for each in same))} ({', '.join(_titles(same))})"
        for same in files.values()
        if len(_titles(same)) > 1
    )


def _titles(documents: Iterable[_Document]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.title for each in documents))
