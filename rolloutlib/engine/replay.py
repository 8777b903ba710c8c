"""Engine replay: ask again what the green run was asked, and compare gate by gate.

A seeded engine must agree exactly. An unseeded one agrees where the new point lies within the green
run's bounds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import isclose
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rolloutlib.engine.bench import ARMS, Arm, Bench, run_bench
from rolloutlib.engine.prompts import MOST_PROMPTS, engine_command, read_all_prompts
from rolloutlib.errors import NoEvidenceError, UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.review import review_stage
from rolloutlib.ledger.durable import Files, overwrite
from rolloutlib.ledger.replay import TOLERANCE
from rolloutlib.ledger.workbook import FOLDER
from rolloutlib.phrase import foreign, phrase
from rolloutlib.plan.model import FlagValue, load_plan
from rolloutlib.plan.params import review_params
from rolloutlib.plan.strict_yaml import describe
from rolloutlib.plan.workbook import StageId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.random import Generator

    from rolloutlib.judge.record import GateResult
    from rolloutlib.plan.model import Plan

Agreement = Literal["exact", "within", "differs", "no data"]
_ORDER: tuple[Agreement, ...] = ("differs", "within", "exact", "no data")


@dataclass(frozen=True, slots=True)
class GateAgreement:
    """One gate in the green run and in the replay, in the unit of the evidence."""

    id: str
    title: str
    unit: str
    green: float | None
    lower: float | None
    upper: float | None
    replay: float | None
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class EngineReplay:
    """A replay, pinned to the rollback record that it was made for.

    Attributes:
        agreement: the worst of the gates that have data.
        record, record_sha256: the rollback record; empty when the replay belongs to none.
        green_sha256, replay_sha256: of the run envelopes on both sides.
    """

    agreement: Agreement
    gates: tuple[GateAgreement, ...]
    record: str
    record_sha256: str
    green_sha256: str
    replay_sha256: str


class _Session(msgspec.Struct, rename="camel"):
    guardian_profile_id: str
    seed: int


class _Sample(msgspec.Struct, rename="camel"):
    prompt_id: str = ""


class _Result(msgspec.Struct):
    samples: tuple[_Sample, ...] = ()


class _Run(msgspec.Struct):
    """What a replay needs of one envelope of the green run."""

    arm: Arm
    flags: dict[str, FlagValue]
    session: _Session
    result: _Result
    stage: int | None = None


class ReplayParams(BaseModel):
    """Parameters of notebooks/rollback_replay.ipynb; paths are relative to the workbook's root.

    Attributes:
        record: id of the rollback record that the result is pinned to; empty for none.
        green: the envelope file that `rollout bench` wrote for the green decision.
        prompts: the file of its prompts.
        engine: the engine's command.
        stage: the stage as whose exit both runs are judged.
        lang: language of the table.
        out: folder for the new envelopes and replay.json.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    record: Annotated[str, Field(pattern=r"^(dec-[0-9]{8}-rollback-[0-9]{3,6})?$")] = ""
    green: str
    prompts: str
    engine: Annotated[str, Field(min_length=1)]
    stage: StageId
    lang: Literal["en", "ko"] = "en"
    out: str

    def command(self, root: Path) -> tuple[str, ...]:
        """Return the engine's command; its words that are files of the workbook become absolute."""
        words = engine_command(self.engine)
        return tuple(str(root / word) if (root / word).is_file() else word for word in words)


def replay_params(values: Mapping[str, Any]) -> ReplayParams:
    """Validate parameters; an unknown name or an impossible value is a UsageError that names it."""
    try:
        return ReplayParams.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(describe(error, "parameters", ReplayParams)) from None


