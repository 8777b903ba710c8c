"""XML as tools write it: in any encoding, with control characters that XML forbids, or not XML.

What can be read is read; what cannot says what it is instead. Entities are refused: with them a
few bytes become gigabytes, or another file's text.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from defusedxml import DefusedXmlException, ElementTree

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.reason import because, said

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from rolloutlib.reason import Reason

__all__ = ["UnreadableError", "parse"]

MAX_BYTES: Final = 100_000_000
_BOMS: Final = (  # UTF-32 first: its mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
)  # fmt: skip
_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_ENCODING: Final = re.compile(
    r"utf-?8|us-?ascii|iso-?8859-\d+|latin-?\d|windows-\d+|cp-?\d+|euc-\w+|shift[_-]?jis|gb\w+|"
    r"big5\w*|koi8-\w|ks_c_5601.*",
    re.IGNORECASE,
)
_DECLARATION: Final = re.compile(r"\A<\?xml\b[^>]*\?>")
_ANSI: Final = re.compile(r"(?:\x1b|&#27;|&#x0*1b;)\[[0-9;?]*[A-Za-z]", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAGIC: Final = ((b"PK\x03\x04", "ZIP"), (b"\x1f\x8b", "gzip"), (b"%PDF", "PDF"))
_TEXTS: Final = (
    (re.compile(r'\{\s*["}]|\[\s*[\[{"\d\]]'), "JSON"),
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "HTML"),
    (re.compile(r"TAP version|1\.\.\d|(not )?ok \d"), "TAP"),
    (re.compile(r"[^<]"), "plain text"),
)
_ROOTS: Final = {
    "test-run": "NUnit 3", "test-results": "NUnit 2", "assemblies": "xUnit.net v2",
    "assembly": "xUnit.net", "TestRun": "MSTest (TRX)", "testng-results": "TestNG",
    "Site": "CTest's own XML", "robot": "Robot Framework", "html": "HTML", "Catch": "Catch2",
    "Catch2TestRun": "Catch2", "TestLog": "Boost.Test", "TestResult": "Boost.Test",
    "testExecutions": "SonarQube", "coverage": "a coverage report", "report": "a coverage report",
    "checkstyle": "Checkstyle",
}  # fmt: skip


class UnreadableError(Exception):
    """A file that is not what it should be; `reason` says what it is."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason.code)
        self.reason = reason


def parse(file: Path, *, roots: Collection[str]) -> Element:
    """Return the root of an XML file, which must have one of these names, in whatever case.

    Raises:
        UnreadableError: it is empty, too large, another format, cut off, or declares entities.
    """
    text = _allowed(_text(_bytes(file))).strip()
    if not text:
        raise UnreadableError(because("file.empty"))
    text = _DECLARATION.sub("", text)
    if foreign := next((name for form, name in _TEXTS if form.match(text.lstrip())), None):
        raise UnreadableError(because("file.foreign", format=foreign))
    try:
        root = ElementTree.fromstring(text)
    except DefusedXmlException:
        raise UnreadableError(because("file.entities")) from None
    except (ElementTree.ParseError, ValueError) as error:
        raise UnreadableError(because("file.broken", error=str(error))) from None
    name = root.tag.rpartition("}")[2]
    if name in _ROOTS:
        raise UnreadableError(because("file.foreign", format=_ROOTS[name]))
    if name.casefold() in roots:
        return root
    raise UnreadableError(because("file.root", root=name[:80]))


def _bytes(file: Path) -> bytes:
    try:
        data = bounded_bytes(file, MAX_BYTES)
    except FileError as error:
        if file.is_file() and file.stat().st_size > MAX_BYTES:
            raise UnreadableError(because("file.large", most=MAX_BYTES)) from None
        raise UnreadableError(because("file.broken", error=said(error.why))) from None
    if foreign := next((name for magic, name in _MAGIC if data.startswith(magic)), None):
        raise UnreadableError(because("file.foreign", format=foreign))
    return data


def _text(data: bytes) -> str:
    """Decode a file: by its mark, by what it declares, or as UTF-8; wrong bytes are replaced.

    A declaration of UTF-16 that could be read byte by byte is not true (.NET writes such files).
    """
    marked = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    declared = _DECLARED.match(data[:400])
    if marked is not None or declared is None:
        return data.decode(marked or "utf-8", "replace")
    name = declared[1].decode()
    if re.match(r"utf-?(16|32)|ucs", name, re.IGNORECASE):
        name = "utf-8"
    if not _ENCODING.fullmatch(name):
        raise UnreadableError(because("file.encoding", encoding=name))
    try:
        return data.decode(name, "replace")
    except LookupError:
        raise UnreadableError(because("file.encoding", encoding=name)) from None


def _allowed(text: str) -> str:
    """Leave out terminal colours, and what XML does not allow: as characters and by number."""
    text = _REFERENCE.sub(_reference, _ANSI.sub("", text))
    return _FORBIDDEN.sub("", text)


def _reference(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    allowed = code <= 0x10FFFF and not _FORBIDDEN.match(chr(code))  # noqa: PLR2004
    return match[0] if allowed else ""
