"""The page of the benchmarks, docs/benchmarks.md, and its chart."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.harness import ROOT, Cost, Section, table
from benchmarks.rows import NAMES, USERS, Case

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "cost-against-rows.svg"
ENGINES = ("duckdb", "narwhals", "pyarrow", "msgspec", "polars", "tea-tasting", "pandas", "scipy")
HEAD = """# Benchmarks

Written by `make bench` (`benchmarks/`), in one run. Every measurement is a process of its own; the
kernel says what it used: CPU is user and system time with that of its children, memory the highest
resident set of one process. Figures are medians of 3 (memory: the highest). Ratios hold on other
machines, seconds do not. `QUICK=1` prints a shorter run and writes nothing; `BIG=1` adds 100 M.
"""


def markdown(sections: Sequence[Section]) -> str:
    """Return goals first, then each question."""
    goals = [goal for section in sections for goal in section.goals]
    lines = [
        (goal.sentence, f"≤ {goal.most:g} {goal.unit}", f"{goal.figure:.2f} {goal.unit}",
         "held" if goal.figure <= goal.most else "**missed**")
        for goal in goals
    ]  # fmt: skip
    promised = table(("promise", "goal", "measured", ""), lines)
    parts = [f"## {section.title}\n\n{section.body}" for section in sections]
    return "\n\n".join([f"## Promises\n\n{promised}", *parts]) + "\n"


def write(sections: Sequence[Section], costs: dict[Case, dict[str, Cost]]) -> None:
    """Write the page and its chart."""
    _draw(costs)
    versions = ", ".join(f"{name} {version(name)}" for name in ENGINES)
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores; {versions}."
    chart = f"![CPU seconds against rows, by way](images/{CHART.name})"
    PAGE.write_text("\n".join([HEAD, where, "", chart, "", markdown(sections)]), encoding="utf-8")


def _draw(costs: dict[Case, dict[str, Cost]]) -> None:
    import altair as alt
    import vl_convert as vlc

    points = [
        {"rows": case.rows, "cpu": cost.cpu, "way": NAMES[way]}
        for case, ways in costs.items()
        if case.users == USERS
        for way, cost in ways.items()
    ]
    chart = (
        alt.Chart(alt.Data(values=points), width=560, height=320)
        .mark_line(point=True)
        .encode(
            x=alt.X("rows:Q").scale(type="log").title("rows").axis(format="~s"),
            y=alt.Y("cpu:Q").scale(type="log").title("CPU seconds, imports included"),
            color=alt.Color("way:N")
            .sort(list(NAMES.values()))
            .title(None)
            .legend(labelLimit=0, orient="bottom", columns=2, columnPadding=40),
        )
        .properties(title=f"What a process costs against the rows of its table, {USERS:,} users")
    )
    CHART.write_text(vlc.vegalite_to_svg(chart.to_dict()), encoding="utf-8")
