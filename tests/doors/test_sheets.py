"""Workbooks as people keep them: titles above the header, several sheets, what Excel made of it."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs
from tests.doors.test_texts import KOREAN, MAPPED, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

HEAD = ("arm", "run_id", "prompt_id", "status", "score", "issues")
PERCENT = (
    "score is '85%'; expected a number from 0 to 10; a percentage is read by scale: "
    "[0, 1] or [0, 100]."
)
SOURCE = """
columns: {arm: arm, run_id: run_id, prompt_id: prompt_id, status: status, score: score,
          issues: issues}
"""


def written(folder: Path, rows: Sequence[Sequence[object]], source: str = SOURCE,
            then: Callable[[Worksheet], object] | None = None) -> Path:  # fmt: skip
    """Write a workbook of one sheet, and its source.yaml."""
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    if then:
        then(sheet)
    folder.mkdir(exist_ok=True)
    book.save(folder / "book.xlsx")
    (folder / "source.yaml").write_text(source, encoding="utf-8")
    return folder


def rows_of(*further: Sequence[object]) -> list[Sequence[object]]:
    """Return a table of ten good rows an arm, and further ones."""
    good = [(arm, "r", f"q{n}", "passed", n / 2) for arm in "ab" for n in range(10)]
    return [HEAD, *good, *further]


def test_a_sheet_reads_as_its_csv(tmp_path: Path) -> None:
    """Korean names, a merged title and a blank row above the header, numbers as Excel has them."""
    lines = [line.split(",") for line in KOREAN.splitlines()]
    typed = [[float(cell) if cell.replace(".", "").isdigit() else cell for cell in line]
             for line in lines]  # fmt: skip
    folder = written(
        tmp_path / "x",
        [["주간 보고"], [], *typed],
        MAPPED,
        lambda sheet: sheet.merge_cells("A1:F1"),
    )
    plain = tmp_path / "c"
    plain.mkdir()
    (plain / "t.csv").write_text(KOREAN, encoding="utf-8")
    (plain / "source.yaml").write_text(MAPPED, encoding="utf-8")
    assert told(read_runs(folder)) == told(read_runs(plain))


ODD: dict[str, tuple[Sequence[object], Callable[[Worksheet], object] | None, str]] = {
    "3-4 that became a date": (
        ("a", "r", dt.datetime(2026, 3, 4), "passed", 1), None,  # noqa: DTZ001 -- as Excel has it
        'prompt_id is {"date": "2026-03-04"}; expected text.'),
    "an id that lost digits": (
        ("a", "r", 1234567890123456789, "passed", 1), None,
        "prompt_id is 1.234567890123457e+18; expected text."),
    "an error in a word": (
        ("a", "r", "q", "passed", 1), lambda sheet: _error(sheet["C22"]),
        'prompt_id is {"error": "#ERROR"}; expected text.'),
    "an error in a number": (
        ("a", "r", "q", "passed", 1), lambda sheet: _error(sheet["E22"]),
        "score is '#ERROR'; expected a number from 0 to 10."),
    "an error among issues": (
        ("a", "r", "q", "passed", 1, "x"), lambda sheet: _error(sheet["F22"]),
        'issues is {"error": "#ERROR"}; expected a list of words.'),
    "errors in all cells": (
        ("a", "r", "q", "passed", 1, "x"), lambda sheet: [_error(cell) for cell in sheet[22]],
        'arm is {"error": "#ERROR"}; expected control or treatment.'),
    "a percentage in an id": (
        ("a", "r", 0.85, "passed", 1), lambda sheet: _percent(sheet["C22"]),
        'prompt_id is {"error": "a percentage (85%)"}; expected text.'),
    "a percentage": (
        ("a", "r", "q", "passed", 0.85), lambda sheet: _percent(sheet["E22"]),
        PERCENT),
    "a boolean where a number is due": (
        ("a", "r", "q", "passed", True), None,
        ("score is true; expected a number from 0 to 10; if it is a word for a score, say values: "
         "{true: …} of score.")),
}  # fmt: skip


def _error(cell: Any) -> None:  # noqa: ANN401 -- openpyxl's
    cell.value, cell.data_type = "#N/A", "e"


def _percent(cell: Any) -> None:  # noqa: ANN401 -- openpyxl's
    cell.number_format = "0%"


@pytest.mark.parametrize("odd", ODD)
def test_what_excel_made_of_a_cell_is_never_its_value(tmp_path: Path, odd: str) -> None:
    """It costs its row, which is named by the sheet's own number."""
    row, then, message = ODD[odd]
    runs = read_runs(written(tmp_path / "x", rows_of(row), then=then))
    assert [refused.message for refused in runs.quarantined] == [f"book.xlsx:22: {message}"]
    assert runs.kept == 20