def replay_engine(
    root: Path,
    params: ReplayParams,
    *,
    now: datetime,
    rng: Generator,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> EngineReplay:
    """Run the green run's prompts again, with its flags, profile and seed; write replay.json.

    Args:
        root: the workbook's root.
        params: what to run again, and where to write.
        now: the clock's reading.
        rng: decides the order of the calls.
        progress: called with calls done and calls in all.

    Raises:
        UsageError: a file is missing, or the prompts file lacks a prompt of the green run.
        NoEvidenceError: the green file holds no pair of arms.
    """
    record, green = root / FOLDER / f"{params.record}.record", root / params.green
    if params.record and not record.is_file():
        raise UsageError(
            "there is no record {record} in {folder}; `rollout ledger` lists them",
            record=params.record, folder=FOLDER,
        )  # fmt: skip
    plan, prompts = load_plan(root / "params" / "plan.yaml"), root / params.prompts
    bench = _bench(_arms(green), plan, prompts, params.command(root))
    again = run_bench(bench, root / params.out, now=now, rng=rng, progress=progress).path
    gates = tuple(map(_agreement, _gates(green, params.stage), _gates(again, params.stage)))
    digest = _sha256(record) if params.record else ""
    replayed = EngineReplay(
        _worst(gates), gates, params.record, digest, _sha256(green), _sha256(again)
    )
    text = json.dumps(asdict(replayed), indent=1) + "\n"
    overwrite(Files(), root / params.out / "replay.json", text.encode())
    return replayed


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _arms(path: Path) -> dict[Arm, _Run]:
    """Return the green run's envelopes by arm: the first of each; templates follow them."""
    expected = phrase("expected the envelopes that `rollout bench` wrote")
    if not path.is_file():
        raise UsageError("{path}: there is no such file; {expected}", path=path, expected=expected)
    try:
        runs = msgspec.json.Decoder(_Run).decode_lines(bounded_bytes(path, MOST_PROMPTS))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        why = phrase("nested too deep") if deep else foreign(str(error))
        raise UsageError(
            "{path}: {why}; {expected}", path=path, why=why, expected=expected
        ) from None
    arms: dict[Arm, _Run] = {run.arm: run for run in reversed(runs)}
    if set(arms) != set(ARMS):
        raise NoEvidenceError(
            "{path} holds no pair of arms; {expected}", path=path, expected=expected
        )
    return arms


def _bench(arms: Mapping[Arm, _Run], plan: Plan, prompts: Path, command: tuple[str, ...]) -> Bench:
    """Return the same benchmark: flags of each arm, profile, seed, and the prompts by their ids."""
    session = arms["control"].session
    prompt_by_id = {prompt.prompt_id: prompt for prompt in read_all_prompts(prompts)}
    prompt_ids = dict.fromkeys(
        sample.prompt_id for arm in ARMS for sample in arms[arm].result.samples
    )
    if missing := [name for name in prompt_ids if name not in prompt_by_id]:
        raise UsageError(
            "{path} lacks {prompts}, which the green run was asked; find the file that it used",
            path=prompts, prompts=", ".join(missing[:3]),
        )  # fmt: skip
    profile = session.guardian_profile_id
    return Bench(
        prompts=tuple(prompt_by_id[name] for name in prompt_ids),
        command=command,
        flags={arm: arms[arm].flags for arm in ARMS},
        profile=(profile, plan.profile(profile)),
        seed=session.seed,
        timeout_s=plan.evidence.timeout_cap_ms / 1000,
        stage=arms["control"].stage,
    )


def _gates(path: Path, stage: StageId) -> tuple[GateResult, ...]:
    about = {"stage": stage, "runs": str(path.resolve()), "looks": ""}  # decides nothing
    return review_stage(review_params(about)).gates


def _agreement(green: GateResult, again: GateResult) -> GateAgreement:
    was, now = green.evidence, again.evidence
    if was.point is None or now.point is None:
        word: Agreement = "no data" if was.point is now.point else "differs"
    elif isclose(was.point, now.point, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        word = "exact"
    else:
        low = was.lower is None or was.lower <= now.point
        high = was.upper is None or now.point <= was.upper
        word = "within" if low and high else "differs"
    return GateAgreement(
        green.id, green.title, green.evidence_unit, was.point, was.lower, was.upper, now.point, word
    )


def _worst(gates: Sequence[GateAgreement]) -> Agreement:
    agreements = {gate.agreement for gate in gates} | {"no data"}
    return next(word for word in _ORDER if word in agreements)
