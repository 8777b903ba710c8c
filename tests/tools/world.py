"""The answers that every tool is asked to record: no model, so that the truth is known exactly.

It needs nothing but Python: what writes in `.venv-tools` imports it, and so do the tests.
"""

from __future__ import annotations

import re

SIZE = 120  # questions
REPEATS = 2
EVERY = {"v1": 5, "v2": 9}  # the answer to every fifth question (of v2 to every ninth) is wrong
CITIES = ("서울", "부산", "Paris")
DOWN = "the provider is down"


def question(number: int) -> str:
    """Return the text of a question."""
    return f"질문 {number}: {city(number)} 을(를) 그대로 따라 쓰세요"


def city(number: int) -> str:
    """Return what the right answer to a question is."""
    return CITIES[number % len(CITIES)]


def topic(number: int) -> str:
    """Return what a question is about."""
    return ("geography", "writing")[number % 2]


def is_right(arm: str, number: int) -> bool:
    """Whether an arm answers a question rightly."""
    return number % EVERY[arm] != 0


def is_down(number: int) -> bool:
    """Whether there is no answer to a question, but an error."""
    return number % 40 == 39


def answer(arm: str, text: str) -> str:
    """Return the answer to a prompt that holds a question.

    Raises:
        RuntimeError: the provider is down.
    """
    match = re.search(r"질문 (\d+):", text)
    number = int(match[1]) if match else 0
    if is_down(number):
        raise RuntimeError(DOWN)
    return city(number) if is_right(arm, number) else "모르겠습니다"


def tokens_in(number: int) -> int:
    """Return how many tokens a prompt is said to have had."""
    return 20 + number
