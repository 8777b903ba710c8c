# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "pyarrow>=15"]
# ///
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
"""Simulate five weeks of a rollout: runs with every field of the engine's contract, and evidence.

Nothing here was measured: truths.py says what is true, draw.py draws samples from it. The same seed writes
the same bytes. Usage: python simulate.py [--seed 12] [--out FOLDER] [--stage stage-0 ...]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import Counter
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import evidence
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from draw import MIX, draw_replays, draw_samples, without_contradiction
from truths import DIFFICULTIES, STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from draw import Record, Replay
    from numpy.random import Generator
    from truths import Stage

__all__ = ["main", "simulate", "write_stage"]

SEED = 12
SEOUL = timezone(timedelta(hours=9))
ARMS = ("control", "treatment")
FLAGS = {
    "A": "searchLite",
    "B": "guardianProfiles",
    "C": "autoTagging",
    "D": "difficultyDistribution",
    "E": "styleGuard",
}
STYLE_RULES = ("glossary_term", "sentence_length", "polite_ending")


def simulate(stage: Stage, seed: int) -> list[Record]:
    """Return the envelopes of every run of a stage, in the order of their start."""
    rng = np.random.default_rng([seed, stage.starts.toordinal()])
    return [_envelope(rng, stage, replay, arm) for replay in draw_replays(rng, stage) for arm in (0, 1)]


def _envelope(rng: Generator, stage: Stage, replay: Replay, arm: int) -> Record:
    started = datetime.combine(stage.starts + timedelta(replay.day), time(10 + arm), SEOUL)
    run_id = f"{started:%Y-%m-%d}_run-{arm + 1:03d}"
    flags = {f"feature.{key}": letter in stage.truths[arm].on for letter, key in FLAGS.items()}
    flags |= {"feature.mode": "exploit"}
    samples = draw_samples(rng, replay, arm, stage.truth(arm, replay.day))
    named = [_names(stage, replay, i) | sample for i, sample in enumerate(samples)]
    return {
        "runId": run_id,
        "startedAt": started.isoformat(),
        "stage": stage.number,
        "arm": ARMS[arm],
        "flags": flags,
        "session": {"guardianProfileId": "default", "seed": replay.seed},
        "datasetMeta": _dataset_meta(stage, flags, started),
        "result": _result(named, run_id, stage.green),
    }


def _names(stage: Stage, replay: Replay, i: int) -> Record:
    user = f"{stage.cohort[0]}{replay.user[i] + 1:03d}"
    return {
        "id": f"{i + 1:04d}",
        "promptId": f"q{stage.starts:%m%d}-{replay.prompt[i]:05d}",
        "userId": user,
        "sessionId": f"{user}-{stage.starts + timedelta(replay.day):%m%d}",
    }


def _dataset_meta(stage: Stage, flags: Record, started: datetime) -> Record:
    strategy = "summaries without limit" if stage.broken else "summaries limited and cached"
    return {
        "version": "story-sim-1",
        "createdAt": (started + timedelta(minutes=40)).astimezone(UTC).isoformat(),
        "strategyHash": hashlib.sha256(strategy.encode()).hexdigest()[:16],
        "featureFlags": {key.removeprefix("feature."): value for key, value in flags.items()},
        "guardianProfileId": "default",
        "ledgerId": stage.green,
        "compatVersion": "1.2",
        "simulated": True,
    }


# --- what the engine sums up -----------------------------------------------------------------------------


def _result(samples: list[Record], run_id: str, decision: str) -> Record:
    """Sum up the samples: the run's numbers are exactly what they say, rounded to 6 digits."""
    issues = Counter(tag for sample in samples for tag in sample["issues"])
    suggested = Counter(tag for sample in samples for tag in sample.get("suggestedTags", ()))
    tags = {"suggestedTags": without_contradiction(_most_common(suggested, 2))} if suggested else {}
    return {
        "metrics": {
            "passRate": round(_share(samples, "passed"), 6),
            "avgScore": round(_mean(samples, "score"), 6),
            "avgLatency": round(_mean(samples, "latencyMs"), 6),
            "vetoedPct": round(_share(samples, "vetoed"), 6),
        },
        "issuesTop3": _most_common(issues, 3),
        **tags,
        "difficultyReport": _difficulty_report(samples),
        "styleViolations": _style_report(samples),
        "links": {"runLogPath": f"docs/RUN_LOGS/{run_id}.md", "decisionPath": f"docs/LEDGER/{decision}.md"},
        "samples": samples,
    }


