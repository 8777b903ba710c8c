"""A review folder → a decision record: what the meeting decided, pinned to everything that it looked at."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import rfc8785

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.judge.checks import run_checks
from rolloutlib.ledger.book import Workbook, append
from rolloutlib.ledger.chain import waived_sentence
from rolloutlib.ledger.records import (
    CheckState,
    Digests,
    FlagState,
    GateState,
    LedgerError,
    Move,
    Pins,
    Predicate,
    Prepared,
    Record,
    Subject,
    Waiver,
    Window,
    decimal,
    digest_of,
)  # fmt: skip
from rolloutlib.plan.model import STAGES, load_plan
from rolloutlib.plan.params import ReviewParams, review_params
from rolloutlib.plan.strict_yaml import load_yaml
from rolloutlib.runs import read_runs
from rolloutlib.runs.samples import from_runs
from rolloutlib.words.numbers import unit_of
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.records import Verdict
    from rolloutlib.plan.model import Plan, StageId

__all__ = ["Reviewed", "decide", "pin", "results_digest"]

_NEEDED = ("review.json", "review.ipynb", "params.yaml")
_OPTIONAL = ("review.html",)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review folder as it was read: its files, the review as data, its parameters and the plan.

    Attributes:
        evidence: the folder of the checks' evidence.
    """

    files: dict[str, bytes]
    review: dict[str, Any]
    params: ReviewParams
    plan: Plan
    evidence: Path

    @classmethod
    def read(cls, folder: Path, root: Path) -> Reviewed:
        """Read a review folder.

        Raises:
            UsageError: a file is missing or is not what `rollout review` writes.
        """
        if missing := [name for name in _NEEDED if not (folder / name).is_file()]:
            raise UsageError(
                f"{folder} has no {', '.join(missing)}; expected the folder that `rollout review --out` wrote"
            )
        files = {
            name: (folder / name).read_bytes()
            for name in (*_NEEDED, *_OPTIONAL)
            if (folder / name).is_file()
        }
        try:
            review = json.loads(files["review.json"])
            schema = review["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{folder / 'review.json'} is no review ({error}); run `rollout review` again"
            ) from None
        if schema != "rolloutlib/review@2":
            raise UsageError(
                f"{folder / 'review.json'} has the schema {schema!r}; expected 'rolloutlib/review@2'"
            )
        params = review_params(load_yaml(folder / "params.yaml"), where=str(folder / "params.yaml"))
        runs = root / params.runs
        beside = (runs if runs.is_dir() else runs.parent) / "evidence"
        return cls(
            files,
            review,
            params,
            load_plan(root / params.plan),
            root / params.evidence if params.evidence else beside,
        )


def decide(
    book: Workbook,
    folder: Path,
    *,
    verdict: Verdict,
    by: str,
    now: datetime,
    waivers: Sequence[Waiver] = (),
    note: str = "",
) -> Node:
    """Draft a promotion's record from a review folder and append it with its card.

    Args:
        book: the workbook.
        folder: what `rollout review --out` wrote.
        verdict: what the meeting decided: GO, HOLD or NO_GO.
        by: who prepares the record (and so cannot approve it).
        now: the time of the decision; the hours without an incident end at it.
        waivers: gates or checks that the meeting waived, with reasons; `recommendation` to be stricter.
        note: free text for the card.

    Raises:
        UsageError: no review, an unknown waiver, or a waiver that is not needed.
        LedgerError: the verdict is not covered, data or evidence changed since the review, or the ledger is damaged.
    """
    if problems := book.problems([verdict]):
        raise LedgerError("lint", f"nobody could sign safely: {'; '.join(problems)}")
    read = Reviewed.read(folder, book.root)
    checks = run_checks(read.plan.checks, read.evidence, now=now, as_of=read.params.as_of)
    _known_waivers(read, checks, waivers)
    pins, runs = pin(read, book.root)
    if changed := [
        name
        for name, sha in _inputs(read.review).items()
        if sha not in {i.digest.sha256 for i in pins.inputs if i.name == name}
    ]:
        raise LedgerError(
            "data-changed",
            f"{', '.join(changed)} changed since the review in {folder}; review again",
        )
    hours = next(
        (
            read.plan.checks[c.id].hours
            for c in checks
            if c.holds and read.plan.checks[c.id].kind == "incidents"
        ),
        None,
    )
    evidence = read.files | {
        f"evidence/{name}": (read.evidence / name).read_bytes()
        for check in checks
        for name in check.evidence
    }
    if (flags := book.root / "params" / "flags.json").is_file():
        evidence["flags.json"] = flags.read_bytes()

    def draft(slot: Slot) -> Predicate:
        made = Predicate(
            id=slot.id,
            ledger=slot.ledger,
            seq=slot.seq,
            prev=slot.prev,
            kind="promotion",
            verdict=verdict,
            prepared=Prepared(by, slot.at),
            lang=read.params.lang,
            trust=slot.trust,
            witnesses=slot.witnesses,
            builds_on=slot.builds_on,
            note=note,
            waivers=tuple(waivers),
            recommendation=read.review["recommendation"],
            reasons=tuple(reason["text"] for reason in read.review["reasons"]),
            tags=_tags(read.review),
            window=Window(runs, hours),
            gates=tuple(_gate(gate, read.plan) for gate in read.review["gates"]),
            checks=tuple(_check(slot.id, c) for c in checks),
            pins=pins,
            **_move(read, verdict),
        )
        if sentence := waived_sentence(Record((), made)):
            raise LedgerError("unwaived", f"{sentence} (--waive GATE --reason TEXT)")
        return made

    return append(book, "promotion", draft, evidence, now=now)


