"""What is known of one run that is evidence, and which runs are one and the same."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 -- msgspec reads it where runs are stored
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET

from rolloutlib.phrase import Clause, phrase
from rolloutlib.runs.envelopes import DatasetMeta
from rolloutlib.runs.evidence import short_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rolloutlib.runs.columns import Sample
    from rolloutlib.runs.envelopes import FoundRun, Metrics
    from rolloutlib.runs.flat import FlatRun

__all__ = [
    "Reported", "RunInfo", "flat_info", "info_of", "merged", "same_runs", "short_digest", "unlike",
]  # fmt: skip

_ONE_A_RUN = ("seed", "profile", "stage", "flags", "strategy_hash")


class Reported(NamedTuple):
    """A run's own summary: fractions 0–1, score 0–10, milliseconds."""

    pass_rate: float
    avg_score: float
    avg_latency_ms: float
    vetoed_share: float


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run that is evidence.

    Attributes:
        started_at: in UTC; None where the source does not tell.
        replicate: runs that share arm, seed and prompts share this digest and are one run to
            whoever counts runs.
        n: samples kept; 0 for a run that has only its metrics.
        reported: the run's own metrics; None in flat tables.
        file: path inside the folder that was read; `line` is where the run starts.
        flags: the feature flags that it ran with, by their short keys; None: not told.
        strategy_hash: of the strategy that it ran; None: not told.
        simulated: the run says that nobody measured it.
        last_at: start of its last sample, else its own start.
        files: the files that have parts of it, where there are several; `file` is the first.
    """

    run_id: str
    arm: str
    started_at: datetime | None
    stage: int | None
    profile: str | None
    seed: int | None
    replicate: str
    n: int
    reported: Reported | None
    file: str
    line: int
    flags: tuple[tuple[str, bool | str], ...] | None = None
    strategy_hash: str | None = None
    simulated: bool = False
    last_at: datetime | None = None
    files: tuple[str, ...] = ()


def info_of(
    opened: FoundRun, arm: str, profile: str | None, started_at: datetime | None
) -> RunInfo:
    """Describe a run envelope whose arm, profile and start are settled."""
    run = opened.envelope
    samples = run.result.samples
    meta = run.dataset_meta or DatasetMeta()
    flags = run.flags or meta.feature_flags
    seed = run.session.seed if run.session and run.session.seed is not UNSET else None
    return RunInfo(
        run_id=run.run_id,
        arm=arm,
        started_at=started_at,
        stage=None if run.stage is UNSET else run.stage,
        profile=profile,
        seed=seed,
        replicate=_replicate(run.run_id, arm, seed, samples),
        n=len(samples),
        reported=_reported(run.result.metrics),
        file=opened.unit.file,
        line=opened.unit.line,
        flags=tuple(sorted(short_flags(flags).items())) if flags else None,
        strategy_hash=meta.strategy_hash or None,
        simulated=run.simulated is True or meta.simulated is True,
        last_at=started_at,
    )


def _reported(metrics: Metrics) -> Reported | None:
    """Return a run's own summary, where it has all of it."""
    averages = metrics.pass_rate, metrics.avg_score, metrics.avg_latency, metrics.vetoed_pct
    rate, score, latency, vetoed = (
        float("nan") if average is UNSET else average for average in averages
    )
    return None if UNSET in averages else Reported(rate, score, latency, vetoed)


def flat_info(run: FlatRun, file: str, stage: int | None) -> RunInfo:
    """Describe a run of a flat table."""
    return RunInfo(
        run_id=run.run_id,
        arm=run.arm,
        started_at=min(filter(None, run.times), default=None),
        stage=stage,
        profile=run.profile,
        seed=run.seed,
        replicate=_replicate(run.run_id, run.arm, run.seed, run.samples),
        n=len(run.samples),
        reported=None,
        file=file,
        line=run.line,
        last_at=max(filter(None, run.times), default=None),
    )


def _replicate(run_id: str, arm: str, seed: int | None, samples: Sequence[Sample]) -> str:
    """Same arm, seed and prompts.

    One run that was repeated. Without a seed or prompts nobody can tell.
    """
    prompts: list[Any] = [sample.prompt_id for sample in samples]
    try:
        text = "\x1f".join(sorted(prompts))
    except TypeError:  # an integer id, or none
        is_known = None not in prompts and UNSET not in prompts
        text = "\x1f".join(sorted(map(str, prompts))) if is_known else ""
    key = f"{arm}\x1f{seed}\x1f{text}" if text and seed is not None else run_id
    return short_digest(key)


def short_digest(text: str) -> str:
    """Return 16 hexadecimal digits of a text's sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def same_runs(infos: Sequence[RunInfo], content: Callable[[int], object]) -> dict[int, int]:
    """Find envelopes that repeat another: index → the index of the first.

    One repeats another when everything but the run id agrees: start, arm, seed, metrics and every
    sample. Rows of flat tables have no metrics; what repeats there, `copies` finds.

    Args:
        infos: the runs.
        content: what tells the samples of the run at an index from another's; asked only of runs
            that agree in everything else.
    """
    repeated: dict[int, int] = {}
    for alike in _alike(infos):
        first: dict[object, int] = {}
        for index in alike if len(alike) > 1 else ():
            original = first.setdefault(content(index), index)
            if original != index:
                repeated[index] = original
    return repeated


def _alike(infos: Sequence[RunInfo]) -> Iterable[list[int]]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, info in enumerate(infos):
        if info.reported is not None:
            key = (info.arm, info.started_at, info.seed, info.n, info.reported)
            groups.setdefault(key, []).append(index)
    return groups.values()


def unlike(pieces: Sequence[RunInfo]) -> Clause:
    """Return in what pieces of one run differ although a run has one of it, or nothing."""
    for field in _ONE_A_RUN:
        if len({getattr(piece, field) for piece in pieces} - {None}) > 1:
            return field.replace("_", " ")
    one_lacks = len(pieces) > 1 and not all(piece.n for piece in pieces)
    return phrase("set of metrics") if one_lacks else ""


def _is_known(value: object) -> bool:
    return value is not None


def merged(pieces: Sequence[RunInfo]) -> RunInfo:
    """Put the pieces of one run together; their metrics are only those of pieces."""
    first = pieces[0]
    if len(pieces) == 1:
        return first
    shared = {
        field: next(filter(_is_known, (getattr(piece, field) for piece in pieces)), None)
        for field in _ONE_A_RUN
    }
    files = tuple(dict.fromkeys(piece.file for piece in pieces))
    replicates = sorted({piece.replicate for piece in pieces})
    return replace(
        first, **shared, n=sum(piece.n for piece in pieces), reported=None,
        started_at=min(filter(None, (piece.started_at for piece in pieces)), default=None),
        last_at=max(filter(None, (piece.last_at for piece in pieces)), default=None),
        simulated=any(piece.simulated for piece in pieces), files=files if len(files) > 1 else (),
        replicate=first.replicate if len(replicates) == 1 else short_digest(" ".join(replicates)),
    )  # fmt: skip
