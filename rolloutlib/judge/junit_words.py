"""The words by which tools say in JUnit XML how a test ended, without case and signs."""

from __future__ import annotations

from typing import Final

__all__ = ["FAILED", "NO", "NOT_RUN", "RAN", "UNSURE", "WORDS", "YES", "YES_NO"]

WORDS: Final = ("status", "result", "outcome", "state")
YES_NO: Final = {"success": "failed", "passed": "failed", "executed": "notrun", "run": "notrun"}
RAN: Final = frozenset(
    {
        "run",
        "passed",
        "pass",
        "success",
        "successful",
        "succeeded",
        "ok",
        "completed",
        "fixed",
        "xfail",
    }
)
NOT_RUN: Final = frozenset(
    {"notrun", "disabled", "skipped", "skip", "ignored", "pending", "suppressed", "todo", "blocked"}
)
FAILED: Final = frozenset(
    {
        "failed",
        "fail",
        "failure",
        "error",
        "errored",
        "broken",
        "timeout",
        "timedout",
        "aborted",
        "crashed",
        "panicked",
        "interrupted",
        "regression",
        "xpass",
    }
)
UNSURE: Final = frozenset({"inconclusive", "incomplete"})
NO: Final = frozenset({"false", "no", "0"})
YES: Final = frozenset({"true", "yes", "1"})
