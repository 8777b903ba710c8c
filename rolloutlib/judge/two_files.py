"""Two files as two arms: which rows are whose, and are they two files at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.files import shown_path
from rolloutlib.measure.presence import after, of_cache
from rolloutlib.reason import because
from rolloutlib.runs.listing import list_files
from rolloutlib.runs.places import Place
from rolloutlib.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.judge.pair_record import Meaning
    from rolloutlib.reason import Reason
    from rolloutlib.runs import InputFile, Runs
    from rolloutlib.runs.places import Two

__all__ = ["One", "arms_by_file", "check_different", "place_of_files", "shown_names"]


class One(NamedTuple):
    """One file or folder that holds both arms, and their names."""

    path: Path
    pair: tuple[str, str]


def place_of_files(files: Two | One, meaning: Meaning) -> Place:
    """Return what is read, and as what."""
    path, listing = (
        (files.path, list_files(files.path))
        if isinstance(files, One)
        else (files.folder, files.listing)
    )
    if meaning.spec is not None:
        listing = listing.apart_from(meaning.spec.ignores)
    return Place(path, listing, meaning.spec)


def check_different(inputs: Sequence[InputFile], two: Two) -> list[Reason]:
    """Refuse what is compared with itself, or with a copy; say which of several files are copies.

    Raises:
        RunsError: it is one.
    """
    control, treatment = (
        {file.sha256: file.name for file in inputs if file.name in names and file.sha256}
        for names in two.names
    )
    same = sorted(control.keys() & treatment.keys())
    if same and not treatment.keys() - control.keys():
        raise RunsError(
            "{control} and {treatment} are the same file, byte by byte (sha256 {digest}…): nothing "
            "is compared; name the other run's output.",
            control=control[same[0]], treatment=treatment[same[0]], digest=same[0][:12],
        )  # fmt: skip
    return [
        because("pair.same_file", first=control[digest], second=treatment[digest])
        for digest in same
    ]


def arms_by_file(runs: Runs, two: Two, names: tuple[str, str]) -> tuple[str, str]:
    """Return the arm that each file holds.

    Raises:
        NoEvidenceError: one of them has no row that is evidence.
        UsageError: one holds several, or both the same.
    """
    arms: list[str] = []
    for path, files in zip(names, two.names, strict=True):
        own = sorted({run.arm for run in runs.runs if files & {run.file, *run.files}})
        if not own:
            first = next((row.said for row in runs.quarantined if row.file in files), "")
            notes = (note for name, note in runs.notes.items() if name in files)
            cached = of_cache(sum(sum(note.cached.values()) for note in notes))
            raise NoEvidenceError(
                "{path} has no row that is evidence{why}", path=path, why=after(first) or cached
            )
        if len(own) > 1:
            raise UsageError(
                "{path} holds several arms: {arms}; expected one a file. To compare these: rollout "
                "compare {path} --control {control} --treatment {treatment}",
                path=path, arms=listed(own), control=own[0], treatment=own[1],
            )  # fmt: skip
        arms += own
    if arms[0] == arms[1]:
        raise UsageError(
            "both {control} and {treatment} say that they are arm {arm!r}; expected two; leave the "
            "column out in source.yaml (--source)",
            control=names[0], treatment=names[1], arm=arms[0],
        )  # fmt: skip
    return arms[0], arms[1]


def shown_names(paths: tuple[Path, Path], two: Two) -> tuple[str, str]:
    """Return what two paths are called: as they were named, without what both have in common."""
    named = (path.resolve() for path in paths)
    control, treatment = (shown_path(path.relative_to(two.folder.resolve())) for path in named)
    return control, treatment
