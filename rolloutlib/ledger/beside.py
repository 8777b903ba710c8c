"""Rollbacks that the ledger could not take: recorded beside it, joined to it when it is healed.

One file holds one of them whole, with the bytes of the flags that it put in force, so that a crash
leaves it there or not. It is no record yet: it has no place in the chain and nobody signs it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rolloutlib.errors import FileError, RolloutError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import MAX_BYTES, Part, decode, digest_of, encode, moment
from rolloutlib.ledger.durable import TEMPORARY, Files, NotWrittenError, create, overwrite
from rolloutlib.ledger.findings import LedgerError, finding
from rolloutlib.ledger.records import RecordId, SignerName, WayBack
from rolloutlib.ledger.rollback_card import bold, way_lines
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.text import link, markdown
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.ledger.findings import Finding

# The second one is where the flags were just written: docs/ may be read-only, or no folder.
LEDGER: Final = "docs/LEDGER"
FOLDERS: Final = ("docs/ROLLBACKS", "params/ROLLBACKS")
_MOST: Final = 99


class Beside(Part, frozen=True, kw_only=True):
    """What a file beside the ledger says.

    Attributes:
        way: what happened; which decision it rolls back is found out when it is joined.
        why: what kept the ledger from taking it.
        flags: the flag document that it put in force, as text.
    """

    id: RecordId
    at: str
    by: SignerName
    lang: Literal["en", "ko"]
    note: str
    why: str
    way: WayBack
    flags: str
    schema: Literal["rolloutlib/rollback@1"] = "rolloutlib/rollback@1"


@dataclass(frozen=True, slots=True)
class BesideFile:
    """A file beside the ledger as it was found; `problem` says why it cannot be read.

    Attributes:
        name: its path in the workbook.
    """

    path: Path
    name: str
    data: bytes
    said: Beside | None = None
    problem: Phrase | None = None

    @property
    def digest(self) -> str:
        """The sha256 by which the record that joins it names it."""
        return digest_of(self.data)

    @property
    def flags_digest(self) -> str:
        """The sha256 of the flags that it put in force: the one event that it is about."""
        return digest_of(self.said.flags.encode()) if self.said else ""

    @property
    def card(self) -> Path:
        """Where its card is."""
        return self.path.with_suffix(".md")

    def damage(self) -> Iterator[Finding]:
        """Yield what is wrong with it by itself."""
        if self.problem:
            yield finding(self.name, "beside", problem=self.problem, name=self.name)
        elif self.card.is_file() and self.card.read_bytes() != _card(self):
            differs = phrase(
                "{card} does not say what it says; one of the two was edited", card=self.card.name
            )
            yield finding(self.name, "beside", problem=differs, name=self.name)


def read_beside(root: Path) -> tuple[BesideFile, ...]:
    """Return the files beside a workbook's ledger by time, in whatever state: never raises."""
    files: list[BesideFile] = []
    for folder in FOLDERS:
        with suppress(OSError):
            files += [_read(root, path) for path in (root / folder).iterdir() if _is_ours(path)]
    return tuple(sorted(files, key=lambda file: (file.said.at if file.said else "", file.name)))


def _is_ours(path: Path) -> bool:
    return path.suffix == ".record" and not path.name.startswith(".")


def _read(root: Path, path: Path) -> BesideFile:
    name, data = str(path.relative_to(root)), b""
    try:
        data = bounded_bytes(path, MAX_BYTES, links=False)
        content = decode(data, Beside)
        _check_form(path, content)
    except RolloutError as error:
        why = phrase("it {why}", why=error.why) if isinstance(error, FileError) else error.phrase
        return BesideFile(path, name, data, problem=_bare(why))
    return BesideFile(path, name, data, content)


def _bare(problem: Phrase) -> Phrase:
    """Leave out how the ledger's own files are restored: this one is none of them."""
    template = problem.template.partition("; restore the bytes")[0].partition(" (`git restore")[0]
    return Phrase(template, problem.values)


def _check_form(path: Path, content: Beside) -> None:
    if path.stem.partition("~")[0] != content.id:
        raise LedgerError("other-id.beside", id=content.id)
    moment(content.at, "at")


def write_beside(root: Path, files: Files, content: Beside) -> BesideFile:
    """Write a rollback and its card beside the ledger, in the first folder that takes it.

    Raises:
        OSError, NotWrittenError: no folder takes it.
    """
    refused: OSError | NotWrittenError | None = None
    for name in FOLDERS:
        folder = root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = _free(folder, content.id)
            create(files, path, encode(content))
            folder_file = _read(root, path)
            overwrite(files, folder_file.card, _card(folder_file))
        except (OSError, NotWrittenError) as error:
            refused = error
        else:
            return folder_file
    raise refused or NotADirectoryError(root)


def _free(folder: Path, name: str) -> Path:
    """Return a path that is not taken: a damaged file keeps its name until people look at it."""
    names = (name, *(f"{name}~{number}" for number in range(2, _MOST)))
    return next(path for each in names if not (path := folder / f"{each}.record").exists())


def tidy(root: Path, files: Files) -> None:
    """Draw the cards that a crash left out, and remove what it left over."""
    for folder in FOLDERS:
        for path in (root / folder).glob(f"{TEMPORARY}*"):
            files.unlink(path)
    for file in read_beside(root):
        if file.said and not file.card.exists():
            overwrite(files, file.card, _card(file))


def take_away(files: Files, file: BesideFile, record: str, at: str) -> None:
    """Remove a file whose record is in the ledger; its card then points at the record's."""
    lang = file.said.lang if file.said else "en"
    overwrite(files, file.card, _joined_card(file.path.stem, record, at, lang))
    files.unlink(file.path)
    files.sync_folder(file.path.parent)


# --- cards ----------------------------------------------------------------------------------------


def _card(file: BesideFile) -> bytes:
    """Return the card of a rollback that is recorded beside the ledger."""
    if (content := file.said) is None:
        return b""
    why = say("{why}; the next command that appends to the ledger joins it",
              why=markdown(content.why))  # fmt: skip
    lines = [
        say("# {kind} — {id}", kind=say("Rollback Decision"), id=content.id),
        "",
        bold(say("Recorded beside the ledger"), why),
        *way_lines(content.way),
        say("- **Prepared by**: {who}, {at}", who=content.by, at=content.at),
        bold("sha256", f"`{file.digest}`"),
    ]
    with speaking(content.lang):
        return "".join(f"{line}\n" for line in lines).encode()


def _joined_card(name: str, record: str, at: str, lang: str) -> bytes:
    """Return what stands in the place of that card once its record is in the ledger."""
    title = say("# {kind} — {id}", kind=say("Rollback Decision"), id=name)
    card = link(record, f"../../{LEDGER}/{record}.md")
    where = say("Joined to the ledger on {at}: {card}", at=at, card=card)
    with speaking(lang):
        return f"{title}\n\n{where}\n".encode()
