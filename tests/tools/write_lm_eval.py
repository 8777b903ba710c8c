"""lm-evaluation-harness evaluates both arms on a task of its own and writes samples_*.jsonl.

Run in .venv-tools: `python write_lm_eval.py FOLDER`.
"""
# pyright: basic, reportMissingImports=false
# (the harness is not installed where the types are checked)

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import world
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

_TASK = """\
task: {task}
dataset_path: json
dataset_kwargs: {{ data_files: {{ test: {data} }} }}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list: [{{ metric: exact_match, aggregation: mean, higher_is_better: true }}]
filter_list:
  - {{ name: strict-match, filter: [{{ function: take_first }}] }}
  - name: first-word
    filter: [{{ function: regex, regex_pattern: "(\\\\w+)" }}, {{ function: take_first }}]
metadata: {{ version: 1 }}
"""


class _Answering(LM):
    """A model that knows its answers."""

    def __init__(self, arm: str) -> None:
        super().__init__()
        self.arm = arm

    def generate_until(self, requests, disable_tqdm=False):  # noqa: ANN001, ANN202, ARG002, FBT002
        """Answer; what is down is an empty text here, for the harness knows no errors."""
        return [self._answer(request.args[0]) for request in requests]

    def _answer(self, text: str) -> str:
        try:
            return world.answer(self.arm, text)
        except RuntimeError:
            return ""

    def loglikelihood(self, requests, disable_tqdm=False):  # noqa: ANN001, ANN202, ARG002, FBT002
        """End the run: these tasks generate, and an answer made up here would be read as one."""
        raise RuntimeError("a task of this test asked for a likelihood; expected generate_until")

    def loglikelihood_rolling(self, requests, disable_tqdm=False):  # noqa: ANN001, ANN202, ARG002, FBT002
        """End the run: these tasks generate, and an answer made up here would be read as one."""
        raise RuntimeError("a task of this test asked for a likelihood; expected generate_until")


def _tasks(folder: Path) -> list[str]:
    """Write two tasks, a topic each, and their documents; return their names."""
    folder.mkdir()
    names = [f"cities_{topic}" for topic in ("geography", "writing")]
    for name in names:
        numbers = [n for n in range(world.SIZE) if name == f"cities_{world.topic(n)}"]
        docs = [{"question": world.question(n), "answer": world.city(n)} for n in numbers]
        lines = [json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs]
        data = folder / f"{name}.jsonl"
        data.write_text("".join(lines), encoding="utf-8")
        (folder / f"{name}.yaml").write_text(_TASK.format(task=name, data=data), encoding="utf-8")
    return names


def main(folder: Path) -> None:
    """Write a folder of samples an arm, both tasks in it."""
    os.chdir(folder)
    names = _tasks(folder / "tasks")
    tasks = TaskManager(include_path=str(folder / "tasks"), include_defaults=False)
    for arm in world.EVERY:
        tracker = EvaluationTracker(output_path=str(folder / arm))
        results = simple_evaluate(
            model=_Answering(arm),
            tasks=names,
            task_manager=tasks,
            evaluation_tracker=tracker,
            bootstrap_iters=0,
        )
        samples = results.pop("samples")
        tracker.save_results_aggregated(results=results, samples=samples)
        for name in names:
            tracker.save_results_samples(task_name=name, samples=samples[name])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
