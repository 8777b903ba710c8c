"""deepeval evaluates both arms with two metrics that need no model, and writes its test runs.

Run in .venv-tools: `python write_deepeval.py FOLDER`.
"""
# pyright: basic, reportMissingImports=false
# (deepeval is not installed where the types are checked)

from __future__ import annotations

import os
import sys
from pathlib import Path

import world
from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import BaseMetric, ExactMatchMetric
from deepeval.test_case import LLMTestCase


class _Short(BaseMetric):
    """How short an answer is; it fails where there is none, as a judge that is down does."""

    async_mode = include_reason = strict_mode = skipped = False
    evaluation_model = error = score = success = reason = None
    threshold = 0.1

    def measure(self, test_case, *_, **__) -> float:  # noqa: ANN001, ANN002, ANN003
        """Score an answer."""
        if not test_case.actual_output:
            raise RuntimeError(world.DOWN)
        self.score = 1 / len(test_case.actual_output)
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case, *_, **__) -> float:  # noqa: ANN001, ANN002, ANN003
        """Score an answer."""
        return self.measure(test_case)

    def is_successful(self) -> bool:
        """Whether the last answer was short enough."""
        return bool(self.success)

    @property
    def __name__(self) -> str:
        return "Brevity"


def _case(arm: str, number: int) -> LLMTestCase:
    try:
        got = world.answer(arm, world.question(number))
    except RuntimeError:
        got = ""
    return LLMTestCase(
        input=world.question(number),
        actual_output=got,
        expected_output=world.city(number),
        completion_time=0.5 + 0.001 * number + 0.0001 * world.EVERY[arm],
        token_cost=0.002,
        tags=[world.topic(number)],
    )


def main(folder: Path) -> None:
    """Write a test run an arm."""
    os.chdir(folder)
    for arm in world.EVERY:
        evaluate(
            [_case(arm, number) for number in range(world.SIZE)],
            [ExactMatchMetric(), _Short()],
            hyperparameters={"model": arm},
            async_config=AsyncConfig(run_async=False),
            display_config=DisplayConfig(
                show_indicator=False, print_results=False, results_folder=str(folder / arm)
            ),
            error_config=ErrorConfig(ignore_errors=True),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
