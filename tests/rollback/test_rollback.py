"""Promotion and the kill switch.

Only a verified GO moves flags, anything takes them back, no crash leaves a lie.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.flags import document as flags
from rolloutlib.flags import event, notices, overview, promotion, rollback, rollback_record
from rolloutlib.flags.client import flag_client, resolve
from rolloutlib.flags.document import (
    CONTEXTS,
    FLAGS,
    SESSION,
    FlagFiles,
    FlagsError,
    FlagState,
    document,
    switch,
)
from rolloutlib.flags.file import StillOnError
from rolloutlib.flags.outcome import RolledBack, Trigger
from rolloutlib.flags.promotion import NotPromotedError, flag_finding, promote
from rolloutlib.flags.rollback import roll_back
from rolloutlib.ledger.durable import NotWrittenError
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.rollback.books import FILES, PLAN, ROOT, at, decided, flags_of, signed, workbook

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.ledger.records import Decision
    from rolloutlib.plan.model import FeatureId

REASON = Trigger(
    "latency rose by 23 %", "avg latency ×1.23", "eng_choi@ex.com", "search summaries without limit"
)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook at stage 2 by two signed decisions, made once: six signatures, two promotions."""
    folder = workbook(tmp_path_factory.mktemp("promoted") / "book")
    _promote(folder, decided(folder, hours=0), 0.5)
    _promote(folder, decided(folder, hours=1), 1.5)
    return folder


@pytest.fixture
def root(promoted: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(promoted, tmp_path / "book"))


def _promote(root: Path, decision: str, hours: float) -> promotion.Promotion:
    return promote(root, PLAN, decision, now=at(hours), files=FILES)


def _roll_back(root: Path, *features: FeatureId, hours: float = 2) -> RolledBack:
    return roll_back(root, REASON, features, now=at(hours), files=FILES)


def _finding(root: Path) -> str | None:
    finding = flag_finding(PLAN, Workbook(root).read(), root)
    return finding.code if finding else None


# --- promotion ------------------------------------------------------------------------------------


def test_a_signed_go_moves_one_stage_on(tmp_path: Path) -> None:
    """Flags, session defaults, release notes and overview follow the decision.

    A client reads the new stage.
    """
    root = workbook(tmp_path / "book")
    decision = decided(root, hours=0)
    assert _finding(root) is None
    promoted = _promote(root, decision, 0.5)
    assert flags_of(root) == promoted.after == FlagState(1, 2, decision)
    assert _finding(root) is None
    with flag_client(root / FLAGS) as client:
        assert resolve(client, PLAN, {})["feature.autoTagging"] is True
    notes, overview = (path.read_text() for path in promoted.written)
    for heading in (
        "What changed",
        "Who is impacted (cohorts)",
        "Metrics summary (last 3 runs)",
        "Actions",
    ):
        assert f"## {heading}\n\n- " in notes
    assert "`feature.autoTagging` (Automatic tags): false → true for" in notes
    assert "Rollback Notice" not in notes
    assert f"Decision: {decision}" in overview
    assert f"[{decision}](LEDGER/{decision}.md) GO" in overview


def test_promoting_twice_changes_nothing(root: Path) -> None:
    """The second call finds the decision in force, writes its documents again, and says so."""
    decision = flags_of(root).decision
    before = (root / FLAGS).read_bytes()
    again = _promote(root, decision, 1.6)
    assert not again.applied
    assert (root / FLAGS).read_bytes() == before


def test_the_overview_keeps_what_people_wrote(root: Path) -> None:
    """Only the part between the marks is written again.

    With links to the latest three decisions.
    """
    path = root / overview.OVERVIEW
    path.write_text("# Ours\n\nabove\n\n" + path.read_text().partition("\n\n")[2] + "below\n")
    _promote(root, decided(root, hours=2), 2.5)
    text = path.read_text()
    assert text.startswith("# Ours\n\nabove\n\n")
    assert text.endswith("below\n")
    assert text.count("Quick Links") == 1
    assert text.count("](LEDGER/") == 3


