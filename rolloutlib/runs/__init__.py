"""Engine files → checked runs.

Files → rows → envelopes or flat tables → evidence → the columns of the one table.
"""

from rolloutlib.runs.quarantine import InputFile, Quarantined, write_quarantine
from rolloutlib.runs.reading import Runs, read_runs
from rolloutlib.runs.run_info import Reported, RunInfo
from rolloutlib.runs.sources import SourceSpec, load_source

__all__ = [
    "InputFile",
    "Quarantined",
    "Reported",
    "RunInfo",
    "Runs",
    "SourceSpec",
    "load_source",
    "read_runs",
    "write_quarantine",
]
