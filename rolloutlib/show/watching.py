"""`rollout watch` as a whole: whose stage and runs, the notebook, the page, the day's folder."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

import msgspec

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.ledger.seal import SEAL, WATCH, WATCH_NOTEBOOK, WATCH_PAGE, parts_in, seal_of
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import daily_params, stage_params
from rolloutlib.plan.strict_yaml import load_yaml
from rolloutlib.plan.workbook import workbook_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from nbformat import NotebookNode

    from rolloutlib.plan.params import DailyParams
    from rolloutlib.show.bundle import Report

__all__ = ["Watched", "resolved", "watch_notebook", "watched_days"]

DAILY: Final = "params/daily.yaml"
NAMED: Final = ("runs", "control", "treatment", "source", "profile")  # what params/stage-N tells


class Watched(NamedTuple):
    """What one run left: the day's page, and its record as bytes."""

    page: Path
    record: bytes


class _Run(msgspec.Struct):
    started_at: datetime | None = None


class _Pinned(msgspec.Struct):
    """All that is read of a decision's review here."""

    runs: tuple[_Run, ...] = ()


def resolved(
    overrides: Mapping[str, Any], where: str = "parameters", *, lang: str = "en"
) -> DailyParams:
    """Return parameters in which nothing is left open: stage, runs, moment and first day.

    What is said comes first, then params/daily.yaml, then the flags in force, params/stage-N.yaml
    and the ledger; `lang` is the language where none of them says one.

    Raises:
        UsageError, PlanError: an unknown name, an impossible value, or no such stage's runs.
        FlagsError: no stage is named, and the flag file does not tell one.
    """
    root = workbook_root()
    set_values = {name: value for name, value in overrides.items() if value is not None}
    values = {"lang": lang} | _daily(root) | set_values
    params = daily_params(values, where=where)
    if params.stage is None:
        from rolloutlib.flags.state import FLAGS, read_flags

        values |= {"stage": read_flags(root / FLAGS).state.stage}
        params = daily_params(values, where=where)
    if params.runs is None:
        of_stage = stage_params(root / "params" / f"stage-{params.stage}.yaml")
        values = {name: of_stage[name] for name in NAMED if name in of_stage} | values
    if params.start is None and (start := _first_day(root)):
        values |= {"start": start.isoformat()}
    if params.as_of is None:
        zone = load_plan(root / params.plan).monitoring.clock
        values |= {"as_of": params.until(zone).isoformat()}
    return daily_params(values, where=where)


def _daily(root: Path) -> dict[str, Any]:
    """Return what params/daily.yaml sets; nothing where there is none."""
    path = root / DAILY
    if not path.exists():
        return {}
    params = daily_params(load_yaml(path) or {}, where=str(path))
    return params.model_dump(exclude_unset=True, exclude_none=True, mode="json")


def _first_day(root: Path) -> date | None:
    """Return the day of the earliest run that a decision of the ledger rests on."""
    starts: list[datetime] = []
    for path in sorted((root / "docs" / "LEDGER").glob("dec-*/review.json")):
        with suppress(OSError, msgspec.DecodeError):
            pinned = msgspec.json.decode(path.read_bytes(), type=_Pinned)
            starts += [run.started_at for run in pinned.runs if run.started_at]
    return min(starts).date() if starts else None


def day_folder(params: DailyParams) -> Path:
    """Return the folder of the day that is watched.

    Raises:
        UsageError: there is no folder of daily watches.
    """
    plan = load_plan(workbook_root() / params.plan)
    out = params.path("out")
    if out is None:
        raise UsageError("out is not set; name the folder of the daily watches")
    zone = plan.monitoring.clock
    return out / params.until(zone).astimezone(zone).date().isoformat()


def watched_days(out: Path) -> tuple[date, ...]:
    """Return the days that have a watch in a folder of them, oldest first."""
    days: list[date] = []
    for path in out.glob(f"*/{WATCH}"):
        with suppress(ValueError):
            days.append(datetime.strptime(path.parent.name, "%Y-%m-%d").replace(tzinfo=UTC).date())
    return tuple(sorted(days))


def watch_notebook(params: DailyParams, *, progress: TextIO | None = None) -> Watched:
    """Run notebooks/daily_monitor.ipynb and leave the day's page, record and notebook.

    Args:
        params: as `resolved` returns them.
        progress: where to show how far it is.

    Raises:
        UsageError: a parameter is wrong, or there can be no report at `out`.
        RolloutError: the notebook could not be run to its end; no report was touched.
    """
    from rolloutlib.show.bundle import new_report
    from rolloutlib.show.notebooks import run_notebook

    values = params.model_dump(mode="json", exclude={"plan"})
    notebook = workbook_root() / "notebooks" / "daily_monitor.ipynb"
    with new_report(day_folder(params), progress=progress) as report:
        executed = run_notebook(
            notebook, values, report.folder / WATCH_NOTEBOOK, lang=params.lang,
            progress=progress, report=report.folder, failed=report.failed,
        )  # fmt: skip
        record = _finish(report, executed, params.lang)
        return Watched(report.publish() / WATCH_PAGE, record)


def _finish(report: Report, notebook: NotebookNode, lang: str) -> bytes:
    """Make the page and list all parts; return the record."""
    from importlib import import_module

    from rolloutlib.show.notebooks import render_html
    from rolloutlib.show.past_store import index_from
    from rolloutlib.show.trusted import as_it_ran

    folder, index = report.folder, index_from(report.place, workbook_root() / "reports")
    if not (folder / WATCH).is_file():
        call = "watched_record.write_watch(watch, params)"
        raise RolloutError("the notebook wrote no watch; its last cell has to be {call}", call=call)
    notebook.metadata.get("papermill", {})["output_path"] = WATCH_NOTEBOOK
    text = import_module("nbformat").v4.writes(notebook)
    (folder / WATCH_NOTEBOOK).write_text(f"{text}\n", encoding="utf-8")
    as_it_ran(folder / WATCH_NOTEBOOK)
    (folder / WATCH_PAGE).write_text(render_html(notebook, lang, index=index), encoding="utf-8")
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    (folder / SEAL).write_bytes(seal_of(parts))
    return parts[WATCH]
