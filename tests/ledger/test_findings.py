"""What the ledger can find or refuse stands in one table: sources and table name the same facts."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger.findings import SENTENCES, LedgerError, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = Path(__file__).resolve().parents[2] / "rolloutlib" / "ledger"


def raised() -> Iterator[tuple[str, set[str]]]:
    """Yield code and names of the facts of every `LedgerError(…)` and `finding(place, …)`."""
    for path in ROOM.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            position = {"LedgerError": 0, "finding": 1}.get(call.func.id, len(call.args))
            for code in codes_of(call.args[position]) if len(call.args) > position else ():
                yield code, {keyword.arg or "" for keyword in call.keywords}


def codes_of(argument: ast.expr) -> Iterator[str]:
    """Yield the literal codes of an argument: one, or both of a conditional expression."""
    for part in ast.walk(argument):
        if isinstance(part, ast.Constant) and part.value in SENTENCES:
            yield str(part.value)


def wanted(template: str) -> set[str]:
    """Return the names in braces."""
    return {name.split(":")[0] for _, name, _, _ in Formatter().parse(template) if name}


def test_every_sentence_gets_its_facts() -> None:
    """No code without a sentence, and each with exactly the facts that fill it."""
    calls = list(raised())
    assert len(calls) > 60
    assert [(code, facts) for code, facts in calls if facts != wanted(SENTENCES[code])] == []


def test_every_sentence_is_said() -> None:
    """No sentence in the table that nothing finds (`witness.other` is chosen by name)."""
    assert set(SENTENCES) - {code for code, _ in raised()} == {"witness", "witness.other"}


def test_unknown_codes_are_errors_of_the_program() -> None:
    """A misspelt code never becomes an empty sentence."""
    with pytest.raises(KeyError):
        LedgerError("sequense")
    assert finding("x", "sequence.ancestor", id="y").code == "sequence"
