"""An engine that hangs, fails or talks nonsense: one outcome a call, never lost, never invented.

The mini benchmark.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rolloutlib.engine.bench import Bench, BenchResult, run_bench
from rolloutlib.engine.call import ask, run_request
from rolloutlib.engine.prompts import Prompt, flags_from, read_prompts
from rolloutlib.errors import NoEvidenceError, UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.engine.bench import Arm
    from rolloutlib.plan.model import FlagValue

ROOT = Path(__file__).parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
ENGINE = (sys.executable, str(ROOT / "examples" / "engine" / "engine.py"))
PROMPTS = ROOT / "examples" / "engine" / "prompts.jsonl"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PROFILE = ("default", PLAN.profiles["default"])
REQUEST = run_request("Why is the sky blue?", PLAN.flags_of(2, "opted_in"), PROFILE, seed=3)


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def _bench(
    out: Path,
    *options: str,
    n: int = 8,
    progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 20,
) -> BenchResult:
    prompts = read_prompts(PROMPTS, n, np.random.default_rng(1))
    flags: dict[Arm, dict[str, FlagValue]] = {
        "control": flags_from("1", PLAN),
        "treatment": flags_from("2", PLAN),
    }
    bench = Bench(prompts, (*ENGINE, *options), flags, PROFILE, 7, timeout_s, stage=2)
    return run_bench(
        bench,
        out,
        now=NOW,
        rng=np.random.default_rng(2),
        progress=progress or (lambda _done, _all: None),
    )


def _envelopes(result: BenchResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.path.read_text().splitlines()]


def test_a_request_is_the_contracts(tmp_path: Path) -> None:
    """The object on standard input has the four parts of a run_request.

    With the six flag keys in full.
    """
    got_it = tmp_path / "request.json"
    ask(
        _python(f"import sys; open({str(got_it)!r}, 'w').write(sys.stdin.read())"),
        REQUEST,
        timeout_s=20,
    )
    got = json.loads(got_it.read_text())
    assert got == {
        "inputs": {"text": "Why is the sky blue?", "guidelines": ""},
        "flags": {
            "feature.searchLite": True,
            "feature.guardianProfiles": True,
            "feature.autoTagging": True,
            "feature.difficultyDistribution": True,
            "feature.styleGuard": True,
            "feature.mode": "exploit",
        },
        "constraints": {"minScore": 7.0, "maxLatency": 2000},
        "session": {"guardianProfileId": "default", "seed": 3},
    }


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [
        (
            "import sys; sys.stderr.write('a\\nno quota\\n'); sys.exit(1)",
            "error",
            r"exit code 1 \| 'no quota'$",
        ),
        ("import os; os._exit(3)", "error", "exit code 3, and said nothing on standard error"),
        ("import os; os.kill(os.getpid(), 9)", "error", "exit code -9"),
        ("", "error", "no output; expected one run_result"),
        (
            'print(\'{"metrics": {"passRate": 1\')',
            "error",
            r" starts with '\{\"metrics\".*the text ends early",
        ),
        (
            "print('INFO starting'); print('{}')",
            "error",
            r"log lines belong on standard error\) \| .*starts with 'INFO starting",
        ),
        ("print('{}')", "error", "missing required field `samples`"),
        ("print('[1]')", "error", "expected one run_result"),
        ("print('{}{}')", "error", "expected the end of the JSON value"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "error", "expected one run_result"),
        ('print(\'{"metrics": {"passRate": NaN}}\')', "error", "expected a finite number"),
    ],
)
def test_what_is_no_answer_is_an_error(code: str, kind: str, why: str) -> None:
    """Exit codes, signals, silence, halves, log lines, other JSON.

    An error whose sentence says what was got.
    """
    answer = ask(_python(code), REQUEST, timeout_s=20)
    assert (answer.kind, answer.result) == (kind, None)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(f"{answer.why} | {answer.heard}")


METRICS = '{"passRate": 1, "avgScore": 8, "avgLatency": 9, "vetoedPct": 0}'


def test_a_result_without_samples_gives_no_sample() -> None:
    """An empty list of samples is allowed by the contract, but there is nothing to pair.

    Nothing is made up.
    """
    answer = ask(
        _python(f'print(\'{{"metrics": {METRICS}, "samples": []}}\')'), REQUEST, timeout_s=20
    )
    assert (answer.kind, answer.result) == ("error", None)


@pytest.mark.parametrize("mark", ['"providerNote": "CLI_FALLBACK"', '"provider": "mock"'])
def test_a_template_is_kept_apart(mark: str) -> None:
    """CLI_FALLBACK and MOCK are no measurement.

    The result is kept as it is, for the review to refuse.
    """
    sample = '{"id": "1", "status": "passed"}'
    text = f'{{"metrics": {METRICS}, "samples": [{sample}], {mark}}}'
    answer = ask(_python(f"print('{text}')"), REQUEST, timeout_s=20)
    assert answer.kind == "fallback"
    assert answer.result == json.loads(text)


def test_an_engine_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """After the time-out the call ends, and who holds what the engine started is gone too."""
    pipe = tmp_path / "held"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    child = f"import time; held = open({str(pipe)!r}, 'w'); time.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    code = f"import subprocess, sys, time; {start}; time.sleep(60)"
    answer = ask(_python(code), REQUEST, timeout_s=0.8)
    assert answer.kind == "timeout"
    assert answer.why == "no answer in 0.8 s"
    until = time.monotonic() + 30  # half as long as it would live
    while _is_held(reader):
        assert time.monotonic() < until
        time.sleep(0.01)


def _is_held(reader: int) -> bool:
    """Whether somebody has a pipe open for writing."""
    try:
        return bool(os.read(reader, 1))
    except BlockingIOError:
        return True


def test_a_command_that_is_not_there_is_a_usage_error() -> None:
    """A wrong command is the user's mistake, not sixty engine errors."""
    with pytest.raises(
        UsageError, match=r"'nosuchengine' cannot be started \(No such file or directory\)"
    ):
        ask(("nosuchengine",), REQUEST, timeout_s=1)


