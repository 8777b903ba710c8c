"""The one table's columns, and how samples as the engine writes them become columns.

Everything works on a column of all samples at a time: a Python loop a cell is what would make
reading slow.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Meta, UnsetType

from rolloutlib.plan.segments import MOST_SEGMENTS, NAME, OWN, TAKEN
from rolloutlib.runs.located import tree_keys
from rolloutlib.runs.ranges import MOST_COST, MOST_COVARIATE, MOST_LATENCY_MS, MOST_TOKENS
from rolloutlib.runs.spellings import NOTHING, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BILLED", "CLUSTER", "LATER", "SCHEMA", "STATUSES", "TEXTS", "TOLD_LATER", "Sample",
    "SampleColumns", "between", "sample_columns",
]  # fmt: skip

STATUSES = ("passed", "failed", "vetoed", "error", "timeout")

SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        ("started_at", pa.timestamp("us", "UTC")),
        ("seed", pa.int64()),
        ("profile", pa.string()),
        pa.field("sample_id", pa.string(), nullable=False),
        ("prompt_id", pa.string()),
        ("user_id", pa.string()),
        ("session_id", pa.string()),
        ("category", pa.string()),
        ("difficulty", pa.string()),
        ("status", pa.string()),
        ("passed", pa.bool_()),
        ("vetoed", pa.bool_()),
        ("error", pa.bool_()),
        ("score", pa.float64()),
        ("latency_ms", pa.float64()),
        ("issues", pa.list_(pa.string())),
        ("veto_reason", pa.string()),
        ("style_violations", pa.int32()),
        ("edited", pa.bool_()),
        ("covariate", pa.float64()),
        ("suggested", pa.bool_()),
        ("cluster", pa.string()),
        ("suggested_tags", pa.list_(pa.string())),
        ("cost", pa.float64()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("cached", pa.bool_()),
        ("human_passed", pa.bool_()),
        ("human_score", pa.float64()),
    ]
)

CLUSTER = "cluster"
BILLED = ("cost", "tokens_in", "tokens_out")
TEXTS = ("prompt_text", "answer_text")  # shown to people, never measured
# Columns that tables written before they were there lack, as SQL types: null.
LATER = {
    "suggested": "BOOLEAN", "cluster": "VARCHAR", "suggested_tags": "VARCHAR[]", "cost": "DOUBLE",
    "tokens_in": "BIGINT", "tokens_out": "BIGINT", "cached": "BOOLEAN", "human_passed": "BOOLEAN",
    "human_score": "DOUBLE",
}  # fmt: skip
# Data in which nobody tells them have the digests of before they were there.
TOLD_LATER = (CLUSTER, "suggested_tags", *BILLED, "cached", "human_passed", "human_score")

_SAME = (
    "prompt_id", "user_id", "session_id", "category", "difficulty", "status", "score", "latency_ms",
    "veto_reason", "style_violations", "covariate", "cluster", *BILLED, "cached", "human_passed",
    "human_score",
)  # fmt: skip
_PLAIN = {"id": "sample_id", **{name: name for name in _SAME}}
_UNBUILT = ("suggested_tags", "confirmed_tags", "guardian_profile_id", "error")
_NESTED = ("segments", "scores", "prompt", "answer")
_ERRORS = pa.array(["error", "timeout"])
_Text = str | UnsetType | None
_Id = str | int | UnsetType | None
_Tags = tuple[str, ...] | UnsetType | None
_Segment = Annotated[str, Meta(pattern=rf"^(?!({'|'.join(sorted(TAKEN | {*OWN}))})$){NAME}$")]
_Segments = Annotated[
    dict[_Segment, str | float | int | bool | None], Meta(max_length=MOST_SEGMENTS)
]
_Score = Annotated[float, Meta(ge=-1e-8, le=10 + 1e-8)]
_Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS)] | UnsetType | None
_Scores = Annotated[
    dict[Annotated[str, Meta(pattern=f"^{NAME}$")], _Score | None], Meta(max_length=MOST_SEGMENTS)
]
_Covariate = Annotated[float, Meta(ge=-MOST_COVARIATE, le=MOST_COVARIATE)]


class Sample(msgspec.Struct, rename="camel", gc=False):
    """One entry of ``result.samples``.

    Score 0–10, latencyMs in milliseconds, ids as text (JSON integers too).
    """

    id: str | int
    status: Literal["passed", "failed", "vetoed", "error", "timeout"]
    score: _Score | UnsetType | None = UNSET
    latency_ms: Annotated[float, Meta(ge=-1e-9, le=MOST_LATENCY_MS)] | UnsetType | None = UNSET
    issues: _Tags = UNSET
    prompt_id: _Id = UNSET
    user_id: _Id = UNSET
    session_id: _Id = UNSET
    cluster: _Id = UNSET
    category: _Text = UNSET
    difficulty: Literal["easy", "medium", "hard"] | UnsetType | None = UNSET
    veto_reason: _Text = UNSET
    style_violations: Annotated[int, Meta(ge=0, lt=2**31)] | UnsetType | None = UNSET
    covariate: _Covariate | UnsetType | None = UNSET
    suggested_tags: _Tags = UNSET
    confirmed_tags: _Tags = UNSET
    guardian_profile_id: _Text = UNSET
    error: _Text = UNSET
    cost: Annotated[float, Meta(ge=-1e-9, le=MOST_COST)] | UnsetType | None = UNSET
    tokens_in: _Tokens = UNSET
    tokens_out: _Tokens = UNSET
    cached: bool | UnsetType | None = UNSET
    human_passed: bool | UnsetType | None = UNSET
    human_score: _Score | UnsetType | None = UNSET
    segments: _Segments | UnsetType | None = UNSET
    scores: _Scores | UnsetType | None = UNSET  # of further scorers
    prompt: Any = UNSET  # a text, or whatever was asked; never measured
    answer: Any = UNSET


class SampleColumns(NamedTuple):
    """The sample's own columns.

    Run columns come later and how many JSON keys they were read from.
    """

    arrays: dict[str, pa.Array]
    keys: int


def sample_columns(
    samples: Sequence[Sample], none: frozenset[str] = frozenset(NOTHING)
) -> SampleColumns:
    """Return one Arrow array for each column that a sample itself carries, named as in `SCHEMA`.

    Args:
        samples: the samples of any number of runs.
        none: the words that are no suggested and no confirmed tag.
    """
    cells = _columns(samples)
    built = {
        target: _array(cells[name], SCHEMA.field(target).type) for name, target in _PLAIN.items()
    }
    arrays = {target: column.array for target, column in built.items()}
    issues = _lists(cells["issues"])
    status = arrays["status"]
    arrays |= {
        "passed": pc.equal(status, "passed"),
        "vetoed": pc.equal(status, "vetoed"),
        "error": pc.is_in(status, value_set=_ERRORS),
        "issues": issues.array,
        "edited": _edited(cells["suggested_tags"], cells["confirmed_tags"], none),
        **_suggested(cells["suggested_tags"], none),
        "score": between(arrays["score"], 0.0, 10.0),
        "latency_ms": between(arrays["latency_ms"], 0.0, inf),
        "cost": between(arrays["cost"], 0.0, inf),
        "human_score": between(arrays["human_score"], 0.0, 10.0),
    }
    keys = sum(column.present for column in (*built.values(), issues))
    keys += sum(_present(cells[name]) for name in _UNBUILT)
    return SampleColumns(arrays, keys + sum(_inner(cells[name]) for name in _NESTED))


class _Built(NamedTuple):
    array: pa.Array
    present: int


def _present(column: list[Any]) -> int:
    return len(column) - column.count(UNSET)


def _inner(column: list[Any]) -> int:
    """Count the keys of what may be nested, with its own."""
    if _absent(column):
        return 0
    return _present(column) + sum(
        tree_keys(cell) for cell in column if isinstance(cell, dict | list)
    )


def _absent(column: list[Any]) -> bool:
    return bool(column) and column[0] is UNSET and not _present(column)


def _columns(s: Sequence[Sample]) -> dict[str, list[Any]]:
    # Written out: an attribute by name costs three times an attribute.
    return {
        "id": [x.id for x in s],
        "status": [x.status for x in s],
        "score": [x.score for x in s],
        "latency_ms": [x.latency_ms for x in s],
        "issues": [x.issues for x in s],
        "prompt_id": [x.prompt_id for x in s],
        "user_id": [x.user_id for x in s],
        "session_id": [x.session_id for x in s],
        "cluster": [x.cluster for x in s],
        "category": [x.category for x in s],
        "difficulty": [x.difficulty for x in s],
        "veto_reason": [x.veto_reason for x in s],
        "style_violations": [x.style_violations for x in s],
        "covariate": [x.covariate for x in s],
        "suggested_tags": [x.suggested_tags for x in s],
        "confirmed_tags": [x.confirmed_tags for x in s],
        "guardian_profile_id": [x.guardian_profile_id for x in s],
        "error": [x.error for x in s],
        "cost": [x.cost for x in s],
        "tokens_in": [x.tokens_in for x in s],
        "tokens_out": [x.tokens_out for x in s],
        "cached": [x.cached for x in s],
        "human_passed": [x.human_passed for x in s],
        "human_score": [x.human_score for x in s],
        "segments": [x.segments for x in s],
        "scores": [x.scores for x in s],
        "prompt": [x.prompt for x in s],
        "answer": [x.answer for x in s],
    }


def _array(column: list[Any], kind: pa.DataType) -> _Built:
    """Build the column as it is.

    Only when that fails replace what is absent and write integer ids as text.
    """
    if _absent(column):
        return _Built(pa.nulls(len(column), kind), 0)
    try:
        return _Built(pa.array(column, kind), len(column))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        text = pa.types.is_string(kind)
        plain = [None if v is UNSET else str(v) if text and v is not None else v for v in column]
        return _Built(pa.array(plain, kind), _present(column))


def _lists(column: list[Any]) -> _Built:
    """Lists of tags from one flat list and offsets: many times faster than nested Python lists."""
    kind, present = SCHEMA.field("issues").type, _present(column)
    if not present:
        return _Built(pa.nulls(len(column), kind), 0)
    missing = None
    if present < len(column) or None in column:
        missing = pa.array([type(tags) is not tuple for tags in column])
        column = [tags or () for tags in column]
    offsets = np.cumsum([0, *map(len, column)], dtype=np.int32)
    values = pa.array(list(chain.from_iterable(column)), pa.string())
    return _Built(pa.ListArray.from_arrays(pa.array(offsets), values, kind, mask=missing), present)


def _edited(suggested: list[Any], confirmed: list[Any], none: frozenset[str]) -> pa.Array:
    """True where a person changed the suggested tags.

    Null unless tags were suggested and a person confirmed.
    """
    if _absent(suggested) or _absent(confirmed):
        return pa.nulls(len(suggested), pa.bool_())
    pairs = zip(suggested, confirmed, strict=True)
    return pa.array([_changed(s, c, none) if s else None for s, c in pairs], pa.bool_())


def _changed(suggested: tuple[str, ...], confirmed: object, none: frozenset[str]) -> bool | None:
    tags = meant(suggested, none)
    if not tags or not isinstance(confirmed, tuple):
        return None
    final = meant(confirmed, none)
    return None if confirmed and not final else tags != final  # "n/a" alone does not confirm


def _suggested(suggested: list[Any], none: frozenset[str]) -> dict[str, pa.Array]:
    """Return the tags that were suggested, folded and in one order, and whether there are any.

    Null where nobody knows.
    """
    if _absent(suggested):
        nothing = pa.nulls(len(suggested), SCHEMA.field("suggested_tags").type)
        return {"suggested_tags": nothing, "suggested": pa.nulls(len(suggested), pa.bool_())}
    tags = [tuple(sorted(meant(s, none))) if type(s) is tuple else None for s in suggested]
    are_any = pa.array([None if words is None else bool(words) for words in tags], pa.bool_())
    return {"suggested_tags": _lists(tags).array, "suggested": are_any}


def between(numbers: pa.Array, low: float, high: float) -> pa.Array:
    """Put what lies a rounding beyond a scale on it; the types refuse what lies further."""
    least = pc.max_element_wise(numbers, low, skip_nulls=False)
    return pc.min_element_wise(least, high, skip_nulls=False)
