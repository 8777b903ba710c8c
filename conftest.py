"""What all tests and doctests share: each counts the looks of its reviews in a file of its own."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from rolloutlib.judge import counting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams


@pytest.fixture(autouse=True, scope="session")
def looks_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test its file where the plan's would count: tests are no looks at a stage."""
    folder, as_named = tmp_path_factory.mktemp("looks"), counting.looks_file

    def own_file(plan: Plan, params: ReviewParams) -> Path | None:
        if params.looks is not None or (shipped := as_named(plan, params)) is None:
            return as_named(plan, params)
        test = f"{shipped} {os.environ['PYTEST_CURRENT_TEST'].rpartition(' ')[0]}"
        return folder / f"{sha256(test.encode()).hexdigest()[:16]}.jsonl"

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(counting, "looks_file", own_file)
        yield