@pytest.mark.parametrize(
    ("verdict", "stage", "signers", "sentence"),
    [
        ("HOLD", 2, ("pm_kim",), "says HOLD; only a GO moves flags"),
        ("GO", 2, ("pm_kim", "qa_lee"), "is not verified: GO needs the signature of owner"),
        ("GO", 2, (), "is not verified: GO needs the signature of pm and qa and owner"),
        ("GO", 3, None, "is about stage 3 → 4, but stage 2 is in force"),
        ("GO", 1, None, "is about stage 1 → 2, but stage 2 is in force"),
    ],
)
def test_what_does_not_move_flags(
    root: Path, verdict: str, stage: int, signers: tuple[str, ...] | None, sentence: str
) -> None:
    """Another verdict, a missing signature, another stage.

    Refused with what is missing, and no byte changes.
    """
    before = (root / FLAGS).read_bytes()
    decision = decided(root, hours=2, verdict=verdict, stage=stage, signers=signers)  # pyright: ignore[reportArgumentType]
    with pytest.raises(NotPromotedError, match=sentence):
        _promote(root, decision, 2.5)
    assert (root / FLAGS).read_bytes() == before


def test_an_unknown_record_is_named(root: Path) -> None:
    """A misspelt id is a sentence."""
    with pytest.raises(
        NotPromotedError, match=r"there is no record dec-20260201-009; `rollout ledger` lists them"
    ):
        _promote(root, "dec-20260201-009", 2)


def test_a_decision_holds_only_for_the_flags_that_it_was_made_on(root: Path) -> None:
    """A rollback between decision and promotion, and a hand that edits the file.

    Make the decision stale.
    """
    decision = decided(root, hours=2)
    edited = (root / FLAGS).read_bytes().replace(b'"generation": 3', b'"generation": 4')
    switch(FILES, root / FLAGS, edited, before=None)
    with pytest.raises(
        NotPromotedError, match=r"was decided on flags with sha256 .* but generation 4, stage 2"
    ):
        _promote(root, decision, 2.5)


def test_a_tampered_record_moves_nothing(root: Path) -> None:
    """An edited record is found before any flag moves."""
    decision = decided(root, hours=2)
    record = root / "docs" / "LEDGER" / f"{decision}.record"
    record.write_bytes(record.read_bytes().replace(b'"to":3', b'"to":4'))
    with pytest.raises(NotPromotedError, match="not verified"):
        _promote(root, decision, 2.5)
    assert flags_of(root).stage == 2


def test_after_a_rollback_the_stage_is_blocked_until_a_new_go(root: Path) -> None:
    """Neither the decision that was rolled back nor one that is older turns flags on again.

    A new GO does.
    """
    old = flags_of(root).decision
    late = decided(root, hours=1.8)
    _roll_back(root)
    for decision in (old, late):
        with pytest.raises(NotPromotedError):
            _promote(root, decision, 2.5)
    assert flags_of(root).off == ("A",)
    _promote(root, decided(root, hours=3), 3.5)
    assert (flags_of(root).stage, flags_of(root).off) == (3, ())
    assert _finding(root) is None


# --- rollback -------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["HOLD", "NO_GO"])
def test_a_later_meeting_that_holds_the_stage_back_is_obeyed(
    tmp_path: Path, verdict: Decision
) -> None:
    """A GO that nobody promoted is over once a later decision on its stage says otherwise."""
    root = workbook(tmp_path / "book")
    go = decided(root, hours=0)
    later = decided(root, hours=1, verdict=verdict)
    with pytest.raises(NotPromotedError, match=f"older than {later}, which says {verdict} of the"):
        _promote(root, go, 2)
    assert flags_of(root).stage == 0


@pytest.mark.parametrize("folder", ["docs/RELEASE_NOTES", "docs/SYSTEM_OVERVIEW.md"])
def test_a_promotion_whose_documents_fail_says_that_it_is_in_force(
    tmp_path: Path, folder: str
) -> None:
    """The flags moved: the message says so, and the same command ends it once it is mended."""
    root = workbook(tmp_path / "book")
    go = decided(root, hours=0)
    path = root / folder
    path.mkdir() if path.suffix else path.touch()
    says = rf"^{go} is in force \(stage 1, generation 2\), but not all .*promote {go}` again"
    with pytest.raises(NotWrittenError, match=says):
        _promote(root, go, 1)
    assert flags_of(root).decision == go
    path.rmdir() if path.suffix else path.unlink()
    assert not _promote(root, go, 1).applied


