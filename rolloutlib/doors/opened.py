"""A file that somebody wrote, in whatever wrapping, as one of four kinds that the readers know."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from rolloutlib.doors.delimited import delimiter_of, without_sep
from rolloutlib.doors.encodings import as_utf8
from rolloutlib.doors.packed import PACKINGS, archived, unpacked
from rolloutlib.doors.refusal import DoorError
from rolloutlib.doors.sheets import WORKBOOKS, sheet_lines
from rolloutlib.phrase import phrase

__all__ = ["KINDS", "Opened", "Said", "kind_of_name", "opened"]

_TEXTS: Final = {
    ".csv": ".csv", ".tsv": ".csv", ".tab": ".csv", ".txt": ".csv", ".jtl": ".csv",
    ".json": ".json", ".jsonl": ".jsonl", ".ndjson": ".jsonl",
}  # fmt: skip
_EVAL = ".eval"  # Inspect's archive
KINDS: Final = (*_TEXTS, ".parquet", _EVAL, *WORKBOOKS)


class Said(NamedTuple):
    """What source.yaml says of a file's wrapping; nothing of it is guessed.

    Attributes:
        encoding, delimiter, sheet: its keys.
        wanted: the columns that it maps.
        times: those of moments.
        strict: those in which a date is what a spreadsheet made of something else.
        numbers: those of them in which a percentage is no such thing.
        words: those in which an error's word (#N/A) is judged as a word.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    wanted: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Opened(NamedTuple):
    """What a file holds: .csv, .jsonl or .json in UTF-8 without a mark, or .parquet as it is."""

    kind: str
    data: bytes
    delimiter: str = ","


def kind_of_name(name: str) -> str:
    """Return what a file may be by its name, packed or not: one of `KINDS`; empty for others.

    >>> kind_of_name("a/runs.csv.gz"), kind_of_name("Book.XLSX"), kind_of_name("notes.md")
    ('.csv', '.xlsx', '')
    """
    stem, end = _parts(name)
    kind = _parts(stem)[1] if end in PACKINGS else end
    return kind if kind in (_TEXTS if end in PACKINGS else KINDS) else ""


def _parts(name: str) -> tuple[str, str]:
    stem, end = os.path.splitext(name)  # noqa: PTH122 -- names may be no paths
    return stem, end.lower()


def opened(name: str, data: bytes, keys: Said | None = None) -> Opened:
    """Open a file's bytes.

    Args:
        name: the file's; its ending says what it is.
        data: its bytes as they are.
        keys: what source.yaml says of it.

    Raises:
        DoorError: it is something else than its name says, or has no way in without a key of
            source.yaml, which the sentence names.
    """
    keys = keys or Said()
    kind, end = kind_of_name(name), _parts(name)[1]
    if kind == ".parquet":
        return Opened(kind, data)
    if end in PACKINGS:
        data = unpacked(name, data, end)
    if kind in WORKBOOKS:
        return Opened(".jsonl", _sheet(name, data, kind, keys) if data else data)
    if kind == _EVAL:
        return Opened(".json", archived(name, data) if data else data)
    if kind == ".jtl":
        _check_jmeter(name, data)
    text = as_utf8(name, data, keys.encoding, _TEXTS[kind])
    if kind == ".json" and _has_lines(text):
        return Opened(".jsonl", text)  # as k6 writes --out json=results.json
    if _TEXTS[kind] != ".csv" or not text.strip():
        return Opened(_TEXTS[kind], text)
    text, first = without_sep(text)
    taken = delimiter_of(name, kind, text, first or keys.delimiter, keys.wanted)
    return Opened(".csv", text, taken)


def _has_lines(text: bytes) -> bool:
    """Whether each line is an object of its own: the first one is whole, and another follows."""
    first, _, rest = text.lstrip().partition(b"\n")
    whole = first[:1] == b"{" and first.rstrip()[-1:] == b"}"
    return whole and rest.lstrip()[:1] == b"{"


def _check_jmeter(name: str, text: bytes) -> None:
    if text.lstrip()[:1] == b"<":
        expected = phrase("CSV, by -Jjmeter.save.saveservice.output_format=csv")
        raise DoorError(name, phrase("is JMeter's XML"), expected)
    if text[:1].isdigit():
        expected = phrase("one, by -Jjmeter.save.saveservice.print_field_names=true")
        raise DoorError(name, phrase("has no header"), expected)


def _sheet(name: str, data: bytes, kind: str, keys: Said) -> bytes:
    columns = {
        "wanted": keys.wanted, "times": keys.times, "strict": keys.strict,
        "numbers": keys.numbers, "words": keys.words,
    }  # fmt: skip
    return sheet_lines(name, data, kind, keys.sheet, columns)
