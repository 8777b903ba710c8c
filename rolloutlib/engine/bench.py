"""The paired mini benchmark: the same prompts under two flag sets, as run envelopes.

Every finished call goes into a journal at once, so an interrupted benchmark goes on where it
stopped, and what a failing engine printed is kept.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import fsum
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rolloutlib.engine.call import Answer, ask, run_request
from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.ledger.durable import Files, overwrite
from rolloutlib.plan.model import STAGES, Audience, StageId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.random import Generator

    from rolloutlib.plan.model import FlagValue, Plan, Profile

Arm = Literal["control", "treatment"]
ARMS: Final[tuple[Arm, ...]] = ("control", "treatment")
AUDIENCES: Final[tuple[Audience, ...]] = (
    "internal",
    "dogfood",
    "opted_in",
    "everyone",
    "opted_out",
)


class Prompt(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """One line of a prompts file; everything but id and text is handed on to the samples."""

    prompt_id: str
    text: str
    guidelines: str = ""
    user_id: str | None = None
    category: str | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None

    @property
    def about(self) -> dict[str, str]:
        """What the samples of this prompt carry besides what the engine says."""
        known = {"promptId": self.prompt_id, "userId": self.user_id, "category": self.category}
        return {
            key: value
            for key, value in (known | {"difficulty": self.difficulty}).items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """What is asked of whom: everything that two benchmarks must share to be the same one.

    Attributes:
        flags: the flag set of each arm.
        profile: name and thresholds of the guardian profile.
        seed: handed to the engine with every prompt, in both arms, so that arms differ by their
            flags alone.
        timeout_s: seconds after which a call counts as timed out.
    """

    prompts: tuple[Prompt, ...]
    command: tuple[str, ...]
    flags: Mapping[Arm, Mapping[str, FlagValue]]
    profile: tuple[str, Profile]
    seed: int
    timeout_s: float

    @property
    def digest(self) -> str:
        """Return sha256 of all of it: names the journal and the runs."""
        prompts = [msgspec.to_builtins(prompt) for prompt in self.prompts]
        asked = [prompts, self.command, self.flags, self.profile[0], self.seed, self.timeout_s]
        return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Where the envelopes are, and how the calls ended."""

    path: Path
    calls: int
    resumed: int
    failures: tuple[str, ...]
    fallbacks: int


def read_prompts(path: Path, n: int, rng: Generator) -> tuple[Prompt, ...]:
    """Draw n prompts of a file without replacement, in the file's order.

    Args:
        path: see `read_all_prompts`.
        n: how many.
        rng: decides which.

    Raises:
        UsageError: as `read_all_prompts`, or the file has fewer than n prompts.
    """
    prompts = read_all_prompts(path)
    if n > len(prompts):
        raise UsageError(
            f"--n is {n}, but {path} has {len(prompts)} prompts; expected at most as many"
        )
    drawn: list[int] = rng.permutation(len(prompts))[:n].tolist()
    return tuple(prompts[i] for i in sorted(drawn))


def read_all_prompts(path: Path) -> tuple[Prompt, ...]:
    """Read a file of prompts.

    Args:
        path: JSON Lines of `promptId` and `text` (and `guidelines`, `userId`, `category`,
            `difficulty`), or plain text, a prompt a line.

    Raises:
        UsageError: the file is missing, has a line that is no prompt, or an id twice.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; expected prompts, one a line")
    lines = [
        (i, line)
        for i, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1)
        if line.strip()
    ]
    prompts = tuple(
        _prompt(f"{path}:{number}", number, line, plain=path.suffix != ".jsonl")
        for number, line in lines
    )
    if len({prompt.prompt_id for prompt in prompts}) < len(prompts):
        raise UsageError(
            f"{path} has a promptId twice; expected each once, as pairs are built on it"
        )
    return prompts


def _prompt(where: str, number: int, line: str, *, plain: bool) -> Prompt:
    if plain:
        return Prompt(f"p{number:04d}", line.strip())
    try:
        return msgspec.json.decode(line, type=Prompt)
    except msgspec.DecodeError as error:
        raise UsageError(f"{where}: {error}; expected an object with promptId and text") from None


def flags_from(written: str, plan: Plan) -> dict[str, FlagValue]:
    """Read a flag set: a stage, its audience unless it is another, and exceptions.

    For example ``1``, ``2:opted_in``, ``3:opted_out`` or
    ``2:opted_in,searchLite=false,mode=explore``.

    Raises:
        UsageError: an unknown stage, audience, flag or value.
    """
    place, *exceptions = written.split(",")
    number, _, audience = place.partition(":")
    stage: StageId | None = next((one for one in STAGES if str(one) == number), None)
    if stage is None:
        example = "expected 0 to 4, as in 2:opted_in,searchLite=false"
        raise UsageError(f"{written!r} names stage {number!r}; {example}")
    who: Audience | None = next(
        (one for one in AUDIENCES if one == (audience or plan.stages[stage].audience)), None
    )
    if who is None:
        known = f"expected one of {', '.join(AUDIENCES)}.{did_you_mean(audience, AUDIENCES)}"
        raise UsageError(f"{written!r} names the audience {audience!r}; {known}")
    flags = plan.flags_of(stage, who)
    for exception in exceptions:
        key, value = _exception(exception, plan)
        flags[key] = value
    return flags


def _exception(written: str, plan: Plan) -> tuple[str, FlagValue]:
    name, _, text = written.partition("=")
    features = {
        feature.flag.removeprefix("feature."): feature for feature in plan.features.values()
    }
    if name not in features:
        known = f"expected one of {', '.join(features)}.{did_you_mean(name, features)}"
        raise UsageError(f"{name!r} is no flag; {known}")
    both: tuple[FlagValue, FlagValue] = (features[name].enabled, features[name].disabled)
    values = {str(value).lower(): value for value in both}
    if text not in values:
        raise UsageError(f"{name} is {text!r}; expected {' or '.join(values)}")
    return features[name].flag, values[text]


# --- running --------------------------------------------------------------------------------------


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
    rng: Generator,
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
    """
    out.mkdir(parents=True, exist_ok=True)
    journal = out / f".bench-{bench.digest[:16]}.jsonl"
    started, done = _resume(journal, now)
    wanted: list[tuple[int, Arm]] = [(i, arm) for i in range(len(bench.prompts)) for arm in ARMS]
    order: list[int] = rng.permutation(len(wanted)).tolist()
    missing = [wanted[k] for k in order if wanted[k] not in done]
    progress(len(done), len(wanted))
    for call in _calls(bench, missing, journal, workers):
        done[call.prompt, call.arm] = call.answer
        progress(len(done), len(wanted))
    path = out / f"bench-{bench.digest[:16]}.jsonl"
    overwrite(Files(), path, b"".join(_line(one) for one in _envelopes(bench, done, started)))
    return BenchResult(path, len(wanted), len(wanted) - len(missing), *_account(done.values()))


