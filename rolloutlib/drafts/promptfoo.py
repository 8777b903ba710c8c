"""promptfoo's output (`promptfoo eval -o output.json`, or .jsonl): a result a prompt and provider.

Several providers in one file are its arms; of one provider the prompts are. A test is known by its
variables, so that two files pair also where their tests stand in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.doors.paths import value_at
from rolloutlib.drafts.known import (
    Lines,
    check_apart,
    in_range,
    names_in,
    numbers,
    objects,
    plain_names,
    values_of,
)
from rolloutlib.drafts.record import Preset
from rolloutlib.errors import RunsError
from rolloutlib.phrase import several
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_KEYS: Final = {"success", "provider"}
_GRADER: Final = "gradingResult.componentResults.*.metadata.graderError"
_VARIABLES: Final = ("vars", "testCase.vars")
_OWN: Final = ("gradingResult", "namedScores", "testCase", "promptIdx")
# 0: passed; 1: an assertion failed; 2: the provider or an assertion broke.
_REASONS: Final = {"0": "passed", "1": "failed", "2": "error"}
Record = dict[str, Any]


def _place(file: PeekFile) -> str:
    """Return where a .json file has its results; empty where it has none."""
    if file.root is None:
        return ""
    outer = file.root.get("results")
    inner = cast("Record", outer).get("results") if isinstance(outer, dict) else None
    if isinstance(inner, list):
        return "results.results"
    return "results" if isinstance(outer, list) else ""


def _results(file: PeekFile) -> Sequence[Record]:
    place = _place(file)
    return objects(value_at(file.root or {}, place)) if place else file.every


def _recognises(peek: Peek) -> bool:
    filled = [file for file in peek.files if file.records]
    return bool(filled) and all(
        file.kind in {".json", ".jsonl"} and _is_result(_results(file)[:1]) for file in filled
    )


def _is_result(first: Sequence[Record]) -> bool:
    return any(record.keys() >= _KEYS and any(own in record for own in _OWN) for record in first)


def _drafts(peek: Peek) -> Draft:
    files = [file for file in peek.files if file.records]
    for file in files:
        _check_whole(file)
    check_apart(peek, lambda file: (file.root or {}).get("evalId"), "evalId")
    records = [record for file in files for record in _results(file)]
    lines = Lines(peek, "promptfoo", "promptfoo", {file.name: _results(file) for file in files})
    if place := _same_place(files):
        lines.key("records", place)
    _take_arm(lines, files, records, paths=bool(peek.arms))
    variables = next((name for name in _VARIABLES if _all_have(records, name)), "")
    if variables:
        lines.take("prompt_id", variables)
    elif _same_texts(files):
        lines.take("prompt_id", "prompt.raw")
    else:
        lines.take("prompt_id", "testIdx", because("draft.test_number"))
    if all(record.get("id") for record in records):
        lines.take("sample_id", "id")
    if all(isinstance((file.root or {}).get("evalId"), str) for file in files):
        lines.take("run_id", "$.evalId")
    if all(value_at(file.root or {}, "results.timestamp") for file in files):
        lines.take("started_at", "$.results.timestamp")
    _take_outcome(lines, records)
    _take_numbers(lines, records)
    lines.prompt(variables or "prompt.raw")
    lines.leave("response.output", because("draft.text"))
    return lines.whole()


def _same_place(files: Sequence[PeekFile]) -> str:
    """Return where the results are in every file.

    Raises:
        RunsError: one mapping cannot read the files.
    """
    places = {_place(file): file.name for file in files}
    if len(places) > 1:
        raise RunsError(
            "{files} hold results in several places; export them all in the same way (promptfoo "
            "export eval ID -o FILE.json).",
            files=several(sorted(places.values())),
        )
    return next(iter(places))


def _check_whole(file: PeekFile) -> None:
    """Refuse a file that holds fewer results than it counts: an eval that did not end.

    Raises:
        RunsError: results are missing.
    """
    stats = "results.stats."
    counts = [
        value_at(file.root or {}, stats + kind) for kind in ("successes", "failures", "errors")
    ]
    if (said_all := numbers(counts)) is None:
        return
    present = len(_results(file))
    if present < sum(said_all):
        raise RunsError(
            "{file} counts {counted} results and holds {there}; export the whole eval: promptfoo "
            "export eval ID -o FILE.",
            file=file.name, counted=f"{sum(said_all):.0f}", there=f"{present}",
        )  # fmt: skip


def _take_arm(
    lines: Lines, files: Sequence[PeekFile], records: Sequence[Record], *, paths: bool
) -> None:
    """Take providers for arms; of one provider its prompts."""
    name = "provider"
    if any(isinstance(record.get("provider"), dict) for record in records):
        labels = [value_at(record, "provider.label") for record in records]
        name = "provider.label" if all(labels) else "provider.id"
    providers = set(map(str, values_of(records, name)))
    prompts = set(map(str, values_of(records, "prompt.label")))
    columns = set(map(str, values_of(records, "promptIdx")))
    arm, arms = name, providers
    if len(providers) == 1:  # of which several configurations may have been called alike
        arm, arms = ("prompt.label", prompts) if len(prompts) > 1 else (arm, arms)
        arm, arms = ("promptIdx", columns) if len(columns) > len(arms) else (arm, arms)
    if paths:
        lines.segment("model", name)
        pooled = [set(map(str, values_of(_results(file), name))) for file in files]
        most = sorted(max(pooled, key=len))
        if len(most) > 1:
            lines.notes["segments.model"] = because("draft.pooled", values=tuple(most[:5]))
        return
    lines.arm(arm, arms)
    if arm == name and len(prompts) > 1:
        lines.segment("prompt_label", "prompt.label")


def _take_outcome(lines: Lines, records: Sequence[Record]) -> None:
    reasons = [record.get("failureReason") for record in records]
    if all(isinstance(reason, int) and reason in {0, 1, 2} for reason in reasons):
        lines.take("status", "failureReason")
        lines.key("statuses", dict(_REASONS), because("draft.failure_reason"))
    else:
        lines.take("passed", "success", because("draft.no_errors"))
    if values_of(records, _GRADER):
        lines.take("error", _GRADER, because("draft.grader_error"))
    scores = numbers(values_of(records, "score"))
    if scores and in_range(scores):
        lines.take("score", "score", scale=[0, 1])
    elif scores:
        lines.leave("score", because("draft.scale_open", low=min(scores), high=max(scores)))
    named = names_in(records, "namedScores")
    plain = plain_names(named)
    for name in named:
        cells = numbers(values_of(records, f"namedScores.{name}"))
        if cells and in_range(cells):
            lines.scorer(plain[name], f"namedScores.{name}")
        elif cells:
            why = because("draft.scale_open", low=min(cells), high=max(cells))
            lines.leave(f"namedScores.{name}", why)


def _take_numbers(lines: Lines, records: Sequence[Record]) -> None:
    if numbers(values_of(records, "latencyMs")):
        lines.take("latency_ms", "latencyMs", unit="ms")
    if any(numbers(values_of(records, "cost")) or ()):
        lines.take("cost", "cost")
    for field, name in (("tokens_in", "prompt"), ("tokens_out", "completion")):
        path = f"response.tokenUsage.{name}"
        if numbers(values_of(records, path)):
            lines.take(field, path)
    if (cached := values_of(records, "response.cached")) and any(cached):
        share = sum(map(bool, cached)) / len(records)
        lines.take("cached", "response.cached", because("draft.cached", share=share))


def _same_texts(files: Sequence[PeekFile]) -> bool:
    """Whether every test has one text of its prompt, in every file the same ones."""
    texts: list[set[str]] = []
    for file in files:
        by_test: dict[str, set[str]] = {}
        for record in _results(file):
            raw = value_at(record, "prompt.raw")
            by_test.setdefault(str(record.get("testIdx")), set()).add(
                raw if isinstance(raw, str) else ""
            )
        if any(len(raws) > 1 or "" in raws for raws in by_test.values()):
            return False
        texts.append({raw for raws in by_test.values() for raw in raws})
    return all(of_file == texts[0] for of_file in texts)


def _all_have(records: Sequence[Record], path: str) -> bool:
    """Whether every test tells its variables there."""
    return len(objects([value_at(record, path) or None for record in records])) == len(records)


PRESET: Final = Preset("promptfoo", "promptfoo", _recognises, _drafts)
