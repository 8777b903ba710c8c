"""The workbook's log of incidents: lines are added, nothing is changed, nothing is lost."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.errors import RolloutError, RunsError, UsageError
from rolloutlib.judge.checks import run_checks
from rolloutlib.judge.incidents import LOG, read_incidents
from rolloutlib.ledger.incident_log import close_incident, cover, log_of, open_incident
from rolloutlib.plan.model import Check
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
BY = "ana_jung@ex.com"


def opened(root: Path, *, hours: float = 0, title: str = "Empty answers") -> str:
    """Open an incident so many hours after NOW; return its id."""
    at = NOW + timedelta(hours=hours)
    return open_incident(root, title, "S2", by=BY, now=at, feature="A").id


def test_lines_are_added_and_none_is_changed(tmp_path: Path) -> None:
    """Two incidents of a day get two ids, an end closes one of them, older bytes stay."""
    first, second = opened(tmp_path), opened(tmp_path, hours=1)
    assert (first, second) == ("inc-20261122-001", "inc-20261122-002")
    before = (tmp_path / LOG).read_bytes()
    ended = close_incident(tmp_path, first, by=BY, now=NOW + timedelta(hours=2), note="rebuilt")
    assert (ended.closed, ended.title, ended.feature) == (
        NOW + timedelta(hours=2),
        "Empty answers",
        "A",
    )
    assert (tmp_path / LOG).read_bytes().startswith(before)
    assert [incident.id for incident in log_of(tmp_path).incidents if incident.closed is None] == [
        second
    ]
    assert read_incidents(tmp_path / LOG, NOW)[0].closed is None


def test_what_the_command_writes_the_check_reads(tmp_path: Path) -> None:
    """The hours without an incident hold only from an end on, and once somebody covers them."""
    check = Check(title="Quiet", kind="incidents", hours=48, log=LOG)
    (tmp_path / "evidence").mkdir()

    def told(hours: float) -> str:
        now = NOW + timedelta(hours=hours)
        return sentence(
            run_checks({"q": check}, tmp_path / "evidence", now=now, root=tmp_path)[0].why
        )

    name = opened(tmp_path)
    assert told(120).startswith("Empty answers (S2) has been open for 5 days;")
    close_incident(tmp_path, name, by=BY, now=NOW + timedelta(hours=121))
    assert told(122).startswith(
        "Empty answers (S2) ended 1 hour before, at 2026-11-27 10:00 +0000;"
    )
    assert told(170).startswith("incidents.jsonl says nothing after 2026-11-27 10:00")
    cover(tmp_path, by=BY, now=NOW + timedelta(hours=170))
    assert told(170).startswith("No incident in the 48 hours before 2026-11-29 11:00")


def test_what_makes_no_sense_adds_nothing(tmp_path: Path) -> None:
    """A refusal names what was got, and the file keeps its bytes."""
    name, later = opened(tmp_path), NOW + timedelta(days=1)
    before = (tmp_path / LOG).read_bytes()
    with pytest.raises(UsageError, match="Did you mean"):
        close_incident(tmp_path, "inc-20261122-009", by=BY, now=NOW)
    with pytest.raises(UsageError, match="before it"):
        close_incident(tmp_path, name, by=BY, now=NOW - timedelta(days=1))
    with pytest.raises(UsageError, match="--title is empty"):
        open_incident(tmp_path, " ", "S1", by=BY, now=NOW)
    with pytest.raises(UsageError, match=r"--until is .* still to come"):
        cover(tmp_path, by=BY, now=NOW, until=later)
    with pytest.raises(UsageError, match=r"--at is .* still to come"):
        open_incident(tmp_path, "x", "S1", by=BY, now=NOW, at=later)
    assert (tmp_path / LOG).read_bytes() == before


def test_an_end_is_told_once(tmp_path: Path) -> None:
    """The same end again changes nothing; another one is refused."""
    name, end = opened(tmp_path), NOW + timedelta(hours=1)
    close_incident(tmp_path, name, by=BY, now=end)
    before = (tmp_path / LOG).read_bytes()
    assert close_incident(tmp_path, name, by=BY, now=end, at=end).closed == end
    with pytest.raises(UsageError, match="ended at 2026-11-22 10:00"):
        close_incident(tmp_path, name, by=BY, now=end + timedelta(hours=1))
    assert (tmp_path / LOG).read_bytes() == before


def test_a_damaged_log_takes_nothing(tmp_path: Path) -> None:
    """A line among what nobody understands would be lost; the last line may lack its end."""
    opened(tmp_path)
    path = tmp_path / LOG
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert opened(tmp_path) == "inc-20261122-002"
    path.write_bytes(path.read_bytes() + b"{oops\n")
    with pytest.raises(RunsError, match=r"line 3: .*data/incidents.jsonl"):
        opened(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RolloutError, match="is a folder; expected a regular file"):
        opened(tmp_path)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to sync, nothing of the line stays and nothing is acknowledged."""
    opened(tmp_path)
    before = (tmp_path / LOG).read_bytes()
    with monkeypatch.context() as patched:

        def refuse(_: int) -> None:
            raise OSError(28, os.strerror(28))

        patched.setattr(os, "fsync", refuse)
        with pytest.raises(RolloutError, match=r"No space left on device.*nothing was added"):
            opened(tmp_path)
    assert (tmp_path / LOG).read_bytes() == before


@pytest.mark.slow
def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    """Eight at once get eight ids."""
    with ProcessPoolExecutor(4) as pool:
        ids = [*pool.map(opened, [tmp_path] * 8)]
    assert sorted(ids) == [f"inc-20261122-{n:03d}" for n in range(1, 9)]
    assert len(log_of(tmp_path).incidents) == 8


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open, list, close: exit code 10 while one is open; a moment needs its offset."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").touch()
    monkeypatch.chdir(tmp_path)
    begin = ("--at", "2026-11-22T09:00+09:00", "--by", "kim")
    options = ("--title", "Search is\nempty \x1b[31m", "--severity", "S2", "--blocking")
    assert main(["incident", "open", *options, *begin]) == 0
    assert capsys.readouterr().out == (
        "inc-20261122-001  S2  2026-11-22 09:00 +0900  OPEN blocking  Search is empty \\u001b[31m\n"
    )
    assert main(["incident", "list"]) == 10
    assert main(["incident", "close", "inc-20261122-001", "--at", "2026-11-22T10:00+09:00"]) == 0
    capsys.readouterr()
    assert main(["incident", "list"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    until = "until 2026-11-22 10:00 +0900"
    assert last == f"0 open, 1 over; the log tells every incident {until}"
    with pytest.raises(SystemExit):
        main(["incident", "cover", "--until", "2026-11-22T10:00"])
    assert "expected ISO 8601 with offset" in capsys.readouterr().err
