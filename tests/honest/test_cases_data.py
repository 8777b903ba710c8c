"""Cases of `cases.jsonl` that a table of samples can be: values, rows, copies, units, words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.words.reasons import sentence
from tests.honest import bad_worlds
from tests.honest.reviews import gate, plan_with, review, said
from tests.honest.worlds import World, base, chance, number, one, put, treated

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Review

pytestmark = pytest.mark.slow

GO, INCONCLUSIVE = Recommendation.GO, Verdict.INCONCLUSIVE


def look(world: World, tmp_path: Path) -> Review:
    """Write a world and review it."""
    return review(world.write(tmp_path / "world"), **dict(world.review))


def passing(reviewed: Review) -> set[str]:
    """Return the gates whose evidence passes."""
    return {gate.id for gate in reviewed.gates if gate.evidence.verdict is Verdict.PASS}


def test_case_01_scores_missing_where_low(tmp_path: Path) -> None:
    """The average-score gate is inconclusive and names the missing share."""
    world = bad_worlds.score_missing()
    reviewed = look(world, tmp_path)
    score = gate(reviewed, "avg_score").evidence
    assert (reviewed.recommendation is GO, score.verdict) == (False, INCONCLUSIVE)
    assert re.search(world.causes[-1], sentence(score.why))


def test_case_03_edits_never_confirmed(tmp_path: Path) -> None:
    """The manual-edit gate is inconclusive: nine in ten suggestions are unconfirmed."""
    world = bad_worlds.edits_unconfirmed()
    edits = gate(look(world, tmp_path), "manual_edit_rate").evidence
    assert edits.verdict is INCONCLUSIVE
    assert re.search(world.causes[-1], sentence(edits.why))


@pytest.mark.parametrize(("part", "name"), [(0.6, "rows_absent"), (0.4, "rows_absent_40")])
def test_case_05_and_07_prompts_without_a_row(tmp_path: Path, part: float, name: str) -> None:
    """No gate passes, and how many prompts have no partner is said."""
    reviewed = look(getattr(bad_worlds, name)(), tmp_path)
    assert passing(reviewed) == set()
    gone = int(part * 1200)
    assert re.search(number(str(gone), f"{part:.0%}", f"{part:.1%}"), said(reviewed))
    assert reviewed.design is not None
    assert "each with several samples" not in sentence(reviewed.design)


def test_case_09_a_control_nine_times_larger(tmp_path: Path) -> None:
    """15 % of the treatment is unreadable, 1.4 % of all: no GO, and the arm's share is said."""
    world = bad_worlds.diluted_by_control()
    reviewed = look(world, tmp_path)
    assert reviewed.recommendation in {Recommendation.HOLD, Recommendation.INVALID}
    assert re.search(world.causes[-1], said(reviewed))


def test_case_10_six_shadow_arms(tmp_path: Path) -> None:
    """12 % of the treatment's outcomes are unknown; six clean arms beside it change nothing."""
    rows = base(n=200)
    gone = treated(rows) & (np.arange(len(rows)) % 16 == 1)
    reviewed = look(one(bad_worlds.diluted_by(rows, gone, 6), "six shadow arms"), tmp_path)
    assert reviewed.recommendation is Recommendation.HOLD
    assert re.search(number("12%", "12.5%", "75"), said(reviewed))


def test_case_11_shared_prompts_decide(tmp_path: Path) -> None:
    """The pairs' −8 pp decide, or other prompts are said to be the cause: never a GO."""
    reviewed = look(bad_worlds.other_prompts(), tmp_path)
    assert reviewed.recommendation is not GO
    lost = gate(reviewed, "pass_rate").evidence
    assert lost.verdict is not Verdict.PASS
    assert (lost.point or 0) < 0 or "prompt" in sentence(reviewed.reasons[0])


def test_case_13_a_list_as_text(tmp_path: Path) -> None:
    """`[]` is no issue, and `["hallucination"]` is one: the top issue has tripled."""
    reviewed = look(bad_worlds.nothing_as_text(), tmp_path)
    issue = gate(reviewed, "top_issue")
    assert (issue.subject, issue.evidence.verdict) == ("hallucination", Verdict.FAIL)
    assert {row.tag for row in reviewed.issues} == {"hallucination", "*"}  # and any issue at all


