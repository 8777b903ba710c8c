"""Text tables in the encodings, delimiters and packings that people have."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, NamedTuple

import pytest
import zstandard

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.runs.account import Runs

KOREAN = "모델,실행,문항,판정,점수,지연\n" + "".join(
    f"{arm},r-{arm},{n},{'통과' if n % 3 else '실패'},{n / 10 + 0.5},{n + 0.25}\n"
    for arm in ("기준", "후보") for n in range(1, 31)
)  # fmt: skip
MAPPED = """
columns: {arm: 모델, run_id: 실행, prompt_id: 문항, status: 판정, score: 점수,
          latency_ms: {column: 지연, unit: s}}
statuses: {통과: passed, 실패: failed}
"""
OURS = "arm,run_id,prompt_id,status,score\n" + "".join(
    f"{arm},r-{arm},q{n},{'passed' if n % 4 else 'failed'},{n / 4}\n"
    for arm in ("control", "treatment") for n in range(1, 31)
)  # fmt: skip


class Written(NamedTuple):
    """A way to write a table, and the key of source.yaml that its message names."""

    name: str
    write: Callable[[str], bytes]
    key: str = ""


def encoded(encoding: str, delimiter: str = ",", mark: bytes = b"") -> Callable[[str], bytes]:
    """Return what writes a table so."""
    return lambda text: mark + text.replace(",", delimiter).encode(encoding)


def packed(write: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Return what writes a table so, and packs it."""
    return lambda text: gzip.compress(write(text))


def with_commas(text: str) -> bytes:
    """Write a table as Excel does where the decimal mark is a comma."""
    return text.replace(",", ";").replace(".", ",").encode()


def after_a_line(text: str) -> bytes:
    """Say the delimiter in a line above, as Excel understands it."""
    return b"sep=;\r\n" + with_commas(text)


def zstd(text: str) -> bytes:
    """Pack in two frames, as joined files are."""
    data = text.encode()
    return b"".join(zstandard.compress(part) for part in (data[:99], data[99:]))


UTF8, TABS = encoded("utf-8"), encoded("utf-8", "\t")
WAYS: dict[str, Written] = {
    "UTF-8": Written("t.csv", UTF8),
    "UTF-8 with a mark": Written("t.csv", encoded("utf-8-sig")),
    "UTF-16 with a mark": Written("t.csv", encoded("utf-16")),
    "UTF-16, big end first": Written("t.csv", encoded("utf-16-be", mark=b"\xfe\xff")),
    "UTF-32 with a mark": Written("t.csv", encoded("utf-32")),
    "UTF-16 without": Written("t.csv", encoded("utf-16-le"), "encoding: utf-16-le"),
    "the other without": Written("t.csv", encoded("utf-16-be"), "encoding: utf-16-be"),
    "tabs": Written("t.tsv", TABS),
    "tabs, as .tab": Written("t.tab", TABS),
    "tabs in UTF-16, as Excel's Unicode text": Written("t.tsv", encoded("utf-16", "\t")),
    "tabs in a .csv": Written("t.csv", TABS, 'delimiter: "\\t"'),
    "commas in a .tsv": Written("t.tsv", UTF8, 'delimiter: ","'),
    "bars": Written("t.csv", encoded("utf-8", "|"), 'delimiter: "|"'),
    "semicolons": Written("t.csv", encoded("utf-8", ";"), 'delimiter: ";"'),
    "semicolons and decimal commas": Written("t.csv", with_commas, 'delimiter: ";"'),
    "a line sep=;": Written("t.csv", after_a_line),
    "gzip": Written("t.csv.gz", packed(UTF8)),
    "gzip of UTF-16": Written("t.tsv.gz", packed(encoded("utf-16", "\t"))),
    "zstd": Written("t.csv.zst", zstd),
    "capitals": Written("T.CSV.GZ", packed(UTF8)),
}
CP949 = Written("t.csv", encoded("cp949"), "encoding: cp949")


def told(runs: Runs) -> list[tuple[object, ...]]:
    """Return what was read, in the order of the rows."""
    columns = ("arm", "run_id", "prompt_id", "status", "score", "latency_ms")
    table = runs.table
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True))


def laid(folder: Path, way: Written, text: str, source: str) -> Path:
    """Write a table and its source.yaml."""
    folder.mkdir()
    (folder / way.name).write_bytes(way.write(text))
    if source:
        (folder / "source.yaml").write_text(source, encoding="utf-8")
    return folder


def read(folder: Path, way: Written, text: str, source: str) -> Runs:
    """Read a table; where its message names a key, with that key alone."""
    laid(folder, way, text, source)
    if way.key:
        with pytest.raises(RunsError) as refused:
            read_runs(folder)
        assert f"{way.key} in source.yaml" in str(refused.value)
        (folder / "source.yaml").write_text(f"{source}\n{way.key}\n", encoding="utf-8")
    return read_runs(folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """What the tables say as UTF-8 with commas."""
    folder = tmp_path_factory.mktemp("plain")
    both = {"mapped": (KOREAN, MAPPED), "own": (OURS, "")}
    return {
        name: told(read(folder / name, WAYS["UTF-8"], *written)) for name, written in both.items()
    }


@pytest.mark.parametrize("way", [*WAYS, "CP949"])
def test_a_mapped_table_reads_alike_however_it_is_written(
    tmp_path: Path, way: str, plain: dict[str, list[tuple[object, ...]]]
) -> None:
    """Korean names and words; at most one key, and the message names it."""
    runs = read(tmp_path / "b", CP949 if way == "CP949" else WAYS[way], KOREAN, MAPPED)
    assert told(runs) == plain["mapped"]
    assert len(told(runs)) == 60
    assert not runs.quarantined


SOME = ("UTF-16 with a mark", "UTF-16 without", "semicolons and decimal commas", "zstd")


@pytest.mark.parametrize("way", WAYS if EXHAUSTIVE else SOME)
def test_a_table_of_our_own_names_needs_no_mapping(
    tmp_path: Path, way: str, plain: dict[str, list[tuple[object, ...]]]
) -> None:
    """A source.yaml of the one key is enough; mostly none is needed."""
    runs = read(tmp_path / "b", WAYS[way], OURS, "")
    assert told(runs) == plain["own"]
    assert not runs.quarantined


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_names_and_cells_may_span_lines(tmp_path: Path, delimiter: str) -> None:
    """A header of two lines is one; rows keep the numbers of their first lines."""
    lines = ['arm,"status","the\nscore"', 'a,passed,"5"', '"b\nc",passed,6', "d,lost,7"]
    text = "\n".join(lines).replace(",", delimiter)
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    source = (
        f'columns: {{arm: arm, status: status, score: "the\\nscore"}}\ndelimiter: "{delimiter}"\n'
    )
    (tmp_path / "source.yaml").write_text(source.replace("\t", "\\t"), encoding="utf-8")
    runs = read_runs(tmp_path)
    assert runs.table["score"].to_pylist() == [5.0, 6.0]
    assert [refused.line for refused in runs.quarantined] == [6]
