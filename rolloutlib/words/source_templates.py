"""Sentences of sources: what was left out of a file, and what it does not tell."""

from __future__ import annotations

from typing import Final

__all__ = ["SOURCES"]

SOURCES: Final = {
    "source.days": (
        "The source names no runs, so each day of an arm is a run ({runs} in all); map run_id in "
        "source.yaml where runs are known."
    ),
    "source.one_run": (
        "The source names neither runs nor times, so each arm is one run; map run_id or started_at "
        "in source.yaml."
    ),
    "source.ignored": "Nothing read these files: {names}.",
    "source.later": "{rows} rows of these runs started after {moment} and are left out.",
    "units.narrow": (
        "No {scorer} of arm {arm} is above a hundredth of its scale, which source.yaml says is "
        "{scale}, as fractions read as percent are; correct scale there."
    ),
    "source.where": (
        "{rows:,} rows of {file} are left out by where in source.yaml; {column} is there: {words}."
    ),
    "source.empty": (
        "No record of {file} has what source.yaml maps to these, which stay unknown: {names}."
    ),
}