def test_case_16_each_row_twice(tmp_path: Path) -> None:
    """201 rows an arm stay 201: they prove no 1 % of errors."""
    errors = gate(look(bad_worlds.rows_twice(), tmp_path), "error_rate").evidence
    assert (errors.verdict, errors.n_treatment) == (INCONCLUSIVE, 201)


def test_case_18_forty_answers_from_a_cache(tmp_path: Path) -> None:
    """A 95th percentile needs 59 distinct samples; 27 copies of 40 are 40."""
    slow = gate(look(bad_worlds.repeats(), tmp_path), "p95_latency").evidence
    assert slow.verdict is INCONCLUSIVE


@pytest.mark.parametrize("turned", [False, True])
def test_case_31_equal_counts_are_equal(tmp_path: Path, turned: bool) -> None:  # noqa: FBT001
    """6 + 6 + 2 vetoed of 300 are 6 + 5 + 3 of 300, whichever arm is which: at the limit."""
    rows = base(n=100)
    counts = {"c": (6, 6, 2), "t": (6, 5, 3)} if not turned else {"t": (6, 6, 2), "c": (6, 5, 3)}
    rows["status"] = rows["status"].replace("vetoed", "failed")
    for arm, vetoes in counts.items():
        for run, count in enumerate(vetoes):
            passed = rows.index[(rows["run"] == f"{arm}{run}") & (rows["status"] == "passed")]
            rows.loc[passed[:count], "status"] = "vetoed"
    vetoed = gate(look(one(rows, "as many"), tmp_path), "vetoed")
    assert (vetoed.plan.verdict, vetoed.plan.value) == (Verdict.PASS, pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize(("edge", "inside"), [(1.0000000000000002, 1.0), (-1e-16, 0.0)])
def test_case_33_a_rounding_beyond_a_scale(tmp_path: Path, edge: float, inside: float) -> None:
    """A similarity of 1.0000000000000002 is 1, one of −1e-16 is 0: on the scale, and kept."""
    rows = base()
    rows["score"] = (rows["score"] / 10).where(np.arange(len(rows)) % 20 > 1, edge)
    exact = rows.assign(score=rows["score"].replace(edge, inside))
    scale = (("score", "{column: score, scale: [0, 1]}"),)
    worlds = [one(part, "fractions", columns=scale) for part in (rows, exact)]
    rounded, expected = (
        gate(look(world, tmp_path / str(k)), "avg_score") for k, world in enumerate(worlds)
    )
    assert look(worlds[0], tmp_path / "again").quarantine == ()
    assert rounded.control == pytest.approx(expected.control, rel=1e-12)
    assert rounded.evidence.n_treatment == 1500


def test_case_35_nanoseconds_and_durations(tmp_path: Path) -> None:
    """Unit ns is a unit, and a duration knows its own: the same numbers as in milliseconds."""
    rows = base(n=60)
    worlds = [
        one(rows, "ms", kind="parquet"),
        one(rows.assign(ms=rows["ms"] * 1e6), "ns", kind="parquet",
            columns=(("latency_ms", "{column: ms, unit: ns}"),)),
        one(rows.assign(ms=pd.to_timedelta(rows["ms"], unit="ms")), "durations", kind="parquet"),
    ]  # fmt: skip
    means = [
        gate(look(world, tmp_path / str(k)), "avg_latency").treatment
        for k, world in enumerate(worlds)
    ]
    assert means == pytest.approx([rows.loc[treated(rows), "ms"].mean()] * 3, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "statuses"),
    [
        (("True", "False"), "{true: passed, false: failed}"),
        (("True", "False"), "{True: passed, False: failed}"),
        (("TRUE", "FALSE"), "{true: passed, false: failed}"),
        (("1.0", "0.0"), "{1: passed, 0: failed}"),
        (("1", "0"), "{1: passed, 0: failed}"),
        (("yes", "no"), "{yes: passed, no: failed}"),
        (("t", "f"), "{true: passed, false: failed}"),
    ],
)
def test_case_36_and_38_booleans(tmp_path: Path, words: tuple[str, str], statuses: str) -> None:
    """Booleans are read as pandas, SQL and YAML write them."""
    rows = base(n=60)
    rows["ok"] = np.where(rows["status"] == "passed", *words)
    world = one(
        rows.drop(columns=["status"]), "booleans", yaml=f"statuses: {statuses}\n",
        columns=(("passed", "ok"),),
    )  # fmt: skip
    reviewed = look(world, tmp_path)
    assert (reviewed.quarantine, gate(reviewed, "pass_rate").treatment) == (
        (),
        pytest.approx((rows.loc[treated(rows), "status"] == "passed").mean()),
    )


