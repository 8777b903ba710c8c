"""Decide staged rollouts of AI features, and prove why.

Runs become samples, samples moments, moments estimates; estimates meet limits, verdicts become a
recommendation, people sign a decision, and the decision moves flags.

`review` makes a review of runs; its value in a notebook is a glance, its tables are frames, and
docs/explore.md shows them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from os import PathLike

    from rolloutlib.explore.pairs import Pair
    from rolloutlib.explore.review import Review
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.runs import read_runs
    from rolloutlib.watch.record import Watch

__version__ = "0.1.0"
__all__ = ["Review", "Watch", "compare", "load_plan", "open", "read_runs", "review", "watch_stage"]

# Where the names of this page are at home. They are imported when they are asked for: numpy, DuckDB
# and pydantic take a second that `import rolloutlib` does not.
_HOMES = {
    "Review": "rolloutlib.explore.review",
    "Watch": "rolloutlib.watch.record",
    "load_plan": "rolloutlib.plan.model",
    "read_runs": "rolloutlib.runs",
}


def review(  # noqa: PLR0913 -- each is a parameter of a review: completion and help list them
    stage: StageId,
    runs: str | PathLike[str],
    control: str = "control",
    treatment: str = "treatment",
    *,
    carry: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
    source: str | PathLike[str] | None = None,
    profile: str | None = None,
    evidence: str | PathLike[str] | None = None,
    as_of: datetime | str | None = None,
    days: int | None = None,
    adjust: bool = False,
    looks: str | PathLike[str] | None = None,
    look: int | None = None,
    engine: str = "duckdb",
    lang: Literal["en", "ko"] = "en",
    plan: str | PathLike[str] = "params/plan.yaml",
) -> Review:
    """Review a stage's exit: judge every gate twice, run the checks, recommend.

    >>> import rolloutlib as rl
    >>> rl.review(
    ...     stage=2, runs="data/examples/bfcl",
    ...     control="gpt-4o-2024-05-13-FC", treatment="gpt-4o-2024-08-06-FC",
    ... ).segments.to_pandas().query("loss")["value"].to_list()
    ['rest']

    Args:
        stage: the stage whose exit is reviewed, 0–4.
        runs: a file, folder or store of runs; relative paths start at the workbook's root.
        control: name of the arm that is compared against.
        treatment: name of the arm that may be rolled out.
        carry: earlier stages whose evidence counts here too: files, folders or stores.
        source: source.yaml of flat tables; by default the one beside the runs.
        profile: guardian profile where the runs name none.
        evidence: folder with the evidence of the checks; by default `evidence/` beside the runs.
        as_of: runs that started later are left out; a moment with its offset.
        days: only the last so many days, where the runs are a store of days.
        adjust: whether score and latency are adjusted for the samples' covariate (CUPED).
        looks: file of earlier looks; by default the plan's. An empty text counts nothing: the
            review is an exploration, as one is that a person runs in a notebook.
        look: number of the look, where it is known.
        engine: where the scan runs: duckdb, local[N], spark://HOST:PORT or sc://HOST:PORT.
        lang: language of what it shows.
        plan: the plan.

    Returns:
        The review; its `record` is what review.json holds.

    Raises:
        UsageError: an impossible value, or a path, arm or profile that does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
        LooksError: the look cannot be counted.
    """
    arguments = {**locals()}
    from rolloutlib.explore.review import as_text, review_of
    from rolloutlib.plan.params import review_params

    return review_of(review_params(as_text(arguments)))


def open(path: str | PathLike[str]) -> Review:  # noqa: A001 -- `rl.open`, as `gzip.open`
    """Open a report that was written earlier; nothing is judged again.

    Its samples are read when they are asked for, by the parameters that the report keeps, and only
    if the data are still those that it was of.

    >>> import rolloutlib as rl
    >>> rl.open(report).recommendation.value
    'NO_GO'

    Args:
        path: the folder that `rollout review --out` wrote, or its review.json; relative paths start
            at the workbook's root, else at the working directory.

    Raises:
        UsageError: there is none, or its parts are not those of one review, as its seal has them.
    """
    from rolloutlib.explore.opening import open_report

    return open_report(path)


def compare(a: Review | str | PathLike[str], b: Review | str | PathLike[str]) -> Pair:
    """Lay two reviews side by side: what moved from the first to the second, and what both share.

    Stages, arms and plans may differ; what differs beside the data is said. Nothing is tested.

    >>> import rolloutlib as rl
    >>> rl.compare(report, review).runs.to_pandas()["state"].to_list()
    ['same', 'same']

    Args:
        a: the earlier review, or the path of its report, as `open` takes it.
        b: the later one.

    Returns:
        The pair: `gates`, `runs` and `reasons` as tables, `samples` that are new or turned.

    Raises:
        UsageError: there is no such report, or its parts are not those of one review.
    """
    from rolloutlib.explore.pairs import compare_reviews

    return compare_reviews(a, b)


def watch_stage(stage: StageId, runs: str, **parameters: object) -> Watch:
    """Watch a stage day by day: series, signals, alarms, and what today asks for.

    >>> import rolloutlib as rl
    >>> today = rl.watch_stage(2, "data/examples/story/stage-2-daily", as_of="2026-10-20")
    >>> today.stage
    2

    Args:
        stage: the stage that is watched, 0–4.
        runs: a file, folder or store of runs; relative paths start at the workbook's root.
        parameters: any of `rolloutlib.plan.params.DailyParams`, such as as_of (a date or a moment).

    Returns:
        What watch.json holds.

    Raises:
        UsageError: an unknown parameter, or a path, arm or profile that does not exist.
    """
    from rolloutlib.plan.params import daily_params
    from rolloutlib.watch.watch import watch_stage as watched

    return watched(daily_params({"stage": stage, "runs": runs, **parameters}))


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    from rolloutlib.errors import did_you_mean

    hint = "" if name.startswith("_") else did_you_mean(name, __all__)
    raise AttributeError(f"module 'rolloutlib' has no attribute {name!r}.{hint}", name=name)


def __dir__() -> list[str]:
    return sorted(__all__)
