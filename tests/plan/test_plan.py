"""The plan as data.

Every slip is named by file and key, and the flags are those of the plan's table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib import cli
from rolloutlib.errors import PlanError
from rolloutlib.plan.model import Audience, FromProfile, Gate, json_schema, load_plan
from rolloutlib.plan.workbook import STAGES, StageId, workbook_root

if TYPE_CHECKING:
    from rolloutlib.plan.model import Plan

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "params" / "plan.yaml").read_text("utf-8")
LADDER = "proof: {0: -0.10, 1: -0.05, 2: -0.03}"
STAGE_1 = "C: {default: true}, D: {default: true}, E: {default: true}, F: {default: true}}"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return the shipped plan."""
    return load_plan(ROOT / "params" / "plan.yaml")


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        # unknown keys
        ("    hours: 48", "    hour: 48", "checks.incident_free.hour is not a known key; known there: title, kind, it"),
        ("\nname: ", "\nnam: ", "nam is not a known key; known there: schema, name, features, profiles"),
        ("{default: false}, B", "{defalt: false}, B", "stages.0.toggles.A.defalt is not a known key"),
        ("limit: {profile: max_latency_ms}", "limit: {profil: max_latency_ms}", "gates.avg_latency.limit.profil is no"),
        # wrong types and impossible values
        ("limit: -0.02", "limit: yes", "gates.pass_rate.limit is 'True'; input should be a valid number"),
        ("limit: -0.02", 'limit: "-0.02"', "gates.pass_rate.limit is '-0.02'; input should be a valid number"),
        ("limit: -0.02", "limit: .nan", "gates.pass_rate.limit is 'nan'; input should be a finite number"),
        ("limit: 0.70", "limit: 0.0", "gates.top_issue: limit is 0.0; a ratio's limit is above 0 (1.0 means no change"),
        ("limit: -0.02\n", "limit: -0.02\n    tolerance: -1\n", "gates.pass_rate.tolerance is '-1'; input should be g"),
        ("confidence: 0.95", "confidence: 95", "evidence.confidence is '95'; input should be less than 1"),
        ("min_clusters: 5 ", "min_clusters: 1 ", "evidence.min_clusters is '1'; input should be greater than or equal"),
        ("cap: 10", "cap: 0", "stages.0.cap is '0'; input should be greater than 0"),
        ("cap: 10", "cap: 10.5", "stages.0.cap is '10.5'; input should be a valid integer"),
        ("min_score: 7.0", "min_score: 70", "profiles.default.min_score is '70'; input should be less than or equal t"),
        ("flag: feature.searchLite", "flag: searchLite", "features.A.flag is 'searchLite'; string should match patter"),
        ("hard: 0.3}", "hard: 0.4}", "monitoring.difficulty: adds up to 1.1; expected shares that add up to 1"),
        ("green: 0.80", "green: 0.60", "monitoring.traffic_lights.passed: green is 0.6 and amber 0.7, but better: hig"),
        # words that are not allowed
        ("metric: passed", "metric: pased", "gates.pass_rate.metric is 'pased'; expected 'passed', 'score', 'latency_"),
        ("metric: passed", "metric: pased", "Did you mean 'passed'?"),
        ("{profile: max_latency_ms}", "{profile: latency}", "gates.avg_latency.limit.profile is 'latency'; expected '"),
        ("[pm, qa, owner]", "[pm, qa, ceo]", "signatures.GO.now.2 is 'ceo'; expected 'pm', 'engine', 'qa' or 'owner'."),
        ("plan@1", "plan@2", "schema is 'rolloutlib/plan@2'; expected 'rolloutlib/plan@1'"),
        ("safe_profile: default", "safe_profile: calm", "rollback.safe_profile is 'calm'; expected one of default,"),
        # what does not fit together
        (LADDER, "proof: {0: -0.10, 1: -0.03, 2: -0.05}", "gates.pass_rate: proof gets laxer at a later stage"),
        (LADDER, "proof: {0: -0.10, 2: -0.03}", "gates.pass_rate: proof gets laxer at a later stage"),
        (LADDER, "proof: {0: -0.01}", "gates.pass_rate: proof gets laxer at a later stage"),
        (LADDER, "proof: {0: -0.10, 1: -0.05, 2: -0.02}", "gates.pass_rate: proof repeats -0.02 for stage 2; limit and"),
        ("tolerance: 0.1\n", "tolerance: 0.2\n", "gates.avg_score: proof repeats -0.2 for stage 2; limit and tol"),
        ("tolerance: 0.1\n", "tolerance: 0.3\n", "gates.avg_score: proof gets laxer at a later stage"),
        ("quantile: 0.95\n", "quantile: 0.95\n    tolerance: 0.1\n", "gates.p95_latency: statistic: quantile has no to"),
        (LADDER, "proof: {7: 1}", "gates.pass_rate.proof.7 is 7; expected 0, 1, 2, 3 or 4."),
        ("alternative: 0.0", "alternative: -0.02", "gates.pass_rate: alternative is -0.02; expected one beyond every"),
        ("quantile: 0.95\n    harm: higher", "quantile: 0.95\n    harm: lower", "gates.p95_latency: statistic: quantile needs harm: higher"),
        ("    quantile: 0.95\n", "", "gates.p95_latency: statistic: quantile and quantile: 0.95 belong together"),
        ("statistic: quantile\n", "statistic: mean\n", "gates.p95_latency: statistic: quantile and quantile: 0.95 bel"),
        ("treatment\n    statistic", "difference\n    statistic", "gates.p95_latency: statistic: quantile needs metri"),
        ("    hours: 48\n", "", "checks.incident_free: a check of kind incidents needs hours"),
        ("[What changed, Who is impacted, Metrics summary, Actions]", "[]", "checks.release_notes: a check of kind re"),
        ('{text: "less readable"}', "{}", "risks.over_formal.signals.reported: a signal has metric, contrast and above or below"),
        # what is missing
        ("    title: Pass rate\n", "", "gates.pass_rate.title is missing"),
        (STAGE_1, STAGE_1.replace(", F: {default: true}", ""), "stages.1.toggles lacks F; every one of A, B, C, D, E,"),
        ("  fast: {min_score: 7.0, max_latency_ms: 1800}\n", "  fast: {min_score: 7.0}\n", "profiles.fast.max_latency"),
    ],
)  # fmt: skip
def test_slips_in_the_plan(tmp_path: Path, right: str, wrong: str, sentence: str) -> None:
    """A slip gives one sentence with the file, the key, what was got and what is allowed."""
    assert right in SOURCE
    file = tmp_path / "plan.yaml"
    file.write_text(SOURCE.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_plan(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert sentence in message
    assert "\n" not in message
    assert "pydantic" not in message


def section(name: str) -> str:
    """Return a top-level section of plan.yaml, up to the next top-level line."""
    start = SOURCE.index(f"\n{name}:\n") + 1
    end = next(
        i
        for i in range(start + len(name) + 2, len(SOURCE))
        if SOURCE[i - 1] == "\n" and SOURCE[i] not in " \n"
    )
    return SOURCE[start:end]


@pytest.mark.parametrize("name", ["gates", "checks"])
def test_nothing_to_judge(tmp_path: Path, name: str) -> None:
    """A plan without gates, or without checks, would pass everything: it is refused."""
    file = tmp_path / "plan.yaml"
    file.write_text(SOURCE.replace(section(name), f"{name}: {{}}\n"), encoding="utf-8")
    with pytest.raises(
        PlanError, match=rf"{name} is '{{}}'; dictionary should have at least 1 item"
    ):
        load_plan(file)


def test_a_stage_is_missing(tmp_path: Path) -> None:
    """All five stages must be there."""
    start = SOURCE.index("  4:\n    name: Full")
    file = tmp_path / "plan.yaml"
    file.write_text(SOURCE[:start] + SOURCE[SOURCE.index("# --- 3.") :], encoding="utf-8")
    with pytest.raises(PlanError, match="stages lacks 4; every one of 0, 1, 2, 3, 4 is needed"):
        load_plan(file)


def test_two_quantile_gates(tmp_path: Path) -> None:
    """The scan counts samples beyond one limit.

    So a second quantile gate would be judged by the first one's.
    """
    start, end = SOURCE.index("  p95_latency:"), SOURCE.index("  vetoed:\n")
    again = (
        SOURCE[start:end]
        .replace("p95_latency", "p97_latency")
        .replace("quantile: 0.95", "quantile: 0.97")
    )
    file = tmp_path / "plan.yaml"
    file.write_text(SOURCE[:end] + again + SOURCE[end:], encoding="utf-8")
    with pytest.raises(PlanError, match="several gates have statistic: quantile"):
        load_plan(file)


def test_misspelt_profile(plan: Plan) -> None:
    """A profile that the plan lacks is named, with those that it has."""
    with pytest.raises(
        PlanError,
        match=r"profile is 'defualt'; the plan has default, strict, fast\. Did you mean 'default'\?",
    ):
        plan.profile("defualt")


# The table of the plan, section 3, written out by hand: which of the features A–F are on.
AUDIENCES: tuple[Audience, ...] = ("internal", "dogfood", "opted_in", "everyone", "opted_out")
FLAGS = {
    0: ("BCDEF", "BEF", "BEF", "BEF", "BEF"),
    1: ("BCDEF", "BCDEF", "BCDEF", "BCDEF", "BCDEF"),
    2: ("BCDEF", "BCDEF", "ABCDEF", "BCDEF", "BCDEF"),
    3: ("ABCDEF", "ABCDEF", "ABCDEF", "ABCDEF", "BCDEF"),
    4: ("ABCDEF", "ABCDEF", "ABCDEF", "ABCDEF", "ABCDEF"),
}
KEYS = {
    "A": "feature.searchLite", "B": "feature.guardianProfiles", "C": "feature.autoTagging",
    "D": "feature.difficultyDistribution", "E": "feature.styleGuard", "F": "feature.mode",
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_flags(plan: Plan, stage: StageId, audience: Audience) -> None:
    """Every feature is on or off as the plan's table says; F is a mode, not a switch."""
    on = FLAGS[stage][AUDIENCES.index(audience)]
    expected = {key: feature in on for feature, key in KEYS.items()} | {
        "feature.mode": "exploit" if "F" in on else "explore"
    }
    assert plan.flags_of(stage, audience) == expected


def test_search_comes_last(plan: Plan) -> None:
    """Feature A is the last to become the default.

    At stage 3, when all others have been on for everyone.
    """
    first = {
        key: min(s for s in STAGES if plan.flags_of(s, "everyone")[flag])
        for key, flag in KEYS.items()
    }
    assert first == {"A": 3, "B": 0, "C": 1, "D": 1, "E": 0, "F": 0}


def test_limits_from_profiles(plan: Plan) -> None:
    """Latency limits follow the profile.

    Its target for the average, 110 % of it for the 95th percentile.
    """
    average, p95 = plan.gates["avg_latency"], plan.gates["p95_latency"]
    assert [average.plan_limit(plan.profile(name)) for name in ("default", "fast")] == [2000, 1800]
    assert p95.plan_limit(plan.profile("default")) == pytest.approx(2200)
    assert average.proof_limit(2, plan.profile("fast")) == 1800
    assert p95.proof_limit(0, plan.profile("fast")) == 0.26


def test_the_ladder(plan: Plan) -> None:
    """What every stage must prove, written out by hand.

    It ends at limit ∓ tolerance and at 1 − quantile.
    """
    profile = plan.profile("default")
    limits = {
        key: [gate.proof_limit(stage, profile) for stage in STAGES]
        for key, gate in plan.gates.items()
    }
    assert limits == {
        "pass_rate": [-0.10, -0.05, -0.03, -0.02, -0.02],
        "avg_score": [-0.5, -0.3, -0.2, -0.1, -0.1],
        "top_issue": [1.5, 1.0, 0.8, 0.7, 0.7],
        "avg_latency": [2000.0] * 5,
        "p95_latency": [0.26, 0.10, 0.05, 0.05, 0.05],
        "vetoed": [0.10, 0.05, 0.03, 0.02, 0.02],
        "error_rate": [0.26, 0.10, 0.03, 0.01, 0.01],
        "manual_edit_rate": [0.40, 0.35, 0.30, 0.30, 0.30],
    }


def test_tolerance_is_the_proof(plan: Plan) -> None:
    """A tolerance that somebody tightens tightens what stages 3 and 4 have to prove."""
    gate = plan.gates["vetoed"].model_copy(update={"tolerance": 0.005})
    assert [gate.proof_limit(s, plan.profile("default")) for s in (2, 3, 4)] == [0.03, 0.005, 0.005]


def test_alternative_of_a_gate() -> None:
    """The value that a stage is designed to recognise may depend on the profile as well."""
    gate = Gate(
        title="t", metric="latency_ms", contrast="treatment", harm="higher",
        limit=FromProfile(profile="max_latency_ms"), alternative=FromProfile(profile="max_latency_ms", factor=0.9),
    )  # fmt: skip
    plan = load_plan(ROOT / "params" / "plan.yaml")
    assert gate.design_alternative(plan.profile("default")) == 1800


def test_a_pinned_plan_of_before_is_read(tmp_path: Path) -> None:
    """Triggers in words, as decisions of before have pinned them, name no alarm and pull nothing."""
    before, after = SOURCE.split("  triggers:\n", 1)[0], SOURCE.split("  actions:\n", 1)[1]
    path = tmp_path / "plan.yaml"
    words = "  triggers: [metrics get worse, errors surge]\n  actions:\n"
    path.write_text(before + words + after, encoding="utf-8")
    triggers = load_plan(path).rollback.triggers
    assert [each.title for each in triggers.values()] == ["metrics get worse", "errors surge"]
    assert not any(each.alarms or each.pulls for each in triggers.values())
    assert load_plan(path).rollback.trigger_of("harm") is None


def test_schema_is_in_step() -> None:
    """params/plan.schema.json is what `rollout schema` would write now."""
    shipped = (ROOT / "params" / "plan.schema.json").read_text("utf-8")
    assert json.loads(shipped) == json.loads(json.dumps(json_schema())), "run `rollout schema`"


def test_schema_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`rollout schema` writes the schema beside the plan of the workbook that it is called in."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["schema"]) == 0
    written = tmp_path / "params" / "plan.schema.json"
    assert str(written) in capsys.readouterr().out.splitlines()
    assert json.loads(written.read_text("utf-8"))["properties"].keys() >= {
        "gates",
        "stages",
        "checks",
    }


def test_root_of_the_workbook(tmp_path: Path) -> None:
    """The nearest folder above that holds a plan is the workbook; elsewhere it is this checkout."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert workbook_root(inner) == ROOT
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").touch()
    assert workbook_root(inner) == tmp_path.resolve()


@pytest.mark.parametrize("mark", ["params/flags.json", "params/roles.yaml", "docs/LEDGER"])
def test_a_workbook_that_lost_its_plan_is_not_another_one(tmp_path: Path, mark: str) -> None:
    """Nothing that is asked for there is done to the checkout of the package instead."""
    (tmp_path / mark).mkdir(parents=True)
    inner = tmp_path / "a"
    inner.mkdir()
    with pytest.raises(PlanError, match=f"{mark} but no params/plan.yaml"):
        workbook_root(inner)