@pytest.mark.parametrize("users", [True, False])
@pytest.mark.parametrize("planned", [True, False])
def test_case_41_a_planned_canary(tmp_path: Path, planned: bool, users: bool) -> None:  # noqa: FBT001
    """10 : 90 is no mismatch where the plan says so, with and without user ids; else it is.

    Users who are missing make arms that cannot be compared, samples without ids ones that prove
    nothing: their split may just not have been written down.
    """
    rows = base(n=1500).drop(columns=["prompt"])
    chosen = ~treated(rows) | chance(rows, 1 / 9, 21)
    rows = rows[chosen].reset_index(drop=True)
    columns: tuple[tuple[str, str], ...] = ()
    if users:
        rows["who"] = rows["arm"].str[0] + (rows.index % 4000).astype(str)
        columns = (("user_id", "who"),)
    more = {"allocation": {"control": 9, "treatment": 1}} if planned else {}
    plan = plan_with(tmp_path, stage=3, **more)
    world = one(rows, "a canary", columns=columns, review=(("plan", plan),))
    reviewed = look(world, tmp_path)
    mismatch = any("ratio" in reason.code or "alloc" in reason.code for reason in reviewed.reasons)
    assert (mismatch, reviewed.recommendation is GO) == (not planned, planned)


def test_case_44_an_error_that_only_the_canary_has(tmp_path: Path) -> None:
    """The new issue is among the reasons, although the top issue falls."""
    reviewed = look(bad_worlds.new_issue(), tmp_path)
    assert any("factual_error" in sentence(reason) for reason in reviewed.reasons)
    new = next(row for row in reviewed.issues if row.tag == "factual_error")
    assert (new.control, reviewed.recommendation is GO) == (0, False)


def test_case_ok2_no_data_one_unit_no_variance(tmp_path: Path) -> None:
    """Nothing, a single row and equal scores are never a GO."""
    flat = base().assign(score=8.0)
    for k, rows in enumerate((base().head(0), base().head(2), flat.head(8))):
        assert look(one(rows, "nothing"), tmp_path / str(k)).recommendation is not GO
    assert gate(look(one(flat, "equal"), tmp_path / "e"), "avg_score").evidence.point == 0


def test_case_ok3_a_ratio_to_nothing(tmp_path: Path) -> None:
    """Where the control has no issue and the treatment has, there is no ratio and no GO."""
    issue = gate(reviewed := look(bad_worlds.first_issues(), tmp_path), "top_issue").evidence
    assert (issue.point, reviewed.recommendation is GO) == (None, False)


def test_case_ok5_prompts_are_clusters(tmp_path: Path) -> None:
    """Each prompt four times in each arm: crossed clusters, as many as there are prompts."""
    parts = [base(n=60, runs=1, seed=k).assign(run=lambda r: r["arm"].str[0]) for k in range(4)]
    rows = pd.concat([part.assign(run=part["run"] + str(k)) for k, part in enumerate(parts)])
    rate = gate(look(one(rows.reset_index(drop=True), "epochs"), tmp_path), "pass_rate").evidence
    assert (rate.design, rate.unit, rate.clusters) == ("crossed", "prompt", 60)


def test_case_ok6_timeouts_only_in_the_canary(tmp_path: Path) -> None:
    """The errors gate fails, and a timeout counts at the cap of the mean: three targets."""
    world = bad_worlds.timeouts()
    reviewed = look(world, tmp_path)
    assert reviewed.recommendation is Recommendation.NO_GO
    assert gate(reviewed, "error_rate").evidence.verdict is Verdict.FAIL
    rows = world.parts["samples"]
    expected = rows.loc[treated(rows), "ms"].fillna(30_000).clip(upper=6_000).mean()
    assert gate(reviewed, "avg_latency").treatment == pytest.approx(expected)


def test_words_for_nothing_are_a_list_in_source_yaml(tmp_path: Path) -> None:
    """A source's own word for no issue is none where its `none` says so."""
    rows = base()
    rows = put(rows, "tags", [not tags for tags in rows["tags"]], ["keine"])
    none = '{column: tags, separator: ";", none: [keine]}'
    reviewed = look(one(rows, "another word", columns=(("issues", none),)), tmp_path)
    assert (gate(reviewed, "top_issue").subject, reviewed.recommendation) == ("hallucination", GO)
