"""No value of plan.yaml changes nothing: each is set to others, and something must come out anew.

What comes out: flags, the way back, signatures, notes, checks, risks, forecasts' truths, and
reviews of a small source at every stage. Runs are read and samples measured once for all plans that
count them alike, so that a review takes milliseconds.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from rolloutlib.flags.document import FlagState, document, initial_state, session_defaults
from rolloutlib.flags.knobs import in_force, with_knobs
from rolloutlib.flags.notices import release_notes
from rolloutlib.flags.overview import system_overview
from rolloutlib.flags.state import SESSION
from rolloutlib.forecast.chances import CONTROL, truths_of
from rolloutlib.forecast.ladder import steps_of
from rolloutlib.judge import review as judge_review
from rolloutlib.judge import sources as judge_sources
from rolloutlib.judge.checks import run_checks
from rolloutlib.judge.counting import looks_file
from rolloutlib.judge.incidents import Incident
from rolloutlib.judge.readings import Signals
from rolloutlib.judge.record import encode
from rolloutlib.judge.risks import judge_risks, readings_of
from rolloutlib.ledger.knobs import LOG, KnobLine, encoded
from rolloutlib.ledger.pull_request import lacking
from rolloutlib.ledger.signers import load_roles, trust
from rolloutlib.measure.unseen import held_at
from rolloutlib.plan.metrics import MetricName
from rolloutlib.plan.model import Audience, FeatureId, Plan
from rolloutlib.plan.params import daily_params, review_params
from rolloutlib.plan.risks import Turn
from rolloutlib.plan.workbook import STAGES
from rolloutlib.show.plan_page import plan_page
from rolloutlib.watch import record as daily_watch
from rolloutlib.watch import watch as watching
from rolloutlib.watch.alarms import alarms
from tests.often import EXHAUSTIVE
from tests.watch.made import ARMS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.runs import Runs
    from rolloutlib.runs.samples import Samples

pytestmark = pytest.mark.slow  # a minute of small reviews

ROOT = Path(__file__).resolve().parents[2]
SOURCE: dict[str, Any] = yaml.safe_load((ROOT / "params" / "plan.yaml").read_text("utf-8"))
EVIDENCE = ROOT / "data" / "examples" / "story" / "stage-2" / "evidence"
NOW = datetime(2026, 10, 20, tzinfo=UTC)
NOON = datetime(2026, 10, 10, 12, tzinfo=UTC)

# Prose: people read it in the plan's document; no code could obey it.
PROSE = (
    "name", "features.*.title", "features.*.effect", "rollback.triggers.*.title",
    "rollback.actions", "schedule.*.note", "roles.*.raci", "roles.*.duties",
    "documents.references", "knobs.known.*.title", "knobs.known.*.feature",
)  # fmt: skip
# What people read in the plan's document, and what only a watch of stored days reads.
IN_THE_PAGE = ("stages.*.logged", "monitoring.window_days", "evidence.human_labels")
# Values that only the one beside them allows: another is refused, by the sentence that names both.
BOUND = (
    "schema", "gates.*.harm", "gates.*.contrast", "gates.*.statistic", "gates.p95_latency.metric",
    "stages.0.planned.users",
    "checks.*.kind", "risks.*.signals.*.mix", "risks.*.signals.*.share",
    "risks.*.signals.duplicates.metric",
    "monitoring.difficulty.*", "monitoring.traffic_lights.*.better",
)  # fmt: skip

REVIEWS = (*((stage, "default") for stage in (2, 0, 1, 3, 4)), (2, "strict"), (2, "fast"))
TAGS = ("too_easy", "unclear", "bias")  # suggested in threes, twos and ones
REPLAYS = ("issues.jsonl", "none.jsonl", "daily.jsonl")
OFF: tuple[tuple[FeatureId, ...], ...] = ((), ("A", "F"))

Place = tuple[Any, ...]


def leaves(node: object, place: Place = ()) -> Iterator[Place]:
    """Yield where every value stands; a list is one value."""
    if not isinstance(node, dict):
        yield place
        return
    for key, value in node.items():
        yield from leaves(value, (*place, key))


LEAVES = {".".join(map(str, place)): place for place in leaves(SOURCE)}
WORDS = (
    "Other words", "feature.other", "A", "F", *get_args(MetricName), *get_args(Audience), "explore",
    "exploit", "difference", "ratio", "treatment", "higher", "lower", "mean", "min_score",
    "max_latency_ms", "strict", "fast", "junit", "documents", "release_notes", "responsible",
    "approves", "no_go", "tell", "hold", "fail", "sample", "category", "none", "up", "allow",
    "strategy.other", "UTC",
)  # fmt: skip


def others(value: Any) -> list[Any]:  # noqa: ANN401
    """Return values to try instead of one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value * 10, max(value - 1, 1), 10 * value + 0.5]
    if isinstance(value, float):
        scaled = [value * factor for factor in (100, 10, 1.5, 1.05, 0.9, 0.5) if value]
        return [*scaled[:1], value + 0.01, value - 0.01, *scaled[1:], 0.05, value + 0.1]
    if isinstance(value, str):
        return [word for word in WORDS if word != value]
    return [value[:-1], ["Other words"], ["A"], ["pm"], [0], value[::-1], ["frozen"]]


