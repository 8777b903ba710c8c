"""What an engine starts ends with its call, and what it prints costs its cap and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rolloutlib.engine.call import ask
from rolloutlib.engine.process import MOST_ANSWER, MOST_ERRORS, StoppedError, run_engine
from rolloutlib.errors import UsageError

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"
# Ways to get out of a killer's sight, then to live on for a minute and to write a mark.
AFTER = "['/bin/sh', '-c', 'sleep 61; touch {mark}']"
ESCAPES = {
    "child": "import subprocess as s; s.Popen({after})",
    "session": "import subprocess as s; s.Popen({after}, start_new_session=True)",
    "daemon": "import os\nif not os.fork():\n os.setsid()\n if os.fork(): os._exit(0)\n"
    " os.execve('/bin/sh', {after}, {{}})",
    "deaf": "import os, signal\nif not os.fork():\n os.setsid()\n"
    " for n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\n os.execv('/bin/sh', {after})",
    "many": "import os\nfor _ in range(5): os.fork(); os.setsid() if os.getpgrp() != os.getpid() "
    "else 0\nos.execv('/bin/sh', {after})",
}


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def _escaping(way: str, mark: Path, then: str) -> tuple[str, ...]:
    return _python(f"{ESCAPES[way].format(after=AFTER.format(mark=mark))}\n{then}")


def _alive(mark: Path) -> list[str]:
    """Return the processes whose command names a mark."""
    commands: list[str] = []
    for folder in filter(lambda path: path.name.isdigit(), Path("/proc").iterdir()):
        try:
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
        if str(mark) in command and "--engine" not in command:
            commands.append(command)
    return commands


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that only who outlives the call would write, and whose name its command shows."""
    return tmp_path / "mark"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process group ends, no more")
