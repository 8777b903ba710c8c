"""Small worlds that a review must not call GO: each changes one thing in a world that is GO.

Written after public bug reports of evaluation tools (`cases.jsonl` names them). A world says what
may be recommended and which numbers the first or second reason has to name; the numbers are
counted here, in the rows, and never taken from a review. Tests write a world and review it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

CONTROL, TREATMENT = "control", "treatment"
NOT_GO: Final = frozenset({"HOLD", "NO_GO", "INVALID"})
COLUMNS: Final = {
    "arm": "arm", "run_id": "run", "prompt_id": "prompt", "sample_id": "sid", "category": "cat",
    "status": "status", "score": "score", "latency_ms": "ms", "issues": "tags",
    "suggested_tags": "sug", "confirmed_tags": "conf", "started_at": "at",
}  # fmt: skip
LISTS: Final = ("tags", "sug", "conf")
Kind = Literal["csv", "jsonl", "parquet"]
Texts = tuple[str, ...]


@dataclass(frozen=True)
class World:
    """One world.

    Attributes:
        parts: the files' names without their ending, and their rows.
        why: what is wrong with it.
        causes: patterns that the first or second reason has to match, all in one of them.
        expected: what may be recommended.
        kind: how the files are written.
        texts: columns of lists whose cells are text already.
        yaml: further lines of source.yaml; `columns` what is mapped otherwise.
        review: parameters of the review.
    """

    parts: dict[str, pd.DataFrame]
    why: str
    causes: Texts = ()
    expected: frozenset[str] = NOT_GO
    kind: Kind = "csv"
    texts: Texts = ()
    yaml: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    review: tuple[tuple[str, Any], ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the samples and source.yaml; return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "source.yaml").write_text(self._source(), encoding="utf-8")
        for name, rows in self.parts.items():
            _WRITERS[self.kind](self._cells(rows), folder / f"{name}.{self.kind}")
        return folder

    def _source(self) -> str:
        names = next(iter(self.parts.values())).columns
        mapped = {field: column for field, column in COLUMNS.items() if column in names}
        text = {column for column in LISTS if self.kind == "csv" and column not in self.texts}
        lines = {
            field: f'{{column: {column}, separator: ";"}}' if column in text else column
            for field, column in mapped.items()
        } | dict(self.columns)
        listed = "".join(f"  {field}: {column}\n" for field, column in lines.items())
        head = f'title: {self.why!r}\nfiles: "*.{self.kind}"\nconstants: {{profile: default}}\n'
        return f"{head}simulated: true\n{self.yaml}columns:\n{listed}"

    def _cells(self, rows: pd.DataFrame) -> pd.DataFrame:
        if self.kind != "csv":
            return rows
        joined = {
            name: rows[name].map(lambda tags: ";".join(tags) if isinstance(tags, list) else tags)
            for name in LISTS
            if name in rows and name not in self.texts
        }
        return rows.assign(**joined)


def _write_jsonl(rows: pd.DataFrame, path: Path) -> None:
    lines = rows.to_json(orient="records", lines=True, double_precision=12)
    path.write_text(lines or "", encoding="utf-8")


_WRITERS: Final[dict[str, Callable[[pd.DataFrame, Path], None]]] = {
    "csv": lambda rows, path: rows.to_csv(path, index=False),
    "jsonl": _write_jsonl,
    "parquet": lambda rows, path: rows.to_parquet(path, index=False),
}


# --- the world in which every gate passes ---------------------------------------------------------


def base(
    n: int = 500, runs: int = 3, seed: int = 1, *, better: float = 0.04, score: float = 0.4
) -> pd.DataFrame:
    """Return 3 runs of n prompts in both arms.

    The treatment passes more often, scores higher, hallucinates less.
    """
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(run, p, arm) for run in range(runs) for p in range(n) for arm in (CONTROL, TREATMENT)],
        columns=["of", "p", "arm"],
    )
    t, size = (rows["arm"] == TREATMENT).to_numpy(), len(rows)
    quality, luck = rng.normal(size=size // 2).repeat(2), rng.random(size)
    passes, vetoes = luck < 0.90 + better * t, luck > np.where(t, 0.985, 0.96)
    value = np.clip(7.6 + score * t + 0.8 * quality + rng.normal(0, 0.4, size), 0, 10)
    flawed, confirmed = rng.random(size) < np.where(t, 0.05, 0.16), rng.random(size) < 0.85
    run, prompt = rows["of"].astype(str), rows["p"].astype(str)
    return pd.DataFrame({
        "arm": rows["arm"], "run": rows["arm"].str[0] + run, "prompt": "p" + run + "-" + prompt,
        "sid": "s" + prompt, "cat": np.where(rows["p"] % 2, "qa", "sum"),
        "status": np.select([passes, vetoes], ["passed", "vetoed"], "failed"),
        "score": value.round(3), "ms": rng.lognormal(7.2, 0.15, size).round(1),
        "tags": [["hallucination"] if flaw else [] for flaw in flawed],
        "sug": [["a", "b"]] * size, "conf": [["a", "b"] if keep else ["a"] for keep in confirmed],
        "at": [f"2026-10-{22 + day}T10:00:00+09:00" for day in rows["of"]],
    })  # fmt: skip


def treated(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows are the treatment's."""
    return rows["arm"] == TREATMENT


def one(rows: pd.DataFrame, why: str, *causes: str, **more: Any) -> World:  # noqa: ANN401
    """Return a world in one file."""
    return World({"samples": rows}, why, causes, **more)


def share(rows: pd.Series[bool]) -> str:
    """Return a pattern of the share of rows: rounded, with a decimal, or as a count."""
    part, count = float(rows.mean()), int(rows.sum())
    written = {f"{part:.0%}", f"{part:.1%}", f"{part:.2%}", f"{count}", f"{count:,}"}
    return number(*written)


def number(*written: str) -> str:
    """Return a pattern of a number, written in one of these ways; % may stand apart."""
    ways = "|".join(re.escape(way).replace("%", " ?%") for way in sorted(written))
    return rf"(?<![\d.,])(?:{ways})(?![\d%]|[.,]\d)"


def put(rows: pd.DataFrame, column: str, where: Iterable[bool], value: object) -> pd.DataFrame:
    """Return the rows with another value where told; lists as well."""
    cells = [value if hit else cell for cell, hit in zip(rows[column], where, strict=True)]
    return rows.assign(**{column: pd.Series(cells, index=rows.index, dtype=object)})


def chance(rows: pd.DataFrame, chance: float, seed: int) -> pd.Series[bool]:
    """Return which rows are hit by chance."""
    return pd.Series(np.random.default_rng(seed).random(len(rows)) < chance, index=rows.index)
