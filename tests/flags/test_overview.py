"""The overview: the newest decisions in the ledger's order, and nobody's words lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rolloutlib.flags.document import FlagState
from rolloutlib.flags.overview import OVERVIEW, refresh_overview, system_overview
from rolloutlib.ledger.marked import BEGIN, END, DamagedMarksError, with_block
from tests.rollback.books import PLAN

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-11-22T"


def recorded(root: Path, name: str, verdict: str, seq: int, at: str) -> None:
    """Leave a record as far as the overview reads it."""
    folder = root / "docs" / "LEDGER"
    folder.mkdir(parents=True, exist_ok=True)
    record = {"predicate": {"seq": seq, "verdict": verdict, "prepared": {"at": at}}}
    (folder / f"{name}.record").write_text(json.dumps(record), encoding="utf-8")
    (folder / f"{name}.md").touch()


def line(root: Path, title: str) -> str:
    """Return what the overview lists under a title."""
    text = system_overview(root, None, None, lang="en").read_text("utf-8")
    (listed,) = (each for each in text.splitlines() if each.startswith(f"- {title}: "))
    return listed.removeprefix(f"- {title}: ")


def test_decisions_are_in_the_order_of_the_ledger(tmp_path: Path) -> None:
    """A rollback stands before later decisions and after earlier ones; a NO_GO is listed too.

    So is one that cannot be read; a change of keys is no decision.
    """
    recorded(tmp_path, "dec-20261122-001", "GO", 1, f"{DAY}09:00:00Z")
    recorded(tmp_path, "dec-20261122-rollback-001", "ROLLBACK", 2, f"{DAY}10:00:00Z")
    recorded(tmp_path, "dec-20261122-002", "NO_GO", 3, f"{DAY}11:00:00Z")
    recorded(tmp_path, "dec-20261122-keys-001", "KEYS", 4, f"{DAY}12:00:00Z")
    recorded(tmp_path, "dec-20261122-003", "GO", 5, f"{DAY}11:00:00Z")  # in the same second
    assert line(tmp_path, "Decisions") == (
        "[dec-20261122-003](LEDGER/dec-20261122-003.md) GO, "
        "[dec-20261122-002](LEDGER/dec-20261122-002.md) NO\\_GO, "
        "[dec-20261122-rollback-001](LEDGER/dec-20261122-rollback-001.md) ROLLBACK"
    )
    (tmp_path / "docs" / "LEDGER" / "dec-20261123-001.record").write_text("{oops")
    assert line(tmp_path, "Decisions").startswith("dec-20261123-001, [dec-20261122-003](")


def test_notes_are_in_the_order_of_the_ledger_too(tmp_path: Path) -> None:
    """Those of a rollback stand before those of a later promotion, whatever the names say."""
    folder = tmp_path / "docs" / "RELEASE_NOTES"
    folder.mkdir(parents=True)
    for seq, name in enumerate(
        ("dec-20261122-003", "dec-20261122-rollback-001", "dec-20261122-004"), 1
    ):
        recorded(tmp_path, name, "GO", seq, f"{DAY}{seq:02d}:00:00Z")
        (folder / f"2026-11-22_{name}.md").write_text("When: 2026-11-22T23:00:00Z")
    (folder / "2026-11-22_by-hand.md").touch()
    names = ("dec-20261122-004", "dec-20261122-rollback-001", "dec-20261122-003")
    links = (f"[2026-11-22\\_{name}.md](RELEASE_NOTES/2026-11-22_{name}.md)" for name in names)
    assert line(tmp_path, "Notes") == ", ".join(links)


def test_runs_are_the_newest_of_all_four_dialects(tmp_path: Path) -> None:
    """Whatever a file is called, its day counts, then its time in Korea."""
    folder = tmp_path / "docs" / "RUN_LOGS"
    folder.mkdir(parents=True)
    (folder / "2026-11-21_run-001.md").write_text("- **Run ID/Time(KST)**: 2026-11-21 23:00\n")
    (folder / "2026-11-22_run-002.md").write_text("- **Run ID/Time(KST)**: 2026-11-22 09:00\n")
    (folder / "2026-11-22_run-001.md").write_text("- **Run ID/Time(KST)**: 2026-11-22 18:00\n")
    (folder / "2026-11-22_run-1795316400000.md").write_text("# Run Log\n")  # 03:00Z: noon in Korea
    (folder / "README.md").write_text("no log")
    names = ("2026-11-22_run-001", "2026-11-22_run-1795316400000", "2026-11-22_run-002")
    links = (f"[{name.replace('_', chr(92) + '_')}.md](RUN_LOGS/{name}.md)" for name in names)
    assert line(tmp_path, "Runs") == ", ".join(links)


def test_the_data_set_is_linked_with_what_it_lacks(tmp_path: Path) -> None:
    """dataset_meta.json has the fields that the plan wants, or the overview says which it lacks."""
    assert line(tmp_path, "Data set") == "–"
    meta = tmp_path / "outputs" / "dataset_meta.json"
    meta.parent.mkdir()
    meta.write_text('{"version": 1, "featureFlags": {}}')
    link = "[outputs/dataset\\_meta.json](../outputs/dataset_meta.json)"
    assert line(tmp_path, "Data set") == f"{link} (lacks strategyHash), [outputs/](../outputs/)"
    meta.write_text('{"strategyHash": "a", "featureFlags": {}}')
    assert line(tmp_path, "Data set") == f"{link}, [outputs/](../outputs/)"


HAND = "# 시스템 개요\r\n\r\nours\r\n".encode("euc-kr")
PAGES = {
    "without marks": (HAND, HAND + b"\n", b"\n"),
    "without a last line end": (b"text", b"text\n\n", b"\n"),
    "empty": (b"", b"", b"\n"),
    "between": (HAND + BEGIN + b"old" + END + HAND, HAND, HAND),
}


@pytest.mark.parametrize("name", PAGES)
def test_what_people_wrote_keeps_its_bytes(tmp_path: Path, name: str) -> None:
    """Only the block between the marks is ours, whatever the page's encoding; it is there once."""
    page, head, tail = PAGES[name]
    path = tmp_path / OVERVIEW
    path.parent.mkdir()
    path.write_bytes(page)
    for _ in range(2):
        assert refresh_overview(tmp_path, "ko") is None
        written = path.read_bytes()
        assert written.startswith(head + BEGIN)
        assert written.endswith(END + tail)
        assert written.count(BEGIN) == written.count(END) == 1
        assert b"old" not in written


