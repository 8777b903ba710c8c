"""A review handed on: each of its tables, and its samples, as Parquet and as CSV in one folder.

The folder is there in whole or not at all. One that holds anything but an earlier export, as that
left it, is never written.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import duckdb
import narwhals as nw
import pyarrow as pa
from pyarrow import parquet

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.explore.arrow import tidy
from rolloutlib.explore.csv_cells import csv_file
from rolloutlib.explore.described import text, whole
from rolloutlib.explore.parts import SAMPLES
from rolloutlib.explore.tables import Table
from rolloutlib.files import bounded_text, file_sha256
from rolloutlib.judge.sources import sample_frame
from rolloutlib.phrase import several
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.runs.database import readable
from rolloutlib.show.owned import owned_folder, sweep
from rolloutlib.show.report import meaning_of, title_of
from rolloutlib.text import LABEL, markdown
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from rolloutlib.explore.review import Review
    from rolloutlib.explore.tables import Column

__all__ = ["Exported", "File", "export"]

TABLES: Final = (
    "gates", "gate_runs", "stages", "segments", "issues", "checks", "runs", "arms", "reasons",
    "changes", "warnings", "completeness", "risks", "carried", "quarantine", "inputs",
)  # fmt: skip
SEAL: Final = "export.sha256"  # lists what an export wrote: `sha256sum -c export.sha256`
ABOUT: Final = "README.md"
NEW: Final = ".rollout-export-"
FURTHER: Final = "a further column of the source, as source.yaml names it under `segments`"
_ROWS_AT_ONCE: Final = 50_000


class File(NamedTuple):
    """A file of an export."""

    name: str
    rows: int
    bytes: int


class Exported(Table[File]):
    """What an export wrote, file by file; `folder` is where.

    Attributes:
        folder: the whole path.
    """

    folder: Path


def export(review: Review, folder: str | os.PathLike[str], *, samples: bool = True) -> Exported:
    """Write a review's tables and samples, as `Review.export` says."""
    if not isinstance(folder, str | os.PathLike) or not str(folder):  # pyright: ignore[reportUnnecessaryIsInstance] -- in a notebook nobody checks types
        raise UsageError(
            "folder is {folder!r}; expected a folder to write to, such as 'handed-on'",
            folder=folder,
        )
    place = Path(os.path.realpath(folder))
    _require_outside(place, review)
    _require_ours(place)
    with _in_words(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent, NEW)
        with owned_folder(place.parent, NEW, 0o777) as made, speaking(review.lang):
            files, missing = _everything(made, review, samples=samples)
            (made / SEAL).write_text("".join(_lines(made)), encoding="utf-8")
            _require_ours(place)
            _swap(made, place)
    title = say("Exported to {folder}", folder=str(place))
    done = Exported(files, _FILES, title=title, lang=review.lang, note=missing)
    done.folder = place
    return done


_FILES: Final[tuple[Column[File], ...]] = (
    text("name", "the file", brief=True),
    whole("rows", "its rows", brief=True),
    whole("bytes", "its size", brief=True),
)


# --- what is written ------------------------------------------------------------------------------


def _everything(made: Path, review: Review, *, samples: bool) -> tuple[list[File], str]:
    """Write all files; return them, and why samples are not among them."""
    tables = {name: getattr(review, name) for name in TABLES}
    files = [file for name, table in tables.items() for file in _table(made, name, table)]
    described = [(name, column) for name, table in tables.items() for column in table.columns]
    missing = "" if samples else str(say("Samples were not asked for."))
    if samples:
        try:
            with readable():
                of_samples, columns = _samples(made, review)
            files += of_samples
            described += [("samples", column) for column in columns]
        except RolloutError as error:
            for name in _names("samples"):
                (made / name).unlink(missing_ok=True)
            missing = str(error)
    files += _table(made, "columns", Table(described, _COLUMNS))
    return [*files, _about(made, review, missing)], missing


def _table(made: Path, name: str, table: Table[Any]) -> list[File]:
    """Write a table as Parquet and as CSV."""
    arrow = table.to_arrow()
    return written(made, name, _documented(arrow.schema, table.columns), [arrow])


def _samples(made: Path, review: Review) -> tuple[list[File], list[Column[Any]]]:
    """Write the samples of both arms, piece by piece: they may be more than fit into memory.

    Returns:
        The files, and what their columns mean.
    """
    arms, runs = (review.control, review.treatment), [run.run_id for run in review.record.runs]
    lazy = sample_frame(review.judged.source, texts=True).frame()
    selected = lazy.filter(nw.col("arm").is_in(arms) & nw.col("run_id").is_in(runs))
    native = nw.to_native(selected.sort("arm", "run_id", "sample_id"))
    if isinstance(native, duckdb.DuckDBPyRelation):
        reader: Any = native.to_arrow_reader(_ROWS_AT_ONCE)
    else:
        reader = selected.collect("pyarrow").to_arrow().to_reader(_ROWS_AT_ONCE)
    schema = tidy(reader.schema.empty_table()).schema
    documented = {column.name: column for column in SAMPLES}
    columns = [documented.get(name) or text(name, FURTHER) for name in schema.names]
    pieces = (tidy(pa.Table.from_batches([batch])) for batch in reader)
    return written(made, "samples", _documented(schema, columns), pieces), columns