def test_rollback_is_the_whole_runbook(root: Path) -> None:
    """Flags off for everybody, safe defaults, record with trigger, cause, actions and open items.

    Notice, overview.
    """
    decision = flags_of(root).decision
    outcome = _roll_back(root)
    assert flags_of(root) == outcome.after == FlagState(2, 4, "dec-20260201-rollback-001", ("A",))
    assert outcome.record == "dec-20260201-rollback-001"
    assert outcome.green == "dec-20260201-001"
    with flag_client(root / FLAGS) as client:
        assert [
            resolve(client, PLAN, context)["feature.searchLite"] for context in CONTEXTS.values()
        ] == [False] * 5
    node = Workbook(root).read().find(outcome.record)
    way = node.record.predicate.rollback
    assert way is not None
    assert way.rolls_back is not None
    assert (way.rolls_back.id, way.restored_from) == (decision, "dec-20260201-001")
    assert way.trigger.startswith("avg latency ×1.23 / 2026-02-01T11:00:00Z / eng_choi@ex.com")
    assert way.cause == "search summaries without limit"
    assert "Flags off: feature.searchLite" in way.actions
    assert "A client sees the flags off" in way.actions
    assert outcome.open == []
    assert way.impact.endswith(
        "Open: Replay of dec-20260201-001: run `rollout replay dec-20260201-001`; "
        "Signatures: run `rollout sign dec-20260201-rollback-001 --as engine`"
    )
    (notes,) = (root / notices.NOTES).glob("*rollback*")
    notice = notes.read_text().partition("## Rollback Notice")[2]
    for line in (
        "Reason: latency rose by 23 %",
        "When: 2026-02-01T11:00:00Z",
        f"Ledger: docs/LEDGER/{outcome.record}.md",
    ):
        assert f"- {line}" in notice
    assert (
        "Turned off by a rollback: feature.searchLite; blocked until a new GO"
        in (root / overview.OVERVIEW).read_text()
    )
    assert _finding(root) is None


def test_the_record_of_a_rollback_verifies_once_it_is_signed(root: Path) -> None:
    """The engine's signature is due at once; with it the whole ledger holds."""
    outcome = _roll_back(root)
    assert outcome.record is not None
    assert [f.code for f in verify_ledger(Workbook(root), now=at(2.1)).findings] == ["unsigned"]
    signed(root, outcome.record, "eng_choi", hours=2.1)
    assert verify_ledger(Workbook(root), now=at(2.2)).findings == ()


def test_a_second_rollback_is_harmless(root: Path) -> None:
    """It changes no byte of flags and ledger, and says that it is recorded already."""
    first = _roll_back(root)
    before = {
        path: path.read_bytes()
        for path in sorted((root / "docs" / "LEDGER").glob("*"))
        if path.is_file()
    }
    before[root / FLAGS] = (root / FLAGS).read_bytes()
    second = _roll_back(root, hours=3)
    assert (second.switched, second.record) == (False, first.record)
    assert {path: path.read_bytes() for path in before} == before
    assert len(list((root / "docs" / "LEDGER").glob("*.record"))) == 3


def test_a_hand_that_turns_a_flag_on_again_does_not_fool_the_second_rollback(root: Path) -> None:
    """The file still says that A is off, but a variant was edited.

    It is written again, one generation higher.
    """
    _roll_back(root)
    path = root / FLAGS
    switch(FILES, path, path.read_bytes().replace(b'"off": false', b'"off": true', 1), before=None)
    with flag_client(path) as client:
        assert resolve(client, PLAN, {})["feature.searchLite"] is True
    assert _roll_back(root, hours=3).switched
    with flag_client(path) as client:
        assert resolve(client, PLAN, {})["feature.searchLite"] is False
    assert flags_of(root).generation == 5


def test_more_can_be_rolled_back(root: Path) -> None:
    """What was off stays off; the second record rolls back the same decision."""
    _roll_back(root)
    outcome = _roll_back(root, "C", hours=3)
    assert flags_of(root).off == ("A", "C")
    assert outcome.record == "dec-20260201-rollback-002"


def test_nothing_but_the_repository_is_needed(root: Path) -> None:
    """No data, no reports, no documents beside the ledger: done and recorded."""
    for name in ("docs/RELEASE_NOTES", "docs/SYSTEM_OVERVIEW.md", "params/session.config.json"):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not (root / "data").exists()
    assert not (root / "reports").exists()
    assert _roll_back(root).record == "dec-20260201-rollback-001"


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_flag_file_is_replaced_by_the_safe_state(root: Path, damage: str) -> None:
    """Nobody can tell the stage.

    Everything that any stage turns on is off, and the generation still rises.
    """
    path = root / FLAGS
    path.write_bytes(path.read_bytes()[:200]) if damage == "truncated" else path.unlink()
    outcome = _roll_back(root)
    assert outcome.before is None
    assert outcome.after == FlagState(0, 4, "dec-20260201-rollback-001", ("A", "C", "D"))
    assert flags_of(root) == outcome.after
    assert outcome.record == "dec-20260201-rollback-001"


