"""A handful of rows of whatever shape: never a GO, never anything but a review or a sentence."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as some

from rolloutlib.errors import RolloutError
from rolloutlib.judge.record import Recommendation
from rolloutlib.words.reasons import texts
from tests.honest.reviews import review
from tests.honest.worlds import COLUMNS, CONTROL, TREATMENT
from tests.often import EXHAUSTIVE

pytestmark = pytest.mark.slow

TAGS = some.none() | some.lists(some.sampled_from(["a", "b", "", "none", "A "]), max_size=2)
CELLS = {
    "arm": some.sampled_from([CONTROL, TREATMENT, TREATMENT, CONTROL, "third"]),
    "run": some.none() | some.sampled_from(["r0", "r1"]),
    "prompt": some.none() | some.sampled_from(["p0", "p1"]),
    "sid": some.none() | some.sampled_from(["s0", "s1", "s2"]),
    "cat": some.none() | some.just("qa"),
    "status": some.sampled_from(["passed", "failed", "vetoed", "error", "timeout", "odd"]),
    "score": some.none() | some.sampled_from([0, 10, 7.5, -1e-16, 11]),
    "ms": some.none() | some.sampled_from([0, 0.9, 1500, 60_000]),
    "tags": TAGS, "sug": TAGS, "conf": TAGS,
    "at": some.none() | some.sampled_from(["2026-10-22T10:00:00+09:00", "2026-10-23T10:00:00Z"]),
}  # fmt: skip
SOURCE = "".join(
    ['files: "*.jsonl"\nconstants: {profile: default}\nsimulated: true\ncolumns:\n']
    + [f"  {field}: {column}\n" for field, column in COLUMNS.items()]
)

PASSED = dict.fromkeys(CELLS) | {"arm": CONTROL, "status": "passed"}
# Half of the control has a prompt that the treatment has not: no spread, and no degrees of freedom.
LOPSIDED = [PASSED, PASSED, PASSED | {"prompt": "p0"}, PASSED | {"arm": TREATMENT}]


OFTEN = 60 if EXHAUSTIVE else 30


@settings(max_examples=OFTEN, phases=(Phase.explicit, Phase.generate))  # shrinking takes minutes
@example(rows=LOPSIDED)
@given(rows=some.lists(some.fixed_dictionaries(CELLS), min_size=1, max_size=8))
def test_a_handful_of_rows(rows: list[dict[str, Any]]) -> None:
    """Whatever eight rows say, they are no GO, and every reason has its sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (path / "rows.jsonl").write_text(text, encoding="utf-8")
        (path / "source.yaml").write_text(SOURCE, encoding="utf-8")
        try:
            reviewed = review(path)
        except RolloutError as error:
            assert str(error)  # noqa: PT017 -- both ends are right
            return
    assert reviewed.recommendation is not Recommendation.GO
    assert all(texts((*reviewed.reasons, *reviewed.warnings, *reviewed.changes)))