def written(made: Path, name: str, schema: pa.Schema, pieces: Iterable[pa.Table]) -> list[File]:
    """Write tables of a schema below each other, as Parquet and as CSV."""
    rows, (verbatim, cells) = 0, _names(name)
    with (
        parquet.ParquetWriter(made / verbatim, schema) as whole_file,
        csv_file(made / cells, schema) as add,
    ):
        for piece in pieces:
            table = piece.cast(schema)
            whole_file.write_table(table)
            add(table)
            rows += table.num_rows
    return [File(each, rows, (made / each).stat().st_size) for each in (verbatim, cells)]


def _names(name: str) -> tuple[str, str]:
    return f"{name}.parquet", f"{name}.csv"


def _documented(schema: pa.Schema, columns: Iterable[Column[Any]]) -> pa.Schema:
    """Return a schema whose fields carry unit and meaning along, for who opens only the Parquet."""
    described = {column.name: {"unit": column.unit, "meaning": column.doc} for column in columns}
    return pa.schema([field.with_metadata(described.get(field.name, {})) for field in schema])


_COLUMNS: Final[tuple[Column[tuple[str, Column[Any]]], ...]] = (
    text("table", "whose column it is", lambda row: row[0]),
    text("name", "what it is called", lambda row: row[1].name),
    text("kind", "text, whole number, number, flag or moment (UTC)", lambda row: row[1].kind),
    text("unit", "of its numbers, or the column that tells", lambda row: row[1].unit or None),
    text("meaning", "what it holds", lambda row: row[1].doc),
)


def _about(made: Path, review: Review, missing: str) -> File:
    """Write the page that says what is here, in the language that is spoken."""
    record = review.record
    facts = (
        (say("Control"), record.control), (say("Treatment"), record.treatment),
        (say("SHA-256 of the data"), record.data_sha256),
        (say("SHA-256 of the plan"), record.plan_sha256),
    )  # fmt: skip
    lines = [
        f"# {markdown(title_of(record))}", "", markdown(str(meaning_of(record))), "",
        *(f"- {name}: {markdown(value, LABEL)}" for name, value in facts if value), "",
        *(f"{sentence}\n" for sentence in (
            say("Each table is here twice: as Parquet, which keeps every text as it was, and as "
                "CSV for spreadsheets (UTF-8), where a text that a spreadsheet would run begins "
                "with an apostrophe. An empty cell is not known."),
            say("columns.csv says what each column means and in which unit its numbers are."),
            say("Whether a file is as it was written: sha256sum -c {seal}", seal=SEAL),
        )),
        markdown(missing),
    ]  # fmt: skip
    page = made / ABOUT
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return File(ABOUT, len(lines), page.stat().st_size)


# --- where it is written --------------------------------------------------------------------------


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        yield f"{file_sha256(path)}  {path.name}\n"


def _require_outside(place: Path, review: Review) -> None:
    """Refuse a place among runs, where the next review would read the export as runs.

    Raises:
        UsageError: it names the runs.
    """
    try:
        named = (review.params.runs, *review.params.carry)
    except UsageError:  # made without parameters: nobody knows where its runs are
        return
    for runs in (Path(os.path.realpath(workbook_root() / name)) for name in named):
        if runs == place or runs in place.parents:
            raise UsageError(
                "{place} lies among the runs of {runs}, where the next review would read it; name "
                "a folder outside of them",
                place=place,
                runs=runs,
            )


def _require_ours(place: Path) -> None:
    """Refuse a place that holds anything but an earlier export, as that left it.

    Raises:
        UsageError: it names what is there.
    """
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(
            "{place} is a file; name a folder that is new, empty or an earlier export", place=place
        )
    names = {path.name for path in place.iterdir()}
    seal = bounded_text(place / SEAL) if SEAL in names else ""
    listed_ = dict(line.split("  ", 1)[::-1] for line in seal.splitlines() if "  " in line)
    others = [
        name for name in sorted(names - {SEAL})
        if name not in listed_ or not (place / name).is_file()
        or file_sha256(place / name) != listed_[name]
    ]  # fmt: skip
    if others:
        raise UsageError(
            "{place} holds what no export wrote, or what was changed since: {others}; name another "
            "folder, or move it away",
            place=place,
            others=several(others),
        )


def _swap(made: Path, place: Path) -> None:
    """Put the new folder in its place; an earlier export goes, and is back if this fails."""
    if not place.exists() or not any(place.iterdir()):
        made.rename(place)
        return
    old = place.with_name(f"{place.name}.before-{token_hex(3)}")
    place.rename(old)
    try:
        made.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _in_words(place: Path) -> Generator[None]:
    """Say what the system refuses in a sentence."""
    try:
        yield
    except OSError as error:
        raise RolloutError(
            "{place} could not be written ({why}); make room there, or name another folder",
            place=place, why=error,
        ) from None  # fmt: skip
