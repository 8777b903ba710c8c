"""The report's flipped answers: bounded, escaped, and with lines of Python that give them all."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from rolloutlib.measure.within import Condition
from rolloutlib.plan.params import review_params
from rolloutlib.show.figure import Note
from rolloutlib.show.flipped import in_python, worst_answers
from rolloutlib.show.tables import Html
from tests.sample_judged import bfcl, judged_of
from tests.sample_review import ATTACK, Tags

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.review import Judged

SOURCE = """\
columns: {arm: arm, prompt_id: prompt, passed: ok, category: kind, issues: issue}
statuses: {"1": passed, "0": failed}
constants: {profile: default}
"""


def table_of(folder: Path, rows: list[tuple[object, ...]]) -> Judged:
    """Review a CSV of arm, prompt, passed, category, issue."""
    with (folder / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("arm", "prompt", "ok", "kind", "issue"), *rows])
    (folder / "source.yaml").write_text(SOURCE, encoding="utf-8")
    return judged_of(folder)


@pytest.mark.slow
def test_the_hidden_loss_leads_to_its_prompts() -> None:
    """Where the whole passes and a category loses, its flips are shown, ten of them."""
    shown = worst_answers(bfcl())
    assert isinstance(shown, Html)
    assert "18 of 70 prompts got worse and 1 better; the 10 that got worst" in shown.text
    assert shown.html.count("✕ failed") == 10
    last = shown.text.splitlines()[-1]
    assert last == (
        "review.where(category='rest').samples(gate='pass_rate', outcome='worse', n=18)"
    )


@pytest.mark.slow
def test_names_from_data_stay_text(tmp_path: Path) -> None:
    """Markup, direction marks and long names of prompts, categories and issues are shown."""
    nasty = f"{ATTACK}\u202e{'x' * 500}"
    rows: list[tuple[object, ...]] = [
        (arm, f"{nasty}{k}", int(arm == "control"), nasty, "" if arm == "control" else nasty)
        for arm in ("control", "treatment")
        for k in range(40)
    ]
    shown = worst_answers(table_of(tmp_path, rows))
    assert isinstance(shown, Html)
    assert "40 of 40 prompts got worse" in shown.text
    assert not {"img", "script"} & Tags(shown.html).tags
    assert "\u202e" not in shown.html
    assert "\u202e" not in shown.text
    assert len(shown.html) < 40_000


@pytest.mark.slow
def test_arms_without_common_prompts_say_so(tmp_path: Path) -> None:
    """No answer flips where each arm has questions of its own, and the note says why."""
    rows: list[tuple[object, ...]] = [
        (arm, f"{arm} {k}", k % 2, "law", "") for arm in ("control", "treatment") for k in range(40)
    ]
    shown = worst_answers(table_of(tmp_path, rows), "ko")
    assert isinstance(shown, Note)
    assert "80" in shown.text
    assert "프롬프트" in shown.text


def test_the_lines_are_python_whatever_the_names_are() -> None:
    """Names that are no keywords go into a dictionary; a report that was written is opened."""
    where = (Condition("geo country", ("it's", None)), Condition("class", ("a",)))
    written = review_params({"stage": 2, "runs": "r", "out": "reports/w47"})
    lines = in_python(written, "pass_rate", where, 3).splitlines()
    assert lines[1] == "review = rl.open('reports/w47')"
    compile("\n".join(lines), "lines", "exec")
    again = review_params({"stage": 2, "runs": "r", "profile": "strict", "lang": "ko"})
    assert in_python(again, "pass_rate", (), 3).splitlines()[1:] == [
        "review = rl.review(stage=2, runs='r', profile='strict')",
        "review.samples(gate='pass_rate', outcome='worse', n=3)",
    ]
