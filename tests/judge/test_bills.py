"""Gates on costs, tokens and further scorers: rows, stored days and Spark say the same of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rolloutlib.errors import UsageError
from rolloutlib.forecast.chances import forecast
from rolloutlib.forecast.judged import simulated
from rolloutlib.judge.offline import compare_files
from rolloutlib.judge.pair_record import Meaning
from rolloutlib.judge.record import Verdict, decode, encode
from rolloutlib.judge.review import Judged, judge_stage
from rolloutlib.measure.store import ingest
from rolloutlib.plan.gates import Gate
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.plan.params import review_params
from rolloutlib.runs import read_runs
from rolloutlib.runs.places import two_places
from rolloutlib.show.measured import measured
from rolloutlib.show.outlook import heading
from rolloutlib.words.sentences import speaking
from tests.engines import same_review

if TYPE_CHECKING:
    from rolloutlib.judge.record import GateResult, Review

pytestmark = pytest.mark.slow  # whole reviews

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "data" / "examples" / "story" / "stage-2"
USERS = ("b001", "b002", "b003", "b004", "b005", "b006")
GATES = {
    "cost": {"title": "Cost", "metric": "cost", "contrast": "ratio", "harm": "higher",
             "limit": 1.1, "alternative": 1.0},
    "tokens": {"title": "Tokens out", "metric": "tokens_out", "contrast": "difference",
               "harm": "higher", "limit": 20.0, "alternative": 0.0},
    "asked": {"title": "Tokens in", "metric": "tokens_in", "contrast": "treatment",
              "harm": "higher", "limit": 130.0, "alternative": 100.0},
    "faithful": {"title": "Faithfulness", "metric": "score", "scorer": "faithfulness",
                 "contrast": "difference", "harm": "lower", "limit": -0.3, "alternative": 0.0},
    "unheard": {"title": "Unheard", "metric": "score", "scorer": "unheard",
                "contrast": "difference", "harm": "lower", "limit": -0.3, "alternative": 0.0},
    "p95": {"title": "p95", "metric": "latency_ms", "statistic": "quantile", "quantile": 0.95,
            "contrast": "ratio", "harm": "higher", "limit": 1.1, "alternative": 1.0},
}  # fmt: skip


def story(*, free: bool = False, missing: float = 0.0) -> Any:  # noqa: ANN401
    """Return the story's stage 2 with costs, tokens and a scorer; free: the control costs nothing.

    Args:
        free: whether the control's answers cost nothing.
        missing: share of the treatment's costs that nobody knows.
    """
    table, rng = read_runs(STORY, stage=2).table, np.random.default_rng(7)
    n, treated = len(table), np.array(table["arm"].to_pylist()) == "treatment"
    cost = rng.gamma(30.0, 0.0001, n) * np.where(treated, 1.0, 0.0 if free else 1.0)
    gone = treated & (rng.random(n) < missing)
    columns = {
        "cost": pa.array(np.where(gone, 0.0, cost), mask=gone),
        "tokens_in": pa.array(rng.poisson(100, n)),
        "tokens_out": pa.array(rng.poisson(40, n) + 5 * treated),
        "score:faithfulness": pa.array(np.clip(rng.normal(8, 1, n), 0, 10)),
    }
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = (
            table.set_column(place, name, column)
            if place >= 0
            else table.append_column(name, column)
        )
    return table


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the shipped plan with gates on costs, tokens and scorers."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "params" / "plan.yaml").read_text("utf-8"))
    values["gates"] |= GATES
    path = tmp_path_factory.mktemp("plan") / "plan.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def judged(runs: Path, plan: Path, **more: Any) -> Judged:  # noqa: ANN401
    """Review runs by the plan."""
    params = {"stage": 2, "runs": str(runs), "plan": str(plan), "looks": "",
             "evidence": str(STORY / "evidence")}  # fmt: skip
    return judge_stage(review_params(params | more))


def gates(review: Review) -> dict[str, GateResult]:
    """Return a review's gates of these metrics."""
    return {gate.id: gate for gate in review.gates if gate.id in GATES}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the story with its costs."""
    folder = tmp_path_factory.mktemp("runs")
    pq.write_table(story(), folder / "samples.parquet")
    return folder


def test_each_gate_is_judged_by_its_own_metric(runs: Path, plan: Path) -> None:
    """What is the same passes, a ratio is that of the means, an unknown scorer is open."""
    review = judged(runs, plan).review
    judged_gates, table = gates(review), story()
    verdicts = {key: gate.evidence.verdict for key, gate in judged_gates.items()}
    assert verdicts == dict.fromkeys(GATES, Verdict.PASS) | {"unheard": Verdict.INCONCLUSIVE}
    arms = np.array(table["arm"].to_pylist())
    means = {
        arm: {name: table[name].to_numpy()[arms == arm].mean() for name in table.column_names
              if name in {"cost", "tokens_in", "tokens_out", "score:faithfulness"}}
        for arm in ("control", "treatment")
    }  # fmt: skip
    old, new = means["control"], means["treatment"]
    assert judged_gates["cost"].evidence.point == pytest.approx(new["cost"] / old["cost"])
    assert judged_gates["cost"].control == pytest.approx(old["cost"])
    assert judged_gates["tokens"].evidence.point == pytest.approx(
        new["tokens_out"] - old["tokens_out"]
    )
    assert judged_gates["asked"].evidence.point == pytest.approx(new["tokens_in"])
    scored = new["score:faithfulness"] - old["score:faithfulness"]
    assert judged_gates["faithful"].evidence.point == pytest.approx(scored)
    assert judged_gates["faithful"].metric == "score:faithfulness"
    cuts = [np.nanquantile(table["latency_ms"].to_numpy()[arms == arm], 0.95) for arm in means]
    assert (judged_gates["p95"].control, judged_gates["p95"].treatment) == pytest.approx(
        cuts, abs=0.1
    )
    assert judged_gates["p95"].evidence.point == pytest.approx(cuts[1] / cuts[0], rel=1e-4)
    assert judged_gates["p95"].evidence_unit == "ratio"
    why = judged_gates["unheard"].evidence.why
    assert why is not None
    assert (why.code, why.facts["field"]) == ("field.missing", "scores.unheard")
    assert decode(encode(review.record)) == review.record
    assert review.arms[0].cost == pytest.approx(old["cost"])


def test_the_arms_table_shows_what_a_sample_cost(runs: Path, plan: Path) -> None:
    """Cost and tokens stand in the table of what was measured, in both languages."""
    review = judged(runs, plan).review
    assert "cost a sample: 0.0029" in measured(review).text
    assert "a sample: 100 tokens in, 40 tokens out" in measured(review).text
    assert "샘플당 비용: 0.0029" in measured(review, "ko").text


def test_stored_days_say_the_same(runs: Path, plan: Path, tmp_path: Path) -> None:
    """The sums of stored days hold the same gates."""
    ingest(runs, tmp_path / "store", load_plan(plan), stage=2)
    of_rows, of_store = judged(runs, plan).review, judged(tmp_path / "store", plan).review
    same_review(of_rows, of_store)


def test_a_free_control_has_no_ratio(plan: Path, tmp_path: Path) -> None:
    """Where the control costs nothing there is no ratio to it, and no pass."""
    pq.write_table(story(free=True), tmp_path / "samples.parquet")
    cost = gates(judged(tmp_path, plan).review)["cost"].evidence
    assert cost.verdict is Verdict.INCONCLUSIVE
    assert cost.why is not None
    assert cost.why.code == "control.nothing"


def test_costs_that_one_arm_lacks_are_no_pass(plan: Path, tmp_path: Path) -> None:
    """Costs that a tenth of the treatment does not tell keep the gate open."""
    pq.write_table(story(missing=0.1), tmp_path / "samples.parquet")
    cost = gates(judged(tmp_path, plan).review)["cost"].evidence
    assert cost.verdict is Verdict.INCONCLUSIVE
    assert cost.why is not None
    assert cost.why.code == "missing.share"


def test_latencies_that_are_missing_are_at_their_worst(plan: Path, tmp_path: Path) -> None:
    """A few unknown latencies may all be slow: the bound of the ratio has to survive that."""
    table, rng = story(), np.random.default_rng(5)
    gone = rng.random(len(table)) < 0.015
    took = pa.array(table["latency_ms"].to_numpy(), mask=gone)
    place = table.schema.get_field_index("latency_ms")
    pq.write_table(table.set_column(place, "latency_ms", took), tmp_path / "samples.parquet")
    evidence = gates(judged(tmp_path, plan).review)["p95"].evidence
    assert evidence.verdict is Verdict.INCONCLUSIVE
    assert evidence.why is not None
    assert evidence.why.code == "missing.worst"


def test_few_samples_bound_no_percentile(plan: Path, tmp_path: Path) -> None:
    """Below 59 independent samples the upper bound of a p95 is none, and the gate says how many."""
    table = story()
    few = [place for place, user in enumerate(table["user_id"].to_pylist()) if user in USERS]
    pq.write_table(table.take(pa.array(few)), tmp_path / "samples.parquet")
    evidence = gates(judged(tmp_path, plan).review)["p95"].evidence
    assert (evidence.verdict, evidence.upper) == (Verdict.INCONCLUSIVE, None)
    assert evidence.needed is not None
    assert evidence.needed.unit == "users"


def test_a_scorer_is_of_a_score() -> None:
    """Another metric has no scorer, and a scorer has a plain name."""
    common = {
        "title": "T",
        "contrast": "difference",
        "harm": "lower",
        "limit": -0.3,
        "alternative": 0.0,
    }
    with pytest.raises(
        ValueError, match="scorer is 'helpful', but metric is passed; expected score"
    ):
        Gate.model_validate(common | {"metric": "passed", "scorer": "helpful"})
    with pytest.raises(ValueError, match="should match pattern"):
        Gate.model_validate(common | {"metric": "score", "scorer": "Helpful!"})


def test_a_forecast_says_which_gates_it_leaves_out(plan: Path) -> None:
    """What no world draws is named in the heading; the other gates are simulated as ever."""
    simulation = forecast(
        load_plan(plan), 2, users=40, samples_per_user=2, correlation=0.05, paired=True,
        rng=np.random.default_rng(1), repetitions=100,
    )  # fmt: skip
    assert simulation.left == tuple(str(gate["title"]) for gate in GATES.values())
    with speaking("en"):
        assert (
            heading(simulation)
            .text()
            .endswith("taken as passed: " + ", ".join(simulation.left) + ".")
        )
    alone = load_plan(plan)
    alone = alone.model_copy(update={"gates": {"cost": alone.gates["cost"]}})
    with pytest.raises(UsageError, match="none of the plan's gates can be simulated: Cost"):
        simulated(alone, {})


def test_a_file_of_cached_answers_says_so(tmp_path: Path) -> None:
    """A comparison with a file whose every answer came from a cache names the cache."""
    for name, cached in (("a", False), ("b", True)):
        rows = [{"arm": name, "prompt_id": n, "passed": True, "cached": cached} for n in range(9)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    two = two_places(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    pair = compare_files(load_eval_plan(SHIPPED), two, Meaning(None), names=("a", "b"))
    assert "evidence; 9 of its answers came from a cache" in str(pair.failure)