def test_several_sheets_need_one_key(tmp_path: Path) -> None:
    """The message names the sheets; that one key is enough."""
    folder = written(tmp_path / "x", rows_of())
    book = Workbook()
    book.worksheets[0].title = "메모"
    book.worksheets[0].append(["a", "note"])
    sheet = book.create_sheet("결과")
    for row in rows_of():
        sheet.append(list(row))
    book.create_sheet("empty")
    book.save(folder / "book.xlsx")
    with pytest.raises(RunsError, match=r"several sheets with rows \('메모', '결과'\).*sheet: "):
        read_runs(folder)
    (folder / "source.yaml").write_text(SOURCE + "sheet: 결과\n", encoding="utf-8")
    assert read_runs(folder).kept == 20
    (folder / "source.yaml").write_text("sheet: 결과\n", encoding="utf-8")
    assert read_runs(folder).kept == 20


@pytest.mark.parametrize(("scale", "score"), [("[0, 1]", 8.5), ("[0, 100]", 8.5)])
def test_a_percentage_is_read_where_it_can_only_be_one_thing(
    tmp_path: Path, scale: str, score: float
) -> None:
    """As people see it, on both scales that a percentage may have."""
    source = SOURCE.replace("score: score", f"score: {{column: score, scale: {scale}}}")
    row = ("a", "r", "q", "passed", 0.85)
    folder = written(tmp_path / "x", [HEAD, row], source, lambda sheet: _percent(sheet["E2"]))
    assert read_runs(folder).table["score"].to_pylist() == [score]


def rewritten(book: Path, change: Callable[[bytes], bytes]) -> None:
    """Write the XML of a workbook's sheet and styles as another program would."""
    with zipfile.ZipFile(book) as read:
        parts = {name: read.read(name) for name in read.namelist()}
    for name in ("xl/worksheets/sheet1.xml", "xl/styles.xml"):
        parts[name] = change(parts[name])
    with zipfile.ZipFile(book, "w") as made:
        for name, data in parts.items():
            made.writestr(name, data)


def prefixed(xml: bytes) -> bytes:
    """Name the namespace, as .NET's programs do."""
    named = re.sub(rb"<(/?)(?=[A-Za-z])", rb"<\1x:", xml)
    return named.replace(b"xmlns=", b"xmlns:x=", 1)


def single_quoted(xml: bytes) -> bytes:
    """Quote values as XML allows, too."""
    return xml.replace(b'"', b"'")


@pytest.mark.parametrize("change", [prefixed, single_quoted])
def test_marks_are_seen_whoever_writes_the_xml(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    """Prefixes and single quotes hide neither an error nor a percentage."""
    rows = rows_of(("a", "r", "q", "passed", 0.85), ("b", "r", "q", "passed", 1, "x"))
    folder = written(
        tmp_path / "x", rows, then=lambda sheet: (_percent(sheet["E22"]), _error(sheet["F23"]))
    )
    rewritten(folder / "book.xlsx", change)
    runs = read_runs(folder)
    assert [refused.line for refused in runs.quarantined] == [22, 23]
    assert runs.kept == 20


REFUSED: dict[str, tuple[Callable[[Worksheet], object], str]] = {
    "merged cells among the rows": (
        lambda sheet: sheet.merge_cells("A3:A5"), r"merged cells among its rows \(A3:A5\)"),
    "formulas that nobody computed": (
        lambda sheet: sheet.__setitem__("E4", "=1+1"), r"formulas without their values \(E4\)"),
    "a name twice": (lambda sheet: sheet.__setitem__("E1", "arm"), "names 'arm' twice in row 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_sheet_of_which_nobody_can_say_its_values_is_refused(tmp_path: Path, name: str) -> None:
    """The sentence names the cells."""
    then, message = REFUSED[name]
    with pytest.raises(RunsError, match=message):
        read_runs(written(tmp_path / "x", rows_of(), then=then))


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
 <office:body><office:spreadsheet><table:table table:name="결과">{rows}</table:table>
 </office:spreadsheet></office:body></office:document-content>"""


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?><manifest:manifest
 xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
 <manifest:file-entry manifest:full-path="/"
  manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>"""


def ods(folder: Path, *cells: tuple[str, str]) -> Path:
    """Write an .ods by hand: a header, and a row of typed cells."""

    def row(*cells: tuple[str, str]) -> str:
        return "".join(
            f'<table:table-cell office:value-type="{kind}"'
            + (f' office:value="{value}"' if kind != "string" else "")
            + f"><text:p>{value}</text:p></table:table-cell>" for kind, value in cells
        )  # fmt: skip

    head = row(*(("string", name) for name in HEAD))
    rows = "".join(
        f"<table:table-row>{cells_of_row}</table:table-row>" for cells_of_row in (head, row(*cells))
    )
    folder.mkdir()
    with zipfile.ZipFile(folder / "t.ods", "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("META-INF/manifest.xml", MANIFEST)
        made.writestr("content.xml", ODS.format(rows=rows))
    return folder


def test_open_document_is_read_alike(tmp_path: Path) -> None:
    """Where percentages stand, nobody can tell which cells they are: it is refused."""
    words = [("string", word) for word in ("a", "r", "q", "passed")]
    runs = read_runs(ods(tmp_path / "x", *words, ("float", "4.5")))
    assert runs.table["score"].to_pylist() == [4.5]
    with pytest.raises(RunsError, match="has percentages; expected plain values"):
        read_runs(ods(tmp_path / "y", *words, ("percentage", "0.45")))
