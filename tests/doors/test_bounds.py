"""What is no file of its kind, is cut, is a bomb, or leaves something open is refused in words."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
import zstandard
from openpyxl import Workbook

from rolloutlib.doors.encodings import likely_encoding
from rolloutlib.doors.opened import Said, opened
from rolloutlib.doors.refusal import DoorError
from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs
from rolloutlib.runs.listing import readable_files
from tests.doors.test_texts import OURS

if TYPE_CHECKING:
    from pathlib import Path

LONG = b"arm,status\n" + b"a,passed\n" * 400_000
SHORT = OURS.encode()
SEMICOLONS = "arm;status;score\n"


def sheet(*rows: list[object], at: tuple[int, int] | None = None) -> bytes:
    """Return a workbook of some rows, and perhaps one cell far away."""
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    if at:
        book.worksheets[0].cell(*at, value="x")
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def archive(parts: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", packing) as made:
        for name, part in parts.items():
            made.writestr(name, part)
    return data.getvalue()


UTF16 = OURS.encode("utf-16")
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a cut gzip": ("t.csv.gz", gzip.compress(SHORT)[:-9], "cannot be unpacked as gzip"),
    "a flipped gzip": ("t.csv.gz", gzip.compress(SHORT)[:-5] + b"12345", "cannot be unpacked"),
    "a cut zstd": ("t.csv.zst", zstandard.compress(SHORT)[:-3], "cannot be unpacked as zstd"),
    "text named .gz": ("t.csv.gz", b"arm,status\n", "cannot be unpacked as gzip"),
    "a gzip bomb": ("t.csv.gz", gzip.compress(LONG), "unpacks to more than 3,000,000 bytes"),
    "a zstd bomb": ("t.csv.zst", zstandard.compress(LONG), "unpacks to more than 3,000,000"),
    "gzip named .csv": ("t.csv", gzip.compress(b"x"), "a name that ends so: t.csv.gz"),
    "a workbook named .csv": ("t.csv", sheet(["arm"]), "a workbook's name ends with .xlsx"),
    "an old workbook": ("t.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "saved as .xlsx, or as CSV"),
    "text named .xlsx": ("t.xlsx", OURS.encode(), "cannot be read as a workbook"),
    "a sheet without end": (
        "t.xlsx", sheet(["arm", "status"], at=(1_048_576, 16_384)), "more memory or time"),
    "UTF-16 cut": ("t.csv", UTF16[:-1], "is UTF-16-LE, and is cut off or damaged around byte"),
    "UTF-16 cut without a mark": ("t.csv", UTF16[2:-1], "encoding: utf-16-le"),
    "XML named .json": ("t.json", b"<?xml version='1.0'?><testResults/>", "output_format=csv"),
    "SQLite": ("t.csv", b"SQLite format 3\0", "a table of it as CSV"),
    "Arrow": ("t.csv", b"ARROW1\0\0", "written as Parquet or CSV"),
    "Avro": ("t.jsonl", b"Obj\x01\x04", "written as Parquet or CSV"),
    "PDF": ("t.csv", b"%PDF-1.7\n", "is a document (PDF)"),
    "JMeter's XML": ("t.jtl", b"<?xml version='1.0'?><testResults/>", "output_format=csv"),
    "JMeter without a header": ("t.jtl", b"1796032345703,30,ask\n", "print_field_names=true"),
    "a log without header": ("t.eval", archive({"samples/1.json": b"{}"}), "holds no header.json"),
    "a log of bombs": (
        "t.eval", archive({"header.json": b"{}", "samples/1.json": LONG}), "more than 3,000,000"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_within_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what it is and what to do; nothing is unpacked beyond the budget."""
    monkeypatch.setenv("ROLLOUT_MAX_FILE_BYTES", "3M")
    file, data, message = REFUSED[name]
    with pytest.raises(DoorError) as refused:
        opened(file, data)
    assert str(refused.value).startswith(f"{file} ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "what", "step"),
    [
        ("a.xls", "is an old workbook", "saved as .xlsx, or as CSV"),
        ("a.xlsb", "is a binary workbook", "saved as .xlsx, or as CSV"),
        ("a.numbers", "is a workbook of Numbers", "saved as .xlsx, or as CSV"),
        ("a.sqlite3", "is SQLite", "a table of it as CSV"),
        ("a.XML", "is XML", "output_format=csv"),
        ("a.feather", "is a table of Arrow", "written as Parquet or CSV"),
    ],
)
def test_what_is_not_read_is_called_by_its_name(
    name: str, what: str, step: str, tmp_path: Path
) -> None:
    """Alone, or the only file of a folder: what it is, and the one step that helps."""
    (tmp_path / name).write_bytes(b"\0")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(DoorError, match=rf"{name} {what}; expected .*{step}"):
            readable_files(path)


