"""HELM: per_instance_stats.json of a run, a record an instance with its list of statistics.

A statistic is `{name: {name, split}, count, sum, mean, …}`. Which one is the scenario's own stands
in no file of the run, so the first of those that judge an answer as right or wrong is taken, those
that only some scenarios have before those that many have, and the draft says so. Perturbed copies
of an instance have its id, so that they are no prompts more.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.tool import Scorer, ToolDraft
from rolloutlib.errors import RunsError
from rolloutlib.phrase import several
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

FILE: Final = "per_instance_stats.json"
# What is 1 where the answer is right and 0 where it is wrong: what is made for one kind of answer
# first, then what stands beside it in many scenarios, the stricter reading first.
_OUTCOMES: Final = (
    "final_number_exact_match", "math_equiv_chain_of_thought", "math_equiv",
    "chain_of_thought_correctness", "execution_accuracy", "exact_set_match", "pass", "correct",
    "exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match",
)  # fmt: skip
_MODEL: Final = re.compile(r",?_?model[=-][^,/]*")  # in the name of a run's folder
# What is a share from 0 to 1 of how right an answer is.
_SHARES: Final = (
    "ifeval_strict_accuracy", "omni_math_accuracy", "wildbench_score_rescaled", "f1_score",
    "test_avg", "rouge_l", "rouge_2", "rouge_1", "bleu_1", "bleu_4", "classification_macro_f1",
)  # fmt: skip


def _files(peek: Peek) -> list[PeekFile]:
    return [file for file in peek.files if file.records and "instance_id" in file.columns]


def _recognises(peek: Peek) -> bool:
    return any({"instance_id", "train_trial_index", "stats"} <= {*f.columns} for f in _files(peek))


def _check_one(peek: Peek) -> None:
    """Refuse runs of several scenarios, or two of one in an arm: their instances share ids.

    Raises:
        RunsError: with what the names of the folders say.
    """
    runs = [file.name.rpartition("/")[0] for file in _files(peek)]
    scenarios = {_MODEL.sub("", PurePosixPath(run).name) for run in runs}
    if len(scenarios) > 1 or (peek.arms and len(runs) > len(peek.arms)):
        raise RunsError(
            "these are runs of several scenarios, whose instances share ids ({names}); expected "
            "the folders of two runs of one scenario.",
            names=several(runs),
        )


def _stats(peek: Peek) -> set[str]:
    """Return the names of the statistics that the first records of any file have."""
    return {name for file in _files(peek) for record in file.records for name in _names(record)}


def _names(record: dict[str, Any]) -> Iterator[str]:
    stats = record.get("stats")
    for stat in cast("list[object]", stats if isinstance(stats, list) else []):
        name = cast("dict[str, Any]", stat).get("name") if isinstance(stat, dict) else None
        if isinstance(name, dict):
            yield str(cast("dict[str, Any]", name).get("name"))


def _at(name: str, part: str = "mean") -> str:
    """Return the path of a statistic."""
    return f"stats[name.name={name}].{part}"


def _drafts(peek: Peek) -> Draft:
    _check_one(peek)
    making = ToolDraft(peek._replace(files=tuple(_files(peek))), PRESET.name, PRESET.title)
    stats = _stats(peek)
    making.take("prompt_id", "instance_id")
    parts = ["instance_id", "train_trial_index"]
    if making.has("perturbation.name"):
        parts.append("perturbation.name")
    making.columns["sample_id"] = parts
    making.notes["columns.sample_id"] = making.why
    making.taken |= {*parts, "stats", "perturbation"}
    outcomes = [name for name in _OUTCOMES if name in stats]
    further: dict[str, Any] = {"others": "ignored", "records": "."}
    if outcomes:
        making.take("passed", _at(outcomes[0]), because("draft.helm", name=outcomes[0]))
        further["statuses"] = {1: "passed", 0: "failed"}
    for name in outcomes[1:]:
        making.scorer(name, _at(name), scale=[0, 1])
    shares = [name for name in _SHARES if name in stats]
    making.score_by(Scorer(name, _at(name), (0, 1)) for name in shares)
    if "inference_runtime" in stats:
        making.take("latency_ms", _at("inference_runtime"), unit="s")
    for field, name in (
        ("tokens_in", "num_prompt_tokens"),
        ("tokens_out", "num_completion_tokens"),
    ):
        if name in stats:
            making.take(field, _at(name))
    files = {file.name.rpartition("/")[2] for file in _files(peek)}
    return making.draft(f"*{files.pop()}" if len(files) == 1 else "*", **further)


PRESET: Final = Preset("helm", "HELM", _recognises, _drafts)
