"""What `make ladder` and `make watch-worlds` share: arguments, and tables in docs/statistics.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "statistics.md"

Marks = tuple[str, str]


def arguments(prog: str, description: str | None, *, rollouts: int, of: str) -> argparse.Namespace:
    """Return what a simulation of rollouts is told.

    Args:
        prog: as `python -m` starts it.
        description: of the simulation.
        rollouts: how many, where the command line says nothing.
        of: what so many are drawn of.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description, allow_abbrev=False)
    parser.add_argument("--rollouts", type=int, default=rollouts, metavar="N",
                        help=f"{of} (default: {rollouts})")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, metavar="N",
                        help="processes (default: 2)")  # fmt: skip
    parser.add_argument("--dry", action="store_true", help="print the tables, write nothing")
    return parser.parse_args()


def with_tables(text: str, tables: Sequence[str], marks: Marks) -> str:
    """Return the page with other tables between the marks.

    Raises:
        ValueError: a mark is not on the page once.
    """
    before, rest = text.split(marks[0])
    _, after = rest.split(marks[1])
    return "\n\n".join((before + marks[0], *tables, marks[1] + after))


def write(tables: Sequence[str], marks: Marks) -> None:
    """Put the tables into the page and say where it is."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text, tables, marks), encoding="utf-8")
    print(f"see {PAGE.relative_to(ROOT)}")
