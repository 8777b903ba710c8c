"""Where the workbook is, and the numbers of its stages: what a command needs before the plan."""

from __future__ import annotations

from os.path import lexists
from pathlib import Path
from typing import Final, Literal

from rolloutlib.errors import PlanError

__all__ = ["STAGES", "StageId", "workbook_root"]

StageId = Literal[0, 1, 2, 3, 4]
STAGES: tuple[StageId, ...] = (0, 1, 2, 3, 4)
# What only a workbook has: where one lies without a plan, it has lost it.
_MARKS: Final = ("params/flags.json", "params/roles.yaml", "docs/LEDGER")


def workbook_root(start: Path | None = None) -> Path:
    """Return the workbook's root: the nearest folder at or above `start` with params/plan.yaml.

    Notebooks run in the caller's folder (papermill) or in their own (nbval), so paths resolve from
    here. Outside a workbook it is the checkout that this package was installed from.

    Raises:
        PlanError: there is none, or the nearest workbook has lost its plan: what is asked for there
            must not be done to another one.
    """
    origin = (start or Path.cwd()).resolve()
    for folder in (origin, *origin.parents, Path(__file__).resolve().parents[2]):
        if (folder / "params" / "plan.yaml").is_file():
            return folder
        if mark := next((mark for mark in _MARKS if lexists(folder / mark)), None):
            raise PlanError(
                "{folder} has {mark} but no params/plan.yaml that is a file; restore it (git "
                "checkout params/plan.yaml)", folder=folder, mark=mark,
            )  # fmt: skip
    raise PlanError(
        "no params/plan.yaml at or above {here}; run `rollout` inside a checkout of the workbook",
        here=origin,
    )