def test_a_full_disk_for_documents_is_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes and overview cannot be written.

    Flags are off and recorded, and the record says what is open.
    """

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(notices, "overwrite", full)
    outcome = _roll_back(root)
    assert (flags_of(root).off, outcome.record) == (("A",), "dec-20260201-rollback-001")
    way = Workbook(root).read().find("dec-20260201-rollback-001").record.predicate.rollback
    assert way is not None
    assert (
        "Release notes with the rollback notice are drafted: [Errno 28] No space left on device"
        in way.impact
    )


def test_flags_that_cannot_be_written_are_said_to_be_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one failure that stops a rollback: nothing is recorded as off."""

    class Full(FlagFiles):
        def open(self, path: Path) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(StillOnError, match=r"STILL ON: .*flags\.json could not be written \(No sp"):
        roll_back(root, REASON, now=at(2), files=Full(time.time_ns))
    assert flags_of(root).off == ()
    assert len(list((root / "docs" / "LEDGER").glob("*.record"))) == 2


# --- crashes --------------------------------------------------------------------------------------


class _CrashError(BaseException):
    """The process ends here: nothing catches it."""


FIRST, THEN = (
    ("_switch", "_reset_session", "_read_back"),
    ((event, "write_release_notes"), (rollback_record, "append"), (event, "system_overview")),
)
STEPS = [*((rollback, name) for name in FIRST), *THEN]


def _crashing(monkeypatch: pytest.MonkeyPatch, module: object, name: str, *, after: bool) -> None:
    holder = module
    *path, last = name.split(".")
    for part in path:
        holder = getattr(holder, part)
    real: Callable[..., object] = getattr(holder, last)

    def crash(*args: object, **kwargs: object) -> None:
        if after:
            real(*args, **kwargs)
        raise _CrashError

    monkeypatch.setattr(holder, last, crash)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("module", "step"), STEPS, ids=[name for _, name in STEPS])
def test_a_crash_in_a_rollback_leaves_no_lie(
    root: Path, monkeypatch: pytest.MonkeyPatch, module: object, step: str, *, after: bool
) -> None:
    """Unchanged; off but unrecorded, and found so; or off and recorded.

    The same command again ends in the last.
    """
    with monkeypatch.context() as patch:
        _crashing(patch, module, step, after=after)
        with pytest.raises(_CrashError):
            _roll_back(root)
    off, recorded = (
        flags_of(root).off == ("A",),
        len(list((root / "docs" / "LEDGER").glob("*.record"))) == 3,
    )
    assert (off, recorded, _finding(root)) in {
        (False, False, None),
        (True, False, "UNRECORDED_FLAG_CHANGE"),
        (True, True, None),
    }
    assert off is not (step == "_switch" and not after)
    healed = _roll_back(root, hours=2.5)
    assert (flags_of(root).off, healed.record, _finding(root)) == (
        ("A",),
        "dec-20260201-rollback-001",
        None,
    )
    assert len(list((root / "docs" / "LEDGER").glob("*.record"))) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step", ["switch", "force", "read_back", "write_release_notes", "system_overview"]
)
def test_a_crash_in_a_promotion_leaves_no_lie(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool
) -> None:
    """Unchanged, or on and recorded: the record is older than the switch.

    The same command again finishes.
    """
    decision = decided(root, hours=2)
    with monkeypatch.context() as patch:
        _crashing(patch, promotion, step, after=after)
        with pytest.raises(_CrashError):
            _promote(root, decision, 2.5)
    assert flags_of(root).stage == (2 if step == "switch" and not after else 3)
    assert _finding(root) is None
    _promote(root, decision, 2.6)
    assert flags_of(root).stage == 3
    assert (root / SESSION).read_bytes() == flags.session_defaults(PLAN, flags_of(root))
    assert overview.OVERVIEW


def test_flags_that_somebody_edits_are_unrecorded(root: Path) -> None:
    """A hand-written stage 4, an older file put back, and a broken file are each found."""
    data = (root / FLAGS).read_bytes()
    switch(
        FILES, root / FLAGS, document(PLAN, FlagState(4, 4, flags_of(root).decision)), before=None
    )
    assert _finding(root) == "UNRECORDED_FLAG_CHANGE"
    switch(FILES, root / FLAGS, document(PLAN, FlagState(0, 1)), before=None)
    assert _finding(root) == "UNRECORDED_FLAG_CHANGE"
    switch(FILES, root / FLAGS, data[:100], before=None)
    assert _finding(root) == "FLAGS_UNREADABLE"
    switch(FILES, root / FLAGS, data, before=None)
    assert _finding(root) is None


