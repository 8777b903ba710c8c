"""What a row of a flat table has beside its fields: labels, further scores and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from rolloutlib.plan.metrics import SCORER
from rolloutlib.runs.cells import cell_reader
from rolloutlib.runs.columns import TEXTS
from rolloutlib.runs.further import is_scorer, label, text
from rolloutlib.runs.mappings import ComparedSpec
from rolloutlib.runs.picked import as_json, cell_of
from rolloutlib.runs.ranges import ON_SCALE
from rolloutlib.runs.spellings import Nothing

if TYPE_CHECKING:
    from rolloutlib.runs.rows import Row
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Beside"]

_KEYS: Final = {name: name.removesuffix("_text") for name in TEXTS}


class Beside:
    """Lays what source.yaml names beside the fields into a sample's values."""

    def __init__(self, spec: SourceSpec) -> None:
        """Prepare the readers of the columns that source.yaml names."""
        plain = {name: column for name, column in spec.beside.items() if not is_scorer(name)}
        self.columns = [(name, column, Nothing(column.none)) for name, column in plain.items()]
        self.shapes = spec.shapes if isinstance(spec, ComparedSpec) else frozenset[str]()
        self.scorers = [
            (name, column, cell_reader(name, column, spec)) for name, column in spec.scorers.items()
        ]

    def lay(self, row: Row, values: dict[str, object]) -> str | None:
        """Put a row's labels, scores and texts into its values, or return the one that is none."""
        return self._labels(row, values) or self._scores(row, values)

    def _labels(self, row: Row, values: dict[str, object]) -> str | None:
        labels: dict[str, object] = {}
        for name, column, nothing in self.columns:
            cell = cell_of(row.cells, name, column, row.root)
            if cell is None or nothing(cell):
                continue
            if name in _KEYS:
                values[_KEYS[name]] = text(cell)
            elif name in self.shapes and isinstance(cell, dict | list):
                labels[name] = as_json(_plain(cast("object", cell)))
            elif (written := label(cell)) is not None:
                labels[name] = written
                if not isinstance(written, str):
                    return name
        if labels:
            values["segments"] = labels
        return None

    def _scores(self, row: Row, values: dict[str, object]) -> str | None:
        scores: dict[str, float] = {}
        for name, column, read in self.scorers:
            cell = cell_of(row.cells, name, column, row.root)
            score = None if cell is None else read(cell)
            if isinstance(score, float) and ON_SCALE[0] <= score <= ON_SCALE[1]:
                scores[name.removeprefix(SCORER)] = score
            elif score is not None:
                return name
        if scores:
            values["scores"] = scores
        return None


def _plain(value: object) -> object:
    """Return a list or object without what two programs write differently: 4.0, blanks around."""
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).items()
        return {key: _plain(item) for key, item in entries}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.strip() if isinstance(value, str) else value
