"""Which look a review is, and whether it spends one: before judging its number, afterwards a line.

Retrying on new data until a gate passes is what looks guard against, so every route counts, by
default in the file that the plan names. What a person runs cell by cell is an exploration.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from rolloutlib.judge.record import Verdict
from rolloutlib.measure.looks import Arm, Configuration, Series, count, data_of, look_at, number_of
from rolloutlib.plan.workbook import workbook_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.measure.looks import Counting, Look
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.runs import Runs
    from rolloutlib.runs.run_info import RunInfo

__all__ = ["by_hand", "counted", "looks_file", "spends"]

DECIDED: Final = {Verdict.PASS, Verdict.FAIL}
# Why a gate is inconclusive although the data did not block it.
UNDECIDED: Final = {"bound.undecided", "look.spent"}


def counted(
    plan: Plan,
    params: ReviewParams,
    runs: Runs,
    digest: str,
    judge: Callable[[Look], Reviewed],
    *,
    replayed: Look | None = None,
) -> Reviewed:
    """Judge at the look that this is, and count it if some gate could have passed.

    Args:
        plan: how many looks each stage has, and the file that counts them.
        params: the stage and its arms, and where looks are counted otherwise.
        runs: of both arms.
        digest: of their samples.
        judge: judges them at a look; once more where another review took its number meanwhile.
        replayed: the look of an earlier review, which is repeated as it was.

    Raises:
        LooksError: the file of looks is damaged or cannot be written.
    """
    if replayed is not None:
        return judge(_at(plan, params, replayed.number or 1, replayed.counting, replayed.file))
    file, other = looks_file(plan, params), ""
    if file is not None and file != looks_file(plan, params.model_copy(update={"looks": None})):
        other = params.looks or ""
    series = _series(params, runs)
    data = data_of(digest, runs.inputs, params.as_of, params.days)
    while True:
        number = number_of(file, series, data) if file else 1
        number = max(number, params.look or 1)
        if file is None or by_hand():
            return judge(_at(plan, params, number, "exploration", other))
        review = judge(_at(plan, params, number, "counted", other))
        if not spends(review):
            return replace(review, look=replace(review.look, counting="free"))
        if count(file, series, data, number):
            return review


def looks_file(plan: Plan, params: ReviewParams) -> Path | None:
    """Return the file that counts this review's look; None where none is to."""
    named = plan.evidence.looks_file if params.looks is None else params.looks
    return (workbook_root() / named).resolve() if named else None


def spends(review: Review) -> bool:
    """Whether some gate could have passed: it has bounds, and nothing in the data blocks it."""
    verdicts = (gate.evidence for gate in review.gates)
    return any(each.verdict in DECIDED or each.why.code in UNDECIDED for each in verdicts)


def by_hand() -> bool:
    """Whether a person runs this in a notebook (JupyterLab, VS Code, a console on a kernel).

    Their requests say that somebody is there to answer `input()`; those of papermill, nbclient,
    nbconvert and nbval say that nobody is (Jupyter's messaging protocol, `allow_stdin`). An
    environment variable would also reach what a notebook starts with `!rollout review`.
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell: Any = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return False  # no notebook: a terminal's IPython
    request: dict[str, Any] = shell.get_parent()
    return bool(request.get("content", {}).get("allow_stdin"))


def _at(plan: Plan, params: ReviewParams, number: int, counting: Counting, file: str) -> Look:
    planned = plan.stages[params.stage].looks
    look = look_at(number, planned=planned, confidence=plan.evidence.confidence)
    return replace(look, counting=counting, file=file)


def _series(params: ReviewParams, runs: Runs) -> Series:
    arms = [_arm(name, runs) for name in (params.control, params.treatment)]
    return Series(params.stage, *arms)


def _arm(name: str, runs: Runs) -> Arm:
    ran = {_configuration(run) for run in runs.runs if run.arm == name} - {Configuration()}
    return Arm(name, tuple(sorted(ran, key=lambda each: (each.flags, each.strategy))))


def _configuration(run: RunInfo) -> Configuration:
    flags = " ".join(f"{name}={value}" for name, value in run.flags or ())
    return Configuration(flags, run.strategy_hash or "")
