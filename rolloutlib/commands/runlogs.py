"""`rollout runlogs`: the run logs of the workbook, whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, option, say, whole
from rolloutlib.commands.worded import worded
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse

    from rolloutlib.ledger.run_log_reading import Logged

REFUSED = 10  # exit code where the numbers of a log are no evidence
ABOUT = """\
List the run logs of docs/RUN_LOGS, outputs/fe_requests.log and RUN_LOGS/*.jsonl, the newest first:
those that `rollout review` and `rollout watch` write, those by hand, and the web front end's. Units
are the dialect's; a time without offset is Korea's. What breaks the engine's own rules (passed and
vetoed shares beyond 100 %), or is a template (MOCK, CLI_FALLBACK), is refused with the reason."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "runlogs", _runlogs, "list the run logs, and what of them is no evidence",
        option("--most N", "how many", type=whole(1), default=20), description=ABOUT,
    )  # fmt: skip


def _runlogs(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.run_log_reading import read_run_logs
    from rolloutlib.plan.workbook import workbook_root

    logs = read_run_logs(workbook_root())
    for log in logs[: arguments.most]:
        say(_line(log))
    refused = sum(bool(log.refused) for log in logs)
    left = len(logs) - arguments.most
    more = phrase(", {n} not shown", n=left) if left > 0 else ""
    say("logs: {n}{more}; no evidence: {refused}", n=len(logs), more=more, refused=refused)
    return REFUSED if refused else 0


def _line(log: Logged) -> str:
    at = f"{log.at:%Y-%m-%d %H:%M %z}" if log.at else worded("no time")
    fields = [log.provider, f"N={log.n}" if log.n is not None else "", *_numbers(log), log.told]
    fields += [", ".join(log.issues), log.decision]
    if log.refused:
        fields = [worded("REFUSED: {why}", why=log.refused)]
    return "  ".join(filter(None, (at, log.file, *fields)))


def _numbers(log: Logged) -> list[str]:
    of = log.results
    texts = (
        of.pass_rate is not None and worded("pass {share:.1%}", share=of.pass_rate),
        of.avg_score is not None and worded("score {score:.2f}", score=of.avg_score),
        of.avg_latency_ms is not None and worded("latency {ms:,.0f} ms", ms=of.avg_latency_ms),
        of.vetoed is not None and worded("vetoed {share:.1%}", share=of.vetoed),
    )
    return [text for text in texts if text]
