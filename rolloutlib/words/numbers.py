"""Numbers as people read them: 0.0147 → "+1.47 pp", 3779.9 → "3,780 ms", no bound → "no bound"."""

from __future__ import annotations

from math import floor, isfinite, log10

from rolloutlib.words.sentences import Sentence, say

__all__ = ["bound", "show", "unit_of"]

TEN_PERCENT = 0.1
SMALL_COUNT = 0.1


def unit_of(unit: str, statistic: str) -> str:
    """Return the unit of a gate's evidence: one arm's quantile is judged by a share of samples."""
    return "proportion" if statistic == "quantile" and unit != "ratio" else unit


def show(value: float | None, unit: str, *, signed: bool = False) -> Sentence:
    """Return a number with its unit; `signed` for differences (of proportions in pp).

    >>> show(-0.0147, "proportion", signed=True).text(), show(0.8559, "proportion").text()
    ('−1.47 pp', '85.6%')
    >>> show(3779.9, "ms").text()
    '3,780 ms'
    >>> show(0.003118, "cost").text(), show(1234.5, "cost").text(), show(412.3, "tokens").text()
    ('0.00312', '1,234.50', '412 tokens')
    """
    if value is None:
        return say("–")
    if not isfinite(value):
        return say("no bound")
    if unit == "proportion":
        return _share(value, signed=signed)
    if unit == "ms":
        return say("{number} ms", number=_number(value, ",.0f", signed=signed))
    if unit == "tokens":
        return say("{number} tokens", number=_number(value, ",.0f", signed=signed))
    sign = "×" if unit == "ratio" else ""
    return Sentence(sign + _number(value, _form(value, unit), signed=signed))


def _share(value: float, *, signed: bool) -> Sentence:
    if signed:
        return say("{number} pp", number=_number(100 * value, ".2f", signed=True))
    return Sentence(f"{value:.1%}" if abs(value) >= TEN_PERCENT else f"{value:.2%}")


def _form(value: float, unit: str) -> str:
    if unit == "cost":
        return f",.{_places(value)}f"
    small = unit == "count" and abs(value) < SMALL_COUNT
    return ".4f" if small or unit == "nats" else ".2f"


def bound(value: float | None, unit: str, *, signed: bool = False) -> Sentence:
    """Return a bound with its unit; None is no bound."""
    return say("no bound") if value is None else show(value, unit, signed=signed)


def _places(cost: float) -> int:
    """Return how many decimals show three digits of a cost that may be a fraction of a cent."""
    return min(max(2, 2 - floor(log10(abs(cost)))), 9) if cost else 2


def _number(value: float, form: str, *, signed: bool) -> str:
    text = format(abs(value), form)
    if not float(text.replace(",", "")):
        return text
    return ("−" if value < 0 else "+" if signed else "") + text
