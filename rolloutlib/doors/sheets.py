"""Workbooks (.xlsx, .xlsm, .ods) as JSON Lines, each row on the line of its number in the sheet."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.doors import workbook
from rolloutlib.doors.marks import Told
from rolloutlib.doors.refusal import DoorError
from rolloutlib.limits import FILE_BYTES, SECONDS
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["WORKBOOKS", "sheet_lines"]

WORKBOOKS: Final = (".xlsx", ".xlsm", ".ods")
_ROOM = 10**9  # bytes of a process that has read nothing yet, generously
_PIECE = 1 << 20
_ROOT = Path(__file__).parents[2]  # where this package is, which may be nowhere on the path
_CALL = (
    "import sys; sys.path.append(sys.argv.pop()); import runpy; "
    "runpy.run_module('rolloutlib.doors.workbook', run_name='__main__')"
)


def sheet_lines(
    name: str, data: bytes, kind: str, sheet: str | None, columns: Mapping[str, Collection[str]]
) -> bytes:
    """Read one sheet of a workbook.

    Args:
        name: the file's, for messages.
        data: its bytes.
        kind: how its name ends.
        sheet: which one; by default the only one that has rows.
        columns: by what they may hold. `wanted`: those that source.yaml maps, by which the header
            is known; `times`: moments; `strict`: no date, which a spreadsheet made of something
            else; `numbers`: percentages, too; `words`: an error's word (#N/A), judged as a word.

    Raises:
        DoorError: it is no workbook, no table stands there, or it is larger than it may be.
    """
    options = {
        "kind": kind, "sheet": sheet, "seconds": SECONDS.value,
        "memory": FILE_BYTES.value + _ROOM, **{what: [*names] for what, names in columns.items()},
    }  # fmt: skip
    command = [sys.executable, "-I", "-c", _CALL, json.dumps(options), str(_ROOT)]
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(data)
        stdin.seek(0)
        with subprocess.Popen(  # noqa: S603 -- this Python and a module of ours
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr
        ) as reader:
            lines = io.BytesIO()
            while reader.stdout and (piece := reader.stdout.read(_PIECE)):
                lines.write(piece)
                if lines.tell() > FILE_BYTES.value:
                    reader.kill()
                    got = phrase("has {refusal}", refusal=FILE_BYTES.refusal(lines.tell()))
                    raise DoorError(name, got, phrase("less"))
        stderr.seek(0)
        return _answered(name, reader.returncode, lines.getvalue(), stderr.read())


def _answered(name: str, code: int, lines: bytes, stderr: bytes) -> bytes:
    if code == workbook.REFUSED:
        refusal = msgspec.json.decode(stderr, type=Told)
        raise DoorError(name, refusal.got, refusal.expected, key=refusal.key)
    if code == 1:
        expected = phrase("a whole workbook, or its table saved as CSV in UTF-8")
        raise DoorError(name, phrase("cannot be read as a workbook"), expected)
    if code:
        expected = phrase(
            "a sheet without cells far outside of its table; save the table as CSV in UTF-8"
        )
        raise DoorError(name, phrase("takes more memory or time than a workbook may"), expected)
    return lines
