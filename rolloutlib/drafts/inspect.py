"""Inspect's logs (.eval or .json): a sample an epoch, with a score of each scorer.

A sample's id is the prompt, so that its epochs are a cluster of one. The scorer of Inspect's own
headline is the outcome, the others are further scorers. A sample with an error has no score: that
is an error, never a failure or nothing. The letters mean what Inspect's own accuracy takes them
for: C is 1, P is ½, I and N are 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.doors.paths import value_at
from rolloutlib.drafts.known import (
    Lines,
    arm_of,
    check_apart,
    check_once,
    in_range,
    names_in,
    numbers,
    objects,
    plain_names,
    values_of,
)
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import is_worse
from rolloutlib.phrase import Clause, phrase
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_LETTERS: Final = {"C": 1, "P": 0.5, "I": 0, "N": 0}
_STATUSES: Final = {"C": "passed", "P": "failed", "I": "failed", "N": "failed"}
_ENDED: Final = "success"
Record = dict[str, Any]


def _logs(peek: Peek) -> list[PeekFile]:
    return [file for file in peek.files if _is_log(file)]


def _is_log(file: PeekFile) -> bool:
    root = file.root or {}
    return isinstance(root.get("eval"), dict) and "status" in root and "task" in root["eval"]


def _samples(file: PeekFile) -> list[Record]:
    return objects((file.root or {}).get("samples"))


def _recognises(peek: Peek) -> bool:
    logs = _logs(peek)
    return bool(logs) and len(logs) == len([file for file in peek.files if file.records])


def _drafts(peek: Peek) -> Draft:
    logs = _logs(peek)
    records = [record for file in logs for record in _samples(file)]
    _check_runs(peek, logs)
    lines = Lines(peek, "inspect", "Inspect", {file.name: _samples(file) for file in logs})
    lines.key("records", "samples")
    _take_run(lines, logs, paths=bool(peek.arms))
    if all(record.get("uuid") for record in records):
        lines.take("sample_id", "uuid")
    _take_scores(lines, logs, records)
    _take_numbers(lines, logs, records)
    lines.prompt("input")
    lines.leave("output.completion", because("draft.text"))
    return lines.whole()


def _check_runs(peek: Peek, logs: Sequence[PeekFile]) -> None:
    """Refuse a log beside its copy, and one beside its retry, which holds its samples again."""
    check_apart(peek, lambda file: value_at(file.root or {}, "eval.eval_id"), "eval_id")
    runs: dict[Clause, list[str]] = {}
    for file in logs:
        header: Record = (file.root or {})["eval"]
        name = phrase(
            "{task} with {model} in {arm}",
            task=str(header.get("task")), model=str(header.get("model")), arm=arm_of(peek, file),
        )  # fmt: skip
        runs.setdefault(name, []).append(file.name)
    check_once(runs, phrase("logs"))


def _take_run(lines: Lines, logs: Sequence[PeekFile], *, paths: bool) -> None:
    models = {str(value_at(file.root or {}, "eval.model")) for file in logs}
    if paths:
        lines.segment("model", "$.eval.model")
    else:
        lines.arm("$.eval.model", models)
    lines.take("run_id", "$.eval.eval_id" if _all_tell(logs, "eval.eval_id") else "$.eval.run_id")
    lines.take("started_at", "$.eval.created")
    several = len({str(value_at(file.root or {}, "eval.task")) for file in logs}) > 1
    if several:
        lines.parts("prompt_id", ["$.eval.task", "id"])
        lines.take("category", "$.eval.task")
    else:
        lines.take("prompt_id", "id")
    for file in logs:
        status = str((file.root or {})["status"])
        if status != _ENDED:
            lines.leave(file.name, because("draft.unended", status=status, expected=_ENDED))
        expected = value_at(file.root or {}, "results.total_samples")
        present = len(_samples(file))
        if isinstance(expected, int) and expected > present:
            lines.leave(file.name, because("draft.fewer", said=expected, there=present))


def _all_tell(logs: Sequence[PeekFile], path: str) -> bool:
    return all(value_at(file.root or {}, path) for file in logs)


def _scorers(logs: Sequence[PeekFile], records: Sequence[Record]) -> list[str]:
    """Return the names of the scores, that of the headline first."""
    first = [value_at(file.root or {}, "results.headline.score") for file in logs]
    listed = [
        score for file in logs for score in values_of([file.root or {}], "results.scores.*.name")
    ]
    present = names_in(records, "scores")
    return list(
        dict.fromkeys(name for name in map(str, [*first, *listed, *present]) if name in present)
    )


def _take_scores(lines: Lines, logs: Sequence[PeekFile], records: Sequence[Record]) -> None:
    scorers = _scorers(logs, records)
    plain = plain_names(scorers)
    for scorer in scorers:
        path = f"scores.{scorer}.value"
        cells = values_of(records, path)
        if cells and set(map(str, cells)) <= _LETTERS.keys():
            _take_letters(lines, path, plain[scorer], tuple(scorers), partly="P" in cells)
        else:
            _take_number(lines, path, (scorer, plain[scorer]), cells)
    if values_of(records, "error.message"):
        lines.take("error", "error.message", because("draft.broke"), values={"*": True})
    if values_of(records, "limit.type"):
        lines.take("issues", "limit.type", because("draft.limit"))


def _take_letters(
    lines: Lines, path: str, name: str, scorers: tuple[str, ...], *, partly: bool
) -> None:
    """Take letters for the outcome, and for a score where some are partly right."""
    if lines.columns.keys() & {"status", "passed", "score"}:
        lines.scorer(name, path, values=dict(_LETTERS))
        return
    facts = {"metric": scorers[0], "others": scorers[1:]}
    lines.take("status", path, because("draft.metric", **facts) if scorers[1:] else None)
    lines.key("statuses", dict(_STATUSES), because("draft.letters"))
    if partly:
        lines.take("score", path, because("draft.letters"), values=dict(_LETTERS), scale=[0, 1])


def _take_number(lines: Lines, path: str, names: tuple[str, str], cells: Sequence[object]) -> None:
    """Take numbers for the outcome or a further scorer, by the scorer's name and our own."""
    values = numbers(cells)
    if values is None:
        lines.leave(path, because("draft.no_numbers", words=tuple(map(str, cells[:3]))))
    elif not in_range(values):
        lines.leave(path, because("draft.scale_open", low=min(values), high=max(values)))
    elif is_worse(names[0]):  # no log says which way its scorers run
        lines.leave(path, because("draft.less_is_better"))
    elif lines.columns.keys() & {"status", "passed", "score"}:
        lines.scorer(names[1], path)
    else:
        lines.take_rate(path, values)


def _take_numbers(lines: Lines, logs: Sequence[PeekFile], records: Sequence[Record]) -> None:
    timed = "working_time" if values_of(records, "working_time") else "total_time"
    if values_of(records, timed):
        lines.take("latency_ms", timed, because("draft.seconds", tool="Inspect"), unit="s")
    if not values_of(records, "model_usage.*.input_tokens"):
        return
    if _graded_apart(logs):
        lines.leave("model_usage", because("draft.grader"))
        return
    lines.take("tokens_in", "model_usage.*.input_tokens")
    lines.take("tokens_out", "model_usage.*.output_tokens")


def _graded_apart(logs: Sequence[PeekFile]) -> bool:
    """Whether a model other than the one under test was asked too: its tokens are no answer's."""
    for file in logs:
        model = value_at(file.root or {}, "eval.model")
        if names_in(_samples(file), "model_usage").keys() - {model}:
            return True
    return False


PRESET: Final = Preset("inspect", "Inspect", _recognises, _drafts)
