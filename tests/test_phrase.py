"""A phrase says any value: a sentence about a fault has none itself."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from rolloutlib.phrase import phrase
from rolloutlib.words.sentences import say

ODD = (
    None, "x", "NaT", float("nan"), float("inf"), np.datetime64("NaT"), Decimal("sNaN"),
    Decimal("1e999999"), 10**400, (1, None), [Decimal(3)], b"a",
)  # fmt: skip


@pytest.mark.parametrize("form", [",", ".2f", "g", "+g", "02x", ".1%"])
def test_a_value_that_does_not_take_its_form_is_said_plainly(form: str) -> None:
    """No value makes a phrase or a sentence of words fail, and what stands around it is said."""
    for value in ODD:
        template = f"<{{value:{form}}}>"
        for text in (phrase(template, value=value), say(template, value=value)):
            assert str(text)[0] + str(text)[-1] == "<>"
    assert str(phrase(f"{{value:{form}}} rows", value=None)) == "None rows"


@pytest.mark.parametrize(
    ("number", "own"),
    [(np.int64(1200), 1200), (np.uint8(3), 3), (np.float64(0.5), 0.5), (np.float32(0.5), 0.5),
     (Decimal(1200), 1200), (Decimal("0.5"), 0.5)],
)  # fmt: skip
def test_numbers_of_libraries_stay_numbers(number: object, own: float) -> None:
    """NumPy's scalars and decimals are Python's own numbers, as records hold them."""
    value = phrase("{n:,}", n=number).values["n"]
    assert (value, type(value)) == (own, type(own))