# --- the command ----------------------------------------------------------------------------------

COMMAND = """
import argparse, sys
from rolloutlib.commands import flags
parser = argparse.ArgumentParser(prog="rollout")
flags.add(parser.add_subparsers(required=True))
arguments = parser.parse_args()
sys.exit(arguments.call(arguments))
"""


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(
        call, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


TIMED = """
import sys, time
from rolloutlib.flags import document as flags
real = flags.FlagFiles.rename
def rename(self, source, target):
    real(self, source, target)
    if target.name == "flags.json":
        print(time.process_time(), time.time(), file=sys.stderr)
flags.FlagFiles.rename = rename
"""


def test_a_running_client_sees_the_kill_switch_within_a_second(root: Path) -> None:
    """Start of the command → flags written → a client that looks twice a second reads off.

    < 1 s, best of three.

    The first part is counted in processor time, so that a busy machine does not fail the test.
    """
    took: list[float] = []
    for _ in range(3):
        shutil.copytree(root, fresh := root.with_name(f"fresh-{len(took)}"))
        with flag_client(fresh / FLAGS) as client:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            call = [sys.executable, "-c", TIMED + COMMAND, "rollback", "--reason", "slow"]
            with subprocess.Popen(
                call,
                cwd=fresh,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as command:
                start = time.monotonic()
                while resolve(client, PLAN, CONTEXTS["opted_in"])["feature.searchLite"]:
                    assert time.monotonic() - start < 30
                    time.sleep(0.005)
                off_at = time.time()
                worked, written = map(float, command.communicate(timeout=60)[1].split())
                took.append(worked + off_at - written)
    assert min(took) < 1


def test_what_the_commands_print(root: Path) -> None:
    """show, diff, check, rollback: each a few lines; the exit code of a recorded rollback is 0."""
    shown = _run(root, "flags", "show").stdout.splitlines()
    assert shown[0] == f"Stage 2, generation 3, profile default, by {flags_of(root).decision}"
    assert shown[1].split() == list(CONTEXTS)
    assert shown[2].split() == ["feature.searchLite", "off", "off", "on", "off", "off"]
    difference = _run(root, "flags", "diff").stdout
    assert (
        "feature.searchLite  internal: off → on, dogfood: off → on, everyone: off → on\n"
        in difference
    )
    assert "generation 3 is what the plan says for stage 2" in _run(root, "flags", "check").stdout
    done = _run(root, "rollback", "--reason", "latency", "--feature", "A", "--lang", "en")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "OFF: feature.searchLite (stage 2, generation 4)\n  done  Flags off: feature.searchLite\n"
    )
    assert re.search(
        r"  next  Signatures: run `rollout sign dec-[0-9]{8}-rollback-001 --as engine`\n",
        done.stdout,
    )
    assert (
        "  OPEN  Replay of dec-20260201-001: " in done.stdout
    )  # the test's records pin no data to replay


def test_check_finds_an_edited_file(root: Path) -> None:
    """A flag edited by hand, and session defaults that do not fit, are refused."""
    text = (root / FLAGS).read_text()
    (root / FLAGS).write_text(text.replace('"defaultVariant": "off"', '"defaultVariant": "on"', 1))
    with pytest.raises(FlagsError, match="not what the plan says for its own state"):
        _check(root)
    (root / FLAGS).write_text(text)
    (root / SESSION).write_text("{}")
    with pytest.raises(FlagsError, match=r"session\.config\.json does not fit"):
        _check(root)


def _check(root: Path) -> None:
    """Run `flags check` in this process, so that its error can be seen."""
    import argparse

    from rolloutlib.commands import flags as commands

    parser = argparse.ArgumentParser()
    commands.add(parser.add_subparsers())
    arguments = parser.parse_args(["flags", "check"])
    before = Path.cwd()
    os.chdir(root)
    try:
        arguments.call(arguments)
    finally:
        os.chdir(before)


def test_what_a_kill_left_of_notes_and_overview_goes(root: Path) -> None:
    """Temporary files of a killed command in docs/ are removed by the next; one in use is not."""
    folder = root / "docs" / "RELEASE_NOTES"
    folder.mkdir(parents=True, exist_ok=True)
    left, used = folder / ".tmp-0123456789abcdef", root / "docs" / ".tmp-fedcba9876543210"
    left.write_bytes(b"#")
    with used.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _roll_back(root)
        assert (left.exists(), used.exists()) == (False, True)
