"""Every command with odd arguments in a workbook with damaged files: a sentence, never a traceback.

Each try is drawn by its own seed, so a failure names what runs it again: `attempt(seed, folder)`.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rolloutlib.cli import main
from rolloutlib.plan import model
from rolloutlib.show import sealing
from tests.ledger.workbooks import keys
from tests.often import EXHAUSTIVE
from tests.rollback import books

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

    from rolloutlib.plan.params import ReviewParams

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CHUNKS, EACH = (20, 75) if EXHAUSTIVE else (5, 30)
LIMIT_S = 20  # of the processor, for one try; most take a tenth of a second
WAIT_S = 300  # until a try that only waits is ended
# What only a developer knows: places in the code, types, libraries, addresses in memory.
INTERNAL = re.compile(
    r"Traceback|<class|<function|site-packages|\.py\b|rolloutlib\.\w|(?:msgspec|pydantic|pyarrow|"
    r"duckdb|narwhals|papermill|numpy|yaml)\.\w|NoneType|has no attribute|\b[A-Z]\w+(?:Error|"
    r"Exception)\b|0x[0-9a-f]{6}|a fault of rolloutlib|\[Errno"
)
CODES = {0, 1, 2, 10, 20, 30}
GO = "dec-20260201-001"

ODD = (
    "", " ", "-", "--", "---", "0", "-1", "1", "999999999999999999999999", "nan", "inf", "1e308",
    "1.5", "a" * 5000, "\x1b[31mred\x1b[2J", "\udcff", "../../../etc/passwd", "/dev/null",
    "/proc/x", "/etc/passwd",
    "{x}", "{0}", "%s%n", "'", '"', "a\nb", "💥", "ko", "tr\u202eue", "dec-1", GO,
    "dec-20260201-999", ".", "..", "params", "params/plan.yaml", "params/plan.yaml/x", "runs",
    "local[99999]", "spark://nowhere:1", "2026-13-40", "yesterday", "$(touch x)", "`x`", "*", "~",
    "~nobody-here/x", "a=b", "2,searchLite=maybe", "9:everyone", "keys", "pipe", "true", "None",
)  # fmt: skip
CONTENTS: tuple[bytes, ...] = (
    b"", b"\n", b"\0" * 100, b"\xff\xfe\x00", b"{", b"[" * 200_000, b"[]", b"{}", b"null", b"1e999",
    b'"' + b"x" * 100, b"a: [", b"a: &a [*a]", b"a: 1\na: 2\n", b"- " * 20_000, b"\xef\xbb\xbf{}",
    b"9" * 100_000, b'{"a": NaN}', b"\t\x1b[2J: \xf0\x9f\x92\xa5\n", b"<" * 50_000, b"\r\n" * 9_000,
    b'{"state": {"stage": 99}}', b"PAR1" + b"\0" * 40, b"schema: rolloutlib/roles@1\npeople: 3\n",
)  # fmt: skip

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("plan", "--stage", "2", "--users", "40", "--repetitions", "100", "--out", "out"),
    ("plan", "--stage", "1", "--control-pass-rate", "0.9", "--correlation", "0.1", "--seed", "3",
     "--samples-per-user", "2", "--profile", "default", "--repetitions", "100", "--users", "20"),
    ("plan-page", "--lang", "ko", "--out", "page.md"),
    ("plan-page",),
    ("ingest", "runs", "--into", "store", "--stage", "0"),
    ("ingest", "runs", "--source", "source.yaml"),
    ("review", "0", "--runs", "runs", "--out", "out", "--evidence", "runs/evidence"),
    ("review", "0", "--runs", "runs", "--looks", "looks.jsonl", "--as-of", "2026-11-20T09:00Z"),
    ("review", "0", "--runs", "runs", "--control", "control", "--treatment", "treatment",
     "--profile", "default", "--days", "3", "--engine", "duckdb", "--lang", "ko"),
    ("review", "0"),
    ("schema",),
    ("decide", "reports/w1", "--verdict", "GO", "--waive", "code", "--reason", "known", "--by",
     "ana@ex.com", "--note", "fine"),
    ("sign", GO, "--as", "pm", "--key", "keys/pm_kim", "--by", "pm_kim@ex.com"),
    ("verify",), ("verify", GO, "--head", "0" * 64, "--since", "0" * 64),
    ("ledger",), ("ledger", "--cards"),
    ("keys", "add", "new@ex.com", "--name", "New", "--role", "qa", "--key", "keys/leaver.pub",
     "--by", "ana@ex.com"),
    ("keys", "revoke", "qa_lee@ex.com", "--by", "ana@ex.com"),
    ("keys", "accept", "--by", "ana@ex.com"),
    ("replay", GO), ("export", GO, "--dsse", "--key", "keys/pm_kim"),
    ("flags", "show"), ("flags", "diff"), ("flags", "check"), ("flags", "init"),
    ("promote", GO, "--lang", "ko"),
    ("rollback", "--reason", "slow", "--feature", "A", "--signal", "s", "--owner", "eng@ex.com",
     "--cause", "c"),
    ("rollback", "--reason", "slow"),
    ("bench", "--prompts", "prompts.jsonl", "--engine", "true", "--control", "1", "--treatment",
     "2", "--n", "1", "--seed", "3", "--timeout", "5", "--workers", "2", "--out", "bench"),
    ("risks", "reports/w1", "--seen", "over_formal", "--lang", "ko"),
)  # fmt: skip


class Attempt(NamedTuple):
    """What was tried, and what came of it."""

    command: tuple[str, ...]
    damage: str
    code: object
    text: str
    seconds: float

    @property
    def wrong(self) -> str:
        """Why a user would be left alone with this; empty where it is fine."""
        if self.code not in CODES:
            return f"ended with {self.code!r}"
        if internal := INTERNAL.search(self.text):
            return f"shows {internal[0]!r}"
        if self.code and not self.text.strip():
            return "fails without a word"
        return "takes too long" if self.seconds > LIMIT_S else ""


@pytest.fixture(autouse=True, scope="module")
def nowhere_else() -> Generator[None]:
    """Let a workbook without a plan be none: else it is the checkout that these tests lie in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "__file__", "/nowhere/rolloutlib/plan/model.py")
        yield


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with a signed GO, runs, a review of them, prompts and keys."""
    root = books.workbook(tmp_path_factory.mktemp("fuzz") / "book")
    for name in ("plan", *(f"stage-{stage}" for stage in range(5))):
        shutil.copy(ROOT / "params" / f"{name}.yaml", root / "params")
    shutil.copytree(ROOT / "data" / "examples" / "story" / "stage-0", root / "runs")
    shutil.copytree(keys(), root / "keys")
    books.decided(root, hours=0)
    (root / "prompts.jsonl").write_text('{"promptId": "a", "text": "why?"}\n')
    (root / "source.yaml").write_text("columns: {arm: arm, sample_id: id}\n")
    os.mkfifo(root / "pipe")
    with _inside(root), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "review_notebook", _without_kernel)
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["review", "0", "--runs", "runs", "--out", "reports/w1"]) in CODES
    return root


def _without_kernel(params: ReviewParams, *, fresh: bool = False, **_: object) -> str:
    """Do what the notebook's cells do; a kernel for each try would take an hour."""
    from rolloutlib.judge.review import review_stage
    from rolloutlib.show.bundle import new_report
    from rolloutlib.show.folder import save

    folder = params.path("out")
    assert folder is not None
    with new_report(folder, fresh=fresh) as report:
        review = review_stage(params)
        save(review, report.folder, params)
        report.publish()
    sys.stdout.write(f"{review.recommendation}\n")
    return str(review.recommendation)


