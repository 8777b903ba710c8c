"""Names of segments: by what samples are told apart, beside category, profile and difficulty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import Clause, phrase

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["MOST_SEGMENTS", "MOST_VALUES", "NAME", "OWN", "TAKEN", "checked"]

OWN: Final = ("category", "profile", "difficulty")  # fields of every source
NAME: Final = r"[a-z][a-z0-9_]{0,39}"
MOST_SEGMENTS: Final = 30
MOST_VALUES: Final = 1_000  # different ones of a segment; what has more is an id
# Columns of the table of samples (`runs.columns.SCHEMA`), and of what is computed from it.
TAKEN: Final = frozenset({
    "run_id", "arm", "started_at", "seed", "sample_id", "prompt_id", "user_id", "session_id",
    "status", "passed", "vetoed", "error", "score", "latency_ms", "issues", "veto_reason",
    "style_violations", "edited", "covariate", "suggested", "cluster", "suggested_tags",
    "tokens_in", "tokens_out", "cached", "human_passed", "human_score",
    "prompt_text", "answer_text", "place", "own_id", "line", "vouched", "rows", "apart", "copy",
    "n", "control", "treatment", "change", "loss", "cost",
})  # fmt: skip


def checked(names: Collection[str], *, own: bool) -> None:
    """Refuse what is no list of segments.

    Args:
        names: of segments.
        own: whether the fields of every source may be among them.

    Raises:
        ValueError: there are too many, one is there twice, or one is no name.
    """
    if len(names) > MOST_SEGMENTS:
        n, most = len(names), MOST_SEGMENTS
        raise ValueError(phrase("names {n} segments; expected at most {most}", n=n, most=most))
    for place, name in enumerate(names):
        if fault := _fault(name, own=own):
            raise ValueError(fault)
        if name in [*names][:place]:
            raise ValueError(phrase("names {name} twice; expected each segment once", name=name))


def _fault(name: str, *, own: bool) -> Clause:
    if name in OWN:
        return "" if own else phrase(
            "{name!r} is a field of its own; map it under columns: (columns: {key})",
            name=name, key=f"{{{name}: …}}",
        )  # fmt: skip
    if name in TAKEN:
        return phrase("{name!r} is a column of ours already; expected another name", name=name)
    if not re.fullmatch(NAME, name):
        return phrase(
            "{name!r} is no name of a segment; expected a plain word of a–z, 0–9 and _ that begins "
            "with a letter, 40 at most.{hint}",
            name=name[:80], hint=did_you_mean(name[:80], OWN) if own else "",
        )  # fmt: skip
    return ""