def pin(read: Reviewed, root: Path) -> tuple[Pins, tuple[str, ...]]:
    """Return the pins of a review as they are now, and the ids of the runs that it reads."""
    params = read.params
    flags = {
        "control": _flags(read.plan, STAGES[max(params.stage - 1, 0)], params.stage),
        "treatment": _flags(read.plan, params.stage, params.stage),
    }
    runs = read_runs(
        root / params.runs,
        source=params.path("source"),
        stage=params.stage,
        as_of=params.as_of,
        flags_arms=flags,
    )
    samples = from_runs(runs)
    used = params.model_dump(mode="json", exclude={"out", "lang"})
    commit, dirty = _git(root)
    lock = root / "requirements.lock"
    return Pins(
        data=samples.digest(),
        inputs=tuple(Subject(one.name, Digests(one.sha256)) for one in sorted(runs.inputs, key=lambda one: one.name)),
        params=digest_of(rfc8785.dumps(used)),
        plan=digest_of((root / params.plan).read_bytes()),
        cells=_cells(read.files["review.ipynb"]),
        commit=commit,
        dirty=dirty,
        requirements=digest_of(lock.read_bytes() if lock.is_file() else b""),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        results=results_digest(read.review),
    ), tuple(run.run_id for run in samples.runs if run.arm in {params.control, params.treatment})  # fmt: skip


def results_digest(review: Mapping[str, Any]) -> str:
    """Return the sha256 of a review as canonical JSON (RFC 8785: the same floats, the same bytes)."""
    return digest_of(rfc8785.dumps(dict(review)))


def _known_waivers(
    read: Reviewed, checks: Sequence[CheckResult], waivers: Sequence[Waiver]
) -> None:
    passing = {
        g["id"]: g["plan"]["verdict"] == g["evidence"]["verdict"] == "pass"
        for g in read.review["gates"]
    }
    passing |= {check.id: bool(check.holds) for check in checks} | {
        "code": False,
        "recommendation": False,
    }
    for waiver in waivers:
        if waiver.gate not in passing:
            known = ", ".join(passing)
            raise UsageError(
                f"--waive {waiver.gate}: there is no such gate or check; expected one of {known}."
                + did_you_mean(waiver.gate, passing)
            )
        if passing[waiver.gate]:
            raise UsageError(f"--waive {waiver.gate}: it holds and needs no waiver; leave it out")
        if not waiver.reason.strip():
            raise UsageError(
                f"--waive {waiver.gate}: a waiver needs a written reason (--reason TEXT)"
            )


def _inputs(review: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["sha256"] for one in review["inputs"]}


def _tags(review: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(issue["tag"] for issue in review.get("issues", ()) if issue["rank"] is not None)


def _gate(found: Mapping[str, Any], plan: Plan) -> GateState:
    gate, said, evidence = plan.gates[found["id"]], found["plan"], found["evidence"]
    return GateState(
        id=found["id"],
        title=found["title"],
        unit=gate.unit,
        evidence_unit=unit_of(gate.unit, gate.statistic),
        signed=gate.contrast == "difference",
        limit=decimal(found["limit"]),
        proof_limit=decimal(found["proof_limit"]),
        plan=said["verdict"],
        value=decimal(said["value"]),
        evidence=evidence["verdict"],
        point=decimal(evidence["point"]),
        lower=decimal(evidence["lower"]),
        upper=decimal(evidence["upper"]),
        n_control=evidence["n_control"],
        n_treatment=evidence["n_treatment"],
        clusters=evidence["clusters"],
    )


def _check(name: str, check: CheckResult) -> CheckState:
    return CheckState(
        check.id,
        check.title,
        check.holds,
        sentence(check.why, "en"),
        tuple(f"{name}/evidence/{file}" for file in check.evidence),
    )


def _move(read: Reviewed, verdict: Verdict) -> dict[str, Any]:
    """The stage that is left and entered, for whom, and the flags before and after (only a GO moves them)."""
    stage = read.params.stage
    to = STAGES[min(stage + 1, STAGES[-1])]
    audience = read.plan.stages[to].audience
    before, after = (
        _flag_state(read.plan, at, to) for at in (stage, to if verdict == "GO" else stage)
    )
    return {
        "stage": Move(stage, to),
        "cohort": audience,
        "flags_before": before,
        "flags_after": after,
    }


def _flag_state(plan: Plan, at: StageId, audience_of: StageId) -> FlagState:
    values = _flags(plan, at, audience_of)
    return FlagState(
        at, plan.stages[audience_of].audience, values, digest_of(rfc8785.dumps(values))
    )


def _flags(plan: Plan, stage: StageId, audience_of: StageId) -> dict[str, Any]:
    return dict(plan.flags_of(stage, plan.stages[audience_of].audience))


def _cells(notebook: bytes) -> str:
    """Digest the code cells' sources, but not the parameters that papermill injected."""
    cells = [cell for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    own = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", ())]
    return sha256("\0".join("".join(cell["source"]) for cell in own).encode()).hexdigest()


def _git(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the workbook and whether its code or parameters differ from it; None without git."""
    said = [
        subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        for arguments in (
            ("rev-parse", "HEAD"),
            (
                "status",
                "--porcelain",
                "--",
                "rolloutlib",
                "notebooks",
                "params/plan.yaml",
                "requirements.lock",
            ),
        )
    ]
    if any(one.returncode for one in said):
        return None, None
    return said[0].stdout.strip(), bool(said[1].stdout.strip())
