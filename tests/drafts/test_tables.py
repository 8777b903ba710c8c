"""Tables of no known tool: what is beyond doubt is taken, the rest is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolloutlib.drafts.both_arms import sides_of
from rolloutlib.drafts.missing import missing_for
from rolloutlib.drafts.peek import Peek, PeekFile
from rolloutlib.drafts.table import draft_table
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.runs.column_spec import ColumnSpec
from rolloutlib.runs.sources import SourceSpec

Cells = Callable[[int, int], Any]  # of a row and an arm
N = 40


def looked(columns: dict[str, Cells]) -> Peek:
    """Return what a peek shows of two files, one an arm."""
    files: list[PeekFile] = []
    for arm in (0, 1):
        rows = tuple({name: of(row, arm) for name, of in columns.items()} for row in range(N))
        files.append(PeekFile(f"v{arm}.csv", Path(), ".csv", (*columns,), rows, every=rows))
    return Peek(tuple(files), arms={"control": "v0.csv", "treatment": "v1.csv"})


def either(*words: object) -> Cells:
    """Return cells that differ by row and by arm."""
    return lambda row, arm: words[(row * 7 + (row % 3) * arm) % len(words)]


def of_row(*words: object) -> Cells:
    """Return cells that are the same in both arms."""
    return lambda row, _: words[row * 7 % len(words)]


TAKEN: dict[str, tuple[dict[str, Cells], dict[str, Any]]] = {
    "Korean names and words": (
        {"문항번호": lambda row, _: row, "정오": either("O", "X"), "점수": either(1, 4, 5)},
        {"prompt_id": "문항번호", "passed": "정오", "score": {"column": "점수", "scale": [1, 5]}},
    ),
    "a scale from 0 to 1 by its fractions": (
        {"score": lambda row, arm: 0.01 + row / 50 + arm / 1000},
        {"score": {"column": "score", "scale": [0, 1]}},
    ),
    "a sentinel beside a scale": (
        {"rating": either(-1, 3, 7, 10)},
        {"score": {"column": "rating", "scale": [1, 10], "none": [-1]}},
    ),
    "failures mean the opposite": (
        {"failed": either("true", "false")},
        {"passed": "failed"},
    ),
    "a unit in the name": (
        {"elapsedSeconds": either(0.4, 1.9), "지연시간(ms)": either(410, 1900)},
        {"latency_ms": {"column": "elapsedSeconds", "unit": "s"}},
    ),
    "seconds by their size": (
        {"duration": either(0.4, 1.93)},
        {"latency_ms": {"column": "duration", "unit": "s"}},
    ),
    "moments since 1970": (
        {"passed": either(1, 0), "timestamp": lambda row, _: 1_795_132_800_000 + row},
        {"passed": "passed", "started_at": {"column": "timestamp", "unit": "ms"}},
    ),
    "money, tokens and the cache": (
        {"passed": either(1, 0), "usage.prompt_tokens": either(10, 12), "cost": either(0, 0.1),
         "output_tokens": either(3, 4), "cached": either("true", "false")},
        {"passed": "passed", "tokens_in": "usage.prompt_tokens", "cost": "cost",
         "tokens_out": "output_tokens", "cached": "cached"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("named", TAKEN)
def test_what_is_sure_is_taken(named: str) -> None:
    """A column whose name and values agree becomes its field, with scale, unit and sentinel."""
    columns, expected = TAKEN[named]
    assert draft_table(looked(columns)).mapping["columns"] == expected


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("pass", "words"), ("is_correct", "words"), ("correctness", "words"),
        ("ok", "words_asked"), ("isOk", "words_asked"), ("success", "words_asked"),
    ],
)  # fmt: skip
def test_one_column_of_outcomes_is_the_outcome(column: str, code: str) -> None:
    """Whatever it is called; what may be of the call and not of the answer is asked about."""
    draft = draft_table(looked({column: either("true", "false")}))
    assert draft.mapping["columns"] == {"passed": column}
    assert draft.notes["columns.passed"].code == f"draft.{code}"


def test_correctness_may_be_a_score() -> None:
    """Shares are no words of outcomes, but show their scale."""
    columns = draft_table(looked({"correctness": either(0, 0.25, 0.5, 1)})).mapping["columns"]
    assert columns == {"score": {"column": "correctness", "scale": [0, 1]}}


LEFT: dict[str, tuple[dict[str, Cells], str, str]] = {
    "words that may mean anything": ({"status": either("A", "B")}, "status", "words_unknown"),
    "codes of HTTP": ({"status": either(200, 500)}, "status", "words_unknown"),
    "the call came back": ({"status": either("success", "error")}, "status", "of_call"),
    "every call came back": ({"success": of_row("true")}, "success", "of_call"),
    "every call was ok": ({"ok": of_row("true")}, "ok", "of_call"),
    "the key beside a prediction": (
        {"correct": of_row("yes", "no"), "prediction": either("yes", "no")}, "correct",
        "of_question",
    ),
    "the key alone": (
        {"문항id": lambda row, _: f"q{row}", "정답": of_row(1, 0, 0)}, "정답", "same_outcomes",
    ),
    "less is better": ({"toxicity.score": either(0.1, 0.5, 1)}, "toxicity.score", "less_is_better"),
    "a scale that may be another": ({"score": either(2, 3)}, "score", "scale_open"),
    "ranks": ({"score": lambda row, _: row + 1}, "score", "rows"),
    "ms or s": ({"latency": either(45, 80)}, "latency", "unit_open"),
    "a moment called duration": ({"duration": lambda row, _: 1_795_132_800 + row}, "duration",
                                 "unit_open"),
    "a name that its numbers deny": ({"elapsed_ms": either(1.5, 2.5)}, "elapsed_ms",
                                     "unit_doubted"),
    "times without an offset": ({"created_at": of_row("2026-11-20T09:00:00")}, "created_at",
                                "no_offset"),
    "a role": ({"user": of_row("user")}, "user", "nobody"),
    "a label, the same in all rows": ({"id": of_row("echo")}, "id", "unknown"),
    "a question": ({"user": lambda row, _: f"what is {row}?"}, "user", "nobody"),
    "which calls failed": ({"error": either("true", "false")}, "error", "error"),
    "numbers of rows as ids": (
        {"id": lambda row, _: row, "question": lambda row, arm: f"{(row * 3 + arm) % N}"},
        "id", "unknown",
    ),
}  # fmt: skip


@pytest.mark.parametrize("named", LEFT)
def test_what_may_be_another_thing_is_left(named: str) -> None:
    """A column that would be a measurement by its name alone is left, with the reason."""
    columns, column, code = LEFT[named]
    draft = draft_table(looked(columns | {"passed_by_judge": either("yes", "no")}))
    mapped = draft.mapping["columns"].values()
    assert column not in mapped
    assert column not in [spec["column"] for spec in mapped if isinstance(spec, dict)]
    assert draft.left[column].code == f"draft.{code}"


def test_a_measurement_that_nobody_reads_is_told() -> None:
    """What is left although its name is a measurement's is named, so that no gate goes past it."""
    draft = draft_table(looked({"passed": either(1, 0), "score": either(2, 3)}))
    assert draft.unread == {"score": "score"}


