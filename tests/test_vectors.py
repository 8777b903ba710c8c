"""Worked statistical examples: each names its own source and tolerance in data/vectors.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vectors import COMPUTE

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "vectors.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_worked_example(example: dict[str, Any]) -> None:
    """The estimator gives its source's numbers, within the example's tolerance."""
    computed = COMPUTE[example["estimator"]](example["inputs"])
    assert np.shape(computed) == np.shape(example["expected"])
    assert np.max(np.abs(np.subtract(computed, example["expected"]))) <= example["tolerance"]


def test_every_estimator_has_an_example() -> None:
    """No adapter is left without an example that would notice if it broke."""
    assert {example["estimator"] for example in EXAMPLES} == COMPUTE.keys()
