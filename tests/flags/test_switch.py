"""The kill switch against whatever may lie where the plan and the flag file belong.

Each time a real client, which opens the same path, must see everything off within bounded time; or
the refusal names the path. Files are real: links, pipes, devices, other file systems, locks.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.flags import rollback, rollback_record
from rolloutlib.flags.bare import PRODUCT, off_document
from rolloutlib.flags.client import flag_client
from rolloutlib.flags.document import (
    CONTEXTS,
    FLAGS,
    SESSION,
    FlagFile,
    FlagFiles,
    FlagsError,
    FlagState,
    digest_of,
    document,
    read_flags,
    session_defaults,
    switch,
    unedited,
)
from rolloutlib.flags.file import StillOnError
from rolloutlib.flags.limits import SlowError, within
from rolloutlib.flags.outcome import Trigger
from rolloutlib.flags.rollback import roll_back, workbook_to_switch
from rolloutlib.flags.state import salvaged_generation
from rolloutlib.ledger.durable import BusyError, locked
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.flags.outcome import RolledBack
    from rolloutlib.plan.model import FeatureId

ROOT = Path(__file__).parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
FILES = FlagFiles(time.time_ns)
NOW = datetime(2026, 2, 1, 9, tzinfo=UTC)
ON = document(PLAN, FlagState(3, 7, "dec-20260131-001"))
SECONDS = 20  # generous, for a machine that does other things: it takes 0.1 s


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workbook at stage 3: search summaries are on for everybody."""
    folder = tmp_path / "book"
    (folder / "params").mkdir(parents=True)
    (folder / "docs" / "LEDGER").mkdir(parents=True)
    shutil.copy(ROOT / "params" / "plan.yaml", folder / "params" / "plan.yaml")
    (folder / FLAGS).write_bytes(ON)
    return folder


