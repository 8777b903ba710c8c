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
    objects,
    plain_names,
    values_of,
)
from rolloutlib.drafts.peek import MOST_BYTES, MOST_RECORDS
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import is_worse
from rolloutlib.errors import RunsError
from rolloutlib.phrase import Clause, phrase, several
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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
# Metrics that older releases wrote beside the rest of a line, without a list of them.
_METRIC_NAMES: Final = frozenset(
    {*_OUTCOMES, "acc_norm", "acc_mutual_info", "f1", "mcc", "mc1", "mc2", "bleu", "chrf", "ter",
     "rouge1", "rouge2", "rougeL", "likelihood_diff", "pct_stereotype", "perplexity",
     "word_perplexity", "byte_perplexity", "bits_per_byte"}
)  # fmt: skip
# Of these less is better; where no results say so, the word alone does not tell it.
_LESS: Final = frozenset(
    {"pct_stereotype", "likelihood_diff", "bits_per_byte", "brier_score", "ter"}
)
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
    by_file = {file.name: file.every for file in files}
    lines = Lines(peek, "lm-eval", "lm-evaluation-harness", by_file)
    lines.keys |= {"files": "*.jsonl*", "others": "ignored"}  # results_*.json hold averages
    _take_folder(lines, files, paths=bool(peek.arms))
    _tell_missing(lines, peek, files)
    _take_filter(lines, files)
    hashed = all(record.get("doc_hash") for record in records)
    lines.take("prompt_id", "doc_hash" if hashed else "doc")
    better = _better(peek, files)
    _take_outcome(lines, files, better)
    _check_judged(lines, files, better)
    lines.prompt("doc")
    lines.leave("resps", because("draft.text"))
    return lines.whole()


def _check_runs(peek: Peek, files: Sequence[PeekFile]) -> None:
    """Refuse two runs of one task in one folder: one of them is stale."""
    runs: dict[Clause, list[str]] = {}
    for file in files:
        run = phrase("{task} in {arm}", task=_task(file), arm=arm_of(peek, file))
        runs.setdefault(run, []).append(PurePosixPath(file.name).name)
    check_once(runs, phrase("runs"))


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
        counted = numbers(values_of(_beside(peek, file), f"n-samples.{_task(file)}.effective"))
        present = len({str(record.get("doc_id")) for record in file.every})
        if counted and present < counted[0] and _is_whole(file):
            lines.leave(file.name, because("draft.fewer", said=int(counted[0]), there=present))


def _beside(peek: Peek, file: PeekFile) -> list[Record]:
    """Return the results that were written with the samples of a file."""
    path = PurePosixPath(file.name)
    if not (named := _NAME.fullmatch(path.name)):
        return []
    beside = str(path.with_name(f"results_{named['time']}.json"))
    return [other.root or {} for other in peek.files if other.name == beside]


def _is_whole(file: PeekFile) -> bool:
    """Whether all of a file was looked at."""
    small = len(file.every) < MOST_RECORDS and file.path.stat().st_size < MOST_BYTES
    return small and file.path.suffix == file.kind  # a packed file is larger than it looks


def _task(file: PeekFile) -> str:
    """Return the task of a file by its name, else the name."""
    name = PurePosixPath(file.name).name
    named = _NAME.fullmatch(name)
    return named["task"] if named else name


def _take_filter(lines: Lines, files: Sequence[PeekFile]) -> None:
    """Take one filter of several for each file; each tells every document once more.

    Raises:
        RunsError: no choice of filters keeps one of each file.
    """
    filters = {file.name: Counter(map(str, values_of(file.every, "filter"))) for file in files}
    if all(len(named) <= 1 for named in filters.values()):
        return
    shared = [
        named for named in filters[files[0].name] if all(named in of for of in filters.values())
    ]
    chosen = {_strictest(Counter(shared))} if shared else set(map(_strictest, filters.values()))
    unclear = [file for file in files if len(filters[file.name].keys() & chosen) != 1]
    if unclear:
        filters_of = {_task(file): ", ".join(filters[file.name]) for file in unclear}
        tasks = [
            phrase("{key}: {why}", key=task, why=names or phrase("none"))
            for task, names in filters_of.items()
        ]
        raise RunsError(
            "the tasks were filtered in different ways ({tasks}); expected one filter that each "
            "has; give these tasks alone, or say where in source.yaml.",
            tasks=several(tasks, most=4),
        )
    chosen_filters = sorted(chosen)
    others = tuple(sorted({name for named in filters.values() for name in named} - chosen))
    if len(chosen_filters) == 1:
        why = because("draft.filter", chosen=chosen_filters[0], others=others)
        lines.key("where", {"filter": chosen_filters[0]}, why)
    else:
        why = because("draft.filters", chosen=tuple(chosen_filters), others=others)
        lines.key("where", {"filter": chosen_filters}, why)


