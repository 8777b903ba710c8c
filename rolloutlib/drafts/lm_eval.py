"""lm-evaluation-harness: samples_TASK_TIME.jsonl (`--log_samples`), a line a document and filter.

The folder is the arm and the task the category. A document is known by its hash, so that repeats
and further filters of it are one prompt. Of several filters one is read, and of a task in one
folder one run.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.drafts.known import (
    Lines,
    arm_of,
    check_once,
    in_range,
    numbers,
    plain_names,
    values_of,
)
from rolloutlib.drafts.peek import MOST_BYTES, MOST_RECORDS
from rolloutlib.drafts.record import Preset
from rolloutlib.errors import RunsError
from rolloutlib.reason import because
from rolloutlib.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_KEYS: Final = {"doc_id", "doc", "resps", "filtered_resps"}
_NAME: Final = re.compile(
    r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[^_/]+)\.jsonl(\.gz|\.zst)?"
)
# Which metric of several says whether an answer is right; the harness itself lists no first.
_OUTCOMES: Final = ("exact_match", "acc", "em", "pass@1", "pass_at_1", "prompt_level_strict_acc")
# Which filter of several is read; the stricter before those that forgive.
_FILTERS: Final = ("strict-match", "none")
_NO_METRICS: Final = {"doc_id", "n", "sample_len"}
_TIMED: Final = "{_}/samples_{category}_{_}"
Record = dict[str, Any]


def _samples(peek: Peek) -> list[PeekFile]:
    return [file for file in peek.files if file.kind == ".jsonl" and file.records]


def _recognises(peek: Peek) -> bool:
    files = _samples(peek)
    return bool(files) and all(file.records[0].keys() >= _KEYS for file in files)


def _drafts(peek: Peek) -> Draft:
    files = _samples(peek)
    _check_runs(peek, files)
    records = [record for file in files for record in file.every]
    told = {file.name: file.every for file in files}
    lines = Lines(peek, "lm-eval", "lm-evaluation-harness", told)
    lines.keys |= {"files": "*.jsonl*", "others": "ignored"}  # results_*.json hold averages
    _take_folder(lines, files, paths=bool(peek.arms))
    _tell_missing(lines, peek, files)
    _take_filter(lines, records)
    hashed = all(record.get("doc_hash") for record in records)
    lines.take("prompt_id", "doc_hash" if hashed else "doc")
    _take_outcome(lines, records)
    _check_judged(lines, files)
    lines.prompt("doc")
    lines.leave("resps", because("draft.text"))
    return lines.whole()


def _check_runs(peek: Peek, files: Sequence[PeekFile]) -> None:
    """Refuse two runs of one task in one folder: one of them is stale."""
    runs: dict[str, list[str]] = {}
    for file in files:
        path = PurePosixPath(file.name)
        named = _NAME.fullmatch(path.name)
        task = named["task"] if named else path.name
        runs.setdefault(f"{task} in {arm_of(peek, file)}", []).append(path.name)
    check_once(runs, "runs")


def _take_folder(lines: Lines, files: Sequence[PeekFile], *, paths: bool) -> None:
    """Take the folders for arms and the tasks, which the names tell, for categories."""
    if not all(_NAME.fullmatch(PurePosixPath(file.name).name) for file in files):
        return
    folders = {str(PurePosixPath(file.name).parent) for file in files}
    outer = "{arm}" if not paths and len(folders) > 1 else "{_}"
    inside = all(folder != "." for folder in folders)
    pattern = _TIMED.replace("{_}", outer, 1) if inside else _TIMED.removeprefix("{_}/")
    lines.key("named", pattern, because("draft.folders"))
    if not paths and len(folders) == 1:
        lines.key("constants", {"arm": min(folders)}, because("draft.one_arm"))


def _tell_missing(lines: Lines, peek: Peek, files: Sequence[PeekFile]) -> None:
    """Tell files that hold fewer documents than the results beside them count."""
    for file in files:
        path = PurePosixPath(file.name)
        named = _NAME.fullmatch(path.name)
        beside = path.with_name(f"results_{named['time']}.json") if named else path
        roots = [f.root or {} for f in peek.files if named and f.name == str(beside)]
        counted = values_of(roots, f"n-samples.{named['task']}.effective") if named else []
        there = len({str(record.get("doc_id")) for record in file.every})
        if counted and there < counted[0] and _is_whole(file):
            lines.leave(file.name, because("draft.fewer", said=counted[0], there=there))


def _is_whole(file: PeekFile) -> bool:
    """Whether all of a file was looked at."""
    small = len(file.every) < MOST_RECORDS and file.path.stat().st_size < MOST_BYTES
    return small and file.path.suffix == file.kind  # a packed file is larger than it looks


def _take_filter(lines: Lines, records: Sequence[Record]) -> None:
    """Take one filter of several; each tells every document once more."""
    filters = [name for name, _ in Counter(map(str, values_of(records, "filter"))).most_common()]
    if not filters:
        return
    chosen = next((name for name in _FILTERS if name in filters), filters[0])
    others = tuple(name for name in filters if name != chosen)
    if others:
        lines.key(
            "where", {"filter": chosen}, because("draft.filter", chosen=chosen, others=others)
        )


def _take_outcome(lines: Lines, records: Sequence[Record]) -> None:
    """Take the metric that says whether an answer is right, and the others as further scorers."""
    named = Counter(name for record in records for name in _metrics(record))
    usual = [name for name in _OUTCOMES if name in named]
    metrics = dict.fromkeys([*usual, *(name for name, _ in named.most_common())])
    plain = plain_names(metrics)
    for metric in metrics:
        cells = numbers(values_of(records, metric))
        if cells is None:
            lines.leave(metric, because("draft.no_numbers", words=("objects",)))
        elif not in_range(cells):
            lines.leave(metric, because("draft.scale_open", low=min(cells), high=max(cells)))
        elif lines.columns.keys() & {"passed", "score"}:
            lines.scorer(plain[metric], metric)
        else:
            others = tuple(name for name in metrics if name != metric)
            why = because("draft.metric", metric=metric, others=others) if others else None
            lines.take_rate(metric, cells, why)


def _check_judged(lines: Lines, files: Sequence[PeekFile]) -> None:
    """Refuse tasks that no one metric judges: one mapping has one column for the outcome.

    Raises:
        RunsError: with the metrics of each file.
    """
    if lines.columns.keys() & {"passed", "score"}:
        return
    by_metrics = {", ".join(_metrics(file.every[0])) or "none": file.name for file in files}
    told = listed([f"{metrics} in {name}" for metrics, name in by_metrics.items()], most=4)
    due = "give those files alone that share one from 0 to 1 (two files instead of two folders)"
    raise RunsError(f"no metric judges all tasks ({told}); {due}.")


def _metrics(record: Record) -> list[str]:
    """Return the names of a line's metrics; older releases do not list them."""
    if isinstance(told := record.get("metrics"), list):
        return [str(name) for name in cast("list[object]", told)]
    return [name for name in record if name not in _NO_METRICS and numbers([record[name]])]


PRESET: Final = Preset("lm-eval", "lm-evaluation-harness", _recognises, _drafts)