@pytest.mark.parametrize(
    "marks",
    [BEGIN, END, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END],
    ids=["no end", "no begin", "turned round", "two begins", "two ends"],
)
def test_damaged_marks_are_refused_in_words(tmp_path: Path, marks: bytes) -> None:
    """Nobody can tell what is ours: the page stays, and the sentence says what to mend."""
    path = tmp_path / OVERVIEW
    path.parent.mkdir()
    path.write_bytes(b"above\n" + marks + b"\nbelow\n")
    why = refresh_overview(tmp_path, "en")
    assert why is not None
    assert "docs/SYSTEM_OVERVIEW.md has " in str(why)
    assert "mend them, or remove them all to get a new block" in str(why)
    assert path.read_bytes() == b"above\n" + marks + b"\nbelow\n"
    with pytest.raises(DamagedMarksError):
        with_block(path.read_bytes(), b"", OVERVIEW)


GOLDEN = """\
# System overview

<!-- rollout: from here -->
- Stage 2: Opt-in beta
- Decision: dec-20261122-001
- Flags: generation 3, profile default

## Quick Links

- Decisions: [dec-20261122-001](LEDGER/dec-20261122-001.md) GO
- Runs: [2026-11-22\\_run-001.md](RUN_LOGS/2026-11-22_run-001.md)
- Notes: [2026-11-22\\_dec-20261122-001.md](RELEASE_NOTES/2026-11-22_dec-20261122-001.md)
- Data set: [outputs/dataset\\_meta.json](../outputs/dataset_meta.json), [outputs/](../outputs/)
<!-- rollout: to here -->
"""


def test_the_whole_page(tmp_path: Path) -> None:
    """The page of a new workbook after its first promotion, to the last byte."""
    recorded(tmp_path, "dec-20261122-001", "GO", 1, f"{DAY}09:00:00Z")
    meta = '{"strategyHash": "a", "featureFlags": {}}'
    for name, text in {
        "docs/RUN_LOGS/2026-11-22_run-001.md": "", "outputs/dataset_meta.json": meta,
        "docs/RELEASE_NOTES/2026-11-22_dec-20261122-001.md": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    state = FlagState(2, 3, "dec-20261122-001", profile="default")
    page = system_overview(tmp_path, PLAN, state, lang="en")
    assert page.read_text("utf-8") == GOLDEN
