"""The paired mini benchmark: the same prompts under two flag sets, as run envelopes.

Every finished call goes into a journal at once, so an interrupted benchmark goes on where it
stopped. What a failing engine printed is shown and not kept: it may hold a secret.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from math import fsum
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rolloutlib.engine.call import Answer, ask, run_request
from rolloutlib.engine.process import MOST_ANSWER
from rolloutlib.errors import UsageError
from rolloutlib.ledger.durable import Files, locked, overwrite
from rolloutlib.runs.envelopes import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from rolloutlib.engine.prompts import Prompt
    from rolloutlib.plan.model import FlagValue, Profile

Arm = Literal["control", "treatment"]
ARMS: Final[tuple[Arm, ...]] = ("control", "treatment")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is asked of whom: everything that two benchmarks must share to be the same one.

    Attributes:
        flags: the flag set of each arm.
        profile: name and thresholds of the guardian profile.
        seed: handed to the engine with every prompt, in both arms, so that arms differ by their
            flags alone.
        timeout_s: seconds after which a call counts as timed out.
        most_bytes: what an engine may print as its answer; no part of what is asked.
        stage: the stage that the treatment's flags are of; None where nobody said.
    """

    prompts: tuple[Prompt, ...]
    command: tuple[str, ...]
    flags: Mapping[Arm, Mapping[str, FlagValue]]
    profile: tuple[str, Profile]
    seed: int
    timeout_s: float
    most_bytes: int = MOST_ANSWER
    stage: int | None = None

    @property
    def digest(self) -> str:
        """Return sha256 of all of it: names the journal and the runs."""
        prompts = [msgspec.to_builtins(prompt) for prompt in self.prompts]
        identity = [prompts, self.command, self.flags, self.profile[0], self.seed, self.timeout_s]
        identity += [] if self.stage is None else [self.stage]
        return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def strategy_hash(self) -> str:
        """Return sha256 of what both arms share: the engine's command, the profile's thresholds.

        Flags are left out: by them alone the arms differ. So are prompts and seed, which say what
        was asked, not how it is answered.
        """
        name, thresholds = self.profile
        shared = [self.command, name, thresholds.model_dump(mode="json")]
        return sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Where the envelopes are, and how the calls ended.

    Attributes:
        failures: why a call gave no answer, with what a failing engine said; for people to see.
    """

    path: Path
    calls: int
    resumed: int
    failures: tuple[str, ...]
    fallbacks: int


class _Start(msgspec.Struct, frozen=True, rename="camel"):
    """The first line of the journal: when the benchmark began."""

    started_at: datetime


class _Call(msgspec.Struct, frozen=True):
    """One line of the journal: which call, and what came of it."""

    prompt: int
    arm: Arm
    answer: Answer


def run_bench(
    bench: Bench,
    out: Path,
    *,
    now: datetime,
    rng: np.random.Generator,
    workers: int = 2,
    progress: Callable[[int, int], None],
) -> BenchResult:
    """Ask every prompt in both arms, in random order, and write one envelope an arm.

    Args:
        bench: what is asked of whom.
        out: the folder for the envelopes; a journal of the same benchmark in it is continued.
        now: the clock's reading, the time at which a fresh benchmark starts.
        rng: decides the order of the calls, so that a drift of the engine falls on both arms alike.
        workers: how many engines run at once.
        progress: called with calls done and calls in all.

    Raises:
        UsageError: the engine cannot be started, or its journal is no journal.
    """
    out.mkdir(parents=True, exist_ok=True)
    journal = out / f".bench-{bench.digest[:16]}.jsonl"
    with locked(out):  # a second benchmark into this folder waits, and finds the calls done
        started, done = _resume(journal, now)
        planned: list[tuple[int, Arm]] = [(i, a) for i in range(len(bench.prompts)) for a in ARMS]
        order: list[int] = rng.permutation(len(planned)).tolist()
        done = {which: done[which] for which in planned if which in done}
        missing = [planned[k] for k in order if planned[k] not in done]
        progress(len(done), len(planned))
        for call in _calls(bench, missing, journal, workers):
            done[call.prompt, call.arm] = call.answer
            progress(len(done), len(planned))
        path = out / f"bench-{bench.digest[:16]}.jsonl"
        overwrite(Files(), path, b"".join(map(_line, _envelopes(bench, done, started))))
    failed = [answer for answer in done.values() if answer.kind in {"error", "timeout"}]
    failures = tuple(": ".join(filter(None, (answer.why, answer.heard))) for answer in failed)
    fallbacks = sum(answer.kind == "fallback" for answer in done.values())
    return BenchResult(path, len(planned), len(planned) - len(missing), failures, fallbacks)


def _resume(journal: Path, now: datetime) -> tuple[str, dict[tuple[int, Arm], Answer]]:
    """Read the journal's whole lines, and cut off the half one of an interruption; or begin one.

    Nothing that stands in it is written again, so a kill in here loses no call.
    """
    if journal.exists() and not journal.is_file():
        raise UsageError(
            "{journal} is no file; remove it, and run the same command again", journal=journal
        )
    written = journal.read_bytes() if journal.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    if not whole:
        journal.write_bytes(_line({"startedAt": now.isoformat()}))
        return now.isoformat(), {}
    if whole != written:
        os.truncate(journal, len(whole))
    first, *lines = whole.splitlines()
    try:
        started = msgspec.json.decode(first, type=_Start).started_at
        calls = [_sound(msgspec.json.decode(line, type=_Call)) for line in lines]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(
            "{journal} was damaged or edited; expected the calls of an earlier `rollout bench`; "
            "remove it to ask everything again", journal=journal,
        ) from None  # fmt: skip
    return started.isoformat(), {(call.prompt, call.arm): call.answer for call in calls}


def _sound(call: _Call) -> _Call:
    """Return a call of the journal whose result is one, or raise what decoding raises."""
    if call.answer.kind in {"answered", "fallback"}:
        msgspec.convert(call.answer.result, Result)
    return call


def _calls(
    bench: Bench, missing: Sequence[tuple[int, Arm]], journal: Path, workers: int
) -> Iterable[_Call]:
    """Yield calls as they end, each written down first; an interruption ends those that run."""

    def call(prompt: int, arm: Arm) -> _Call:
        question = bench.prompts[prompt]
        request = run_request(
            question.text, bench.flags[arm], bench.profile, seed=bench.seed,
            guidelines=question.guidelines,
        )  # fmt: skip
        answer = ask(
            bench.command, request, timeout_s=bench.timeout_s, most_bytes=bench.most_bytes,
            stopped=stopped,
        )  # fmt: skip
        return _Call(prompt, arm, answer)

    with journal.open("ab") as lines, _stoppable(workers) as (pool, stopped):
        for future in as_completed([pool.submit(call, *which) for which in missing]):
            done = future.result()
            journalled = _Call(done.prompt, done.arm, replace(done.answer, heard=""))
            lines.write(_line(journalled))
            lines.flush()
            yield done


@contextmanager
def _stoppable(workers: int) -> Generator[tuple[ThreadPoolExecutor, int]]:
    """Give threads, and a pipe that can be read as soon as what they do is to end."""
    stopped, stop = os.pipe()
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool, stopped
    finally:
        os.close(stop)
        pool.shutdown(cancel_futures=True)
        os.close(stopped)


# --- answers → envelopes --------------------------------------------------------------------------


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _envelopes(
    bench: Bench, done: Mapping[tuple[int, Arm], Answer], started: str
) -> Iterable[dict[str, Any]]:
    """Yield an envelope an arm, then one for each template, which reviews refuse as such."""
    for arm in ARMS:
        answers = [(prompt, done[i, arm]) for i, prompt in enumerate(bench.prompts)]
        head = {
            "startedAt": started,
            "arm": arm,
            "flags": bench.flags[arm],
            "session": {"guardianProfileId": bench.profile[0], "seed": bench.seed},
            "datasetMeta": _dataset_meta(bench, arm, started),
        }
        head |= {} if bench.stage is None else {"stage": bench.stage}
        run_id = f"{datetime.fromisoformat(started):%Y-%m-%d}_bench-{bench.digest[:8]}-{arm}"
        samples: list[dict[str, Any]] = []
        for prompt, answer in answers:
            samples += _samples(bench, prompt, answer)
        result = {"metrics": _metrics(samples), "samples": samples}
        yield {"runId": run_id, **head, "result": result}
        for prompt, answer in answers:
            if answer.kind == "fallback":
                yield {"runId": f"{run_id}-{prompt.prompt_id}", **head, "result": answer.result}


def _dataset_meta(bench: Bench, arm: Arm, started: str) -> dict[str, Any]:
    """Return what the plan wants recorded of a run: which flags it had, and which strategy."""
    flags = bench.flags[arm].items()
    return {
        "version": "1",
        "createdAt": started,
        "strategyHash": bench.strategy_hash,
        "featureFlags": {key.removeprefix("feature."): value for key, value in flags},
        "guardianProfileId": bench.profile[0],
    }


def _samples(bench: Bench, prompt: Prompt, answer: Answer) -> list[dict[str, Any]]:
    named = {"id": prompt.prompt_id}
    if answer.kind == "answered" and answer.result:
        written: list[dict[str, Any]] = answer.result["samples"]
        if len(written) == 1:
            return [prompt.about | written[0] | named]
        ids = [f"{prompt.prompt_id}.{number}" for number in range(len(written))]
        return [
            prompt.about | sample | {"id": id_} for id_, sample in zip(ids, written, strict=True)
        ]
    if answer.kind == "fallback":
        return []
    failed = prompt.about | named | {"status": answer.kind, "error": answer.why}
    return [failed | {"latencyMs": 1000 * bench.timeout_s} if answer.kind == "timeout" else failed]


def _metrics(samples: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Sum up: rates of all samples, means of what is there. Reviews read the samples, not this."""
    statuses = [sample["status"] for sample in samples]
    return {
        "passRate": statuses.count("passed") / max(1, len(samples)),
        "avgScore": _mean(samples, "score"),
        "avgLatency": _mean(samples, "latencyMs"),
        "vetoedPct": statuses.count("vetoed") / max(1, len(samples)),
    }


def _mean(samples: Sequence[Mapping[str, Any]], field: str) -> float:
    """Return a field's mean; 0 where nothing was measured: the contract wants a number."""
    values = [sample[field] for sample in samples if sample.get(field) is not None]
    return fsum(value / len(values) for value in values)  # their sum may be beyond a float
