"""Numbers as people read them."""

from __future__ import annotations

from math import inf, nan

import pytest

from rolloutlib.words.numbers import show, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (0.0147, "proportion", True, "+1.47 pp"),
        (-0.0147, "proportion", True, "−1.47 pp"),
        (0.0, "proportion", True, "0.00 pp"),
        (-0.00001, "proportion", True, "0.00 pp"),
        (0.8559, "proportion", False, "85.6%"),
        (0.0123, "proportion", False, "1.23%"),
        (1.0, "proportion", False, "100.0%"),
        (3779.9, "ms", False, "3,780 ms"),
        (-12.4, "ms", True, "−12 ms"),
        (0.527, "ratio", False, "×0.53"),
        (8.25, "score", False, "8.25"),
        (-0.3, "score", True, "−0.30"),
        (None, "ms", False, "–"),
        (inf, "proportion", True, "no bound"),
        (-inf, "score", True, "no bound"),
        (nan, "ratio", False, "no bound"),
    ],
)
def test_shown(value: float | None, unit: str, signed: bool, text: str) -> None:  # noqa: FBT001
    """Differences of proportions are in signed pp, zero has no sign, infinity is no bound."""
    assert show(value, unit, signed=signed).text() == text


def test_no_bound_in_korean() -> None:
    """What is a word is translated; what is a number stays."""
    assert show(inf, "ms").text("ko") != "no bound"
    assert "3,780" in show(3779.9, "ms").text("ko")


def test_unit_of_a_quantile_gate() -> None:
    """A quantile gate's limit is in ms, its evidence is a share of samples."""
    assert unit_of("ms", "quantile") == "proportion"
    assert unit_of("ms", "mean") == "ms"
