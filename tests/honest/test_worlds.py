"""Worlds whose evidence is incomplete, copied or of another kind are never a GO, and say why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.words.reasons import sentence
from tests.honest.bad_worlds import WORLDS
from tests.honest.good_worlds import GOOD
from tests.honest.reviews import review, said

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.honest.worlds import World

pytestmark = pytest.mark.slow  # tables are read and reviewed, one after the other

FAST = 8  # worlds that are tried with every change: one of each kind


def often(names: Iterable[str], most: int) -> list[Any]:
    """Return names as parameters; those after the first few are for `make test`."""
    marks = [() if place < most else pytest.mark.slow for place in range(len([*names]))]
    return [pytest.param(name, marks=mark) for name, mark in zip(names, marks, strict=True)]


@pytest.mark.parametrize("name", often(WORLDS, FAST))
def test_a_bad_world_is_no_go(name: str, tmp_path: Path) -> None:
    """The world is not GO, and its first or second reason names the cause and its number."""
    world = WORLDS[name]()
    reviewed = review(world.write(tmp_path / name), **dict(world.review))
    first = [sentence(reason) for reason in reviewed.reasons[:2]]
    assert reviewed.recommendation.value in world.expected, first
    assert any(_names(world, text) for text in first), (first, world.causes)


def _names(world: World, text: str) -> bool:
    return all(re.search(cause, text) for cause in world.causes)


@pytest.mark.parametrize("name", often(GOOD, 1))
def test_a_good_world_is_go(name: str, tmp_path: Path) -> None:
    """Nothing is missing that matters: the same numbers, written in whatever way, are GO."""
    world = GOOD[name]()
    reviewed = review(world.write(tmp_path / "good"), **dict(world.review))
    reasons = [sentence(reason) for reason in reviewed.reasons]
    assert reviewed.recommendation.value in world.expected, reasons


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unknown_word", "unknown_word_mapped"])
def test_an_unknown_word_is_named(name: str, tmp_path: Path) -> None:
    """The word that no status is stands in the review, with how many rows carry it."""
    world = WORLDS[name]()
    text = said(review(world.write(tmp_path / name)))
    assert any(_names(world, line) and "blocked" in line for line in text.splitlines())
