"""Runs for stores, and a program that kills ingests: python -m tests.measure.store_runs DIR."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq

from rolloutlib.measure import store as writing
from rolloutlib.measure.days import load, load_day
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.runs.samples import from_runs
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
STEPS = ("flushed", "put", "_sweep", "day_sums")
KILLS, MOST = (112, 400) if EXHAUSTIVE else (12, 400)
KILLS_BEFORE_AN_END = 8


def files(folder: Path, runs: int = 1000) -> tuple[Path, Path]:
    """Write two files of runs that share days: every other run of an example's first ones each."""
    folder.mkdir()
    lines = (ROOT / "data/examples/story/stage-2/runs.jsonl").read_text("utf-8").splitlines()[:runs]
    paths = folder / "a.jsonl", folder / "b.jsonl"
    for path, part in zip(paths, (lines[::2], lines[1::2]), strict=True):
        path.write_text("\n".join(part) + "\n", encoding="utf-8")
    return paths


def content(store: Path) -> dict[str, Any]:
    """Return everything that a store says: manifest without sources, days, and the rows' digest."""
    manifest = load(store)
    assert manifest
    days = [load_day(store, date, version) for date, version in manifest.days.items()]
    for day in days:
        folder = store / f"date={day.date}" / manifest.days[day.date]
        assert {path.name for path in folder.iterdir()} == {*day.files, "day.json"}
        rows = sum(run.info.n for run in day.runs)
        assert pq.read_metadata(folder / "samples.parquet").num_rows == rows
    plain = [msgspec.to_builtins(day) for day in days]
    for run in (run for day in plain for run in day["runs"]):
        del run["source"]
    return {"days": plain, "rows": from_runs(read_store(store, manifest).runs).digest()}


def apart(call: Callable[[], object], kill_after: float | None = None) -> bool:
    """Run a call in a fork of this process; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            call()
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- nothing may run on in the fork
            traceback.print_exc()
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("an ingest failed")
    return os.WIFEXITED(status)


def counted(fatal: int | None, tally: Path | None = None) -> None:
    """Kill this process before or after a step of writing; or only count both into a file."""
    moments = 0
    os.fsync = lambda _handle: (
        None
    )  # a kill loses nothing that was written; a power cut is not here

    def moment() -> None:
        nonlocal moments
        if moments == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        moments += 1
        if tally:
            tally.write_text(str(moments), encoding="utf-8")

    def wrapped(step: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            moment()
            result = step(*arguments)
            moment()
            return result

        return call

    for name in STEPS:
        setattr(writing, name, wrapped(getattr(writing, name)))


def main(folder: Path) -> int:
    """Kill ingests at each step (or every third) and at random; return how many were killed."""
    first, second = files(folder / "runs", runs=10)
    whole, base, store, tally = (folder / name for name in ("whole", "base", "store", "told"))

    def add(to: Path, fatal: int | None = None, count: Path | None = None) -> None:
        counted(fatal, count)
        ingest(second, to, PLAN)

    def check(to: Path, *allowed: Path) -> None:
        if content(to) not in [content(state) for state in allowed]:
            raise ValueError("the store is neither the old one nor the new one")

    apart(lambda: ingest(first, base, PLAN))
    shutil.copytree(base, whole)
    start = time.perf_counter()
    apart(lambda: add(whole, count=tally))
    lasts = time.perf_counter() - start
    chance = random.Random(8)  # noqa: S311 -- no secret
    moments = int(tally.read_text(encoding="utf-8"))
    steps = range(0, moments, 1 if EXHAUSTIVE else 3)  # before and after steps by turns
    plans = [(step, None) for step in steps]
    plans += [(None, chance.uniform(0, 0.7 * lasts)) for _ in range(MOST)]
    killed = 0
    for number, (step, after) in enumerate(plans):
        if killed >= KILLS and number >= len(steps) and not number % KILLS_BEFORE_AN_END:
            break
        if not number % KILLS_BEFORE_AN_END:
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(base, store)
        killed += not apart(lambda at=step: add(store, at), after)
        if number % KILLS_BEFORE_AN_END == KILLS_BEFORE_AN_END - 1:
            apart(lambda: check(store, base, whole))
            apart(lambda: add(store))
            apart(lambda: check(store, whole))
            if [*store.glob(".new*")]:
                raise ValueError("leftovers stay")
    return killed


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]))}\n")
