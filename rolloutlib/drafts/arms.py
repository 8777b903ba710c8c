"""Which file is of which arm, where no column tells it: by the names of folders and files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rolloutlib.drafts.names import CONTROLS, TREATMENTS
from rolloutlib.drafts.peek import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["arms_of"]

_WORDS = re.compile(r"[^\W\d_]+")


def arms_of(names: Sequence[str]) -> dict[str, str]:
    """Return arm → glob of its files: a folder each, or else a file each.

    They are called control and treatment only where their names say which is which.

    >>> arms_of(["v1/a.csv", "v1/b.csv", "v2/a.csv"])
    {'v1': 'v1/*', 'v2': 'v2/*'}
    >>> arms_of(["results-baseline.csv", "results-candidate.csv"])
    {'control': 'results-baseline.csv', 'treatment': 'results-candidate.csv'}
    """
    tops = {PurePosixPath(name).parts[0] for name in names if "/" in name}
    if len(tops) > 1 and all("/" in name for name in names):
        globs = {top: f"{literal(top)}/*" for top in sorted(tops)}
    else:
        globs = {name.rpartition(".")[0]: literal(name) for name in names}
    if len(globs) == 2:  # noqa: PLR2004 -- an arm each
        first, second = globs
        if _says(first, CONTROLS) and _says(second, TREATMENTS):
            return {"control": globs[first], "treatment": globs[second]}
        if _says(second, CONTROLS) and _says(first, TREATMENTS):
            return {"control": globs[second], "treatment": globs[first]}
    return globs


def _says(name: str, words: Sequence[str]) -> bool:
    """Whether one of the words of a name is one of these."""
    return any(word.casefold() in words for word in _WORDS.findall(name))
