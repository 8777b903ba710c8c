"""Compare reviews of schema rolloutlib/review@1 or @2: prints differences, exit code 1 if any.

    python -m benchmarks.compare_reviews OLD NEW   two review.json files, or two folders of them

What the first has must be in the second under the same name: numbers within 1e-9 relative, moments
as moments, a sentence where the other has a reason by its English text. What only the second has
is new.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TOLERANCE = 1e-9


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401 -- JSON
    """Yield what the new review lacks of the old one, or says otherwise, with its place."""
    if isinstance(old, str) and isinstance(new, dict):
        new = new["text"]
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            if key not in new:
                yield f"{where}.{key}: is missing"
            elif key != "schema":
                yield from differences(value, new[key], f"{where}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{where}: {len(old)} entries, now {len(new)}"
        for number, (was, now) in enumerate(zip(old, new, strict=False)):
            yield from differences(was, now, f"{where}[{number}]")
    elif not _same(old, new):
        yield f"{where}: {old!r}, now {new!r}"


def _same(old: object, new: object) -> bool:
    if isinstance(old, float) and isinstance(new, int | float):
        return isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if old != new and isinstance(old, str) and isinstance(new, str):
        try:
            return datetime.fromisoformat(old) == datetime.fromisoformat(new)
        except ValueError:
            return False
    return old == new


def main(old: Path, new: Path) -> int:
    """Compare two files, or every review of a folder with its namesake; return an exit code."""
    if old.is_file():
        pairs = [(old, new)]
    else:
        names = sorted(path.relative_to(old) for path in old.rglob("review.json"))
        pairs = [(old / name, new / name) for name in names if (new / name).is_file()]
    worst = 0
    for before, after in pairs:
        texts = (json.loads(path.read_text("utf-8")) for path in (before, after))
        lines = list(differences(*texts))
        print(f"{after}: {len(lines)} differences" if lines else f"{after}: equal")
        for line in lines:
            print(f"  {line}")
        worst = max(worst, int(bool(lines)))
    if not pairs:
        print(f"{new} has no review of {old}")
    return worst if pairs else 1


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
