"""deepeval's test runs (`DisplayConfig(results_folder=…)`, or .deepeval/.latest_run_full.json).

A test case passed if all its metrics did; each metric is a further scorer. A metric that broke is
an error of the case. deepeval's own names of cases are numbers of rows, so its input is the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.doors.paths import value_at
from rolloutlib.drafts.known import Lines, in_range, numbers, objects, plain_names, values_of
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import is_worse
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_PLACES: Final = (
    "testCases",
    "testRunData.testCases",
    "conversationalTestCases",
    "testRunData.conversationalTestCases",
    "test_results",  # what evaluate() returns, written by whoever called it
)
_INPUTS: Final = ("input", "scenario", "turns.0.content")
# Of these less is better, whatever a file says; of others its thresholds tell.
_LESS: Final = frozenset({"bias", "toxicity", "hallucination"})
_METRICS: Final = ("metricsData", "metrics_data")
Record = dict[str, Any]


def _place(file: PeekFile) -> str:
    """Return where the test cases are; empty where there are none."""
    for place in _PLACES:
        cases = value_at(file.root or {}, place)
        if _metrics_of(objects(cases)):
            return place
    return ""


def _metrics_of(cases: Sequence[Record]) -> str:
    """Return what the metrics of the cases are called; empty where none has any."""
    called = (name for name in _METRICS if any(name in case for case in cases))
    return next(called, "")


def _runs(peek: Peek) -> list[PeekFile]:
    return [file for file in peek.files if _place(file)]


def _recognises(peek: Peek) -> bool:
    runs = _runs(peek)
    filled = [file for file in peek.files if file.records]
    return bool(runs) and len(runs) == len(filled) and len(set(map(_place, runs))) == 1


def _drafts(peek: Peek) -> Draft:
    runs = _runs(peek)
    place = _place(runs[0])
    by_file = {file.name: objects(value_at(file.root or {}, place)) for file in runs}
    lines = Lines(peek, "deepeval", "deepeval", by_file)
    cases = [case for of_file in by_file.values() for case in of_file]
    lines.key("records", place)
    root = "$.testRunData." if place.startswith("testRunData") else "$."
    if not peek.arms:
        lines.take_files(runs)
    if all(_named(file, f"{root}hyperparameters.model") for file in runs):
        lines.segment("model", f"{root}hyperparameters.model")
    _take_prompt(lines, cases)
    lines.take("passed", "success")
    _take_metrics(lines, cases)
    if numbers(values_of(cases, "completionTime")):
        why = because("draft.seconds", tool="deepeval")
        lines.take("latency_ms", "completionTime", why, unit="s")
    if numbers(values_of(cases, "tokenCost")):
        lines.take("cost", "tokenCost")
    for column, code in (("runDuration", because("draft.judge_time")),
                         ("evaluationCost", because("draft.judge_cost"))):  # fmt: skip
        if values_of(cases, column):
            lines.leave(column, code)
    return lines.whole()


def _named(file: PeekFile, path: str) -> bool:
    return isinstance(value_at({}, path, file.root), str)


def _take_prompt(lines: Lines, cases: Sequence[Record]) -> None:
    """Take what every case was asked; names are numbers of rows, which know no prompt."""
    whole = (
        path for path in _INPUTS
        if all(isinstance(value_at(case, path), str) and value_at(case, path) for case in cases)
    )  # fmt: skip
    prompt = next(whole, "")
    if not prompt:
        lines.leave("name", because("draft.case_number"))
        return
    lines.take("prompt_id", prompt)
    if prompt != "input":
        lines.prompt(prompt)
    else:
        lines.prompt("input")
        answer = (
            "actualOutput" if any("actualOutput" in case for case in cases) else "actual_output"
        )
        lines.leave(answer, because("draft.text"))


def _take_metrics(lines: Lines, cases: Sequence[Record]) -> None:
    """Take each metric for a further scorer; the only one is the score."""
    called = _metrics_of(cases)
    metrics = dict.fromkeys(map(str, values_of(cases, f"{called}.*.name")))
    plain = plain_names(metrics)
    for metric in metrics:
        path = f'{called}[name="{metric}"].score'
        cells = numbers(values_of(cases, path))
        if not cells:
            lines.leave(metric, because("draft.empty"))
        elif len(cells) > sum(bool(values_of([case], path)) for case in cases):
            lines.leave(metric, because("draft.alike"))
        elif not in_range(cells):
            lines.leave(metric, because("draft.scale_open", low=min(cells), high=max(cells)))
        elif (less := _is_less(cases, called, metric)) is None:
            lines.leave(metric, because("draft.less_is_better"))
        elif less:
            lines.less(plain[metric], path, alone=len(metrics) == 1)
        elif len(metrics) == 1:
            lines.take("score", path, scale=[0, 1])
        else:
            lines.scorer(plain[metric], path)
    column = f"{called}.*.error"
    if values_of(cases, column):
        lines.take("error", column, because("draft.broke"), values={"*": True})


def _is_less(cases: Sequence[Record], called: str, metric: str) -> bool | None:
    """Whether less of a metric is better: what passes below its threshold, or fails above it.

    None where its name says so, and nothing else does.
    """
    votes: set[bool] = set()
    judged = objects([value_at(case, f'{called}[name="{metric}"]') for case in cases])
    for judgment in judged:
        beyond = numbers([judgment.get("score"), judgment.get("threshold")])
        if beyond and beyond[0] != beyond[1] and isinstance(judgment.get("success"), bool):
            votes.add((beyond[0] > beyond[1]) is not judgment["success"])
    if len(votes) == 1:
        return votes.pop()
    if metric.casefold() in _LESS:
        return True
    return None if votes or is_worse(metric) else False


PRESET: Final = Preset("deepeval", "deepeval", _recognises, _drafts)
