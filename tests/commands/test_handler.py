"""The handler at the top, as a process: whatever happens to it, a user reads a sentence."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.commands.exits import EXITS
from rolloutlib.commands.failures import failure_of
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
ROLLOUT = f"'{sys.executable}' -m rolloutlib"
BOUND = "setpriv --bounding-set=-dac_override"  # root whom modes of files bind as anybody else
COMMANDS = (
    "plan", "plan-page", "ingest", "review", "schema", "decide", "sign", "verify", "ledger",
    "keys add", "keys revoke", "keys accept", "replay", "export", "flags show", "flags diff",
    "flags check", "flags init", "promote", "rollback", "bench", "risks", "notify", "schedule",
    "evidence init",
)  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook with parameters and an empty ledger."""
    return workbook(tmp_path / "book")


def workbook(root: Path) -> Path:
    """Make one."""
    shutil.copytree(ROOT / "params", root / "params")
    (root / "docs" / "LEDGER").mkdir(parents=True)
    return root


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which {R} is `rollout`; its exit code is that of `rollout`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ROLLOUT_")
    }
    environment |= {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    line = command.replace("{R}", ROLLOUT) + "; exit ${PIPESTATUS[0]}"
    return subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=environment, capture_output=True, check=False,
        timeout=120, encoding="utf-8", errors="backslashreplace",
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one line on standard error that goes with an exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.startswith("rollout: ") and done.stderr.count("\n") == 1, done.stderr  # noqa: PT018
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{R} flags show >&-", 0),
        ("{R} flags show <&- >&- 2>&-", 0),
        ("{R} flags chk 2>&-", 2),
        ("{R} flags chk 2> /dev/full", 2),
        ("{R} promote dec-1 | true", 1),
        ("env -i PYTHONPATH=$PYTHONPATH {R} flags show", 0),
        ("env -u HOME TERM=dumb {R} flags show", 0),
        ("HOME=/nonexistent {R} ledger", 0),
        ("'" + sys.executable + "' -O -m rolloutlib flags show", 0),
        ("'" + sys.executable + "' -m rolloutlib.cli flags show", 0),
        ("LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 {R} plan-page --lang ko --out p.md", 0),
    ],
)
def test_it_ends_with_its_own_code(book: Path, line: str, code: int) -> None:
    """Nobody listens, streams are closed, the environment is bare: the result's exit code."""
    done = shell(line, book)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert bool(done.stderr) == (code == 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("{R} flags show > /dev/full", 1, "ended with exit code 0, and what it did stands"),
        ("{R} --help > /dev/full", 1, "standard output cannot be written: No space left"),
        ("{R} rollback --reason x > /dev/full", 1, "what it did stands"),
        ("{R} plan-page --out /dev/full", 1, "No space left on device; make room there"),
        ("{R} plan-page --out /proc/x/y", 1, "/proc/x: No such file or directory; check the path"),
        ("touch f; {R} plan-page --out f/x", 1, "File exists; something else is in its pla"),
        ("{R} plan-page --out docs", 1, "docs: Is a directory; it is a folder"),
        ("{R} plan-page --out " + "x" * 300, 1, "File name too long; name a shorter path"),
        ("{R} plan-page --out params/plan.yaml", 2, "which lies in params: what is kept there is"),
        ("mkdir gone; cd gone; rmdir ../gone; {R} verify", 1, "this was called is gone; change in"),
        ("ulimit -v 300000; {R} plan --stage 2", 1, "memory"),
        ("PATH=/nonexistent {R} decide . --verdict GO", 1, "git: No such file or directory; if it"),
        ("{R} promote $'\\xff\\x1b[31m'", 1, "no record \\udcff\\u001b[31m"),
        ("PYTHONIOENCODING=ascii {R} promote dec-높", 1, "no record dec-\\ub192"),
        ("{R} bench --prompts /dev/null --n 1 --engine \"' \" --control 1 --treatment 2 --out o", 2,
         "cannot be split into words (no closing quotation)"),
    ],
)  # fmt: skip
def test_what_the_machine_refuses_is_a_sentence(
    book: Path, line: str, code: int, message: str
) -> None:
    """The disk, a path, a permission, memory, a missing program: what, where and what to do."""
    assert message in told(shell(line, book), code)


def test_what_a_user_may_not_write_is_a_sentence(book: Path) -> None:
    """A folder that one may only read: which file, and what to do."""
    (book / "docs").chmod(0o555)
    limited = BOUND if os.getuid() == 0 else ""
    sentence = told(shell(f"{limited} {{R}} plan-page", book), 1)
    assert "Permission denied; let this user read and write it" in sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "number"),
    [
        (module, number)
        for place, module in enumerate(("commands.process", "commands.plan", "forecast.chances"))
        for turn, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        if EXHAUSTIVE or place in {1, turn}  # each module, each signal
    ],
)
def test_an_interruption_is_a_sentence(book: Path, module: str, number: signal.Signals) -> None:
    """Whenever it comes, from the first import on: one sentence, and the shell's exit code."""
    begins = f"name == 'import' and what[0] == 'rolloutlib.{module}'"
    hook = f"sys.addaudithook(lambda name, what: {begins} and open('begun', 'w').close())"
    code = f"import sys; {hook}; from rolloutlib import cli; sys.exit(cli.main())"
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", code, "plan", "--stage", "2", "--repetitions", "100000"], cwd=book,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        while not (book / "begun").exists() and time.monotonic() < began + 60:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    first = module == "commands.process"  # signals are not arranged yet: the system's own way
    died = first and process.returncode == -number
    assert died or process.returncode == 128 + number, err
    assert (out, "Traceback" in err) == ("", False)
    assert died or err.startswith("rollout: interrupted before all was done")