@pytest.fixture(autouse=True)
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests end where the record begins."""
    monkeypatch.setattr(rollback_record, "record_and_tell", _nothing)


def _nothing(*_: object, **__: object) -> None:
    """Do nothing."""


def _slow(_: Path) -> None:
    time.sleep(1)


def _pull(root: Path, features: tuple[FeatureId, ...] = ()) -> RolledBack:
    start = time.monotonic()
    done = roll_back(root, Trigger("seen"), features, now=NOW, files=FILES)
    assert time.monotonic() - start < SECONDS
    return done


def _on_for(path: Path, keys: tuple[str, ...] = ("feature.searchLite",)) -> set[str]:
    """Return for whom a new client finds any of these switches on, or reads no state at all."""
    with flag_client(path) as client:
        audiences: set[str] = set()
        for audience in CONTEXTS:
            from openfeature.evaluation_context import EvaluationContext

            about = EvaluationContext(attributes=dict(CONTEXTS[audience]))
            state: Any = client.get_object_value("rollout.state", {}, about)
            alone = [client.get_boolean_value(key, True, about) for key in keys]  # noqa: FBT003
            if any(alone) or any(state.get(key, True) for key in keys):
                audiences.add(audience)
        return audiences


def _without_plan(root: Path) -> None:
    (root / "params" / "plan.yaml").write_text("a: [")


# --- what a hand, a disk or another program may have made of the file -----------------------------


def _edited(old: str, new: str) -> bytes:
    text = ON.decode()
    assert old in text
    return text.replace(old, new).encode()


EDITS = {
    "empty": b"",
    "blanks": b" \n" * 50,
    "truncated": ON[:300],
    "one byte short": ON.rstrip()[:-1],
    "no JSON": b"flags: off\n",
    "a list": b"[1]",
    "a number": b"7",
    "a text": b'"off"',
    "null": b"null",
    "nested 200,000 deep": b"[" * 200_000,
    "nested and closed": b"[" * 90_000 + b"]" * 90_000,
    "nested objects": b'{"a":' * 100_000,
    "no UTF-8": b"\xff\xfe" + ON,
    "NUL bytes": b"\0" * 4096,
    "NULs at its end": ON + b"\0" * 512,
    "UTF-16": ON.decode().encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf" + ON,
    "a key twice": _edited('"flags": {', '"flags": {}, "flags": {'),
    "a huge generation": _edited('"generation": 7', f'"generation": {10**30}'),
    "5,000 digits": _edited('"generation": 7', f'"generation": {"9" * 5000}'),
    "the last generation": _edited('"generation": 7', '"generation": 999999999999999'),
    "a negative generation": _edited('"generation": 7', '"generation": -7'),
    "generation as text": _edited('"generation": 7', '"generation": "7"'),
    "generation as a float": _edited('"generation": 7', '"generation": 7.5'),
    "generation true": _edited('"generation": 7', '"generation": true'),
    "no such stage": _edited('"stage": 3', '"stage": 9'),
    "off says more": _edited('"off": ""', '"off": "A,A,Q"'),
    "metadata is a list": _edited('"metadata": {\n  "stage"', '"was": {\n  "stage"'),
    "flags are a list": _edited('"flags": {', '"flags": [], "were": {'),
    "off turned on": _edited('"off": false', '"off": true'),
    "everybody by default": _edited('"targeting": {', '"was": {'),
    "quotes and escapes": b'{"' + b'\\"' * 400_000,
    "metadata lies": _edited('"off": ""', '"off": "A,B,C,D,E,F"'),
}


@pytest.mark.parametrize("plan", ["plan", "no plan"])
@pytest.mark.parametrize("name", EDITS)
def test_no_content_of_the_flag_file_keeps_flags_on(root: Path, name: str, plan: str) -> None:
    """Whatever the file holds: off for everybody, readable again, one generation on, said so."""
    (root / FLAGS).write_bytes(EDITS[name])
    if plan == "no plan":
        _without_plan(root)
    done = _pull(root)
    assert done.switched
    assert _on_for(root / FLAGS) == set()
    assert done.open == []
    file = read_flags(root / FLAGS)
    assert (file.data, file.digest, file.state) == (done.data, done.digest, done.after)
    assert "feature.searchLite" in done.flags
    if plan == "plan":
        assert unedited(PLAN, file)
    assert file.state.generation >= max(1, salvaged_generation(EDITS[name]))
    assert not _pull(root).switched


def test_a_file_of_gigabytes_is_not_read(root: Path) -> None:
    """Two gigabytes, sparse: replaced, without a look at more than their start."""
    with (root / FLAGS).open("wb") as file:
        file.write(ON)
        file.truncate(2 * 10**9)
    assert _pull(root).after.generation == 8
    assert _on_for(root / FLAGS) == set()


# --- what may stand in the file's place -----------------------------------------------------------


def _elsewhere(root: Path, name: str = "config/flags.json", *, data: bytes | None = ON) -> Path:
    target = root.parent / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if data is not None:
        target.write_bytes(data)
    return target


def _link(root: Path, target: Path | str) -> None:
    (root / FLAGS).unlink()
    (root / FLAGS).symlink_to(target)


def _chain(root: Path) -> list[Path]:
    target = _elsewhere(root)
    (root / "one").symlink_to(target)
    (root / "two").symlink_to("one")
    _link(root, "../two")
    return [target, root / "one", root / "two"]


def _mounted(root: Path) -> list[Path]:
    """A file in a folder that a link names, as a cluster mounts its configuration."""
    target = _elsewhere(root, "mount/..2026_01/flags.json")
    (root.parent / "mount" / "..data").symlink_to("..2026_01")
    (root.parent / "mount" / "flags.json").symlink_to("..data/flags.json")
    _link(root, root.parent / "mount" / "flags.json")
    return [target, root.parent / "mount" / "flags.json"]


def _linked(root: Path) -> list[Path]:
    target = _elsewhere(root)
    _link(root, target)
    return [target]


def _dangling(root: Path) -> list[Path]:
    target = _elsewhere(root, data=None)
    _link(root, target)
    return [target]


def _hard_link(root: Path) -> list[Path]:
    other = _elsewhere(root, data=None)
    os.link(root / FLAGS, other)
    return [other]


def _hard_link_behind_a_link(root: Path) -> list[Path]:
    target = _linked(root)[0]
    os.link(target, other := target.with_name("other.json"))
    return [target, other]


def _gone(root: Path) -> list[Path]:
    (root / FLAGS).unlink()
    return []


def _folder(root: Path) -> list[Path]:
    (root / FLAGS).unlink()
    (root / FLAGS / "kept").mkdir(parents=True)
    return []


def _pipe(root: Path) -> list[Path]:
    (root / FLAGS).unlink()
    os.mkfifo(root / FLAGS)
    return []


def _socket(root: Path) -> list[Path]:
    (root / FLAGS).unlink()
    before = Path.cwd()
    os.chdir(root / "params")  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("flags.json")
    os.chdir(before)
    return []


def _device(root: Path) -> list[Path]:
    (root / FLAGS).unlink()
    try:
        os.mknod(root / FLAGS, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    return []


def _to(target: str) -> Callable[[Path], list[Path]]:
    def damage(root: Path) -> list[Path]:
        if target == "pipe":
            os.mkfifo(root / "pipe")
            _link(root, root / "pipe")
        else:
            _link(root, target)
        return []

    return damage


def _no_params(root: Path) -> list[Path]:
    shutil.rmtree(root / "params")
    return []


def _params_elsewhere(root: Path) -> list[Path]:
    (root / "params").rename(root.parent / "settings")
    (root / "params").symlink_to("../settings")
    return [root.parent / "settings" / "flags.json"]


def _rubbish(root: Path) -> list[Path]:
    (root / "params" / ".tmp-0123456789abcdef").write_bytes(b"{")
    return []


def _not_readable(root: Path) -> list[Path]:
    (root / FLAGS).chmod(0)
    return []


def _of_next_century(root: Path) -> list[Path]:
    os.utime(root / FLAGS, (5 * 10**9, 5 * 10**9))
    return []


PLACES = {
    "missing": _gone, "a folder": _folder, "a pipe": _pipe, "a socket": _socket,
    "a device": _device, "a link": _linked, "a chain of links": _chain, "a mount": _mounted,
    "a dangling link": _dangling, "a link into a missing folder": _to("/nowhere/at/all/x.json"),
    "a link to itself": _to("flags.json"), "a link to a folder": _to("../docs"),
    "a link to a pipe": _to("pipe"), "a link to a device": _to("/dev/zero"),
    "a link to nothing": _to("/dev/null"), "a hard link": _hard_link,
    "a hard link behind a link": _hard_link_behind_a_link, "no params": _no_params,
    "params are a link": _params_elsewhere, "rubbish": _rubbish,
    "not readable": _not_readable, "its time is to come": _of_next_century,
}  # fmt: skip


@pytest.mark.parametrize("plan", ["plan", "no plan"])
@pytest.mark.parametrize("name", PLACES)
def test_the_switch_goes_where_clients_read(root: Path, name: str, plan: str) -> None:
    """Through links, into every other name of the file; what is no file makes way for one."""
    others = PLACES[name](root)
    links = [path for path in (root / FLAGS, *others) if path.is_symlink() and others]
    if plan == "no plan" and (root / "params").exists():
        _without_plan(root)
    done = _pull(root)
    assert done.switched
    assert done.open == []
    for path in (root / FLAGS, *others):
        assert _on_for(path) == set(), path
    assert all(path.is_symlink() for path in links)
    assert [path.name for path in (root / "params").glob(".tmp-*")] == []
    assert not _pull(root).switched
    assert stat.S_ISCHR(Path("/dev/zero").stat().st_mode)


def test_a_file_system_of_its_own(root: Path) -> None:
    """A link to a file on another file system: no rename goes across, and none has to."""
    memory = Path("/dev/shm")  # noqa: S108  # a file system of its own, not a folder for scraps
    if not memory.is_dir() or memory.stat().st_dev == root.stat().st_dev:
        pytest.skip("no other file system here")
    folder = memory / f"rollout-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "flags.json").write_bytes(ON)
        _link(root, folder / "flags.json")
        assert _pull(root).switched
        assert _on_for(folder / "flags.json") == set()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["its time is to come", "missing", "a link", "a hard link"])
def test_a_running_client_sees_it(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only a new one: the time of what it reads rises, whatever the clock says."""
    monkeypatch.setattr(rollback, "_read_back", _nothing)  # one client a process
    if name != "missing":
        PLACES[name](root)
    with flag_client(root / FLAGS, poll_ms=10) as client:
        assert client.get_boolean_value("feature.searchLite", False)  # noqa: FBT003
        if name == "missing":
            (root / FLAGS).unlink()
            time.sleep(0.05)
        roll_back(root, Trigger("seen"), now=NOW, files=FlagFiles(lambda: 0))
        deadline = time.monotonic() + SECONDS
        while client.get_boolean_value("feature.searchLite", True):  # noqa: FBT003
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_who_could_read_the_file_still_can(root: Path) -> None:
    """A strict umask and a private old file: the engine's user keeps its file, and reads it."""
    (root / FLAGS).chmod(0o640)
    if os.getuid() == 0:
        os.chown(root / FLAGS, 65534, 65534)
    was = (root / FLAGS).stat()
    old = os.umask(0o077)
    try:
        _pull(root)
    finally:
        os.umask(old)
    now = (root / FLAGS).stat()
    assert (now.st_uid, now.st_gid, now.st_mode) == (was.st_uid, was.st_gid, was.st_mode)
    assert (root / SESSION).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("place", ["params is a file", "a link to what nobody writes"])
