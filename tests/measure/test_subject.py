"""The top issue: chosen by samples that the gate is not tested on, by every road alike."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml

from rolloutlib.errors import PlanError
from rolloutlib.judge.record import Verdict
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.estimates import estimate_many
from rolloutlib.measure.store import ingest
from rolloutlib.measure.subject import Wanted, among, chosen_tag, settled
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params
from tests.tables import PLAN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import GateResult

PAIR = ("control", "treatment")
pytestmark = pytest.mark.slow  # whole reviews

TAGS = [f"t{n}" for n in range(6)]
COLUMNS = ("arm", "run_id", "prompt_id", "user_id", "status", "score", "issues")


def answers(users: int, each: int, rng: np.random.Generator, *, ids: bool = True) -> pd.DataFrame:
    """Draw the same users in both arms, whose samples carry six tags alike."""
    arms, user, place = (part.ravel() for part in np.meshgrid(PAIR, range(users), range(each)))
    carried = rng.random((len(arms), len(TAGS))) < 0.12
    rows = pd.DataFrame({"arm": arms, "run_id": [f"r{n % 3}" for n in place], "status": "passed"})
    rows["run_id"] = rows["arm"] + rows["run_id"]
    rows["prompt_id"] = [f"q{u}-{n}" if ids else None for u, n in zip(user, place, strict=True)]
    rows["user_id"] = [f"u{u}" if ids else None for u in user]
    rows["issues"] = [
        [t for t, carries in zip(TAGS, row, strict=True) if carries] for row in carried
    ]
    return rows


def review(rows: pd.DataFrame, folder: Path, **more: Any) -> GateResult:  # noqa: ANN401
    """Review samples as a Parquet file and return the top-issue gate."""
    folder.mkdir(exist_ok=True)
    rows.to_parquet(folder / "samples.parquet")
    mapped = {name: name for name in COLUMNS if name in rows and rows[name].notna().any()}
    (folder / "source.yaml").write_text(yaml.safe_dump({"columns": mapped}))
    return top_issue(folder, **more)


def top_issue(runs: Path, **more: Any) -> GateResult:  # noqa: ANN401
    """Review runs and return the top-issue gate."""
    reviewed = review_stage(review_params({"stage": 1, "runs": str(runs), "looks": ""} | more))
    return next(gate for gate in reviewed.gates if gate.id == "top_issue")


def by_hand(rows: pd.DataFrame) -> tuple[str, float, int]:
    """Choose and test by hand: tag, the plan's ratio and the control's tested samples."""
    of_control = rows[rows["arm"] == "control"]
    ids = sorted(set(of_control["user_id"]), key=lambda name: sha256(name.encode()).hexdigest())
    choosers = set(ids[: len(ids) // 5])
    counts = (
        of_control[of_control["user_id"].isin(choosers)].explode("issues")["issues"].value_counts()
    )
    whole = rows.explode("issues")["issues"].value_counts()
    tag = min(TAGS, key=lambda name: (-counts.get(name, 0), -whole[name], name))
    rest = rows[~rows["user_id"].isin(choosers)]
    carries = pd.Series([tag in tags for tags in rest["issues"]], rest.index)
    runs = carries.groupby([rest["arm"], rest["run_id"]]).mean().groupby("arm").mean()
    return tag, runs["treatment"] / runs["control"], int((rest["arm"] == "control").sum())


def test_a_fifth_of_the_users_chooses_and_leaves_both_verdicts(tmp_path: Path) -> None:
    """Tag, plan's value and sample size are those of a choice by hand."""
    rows = answers(20, 6, np.random.default_rng(1))
    gate, (tag, ratio, n) = review(rows, tmp_path), by_hand(rows)
    assert gate.subject == tag
    assert gate.chosen
    assert (gate.chosen.code, gate.chosen.facts["count"]) == ("issue.held_out", 4)
    assert gate.plan.value == pytest.approx(ratio)
    assert (gate.evidence.n_control, gate.evidence.n_treatment) == (n, n)


def test_who_chose_is_left_out_of_the_control_alone_where_users_are_in_one_arm(
    tmp_path: Path,
) -> None:
    """Other people's treatment has nothing to do with the choice."""
    rows = answers(20, 6, np.random.default_rng(2))
    rows["user_id"] += rows["arm"].str[0]
    rows["prompt_id"] = None
    gate = review(rows, tmp_path)
    assert (gate.evidence.n_control, gate.evidence.n_treatment) == (16 * 6, 20 * 6)


