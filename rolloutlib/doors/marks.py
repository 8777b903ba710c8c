"""Cells of a workbook that are not the values that the library gives for them.

It gives an error as an empty cell, and 85% as 0.85: the workbook's own XML says which they are.
"""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from typing import Final, NamedTuple

from rolloutlib.phrase import Clause, Phrase, phrase

__all__ = ["Marks", "Refusal", "marks_in"]

_AT = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_HEAD = 2_000
_PREFIXED = re.compile(rb"<\w+:(?:worksheet|styleSheet|workbook|Relationships)\b")
_FORMULA = re.compile(rb"(<c\b[^>]*>)\s*<f\b(?:[^>]*/>|[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_STYLES = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<numFmt\b[^>]*>")
_LITERAL = re.compile(r"&quot;.*?&quot;|\\.|_.")  # of a format: text that is shown as it is
_STYLE = re.compile(rb"<xf\b[^>]*>")
_PERCENTS: Final = ("9", "10")  # formats that every workbook has
_SHEET = re.compile(rb"<sheet\b[^>]*>")
_RELATION = re.compile(rb"<Relationship\b[^>]*>")
_SAVED = phrase("it saved by a spreadsheet")
_ODD_IN_ODS: Final = (
    (rb'office:value-type="percentage"', phrase("percentages")),
    (rb'calcext:value-type="error"', phrase("errors")),
    (rb'table:number-rows-spanned="(?!1")', phrase("cells that are merged over several rows")),
)


class Told(NamedTuple):
    """The parts of a refusal's sentence, as they go from one process to the other."""

    got: Phrase
    expected: Phrase
    key: str = ""


class Refusal(Exception):  # noqa: N818 -- it is no fault of the program
    """A workbook that is refused: what was got, what is expected, and the key that mends it."""

    def __init__(self, got: Phrase, expected: Phrase, key: str = "") -> None:
        """Keep the parts of its sentence."""
        super().__init__(str(got))
        self.told = Told(got, expected, key)


class Marks(NamedTuple):
    """Cells (row and column from 0) that are not the values that the library gives for them."""

    errors: frozenset[tuple[int, int]] = frozenset()
    percents: frozenset[tuple[int, int]] = frozenset()

    def of(self, row: int, column: int) -> str:
        """Return what a cell is marked as."""
        at = row, column
        return "error" if at in self.errors else "percent" if at in self.percents else ""


def marks_in(data: bytes, sheet: str, kind: str) -> Marks:
    """Find the cells that the library gives as empty (errors) or as other numbers (percentages)."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    if kind == ".ods":
        content = _xml(archive, "content.xml")
        for pattern, what in _ODD_IN_ODS:
            if re.search(pattern, content):
                expected = phrase("plain values: change or format them, or save it as .xlsx")
                raise Refusal(phrase("has {what}", what=what), expected)
        return Marks()
    xml = _xml(archive, _part_of(archive, sheet))
    _check_computed(xml)
    percents = _percent_styles(archive)
    styles = b"|".join(b"%d" % style for style in percents)
    either = rb'\bt="e"' + (rb'|\bs="(?:' + styles + rb')"' if styles else b"")
    errors, shown = set[tuple[int, int]](), set[tuple[int, int]]()
    for cell in re.finditer(rb"<c\b(?=[^>]*(?:" + either + rb"))[^>]*>", xml):
        at = _AT.search(cell[0])
        if at is None:
            raise Refusal(phrase("has cells without an address"), _SAVED)
        place = int(at[2]) - 1, _column(at[1])
        (errors if b't="e"' in cell[0] else shown).add(place)
    return Marks(frozenset(errors), frozenset(shown))


def _xml(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a part as most programs write it: no prefix before tags, quotes around values."""
    data = archive.read(name)
    if b"\0" in data[:_HEAD]:
        raise Refusal(phrase("is XML in UTF-16"), _SAVED)
    if _PREFIXED.search(data[:_HEAD]):
        data = re.sub(rb"<(/?)\w+:", rb"<\1", data)
    return re.sub(rb"='([^'\"<>]*)'", rb'="\1"', data) if b"='" in data else data


def _check_computed(xml: bytes) -> None:
    """Refuse formulas without values: who wrote them left computing them to a spreadsheet."""
    for formula in _FORMULA.finditer(xml):
        if b't="str"' not in formula[1]:  # a formula may give an empty text
            at = _AT.search(formula[1])
            cell: Clause = (at[1] + at[2]).decode() if at else phrase("somewhere")
            expected = phrase("it opened and saved by a spreadsheet, which computes them")
            raise Refusal(phrase("has formulas without their values ({cell})", cell=cell), expected)


def _column(letters: bytes) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + letter - ord("A") + 1
    return column - 1


def _part_of(archive: zipfile.ZipFile, name: str) -> str:
    """Return the entry that holds a sheet."""
    sheets = _SHEET.findall(_xml(archive, "xl/workbook.xml"))
    relations = _RELATION.findall(_xml(archive, "xl/_rels/workbook.xml.rels"))
    targets = {_said(tag, b"Id"): _said(tag, b"Target") for tag in relations}
    for tag in sheets:
        if unescape(_said(tag, b"name")) == name:
            target = targets.get(_said(tag, b"(?:\\w+:)?id"), "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise Refusal(phrase("does not say where its sheet {name!r} is", name=name), _SAVED)


def _said(tag: bytes, attribute: bytes) -> str:
    match = re.search(rb"\s" + attribute + rb"=(?:\"([^\"]*)\"|'([^']*)')", tag)
    return (match[1] or match[2] or b"").decode() if match else ""


def _percent_styles(archive: zipfile.ZipFile) -> list[int]:
    """Return the styles by which a cell shows 0.85 as 85 %."""
    if "xl/styles.xml" not in archive.namelist():
        return []
    xml, formats = _xml(archive, "xl/styles.xml"), {*_PERCENTS}
    formats |= {_said(tag, b"numFmtId") for tag in _FORMAT.findall(xml)
                if "%" in _LITERAL.sub("", _said(tag, b"formatCode"))}  # fmt: skip
    styles = _STYLES.search(xml)
    every = _STYLE.findall(styles[0]) if styles else []
    return [place for place, tag in enumerate(every) if _said(tag, b"numFmtId") in formats]
