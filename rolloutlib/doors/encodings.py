"""Text in any encoding as UTF-8: by its byte-order mark, or by the name that source.yaml says.

An encoding is never guessed. Where a text is none of ours, each likely one is tried, and the
message names the first that gives whole words of its script, with one of them to look at.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.doors.others import ARROW, AVRO, OLD_WORKBOOK, PDF, SQLITE, XML
from rolloutlib.doors.refusal import DoorError
from rolloutlib.doors.scripts import LATIN_ONE, SCRIPTS
from rolloutlib.limits import FILE_BYTES
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Guess", "as_utf8", "is_text_encoding", "likely_encoding", "other_format"]

_MARKS: Final = (  # the longer first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_BOM = codecs.BOM_UTF8
_MARKED: Final = ("utf-16", "utf-32")  # which say their own order of bytes, or else nothing
_UNPACKED = phrase("an unpacked file")
# What it is, and what to do: a phrase, or how its name has to end.
_FORMATS: Final[tuple[tuple[bytes, Phrase, Phrase | str], ...]] = (
    (b"\x1f\x8b", phrase("packed (gzip)"), "{name}.gz"),
    (b"\x28\xb5\x2f\xfd", phrase("packed (zstd)"), "{name}.zst"),
    (b"PK\x03\x04", phrase("packed (zip)"),
     phrase("an unpacked file (a workbook's name ends with .xlsx or .ods)")),
    (b"BZh", phrase("packed (bzip2)"), _UNPACKED),
    (b"\xfd7zXZ\0", phrase("packed (xz)"), _UNPACKED),
    (b"7z\xbc\xaf", phrase("packed (7z)"), _UNPACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_WORKBOOK.what, OLD_WORKBOOK.expected),
    (b"PAR1", phrase("Parquet"), "{stem}.parquet"),
    (b"SQLite format 3", SQLITE.what, SQLITE.expected),
    (b"ARROW1", ARROW.what, ARROW.expected),
    (b"Obj\x01", AVRO.what, AVRO.expected),
    (b"<?xml", XML.what, XML.expected),
    (b"%PDF-", PDF.what, PDF.expected),
)  # fmt: skip
_PIECE = 1 << 22
_HEAD = 64
_MANY = 0.1  # of the lines are no UTF-8: then it is not a few broken rows
_FEW = 3
_SEVERAL = 6  # bytes of text in another encoding, and no single broken one
_SAMPLE = 1 << 20  # bytes that are looked at to tell one encoding from another
_CONTROLS = 0xA0
_WORD = re.compile(r"\w+")
_FOREIGN = re.compile(rb"[\x80-\xff]")


_WIDER: Final = {  # encodings, and the wider one that is tried in their place
    "euc_kr": "cp949", "shift_jis": "cp932", "gbk": "gb18030", "gb2312": "gb18030",
    "cp1251": "", "cp1252": "",
}  # fmt: skip


class Guess(NamedTuple):
    """An encoding in which a whole text has words of its script, and the first of them."""

    encoding: str
    word: str


def is_text_encoding(name: str) -> bool:
    """Whether Python knows an encoding of texts by this name.

    >>> is_text_encoding("cp949"), is_text_encoding("base64"), is_text_encoding("kroean")
    (True, False, False)
    """
    try:
        "".encode(name)
    except (LookupError, ValueError, UnicodeError):
        return False
    return name.lower() not in {"undefined", "idna", "punycode"}


def as_utf8(name: str, data: bytes, encoding: str | None, kind: str = ".csv") -> bytes:
    """Return a text as UTF-8 without a byte-order mark.

    A mark wins over what source.yaml says. Without both it has to be UTF-8; single broken rows are
    left to the reader, which sets them apart.

    Args:
        name: the file's, for messages.
        data: its bytes.
        encoding: what source.yaml says.
        kind: .csv, whose first line is a header, .jsonl, or .json, which is one text.

    Raises:
        DoorError: it is no text, or text in another encoding.
    """
    if data.startswith(_BOM):
        return data[len(_BOM) :]
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _recoded(name, data[len(mark) :], marked, marked=True)
    if other := other_format(name, data):
        raise DoorError(name, phrase("is {what}", what=other[0]), other[1])
    codec = codecs.lookup(encoding).name.removesuffix("-sig") if encoding else "utf-8"
    wide = _wide(data)
    if encoding and codec != "utf-8" and not (wide and codec in _MARKED):
        return _said(name, data, encoding)
    if wide:
        _refuse(name, phrase("is {form} without its mark", form=wide[:6].upper()), wide)
    if data.isascii() or _is_utf8(data):
        return data
    guess = likely_encoding(data)
    if guess and _is_broken_throughout(data, kind):
        _refuse(name, phrase("is no UTF-8"), guess.encoding, guess.word)
    return data


def other_format(name: str, data: bytes) -> tuple[Phrase, Phrase] | None:
    r"""Return what bytes are that are no text, and what is expected instead.

    >>> [str(told) for told in other_format("t.csv", b"\x1f\x8b") or ()]
    ['packed (gzip)', 'a name that ends so: t.csv.gz']
    """
    packed = name.lower().endswith((".gz", ".zst", ".zstd"))
    for mark, what, expected in _FORMATS:
        if data.startswith(mark) and packed:
            return phrase("{what} once more", what=what), phrase("a text that is packed once")
        if data.startswith(mark):
            if not isinstance(expected, str):
                return what, expected
            ending = expected.format(name=name, stem=name.rpartition(".")[0] or name)
            return what, phrase("a name that ends so: {name}", name=ending)
    return None


def _refuse(name: str, got: Phrase, encoding: str, word: str = "") -> None:
    expected = phrase(
        "UTF-8, or encoding: {encoding} in source.yaml{seen}", encoding=encoding,
        seen=phrase(", in which it is text ({word!r})", word=exact(word)) if word else "",
    )  # fmt: skip
    raise DoorError(name, got, expected, key="encoding", value=encoding)


def _said(name: str, data: bytes, encoding: str) -> bytes:
    """Decode by the encoding that source.yaml says; a text that is UTF-8 already is refused."""
    if not data.isascii() and _is_utf8(data) and not _is_by_chance(data, encoding):
        raise DoorError(
            name, phrase("is UTF-8, and source.yaml says encoding: {encoding}", encoding=encoding),
            phrase(
                "all files in the encoding that it names; narrow files: there, or save them alike"
            ),
            key="encoding",
        )  # fmt: skip
    return _recoded(name, data, encoding)


def _recoded(name: str, data: bytes, encoding: str, *, marked: bool = False) -> bytes:
    """Decode piece by piece, so that beside the two texts nothing is held."""
    decoder, utf8, view = codecs.getincrementaldecoder(encoding)(), io.BytesIO(), memoryview(data)
    place = 0
    try:
        for place in range(0, max(1, len(data)), _PIECE):
            last = place + _PIECE >= len(data)
            utf8.write(decoder.decode(view[place : place + _PIECE], last).encode())
            if utf8.tell() > FILE_BYTES.value:
                got = phrase("has {refusal}", refusal=FILE_BYTES.refusal(utf8.tell()))
                raise DoorError(name, got, phrase("a smaller file"))
    except UnicodeError as error:
        at = place + getattr(error, "start", 0)
        if marked or b"\0" in data[:_HEAD]:
            got = phrase("is {encoding}, and is cut off or damaged around byte {at:,}",
                         encoding=encoding.upper(), at=at)  # fmt: skip
            expected = phrase("the whole file; write it again from its source")
            raise DoorError(name, got, expected) from None
        raise _undecoded(name, data, encoding, at) from None
    return utf8.getvalue().removeprefix(_BOM)


def _undecoded(name: str, data: bytes, encoding: str, at: int) -> DoorError:
    got = phrase("is no {encoding} around byte {at:,}", encoding=encoding, at=at)
    if _is_utf8(data):
        expected = phrase("no encoding: in source.yaml, since it is UTF-8")
        return DoorError(name, got, expected, key="encoding", value="utf-8")
    guess, wider = likely_encoding(data), _WIDER.get(codecs.lookup(encoding).name)
    if wider and _decodes(data, wider) and (guess is None or guess.encoding in {wider, LATIN_ONE}):
        expected = phrase("encoding: {wider} in source.yaml, of which {encoding} is a part",
                     wider=wider, encoding=encoding)  # fmt: skip
        return DoorError(name, got, expected, key="encoding", value=wider)
    if guess and guess.encoding != encoding:
        expected = phrase("encoding: {encoding} in source.yaml, in which it is text ({word!r})",
                     encoding=guess.encoding, word=guess.word)  # fmt: skip
        return DoorError(name, got, expected, key="encoding", value=guess.encoding)
    return DoorError(name, got, phrase("a whole text in the encoding that source.yaml names"))


def _is_utf8(data: bytes) -> bool:
    return _decodes(data, "utf-8")


def _is_by_chance(data: bytes, encoding: str) -> bool:
    """Whether a text that is UTF-8 is only so by chance: by the encoding it has words of a script.

    An encoding of a character a byte makes letters of anything, so it proves nothing.
    """
    name = codecs.lookup(encoding).name
    guess = likely_encoding(data)
    return guess is not None and _WIDER.get(name, name) == guess.encoding


def _wide(data: bytes) -> str:
    """Return the encoding of a text that has NUL in every second place, or three of four."""
    head = data[:_HEAD]
    if len(head) < 4 or b"\0" not in head:  # noqa: PLR2004 -- one character of UTF-32
        return ""
    zeros = [not head[place::4].strip(b"\0") for place in range(4)]
    kinds = {
        (False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be",
    }  # fmt: skip
    return kinds.get((zeros[0], zeros[1], zeros[2], zeros[3]), "") or _mostly_wide(data)


def _mostly_wide(data: bytes) -> str:
    """Tell UTF-16 of a header in Korean, whose letters have no NUL, by its commas and line ends."""
    for name, newline in (("utf-16-le", b"\n\0"), ("utf-16-be", b"\0\n")):
        if len(data) % 2 == 0 and newline in data[:_SAMPLE] and _decodes(data, name):
            text = data[: _SAMPLE & ~1].decode(name, "ignore")
            if "\0" not in text and "\n" in text:
                return name
    return ""


def _decodes(data: bytes, encoding: str) -> bool:
    decoder, view = codecs.getincrementaldecoder(encoding)(), memoryview(data)
    try:
        for place in range(0, len(data), _PIECE):
            decoder.decode(view[place : place + _PIECE], place + _PIECE >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _is_broken_throughout(data: bytes, kind: str) -> bool:
    """Whether the header or many lines are no UTF-8: not a few broken rows of a UTF-8 text."""
    if kind == ".json":
        return len(_FOREIGN.findall(data[:_SAMPLE])) >= _SEVERAL
    lines = data[:_SAMPLE].split(b"\n")
    lines = lines[: max(1, len(lines) - (len(data) > _SAMPLE))]  # the last one may be cut
    if kind == ".csv" and not _is_utf8(lines[0]):
        return True
    broken = sum(not line.isascii() and not _is_utf8(line) for line in lines)
    return broken >= max(_FEW, _MANY * len(lines))


def likely_encoding(data: bytes) -> Guess | None:
    """Return the first encoding in which a whole text consists of words of its script.

    >>> likely_encoding("모델,결과".encode("cp949"))
    Guess(encoding='cp949', word='모델')
    """
    match = _FOREIGN.search(data)
    if not match or b"\0" in data[:_SAMPLE]:
        return None
    start = data.rfind(b"\n", 0, match.start()) + 1  # a line begins with a whole character
    for encoding, is_of_script, least in SCRIPTS:
        if not _decodes(data, encoding):
            continue
        text = data[start : start + _SAMPLE].decode(encoding, "ignore")
        foreign = [char for char in text if not char.isascii()]
        if any(ord(char) < _CONTROLS for char in foreign):
            continue
        words = [word for word in _WORD.findall(text) if not word.isascii()]
        if encoding == LATIN_ONE and not _are_mostly_ascii(words):
            continue
        if sum(map(is_of_script, foreign)) >= least * len(foreign):
            return Guess(encoding, next(iter(words), foreign[0])[:20])
    return None


def _are_mostly_ascii(words: Sequence[str]) -> bool:
    """Whether words have accents, and do not consist of them."""
    letters = "".join(words)
    return 2 * len(letters.encode("ascii", "ignore")) >= len(letters)
