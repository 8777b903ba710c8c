"""Shapes that make many rows of few prompts are no new evidence; what is left out is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.judge.record import Recommendation
from tests.honest.reviews import gate, review, said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

_ARMS = ("control", "treatment")
_PROMPTS, _TIMES = 30, 8

Row = dict[str, Any]


def _row(arm: str, prompt: int, time: int) -> Row:
    ok = (7 * prompt + 3 * time + (arm == "treatment")) % 10 > 1
    return {"arm": arm, "id": f"q{prompt}", "epoch": time, "ok": ok, "s": ok * 0.9}


def _epochs(arm: str, prompt: int) -> list[Row]:
    """Return a row for each time that a prompt was asked."""
    return [_row(arm, prompt, time) for time in range(_TIMES)]


def _exploded(arm: str, prompt: int) -> list[Row]:
    """Return one record that holds all of them."""
    return [{"arm": arm, "id": f"q{prompt}", "runs": _epochs(arm, prompt)}]


def _filtered(arm: str, prompt: int) -> list[Row]:
    """Return each row once for each filter of its answer."""
    rows = _epochs(arm, prompt)
    return [row | {"filter": name} for row in rows for name in ("strict", "loose")]


SHAPES: dict[str, tuple[Callable[[str, int], list[Row]], str]] = {
    "rows": (_epochs, "columns: {arm: arm, prompt_id: id, passed: ok}\n"),
    "items": (_exploded, "explode: runs\ncolumns: {arm: arm, prompt_id: id, passed: runs.ok}\n"),
    "filters": (
        _filtered, "where: {filter: strict}\ncolumns: {arm: arm, prompt_id: id, passed: ok}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_repeats_are_clusters_of_their_prompt(tmp_path: Path, shape: str) -> None:
    """Eight repeats of thirty prompts are thirty clusters, whatever shape they come in."""
    rows_of, spec = SHAPES[shape]
    rows = [row for arm in _ARMS for prompt in range(_PROMPTS) for row in rows_of(arm, prompt)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "source.yaml").write_text(spec, "utf-8")
    reviewed = review(tmp_path)
    rate = gate(reviewed, "pass_rate").evidence
    assert (rate.design, rate.unit, rate.clusters) == ("crossed", "prompt", _PROMPTS)
    assert [arm.samples for arm in reviewed.arms] == [_PROMPTS * _TIMES] * 2
    assert ("'loose' (480)" in said(reviewed)) == (shape == "filters")


def test_records_whose_list_is_empty_are_missing(tmp_path: Path) -> None:
    """A treatment that drops its hard prompts by an empty list of items cannot pass."""
    lines: list[Row] = []
    for arm in _ARMS:
        for k in range(200):
            dropped = arm == "treatment" and k % 4 == 0
            lines.append(
                {"arm": arm, "id": f"q{k}", "runs": [] if dropped else [{"ok": k % 4 > 0}]}
            )
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")
    (tmp_path / "source.yaml").write_text(SHAPES["items"][1], "utf-8")
    reviewed = review(tmp_path)
    assert reviewed.recommendation is not Recommendation.GO
    assert gate(reviewed, "pass_rate").evidence.verdict.value != "pass"
    assert sum(group.rows for group in reviewed.quarantine) == 50
