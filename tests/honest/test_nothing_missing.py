"""The shipped examples, in which nothing is missing, give the numbers that they gave before.

`examples.json` holds each gate's numbers as of the commit that it names, the last one that was
meant to change them: runs became a source of variance, and means of latencies are capped.
`python tests/honest/test_nothing_missing.py` writes it again: only for a change that is meant to
change numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params

pytestmark = pytest.mark.slow  # reviews every example

EXAMPLES = Path("data/examples")
FROZEN = Path(__file__).with_name("examples.json")
FC, PROMPT = "gpt-4o-2024-05-13-FC", "gpt-4o-2024-05-13"
LEPTON, BEDROCK = "lepton/llama2-70b", "bedrock/meta.llama2-70b-chat-v1"
REVIEWS: dict[str, tuple[int, str, str, str]] = {
    "upgrade": (2, "bfcl", FC, "gpt-4o-2024-08-06-FC"),
    "disaster": (2, "bfcl", PROMPT, "gpt-4o-2024-08-06"),
    "slower": (3, "bfcl", "gpt-3.5-turbo-0125-FC", "gpt-4o-mini-2024-07-18-FC"),
    "ladder": (4, "bfcl", FC, "gpt-4o-mini-2024-07-18-FC"),
    "ragtruth": (2, "ragtruth", "llama-2-7b-chat", "llama-2-70b-chat"),
    "ragtruth-0": (0, "ragtruth", "llama-2-7b-chat", "mistral-7B-instruct"),
    "llmperf": (1, "llmperf", LEPTON, BEDROCK),
    "wildbench": (2, "wildbench", "gpt-3.5-turbo-0125", "reka-core-20240501"),
    **{f"story-{k}": (k, f"story/stage-{k}", "control", "treatment") for k in range(5)},
    "regression": (2, "story/stage-2-regression", "control", "treatment"),
}


def numbers(name: str) -> dict[str, dict[str, float | None]]:
    """Return the numbers of each gate of an example's review: both verdicts', both arms'."""
    stage, runs, control, treatment = REVIEWS[name]
    values = {"stage": stage, "runs": str(EXAMPLES / runs), "looks": ""}
    reviewed = review_stage(review_params(values | {"control": control, "treatment": treatment}))
    return {gate.id: _row(gate) for gate in reviewed.gates}


def _row(gate: Any) -> dict[str, float | None]:  # noqa: ANN401 -- of this commit or an older one
    bounds = {name: getattr(gate.evidence, name) for name in ("point", "lower", "upper")}
    return bounds | {
        "control": gate.control, "treatment": gate.treatment, "plan": gate.plan.value
    }  # fmt: skip


@pytest.mark.parametrize("name", REVIEWS)
def test_the_numbers_of_an_example(name: str) -> None:
    """Every gate's point, bounds and levels are the frozen ones to nine digits."""
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))["reviews"][name]
    now = numbers(name)
    assert list(now) == list(frozen)
    for gate, row in frozen.items():
        numbers_told = {number: value for number, value in row.items() if value is not None}
        assert [name for name, value in now[gate].items() if value is not None] == list(
            numbers_told
        ), gate
        assert {name: now[gate][name] for name in numbers_told} == pytest.approx(
            numbers_told, rel=1e-9
        ), gate


def main() -> None:
    """Write the numbers of this checkout."""
    golden = {"commit": "fbb273b", "reviews": {name: numbers(name) for name in REVIEWS}}
    FROZEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
