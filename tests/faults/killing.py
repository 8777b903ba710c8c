"""Processes of `rollout` that are killed, and what their workbook looks like afterwards.

A fork server that has imported everything runs the commands, so that a kill meets them at work and
not while Python is still importing.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.cli import main

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "pytest", "rolloutlib.cli", "rolloutlib.ledger.decide", "rolloutlib.ledger.keys",
        "rolloutlib.ledger.dsse", "rolloutlib.flags.rollback", "rolloutlib.flags.client",
        "rolloutlib.show.notebooks", "rolloutlib.show.plan_page", "rolloutlib.measure.store",
        "openfeature.contrib.provider.flagd", "tests.faults.killing",
    ]
)  # fmt: skip
_PATIENCE_S = 300
_CHANGING = re.compile(rb"dec-[0-9]{8}|[0-9a-f]{12,}|[0-9]+")  # days, digests, times, numbers
_DAY = re.compile(r"20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}")


class Ran(NamedTuple):
    """A process that has ended: its exit code (−9: killed), what it said, how long it took."""

    code: int | None
    said: str
    seconds: float


class Seen(NamedTuple):
    """A workbook as people and programs see it; names without the day, texts without numbers.

    Attributes:
        files: every file, those that git ignores too.
        changed: what `git status` says.
        texts: the files under params/ and docs/ that are neither records nor signatures.
        verified: exit code and output of `rollout verify`.
    """

    files: frozenset[str]
    changed: frozenset[str]
    texts: dict[str, bytes]
    verified: tuple[int | None, bytes]


def _command(root: Path, arguments: tuple[str, ...], output: Path) -> None:
    os.chdir(root)
    os.environ["HOME"] = str(root.parent)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # not what multiprocessing does at the end, which no command has


def start(root: Path, *arguments: str) -> tuple[ForkServerProcess, Path]:
    """Start a command in a workbook; return the process and the file of what it says."""
    output = root.parent / f"{root.name}.said"
    process = _FORKS.Process(target=_command, args=(root, arguments, output))
    process.start()
    return process, output


def run(root: Path, *arguments: str, kill_after_s: float | None = None) -> Ran:
    """Run a command in a workbook to its end, or kill it after some seconds."""
    process, output = start(root, *arguments)
    begun = time.monotonic()
    process.join(_PATIENCE_S if kill_after_s is None else kill_after_s)
    process.kill()
    process.join()
    seconds = time.monotonic() - begun
    return Ran(process.exitcode, output.read_text("utf-8") if output.is_file() else "", seconds)


def git(root: Path, *arguments: str) -> str:
    """Run git in a workbook."""
    who = ("-c", "user.name=Ana", "-c", "user.email=ana_jung@ex.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


def committed(root: Path) -> Path:
    """Commit everything that lies in a workbook."""
    if not (root / ".git").is_dir():
        git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "as it is")
    return root


def look(root: Path) -> Seen:
    """Look at a workbook."""
    paths = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    names = {path: _DAY.sub("DAY", str(path.relative_to(root))) for path in paths}
    verified = run(root, "verify")
    shown = {
        name: _CHANGING.sub(b"#", path.read_bytes())
        for path, name in names.items()
        if name.startswith(("params/", "docs/")) and path.suffix not in {".record", ".sig"}
    }
    status = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    return Seen(
        frozenset(names.values()), frozenset(_DAY.sub("DAY", line) for line in status), shown,
        (verified.code, _CHANGING.sub(b"#", verified.said.encode())),
    )  # fmt: skip
