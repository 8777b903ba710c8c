"""What `make calibrate` writes: calibration.md, calibration.csv and images/calibration.png."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.show.figure import INK, WIDE, Figure, Spec
from rolloutlib.show.pixels import Grid, dots, layer, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.calibration_harm import Harm

PROMISED: Final = 0.05
BEYOND: Final = 0.07
Z: Final = 1.959964  # two-sided 95 %
FALSE_GO, FALSE_NO_GO = "#b93c00", "#1d5fa8"

# Why a family's worlds may be beyond 7 %, and what the report says there.
BECAUSE: Final = {
    "runs differ": (
        "A run's own effect is seen in the spread of few runs only.",
        "How far runs differ beyond chance, and what that costs.",
    ),
    "outages": (
        "Three runs without an outage do not show one that hits every third run.",
        "In how many reviews so many runs would miss an outage.",
    ),
    "few prompts": (
        "The effect varies by prompt, and few prompts do not show how much.",
        "How many prompts there are, and that they count as a source of variance.",
    ),
    "teams": (
        "Teams that the source does not declare (`cluster`) cannot be seen.",
        "The unit of every bound; declare `cluster` in source.yaml.",
    ),
    "concentrated": (
        "Users who hold all events are missed by chance: with a share q of n users in (1 − q)ⁿ.",
        "Which share can be missed; where the plan holds for it, the gate stays open.",
    ),
    "rare in the control": (
        "No correlation of single events can be seen in few users.",
        "Within which correlation the bound holds; from stage 3 on the gate stays open.",
    ),
    "odd scores": (
        "A catastrophe that no user of the sample had leaves no trace in it.",
        "Which share of users can be missed; from stage 3 on the gate stays open.",
    ),
    "heavy latencies": (
        "A slow user who is not in the sample leaves no trace in it.",
        "The cap of the mean, and what it capped; from stage 2 on the gate stays open.",
    ),
}  # fmt: skip
OTHER: Final = ("Monte Carlo error, or few clusters.", "The method and the number of clusters.")


class Row(NamedTuple):
    """One gate in one world, at its limit and at its design alternative.

    Attributes:
        false_go: how often the evidence passes though the truth is exactly at the stage's limit;
            a GO needs that pass, so it is no more likely.
        false_no_go: how often it fails there.
        power: how often it passes where the design alternative is true.
        seconds: of processor time.
    """

    family: str
    world: str
    gate: str
    stage: int
    repetitions: int
    false_go: float
    false_no_go: float
    power: float
    seconds: float

    @property
    def is_beyond(self) -> bool:
        """Whether more than 7 % pass at the limit."""
        return self.false_go > BEYOND


class Results(NamedTuple):
    """The grid, the harm tests, and how long it took."""

    rows: list[Row]
    harms: list[Harm]
    seconds: float


def interval(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval (1927, JASA 22:209) of a simulated share.

    >>> [round(end, 3) for end in interval(0.05, 2000)]
    [0.041, 0.06]
    """
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (share * (1 - share) / n + Z**2 / (4 * n**2)) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)


