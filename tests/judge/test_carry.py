"""Evidence that is carried forward: what counts, what is refused and why; nothing is hidden."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from rolloutlib.errors import UsageError
from rolloutlib.judge.carrying import stage_in, under
from rolloutlib.judge.record import Recommendation, Reviewed, decode, encode
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import texts
from tests.tables import PLAN, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.record import GateResult
    from rolloutlib.plan.workbook import StageId

pytestmark = pytest.mark.slow
Run = dict[str, Any]
BEGIN = datetime(2026, 9, 1, 9, tzinfo=UTC)


class World(NamedTuple):
    """A candidate and its control: what they do, by (control, treatment)."""

    passed: tuple[float, float] = (0.90, 0.94)
    score: tuple[float, float] = (8.0, 8.2)
    strategy: str = "same"


SAME = World()


def runs_of(stage: StageId, world: World = SAME, *, users: int = 20, each: int = 3) -> list[Run]:
    """Return three runs an arm; users are in both arms, and the same at every stage."""
    rng = np.random.default_rng(100 + stage)
    made: list[Run] = []
    planned = PLAN.flags_of_arms(stage)
    for place, arm in enumerate(("control", "treatment")):
        for day in range(3):
            passed = rng.random(users * each) < world.passed[place]
            samples = [
                {
                    "id": f"{stage}-{day}-{k}", "status": "passed" if ok else "failed",
                    "score": round(float(rng.normal(world.score[place], 0.4)), 3),
                    "latencyMs": round(float(rng.lognormal(7.0, 0.2)), 2),
                    "issues": [] if ok or (place and k % 3) else ["hallucination"],
                    "userId": f"u{k % users}", "category": "c", "difficulty": "medium",
                    "suggestedTags": ["a"], "confirmedTags": ["a"],
                }
                for k, ok in enumerate(passed)
            ]  # fmt: skip
            short = {key.removeprefix("feature."): value for key, value in planned[arm].items()}
            meta = {"strategyHash": world.strategy, "featureFlags": short}
            made.append({
                "runId": f"s{stage}-{arm}-{day}", "arm": arm, "stage": stage,
                "startedAt": (BEGIN + timedelta(days=10 * stage + day)).isoformat(),
                "flags": dict(planned[arm]), "datasetMeta": meta,
                "session": {"guardianProfileId": "default"},
                "result": {"samples": samples, "metrics": {}},
            })  # fmt: skip
    return made


def write(folder: Path, runs: list[Run]) -> str:
    """Write runs, one a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(runs):
        (folder / f"{number:02d}.json").write_text(json.dumps(each), encoding="utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Return a folder a stage: 2, 3 and 4 are of one candidate."""
    folder = tmp_path_factory.mktemp("stages")
    return {stage: write(folder / f"stage-{stage}", runs_of(stage)) for stage in (2, 3, 4)}


@pytest.fixture(scope="module")
def alone(stages: dict[int, str]) -> Reviewed:
    """Return stage 3 by itself."""
    return review(3, stages[3])


def review(stage: int, runs: str, *carry: str, **more: Any) -> Reviewed:  # noqa: ANN401
    """Review a stage with what it carries; no look is counted."""
    params = {"stage": stage, "runs": runs, "carry": carry, "looks": "", "source": None}
    return review_stage(review_params(params | more))


def gate(reviewed: Reviewed, name: str = "pass_rate") -> GateResult:
    """Return a gate of a review."""
    return next(gate for gate in reviewed.gates if gate.id == name)


def why(reviewed: Reviewed) -> list[str | None]:
    """Return the code for which each named stage does not count."""
    return [None if row.why is None else row.why.code for row in reviewed.carried]


def test_the_sum_is_that_of_all_samples(stages: dict[int, str], tmp_path: Path) -> None:
    """Stages 4, 3 and 2 as one give what one folder with all their runs gives, to the digit.

    The plan's rule, the runs and the completeness stay those of the stage itself.
    """
    alone, carried = review(4, stages[4]), review(4, stages[4], stages[3], stages[2])
    every = [run | {"stage": 4} for stage in (2, 3, 4) for run in runs_of(stage)]
    whole = review(4, write(tmp_path / "all", every))
    for summed, other, own in zip(carried.gates, whole.gates, alone.gates, strict=True):
        if summed.id != "top_issue":  # another part of the samples chose what it is about
            for field in ("point", "lower", "upper", "n_control", "n_treatment", "clusters"):
                number, expected = getattr(summed.evidence, field), getattr(other.evidence, field)
                assert number == pytest.approx(expected, rel=1e-12), (summed.id, field)
        assert (summed.plan, summed.control, summed.treatment) == (
            own.plan,
            own.control,
            own.treatment,
        )
        assert [part.stage for part in summed.stages] == [4, 3, 2]
        assert sum(part.n_treatment for part in summed.stages) == summed.evidence.n_treatment
    assert gate(carried).evidence.clusters == 20
    assert (carried.runs, carried.completeness) == (alone.runs, alone.completeness)
    assert carried.data_sha256 != alone.data_sha256
    assert gate(alone).stages == ()
    assert decode(encode(carried.record)) == carried.record


def test_the_issue_is_chosen_by_the_first_stage(stages: dict[int, str]) -> None:
    """Whoever chose the issue there is not tested on it; later stages only test it."""
    issue = gate(review(4, stages[4], stages[3], stages[2]), "top_issue")
    assert issue.subject == "hallucination"
    assert [part.stage for part in issue.stages] == [4, 3, 2]


CHANGES: list[tuple[str, Callable[[list[Run]], object], str]] = [
    ("another strategy", lambda runs: [
        run["datasetMeta"].update(strategyHash="other") for run in runs if run["arm"] == "treatment"
    ], "carry.strategy"),
    ("another control", lambda runs: [
        run["datasetMeta"].update(strategyHash="other") for run in runs if run["arm"] == "control"
    ], "carry.strategy"),
    ("no strategy", lambda runs: [run["datasetMeta"].pop("strategyHash") for run in runs],
     "carry.untold"),
    ("other flags", lambda runs: [
        (run["flags"].update({"feature.extra": True}),
         run["datasetMeta"]["featureFlags"].update(extra=True)) for run in runs
    ], "carry.flags"),
    ("another profile", lambda runs: [
        run["session"].update(guardianProfileId="strict") for run in runs
    ], "carry.profile"),
    ("unreadable rows", lambda runs: [
        sample.update(status="perhaps") for run in runs for sample in run["result"]["samples"][:9]
    ], "carry.blocked"),
    ("no scores in the treatment", lambda runs: [
        sample.pop("score") for run in runs if run["arm"] == "treatment"
        for sample in run["result"]["samples"]
    ], "carry.blocked"),
    ("no users", lambda runs: [
        sample.pop("userId") for run in runs for sample in run["result"]["samples"]
    ], "carry.unit"),
    ("of another stage", lambda runs: [run.update(stage=3) for run in runs], "carry.stage"),
    ("one arm only", lambda runs: [run.update(arm="control") for run in runs], "carry.unreadable"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [(c, code) for _, c, code in CHANGES],
                         ids=[name for name, _, _ in CHANGES])  # fmt: skip
def test_what_is_refused(
    stages: dict[int, str], alone: Reviewed, tmp_path: Path, change: Callable[[list[Run]], object],
    code: str,
) -> None:  # fmt: skip
    """Another candidate, or data that prove nothing, do not count; the stage stands alone."""
    runs = runs_of(2)
    change(runs)
    reviewed = review(3, stages[3], write(tmp_path / "changed", runs))
    assert why(reviewed) == [code]
    assert "Stage 2 is not carried" in texts(reviewed.warnings)[0]
    assert [gate.evidence for gate in reviewed.gates] == [gate.evidence for gate in alone.gates]
    assert reviewed.data_sha256 == alone.data_sha256


def test_nothing_is_carried_across_a_gap(stages: dict[int, str], tmp_path: Path) -> None:
    """Where stage 3 does not count, stage 2 does not either."""
    other = write(tmp_path / "other", runs_of(3, World(strategy="other")))
    assert why(review(4, stages[4], other, stages[2])) == ["carry.strategy", "carry.gap"]


def test_the_order_is_downwards(stages: dict[int, str]) -> None:
    """Named upwards, nothing counts, and the sentence says how to name them."""
    reviewed = review(4, stages[4], stages[2], stages[3])
    assert why(reviewed)[0] == "carry.stage"
    assert "downwards" in texts(reviewed.warnings)[0]


def test_empty_and_missing_folders(stages: dict[int, str], tmp_path: Path) -> None:
    """An empty folder carries nothing and says so; one that is not there is wrong usage."""
    (tmp_path / "empty").mkdir()
    assert why(review(3, stages[3], str(tmp_path / "empty"))) == ["carry.unreadable"]
    with pytest.raises(UsageError, match="there is no such file or folder"):
        review(3, stages[3], str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="before stage 3 there are 3"):
        review(3, stages[3], *[stages[2]] * 4)


def test_the_same_runs_do_not_count_twice(stages: dict[int, str], tmp_path: Path) -> None:
    """The same runs in two folders, or copies of their samples as other runs, users or stages."""
    again = [run | {"stage": 2} for run in runs_of(3)]
    assert why(review(3, stages[3], write(tmp_path / "same", again))) == ["carry.runs"]
    renamed: list[Run] = [run | {"runId": f"other-{k}"} for k, run in enumerate(again)]
    assert why(review(3, stages[3], write(tmp_path / "renamed", renamed))) == ["carry.copies"]
    mixed = [renamed[0], *runs_of(2)[1:]]
    assert why(review(3, stages[3], write(tmp_path / "one", mixed))) == ["carry.copies"]
    for run in renamed:
        for sample in run["result"]["samples"]:
            sample["userId"] += "-again"
    assert why(review(3, stages[3], write(tmp_path / "users", renamed))) == ["carry.copies"]


def telling(folder: Path) -> str:
    """Return a plan that holds no gate for what twenty users cannot show."""
    plan = folder / "telling.yaml"
    text = (ROOT / "params" / "plan.yaml").read_text("utf-8")
    plan.write_text(text.replace("unseen: {3: hold, 4: hold}", "unseen: {}"), "utf-8")
    return str(plan)


def test_bad_evidence_from_before_counts(stages: dict[int, str], tmp_path: Path) -> None:
    """An earlier stage that went badly is not left out: its samples pull the sum down."""
    bad, plan = write(tmp_path / "bad", runs_of(2, World((0.90, 0.60)))), telling(tmp_path)
    alone, carried = review(3, stages[3], plan=plan), review(3, stages[3], bad, plan=plan)
    verdicts = [gate(reviewed).evidence.verdict.value for reviewed in (alone, carried)]
    assert verdicts == ["pass", "inconclusive"]
    assert (gate(carried).evidence.point or 0) < -0.05
    assert carried.recommendation is Recommendation.HOLD


def test_good_evidence_from_before_hides_no_breach(tmp_path: Path) -> None:
    """A stage that proves the breach by itself passes with no earlier stage's help."""
    own = write(tmp_path / "own", runs_of(3, World((0.90, 0.80))))
    before = write(tmp_path / "before", runs_of(2, World((0.80, 0.95)), each=30))
    evidence = gate(review(3, own, before)).evidence
    assert (evidence.verdict.value, evidence.why.code) == ("inconclusive", "carry.contradicts")
    assert (evidence.point or 0) > 0.05


def test_what_is_missing_before_is_bad_there(tmp_path: Path) -> None:
    """A missing score of an earlier stage counts at its worst, as it would here."""
    equal, plan = World(score=(8.0, 8.0)), telling(tmp_path)
    own, runs = write(tmp_path / "own", runs_of(3, equal)), runs_of(2, equal)
    whole = gate(review(3, own, write(tmp_path / "whole", runs), plan=plan), "avg_score")
    assert whole.evidence.verdict.value == "pass"
    for run in runs:
        run["result"]["samples"][0]["score"] = None
    reviewed = review(3, own, write(tmp_path / "gaps", runs), plan=plan)
    assert why(reviewed) == [None]
    score = gate(reviewed, "avg_score").evidence
    assert score.n_treatment == 2 * 180 - 3
    assert (score.verdict.value, score.why.code) == ("inconclusive", "missing.worst")
    assert score.why.facts["rows"] == 3


def test_the_plan_may_let_each_stage_stand_alone(stages: dict[int, str], tmp_path: Path) -> None:
    """`carries: none` refuses with that reason."""
    plan = tmp_path / "plan.yaml"
    text = (ROOT / "params" / "plan.yaml").read_text("utf-8")
    plan.write_text(text.replace("carries: same_candidate", "carries: none"), "utf-8")
    assert why(review(3, stages[3], stages[2], plan=str(plan))) == ["carry.none"]


def test_looks_know_what_was_carried(stages: dict[int, str], tmp_path: Path) -> None:
    """The same data again are the same look; with another carried stage it is another one."""
    looks = str(tmp_path / "looks.jsonl")

    def number(*carry: str) -> int:
        return review(4, stages[4], *carry, looks=looks).look.number

    assert [number(stages[3]), number(stages[3]), number(stages[3], stages[2])] == [1, 1, 2]
    shutil.copytree(stages[3], tmp_path / "copy")
    assert number(str(tmp_path / "copy")) == 1


def test_names_of_carried_files() -> None:
    """No file of the review's own is taken for one of a carried stage."""
    assert [stage_in(name) for name in (f"{under(2)}a.json", "stage-2/a.json", "carry/2/a")] == [
        under(2), "", "",
    ]  # fmt: skip
