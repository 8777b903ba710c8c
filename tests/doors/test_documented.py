"""Every key of docs/source.md's chapter on how files are written, by its example there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import Workbook

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs

ROOT = Path(__file__).parents[2]
_KEY = re.compile(r"^\| `(\w+)` \| `(\1: [^`]+)` \|", re.MULTILINE)
TABLE = "arm,status,score,started_at\n" + "".join(
    f"{arm},passed,{n}.5,2026-10-20T0{n}:00:00\n" for arm in ("대조", "후보") for n in range(4)
)


def examples() -> dict[str, str]:
    """Return the documented keys and their examples."""
    page = (ROOT / "docs/source.md").read_text(encoding="utf-8")
    chapter = page.partition("## How files are written")[2].partition("\n## ")[0]
    return {key: line.replace("\\|", "|") for key, line in _KEY.findall(chapter)}


def laid(folder: Path, key: str) -> Path:
    """Write the table as it needs the key."""
    zoned = TABLE.replace(":00\n", ":00Z\n")
    text = {
        "encoding": zoned.encode("cp949"), "delimiter": zoned.replace(",", ";").encode(),
        "decimal": re.sub(r"(\d\.\d)", r'"\1"', zoned).replace('.5"', ',5"').encode(),
        "timezone": TABLE.encode(),
    }.get(key)  # fmt: skip
    if text is not None:
        (folder / "t.csv").write_bytes(text)
        return folder
    book = Workbook()
    for name in ("Notes", "Results"):
        sheet = book.create_sheet(name)
        for line in zoned.splitlines():
            sheet.append(line.split(","))
    book.save(folder / "t.xlsx")
    return folder


@pytest.mark.parametrize("key", examples())
def test_the_example_of_a_key_is_what_it_takes(tmp_path: Path, key: str) -> None:
    """Without it the file is refused by a sentence that names the key; with it alone it is read."""
    folder = laid(tmp_path, key)
    try:
        refused = " ".join(row.message for row in read_runs(folder).quarantined)
    except RunsError as error:
        refused = str(error)
    assert f"{key}:" in refused
    (folder / "source.yaml").write_text(examples()[key] + "\n", encoding="utf-8")
    runs = read_runs(folder)
    assert runs.kept == 8
    assert not runs.quarantined
    assert runs.table["score"].to_pylist() == [0.5, 1.5, 2.5, 3.5] * 2


def test_every_key_is_documented() -> None:
    """The chapter names all keys of how files are written; the currency has one of its own."""
    from rolloutlib.runs.wrapping import Wrapping

    assert {*examples(), "currency"} == Wrapping.model_fields.keys()
