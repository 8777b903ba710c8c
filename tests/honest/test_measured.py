"""What was measured is what is decided: flags, hashes, profiles, how many and who, in every run.

The story's stage 0 is a GO; each test changes one thing in its run envelopes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.judge.record import Recommendation
from rolloutlib.words.reasons import sentence
from tests.honest.reviews import STORY, review, said, written
from tests.honest.worlds import base, number, one

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.record import Review

pytestmark = pytest.mark.slow

GO, HOLD = Recommendation.GO, Recommendation.HOLD
Run = dict[str, Any]


def stage_0(folder: Path, change: Callable[[int, Run], object]) -> Review:
    """Review the story's stage 0 after a change to each run; they are numbered by arm."""
    folder.mkdir()
    runs = [
        json.loads(path.read_text("utf-8")) for path in sorted((STORY / "stage-0").glob("*.json"))
    ]
    for arm in ("control", "treatment"):
        for k, run in enumerate(run for run in runs if run["arm"] == arm):
            change(k, run)
            (folder / f"{arm}-{k}.json").write_text(json.dumps(run), encoding="utf-8")
    return review(folder, 0)


def flag(run: Run, name: str, *, on: bool) -> None:
    """Switch a flag of a run, where it was asked for and where it was recorded."""
    run["flags"][f"feature.{name}"] = run["datasetMeta"]["featureFlags"][name] = on


def first_two(reviewed: Review) -> str:
    """Return what the first two reasons say."""
    return "\n".join(sentence(reason) for reason in reviewed.reasons[:2])


def test_the_story_is_go(tmp_path: Path) -> None:
    """Unchanged, the runs are a GO."""
    assert stage_0(tmp_path / "runs", lambda _k, _run: None).recommendation is GO


def test_a_feature_that_the_stage_has_not(tmp_path: Path) -> None:
    """Stage 0 has no search summaries: runs with them measured something else."""

    def searching(_: int, run: Run) -> None:
        flag(run, "searchLite", on=run["arm"] == "treatment")

    reviewed = stage_0(tmp_path / "runs", searching)
    assert reviewed.recommendation is not GO
    assert "searchLite" in first_two(reviewed)


def test_a_feature_that_one_run_lacks(tmp_path: Path) -> None:
    """One of the treatment's runs was without the style guard."""

    def bare(k: int, run: Run) -> None:
        flag(run, "styleGuard", on=not (k == 1 and run["arm"] == "treatment"))

    reviewed = stage_0(tmp_path / "runs", bare)
    assert reviewed.recommendation is not GO
    assert "styleGuard" in said(reviewed)


def test_a_control_with_the_treatments_flags(tmp_path: Path) -> None:
    """Both arms had the features: there is nothing that the control could be a control of."""

    def both(_: int, run: Run) -> None:
        for name in ("autoTagging", "difficultyDistribution"):
            flag(run, name, on=True)

    reviewed = stage_0(tmp_path / "runs", both)
    assert reviewed.recommendation is not GO
    assert re.search("flags|control", first_two(reviewed))


@pytest.mark.parametrize("arms", [("treatment",), ("control", "treatment")])
def test_another_strategy_in_every_run(tmp_path: Path, arms: tuple[str, ...]) -> None:
    """Three hashes are three candidates, none of which was measured alone."""

    def other(k: int, run: Run) -> None:
        if run["arm"] in arms:
            run["datasetMeta"]["strategyHash"] = f"{k}{k}{k}{k}beef"

    reviewed = stage_0(tmp_path / "runs", other)
    assert reviewed.recommendation is not GO
    assert re.search(r"(?i)strateg", first_two(reviewed))
    assert re.search(number("3") + "|0000beef", first_two(reviewed))


def test_another_profile_in_one_run(tmp_path: Path) -> None:
    """A run of each arm had other thresholds."""

    def fast(k: int, run: Run) -> None:
        if k == 2:
            run["session"]["guardianProfileId"] = "fast"
            run["datasetMeta"]["guardianProfileId"] = "fast"
            for sample in run["result"]["samples"]:
                sample.pop("guardianProfileId", None)

    reviewed = stage_0(tmp_path / "runs", fast)
    assert reviewed.recommendation is not GO
    assert "fast" in first_two(reviewed)


def test_a_hundred_users_where_ten_may_be(tmp_path: Path) -> None:
    """The stage's cap is watched."""

    def many(_: int, run: Run) -> None:
        for sample in run["result"]["samples"]:
            sample["userId"] = f"u{int(sample['promptId'][-5:]) % 100}"

    reviewed = stage_0(tmp_path / "runs", many)
    assert reviewed.recommendation is not GO
    assert re.search(number("10"), first_two(reviewed))
    assert any(re.search(number(str(n)), first_two(reviewed)) for n in range(60, 101))


def test_the_record_says_what_ran(tmp_path: Path) -> None:
    """Flags, hash, profile, first and last start of each arm, and that it is simulated."""
    record = written(stage_0(tmp_path / "runs", lambda _k, _run: None))
    for text in ("searchLite", "a5935f71d29104cb", "default", "2026-10-05", "2026-10-07"):
        assert text in record, text
    assert '"simulated": true' in record


def test_users_in_both_arms_are_told(tmp_path: Path) -> None:
    """Each user should be in one arm; 30 of 570 are in both."""
    rows = base().drop(columns=["prompt"])
    place = rows.index // 2 % 300
    rows["who"] = [
        f"u{k}" if k < 30 else f"{arm[0]}{k}" for k, arm in zip(place, rows["arm"], strict=True)
    ]
    reviewed = review(
        one(rows, "some users are in both arms", columns=(("user_id", "who"),)).write(
            tmp_path / "w"
        )
    )
    assert re.search(r"(?i)users?", said(reviewed))
    assert re.search(number("30"), said(reviewed))


def test_evidence_that_is_simulated_is_told(tmp_path: Path) -> None:
    """Evidence that calls itself simulated gives a GO only beside runs that do."""
    world = one(base(), "plain", kind="parquet").write(tmp_path / "w")
    reviewed = review(world)
    assert reviewed.recommendation is GO
    assert re.search("(?i)simulated", said(reviewed) + written(reviewed))
    source = world / "source.yaml"
    source.write_text(source.read_text("utf-8").replace("simulated: true\n", ""), "utf-8")
    reviewed = review(world)
    assert reviewed.recommendation is HOLD
    assert {check.why.code for check in reviewed.checks} == {"evidence.simulated"}
