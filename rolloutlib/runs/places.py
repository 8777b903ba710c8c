"""Which files are read and what their columns mean: of one path, or of two that are an arm each."""

from __future__ import annotations

from dataclasses import replace
from glob import escape
from os.path import commonpath, realpath
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.files import shown_path
from rolloutlib.runs.listing import Listing, list_files
from rolloutlib.runs.sources import load_source
from rolloutlib.runs.unwrapped import named_texts

if TYPE_CHECKING:
    from rolloutlib.runs.quarantine import Quarantined
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Place", "Two", "place_of", "two_places"]


class Place(NamedTuple):
    """Files to read.

    Attributes:
        path: the file or folder that was named, for messages.
        listing: the files, by their names.
        spec: what the columns of flat tables mean; None where nothing says so.
    """

    path: Path
    listing: Listing
    spec: SourceSpec | None


def place_of(path: Path, source: Path | None) -> Place:
    """Return the files of one path, with the source.yaml that is named or lies there.

    Raises:
        UsageError: the path does not exist, or source.yaml is wrong.
        RunsError: nothing in it can hold runs.
    """
    beside = source or (path if path.is_dir() else path.parent) / "source.yaml"
    spec = load_source(beside) if source or beside.is_file() else None
    listing = list_files(path, named_texts(spec))
    return Place(path, listing.apart_from(spec.ignores) if spec else listing, spec)


class Two(NamedTuple):
    """The files of two paths, each of them an arm, under their names in the nearest common folder.

    Attributes:
        folder: that folder.
        listing: the files of both.
        names: of the files of either arm.
        globs: what names them in `arms` of a source.yaml.
    """

    folder: Path
    listing: Listing
    names: tuple[frozenset[str], frozenset[str]]
    globs: tuple[str, str]


def two_places(control: Path, treatment: Path) -> Two:
    """List the files of two paths.

    Raises:
        UsageError: one of them does not exist, or one lies in the other.
        RunsError: nothing in one of them can hold runs.
    """
    listings = [list_files(path) for path in (control, treatment)]
    places = [Path(realpath(path)) for path in (control, treatment)]
    if places[0] in {places[1], *places[1].parents} or places[1] in places[0].parents:
        raise UsageError(
            "{one} and {other} are the same, or one in the other; name the two outputs, the one to "
            "compare with first",
            one=shown_path(control), other=shown_path(treatment),
        )  # fmt: skip
    folder = Path(commonpath([place.parent for place in places]))
    parts = [_under(place, folder, part) for place, part in zip(places, listings, strict=True)]
    files, refused, ignored = (
        tuple(entry for part in parts for entry in getattr(part, name))
        for name in ("files", "refused", "ignored")
    )
    for path, part in zip((control, treatment), parts, strict=True):
        if not part.files:
            expectation = part.refused[0].expectation
            raise RunsError("{file}: {why}.", file=shown_path(path), why=expectation)
    names = tuple(frozenset(file.name for file in part.files) for part in parts)
    globs = tuple(_glob(place, folder) for place in places)
    return Two(folder, Listing(files, refused, ignored), (names[0], names[1]), (globs[0], globs[1]))


def _under(place: Path, folder: Path, listing: Listing) -> Listing:
    """Return a listing whose names begin in the common folder."""
    at = place if place.is_dir() else place.parent
    prefix = "" if at == folder else f"{at.relative_to(folder).as_posix()}/"

    def refused(entry: Quarantined) -> Quarantined:
        return replace(entry, file=prefix + entry.file)

    return Listing(
        tuple(replace(file, name=prefix + file.name) for file in listing.files),
        tuple(map(refused, listing.refused)),
        tuple(prefix + name for name in listing.ignored),
    )


def _glob(place: Path, folder: Path) -> str:
    name = escape(place.relative_to(folder).as_posix())
    return f"{name}/*" if place.is_dir() else name
