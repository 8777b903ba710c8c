"""OpenAI evals runs its Match on both arms and its LocalRecorder writes the events.

Run in .venv-tools: `python write_openai_evals.py FOLDER`.
"""
# pyright: basic, reportMissingImports=false
# (evals is not installed where the types are checked)

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import world

os.environ |= {
    "OPENAI_API_KEY": "none",
    "EVALS_SEQUENTIAL": "1",
}  # it imports a client that is never used

from evals.base import RunSpec
from evals.elsuite.basic.match import Match
from evals.record import LocalRecorder, record_error, record_sampling
from evals.registry import Registry


class _Answering:
    """A completion function that knows its answers, and is its own result."""

    def __init__(self, arm: str) -> None:
        self.arm, self.text = arm, ""

    def __call__(self, prompt, **_) -> _Answering:  # noqa: ANN001, ANN003
        text = prompt[-1]["content"]
        tokens = world.tokens_in(int(re.findall(r"\d+", text)[0]))
        usage = {"prompt_tokens": tokens, "completion_tokens": 5, "total_tokens": tokens + 5}
        self.text = world.answer(self.arm, text)
        record_sampling(prompt=prompt, sampled=self.text, model=self.arm, usage=usage)
        return self

    def get_completions(self) -> list[str]:
        """Return the one answer."""
        return [self.text]


class _Matching(Match):
    """The tool's own match; an error is recorded and ends the sample, not the run."""

    def eval_sample(self, sample, *rest):  # noqa: ANN001, ANN002, ANN202
        """Evaluate one sample."""
        try:
            return super().eval_sample(sample, *rest)
        except RuntimeError as error:
            return record_error(world.DOWN, error)


def main(folder: Path) -> None:
    """Write a file of events an arm."""
    samples = folder / "samples.json"
    with samples.with_suffix(".jsonl").open("w", encoding="utf-8") as file:
        for number in range(world.SIZE):
            prompt = [{"role": "user", "content": world.question(number)}]
            line = json.dumps({"input": prompt, "ideal": world.city(number)}, ensure_ascii=False)
            file.write(line + "\n")
    for arm in world.EVERY:
        spec = RunSpec(
            completion_fns=[arm],
            eval_name="cities.dev.v1",
            base_eval="cities",
            split="dev",
            run_config={"completion_fns": [arm], "seed": 1},
            created_by="",
        )
        (folder / arm).mkdir()
        recorder = LocalRecorder(str(folder / arm / f"{spec.run_id}_{arm}.jsonl"), run_spec=spec)
        matching = _Matching(
            completion_fns=[_Answering(arm)],
            samples_jsonl=str(samples.with_suffix(".jsonl")),
            seed=1,
            eval_registry_path=folder,
            name="cities.dev.v1",
            registry=Registry(),
        )
        recorder.record_final_report(matching.run(recorder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