def changed(place: Place, value: Any) -> Plan:  # noqa: ANN401
    """Return the plan with one other value, or raise ValidationError."""
    raw = copy.deepcopy(SOURCE)
    node = raw
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return Plan.model_validate(raw)


# --- what comes out of a plan ---------------------------------------------------------------------


def sample(arm: str, user: int, i: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return a row; timeouts have no latency, nor have 3 % of the treatment's others.

    Of the treatment 2 % have no score, and half have an issue that the control never has.
    """
    on = arm == "treatment"
    words = ["passed", "failed", "vetoed", "error", "timeout"]
    status = rng.choice(words, p=(0.8, 0.1, 0.05, 0.02, 0.03))
    latency = "" if status == "timeout" or (on and i % 33 == 0) else round(rng.normal(1700, 300))
    day = datetime(2026, 10, 25 + i % 3, tzinfo=UTC) + timedelta(hours=on)
    return {
        "arm": arm, "runId": f"{arm}-{i % 3}", "startedAt": day.isoformat(), "id": f"{user}-{i}",
        "userId": f"{arm}{user}", "status": status,
        "score": "" if on and i == 7 and user in {0, 3, 6} else round(rng.uniform(5, 10), 2),
        "latencyMs": latency,
        "issues": "hallucination" if rng.random() < 0.2 - 0.1 * on else "tone" if on else "",
        "category": "ab"[i % 3 // 2], "difficulty": ("easy", "hard")[i % 2],
        "suggestedTags": "tone", "confirmedTags": "tone" if rng.random() < 0.8 else "",
        "styleViolations": int(rng.poisson(0.3)), "vetoReason": "min_score",
    }  # fmt: skip


def replay(*, with_issues: bool) -> list[dict[str, Any]]:
    """Return a run of each arm on 80 prompts: category b loses, the mix of difficulty shifts.

    One prompt of the treatment is absent, and with issues four samples tell none.
    """
    return [replayed_run(arm, with_issues=with_issues) for arm in ("control", "treatment")]


def replayed_run(arm: str, *, with_issues: bool) -> dict[str, Any]:
    """Return the envelope of one arm."""
    on, samples = arm == "treatment", list[dict[str, Any]]()
    for i in range(79 if on else 80):
        lost = i % 4 == 0 and i % 20
        sample = {
            "id": str(i), "promptId": f"p{i}", "category": "b" if i % 4 == 0 else "a",
            "status": "failed" if (lost if on else i % 4 and i % 3 == 0) else "passed",
            "difficulty": "easy" if i % 2 or (on and i % 10) else "hard",
            "score": 8, "latencyMs": 1500 + i,
            "issues": ["hallucination"] if with_issues and i % 9 == 0 else [],
            "suggestedTags": [*TAGS[i % 40 : i % 40 + 3], *(["too_hard"] if i % 40 == 0 else [])],
        }  # fmt: skip
        if with_issues and i % 20 == 1:
            del sample["issues"]
        samples.append(sample)
    passed = sum(sample["status"] == "passed" for sample in samples) / len(samples)
    latency = sum(sample["latencyMs"] for sample in samples) / len(samples)
    numbers = {"passRate": passed, "avgScore": 8, "avgLatency": latency, "vetoedPct": 0}
    flags = {"feature.difficultyDistribution": on, "feature.autoTagging": on}
    return {"runId": arm, "arm": arm, "flags": flags, "startedAt": "2026-10-25T10:00:00Z",
            "result": {"metrics": numbers, "samples": samples}}  # fmt: skip


def daily() -> list[dict[str, Any]]:
    """Return six runs, days apart: the treatment runs 36 hours later, and gets worse by half."""
    passing = {"control": [34] * 6, "treatment": [39, 38, 39, 31, 32, 31]}
    return [daily_run(arm, day, count) for arm in passing for day, count in enumerate(passing[arm])]


def daily_run(arm: str, day: int, passing: int) -> dict[str, Any]:
    """Return an envelope of 40 samples; as many pass as told."""
    at = datetime(2026, 10, 1 + 4 * day, tzinfo=UTC) + timedelta(hours=36 * (arm == "treatment"))
    latencies = [1500 + 40 * day + i for i in range(40)]
    samples = [
        {"id": str(i), "promptId": f"p{i}", "status": "passed" if i < passing else "failed",
         "score": 8, "latencyMs": latency, "issues": []} for i, latency in enumerate(latencies)
    ]  # fmt: skip
    numbers = {
        "passRate": passing / 40,
        "avgScore": 8,
        "avgLatency": sum(latencies) / 40,
        "vetoedPct": 0,
    }
    return {"runId": f"{arm}-{day}", "arm": arm, "startedAt": at.isoformat(),
            "result": {"metrics": numbers, "samples": samples}}  # fmt: skip


def always(answer: object) -> Callable[..., object]:
    """Return a function that gives the same answer to every question."""

    def give(*_: object, **__: object) -> object:
        return answer

    return give


def read_once(runs: dict[Path, Runs]) -> Callable[..., Runs]:
    """Return a reader of sources that were read before."""

    def read(path: Path, **_: object) -> Runs:
        return runs[path]

    return read


def opened_once(samples: dict[int, Samples]) -> Callable[[Runs], Samples]:
    """Return an opener of sources that were opened before."""
    return lambda runs: samples[id(runs)]


class Outcomes:
    """What comes out of a plan, part by part."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Write the source; reviews of it read it once, and measure it once for equal limits."""
        rng, self.folder, self.roles = np.random.default_rng(1), folder, load_roles(ROOT)
        users = [("control", user) for user in range(20)] + [("treatment", u) for u in range(8)]
        rows = [sample(arm, user, i, rng) for arm, user in users for i in range(24)]
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        (folder / "runs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "docs" / "LEDGER").mkdir(parents=True)
        for day in range(1, 10):
            (folder / "docs" / "LEDGER" / f"dec-2026110{day}-001.md").touch()
        (folder / "outputs").mkdir()
        (folder / "outputs" / "dataset_meta.json").write_text("{}", encoding="utf-8")
        (folder / "data").mkdir()
        log = f'{{"at": "{NOW.isoformat()}", "severity": "S2", "title": "Outage"}}'
        (folder / "data" / "incidents.jsonl").write_text(log, encoding="utf-8")
        for name in REPLAYS:
            of_days = name == REPLAYS[2]
            listed = daily() if of_days else replay(with_issues=name == REPLAYS[0])
            lines = [json.dumps(run) for run in listed]
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        names = ("runs.csv", *REPLAYS)
        runs = {folder / name: judge_sources.read_runs(folder / name) for name in names}
        samples = {id(read): judge_sources.from_runs(read) for read in runs.values()}
        for module in (judge_review, watching):
            monkeypatch.setattr(module, "load_plan", self.current)
        monkeypatch.setattr(judge_sources, "read_runs", read_once(runs))
        monkeypatch.setattr(judge_sources, "from_runs", opened_once(samples))
        for name in ("measure", "shares_of"):
            monkeypatch.setattr(judge_sources, name, measured_once(getattr(judge_sources, name)))
        self.plan = Plan.model_validate(SOURCE)
        self.page = plan_page(self.plan)
        reviews = (self.review(2, "default"), self.review(1, "default", REPLAYS[0]))
        self.signals = [Signals({}), *(readings_of(review.risks) for review in reviews)]
        self.session = session_defaults(self.plan, initial_state(self.plan))
        write_knobs(folder, self.plan)
        self.base = {name: part(self.plan) for name, part in self.parts().items()}

    def current(self, _: Path) -> Plan:
        """Return the plan that is tried."""
        return self.plan

    def parts(self) -> dict[str, Callable[[Plan], object]]:
        """Return what makes each part, the quick ones first."""
        quick: dict[str, Callable[[Plan], object]] = {
            "flags": flags, "signatures": self.signatures, "notes": self.notes,
            "pull requests": pull_requests,
            "checks": lambda plan: run_checks(
                plan.checks, EVIDENCE, now=NOW, root=self.folder, simulated=True
            ),
            "risks": self.risks, "knobs": self.knobs, "truths": truths,
            "file of looks": self.looks_file, "ladder": steps_of, "held": held,
        }  # fmt: skip
        reviews = {
            f"review of stage {stage}, {profile}": partial(self.of_review, stage, profile)
            for stage, profile in REVIEWS
        }
        replays = {
            f"review of {name}": partial(self.of_review, 1, "default", runs=name)
            for name in REPLAYS
        }
        return quick | reviews | replays | {"alarms": alarms_of, "watch": self.watch}

    def other(self, plan: Plan) -> str | None:
        """Return the first part that comes out otherwise than from the shipped plan."""
        parts = self.parts().items()
        return next((name for name, part in parts if part(plan) != self.base[name]), None)

    def review(self, stage: int, profile: str, runs: str = "runs.csv") -> Reviewed:
        """Review a source under `self.plan`."""
        carry = [str(self.folder / REPLAYS[1])] if runs == REPLAYS[0] else []
        about = {"stage": stage, "profile": profile, "runs": str(self.folder / runs), "looks": "",
                 "carry": carry}  # fmt: skip
        return judge_review.review_stage(review_params(about | {"evidence": str(EVIDENCE)}))

    def of_review(self, stage: int, profile: str, plan: Plan, *, runs: str = "runs.csv") -> bytes:
        """Encode a review."""
        self.plan = plan
        return encode(self.review(stage, profile, runs).record)

    def watch(self, plan: Plan) -> bytes:
        """Encode a watch of the same source, on the last of its days."""
        self.plan = plan
        log = str(self.folder / "data" / "incidents.jsonl")
        about = {"stage": 2, "runs": str(self.folder / "runs.csv"), "as_of": "2026-10-27",
                 "start": "2026-10-12", "incidents": log}  # fmt: skip
        return daily_watch.encode(watching.watch_stage(daily_params(about)))

    def looks_file(self, plan: Plan) -> Path | None:
        """Where a plan counts looks."""
        return looks_file(plan, review_params({"stage": 2, "runs": str(self.folder)}))

    def signatures(self, plan: Plan) -> object:
        """Whose signatures a record needs."""
        return trust(ROOT, plan, self.roles).thresholds

    def notes(self, plan: Plan) -> object:
        """Release notes of every stage, and the overview."""
        states = [FlagState(stage, 1, profile="default") for stage in STAGES]
        first = initial_state(plan)
        lines = [release_notes(plan, first, state, ()) for state in states]
        overview = system_overview(self.folder, plan, states[2], lang="en").read_text("utf-8")
        return [[str(line) for line in notes] for notes in lines], overview

    def risks(self, plan: Plan) -> object:
        """The register as data show it, each signal reported alone, and all of them."""
        ids = [*plan.risks]
        reports = ([], ids, *([risk] for risk in ids))
        return [judge_risks(plan, of, reported=r) for of in self.signals for r in reports]

    def knobs(self, plan: Plan) -> object:
        """What is in force, what a promotion keeps, and what may be turned."""
        now = [
            (knob_now.name, knob_now.value, knob_now.recorded)
            for knob_now in in_force(self.folder, plan)
        ]
        turned = [
            knob.refuses(before, turn)
            for knob in plan.knobs.known.values()
            for before in (None, knob.default, 0.1, 0.5, 1.0, 2.0)
            for turn in TURNS
        ]
        return now, with_knobs(self.folder, plan, self.session), turned


TURNS = (
    *(Turn(by=step) for step in (-0.15, -0.05, -0.01, 0.04, 0.05, 0.12, 0.15, 0.2, 0.5, 1.0, -1.0)),
    *(Turn(to=value) for value in (0.05, 0.0, 0.1, 0.15, 1.0, 2.0, "fast", "allow", "default")),
)


def write_knobs(folder: Path, plan: Plan) -> None:
    """Write a session config and a log in which every knob stands at an end of its bounds."""
    session: dict[str, Any] = {"searchLite": False}
    lines: list[KnobLine] = []
    for name, knob in plan.knobs.known.items():
        value = knob.values[-1] if knob.values else knob.least
        *parents, last = knob.key.split(".")
        node = session.setdefault(parents[0], {}) if parents else session
        node[last] = value
        lines.append(KnobLine(len(lines) + 1, NOW, name, knob.key, None, value, "tried"))
    (folder / "params").mkdir()
    (folder / SESSION).write_text(json.dumps(session), encoding="utf-8")
    (folder / LOG).write_bytes(encoded(lines))


def alarms_of(plan: Plan) -> object:
    """Alarms of a stage that gets worse and lacks a Sunday, and of two logs of incidents."""
    stage = Stage(days=8, users=12).change(passed=0.3, error=0.3).without(6)
    low = [Incident(str(n), NOON - timedelta(hours=47), None, "slow", "low") for n in range(3)]
    high = [Incident("x", NOON, None, "down", "high")]
    of_incidents = (
        alarms(None, plan, arms=ARMS, stage=2, as_of=NOON, incidents=incidents)
        for incidents in (low, high)
    )
    return stage.alarms(plan), *of_incidents


def flags(plan: Plan) -> object:
    """What everybody gets at every stage, as documents and as values; and the first state."""
    states = [FlagState(stage, 1, off=off) for stage in STAGES for off in OFF]
    values = [plan.flags_of(stage, who) for stage in STAGES for who in get_args(Audience)]
    return [document(plan, state) for state in states], values, initial_state(plan)


def pull_requests(plan: Plan) -> object:
    """What an empty description of a pull request lacks."""
    return lacking("", plan.documents.pr_sections)


def truths(plan: Plan) -> object:
    """What forecasts simulate."""
    return [
        truths_of(plan, stage, profile, CONTROL)
        for stage in STAGES
        for profile in plan.profiles.values()
    ]


def held(plan: Plan) -> object:
    """Which gate stays open at which stage, for what nobody saw."""
    return [
        held_at(plan, gate, stage, plan.profile("default"), "error")
        for gate in plan.gates.values()
        for stage in STAGES
    ]


def measured_once(measure: Callable[..., Any]) -> Callable[..., Any]:
    """Measure the one source once for every cap and limit."""
    results: dict[tuple[object, ...], Any] = {}

    def measured(*of: Any, **limits: Any) -> Any:  # noqa: ANN401
        key = (id(of[0]), *limits.values())
        if key not in results:
            results[key] = measure(*of, **limits)
        return results[key]

    return measured


# --- the walk -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """Return what comes out of the shipped plan, to hold others against."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Outcomes(tmp_path_factory.mktemp("plan"), monkeypatch)


def listed(leaf: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a list of exceptions names a leaf."""
    return any(fnmatch(leaf, pattern) for pattern in patterns)


def plans(place: Place) -> Iterator[Plan]:
    """Yield plans with one other value, as far as the plan may have them; three are enough."""
    left = 3
    for another in others(value_at(place)):
        try:
            yield changed(place, another)
        except ValidationError:
            continue
        left -= 1
        if not left:
            return


@pytest.mark.parametrize("leaf", LEAVES if EXHAUSTIVE else list(LEAVES)[::5])
def test_every_leaf_changes_something(outcomes: Outcomes, leaf: str) -> None:
    """Another value comes out otherwise: of prose in the document, else in what the code does.

    A third of the leaves in each test run, all by `make faults`.
    """
    changed = list(plans(LEAVES[leaf]))
    if listed(leaf, BOUND):
        assert not changed or any(map(outcomes.other, changed))
    elif listed(leaf, (*PROSE, *IN_THE_PAGE)):
        assert any(plan_page(plan) != outcomes.page for plan in changed)
    else:
        assert any(map(outcomes.other, changed)), "changes nothing"


def value_at(place: Place) -> Any:  # noqa: ANN401
    """Return the shipped value."""
    node: Any = SOURCE
    for key in place:
        node = node[key]
    return node


@pytest.mark.parametrize("pattern", [*PROSE, *IN_THE_PAGE, *BOUND])
def test_exceptions_are_needed(outcomes: Outcomes, pattern: str) -> None:
    """An exception names leaves that there are, of which one at least changes nothing else."""
    places = [place for leaf, place in LEAVES.items() if fnmatch(leaf, pattern)]
    quick = list(outcomes.parts().items())[:8]
    assert any(
        all(part(plan) == outcomes.base[name] for name, part in quick)
        for place in places
        for plan in plans(place)
    ) or (places and pattern in BOUND)
