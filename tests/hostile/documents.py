"""Documents beside the runs that are wrong, or more than they seem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.hostile.inputs import REFUSED, TABLE, Case, written
from tests.runs.test_runs import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

META: dict[str, str | bytes] = {
    "no object": "[]",
    "cut": '{"datasetVersion": ',
    "a key twice": '{"createdAt": "2026-03-02T10:00:00Z", "createdAt": "2020-01-01T00:00:00Z"}',
    "no UTF-8": b'{"a": "\xff"}',
    "nesting": '{"a": ' + "[" * 200_000,
    "NaN": '{"a": NaN}',
}


def data_sets() -> Iterator[Case]:
    """A bare result whose dataset_meta.json cannot be trusted."""
    for name, text in META.items():
        bare = json.dumps(run("one")["result"]).replace('"metrics"', '"metrics"')

        def put(folder: Path, text: str | bytes = text, bare: str = bare) -> None:
            written("sub/dataset_meta.json", text)(folder)
            written("sub/h.json", bare)(folder)

        yield Case(f"data set: {name}", put, REFUSED, 0, "dataset_meta.json")


SOURCE = "columns: {arm: arm, status: status}\n"
SOURCES: dict[str, str | bytes] = {
    "a tag of Python": "columns: !!python/object/apply:os.system [id]\n",
    "an alias": "a: &a {arm: arm}\ncolumns: *a\n",
    "a laugh of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a key twice": SOURCE + "columns: {arm: other}\n",
    "an unknown key": SOURCE + "columnz: {}\n",
    "a list": "- a\n",
    "a text": "just words\n",
    "no YAML": "columns: [\n",
    "no UTF-8": b"columns: \xff\n",
    "deep flow": "a: " + "[" * 20_000 + "]" * 20_000,
    "deep blocks": "".join(" " * n + "a:\n" for n in range(400)),
    "over a million bytes": "# " + "x" * 1_100_000,
    "NUL": SOURCE + "title: a\0b\n",
    "a date that is none": "title: 2026-13-41\n",
    "an integer of 5,000 digits": "title: " + "9" * 5_000,
    "a column that is missing": "columns: {arm: nobody, status: status}\nfiles: h.csv\n",
    "an unknown zone": SOURCE + "time_zone: Mars/Phobos\n",
    "a path as a zone": SOURCE + "time_zone: ../../etc/passwd\n",
    "a merge key": "<<: {columns: {arm: arm}}\n",
    "a key that is a list": "? [a, b]\n: c\n",
    "two documents": SOURCE + "---\n" + SOURCE,
}


def sources() -> Iterator[Case]:
    """A source.yaml that is wrong, or more than YAML."""
    for name, text in SOURCES.items():

        def put(folder: Path, text: str | bytes = text) -> None:
            written("h.csv", TABLE)(folder)
            written("source.yaml", text)(folder)

        yield Case(f"source.yaml: {name}", put, REFUSED, 0, "source.yaml")