def test_where_nobody_can_write_it_says_that_flags_are_on(root: Path, place: str) -> None:
    """The one refusal: it names the path, and where it leads, and changes nothing."""
    expected = [f"{root / FLAGS}"]
    if place == "params is a file":
        shutil.rmtree(root / "params")
        (root / "params").write_text("")
    else:
        _link(root, "/proc/version")
        expected.append("which leads to /proc/version")
    with pytest.raises(StillOnError, match=r"^FLAGS ARE STILL ON: ") as refused:
        _pull(root)
    assert all(part in str(refused.value) for part in expected)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("call", ["open", "write", "sync", "rename"])
def test_a_full_disk_does_not_keep_flags_on(root: Path, call: str) -> None:
    """No new file can be made: the old one is written over, whole, and nothing else is left."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = FlagFiles(time.time_ns)
    setattr(files, call, fail)
    done = roll_back(root, Trigger("seen"), now=NOW, files=files)
    assert done.data == (root / FLAGS).read_bytes()
    assert _on_for(root / FLAGS) == set()
    assert [path.name for path in (root / "params").glob(".tmp-*")] == []
    assert len(done.unread) == (call == "sync")  # off, but a power cut may bring the old file back


# --- plans, locks, places -------------------------------------------------------------------------


def _plan_text(text: str | bytes) -> Callable[[Path], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda path: path.write_bytes(data)


PLANS: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": _plan_text(""),
    "no YAML": _plan_text("a: ["),
    "no UTF-8": _plan_text(b"\xff\xfe\xfd"),
    "NUL bytes": _plan_text(b"\0" * 100),
    "a list": _plan_text("[1, 2]"),
    "nested": _plan_text("[" * 100_000),
    "an alias": _plan_text("a: &x 1\nb: *x\n"),
    "an unknown key": lambda path: path.write_text(path.read_text() + "\nnew: 1\n"),
    "half": lambda path: path.write_bytes(path.read_bytes()[:4000]),
    "too large": _plan_text("# " + "x" * 2_000_000),
    "not ours": _plan_text("schema: rolloutlib/plan@9\n"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a ring of links": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("name", PLANS)
def test_no_plan_keeps_flags_on(root: Path, name: str) -> None:
    """Without a plan every flag of the file is off, as the plan will say when it is back."""
    PLANS[name](root / "params" / "plan.yaml")
    done = _pull(root, features=("A",))
    assert done.flags == tuple(PRODUCT)
    assert _on_for(root / FLAGS, tuple(PRODUCT)[:5]) == set()
    assert "so every flag is off: " in str(done.unread[0])
    assert str(done.unread[1]) == "Only the plan says which flag is feature A: every one is off"
    assert (done.after.stage, done.after.generation) == (3, 8)
    assert unedited(PLAN, FlagFile(done.after, done.data, done.digest))
    assert (root / SESSION).read_bytes() == session_defaults(PLAN, done.after)
    shutil.rmtree(root / "params" / "plan.yaml") if name == "a folder" else None
    (root / "params" / "plan.yaml").unlink(missing_ok=True)
    shutil.copy(ROOT / "params" / "plan.yaml", root / "params" / "plan.yaml")
    assert not _pull(root).switched  # the plan is back, and says the same


def test_a_plan_that_takes_for_ever_is_done_without(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it has an end, like everything before the switch."""
    monkeypatch.setattr(rollback, "PLAN", 0.05)
    monkeypatch.setattr("rolloutlib.plan.model.load_plan", _slow)
    assert "no answer in 0.05 s" in str(_pull(root).unread[0])
    assert _on_for(root / FLAGS) == set()