def test_samples_without_ids_are_split_by_their_own(tmp_path: Path) -> None:
    """Where nobody is named, a fifth of the control's samples chooses."""
    gate = review(answers(50, 4, np.random.default_rng(3), ids=False), tmp_path)
    assert gate.chosen
    assert gate.chosen.facts["unit"] == "sample"
    assert gate.evidence.n_control
    left_out = 200 - gate.evidence.n_control
    assert gate.chosen.facts["count"] == left_out
    assert 20 < left_out < 60
    assert gate.evidence.n_treatment == 200


def test_what_leads_clearly_or_stands_alone_needs_no_choice(tmp_path: Path) -> None:
    """A tag with three times the samples of any other is tested on all of them."""
    rows = answers(20, 6, np.random.default_rng(4))
    listed = [[*tags, "lead"] if n % 2 else tags for n, tags in enumerate(rows["issues"])]
    gate = review(rows.assign(issues=pd.Series(listed)), tmp_path)
    assert (gate.subject, gate.chosen and gate.chosen.code) == ("lead", "issue.clear")
    assert gate.evidence.n_control == 120
    alone = pd.Series([["t0"] if "t0" in tags else [] for tags in rows["issues"]])
    gate = review(rows.assign(issues=alone), tmp_path)
    assert (gate.subject, gate.chosen and gate.chosen.code) == ("t0", "issue.only")


def named(plan: Path, issue: str) -> dict[str, str]:
    """Write a plan whose gate names an issue."""
    text = (ROOT / "params" / "plan.yaml").read_text()
    plan.write_text(text.replace("    metric: issue\n", f"    metric: issue\n    issue: {issue}\n"))
    return {"plan": str(plan)}


def test_the_plan_may_name_the_issue(tmp_path: Path) -> None:
    """Named in another case it is the samples' own, however rare, and nothing is held out."""
    rows = answers(20, 6, np.random.default_rng(5))
    rows["issues"] = pd.Series([["Rare thing"], *rows["issues"][1:]])
    gate = review(rows, tmp_path / "runs", **named(tmp_path / "plan.yaml", "rare Thing"))
    assert (gate.subject, gate.chosen and gate.chosen.code) == ("Rare thing", "issue.named")
    assert (gate.evidence.n_control, gate.control) == (120, pytest.approx(1 / 120))


def test_a_named_issue_that_nobody_has_passes_nothing(tmp_path: Path) -> None:
    """A slip of the pen is no reason for a GO."""
    rows = answers(20, 6, np.random.default_rng(6))
    gate = review(rows, tmp_path / "runs", **named(tmp_path / "plan.yaml", "halucination"))
    assert gate.evidence.verdict is Verdict.INCONCLUSIVE
    assert gate.plan.verdict is not Verdict.PASS
    assert gate.evidence.why.code == "issue.unseen"


def test_only_a_gate_on_an_issue_names_one(tmp_path: Path) -> None:
    """Anywhere else the key is refused by name."""
    path = tmp_path / "plan.yaml"
    text = (ROOT / "params" / "plan.yaml").read_text()
    path.write_text(text.replace("    metric: score\n", "    metric: score\n    issue: bias\n"))
    with pytest.raises(PlanError, match="issue is 'bias', but metric is score"):
        load_plan(path)


def envelope(rows: pd.DataFrame, arm: str, stage: int) -> dict[str, Any]:
    """Return a run of the engine's own form."""
    both = zip(rows["issues"], rows["user_id"], strict=True)
    samples = [
        {"id": str(n), "status": "passed", "issues": tags, "userId": user}
        for n, (tags, user) in enumerate(both)
    ]
    start, result = f"2026-10-0{stage + 1}T10:00:00Z", {"samples": samples}
    run = {"arm": arm, "stage": stage, "startedAt": start, "result": result}
    return {"runId": f"{arm}-{stage}"} | run