def test_the_simulator_is_deterministic_and_honours_the_flags() -> None:
    """The same seed gives the same result; search summaries cost time.

    Another seed gives another result.
    """
    flags = PLAN.flags_of(2, "everyone")
    off = run_request("Why is the sky blue?", flags, PROFILE, seed=3)
    answers = [
        ask(ENGINE, request, timeout_s=20).result
        for request in (REQUEST, REQUEST, off, off | {"session": {}})
    ]
    assert answers[0] == answers[1]
    latencies = [answer["samples"][0]["latencyMs"] for answer in answers if answer]
    assert latencies[0] > latencies[2]
    assert latencies[2] != latencies[3]


def test_the_benchmark_is_paired_and_readable(tmp_path: Path) -> None:
    """30 prompts in both arms become envelopes that a review reads as 30 pairs, none refused."""
    progress: list[tuple[int, int]] = []
    result = _bench(tmp_path, n=30, progress=lambda done, of: progress.append((done, of)))
    assert (result.calls, result.failures, result.fallbacks) == (60, (), 0)
    assert (progress[0], progress[-1], len(progress)) == ((0, 60), (60, 60), 61)
    control, treatment = _envelopes(result)
    assert [s["promptId"] for s in control["result"]["samples"]] == [
        s["promptId"] for s in treatment["result"]["samples"]
    ]
    assert control["session"] == treatment["session"] == {"guardianProfileId": "default", "seed": 7}
    differing = [key for key, value in control["flags"].items() if treatment["flags"][key] != value]
    assert differing == ["feature.searchLite"]
    for run in (control, treatment):
        meta = run["datasetMeta"]
        assert {f"feature.{key}": value for key, value in meta["featureFlags"].items()} == run[
            "flags"
        ]
        assert (run["stage"], meta["guardianProfileId"], meta["createdAt"]) == (
            2, "default", NOW.isoformat(),
        )  # fmt: skip
    hashes = {run["datasetMeta"]["strategyHash"] for run in (control, treatment)}
    assert len(hashes) == 1
    review = review_stage(review_params({"stage": 2, "runs": str(tmp_path)}))
    estimate = next(gate.evidence for gate in review.gates if gate.id == "pass_rate")
    assert (estimate.n_control, estimate.n_treatment) == (30, 30)
    assert review.arms[0].prompts == review.arms[1].prompts == 30
    assert review.quarantine == ()
    assert [arm.strategies for arm in review.arms] == [tuple(hashes)] * 2
    with pytest.raises(NoEvidenceError, match="no run is left as evidence"):  # of another stage
        review_stage(review_params({"stage": 1, "runs": str(tmp_path)}))
    assert (
        _envelopes(_bench(tmp_path / "b", "--broken", n=1))[0]["datasetMeta"]["strategyHash"]
        not in hashes
    )