def test_a_lock_held_for_ever_is_done_without(root: Path) -> None:
    """The switch waits half a second, names who holds the lock, and goes on."""
    handle = os.open(root / "params", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        done = _pull(root)
        with (
            pytest.raises(BusyError, match=f"locked by process {os.getpid()} "),
            locked(root / "params", 0.01),
        ):
            pass
    finally:
        os.close(handle)
    assert done.switched
    assert f"{root / 'params'} is locked by process {os.getpid()} " in str(done.unread[0])
    assert _on_for(root / FLAGS) == set()


def test_of_two_at_once_one_switches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rollbacks in the same moment: one generation, one that switched."""
    monkeypatch.setattr(rollback, "LOCK", SECONDS)  # on a busy machine the first takes its time
    done: list[RolledBack] = []
    barrier = threading.Barrier(8)

    def pull() -> None:
        barrier.wait()
        safe = roll_back(root, Trigger("seen"), now=NOW, files=FILES)
        done.append(safe)

    threads = [threading.Thread(target=pull) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.switched for each in done) == 1
    assert {each.after.generation for each in done} == {8}


def test_outside_of_a_workbook_it_says_what_to_do(tmp_path: Path) -> None:
    """No other product is switched off instead; any trace of a workbook is enough."""
    with pytest.raises(StillOnError, match=r"STILL ON: there is no workbook here .* \(cd\)"):
        workbook_to_switch(tmp_path)
    for trace in (FLAGS, SESSION, "params/plan.yaml", "docs/LEDGER"):
        folder = tmp_path / f"book-{trace.replace('/', '-')}"
        (folder / trace).parent.mkdir(parents=True)
        (folder / trace).symlink_to("nowhere")
        (folder / "notebooks").mkdir()
        assert workbook_to_switch(folder / "notebooks") == folder


@pytest.mark.slow
def test_the_switch_needs_no_words(root: Path) -> None:
    """Where sentences cannot be loaded, flags are off all the same, and it is told in English."""
    code = (
        "import sys; sys.modules['rolloutlib.words.sentences'] = None\n"
        "from rolloutlib.cli import main\n"
        "raise SystemExit(main(['rollback', '--reason', 'x', '--lang', 'ko']))"
    )
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # off, but no record could be worded
    assert "OFF: feature.searchLite" in done.stdout
    assert "OPEN  Recorded: " in done.stdout
    assert read_flags(root / FLAGS).state.off


def test_the_command_from_its_start(root: Path) -> None:
    """As a process of its own, with neither a plan nor a flag file: off, said, exit code 1 or 0."""
    (root / FLAGS).write_bytes(b"[" * 200_000)
    _without_plan(root)
    call = [sys.executable, "-m", "rolloutlib.cli", "rollback", "--reason", "seen"]
    code = "from rolloutlib.cli import main; raise SystemExit(main(['rollback', '--reason', 'x']))"
    call = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        call, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("OFF: feature.searchLite, feature.guardianProfiles, ")
    assert "NOTE  The flag file could not be read: nested deeper than 64" in done.stdout
    assert _on_for(root / FLAGS) == set()
    (root / "empty").mkdir()
    shutil.move(root / "empty", root.parent / "elsewhere")
    outside = subprocess.run(
        call, cwd=root.parent / "elsewhere", env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert outside.returncode == 3
    assert outside.stderr.startswith("rollout: FLAGS ARE STILL ON: there is no workbook here")


# --- what is off without a plan -------------------------------------------------------------------


def test_the_product_is_what_the_plan_says() -> None:
    """What the kill switch knows of the product without the plan is the shipped plan's table."""
    assert {key: (flag.feature, flag.on, flag.off, flag.safe) for key, flag in PRODUCT.items()} == {
        feature.flag: (key, feature.enabled, feature.disabled, feature.safe)
        for key, feature in PLAN.features.items()
    }


@pytest.mark.parametrize("stage", STAGES)
def test_without_the_plan_the_bytes_are_those_of_the_plan(stage: int) -> None:
    """From any stage's file, and from nothing: what the plan says when all features are off."""
    before = FlagState(STAGES[stage], 5, "dec-20260131-001")
    safe = FlagState(STAGES[stage], 6, "x", ("A", "B", "C", "D", "E", "F"))
    off = off_document(document(PLAN, before), 6, "x")
    assert off.state == safe
    assert off.data == document(PLAN, safe)
    assert off.session == session_defaults(PLAN, safe)


def test_flags_that_nobody_knows_are_left_to_the_code(root: Path) -> None:
    """A name in damaged bytes: the client falls back to its default, whichever that is."""
    _without_plan(root)
    (root / FLAGS).write_bytes(b'{"flags": {"feature.brandNew": {"variants": {"on": tr')
    done = _pull(root)
    assert done.flags == (*PRODUCT, "feature.brandNew")
    with flag_client(root / FLAGS) as client:
        assert [client.get_boolean_value("feature.brandNew", it) for it in (True, False)] == [
            True,
            False,
        ]
        assert client.get_string_value("feature.brandNew", "mild") == "mild"
    assert not _pull(root).switched


def test_a_product_of_its_own(root: Path) -> None:
    """Flags of another plan: each says itself what is safe, or has a false among its values."""
    _without_plan(root)
    flags = {
        "feature.tone": {
            "state": "ENABLED", "variants": {"on": "bold", "off": "mild"}, "defaultVariant": "on",
            "metadata": {"feature": "F", "safe": "mild"},
        },
        "feature.old": {
            "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on",
        },
        "feature.odd": 7,
    }  # fmt: skip
    (root / FLAGS).write_text(json.dumps({"flags": flags}))
    done = _pull(root)
    assert done.flags == ("feature.tone", "feature.old", "feature.odd")
    with flag_client(root / FLAGS) as client:
        assert client.get_string_value("feature.tone", "?") == "mild"
        assert client.get_boolean_value("feature.old", True) is False  # noqa: FBT003
        assert client.get_string_value("feature.odd", "the code's") == "the code's"
    assert json.loads((root / SESSION).read_bytes())["tone"] == "mild"


def test_a_generation_is_salvaged_from_the_ledger(root: Path) -> None:
    """An empty flag file does not start at 1 again: the records pin what clients have seen."""
    for number, generation in ((1, 4), (2, 11)):
        pin = root / "docs" / "LEDGER" / f"dec-20260131-{number:03d}" / "flags.json"
        pin.parent.mkdir()
        pin.write_bytes(document(PLAN, FlagState(1, generation)))
    (root / FLAGS).write_bytes(b"")
    assert _pull(root).after.generation == 13


# --- the other readers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*EDITS, *PLACES])
def test_no_reader_hangs_or_fails_otherwise(root: Path, name: str) -> None:
    """Read, or refused in a sentence that names the path, within bounds."""
    if name in EDITS:
        (root / FLAGS).write_bytes(EDITS[name])
    else:
        PLACES[name](root)
    try:
        state = within(SECONDS, lambda: read_flags(root / FLAGS)).state
    except FlagsError as error:
        assert str(error).startswith(f"{root / FLAGS} ")  # noqa: PT017  # either way is right
        assert "`rollout rollback`" in str(error)  # noqa: PT017
    else:
        assert 1 <= state.generation < 10**15


def test_a_promotion_goes_through_links_too(root: Path) -> None:
    """The link stays, its target moves on, and only from the file that was decided for."""
    (target,) = _linked(root)
    on = document(PLAN, FlagState(4, 8))
    switch(FILES, root / FLAGS, on, before=digest_of(ON))
    assert (root / FLAGS).is_symlink()
    assert target.read_bytes() == on
    with pytest.raises(FlagsError, match="expected sha256"):
        switch(FILES, root / FLAGS, ON, before=digest_of(ON))


def test_what_hangs_ends() -> None:
    """A step has its time; what it returns or raises comes through."""
    released = threading.Event()

    def worked() -> None:
        while not released.is_set():  # in Python: one long call into C would let nobody else run
            pass

    assert within(60, lambda: 7) == 7
    with pytest.raises(KeyError):
        within(60, lambda: PLANS["no such plan"])
    try:
        with pytest.raises(SlowError, match=r"no answer in 0\.01 s"):
            within(0.01, released.wait)
        with pytest.raises(SlowError, match=r"no answer in 0\.05 s"):
            within(60, worked, busy=0.05)
    finally:
        released.set()


def test_without_another_thread_it_is_done_in_this_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who may start no thread any more can still switch off."""

    def full(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(rollback, "_read_back", _nothing)  # a client has a thread of its own
    monkeypatch.setattr(threading.Thread, "start", full)
    assert _pull(root).switched
    monkeypatch.undo()
    assert _on_for(root / FLAGS) == set()
