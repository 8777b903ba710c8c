"""The first rows of each arm as they are read, and what was set apart: what `--check` prints."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (duckdb and pyarrow carry no types)
from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.show.tables import aligned
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.runs.account import Runs

__all__ = ["read_back"]

_CELL, _REFUSED = 24, 5  # characters of a cell; refused rows that are shown
_HIDDEN: Final = {"passed", "vetoed", "error", "run_id"}  # the status tells them, the arm its run
_NUMBERS: Final = {"score", "latency_ms"}


def read_back(runs: Runs, rows: int) -> list[str]:
    """Return lines for a terminal, in the language that is spoken.

    Args:
        runs: what was read.
        rows: how many of each arm are shown.
    """
    return [*_first(runs, rows), "", *_account(runs)]


def _first(runs: Runs, rows: int) -> list[str]:
    arms = sorted({info.arm for info in runs.runs})
    names = [name for name in runs.relation.columns if name not in _HIDDEN]
    shown: list[dict[str, Any]] = []
    for arm in arms:
        quoted = arm.replace("'", "''")
        columns = ", ".join(f'"{name}"' for name in names)
        of_arm = runs.relation.filter(f"arm = '{quoted}'").project(columns)
        shown += of_arm.limit(rows).to_arrow_table().to_pylist()
    if not shown:
        return [str(say("No row can be read."))]
    filled = [name for name in names if any(row[name] not in (None, []) for row in shown)]
    right = frozenset(place for place, name in enumerate(filled) if name in _NUMBERS)
    cells = [tuple(_cell(row[name]) for name in filled) for row in shown]
    return aligned([tuple(filled), *cells], right)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.6g}"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _account(runs: Runs) -> Iterator[str]:
    arms = Counter[str]()
    for info in runs.runs:
        arms[info.arm] += info.n
    rows_by_arm = ", ".join(f"{arm} {rows:,}" for arm, rows in sorted(arms.items()))
    copies = sum(runs.copies.values())
    yield str(
        say(
            "{read:,} rows read = {kept:,} kept ({arms}) + {apart:,} set apart + {copies:,} copies",
            read=runs.read, kept=runs.kept, arms=rows_by_arm or "–", apart=runs.rows_quarantined,
            copies=copies,
        )
    )  # fmt: skip
    for refused in runs.quarantined[:_REFUSED]:
        yield f"  {translated(refused.said)}"
    if len(runs.quarantined) > _REFUSED:
        yield str(say("  and {n:,} more", n=len(runs.quarantined) - _REFUSED))
    for reason in (*runs.warnings, *runs.doubts.values()):
        yield f"  ! {sentence(reason)}"