def test_models_of_two_paths_are_a_segment() -> None:
    """Two paths are the arms; a column of models beside them is kept, so that a mix shows."""
    for column in ("model", "provider.id"):
        draft = draft_table(looked({"passed": either(1, 0), column: either("a", "b")}))
        assert draft.mapping["segments"] == {"model": column}
        assert "prompt_id" not in draft.mapping["columns"]


def test_both_arms_of_a_row() -> None:
    """Columns that are there once an arm stand under wide; what was chosen afterwards is no arm."""
    columns: dict[str, Cells] = {
        "id": lambda row, _: row, "passed_old": either(1, 0), "passed_new": either(0, 1, 1),
        "latency_s old": either(0.5, 1.5), "latency_s new": either(0.4, 1.5),
    }  # fmt: skip
    peek = looked(columns)
    mapping = draft_table(peek._replace(files=peek.files[:1], arms={})).mapping
    assert mapping["columns"] == {"prompt_id": "id"}
    assert mapping["wide"] == {
        "control": {
            "passed": "passed_old", "latency_ms": {"column": "latency_s old", "unit": "s"},
        },
        "treatment": {
            "passed": "passed_new", "latency_ms": {"column": "latency_s new", "unit": "s"},
        },
    }  # fmt: skip
    assert sides_of(("prompt", "score_chosen", "score_rejected")) is None


def test_gates_without_a_value_are_told() -> None:
    """A gate on a scorer asks for that scorer, and what both arms of a row have is there."""
    plan = load_eval_plan(SHIPPED)
    named = plan.gates["avg_score"].model_copy(update={"scorer": "helpful"})
    first, other = ({"score": {"column": name, "scale": [0, 1]}} for name in "ab")
    spec = SourceSpec.model_validate({"wide": {"x": first, "y": other}})
    assert missing_for(spec, {"own": plan.gates["avg_score"]}) == ()
    assert [why.facts["field"] for why in missing_for(spec, {"other": named})] == ["helpful"]
    scored = spec.model_copy(update={"scores": {"helpful": ColumnSpec(column=("h",))}})
    assert missing_for(scored, {"other": named}) == ()
