"""Decide staged rollouts of AI features, and prove why.

Runs become samples, samples moments, moments estimates; estimates meet limits, verdicts become a
recommendation, people sign a decision, and the decision moves flags.

>>> import rolloutlib as rl
>>> upgrade = rl.review(
...     stage=2, runs="data/examples/bfcl",
...     control="gpt-4o-2024-05-13-FC", treatment="gpt-4o-2024-08-06-FC",
... )
>>> upgrade.recommendation, len(upgrade.gates)
(<Recommendation.NO_GO: 'NO_GO'>, 8)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.plan.model import StageId, load_plan
    from rolloutlib.runs import read_runs
    from rolloutlib.watch.record import Watch

__version__ = "0.1.0"
__all__ = ["Review", "Watch", "load_plan", "read_runs", "review", "watch_stage"]

# Where the names of this page are at home. They are imported when they are asked for: numpy, DuckDB
# and pydantic take a second that `import rolloutlib` does not.
_HOMES = {
    "Review": "rolloutlib.judge.record",
    "Watch": "rolloutlib.watch.record",
    "load_plan": "rolloutlib.plan.model",
    "read_runs": "rolloutlib.runs",
}


def review(stage: StageId, runs: str, **parameters: object) -> Reviewed:
    """Review a stage's exit: judge every gate twice, run the checks, recommend.

    Args:
        stage: the stage whose exit is reviewed, 0–4.
        runs: a file or folder of runs; relative paths start at the workbook's root.
        parameters: any of `rolloutlib.plan.params.ReviewParams`, such as control, treatment (names
            of the arms), evidence, as_of, lang.

    Returns:
        The review; its `record` is what review.json holds.

    Raises:
        UsageError: an unknown parameter, or a path, arm or profile that does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
    """
    from rolloutlib.judge.review import review_stage
    from rolloutlib.plan.params import review_params

    return review_stage(review_params({"stage": stage, "runs": runs, **parameters}))


def watch_stage(stage: StageId, runs: str, **parameters: object) -> Watch:
    """Watch a stage day by day: series, signals, alarms, and what today asks for.

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
    if name not in _HOMES:
        raise AttributeError(f"module 'rolloutlib' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
