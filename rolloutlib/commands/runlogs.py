"""`rollout runlogs`: the run logs of the workbook, whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, option, say, whole

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
    from rolloutlib.plan.model import workbook_root

    logs = read_run_logs(workbook_root())
    for log in logs[: arguments.most]:
        say(_line(log))
    refused = sum(bool(log.refused) for log in logs)
    more = f", {len(logs) - arguments.most} not shown" if len(logs) > arguments.most else ""
    say(f"logs: {len(logs)}{more}; no evidence: {refused}")
    return REFUSED if refused else 0


def _line(log: Logged) -> str:
    at = f"{log.at:%Y-%m-%d %H:%M %z}" if log.at else "no time"
    fields = [log.provider, f"N={log.n}" if log.n is not None else "", *_numbers(log), log.told]
    fields += [", ".join(log.issues), log.decision]
    if log.refused:
        fields = [f"REFUSED: {log.refused}"]
    return "  ".join(filter(None, (at, log.file, *fields)))


def _numbers(log: Logged) -> list[str]:
    of = log.results
    forms = (
        ("pass {:.1%}", of.pass_rate), ("score {:.2f}", of.avg_score),
        ("latency {:,.0f} ms", of.avg_latency_ms), ("vetoed {:.1%}", of.vetoed),
    )  # fmt: skip
    return [form.format(value) for form, value in forms if value is not None]