SWITCH = ("rollback --reason x", "rollback --reason x", "verify", "ledger")


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> list[subprocess.CompletedProcess[str]]:
    """Return how the kill switch, twice, and what follows it end when somebody reads it all."""
    root = workbook(tmp_path_factory.mktemp("heard") / "book")
    return [shell(f"{{R}} {command}", root) for command in SWITCH]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["true", "head -n 0", "head -n 1"])
def test_a_reader_who_leaves_changes_no_exit_code(
    book: Path, part: str, heard: list[subprocess.CompletedProcess[str]]
) -> None:
    """The kill switch and what follows it end as they do when somebody reads them to the end."""
    for command, read in zip(SWITCH, heard, strict=True):
        unheard = shell(f"{{R}} {command} | {part}", book)
        assert (unheard.returncode, unheard.stderr) == (read.returncode, read.stderr), command
        assert read.stdout


class _FaultError(Exception):
    """What nobody has foreseen."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            _FaultError("odd \x1b[31m"),
            "a fault of rolloutlib, not yours: odd \\u001b[31m; `rollout ver",
        ),
        (_FaultError(), "nothing more is known"),
        (MemoryError(), "not enough memory; free some"),
        (RecursionError(), "nested too deep; restore the file with git"),
        (ImportError("libx.so: no"), "cannot be loaded (libx.so: no)"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "no"), "\\udcff is no text in UTF-8"),
        (RuntimeError("Symlink loop from '/a'"), "/a: Too many levels of symbolic links; links"),
        (OSError(5, "Input/output error", "a"), "a: Input/output error; mend that and run"),
    ],
)
def test_every_kind_of_failure_has_its_sentence(error: Exception, message: str) -> None:
    """What the system, a file or nobody is to blame for, without a name from the inside."""
    failure = failure_of(error)
    assert message in failure.sentence
    assert failure.code in {1, 2}
    assert failure.foreseen != isinstance(error, _FaultError)
    assert "_FaultError" not in failure.sentence


@pytest.mark.parametrize("show", [False, True])
def test_a_fault_hides_nothing_from_who_mends_it(
    show: bool,  # noqa: FBT001 -- a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The original is in a file that the sentence names, and with ROLLOUT_TRACEBACK=1 shown."""
    from rolloutlib.flags import document

    def broken(_: object) -> None:
        raise _FaultError("the original")

    monkeypatch.delenv("ROLLOUT_TRACEBACK", raising=False)
    if show:
        monkeypatch.setenv("ROLLOUT_TRACEBACK", "1")
    monkeypatch.setattr(document, "read_flags", broken)
    assert main(["flags", "show"]) == 1
    err = capsys.readouterr().err
    details = Path(err.splitlines()[0].rpartition("developers: ")[2])
    assert "_FaultError: the original" in details.read_text()
    assert ("_FaultError: the original" in err) == show
    details.unlink()


def test_decide_names_a_folder_that_is_not_there(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than the roles that nobody has yet, which would not help."""
    monkeypatch.chdir(book)
    assert main(["decide", "reports/none", "--verdict", "GO", "--by", "ana@ex.com"]) == 2
    err = capsys.readouterr().err
    assert "reports/none: there is no such folder" in err
    assert "keys add" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says in its own help what its exit codes mean."""
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "Exit code" in capsys.readouterr().out
    assert command.rsplit(maxsplit=1)[-1] in EXITS


def _usage(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "usage", "message"),
    [
        ("revew 2", "usage: rollout [-h]", "Did you mean 'review'?"),
        ("rev", "usage: rollout [-h]", "Did you mean 'review'?"),
        ("review 2 --run x", "usage: rollout review", "--run x. Did you mean '--runs'?"),
        ("review 2 --run=x", "usage: rollout review", "--run=x. Did you mean '--runs'?"),
        ("review 2 --o x", "usage: rollout review", "Did you mean '--out'?"),
        ("review 2 x", "usage: rollout review", "unrecognized arguments: x."),
        ("review two", "usage: rollout review", "'two' is not a whole number"),
        ("flags chek", "usage: rollout flags", "Did you mean 'check'?"),
        ("keys", "usage: rollout keys", "are required: ACTION"),
        ("keys ad", "usage: rollout keys", "Did you mean 'add'?"),
        ("promote", "usage: rollout promote", "are required: DEC"),
        ("bench --n -1", "usage: rollout bench", "'-1' is no whole number of at least 1"),
        ("bench --timeout nan", "usage: rollout bench", "'nan' is no number from 0.01 to 86400"),
        ("plan --users " + "9" * 5000, "usage: rollout plan", "is no whole number from 10"),
        ("plan --stage 2 --\x1b[2J", "usage: rollout plan", "--\\u001b[2J"),
    ],
)
def test_a_mistake_is_told_with_the_commands_own_usage(
    line: str, usage: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sub-command's usage, the mistake, and what was meant."""
    err = _usage(line, capsys)
    assert err.startswith(usage)
    assert message in err
    assert len(err) < 4000


def test_main_leaves_its_callers_process_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Called with arguments, it changes neither signals nor hooks nor streams."""

    def arranged() -> tuple[object, ...]:
        handlers: Callable[[int], object] = signal.getsignal
        return (*map(handlers, (2, 15, 1)), sys.excepthook, sys.unraisablehook, sys.stdout)

    before = arranged()
    assert main(["flags", "show"]) == 0
    assert arranged() == before
    assert capsys.readouterr().out.startswith("Stage")