WRONG_KEYS: dict[str, tuple[bytes, Said, str]] = {
    "UTF-8 said to be CP949": ("arm,모델\n".encode(), Said("cp949"), "t.csv is UTF-8, and"),
    "UTF-8 said to be Latin-1": ("arm,é\n".encode(), Said("latin-1"), "t.csv is UTF-8, and"),
    "CP949 said to be CP932": (
        "팔,결과가 좋다\n".encode("cp949"), Said("shift_jis"), "encoding: cp949"),
    "a rare syllable said to be EUC-KR": (
        "arm\n똠방각하\n".encode("cp949"), Said("euc-kr"), "encoding: cp949"),
    "UTF-16 without a mark said to be UTF-16": (
        "arm\n".encode("utf-16-le"), Said("utf-16"), "encoding: utf-16-le"),
    "another delimiter said": (b"arm;status\n", Said(delimiter="|"), 'delimiter: ";"'),
    "names with commas between semicolons": (
        b"arm;latency, ms;status\n", Said(wanted=("arm", "status")), 'delimiter: ";"'),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_a_key_that_is_wrong_is_told(name: str) -> None:
    """What source.yaml says is tried against the file, and never gives wrong letters."""
    data, keys, message = WRONG_KEYS[name]
    with pytest.raises(DoorError, match=f".*{message}"):
        opened("t.csv", data, keys)


def test_utf_8_is_read_with_the_key_of_its_mark_too() -> None:
    """A file that lacks the mark which `utf-8-sig` says is the same text."""
    text = "arm,모델\n".encode()
    assert opened("t.csv", text, Said("utf-8-sig")).data == text


TEXTS = {
    "cp949": "문항,판정\n가나다,통과\n", "cp932": "モデル,判定\nこれはテストです,合格\n",
    "gb18030": "模型,结果\n这是一个测试,通过\n", "cp1251": "модель,итог\nпроверка,да\n",  # noqa: RUF001 -- a language
    "cp1252": "modèle,état\ncafé,déjà “vu”\n",
}  # fmt: skip


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_likely_encoding_is_that_of_the_script(encoding: str) -> None:
    """Whole words of one script, not whatever decodes."""
    text = TEXTS[encoding]
    guess = likely_encoding(text.encode(encoding))
    assert guess
    assert text.encode(encoding).decode(guess.encoding) == text


def numbers(folder: Path, *cells: str, source: str = 'delimiter: ";"\n') -> list[float | None]:
    """Read scores as they are written between semicolons."""
    rows = [f"{arm};passed;{cell}" for arm in "ab" for cell in cells]
    (folder / "t.csv").write_text(SEMICOLONS + "\n".join(rows) + "\n", encoding="utf-8")
    (folder / "source.yaml").write_text(source, encoding="utf-8")
    runs = read_runs(folder)
    assert not runs.quarantined
    return runs.table["score"].to_pylist()[: len(cells)]


def test_one_sure_number_settles_the_decimal_mark(tmp_path: Path) -> None:
    """1,234 is read by what the others can only be, and by nothing else."""
    assert numbers(tmp_path, "0,5", "1,234", "7") == [0.5, 1.234, 7.0]
    assert numbers(tmp_path, "0.5", "1.234", "7") == [0.5, 1.234, 7.0]
    assert numbers(tmp_path, "7", "8") == [7.0, 8.0]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("1,234", "5"), "between thousands or decimals"), (("1.234", "5"), "between thousands"),
        (("0,5", "0.5"), "such as '0,5' and such as '0.5'"),
    ],
)  # fmt: skip
def test_what_numbers_leave_open_is_refused(
    tmp_path: Path, cells: tuple[str, ...], message: str
) -> None:
    """The key that settles it is named, with both of its values."""
    with pytest.raises(RunsError, match=f'{message}.*decimal: "," or decimal: "."'):
        numbers(tmp_path, *cells)


def test_a_decimal_that_is_said_is_kept_to(tmp_path: Path) -> None:
    """With a comma, 1.234 is a thousand and 0.5 is none; with a point, as between commas."""
    both = 'delimiter: ";"\ndecimal: "%s"\n'
    assert numbers(tmp_path, "1,234", "5", source=both % ",") == [1.234, 5.0]
    assert numbers(tmp_path, "1.234", "5", source=both % ".") == [1.234, 5.0]
    (tmp_path / "source.yaml").write_text(both % ",", encoding="utf-8")
    (tmp_path / "t.csv").write_text(SEMICOLONS + "a;passed;0.5\nb;passed;1\n", encoding="utf-8")
    runs = read_runs(tmp_path)
    assert [row.message for row in runs.quarantined] == [
        "t.csv:2: score is '0.5'; expected a number from 0 to 10."
    ]


def test_a_log_is_one_document() -> None:
    """Inspect's archive opens as its header with the samples, in the order of their names."""
    parts = {
        "header.json": b'{"eval": {"model": "m"}}', "_journal/1.json": b"[]",
        "samples/b_1.json": b'{"id": "b"}', "samples/a_1.json": b'{"id": "a"}',
    }  # fmt: skip
    log = opened("t.eval", archive(parts))
    assert log.kind == ".json"
    assert json.loads(log.data) == {
        "eval": {"model": "m"}, "samples": [{"id": "a"}, {"id": "b"}]
    }  # fmt: skip


def test_both_ends_of_a_latency_have_decimal_commas(tmp_path: Path) -> None:
    """What lies between two numbers is read by the same mark."""
    rows = "arm;status;began;ended\na;passed;1,25;2,75\nb;passed;1,5;2\n"
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    latency = "latency_ms: {column: ended, since: began, unit: s}"
    source = f'delimiter: ";"\ncolumns: {{arm: arm, status: status, {latency}}}\n'
    (tmp_path / "source.yaml").write_text(source, encoding="utf-8")
    assert read_runs(tmp_path).table["latency_ms"].to_pylist() == [1500.0, 500.0]
