"""docs/explore.md as a test: every line runs, and what it shows is what comes out."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING

import pytest

from rolloutlib.plan.workbook import workbook_root

if TYPE_CHECKING:
    from pathlib import Path

PAGE = workbook_root() / "docs" / "explore.md"


@pytest.mark.slow
def test_the_page_says_what_comes_out(tmp_path: Path) -> None:
    """One session from the first line to the last, as whoever follows the page has it."""
    parser, output = doctest.DocTestParser(), list[str]()
    text = PAGE.read_text("utf-8")
    session = parser.get_doctest(text, {"folder": tmp_path}, PAGE.name, str(PAGE), 0)
    assert len(session.examples) > 20
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    failed = runner.run(session, out=output.append).failed
    assert failed == 0, "".join(output)


def test_every_block_is_run() -> None:
    """A block of Python without prompts would be read and never run."""
    blocks = PAGE.read_text("utf-8").split("```python\n")[1:]
    assert [block for block in blocks if not block.startswith(">>> ")] == []