def _strictest(filters: Counter[str]) -> str:
    """Return which filter is read; empty where there is none."""
    usual = (name for name in _FILTERS if name in filters)
    return next(usual, next((name for name, _ in filters.most_common(1)), ""))


def _take_outcome(lines: Lines, files: Sequence[PeekFile], better: dict[str, set[bool]]) -> None:
    """Take the metric that says whether an answer is right, and the others as further scorers."""
    records = [record for file in files for record in file.every]
    named = Counter(name for record in records for name in _metrics(record, better))
    usual = [name for name in _OUTCOMES if name in named]
    ordered = dict.fromkeys([*usual, *(name for name, _ in named.most_common())])
    metrics = sorted(ordered, key=lambda name: better.get(name) == {False})
    plain = plain_names(metrics)
    for metric in metrics:
        cells = numbers(values_of(records, metric))
        unsaid: set[bool] = set() if is_worse(metric) or metric in _LESS else {True}
        directions = better.get(metric, unsaid)
        if cells is None:
            lines.leave(metric, because("draft.no_numbers", words=("objects",)))
        elif not in_range(cells):
            lines.leave(metric, because("draft.scale_open", low=min(cells), high=max(cells)))
        elif directions == {False}:
            lines.less(plain[metric], metric)
        elif directions != {True}:
            lines.leave(metric, because("draft.less_is_better"))
        elif lines.columns.keys() & {"passed", "score"}:
            lines.scorer(plain[metric], metric)
        else:
            others = tuple(name for name in metrics if name != metric)
            why = because("draft.metric", metric=metric, others=others) if others else None
            lines.take_rate(metric, cells, why)


def _better(peek: Peek, files: Sequence[PeekFile]) -> dict[str, set[bool]]:
    """Return whether more is better of each metric, as the results beside the files say."""
    better: dict[str, set[bool]] = {}
    for file in files:
        for directions in objects(
            values_of(_beside(peek, file), f"higher_is_better.{_task(file)}")
        ):
            for metric, more in directions.items():
                if isinstance(more, bool):
                    better.setdefault(str(metric), set()).add(more)
    return better


def _check_judged(lines: Lines, files: Sequence[PeekFile], better: dict[str, set[bool]]) -> None:
    """Refuse tasks that no one metric judges: one mapping has one column for the outcome.

    Raises:
        RunsError: with the metrics of each file.
    """
    if lines.columns.keys() & {"passed", "score"}:
        return
    by_metrics = {", ".join(_metrics(file.every[0], better)): file.name for file in files}
    judged_by = [
        phrase("{metrics} in {file}", metrics=metrics or phrase("none"), file=name)
        for metrics, name in by_metrics.items()
    ]
    unsaid = any(why.code == "draft.less_is_better" for why in lines.left.values())
    raise RunsError(
        "no metric judges all tasks ({files}); give those files alone that share one from 0 to 1 "
        "(two files instead of two folders){beside}.",
        files=several(judged_by, most=4),
        beside=phrase(
            ", and results_TIME.json beside them, which says whether less is better"
        ) if unsaid else "",
    )  # fmt: skip


def _metrics(record: Record, better: Collection[str]) -> list[str]:
    """Return the names of a line's metrics; older releases do not list them."""
    if isinstance(listed := record.get("metrics"), list):
        return [str(name) for name in cast("list[object]", listed)]
    metric_names = _METRIC_NAMES.union(better)
    return [name for name in record if name in metric_names and numbers([record[name]])]


PRESET: Final = Preset("lm-eval", "lm-evaluation-harness", _recognises, _drafts)
