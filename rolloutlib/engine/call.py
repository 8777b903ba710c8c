"""The engine behind its command line: one request in, one result out, no call lost.

Whatever the engine does, a call has one outcome: an answer as it was given, an error, or a
time-out. Nothing that the engine did not say is put into an answer; a template instead of a
measurement is kept apart, and a review refuses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from rolloutlib.engine.process import MOST_ANSWER, MOST_ERRORS, run_engine
from rolloutlib.runs.envelopes import Result
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.templates import template_in, values_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.plan.model import FlagValue, Profile

_QUOTED = re.compile(r"'.*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call.

    Attributes:
        kind: `answered`; `fallback`: a template, no measurement; `error`; `timeout`.
        result: the run_result as the engine wrote it, for `answered` and `fallback`.
        why: for `error` and `timeout`, a sentence with what was got and what was expected. It goes
            into envelopes, so it holds nothing that the engine said: that may be a secret.
        heard: what the engine said, cut and escaped: for the terminal only, never written down.
    """

    kind: Literal["answered", "fallback", "error", "timeout"]
    result: dict[str, Any] | None = None
    why: str = ""
    heard: str = ""


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


def ask(
    command: Sequence[str],
    request: Mapping[str, Any],
    *,
    timeout_s: float,
    most_bytes: int = MOST_ANSWER,
    stopped: int | None = None,
) -> Answer:
    """Run the engine's command once.

    Args:
        command: the program and its arguments; no shell reads them.
        request: the run_request.
        timeout_s: after so many seconds the engine, with all that it started, is killed.
        most_bytes: likewise when it has printed more than so much.
        stopped: a file descriptor; the call ends without an answer when it can be read.

    Raises:
        UsageError: there is no such program.
        StoppedError: `stopped` could be read.
    """
    request_bytes = msgspec.json.encode(request)
    end, code, out, err = run_engine(
        command, request_bytes, timeout_s=timeout_s, most_bytes=most_bytes, stopped=stopped
    )
    heard = _last_line(err)
    if end == "timeout":
        return Answer("timeout", why=f"no answer in {timeout_s:g} s", heard=heard)
    if end == "answer":
        return _endless("standard output", most_bytes, heard)
    if end == "errors":
        return _endless("standard error", MOST_ERRORS, heard)
    if end == "lost":
        lost = "the process that watches over the engine was killed, and the engine with it"
        return Answer("error", why=lost, heard=heard)
    if code:
        silent = "" if heard else ", and said nothing on standard error"
        return Answer("error", why=f"the engine ended with exit code {code}{silent}", heard=heard)
    return _read(out)


def _endless(where: str, most: int, heard: str) -> Answer:
    why = f"the engine printed more than {most:,} bytes on {where} and was ended"
    return Answer("error", why=f"{why}; expected one run_result and some lines of log", heard=heard)


def _last_line(err: bytes) -> str:
    lines = err.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return shown(last) if last else ""


def _read(out: bytes) -> Answer:
    """Take the answer as it stands; what is odd in it would be read otherwise by somebody else."""
    try:
        result = msgspec.json.decode(msgspec.json.encode(read_object(out)), type=dict[str, Any])
        typed = msgspec.convert(result, Result)
    except (MalformedError, msgspec.MsgspecError, ValueError, OverflowError) as error:
        return _unreadable(out, error)
    if any(template_in(value) for _, value in values_named(out, ("provider",))):
        return Answer("fallback", result)
    if not typed.samples:
        empty = "the result has no sample, so nothing can be paired"
        return Answer("error", why=f"{empty}; expected at least one")
    return Answer("answered", result)


def _unreadable(out: bytes, error: Exception) -> Answer:
    """Say what kind of text was got in the place of a result, and apart from that how it starts."""
    expected = "expected one run_result as a JSON object (log lines belong on standard error)"
    if not out.strip():
        return Answer("error", why=f"no output; {expected}")
    heard = f"it starts with {shown(out[:60].decode(errors='replace'))}"
    if isinstance(error, UnicodeDecodeError):
        kind = "it is no UTF-8"
    elif isinstance(error, MalformedError):
        kind, heard = str(error.expectation), f"{heard} ({shown(str(error.field))[1:-1]})"
    else:
        kind = str(error).lower()
    why = f"standard output is no result: {_QUOTED.sub('…', kind)}; {expected}"
    return Answer("error", why=why, heard=heard)