@pytest.mark.parametrize("way", ESCAPES)
def test_nothing_outlives_the_time_out(way: str, mark: Path) -> None:
    """Children, their sessions, orphans without an environment, the deaf: gone when the call is."""
    heard = run_engine(_escaping(way, mark, "import time; time.sleep(60)"), b"", timeout_s=1)
    assert (heard.end, heard.code) == ("timeout", None)
    assert not _alive(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process group ends, no more")
@pytest.mark.parametrize("way", ["session", "daemon"])
def test_nothing_outlives_an_answer(way: str, mark: Path) -> None:
    """An engine that answers and leaves something behind has answered; what it left is ended."""
    heard = run_engine(_escaping(way, mark, "print('{}')"), b"", timeout_s=20)
    assert (heard.end, heard.code, heard.out) == ("itself", 0, b"{}\n")
    assert not _alive(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process group ends, no more")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_rollout(number: signal.Signals, mark: Path) -> None:
    """Interrupted, ended or killed: the engines and all that they started are gone in seconds."""
    began = time.monotonic()
    engine = " ".join(map(_quoted, _escaping("daemon", mark, "import time; time.sleep(60)")))
    with subprocess.Popen(
        [*_python(MAIN), "bench", "--prompts", str(ROOT / "examples/engine/prompts.jsonl"), "--n",
         "2", "--engine", engine, "--control", "1", "--treatment", "2", "--out", "bench"],
        cwd=mark.parent, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
        text=True,
    ) as bench:  # fmt: skip
        while not _alive(mark) and time.monotonic() < began + 60:
            time.sleep(0.05)
        assert _alive(mark)
        bench.send_signal(number)
        printed = bench.communicate(timeout=60)[1]
    killed = number == signal.SIGKILL
    assert bench.returncode == (-9 if killed else 128 + number)
    assert printed.count("\n") == (0 if killed else 1)
    assert printed.startswith("rollout: interrupted") or killed
    ended = time.monotonic()
    while _alive(mark) and time.monotonic() < ended + 20:  # it would live for a minute
        time.sleep(0.05)
    assert not _alive(mark)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


@pytest.mark.parametrize(
    ("stream", "end", "most"),
    [("stdout", "answer", MOST_ANSWER), ("stderr", "errors", MOST_ERRORS)],
)
def test_endless_output_costs_its_cap(stream: str, end: str, most: int) -> None:
    """An engine that prints for ever is ended at once, and little of it is ever in memory."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    endless = _python(f"import sys\nwhile True: sys.{stream}.write('x' * 10000)")
    heard = run_engine(endless, b"", timeout_s=60)
    assert heard.end == end
    assert len(heard.out) + len(heard.err) < MOST_ANSWER + 2 * 65_536
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert f"more than {most:,} bytes" in ask(endless, {}, timeout_s=60).why


def test_a_request_that_nobody_reads_and_one_that_is_large() -> None:
    """The request is written as far as the engine reads it; its standard input then ends."""
    large = b"x" * 3_000_000
    assert run_engine(("true",), large, timeout_s=20)[:2] == ("itself", 0)
    count = _python("import sys; print(len(sys.stdin.buffer.read()))")
    assert run_engine(count, large, timeout_s=20).out == b"3000000\n"


def test_the_engine_gets_no_signing_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is the caller's without the agent that holds people's keys."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")  # noqa: S108 -- a name
    monkeypatch.setenv("ENGINE_KEY", "k")
    show = _python("import os; print(sorted({'SSH_AUTH_SOCK', 'ENGINE_KEY'} & os.environ.keys()))")
    assert run_engine(show, b"", timeout_s=20).out == b"['ENGINE_KEY']\n"


def test_a_stopped_benchmark_ends_its_calls() -> None:
    """A call ends without an answer when its descriptor can be read."""
    stopped, stop = os.pipe()
    os.close(stop)
    with pytest.raises(StoppedError):
        run_engine(("sleep", "60"), b"", timeout_s=60, stopped=stopped)
    os.close(stopped)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/etc/passwd",), "Permission denied"),
        (("a\0b",), "null byte"),
        (("x" * 5000,), "File name too long"),
        (("true", "x" * 3_000_000), "Argument list too long"),
    ],
)
def test_what_is_no_program(command: tuple[str, ...], why: str) -> None:
    """Whatever the system says of a command, it is a sentence about the command."""
    with pytest.raises(UsageError, match=f"cannot be started .*{why}"):
        run_engine(command, b"", timeout_s=5)


def test_a_killed_keeper_is_an_error() -> None:
    """An engine that kills who watches over it dies with it, and the call is an error."""
    answer = ask(
        _python("import os, time; os.kill(os.getppid(), 9); time.sleep(60)"), {}, timeout_s=30
    )
    assert (answer.kind, answer.result) == ("error", None)
    assert "was killed" in answer.why


def test_a_benchmark_killed_anywhere_is_finished(tmp_path: Path) -> None:
    """Killed again and again, the same command asks nothing twice and writes the same envelopes."""
    calls_made = tmp_path / "asked"
    engine = ROOT / "examples" / "engine" / "engine.py"
    once = (
        f"import os; open({str(calls_made)!r}, 'a').write('x'); exec(open({str(engine)!r}).read())"
    )
    command = [
        *_python(MAIN), "bench", "--prompts", str(ROOT / "examples/engine/prompts.jsonl"), "--n",
        "8", "--engine", " ".join(map(_quoted, _python(once))), "--control", "1", "--treatment",
        "2", "--workers", "1",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def bench(out: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--out", out], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    for calls in (1, 6, 12):
        with bench("killed") as process:
            until = time.monotonic() + 60
            while time.monotonic() < until and (
                not calls_made.exists() or calls_made.stat().st_size < calls
            ):
                time.sleep(0.01)
            process.kill()
    with bench("killed") as process:
        assert "16 calls, " in process.communicate(timeout=120)[0]
    assert (
        16 <= calls_made.stat().st_size <= 16 + 2 * 3
    )  # at most those that ran when it was killed
    with bench("whole") as process:
        process.communicate(timeout=120)
    first, second = (
        [
            json.loads(line)
            for line in next((tmp_path / out).glob("bench-*")).read_text().splitlines()
        ]
        for out in ("killed", "whole")
    )
    for run in (*first, *second):
        run.pop("startedAt")
        run["datasetMeta"].pop("createdAt")
    assert first == second


SECRET = "sk-7f3a9c-do-not-keep"  # noqa: S105 -- nobody's
METRICS = '{"passRate": 1, "avgScore": 8, "avgLatency": 9, "vetoedPct": 0}'
GOOD = f'{{"metrics": {METRICS}, "samples": [{{"id": "1", "status": "passed"%s}}]%s}}'


@pytest.mark.parametrize(
    "code",
    [
        f"import sys; sys.exit('key {SECRET}')",
        f"print('INFO key={SECRET}')",
        f'print(\'{{"{SECRET}": 1, "{SECRET}": 2}}\')',
        f"print({GOOD.replace('passed', SECRET) % ('', '')!r})",
        f"import sys; sys.stderr.write('{SECRET}'); sys.stderr.flush()\nwhile True: pass",
        f"import sys; print('{SECRET}' * 10**6)",
    ],
)
def test_no_secret_is_written_down(code: str, tmp_path: Path) -> None:
    """What a failing engine says is shown, and stands in no envelope and no journal."""
    (tmp_path / "prompts.txt").write_text("why?\n")
    done = subprocess.run(
        [*_python(MAIN), "bench", "--prompts", "prompts.txt", "--n", "1", "--engine",
         " ".join(map(_quoted, _python(code))), "--control", "1", "--treatment", "2", "--out",
         "bench", "--timeout", "2"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 failed, 0 templates" in done.stdout
    written = [path.read_text() for path in (tmp_path / "bench").iterdir()]
    assert len(written) == 2
    assert not any(SECRET in text for text in written)


@pytest.mark.parametrize(
    ("out", "why"),
    [
        (GOOD % ("", ', "x": ' + "[" * 200_000 + "]" * 200_000), "at most 64 levels"),
        ("[" * 3_000_000, "at most 64 levels"),
        (GOOD % (', "score": 1e400', ""), "fits a 64-bit float"),
        (GOOD % (', "score": NaN', ""), "a finite number"),
        (GOOD % (', "id": "2"', ""), "each key once"),
        (GOOD % (', "Status": "failed"', ""), "one spelling"),
        (GOOD % ("", ', "x": "\\ud800"'), "without a lone surrogate"),
        (GOOD % ("", f', "x": {"9" * 3_000_000}'), "at most 40 digits"),
        ("\ufeff" + GOOD % ("", ""), "expected JSON"),
        ("null", "an object"),
    ],
)
def test_answers_of_odd_shape(out: str, why: str, tmp_path: Path) -> None:
    """What two readers could read in two ways is an error that says what is odd."""
    (tmp_path / "out").write_text(out, "utf-8")
    answer = ask(("cat", str(tmp_path / "out")), {}, timeout_s=30)
    assert (answer.kind, answer.result) == ("error", None)
    assert why in answer.why