def _resume(journal: Path, now: datetime) -> tuple[str, dict[tuple[int, Arm], Answer]]:
    """Read the journal's whole lines, without the half one of an interruption; or begin one."""
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    if not lines:
        journal.write_bytes(_line({"startedAt": now.isoformat()}))
        return now.isoformat(), {}
    journal.write_bytes(b"\n".join([*lines, b""]))
    calls = [msgspec.json.decode(line, type=_Call) for line in lines[1:]]
    return json.loads(lines[0])["startedAt"], {
        (call.prompt, call.arm): call.answer for call in calls
    }


def _calls(
    bench: Bench, missing: Sequence[tuple[int, Arm]], journal: Path, workers: int
) -> Iterable[_Call]:
    """Yield calls as they end, each written down first; an interruption waits for the running."""

    def call(prompt: int, arm: Arm) -> _Call:
        one = bench.prompts[prompt]
        flags, guidelines = bench.flags[arm], one.guidelines
        request = run_request(
            one.text, flags, bench.profile, seed=bench.seed, guidelines=guidelines
        )
        return _Call(prompt, arm, ask(bench.command, request, timeout_s=bench.timeout_s))

    with journal.open("ab") as lines, ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(call, *which) for which in missing]
        try:
            for future in as_completed(running):
                lines.write(msgspec.json.encode(future.result()) + b"\n")
                lines.flush()
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _account(answers: Iterable[Answer]) -> tuple[tuple[str, ...], int]:
    answers = list(answers)
    failures = tuple(answer.why for answer in answers if answer.kind in {"error", "timeout"})
    return failures, sum(answer.kind == "fallback" for answer in answers)


# --- answers → envelopes --------------------------------------------------------------------------


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _envelopes(
    bench: Bench, done: Mapping[tuple[int, Arm], Answer], started: str
) -> Iterable[dict[str, Any]]:
    """Yield an envelope an arm, then one for each template, which reviews refuse as such."""
    for arm in ARMS:
        answers = [(bench.prompts[i], done[i, arm]) for i in range(len(bench.prompts))]
        head = {
            "startedAt": started,
            "arm": arm,
            "flags": bench.flags[arm],
            "session": {"guardianProfileId": bench.profile[0], "seed": bench.seed},
        }
        run_id = f"{datetime.fromisoformat(started):%Y-%m-%d}_bench-{bench.digest[:8]}-{arm}"
        samples = [
            sample for prompt, answer in answers for sample in _samples(bench, prompt, answer)
        ]
        yield {
            "runId": run_id,
            **head,
            "result": {"metrics": _metrics(samples), "samples": samples},
        }
        for prompt, answer in answers:
            if answer.kind == "fallback":
                yield {"runId": f"{run_id}-{prompt.prompt_id}", **head, "result": answer.result}


def _samples(bench: Bench, prompt: Prompt, answer: Answer) -> list[dict[str, Any]]:
    if answer.kind == "answered" and answer.result:
        written = answer.result["samples"]
        ids = (
            [prompt.prompt_id]
            if len(written) == 1
            else [f"{prompt.prompt_id}.{k}" for k in range(len(written))]
        )
        return [
            prompt.about | sample | {"id": id_} for sample, id_ in zip(written, ids, strict=True)
        ]
    failed = prompt.about | {"id": prompt.prompt_id, "status": answer.kind, "error": answer.why}
    cases = {"timeout": [failed | {"latencyMs": 1000 * bench.timeout_s}], "error": [failed]}
    return cases.get(answer.kind, [])


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
    found = [sample[field] for sample in samples if sample.get(field) is not None]
    return (
        fsum(found) / len(found) if found else 0.0
    )  # the contract wants a number even where nothing was measured
