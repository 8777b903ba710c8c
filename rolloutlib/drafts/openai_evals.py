"""OpenAI evals: a file of events a run; the first line is its spec, one says the final report.

A sample's `match` is its outcome, its `error` an error; other events (sampling, function calls) are
no outcomes. An eval that only reports `metrics` has its accuracy or score there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.drafts.known import Lines, check_apart, in_range, numbers, values_of
from rolloutlib.drafts.record import Preset
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_EVENT: Final = {"run_id", "event_id", "sample_id", "type", "data"}
_METRICS: Final = ("accuracy", "score", "correct", "f1_score")
Record = dict[str, Any]


def _logs(peek: Peek) -> list[PeekFile]:
    return [file for file in peek.files if file.kind == ".jsonl" and _is_log(file.every)]


def _is_log(records: Sequence[Record]) -> bool:
    return any("spec" in record for record in records[:3]) and any(
        record.keys() >= _EVENT for record in records[:5]
    )


def _recognises(peek: Peek) -> bool:
    logs = _logs(peek)
    return bool(logs) and len(logs) == len([file for file in peek.files if file.records])


def _drafts(peek: Peek) -> Draft:
    logs = _logs(peek)
    check_apart(peek, _run_of, "run_id")
    by_file = {file.name: file.every for file in logs}
    lines = Lines(peek, "openai-evals", "OpenAI evals", by_file)
    if not peek.arms:
        lines.take_files(logs)
    events = [record for file in logs for record in file.every if record.keys() >= _EVENT]
    kinds = {str(event["type"]) for event in events}
    _take_outcome(lines, events, kinds)
    lines.take("run_id", "run_id")
    lines.take("prompt_id", "sample_id")
    lines.take("sample_id", "event_id")
    lines.take("started_at", "created_at")
    for file in logs:
        if not any(record.get("final_report") for record in file.every):
            lines.leave(file.name, because("draft.unreported"))
    for kind in sorted(kinds - set(lines.keys["where"]["type"])):
        lines.leave(f"type: {kind}", because("draft.event"))
    return lines.whole()


def _run_of(file: PeekFile) -> object:
    return next((record["run_id"] for record in file.every if record.get("run_id")), None)


def _take_outcome(lines: Lines, events: Sequence[Record], kinds: set[str]) -> None:
    """Take the events that are outcomes."""
    kind = "match" if "match" in kinds else "metrics"
    broken = ["error"] if "error" in kinds else []
    lines.key("where", {"type": [kind, *broken]}, because("draft.outcome_events"))
    if broken:
        lines.take("error", "data.message", because("draft.broke"), values={"*": True})
    if kind == "match":
        lines.take("passed", "data.correct")
        if values_of(events, "data.expected"):
            lines.prompt("data.expected", because("draft.expected"))
        return
    reported = [event for event in events if event["type"] == kind]
    for name in _METRICS:
        cells = numbers(values_of(reported, f"data.{name}"))
        if cells and in_range(cells):
            lines.take_rate(f"data.{name}", cells)
            return


PRESET: Final = Preset("openai-evals", "OpenAI evals", _recognises, _drafts)