def test_the_control_of_an_earlier_stage_chooses(tmp_path: Path) -> None:
    """Runs that a review sets aside choose the issue, here and in a store, and none is held out."""
    rows, rng = answers(12, 3, np.random.default_rng(7)), np.random.default_rng(8)
    runs = [envelope(rows[rows["arm"] == arm], arm, 1) for arm in PAIR]
    before = answers(12, 3, rng)
    before["issues"] = [["t3"]] * len(before)
    runs += [envelope(before[before["arm"] == arm], arm, 0) for arm in PAIR]
    later = before.assign(issues=pd.Series([["t5"]] * len(before)))
    runs += [envelope(later[later["arm"] == "control"], "control", 2)]
    path = tmp_path / "runs"
    path.mkdir()
    (path / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    gate = top_issue(path)
    assert (gate.subject, gate.chosen and gate.chosen.code) == ("t3", "issue.before")
    assert gate.evidence.n_control == 36
    ingest(path, tmp_path / "store", PLAN)
    assert top_issue(tmp_path / "store") == gate


def test_earlier_counts_choose_what_is_there() -> None:
    """The most frequent earlier tag that the control still has; none chooses nothing."""
    tagged = {("control", "Bias"): 3, ("control", "x"): 9, ("treatment", "gone"): 2}
    chosen = settled(tagged, "control", Wanted(before=(("gone", 9), ("bias", 5), ("x", 2))))
    assert chosen
    assert (chosen.tag, chosen.how) == ("Bias", "before")
    assert chosen_tag({"gone": 1}, {"Bias"}) is None


@pytest.mark.parametrize("ids", [True, False])
def test_stored_days_choose_as_rows_do(tmp_path: Path, *, ids: bool) -> None:
    """A review of a store tests the same issue on the same samples as one of its rows."""
    rows = answers(20, 6, np.random.default_rng(9), ids=ids)
    gate = review(rows, tmp_path / "runs")
    ingest(tmp_path / "runs", tmp_path / "store", PLAN)
    stored = top_issue(tmp_path / "store")
    assert msgspec.json.encode(stored.chosen) == msgspec.json.encode(gate.chosen)
    assert (stored.subject, stored.plan.value) == (gate.subject, pytest.approx(gate.plan.value))
    assert stored.evidence.upper == pytest.approx(gate.evidence.upper)


def test_ten_equal_issues_pass_no_more_than_one_would() -> None:
    """At stage 1's limit, which is no change: chosen on the control it is tested on, 14 % pass."""
    rng, reviews, users, each, tags = np.random.default_rng(10), 1000, 30, 20, 10
    users_bent = rng.beta(0.05 * 19, 0.95 * 19, (reviews, tags, users))
    old, new = rng.binomial(each, users_bent), rng.binomial(each, users_bent)
    choosers = rng.random((reviews, users)).argsort(axis=1) < users // 5
    chosen = np.array([_choice(*draws) for draws in zip(old, new, choosers, strict=True)])
    first = old.sum(axis=2).argmax(axis=1)
    cursed, honest = _passes(old, new, first, None), _passes(old, new, chosen, choosers)
    error = (0.06 * 0.94 / reviews) ** 0.5
    assert honest <= 0.06 + 2 * error < 0.10 < cursed


def _choice(old: np.ndarray, new: np.ndarray, choosers: np.ndarray) -> int:
    tagged = {("control", str(tag)): int(n) for tag, n in enumerate(old.sum(axis=1))}
    tagged |= {("treatment", str(tag)): int(n) for tag, n in enumerate(new.sum(axis=1))}
    counts = {str(tag): int(n) for tag, n in enumerate(old[:, choosers].sum(axis=1))}
    return int(among(tagged, counts, "control"))


def _passes(
    old: np.ndarray, new: np.ndarray, tag: np.ndarray, left_out: np.ndarray | None
) -> float:
    treated, control = (np.take_along_axis(arm, tag[:, None, None], 1)[:, 0] for arm in (new, old))
    tested = np.ones(control.shape) if left_out is None else 1.0 - left_out
    arms = Compared(
        Sums(20 * tested, treated * tested), Sums(20 * tested, control * tested), "crossed", "user"
    )
    estimates = estimate_many(PLAN.gates["top_issue"], arms, PLAN.evidence, metric="issue:top")
    return float(np.mean((estimates.upper < 1.0) & ~estimates.capped))
