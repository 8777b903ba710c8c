"""The pages that `make calibrate` writes.

Docs/calibration.md, calibration.csv and images/calibration.png.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.show.figure import INK, WIDE, Figure, Grid, Spec, dots, layer, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MORE = 5  # times as many repetitions, with other draws, for what the first pass flags
BALANCED, HARD = 0.05, 0.07  # targets of false GO
TRUTHS = ("better", "limit", "beyond")
COLORS = {"independent": "#586271", "paired": "#7a5b00", "nested": "#1d5fa8", "crossed": "#00735c"}
LITERAL = "#b93c00"


class Row(NamedTuple):
    """One gate in one world.

    Proportions of repetitions, `error` the Monte Carlo error of `false_go`.
    """

    world: str
    stage: int
    gate: str
    repetitions: int
    false_go: float
    error: float
    target: float
    beyond: float
    false_no_go: float
    covers_lower: float
    covers_upper: float
    literal: float
    decision: float
    literal_decision: float

    @property
    def kind(self) -> str:
        """The design."""
        return self.world.split(":")[0].split(",")[0]

    @property
    def missed(self) -> bool:
        """Whether the gate lets more through at its limit than promised."""
        return self.false_go > self.target + (2 * self.error if self.target == BALANCED else 0)


class Harm(NamedTuple):
    """Fourteen daily looks at the pass rate.

    Shares of repetitions with a rollback, and the median day with a loss.
    """

    world: str
    false_alarm: float
    error: float
    plain: float
    literal: float
    detected: float
    day: float


class Results(NamedTuple):
    """The grid, what was flagged and simulated again, the harm tests, and how long it took."""

    rows: list[Row]
    again: list[Row]
    harms: list[Harm]
    seconds: float


def write(found: Results, docs: Path) -> None:
    """Write the table, the chart and the page."""
    import vl_convert

    with (docs / "calibration.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*Row._fields, "step"])
        for name, part in (("first", found.rows), ("again", found.again)):
            out.writerows(
                [[*(f"{v:.4f}" if isinstance(v, float) else v for v in row), name] for row in part]
            )
    png = vl_convert.svg_to_png(chart(found.rows).svg(), scale=1.5)
    (docs / "images" / "calibration.png").write_bytes(png)
    template = (Path(__file__).parent / "calibration.md").read_text(encoding="utf-8")
    (docs / "calibration.md").write_text(template.format(**_values(found)), encoding="utf-8")


def _values(found: Results) -> dict[str, object]:
    rows, layouts = found.rows, len({row.world for row in found.rows})
    worst = max(rows, key=lambda row: row.decision)
    return {
        "layouts": layouts, "worlds": layouts * len(TRUTHS),
        "repetitions": f"{rows[0].repetitions:,}",
        "seconds": f"{found.seconds:.0f}", "gates": _gates(rows), "results": f"{len(rows):,}",
        "again": _again(found.again, MORE * rows[0].repetitions), "full": _full(rows),
        "coverage": _coverage(rows),
        "decision": f"{worst.decision:.1%} ± "
        f"{(worst.decision * (1 - worst.decision) / worst.repetitions) ** 0.5:.1%}",
        "decision_where": f"{worst.gate}, {worst.world}",
        "literal_decision": f"{max(row.literal_decision for row in rows):.0%}",
        "harm": _harm(found.harms), "alarm": f"{max(one.false_alarm for one in found.harms):.1%}",
    }  # fmt: skip


def _again(rows: Sequence[Row], repetitions: int) -> str:
    if not rows:
        return "None is."
    told = f"{len(rows)} are; with {repetitions:,} repetitions and other draws "
    misses = [row for row in rows if row.missed]
    if not misses:
        return f"{told}none of them stays there."
    body = [
        (r.world, r.gate, f"{r.false_go:.1%} ± {r.error:.1%}", f"{r.target:.0%}") for r in misses
    ]
    return f"{told}these stay:\n\n{_table(('world', 'gate', 'false GO', 'target'), body)}"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _gates(rows: list[Row]) -> str:
    def cells(gate: str) -> list[str]:
        own = [row for row in rows if row.gate == gate]
        easy, hard = ([row for row in own if row.target == target] for target in (BALANCED, HARD))
        worst = [
            f"{np.mean([r.false_go for r in part]):.1%} ({max(r.false_go for r in part):.1%})"
            for part in (easy, hard)
        ]
        return [
            gate,
            *worst,
            f"{max(r.beyond for r in own):.1%}",
            f"{max(r.decision for r in own):.1%}",
            f"{np.mean([r.literal for r in own]):.0%} ({max(r.literal for r in own):.0%})",
        ]

    head = (
        "gate",
        "≥ 10 balanced clusters: mean (most)",
        "5–10, unequal or 2 : 1: mean (most)",
        "beyond: most",
        "GO by it alone: most",
        "plan's rule at the limit: mean (most)",
    )
    return _table(head, [cells(gate) for gate in dict.fromkeys(row.gate for row in rows)])


def _full(rows: list[Row]) -> str:
    gates = list(dict.fromkeys(row.gate for row in rows))
    by = {(row.world, row.gate): row for row in rows}

    def cell(row: Row) -> str:
        mark = "**" if row.missed else ""
        return f"{mark}{100 * row.false_go:.1f}{mark} / {100 * row.literal:.0f}"

    worlds = dict.fromkeys((row.world, row.stage) for row in rows)
    return _table(
        ["world", "stage", *gates],
        [
            [world, str(stage), *(cell(by[world, gate]) for gate in gates)]
            for world, stage in worlds
        ],
    )


def _coverage(rows: list[Row]) -> str:
    def cells(gate: str) -> list[str]:
        own = [row for row in rows if row.gate == gate]
        return [
            gate,
            *(
                f"{np.mean(some):.1%} ({min(some):.1%})"
                for some in ([r.covers_lower for r in own], [r.covers_upper for r in own])
            ),
        ]

    return _table(
        ("gate", "lower bound: mean (least)", "upper bound: mean (least)"),
        [cells(gate) for gate in dict.fromkeys(r.gate for r in rows)],
    )


def _harm(rows: list[Harm]) -> str:
    head = (
        "world",
        "false rollback",
        "uncorrected daily z",
        "any day below −2 pp",
        "−10 pp detected",
        "on day (median)",
    )
    body = [
        (
            h.world,
            f"{h.false_alarm:.1%} ± {h.error:.1%}",
            f"{h.plain:.0%}",
            f"{h.literal:.0%}",
            f"{h.detected:.0%}",
            f"{h.day:g}",
        )
        for h in rows
    ]
    return _table(head, body)


def chart(rows: Sequence[Row]) -> Figure:
    """Draw false GO of every gate in every world, and of the plan's literal rule."""
    gates = list(dict.fromkeys(row.gate for row in rows))
    grid = Grid(len(gates), WIDE, 56, 44, 170, 880)
    order = {name: k for k, name in enumerate(dict.fromkeys(row.world for row in rows))}
    points: list[Spec] = []
    literal: list[Spec] = []
    for row in rows:
        y = gates.index(row.gate) + (order[row.world] / len(order) - 0.5) * 0.36
        points.append({"row": y - 0.2, "x": row.false_go, "color": COLORS[row.kind]})
        literal.append({"row": y + 0.22, "x": row.literal, "color": LITERAL})
    title = (
        "chance to pass exactly at the limit "
        "(upper row: evidence, lower row: the plan's literal rule)"
    )
    axis: Spec = {
        "title": title,
        "format": ".0%",
        "values": [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "grid": False,
    }
    layers = [
        layer(
            [{"x": 0.05}],
            "rule",
            at={"x": "x", "y": grid.header, "y2": grid.bottom},
            color=INK,
            strokeDash=[3, 3],
        ),
        dots(literal, {"x": "x", "y": "row", "color": "color"}, size=22, filled=False, opacity=0.5),
        dots(points, {"x": "x", "y": "row", "color": "color"}, size=26, opacity=0.8),
        text([{"row": k, "text": name} for k, name in enumerate(gates)], "text", 0, fontWeight=600),
        *_keys(),
    ]
    wide = grid.spec(layers, (0, 0.65), axis)
    return Figure(wide, wide, "False GO of every gate in every world, at its limit", "")


def _keys() -> list[Spec]:
    said = [(f"● {kind}", color) for kind, color in COLORS.items()] + [
        ("○ the plan's literal rule", LITERAL)
    ]
    look: Spec = {"align": "left", "fontWeight": 600, "fontSize": 13}
    return [
        layer(
            [{"text": words}],
            "text",
            at={"x": 170 + 118 * k, "y": 14, "text": "text"},
            color=color,
            **look,
        )
        for k, (words, color) in enumerate(said)
    ]