def write(results: Results, docs: Path) -> None:
    """Write the table, the chart and the page."""
    import vl_convert

    with (docs / "calibration.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        shares = ("false_go", "false_no_go", "power")
        ends = [f"{name}_{end}" for name in shares for end in ("low", "high")]
        fields = Row._fields[:-1]
        out.writerow([*fields, *ends])
        for row in results.rows:
            bounds = [end for name in shares for end in interval(getattr(row, name),
                                                                row.repetitions)]  # fmt: skip
            out.writerow([*(_short(getattr(row, name)) for name in fields), *map(_short, bounds)])
    png = vl_convert.svg_to_png(chart(results.rows).svg(), scale=1.5)
    (docs / "images" / "calibration.png").write_bytes(png)
    template = (Path(__file__).parent / "calibration.md").read_text(encoding="utf-8")
    (docs / "calibration.md").write_text(template.format(**_values(results)), encoding="utf-8")


def _short(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else value


def _values(results: Results) -> dict[str, object]:
    rows = results.rows
    within = [row for row in rows if not row.is_beyond]
    return {
        "worlds": len(rows), "repetitions": f"{max(row.repetitions for row in rows):,}",
        "fewest": f"{min(row.repetitions for row in rows):,}",
        "seconds": f"{results.seconds / 60:.0f}", "count": len(rows) - len(within),
        "beyond": _beyond([row for row in rows if row.is_beyond]),
        "families": _families(rows), "gates": _gates(rows), "every": _every(rows),
        "held": f"{np.mean([row.false_go for row in within]):.1%}",
        "harm": _harm(results.harms),
        "alarm": f"{max(world.false_alarm for world in results.harms):.1%}",
    }  # fmt: skip


def _table(head: Sequence[str], body: Iterable[Sequence[str]], words: int = 1) -> str:
    lines = [head, ["---"] * words + ["--:"] * (len(head) - words), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(share: float, n: int) -> str:
    low, high = interval(share, n)
    return f"{100 * share:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def _beyond(rows: list[Row]) -> str:
    """List what errs more often than 7 %, family by family, the worst first."""
    if not rows:
        return "None."
    families = dict.fromkeys(row.family for row in sorted(rows, key=lambda row: -row.false_go))
    parts: list[str] = []
    for family in families:
        own = sorted((r for r in rows if r.family == family), key=lambda row: -row.false_go)
        why, reported = BECAUSE.get(family, OTHER)
        body = [(row.world, row.gate, str(row.stage), _share(row.false_go, row.repetitions),
                 _share(row.false_no_go, row.repetitions)) for row in own]  # fmt: skip
        table = _table(("world", "gate", "stage", "false GO, %", "false NO-GO, %"), body, words=2)
        parts.append(f"### {family}\n\n*Why:* {why} *The report says:* {reported}\n\n{table}")
    return "\n\n".join(parts)


def _families(rows: list[Row]) -> str:
    head = ("worlds", "number", "beyond 7 %", "false GO: mean (most), %",
            "false NO-GO: mean (most), %", "power: mean, %")  # fmt: skip
    return _table(head, (_summary(f, [r for r in rows if r.family == f])
                         for f in dict.fromkeys(r.family for r in rows)))  # fmt: skip


def _gates(rows: list[Row]) -> str:
    own = [row for row in rows if row.family == rows[0].family]
    head = ("gate", "number", "beyond 7 %", "false GO: mean (most), %",
            "false NO-GO: mean (most), %", "power: mean, %")  # fmt: skip
    return _table(head, (_summary(g, [r for r in own if r.gate == g])
                         for g in dict.fromkeys(r.gate for r in own)))  # fmt: skip


def _summary(name: str, own: list[Row]) -> tuple[str, ...]:
    go, no_go = [100 * row.false_go for row in own], [100 * row.false_no_go for row in own]
    return (
        name, str(len(own)), str(sum(row.is_beyond for row in own)),
        f"{np.mean(go):.1f} ({max(go):.1f})", f"{np.mean(no_go):.1f} ({max(no_go):.1f})",
        f"{100 * np.mean([row.power for row in own]):.0f}",
    )  # fmt: skip


def _every(rows: list[Row]) -> str:
    head = ("world", "gate", "stage", "repetitions", "false GO, %", "false NO-GO, %", "power, %")
    parts: list[str] = []
    for family in dict.fromkeys(row.family for row in rows):
        own = [row for row in rows if row.family == family]
        body = [(row.world, row.gate, str(row.stage), f"{row.repetitions:,}",
                 *(_share(share, row.repetitions)
                   for share in (row.false_go, row.false_no_go, row.power)))
                for row in own]  # fmt: skip
        table = _table(head, body, words=2)
        parts.append(
            f"<details><summary>{family}: {len(own)} worlds</summary>\n\n{table}\n\n</details>"
        )
    return "\n\n".join(parts)


def _harm(rows: list[Harm]) -> str:
    head = ("world", "false rollback", "uncorrected daily z", "any day below −2 pp",
            "−10 pp detected", "on day (median)")  # fmt: skip
    body = [
        (h.world, f"{h.false_alarm:.1%} ± {h.error:.1%}", f"{h.plain:.0%}", f"{h.literal:.0%}",
         f"{h.detected:.0%}", f"{h.day:g}")
        for h in rows
    ]  # fmt: skip
    return _table(head, body)


def chart(rows: Sequence[Row]) -> Figure:
    """Draw false GO and false NO-GO of every world, family by family."""
    families = list(dict.fromkeys(row.family for row in rows))
    grid = Grid(len(families), WIDE, 40, 44, 200, 880)
    points: list[Spec] = []
    for k, family in enumerate(families):
        own = [row for row in rows if row.family == family]
        for place, row in enumerate(own):
            y = k + ((place + 0.5) / len(own) - 0.5) * 0.3
            points.append({"row": y + 0.18, "x": row.false_no_go, "color": FALSE_NO_GO})
            points.append({"row": y - 0.18, "x": row.false_go, "color": FALSE_GO})
    most = max(0.2, *(point["x"] for point in points)) + 0.02
    ticks = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    axis: Spec = {"title": "share of reviews, exactly at the limit", "format": ".0%",
                  "values": [tick for tick in ticks if tick < most], "grid": False}  # fmt: skip
    layers = [
        layer([{"x": PROMISED}], "rule", at={"x": "x", "y": grid.header, "y2": grid.bottom},
              color=INK, strokeDash=[3, 3]),
        dots(points, {"x": "x", "y": "row", "color": "color"}, size=26, opacity=0.7),
        text([{"row": k, "text": name} for k, name in enumerate(families)], "text", 0,
             fontWeight=600),
        *_keys(),
    ]  # fmt: skip
    wide = grid.spec(layers, (0, most), axis)
    return Figure(wide, wide, "False GO and false NO-GO of every world, at its limit", "")


def _keys() -> list[Spec]:
    legend = (("● false GO", FALSE_GO), ("● false NO-GO", FALSE_NO_GO))
    look: Spec = {"align": "left", "fontWeight": 600, "fontSize": 13}
    return [
        layer([{"text": words}], "text", at={"x": 200 + 118 * k, "y": 14, "text": "text"},
              color=color, **look)
        for k, (words, color) in enumerate(legend)
    ]  # fmt: skip
