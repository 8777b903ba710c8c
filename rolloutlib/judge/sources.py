"""What a review reads: rows of runs, an engine's, or stored days; and what measures them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.files import is_there
from rolloutlib.measure.days import load
from rolloutlib.measure.scan import measure
from rolloutlib.measure.shares import shares_of
from rolloutlib.measure.stored import Stored, read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.runs import read_runs
from rolloutlib.runs.engines import is_table, read_on
from rolloutlib.runs.samples import from_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.measure.scan import Measured
    from rolloutlib.measure.shares import Shares
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import DailyParams, ReviewParams
    from rolloutlib.runs import Runs
    from rolloutlib.runs.samples import Samples

Summed = TypeVar("Summed")

__all__ = ["Source", "data_digest", "given_path", "read_source", "sample_frame"]


class Source(NamedTuple):
    """Runs, the digest of their samples, and what measures them: rows, or stored days.

    Attributes:
        samples: the rows, or what a store has of them; `measure.daily` sums them up by day.
        sharing: counts of both arms for the risk register, made when they are asked for.
        again: reads the same files with the texts of prompts and answers; None where the samples
            reach them anyway.
    """

    runs: Runs
    digest: str
    measuring: Callable[..., Measured]
    samples: Samples | Stored
    sharing: Callable[..., Shares]
    again: Callable[[], Runs] | None = None


def given_path(params: ReviewParams | DailyParams, name: str) -> Path:
    """Return the path that a parameter names.

    Raises:
        UsageError: nothing is there.
    """
    path = params.path(name)
    if path is None or not is_there(path):
        raise UsageError(
            "{parameter} is {given!r}: there is no such file or folder ({path})",
            parameter=name, given=getattr(params, name), path=path,
        )  # fmt: skip
    return path


def read_source(plan: Plan, params: ReviewParams) -> Source:
    """Read the runs that the parameters name; what was measured once is not measured again.

    Raises:
        UsageError: the path, or what was asked of it, does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
    """
    path = given_path(params, "runs")
    if store := load(path):
        if params.engine != "duckdb":
            raise UsageError(
                "{parameter} is {engine!r}, but {path} is a store, whose sums need none; leave "
                "{parameter} out, or name the runs that it was made of",
                parameter="engine", engine=params.engine, path=path,
            )  # fmt: skip
        stored = read_store(path, store, stage=params.stage, as_of=params.as_of, days=params.days)
        measuring, sharing = _once(stored.measure), _once(stored.shares)
        return Source(stored.runs, stored.digest(), measuring, stored, sharing)
    if params.days:
        raise UsageError(
            "{parameter} is {days}, but {path} is no store; make one: rollout ingest",
            parameter="days", days=params.days, path=path,
        )  # fmt: skip
    read = partial(_read_runs, plan, params, path)
    runs, samples = _read(params, path, read)
    measuring, sharing = _once(partial(measure, samples)), _once(partial(shares_of, samples))
    local = params.engine == "duckdb" or not is_table(path)
    again = partial(read, texts=True) if local else None
    return Source(runs, samples.digest(), measuring, samples, sharing, again)


def sample_frame(source: Source, *, texts: bool = False) -> Samples:
    """Return the rows of a source, be it runs, an engine's or stored days, as one lazy frame.

    Its columns are those of `SCHEMA`, then `Samples.extras`, then `Samples.texts`.

    Args:
        source: what a review read.
        texts: whether to have the texts of prompts and answers, where source.yaml maps them.

    Raises:
        RunsError: the data are not those that the review read.
    """
    samples = source.samples
    if isinstance(samples, Stored):
        samples = samples.samples()
    elif texts and source.again:
        runs = source.again()
        if runs.inputs != source.runs.inputs:
            raise RunsError(
                "the runs are not those that the review read; review them again, or restore the "
                "files."
            )
        return from_runs(runs)
    return samples if texts else samples.without_texts()


def data_digest(params: ReviewParams) -> str | None:
    """Return the digest of data whose files are not what a review read: a store's, or Spark's.

    Returns:
        None where the files of runs themselves are what is pinned.
    """
    if params.engine == "duckdb" and not load(given_path(params, "runs")):
        return None
    return read_source(load_plan(given_path(params, "plan")), params).digest


def _once(measuring: Callable[..., Summed]) -> Callable[..., Summed]:
    """Keep what was measured: an overtaken look, or evidence that is carried, asks again."""
    made: list[tuple[object, Summed]] = []

    def again(pair: tuple[str, str], **how: object) -> Summed:
        result = next((measured for request, measured in made if request == (pair, how)), None)
        if result is None:
            result = measuring(pair, **how)
            made.append(((pair, how), result))
        return result

    return again


def _read(params: ReviewParams, path: Path, read: Callable[[], Runs]) -> tuple[Runs, Samples]:
    if params.engine != "duckdb":
        return read_on(params.engine, path, as_of=params.as_of, read=read)
    runs = read()
    return runs, from_runs(runs)


def _read_runs(plan: Plan, params: ReviewParams, path: Path, *, texts: bool = False) -> Runs:
    return read_runs(
        path, source=params.path("source"), stage=params.stage, as_of=params.as_of,
        flags_arms=plan.flags_of_arms(params.stage), texts=texts,
    )  # fmt: skip
