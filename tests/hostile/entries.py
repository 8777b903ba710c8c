"""Hostile entries of a folder, Parquet, and budgets that are exceeded."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

import io
import os
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.inputs import FILE, REFUSED, ROW, RUN, TABLE, TAKEN, Case, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINKS = {
    "to a file outside": "/etc/passwd",
    "to a folder": "/usr/share",
    "to a device": "/dev/zero",
    "to nothing": "/nowhere/at/all",
    "to a process": "/proc/self/environ",
    "to itself": "h",
    "to a good run": "good.jsonl",
    "to the folder above": "..",
}
ARCHIVES = (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar", ".tar.gz", ".tgz", ".7z", ".rar", ".br")
REFUSED_NAMES = {
    "bytes that are no UTF-8": b"\xff.json",
    "half a character": b"a\xc3.jsonl",
    "a line break": b"a\nb.json",
    "an escape": b"\x1b[2Ja.json",
    "an override": "a\u202egpj.json".encode(),
    "a tab": b"a\tb.csv",
    "a return": b"a\rb.parquet",
}
KEPT_NAMES = {
    "255 bytes": b"x" * 250 + b".json",
    "a leading dash": b"-rf.json",
    "quotes": b"a'; DROP TABLE x; --.json",
    "marks of a pattern": b"*?[a]{b}.json",
    "spaces": b" a b .json",
    "Korean": "실행 결과.json".encode(),
    "an emoji": "🚀.json".encode(),
    "markup": b"<img src=x>.json",
    "capitals": b"GOOD.JSON",
    "percent": b"%2e%2e%2f.json",
    "braces": b"a{x}.json",
}


def entries() -> Iterator[Case]:
    """Entries that are no plain files, or have odd names."""
    for place in ("h.json", "h.csv", "h.parquet", "sub/h.jsonl"):
        for name, target in LINKS.items():
            yield Case(f"{place} a link {name}", _link(place, target), FILE, 0, "not a link")
    for end in ARCHIVES:
        yield Case(f"archive h.json{end}", written(f"h.json{end}", b"x"), FILE, 0, "unpacked")
    for place in ("h.json", "h.parquet", "h.csv", "notes.txt"):
        yield Case(f"{place} a pipe", _pipe(place), FILE, 0, "not a named pipe")
        yield Case(f"{place} a socket", _socket(place), FILE, 0, "not a socket")
    for name, file_name in REFUSED_NAMES.items():
        yield Case(f"name: {name}", _named(file_name), FILE, 0, "expected a name")
    for name, file_name in KEPT_NAMES.items():
        yield Case(f"name: {name}", _named(file_name), TAKEN, 2)
    yield Case("a folder named .json", written("a.json/h.json", RUN), TAKEN, 2)
    yield Case("a hidden file", written(".h.json", "{"), TAKEN)
    yield Case("a folder of evidence", written("evidence/h.json", "{"), TAKEN)
    yield Case("names that differ by case", _twice, TAKEN, 4)
    yield Case("folders 70 deep", written("a/" * 70 + "h.json", RUN), REFUSED, 0, "NESTING")
    yield Case("a file that is no data", _named(b"\xff.txt"), TAKEN)


def _link(place: str, target: str) -> Callable[[Path], object]:
    def put(folder: Path) -> None:
        path = folder / place
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(path if target == "h" else target)

    return put


def _pipe(place: str) -> Callable[[Path], object]:
    return lambda folder: os.mkfifo(folder / place)


def _socket(place: str) -> Callable[[Path], object]:
    def put(folder: Path) -> None:
        cwd = Path.cwd()
        os.chdir(folder)  # the address of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(place)
        finally:
            os.chdir(cwd)

    return put


def _named(name: bytes) -> Callable[[Path], object]:
    def put(folder: Path) -> None:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(RUN.encode())

    return put


def _twice(folder: Path) -> None:
    written("a.json", RUN)(folder)
    written("A.json", RUN.replace('"one"', '"two"').replace("7.5", "6.5"))(folder)


def parquet(rows: int = 400, **options: Any) -> bytes:  # noqa: ANN401 -- pyarrow's options
    """Return a flat Parquet file of good samples."""
    table = pa.table({
        "arm": ["control"] * rows, "run_id": ["f"] * rows, "status": ["passed"] * rows,
        "sample_id": [f"s{n}" for n in range(rows)],
        "score": [n % 10 + 0.5 for n in range(rows)], "latency_ms": [float(n) for n in range(rows)],
    })  # fmt: skip
    return _bytes(table, **options)


def _bytes(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 -- pyarrow's options
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def _repeated(rows: int, *columns: str) -> bytes:
    """Return a small file of many equal rows."""
    places = pa.array(np.zeros(rows, dtype=np.int32))
    words = {"arm": "control", "status": "passed", "run_id": "f", "sample_id": "s"}
    cells = {n: pa.DictionaryArray.from_arrays(places, pa.array([words[n]])) for n in columns}
    return _bytes(pa.table(cells))


def _bomb() -> bytes:
    """Return a small file with a page of 100 MB."""
    cells = {"arm": ["control"], "status": ["passed"], "x": ["x" * 100_000_000]}
    return _bytes(pa.table(cells), compression="zstd")


def parquet_damage() -> Iterator[Case]:
    """Parquet that is cut, flipped, announces too much, or is another thing."""
    whole = parquet()
    for end in (0, 3, 8, 11, 12, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        yield Case(f"parquet cut after {end} bytes", written("h.parquet", whole[:end]), REFUSED)
    contents: dict[str, bytes | Callable[[], bytes]] = {
        "of zeros": b"\0" * 1000,
        "with metadata beyond its start": whole[:-8] + b"\xff\xff\xff\x7f" + b"PAR1",
        "with metadata of nothing": whole[:-8] + b"\0\0\0\0PAR1",
        "that is encrypted": whole[:-4] + b"PARE",
        "with bytes behind": whole + b"x" * 100,
        "of 6,000 columns": lambda: _bytes(pa.table({f"c{n}": [1] for n in range(6_000)})),
        "of no columns": _bytes(pa.table({})),
        "of other columns": _bytes(pa.table({"a": [1]})),
        "of no rows": parquet(0),
    }
    for name, data in contents.items():
        yield Case(f"parquet {name}", written("h.parquet", data), REFUSED, 0, "h.parquet")
    copies = partial(_repeated, 200_000, "arm", "status", "run_id", "sample_id")
    yield Case("parquet of 200,000 equal rows", written("h.parquet", copies), TAKEN, 1)
    rows = 1_000_000
    flood = partial(_repeated, rows, "arm", "status")
    yield Case("parquet of 1 M rows in 10 KB", written("h.parquet", flood), TAKEN, rows)
    deep = pa.string()
    value: object = "x"
    for _ in range(120):
        deep, value = pa.struct([("a", deep)]), {"a": value}
    nested = _bytes(pa.table({"arm": ["control"], "x": pa.array([value], deep)}))
    yield Case("parquet nested 120 deep", written("h.parquet", nested), REFUSED, 0, "nested")
    yield Case("parquet with a page of 100 MB", written("h.parquet", _bomb), REFUSED, 0, "PAGE")
    sealed = bytearray(parquet(write_page_checksum=True))
    sealed[sealed.index(b"passed") + 2] ^= 1
    yield Case("parquet against its checksum", written("h.parquet", bytes(sealed)), REFUSED, 0,
               "checksum")  # fmt: skip
    odd = pa.table({"arm": ["control"] * 3, "status": ["passed"] * 3, "score": [7.0, 1e308, -1.0]})
    yield Case("parquet with 1e308", written("h.parquet", _bytes(odd)), ROW, 1, "score")
    text = pa.table({"arm": ["control"] * 2, "status": ["passed", "ok!"]})
    yield Case("parquet with an unknown status", written("h.parquet", _bytes(text)), ROW, 1)


BUDGETS: dict[str, tuple[str, str, str | bytes]] = {
    "ROLLOUT_MAX_FILES": ("1", "h.json", RUN),
    "ROLLOUT_MAX_FILE_BYTES": ("2k", "h.json", RUN + " " * 3_000),
    "ROLLOUT_MAX_FOLDER_BYTES": ("3k", "h.json", RUN + " " * 3_000),
    "ROLLOUT_MAX_LINE_BYTES": ("3k", "h.jsonl", RUN + " " * 4_000),
    "ROLLOUT_MAX_LINES": ("50", "h.jsonl", RUN + "\n" * 100),
    "ROLLOUT_MAX_PATIENT_ROWS": ("3", "h.csv", TABLE + "control\n" + "control,f,c,passed,1\n" * 9),
    "ROLLOUT_MAX_COLUMNS": ("4", "h.csv", TABLE),
    "ROLLOUT_MAX_PARAMETER_BYTES": (
        "10",
        "source.yaml",
        "columns: {arm: arm, status: status}\nfiles: none.csv\n",
    ),
    "ROLLOUT_MAX_ROWS": ("300", "h.parquet", parquet()),
    "ROLLOUT_MAX_PARQUET_BYTES": ("1k", "h.parquet", parquet()),
    "ROLLOUT_MAX_PAGE_BYTES": ("1k", "h.parquet", parquet()),
    "ROLLOUT_MAX_ROW_GROUPS": ("2", "h.parquet", parquet(row_group_size=50)),
    "ROLLOUT_MAX_REPEATED_ROWS": ("5", "h.parquet", _repeated(9, "arm", "status", "sample_id")),
}