@pytest.mark.parametrize(
    ("fault", "status", "why"),
    [
        ("hang", "timeout", "no answer in 3 s"),
        ("exit", "error", "exit code 1: 'provider closed the connection'"),
        ("half", "error", "starts with '{"),
        ("log", "error", "starts with 'INFO starting the Architect"),
    ],
)
def test_failures_become_samples_and_count(
    tmp_path: Path, fault: str, status: str, why: str
) -> None:
    """Half of the prompts fail: each is a sample with status and reason.

    The review's error rate counts it.
    """
    result = _bench(
        tmp_path, "--fault", fault, "--share", "0.5", timeout_s=3 if fault == "hang" else 20
    )
    samples = [
        sample for envelope in _envelopes(result) for sample in envelope["result"]["samples"]
    ]
    failed = [sample for sample in samples if sample["status"] == status]
    assert len(samples) == 16
    assert 0 < len(failed) == len(result.failures) < 16
    assert all(why in failure for failure in result.failures)
    causes = {
        failure.partition(": '")[0].partition(": it starts")[0] for failure in result.failures
    }
    assert all(sample["error"].startswith(tuple(causes)) for sample in failed)
    assert all("score" not in sample for sample in failed)
    review = review_stage(review_params({"stage": 2, "runs": str(tmp_path)}))
    rate = next(gate for gate in review.gates if gate.id == "error_rate").evidence
    assert rate is not None
    assert rate.point == pytest.approx(len(failed) / 16)


def test_templates_reach_the_reviews_quarantine(tmp_path: Path) -> None:
    """Every CLI_FALLBACK is a run of its own, refused with that reason; the other samples stay."""
    result = _bench(tmp_path, "--fault", "fallback", "--share", "0.5")
    assert 0 < result.fallbacks < 16
    review = review_stage(review_params({"stage": 2, "runs": str(tmp_path)}))
    (group,) = review.quarantine
    assert group.rows == result.fallbacks
    assert "providerNote is 'CLI_FALLBACK'" in group.example
    assert sum(arm.samples for arm in review.arms) == 16 - result.fallbacks


def test_an_interrupted_benchmark_goes_on(tmp_path: Path) -> None:
    """After an interruption no finished call is asked again.

    The envelopes are the ones of an uninterrupted run.
    """

    def stop(done: int, _all: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _bench(tmp_path / "a", progress=stop)
    (journal,) = (tmp_path / "a").glob(".bench-*")
    with journal.open("ab") as stream:
        stream.write(b'{"prompt": 3, "arm": "con')  # a kill in the middle of a line
    resumed = _bench(tmp_path / "a")
    assert resumed.resumed >= 5
    assert resumed.path.read_bytes() == _bench(tmp_path / "b").path.read_bytes()
    assert _bench(tmp_path / "a").resumed == 16


def test_another_benchmark_is_not_continued(tmp_path: Path) -> None:
    """Another engine, seed or flag set has a journal and an envelope file of its own."""
    first, second = _bench(tmp_path, n=2), _bench(tmp_path, "--broken", n=2)
    assert second.resumed == 0
    assert first.path != second.path


def test_prompts_are_drawn_by_the_seed(tmp_path: Path) -> None:
    """The same generator draws the same prompts.

    All of them are different ones of the file, in its order.
    """
    drawn = [read_prompts(PROMPTS, 30, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    ids = [prompt.prompt_id for prompt in drawn[0]]
    assert ids == sorted(set(ids))
    plain = tmp_path / "prompts.txt"
    plain.write_text("one\n\ntwo\n")
    assert read_prompts(plain, 2, np.random.default_rng(1)) == (
        Prompt("p0001", "one"),
        Prompt("p0003", "two"),
    )


@pytest.mark.parametrize(
    ("text", "n", "sentence"),
    [
        (
            '{"promptId": "a", "text": "x"}\n{"promptId": "a", "text": "y"}',
            1,
            "has a promptId twice",
        ),
        ('{"promptId": "a"}', 1, r":1: .*missing required field `text`"),
        ('{"promptId": "a", "text": "x"}', 2, r"--n is 2, but .* has 1 prompts"),
    ],
)
def test_prompts_that_are_none(tmp_path: Path, text: str, n: int, sentence: str) -> None:
    """A prompts file that cannot be paired on is refused in one sentence."""
    path = tmp_path / "prompts.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_prompts(path, n, np.random.default_rng(1))


def test_flag_sets_of_the_command_line() -> None:
    """A stage means its own audience; another audience and exceptions can be named."""
    assert flags_from("2", PLAN) == PLAN.flags_of(2, "opted_in")
    assert flags_from("3:opted_out", PLAN)["feature.searchLite"] is False
    changed = flags_from("2:everyone,searchLite=true,mode=explore", PLAN)
    assert (changed["feature.searchLite"], changed["feature.mode"]) == (True, "explore")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("5", r"names stage '5'; expected 0 to 4"),
        ("2:opt_in", r"Did you mean 'opted_in'"),
        ("2,search=true", r"'search' is no flag; .*Did you mean 'searchLite'"),
        ("2,searchLite=yes", r"searchLite is 'yes'; expected true or false"),
    ],
)
def test_flag_sets_that_are_none(written: str, sentence: str) -> None:
    """A misspelt flag set is refused with what was meant."""
    with pytest.raises(UsageError, match=sentence):
        flags_from(written, PLAN)
