"""Tests of what is not there yet are expected to fail, by name, until it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.honest.pending import PENDING


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that cannot pass yet."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.name in PENDING:
            item.add_marker(pytest.mark.xfail(strict=True, reason="not there yet"))
