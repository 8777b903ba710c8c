"""docs/source.md has an example of every key of source.yaml, and reads as it says."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import openpyxl
import pytest
import yaml

from rolloutlib.plan.workbook import workbook_root
from rolloutlib.runs import read_runs
from rolloutlib.runs.column_spec import ColumnSpec
from rolloutlib.runs.source_columns import Columns
from rolloutlib.runs.sources import SourceSpec, source_schema

if TYPE_CHECKING:
    from pathlib import Path

ROOT = workbook_root()
PAGE = (ROOT / "docs" / "source.md").read_text("utf-8")
FILE = re.compile(r"^`([^`]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A source.yaml, the files beside it, and the columns and cells of the rows that it gives."""

    title: str
    spec: str
    files: dict[str, str]
    columns: list[str]
    rows: list[list[str]]


def example_of(section: str) -> Example:
    """Return the example of one section of the page."""
    title, _, body = section.partition("\n")
    spec = YAML.search(body)
    files = dict(FILE.findall(body))
    table = [line for line in body.splitlines() if line.startswith("|")]
    assert spec, f"{title} has no source.yaml"
    assert files, f"{title} has no file"
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    return Example(title, spec[1], files, head, rows)


SECTIONS = PAGE.partition("\n## Every key by an example\n")[2].split("\n## ")[0].split("\n### ")[1:]
EXAMPLES = [example_of(section) for section in SECTIONS]


def write(folder: Path, example: Example) -> None:
    """Write an example's files as their names, and what source.yaml says of them, want them."""
    spec: dict[str, Any] = yaml.safe_load(example.spec)
    (folder / "source.yaml").write_text(example.spec, "utf-8")
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xlsx":
            book = openpyxl.Workbook()
            book.active.append(["other", "rows"])  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
            sheet = book.create_sheet(spec["sheet"])
            for row in csv.reader(io.StringIO(text)):
                sheet.append(row)
            book.save(path)
        else:
            path.write_bytes(text.encode(spec.get("encoding", "utf-8")))


def shown(cell: object) -> str:
    """Return a cell as the page's tables write it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return f"{cell:g}"
    if isinstance(cell, list):
        return ", ".join(map(str, cell))  # pyright: ignore[reportUnknownArgumentType]
    return "" if cell is None else cell.isoformat() if hasattr(cell, "isoformat") else str(cell)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
def test_an_example_reads_as_it_says(tmp_path: Path, example: Example) -> None:
    """The files of an example give the rows of its table, and nothing is set apart."""
    write(tmp_path, example)
    runs = read_runs(tmp_path)
    read = [[shown(row[name]) for name in example.columns] for row in runs.table.to_pylist()]
    assert sorted(read) == sorted(example.rows)
    assert [row.message for row in runs.quarantined] == []


def test_every_key_has_an_example() -> None:
    """A key, a field or an option of a column that no example uses is one that nobody tried."""
    specs = [SourceSpec.model_validate(yaml.safe_load(example.spec)) for example in EXAMPLES]
    used = {key for spec in specs for key in spec.model_fields_set}
    assert set(SourceSpec.model_fields) - used == set()
    every = [spec.columns.mapped | side.columns.mapped for spec in specs for side in spec.sides]
    assert set(Columns.model_fields) - {name for mapped in every for name in mapped} == set()
    columns = [column for mapped in every for column in mapped.values()]
    assert set(ColumnSpec.model_fields) == {
        key for column in columns for key in column.model_fields_set
    }


def test_the_schema_is_in_step() -> None:
    """params/source.schema.json is what `rollout schema` would write now."""
    shipped = json.loads((ROOT / "params" / "source.schema.json").read_text("utf-8"))
    assert shipped == json.loads(json.dumps(source_schema())), "run `rollout schema`"


@pytest.mark.slow
def test_the_schema_takes_what_is_read(tmp_path: Path) -> None:
    """Every source.yaml of the page and of the examples fits the schema; a wrong one does not."""
    specs = [tmp_path / f"{place}.yaml" for place in range(len(EXAMPLES))]
    for path, example in zip(specs, EXAMPLES, strict=True):
        path.write_text(example.spec, "utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("columns: {arm: a, passed: {column: ok, units: s}}\n", "utf-8")
    shipped = sorted((ROOT / "data" / "examples").glob("*/source.yaml"))
    schema = (sys.executable, "-m", "check_jsonschema", "--schemafile")
    file = ROOT / "params" / "source.schema.json"
    for paths, fits in (([*specs, *shipped], True), ([wrong], False)):
        checked = subprocess.run(
            [*schema, str(file), *map(str, paths)], capture_output=True, text=True, check=False
        )
        assert (checked.returncode == 0) is fits, checked.stdout
