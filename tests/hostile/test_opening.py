"""Opening a file that somebody else may have put there: never a wait, a device, a flood."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import FileError, UsageError
from rolloutlib.files import bounded_bytes, bounded_text, file_sha256, kind_of, opened, shown_path
from rolloutlib.limits import DOCUMENT_BYTES, LIMITS, NESTING, ROWS

if TYPE_CHECKING:
    from pathlib import Path


def odd_entries(folder: Path) -> dict[str, Path]:
    """Make one of each kind of entry that is no regular file; return them by their kind."""
    pipe, pit, ring = folder / "pipe", folder / "socket", folder / "ring"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(pit))  # the address of a socket is short
    ring.symlink_to(ring)
    gone = folder / "gone"
    gone.symlink_to(folder / "nothing")
    for name in ("a folder", "device"):
        (folder / name).symlink_to("/dev/zero" if name == "device" else folder)
    return {
        "a named pipe": pipe, "a socket": pit, "ring of links": ring, "does not exist": gone,
        "a folder": folder / "a folder", "a device": folder / "device",
    }  # fmt: skip


def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe, socket, device, folder, ring of links or lost link is named, and nothing waits."""
    monkeypatch.chdir(tmp_path)
    for kind, path in odd_entries(tmp_path).items():
        with pytest.raises(FileError) as refused:
            bounded_bytes(path)
        assert kind in str(refused.value.why)
        assert refused.value.missing is (kind == "does not exist")
        assert str(refused.value).startswith(str(path))


def test_a_link_is_followed_only_where_it_may_be(tmp_path: Path) -> None:
    """The flag file may be a link; a file of runs may not."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert bounded_bytes(tmp_path / "link") == b"x"
    with pytest.raises(FileError, match="is a link; expected a regular file"):
        bounded_bytes(tmp_path / "link", links=False)
    assert str(kind_of(tmp_path / "link")) == "a link"
    assert kind_of(tmp_path / "a") == ""


def test_no_more_than_the_budget_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse file of a terabyte costs nothing, and /proc files that claim no size end as well."""
    big = tmp_path / "big"
    big.touch()
    os.truncate(big, 10**12)
    with pytest.raises(FileError, match=r"1,000,000,000,000 bytes; .*ROLLOUT_MAX_DOCUMENT_BYTES"):
        bounded_bytes(big)
    with pytest.raises(FileError, match="expected at most 10"):
        bounded_bytes("/proc/cpuinfo", 10)
    monkeypatch.setenv(DOCUMENT_BYTES.variable, "1k")
    (tmp_path / "a").write_bytes(b"x" * 1_001)
    with pytest.raises(FileError, match="1,001 bytes; expected at most 1,000"):
        bounded_bytes(tmp_path / "a")


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """Bytes of two moments are no content: whoever writes has to finish first."""
    file = tmp_path / "a"
    for change in ("grows", "shrinks"):
        file.write_bytes(b"one\n" * 10)
        rows = 20 if change == "grows" else 2
        with pytest.raises(FileError, match="changed while it was read"), opened(file):
            file.write_bytes(b"one\n" * rows)


def test_the_digest_and_the_text_are_those_of_the_bytes(tmp_path: Path) -> None:
    """A byte-order mark belongs to the digest and not to the text; what is no UTF-8 is told."""
    file = tmp_path / "a"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert file_sha256(file) == sha256(bounded_bytes(file)).hexdigest()
    assert bounded_text(file) == "a: 1\n"
    file.write_bytes(b"ab\xff")
    with pytest.raises(FileError, match="byte 2 is 0xff"):
        bounded_text(file)


def test_names_are_told_in_one_printable_line(tmp_path: Path) -> None:
    """A name of odd bytes, line breaks or escapes never reaches a terminal as it is."""
    for name in (b"\xff", b"a\nb", b"\x1b[31m", b"-rf", b"x" * 255):
        path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 -- bytes
        assert shown_path(os.fsdecode(path)).isprintable()
        with pytest.raises(FileError, match="does not exist"):
            bounded_bytes(os.fsdecode(path))
    with pytest.raises(FileError, match="no name that a file can have"):
        bounded_bytes("a\0b")


def test_a_budget_is_a_whole_number_or_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that cannot be read is refused with what is expected, not taken for another."""
    for written, value in (("7", 7), ("3 k", 3_000), ("20G", 20 * 10**9), ("1_000", 1_000)):
        monkeypatch.setenv(ROWS.variable, written)
        assert ROWS.value == value
    for written in ("0", "-1", "1.5", "many", "1e9", "9" * 30):
        monkeypatch.setenv(ROWS.variable, written)
        with pytest.raises(UsageError, match="ROLLOUT_MAX_ROWS is"):
            _ = ROWS.value
    monkeypatch.setenv(NESTING.variable, "100000")
    with pytest.raises(UsageError, match="up to 200"):
        _ = NESTING.value


def test_every_budget_is_documented(pytestconfig: pytest.Config) -> None:
    """docs/limits.md has a row for each budget, with its default."""
    text = (pytestconfig.rootpath / "docs" / "limits.md").read_text("utf-8")
    for limit in LIMITS:
        assert f"| `{limit.variable}` | {limit.default:,} {limit.unit} | {limit.of} |" in text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/stdin of Linux")
def test_a_pipe_with_a_writer_is_refused_too() -> None:
    """A path that is somebody's pipe is no file, however many bytes wait in it."""
    code = "from rolloutlib.files import bounded_bytes; bounded_bytes('/dev/stdin')"
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"x", capture_output=True, check=False, timeout=30
    )
    assert b"is a named pipe; expected a regular file" in done.stderr
