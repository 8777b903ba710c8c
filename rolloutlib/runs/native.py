"""Tables that need no mapping: their columns have our names, or the engine's."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RunsError
from rolloutlib.plan.metrics import SCORER
from rolloutlib.plan.segments import MOST_SEGMENTS, NAME
from rolloutlib.runs.column_spec import ColumnSpec, Texts
from rolloutlib.runs.columns import CLUSTER, TEXTS
from rolloutlib.runs.further import is_scorer
from rolloutlib.runs.sources import TAGS, WIRE, Columns, SourceSpec

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["further_of", "native_source", "own_scorers"]

_SCORER: Final = re.compile(f"{SCORER}{NAME}")  # a column that is a scorer's by its name


def native_source(
    columns: tuple[str, ...], beside: SourceSpec | None = None, file: str = ""
) -> SourceSpec | None:
    """Return the mapping of a table whose columns have our names or the engine's.

    Args:
        columns: of the table.
        beside: a source.yaml, which may name its segments and texts.
        file: the table's name.

    Returns:
        None when it has no outcome.
    """
    names = {
        name: wire if wire in columns else name
        for name, wire in WIRE.items()
        if {name, wire} & set(columns)
        and name not in {CLUSTER, "error"}  # which nobody declared to be one
    }
    if "arm" not in names or not {"status", "passed"} & set(names):
        return None  # scores alone could be anybody's: source.yaml has to say so
    if "status" in names:
        names.pop("passed", None)
    mapped = {
        name: {"column": column, **({"separator": ";"} if name in TAGS else {})}
        for name, column in names.items()
    }
    further = own_scorers(columns, file) | further_of(columns, beside, file)
    scores = {
        name.removeprefix(SCORER): column for name, column in further.items() if is_scorer(name)
    }
    segments = {name: column for name, column in further.items()
                if name not in TEXTS and not is_scorer(name)}  # fmt: skip
    prompt, answer = (further[name].column if name in further else None for name in TEXTS)
    texts = Texts(prompt=prompt, answer=answer)
    whole = Columns.model_validate(mapped)
    wrapping = beside.wrapping if beside and fnmatch(file, beside.files) else {}
    own = {"columns": whole, "segments": segments, "scores": scores, "texts": texts}
    return SourceSpec.model_validate(own | wrapping)


def own_scorers(columns: Collection[str], file: str) -> dict[str, ColumnSpec]:
    """Return the columns of a table that are scorers' by their names, `score:NAME`.

    Raises:
        RunsError: there are too many.
    """
    own = {name: ColumnSpec(column=(name,)) for name in columns if _SCORER.fullmatch(name)}
    if len(own) > MOST_SEGMENTS:
        raise RunsError(
            "{file} has {n} columns named {prefix}…; expected at most {most}; name those that "
            "matter under scores: in source.yaml.",
            file=file, n=len(own), prefix=SCORER, most=MOST_SEGMENTS,
        )  # fmt: skip
    return own


def further_of(
    columns: tuple[str, ...], spec: SourceSpec | None, file: str
) -> dict[str, ColumnSpec]:
    """Return what a source.yaml names beside the fields, of a table whose fields it does not map.

    Where it maps those of other tables, what this one lacks is unknown; else it has to be there.
    """
    if spec is None or not fnmatch(file, spec.files):
        return {}
    every = spec.beside
    if not spec.mapped:
        return every
    return {name: column for name, column in every.items() if column.column in columns}
