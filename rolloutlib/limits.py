"""How much of a file is read at most: one table of budgets, each with its environment variable.

A reader that meets more than its budget refuses, and says what it got, the limit and where to raise
it. The defaults are far above real work (docs/limits.md): they stop what would never end.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from rolloutlib.errors import UsageError
from rolloutlib.phrase import Clause, Phrase, phrase

__all__ = [
    "COLUMNS", "DOCUMENT_BYTES", "FILES", "FILE_BYTES", "FOLDER_BYTES", "LIMITS",
    "LINES", "LINE_BYTES", "NESTING", "PAGE_BYTES", "PARAMETER_BYTES", "PARQUET_BYTES",
    "PATIENT_ROWS", "REPEATED_ROWS", "ROWS", "ROW_GROUPS", "SECONDS", "Limit",
]  # fmt: skip

_STEPS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_NUMBER = re.compile(r"(\d{1,15}) ?([KMGT]?)", re.IGNORECASE)


class Limit(NamedTuple):
    """One budget.

    Attributes:
        variable: the environment variable that raises or lowers it.
        default: its value where the variable is not set.
        unit: what is counted.
        of: what it is a limit of, for docs/limits.md.
        ceiling: what it cannot be raised above, since the program would fail beyond; 0: none.
    """

    variable: str
    default: int
    unit: Phrase
    of: str
    ceiling: int = 0

    @property
    def value(self) -> int:
        """The budget of now.

        Raises:
            UsageError: the variable is no whole number above 0 (with K, M, G or T for thousands).
        """
        written = os.environ.get(self.variable, "").strip()
        if not written:
            return self.default
        number = _NUMBER.fullmatch(written.replace("_", "").replace(",", ""))
        value = int(number[1]) * _STEPS[number[2].upper()] if number else 0
        if not value or (self.ceiling and value > self.ceiling):
            most = phrase(" up to {most:,}", most=self.ceiling) if self.ceiling else ""
            raise UsageError(
                "{variable} is {written!r}; expected a whole number of {unit} above 0{most}, such "
                "as {usual}, or 20G for 20,000,000,000.",
                variable=self.variable, written=written[:40], unit=self.unit, most=most,
                usual=self.default,
            )  # fmt: skip
        return value

    def refusal(self, got: int | Clause) -> Phrase:
        """Say what was got, what is allowed and where to raise it: a clause without a full stop."""
        return phrase(
            "{got} {unit}; expected at most {most:,} (raise it with {variable}, see "
            "docs/limits.md)",
            got=f"{got:,}" if isinstance(got, int) else got, unit=self.unit, most=self.value,
            variable=self.variable,
        )  # fmt: skip

    def passed(self) -> Phrase:
        """Say that more was got than is allowed, where nobody counted further; see `refusal`."""
        return self.refusal(phrase("more than {n:,}", n=self.value))


DOCUMENT_BYTES = Limit(
    "ROLLOUT_MAX_DOCUMENT_BYTES", 64 * 10**6, phrase("bytes"),
    "a document beside the runs: evidence, notebooks, review.json, flags, ledger records",
)  # fmt: skip
PARAMETER_BYTES = Limit(
    "ROLLOUT_MAX_PARAMETER_BYTES", 10**6, phrase("bytes"),
    "a YAML file: plan.yaml, source.yaml, params/stage-N.yaml, roles.yaml",
)  # fmt: skip
FILE_BYTES = Limit(
    "ROLLOUT_MAX_FILE_BYTES", 2 * 10**9, phrase("bytes"),
    "a file of runs that is held in memory: JSON, JSON Lines, CSV; as it lies, and once unpacked, "
    "decoded or read out of a workbook",
)  # fmt: skip
FOLDER_BYTES = Limit(
    "ROLLOUT_MAX_FOLDER_BYTES",
    20 * 10**9,
    phrase("bytes"),
    "the JSON, JSON Lines and CSV of a folder",
)
PARQUET_BYTES = Limit(
    "ROLLOUT_MAX_PARQUET_BYTES", 10**12, phrase("bytes once unpacked"),
    "a Parquet file, by its own metadata",
)  # fmt: skip
PAGE_BYTES = Limit(
    "ROLLOUT_MAX_PAGE_BYTES", 64 * 10**6, phrase("bytes once unpacked"),
    "a page of Parquet, by its own header",
)  # fmt: skip
ROW_GROUPS = Limit("ROLLOUT_MAX_ROW_GROUPS", 20_000, phrase("groups of rows"), "a Parquet file")
LINE_BYTES = Limit(
    "ROLLOUT_MAX_LINE_BYTES",
    256 * 10**6,
    phrase("bytes"),
    "a line of JSON Lines or CSV: one run, one row",
)
LINES = Limit(
    "ROLLOUT_MAX_LINES", 5 * 10**7, phrase("lines"), "a JSON Lines or CSV file, blank ones included"
)
ROWS = Limit("ROLLOUT_MAX_ROWS", 2 * 10**9, phrase("rows"), "all files of a review together")
PATIENT_ROWS = Limit(
    "ROLLOUT_MAX_PATIENT_ROWS", 5 * 10**6, phrase("rows"),
    "a flat file that has to be read row by row, because its messages quote the rows",
)  # fmt: skip
REPEATED_ROWS = Limit(
    "ROLLOUT_MAX_REPEATED_ROWS", 20 * 10**6, phrase("rows"),
    "a flat file that have the id of another row of their run",
)  # fmt: skip
COLUMNS = Limit("ROLLOUT_MAX_COLUMNS", 5_000, phrase("columns"), "a table")
NESTING = Limit(
    "ROLLOUT_MAX_NESTING",
    64,
    phrase("levels"),
    "objects and lists inside of each other",
    ceiling=200,
)
FILES = Limit(
    "ROLLOUT_MAX_FILES", 500_000, phrase("files"), "a folder of runs, subfolders included"
)
SECONDS = Limit("ROLLOUT_MAX_SECONDS", 3600, phrase("seconds"), "reading the runs of a review")

LIMITS = (
    FILES, FILE_BYTES, FOLDER_BYTES, LINE_BYTES, LINES, PARQUET_BYTES, PAGE_BYTES, ROW_GROUPS,
    COLUMNS, NESTING, ROWS, PATIENT_ROWS, REPEATED_ROWS, SECONDS, PARAMETER_BYTES,
    DOCUMENT_BYTES,
)  # fmt: skip