def _share(samples: list[Record], status: str) -> float:
    return sum(sample["status"] == status for sample in samples) / len(samples)


def _mean(samples: list[Record], field: str) -> float:
    values = [sample[field] for sample in samples if field in sample]
    return math.fsum(values) / len(values)


def _most_common(counts: Counter[str], n: int) -> list[str]:
    return sorted(counts, key=lambda tag: (-counts[tag], tag))[:n]


def _difficulty_report(samples: list[Record]) -> Record:
    counts = Counter(sample["difficulty"] for sample in samples)
    actual = {name: counts[name] / len(samples) for name in DIFFICULTIES}
    kl = math.fsum(p * math.log(p / q) for p, q in zip(actual.values(), MIX, strict=True) if p)
    rounded = {name: round(p, 6) for name, p in actual.items()}
    return {"target": dict(zip(DIFFICULTIES, MIX, strict=True)), "actual": rounded, "kl": round(kl, 6)}


def _style_report(samples: list[Record]) -> list[Record]:
    """Share the samples' violations out over the rules, so that the counts add up to them."""
    total = sum(sample.get("styleViolations", 0) for sample in samples)
    each, rest = divmod(total, len(STYLE_RULES))
    return [{"rule": rule, "count": each + (i < rest)} for i, rule in enumerate(STYLE_RULES)]


# --- files -----------------------------------------------------------------------------------------------


def write_stage(stage: Stage, out: Path, seed: int) -> None:
    """Write a stage's runs and its evidence under out/<folder>."""
    folder = out / stage.folder
    folder.mkdir(parents=True, exist_ok=True)
    envelopes = simulate(stage, seed)
    if stage.layout == "parquet":
        table = pa.Table.from_pylist(envelopes)  # a row a run; a field that a sample lacks is null
        pq.write_table(table, folder / "runs.parquet", compression="zstd", compression_level=19)
    elif stage.layout == "jsonl":
        _write(folder / "runs.jsonl", "".join(map(_line, envelopes)))
    else:
        for envelope in envelopes:
            _write(folder / f"{envelope['runId']}.json", _line(envelope))
    if not stage.reviewed:
        return
    for name, text in evidence.files(stage, _facts(stage, envelopes)).items():
        _write(folder / "evidence" / name, text)


def _line(envelope: Record) -> str:
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _facts(stage: Stage, envelopes: list[Record]) -> evidence.Facts:
    last_three = envelopes[-3 * len(ARMS) :]
    control, treatment = (
        [sample for run in last_three if run["arm"] == arm for sample in run["result"]["samples"]]
        for arm in ARMS
    )
    last_run = datetime.fromisoformat(envelopes[-1]["startedAt"])
    return evidence.Facts(stage.broken, last_run, _summary(control), _summary(treatment))


def _summary(samples: list[Record]) -> evidence.Summary:
    return evidence.Summary(
        pass_rate=_share(samples, "passed"),
        hallucination=sum("hallucination" in sample["issues"] for sample in samples) / len(samples),
        score=_mean(samples, "score"),
        latency_ms=_mean(samples, "latencyMs"),
        vetoed=_share(samples, "vetoed"),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write the story, or only the stages that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument(
        "--stage", nargs="*", choices=[stage.folder for stage in STAGES], help="default: every stage"
    )
    args = parser.parse_args(argv)
    for stage in STAGES:
        if not args.stage or stage.folder in args.stage:
            write_stage(stage, args.out, args.seed)


if __name__ == "__main__":
    main()
