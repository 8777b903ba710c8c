"""The engine behind its command line: one request in, one result out, no call lost.

Whatever the engine does, a call has one outcome: an answer as it was given, an error, or a
time-out. Nothing that the engine did not say is put into an answer; a template instead of a
measurement is kept apart, and a review refuses it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from rolloutlib.errors import UsageError
from rolloutlib.runs.envelopes import Result
from rolloutlib.runs.quarantine import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.plan.model import FlagValue, Profile

_GRACE_S = 1.0  # for a killed engine's pipes to close; a grandchild may hold them open for ever


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call.

    Attributes:
        kind: `answered`; `fallback`: a template, no measurement; `error`; `timeout`.
        result: the run_result as the engine wrote it, for `answered` and `fallback`.
        why: for `error` and `timeout`, a sentence with what was got and what was expected.
    """

    kind: Literal["answered", "fallback", "error", "timeout"]
    result: dict[str, Any] | None = None
    why: str = ""


def run_request(
    text: str,
    flags: Mapping[str, FlagValue],
    profile: tuple[str, Profile],
    *,
    seed: int,
    guidelines: str = "",
) -> dict[str, Any]:
    """Return the request for one prompt, as the engine's contract has it."""
    name, thresholds = profile
    return {
        "inputs": {"text": text, "guidelines": guidelines},
        "flags": dict(flags),
        "constraints": {"minScore": thresholds.min_score, "maxLatency": thresholds.max_latency_ms},
        "session": {"guardianProfileId": name, "seed": seed},
    }


def ask(command: Sequence[str], request: Mapping[str, Any], *, timeout_s: float) -> Answer:
    """Run the engine's command once.

    Args:
        command: the program and its arguments; no shell reads them.
        request: the run_request.
        timeout_s: after so many seconds the engine, with all that it started, is killed.

    Raises:
        UsageError: there is no such program.
    """
    pipe = subprocess.PIPE
    try:
        engine = subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        expected = "expected the engine's command, such as --engine 'python engine.py'"
        why = f"{shown(command[0])} cannot be started ({error.strerror})"
        raise UsageError(f"{why}; {expected}") from None
    try:
        out, err = engine.communicate(msgspec.json.encode(request), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill(engine)
        return Answer("timeout", why=f"no answer in {timeout_s:g} s")
    except BaseException:
        _kill(engine)
        raise
    if engine.returncode:
        ended = f"the engine ended with exit code {engine.returncode}"
        return Answer("error", why=f"{ended}{_last_line(err)}")
    return _read(out)


def _kill(engine: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        engine.communicate(timeout=_GRACE_S)


def _last_line(err: bytes) -> str:
    lines = err.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {shown(last)}" if last else ", and said nothing on standard error"


def _read(out: bytes) -> Answer:
    expected = "expected one run_result as a JSON object (log lines belong on standard error)"
    try:
        result = msgspec.json.decode(out, type=dict[str, Any])
        known = msgspec.convert(result, Result)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        starts = shown(out[:60].decode(errors="replace"))
        got = f"standard output starts with {starts}" if out.strip() else "no output"
        return Answer("error", why=f"{got}: {error}; {expected}")
    if "CLI_FALLBACK" in str(known.provider_note).upper() or "MOCK" in str(known.provider).upper():
        return Answer("fallback", result)
    if not known.samples:
        empty = "the result has no sample, so nothing can be paired"
        return Answer("error", why=f"{empty}; expected at least one")
    return Answer("answered", result)