@contextlib.contextmanager
def _inside(folder: Path) -> Generator[None]:
    """Work in a folder, with its own home, and not longer than a limit."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("the try took too long")

    before = Path.cwd()
    os.chdir(folder)
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(WAIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        os.chdir(before)


def _copy(pattern: Path, target: Path) -> None:
    """Copy a workbook, its pipe as a pipe."""
    shutil.copytree(pattern, target, ignore=shutil.ignore_patterns("pipe"))
    os.mkfifo(target / "pipe")


def _damages(rng: random.Random) -> tuple[str, Callable[[Path], None]]:
    """Draw a way to damage a file."""
    content = rng.choice(CONTENTS)
    kinds: dict[str, Callable[[Path], None]] = {
        "garbage": lambda path: _put(path, content),
        "half": lambda path: _put(path, path.read_bytes()[: path.stat().st_size // 2]),
        "twice": lambda path: _put(path, path.read_bytes() * 2),
        "huge": lambda path: _put(path, path.read_bytes() + b"\n# " + b"x" * 3_000_000),
        "gone": lambda path: path.unlink(),
        "folder": lambda path: _instead(path, path.mkdir),
        "pipe": lambda path: _instead(path, lambda: os.mkfifo(path)),
        "link to itself": lambda path: _instead(path, lambda: path.symlink_to(path.name)),
        "dangling link": lambda path: _instead(path, lambda: path.symlink_to("nowhere")),
        "link to a device": lambda path: _instead(path, lambda: path.symlink_to("/dev/zero")),
        "flipped": lambda path: _put(path, _flipped(path.read_bytes(), rng)),
    }
    name = rng.choice([*kinds, "garbage", "garbage", "flipped"])
    return f"{name} {content[:20]!r}" if name == "garbage" else name, kinds[name]


def _put(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _instead(path: Path, make: Callable[[], None]) -> None:
    path.unlink()
    make()


def _flipped(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return b"\0"
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _files(root: Path) -> list[Path]:
    """Return what a workbook consists of: parameters, flags, ledger, runs, evidence, reports."""
    places = ("params", "docs", "runs", "reports", "prompts.jsonl", "source.yaml")
    paths = [path for name in places for path in [root / name, *sorted((root / name).rglob("*"))]]
    return [path for path in paths if path.is_file()]


def attempt(seed: int, pattern: Path, folder: Path) -> Attempt:
    """Run one command with one or two odd arguments, or beside a damaged file, or both."""
    rng = random.Random(seed)  # noqa: S311
    command, damage = list(COMMANDS[seed % len(COMMANDS)]), ""
    root = folder / f"try-{seed}"
    _copy(pattern, root)
    kind = rng.choice(("arguments", "files", "files", "both"))
    if kind != "arguments":
        how, do = _damages(rng)
        path = rng.choice(_files(root))
        damage = f"{path.relative_to(root)}: {how}"
        do(path)
    if kind != "files":
        for _ in range(rng.choice((1, 1, 2))):
            _mutate(command, rng)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    code: object
    began = time.process_time()
    with (
        _inside(root), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out),
        warnings.catch_warnings(),
    ):  # fmt: skip
        warnings.simplefilter("ignore")  # as the process `rollout` does
        try:
            code = main(command)
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:  # noqa: BLE001 -- what a user would have seen
            code = repr(error)
    out.flush()
    text = out.buffer.getvalue().decode()  # pyright: ignore[reportAttributeAccessIssue] -- BytesIO
    seconds = time.process_time() - began
    shutil.rmtree(root)
    return Attempt(tuple(command), damage, code, text, seconds)


def _mutate(command: list[str], rng: random.Random) -> None:
    """Put an odd word in the place of a value, or leave one out, or add one."""
    names = 2 if command[0] in {"flags", "keys"} else 1
    how = rng.choice(("value", "value", "value", "value", "leave out", "add", "name"))
    places = [place for place in range(names, len(command)) if not command[place].startswith("--")]
    if how == "value" and places:
        command[rng.choice(places)] = rng.choice(ODD)
    elif how == "leave out" and len(command) > names:
        del command[rng.randrange(names, len(command))]
    elif how == "name":
        command[rng.randrange(names)] = rng.choice(ODD)
    else:
        command.insert(rng.randrange(names, len(command) + 1), rng.choice(ODD))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_try_leaves_a_user_alone(
    chunk: int, pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Odd arguments and damaged files: known exit codes, a sentence, nothing from the inside."""
    monkeypatch.setattr(sealing, "review_notebook", _without_kernel)
    tried = [attempt(seed, pattern, tmp_path) for seed in range(chunk * EACH, (chunk + 1) * EACH)]
    wrong = [f"{made.wrong}: {made}" for made in tried if made.wrong]
    assert not wrong, f"{len(wrong)} of {len(tried)}:\n" + "\n".join(text[:1500] for text in wrong)
    assert len({made.code for made in tried}) > 2  # the tries reach different ends


OPTIONS = (
    ("--out", "a{x}"), ("--out", "a%s"), ("--out", "params/plan.yaml/x"), ("--out", "/proc/x"),
    ("--looks", "pipe"), ("--looks", "params"), ("--looks", "/dev/full"), ("--looks", "keys/x"),
    ("--control", "\x1b[2J"), ("--profile", "a" * 5000), ("--as-of", "0001-01-01T00:00Z"),
    ("--engine", "local[1]"), ("--evidence", "pipe"), ("--runs", "pipe"), ("--days", "1"),
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS if EXHAUSTIVE else OPTIONS[:1], ids=" ".join)
def test_no_review_leaves_a_user_alone(
    options: tuple[str, str], pattern: Path, tmp_path: Path
) -> None:
    """The same as a process with its kernel."""
    root = tmp_path / "book"
    _copy(pattern, root)
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    command = ("review", "0", "--runs", "runs", *options)
    done = subprocess.run(
        [sys.executable, "-m", "rolloutlib", *command], cwd=root, capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, timeout=WAIT_S,
    )  # fmt: skip
    text = done.stdout + done.stderr.replace("stage_review.ipynb", "")
    tried = Attempt(command, "", done.returncode, text, 0)
    assert not tried.wrong, tried
