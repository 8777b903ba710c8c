"""Numbers as people read them: 0.0147 → "+1.47 pp", 3779.9 → "3,780 ms", no bound → "no bound"."""

from __future__ import annotations

from math import isfinite

from rolloutlib.words.sentences import Sentence, say

__all__ = ["bound", "show", "unit_of"]

TEN_PERCENT = 0.1
SMALL_COUNT = 0.1


def unit_of(unit: str, statistic: str) -> str:
    """Return the unit of a gate's evidence: a quantile gate is judged by a share of samples."""
    return "proportion" if statistic == "quantile" else unit


def show(value: float | None, unit: str, *, signed: bool = False) -> Sentence:
    """Return a number with its unit; `signed` for differences (of proportions in pp).

    >>> show(-0.0147, "proportion", signed=True).text(), show(0.8559, "proportion").text()
    ('−1.47 pp', '85.6%')
    >>> show(3779.9, "ms").text()
    '3,780 ms'
    """
    if value is None:
        return say("–")
    if not isfinite(value):
        return say("no bound")
    if unit == "proportion" and signed:
        return say("{number} pp", number=_number(100 * value, ".2f", signed=True))
    if unit == "proportion":
        return Sentence(f"{value:.1%}" if abs(value) >= TEN_PERCENT else f"{value:.2%}")
    if unit == "ms":
        return say("{number} ms", number=_number(value, ",.0f", signed=signed))
    small = unit == "count" and abs(value) < SMALL_COUNT
    form = ".4f" if small or unit == "nats" else ".2f"
    return Sentence(("×" if unit == "ratio" else "") + _number(value, form, signed=signed))


def bound(value: float | None, unit: str, *, signed: bool = False) -> Sentence:
    """Return a bound with its unit; None is no bound."""
    return say("no bound") if value is None else show(value, unit, signed=signed)


def _number(value: float, form: str, *, signed: bool) -> str:
    text = format(abs(value), form)
    if not float(text.replace(",", "")):
        return text
    return ("−" if value < 0 else "+" if signed else "") + text
