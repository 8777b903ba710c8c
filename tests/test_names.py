"""Names say what a thing is in the field's terms, so that a function reads without its callers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
VAGUE: Final = (
    "asked", "due", "found", "given", "held", "here", "kept", "known", "mine", "one", "said",
    "seen", "there", "told", "wanted",
)  # fmt: skip
# How code binds a name: prose that looks alike costs only time.
BOUND: Final = re.compile(rf"(?i)(?<![.\w])_*(?:{'|'.join(VAGUE)})(?= ?[=,:)\]]| in |\n)")


def vague_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield function and name of each local, argument, loop target or constant that is vague.

    Fields of records keep their names: programs and templates read them.
    """
    waiting: list[tuple[ast.AST, str]] = [(ast.parse(text), "")]
    while waiting:
        node, where = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".lstrip(".")
        bound: str | None = None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound = node.id
        elif isinstance(node, ast.arg):
            bound = node.arg
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler):
            bound = node.name
        if bound is not None and bound.lower().lstrip("_") in VAGUE:
            yield where or "the module", bound
        of_record = isinstance(node, ast.ClassDef)
        waiting += [
            (child, where)
            for child in ast.iter_child_nodes(node)
            if not (of_record and isinstance(child, ast.AnnAssign))
        ]


@pytest.mark.slow
def test_names_say_what_they_hold() -> None:
    """`found` tells nobody what was found; matched_rows, deadline or signer do."""
    vague = sorted({
        f"{path.relative_to(ROOT)}: {where}: name {bound} by what it holds (matched_rows, deadline)"
        for folder in ("rolloutlib", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if BOUND.search(text := path.read_text("utf-8"))
        for where, bound in vague_in(text)
    })  # fmt: skip
    assert vague == []


def test_a_vague_name_is_seen_wherever_it_is_bound() -> None:
    """Arguments, targets, constants and captures count; fields and what is only read do not."""
    code = (
        "DUE = 1\nclass A:\n    said: str\n    def f(self, told, *kept: int):\n"
        "        for one, b in told:\n            pass\n        if (_seen := b):\n"
        "            return lambda here: here + given\n        with b as held:\n"
        "            match b:\n                case found: pass\n"
    )
    names = {bound for _, bound in vague_in(code)}
    assert names == {"DUE", "told", "kept", "one", "_seen", "here", "held", "found"}
    assert len(BOUND.findall(code)) >= len(names)
