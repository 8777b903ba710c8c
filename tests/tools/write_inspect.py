"""Inspect evaluates both arms and writes its logs: v1 as .json, v2 as .eval.

Run in .venv-tools: `python write_inspect.py FOLDER`.
"""
# pyright: basic, reportMissingImports=false
# (Inspect is not installed where the types are checked)

from __future__ import annotations

import re
import sys
from pathlib import Path

import world
from inspect_ai import Epochs, Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate


def _samples() -> list[Sample]:
    return [
        Sample(
            id=f"q{number}",
            input=world.question(number),
            target=world.city(number),
            metadata={"topic": world.topic(number)},
        )
        for number in range(world.SIZE)
    ]


def _answering(arm: str):  # noqa: ANN202 -- a model of Inspect's, whose types are not here
    def answer(messages, *_):  # noqa: ANN001, ANN002, ANN202 -- as Inspect calls it
        text = messages[-1].text
        output = ModelOutput.from_content(arm, world.answer(arm, text))
        tokens = world.tokens_in(int(re.findall(r"\d+", text)[0]))
        output.usage = ModelUsage(input_tokens=tokens, output_tokens=5, total_tokens=tokens + 5)
        return output

    return get_model(f"mockllm/{arm}", custom_outputs=answer)


def main(folder: Path) -> None:
    """Write a log an arm."""
    for arm, kind in (("v1", "json"), ("v2", "eval")):
        task = Task(
            dataset=MemoryDataset(_samples(), name="cities"),
            solver=generate(),
            scorer=[match(), includes()],
            epochs=Epochs(world.REPEATS),
            name="cities",
        )
        evaluate(
            task,
            model=_answering(arm),
            log_dir=str(folder / arm),
            log_format=kind,
            display="none",
            fail_on_error=False,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
