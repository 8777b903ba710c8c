"""Langfuse: traces as its interface exports them (JSON, JSON Lines, CSV) or as its API gives them.

A trace's scores have names of their own. A single one is the score; of several none is taken for
the one that decides.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (files of any shape)
from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from rolloutlib.drafts.gathering import Gathering, records_of, seen_in
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import is_worse, numbers_of, scale_of
from rolloutlib.plan.segments import NAME
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_KEYS: Final = ("id", "timestamp", "name", "userId", "sessionId", "release", "version",
                "totalCost", "latency")  # fmt: skip
# What the interface writes beside the scores, each of which is a column of its own.
_OWN: Final = frozenset({
    *_KEYS, "environment", "tags", "bookmarked", "public", "input", "output", "metadata", "usage",
    "inputCost", "outputCost", "level", "errorCount", "warningCount", "defaultCount", "debugCount",
    "observationCount", "inputTokens", "outputTokens", "totalTokens", "comments", "scores",
    "projectId", "createdAt", "updatedAt", "externalId", "htmlPath", "observations",
})  # fmt: skip
_OTHER: Final = re.compile("[^a-z0-9_]+")
_LEVELS: Final = {"ERROR": True, "WARNING": False, "DEFAULT": False, "DEBUG": False}


def _recognises(peek: Peek) -> bool:
    return seen_in(peek, "id", "timestamp", "totalCost", "latency") and (
        seen_in(peek, "bookmarked") or seen_in(peek, "htmlPath")
    )


def _drafts(peek: Peek) -> Draft:
    making = Gathering("langfuse", peek, records_of(peek))
    place = peek.first.place
    if peek.first.kind == ".json" and place not in {"", "."}:
        making.head["records"] = place
    making.take_arm((name, None) for name in ("version", "release", "environment"))
    if making.words("tags") or making.cells("tags"):
        making.left["tags"] = because("draft.langfuse.tags")
    own = because("draft.tool", tool="Langfuse")
    making.take("sample_id", "id", own)
    making.take("started_at", "timestamp", own)
    making.take("user_id", "userId", because("draft.langfuse.user"))
    making.take("session_id", "sessionId", own)
    making.take("category", "name", because("draft.langfuse.name"))
    making.take("latency_ms", "latency", because("draft.langfuse.latency"), unit="s", none=[-1])
    making.take("cost", "totalCost", because("draft.langfuse.cost"), none=[-1, 0])
    for field, column in (("tokens_in", "inputTokens"), ("tokens_out", "outputTokens")):
        making.take(field, column, because("draft.langfuse.tokens"), none=[0])
    making.take("error", "level", because("draft.langfuse.level"), values=_LEVELS)
    _take_scores(making)
    for column in ("input", "output"):
        if any(row == column or row.startswith(f"{column}.") for row in peek.columns):
            making.left[column] = because("draft.text")
    return making.draft()


class _Score(NamedTuple):
    """What one name of a score holds: where, its values, and whether some trace has several."""

    path: str
    values: list[Any]
    several: bool
    kind: str = ""


def _take_scores(making: Gathering) -> None:
    """Map scores by their names: one is the score or the outcome, several are scorers.

    Those of which less is better by their names are left: which way they run no file tells.
    """
    usable: dict[str, tuple[_Score, dict[str, Any]]] = {}
    for name, score in (_objects(making) or _by_column(making)).items():
        numbers = numbers_of(score.values)
        scale = scale_of(numbers) if numbers else None
        scale = (0.0, 1.0) if score.kind == "BOOLEAN" else scale
        if score.several:
            making.left[name] = because("draft.langfuse.repeated")
        elif numbers is None:
            making.left[name] = because("draft.langfuse.words")
        elif scale is None:
            span = {"low": min(numbers), "high": max(numbers)}
            making.left[name] = because("draft.scale_open", **span)
        else:
            usable[name] = score, {"column": score.path, "scale": [int(end) for end in scale]}
    for place, (name, (score, column)) in enumerate(usable.items(), start=1):
        if is_worse(name):
            making.left[name] = because("draft.less_is_better")
        elif len(usable) > 1:
            scorer = _plain(name, place)
            making.rest.setdefault("scores", {})[scorer] = column
            making.notes[f"scores.{scorer}"] = because("draft.langfuse.scores", column=name)
        elif score.kind == "BOOLEAN":
            _take_outcome(making, name, score)
        else:
            making.columns["score"] = column
            making.notes["columns.score"] = because("draft.langfuse.one_score", column=name)


def _take_outcome(making: Gathering, name: str, score: _Score) -> None:
    """Map the one score that is true or false; a trace with an error has the outcome it has."""
    making.columns.pop("error", None)
    making.notes.pop("columns.error", None)
    making.columns["passed"] = score.path
    making.notes["columns.passed"] = because("draft.langfuse.outcome", column=name)


def _objects(making: Gathering) -> dict[str, _Score]:
    """Return the scores that the API writes as a list of objects."""
    scores: dict[str, _Score] = {}
    for row in making.rows:
        cell = row.get("scores")
        items = [s for s in cast("list[Any]", cell if isinstance(cell, list) else [])
                 if isinstance(s, dict) and isinstance(s.get("name"), str)]  # fmt: skip
        many = Counter(item["name"] for item in items)
        for item in items:
            name = item["name"]
            if {"[", "]", "="} & {*name}:
                continue  # which no path can name
            kind, value = str(item.get("dataType") or ""), item.get("value")
            value = item.get("stringValue") if kind == "CATEGORICAL" else value
            path = f"scores[name={name}].value"
            score = scores.setdefault(name, _Score(path, [], several=False, kind=kind))
            score.values.append(value)
            scores[name] = score._replace(several=score.several or many[name] > 1)
    return scores


def _by_column(making: Gathering) -> dict[str, _Score]:
    """Return the scores that the interface writes: each a column, each cell a list of values."""
    scores: dict[str, _Score] = {}
    for column in dict.fromkeys(name for row in making.rows for name in row):
        lists = [_listed(cell) for cell in making.cells(column)]
        if column.partition(".")[0] not in _OWN and lists and all(lists):
            values = [value for several in lists for value in several or ()]
            scores[column] = _Score(f"{column}.*", values, several=len(values) > len(lists))
    return scores


def _listed(cell: object) -> list[Any] | None:
    """Return a cell as the list that it is, or whose JSON it is."""
    if isinstance(cell, str) and cell.startswith("["):
        try:
            cell = msgspec.json.decode(cell)
        except msgspec.DecodeError:
            return None
    return cast("list[Any]", cell) if isinstance(cell, list) else None


def _plain(name: str, place: int) -> str:
    """Return a scorer's name in the letters that source.yaml allows for one."""
    plain = _OTHER.sub("_", name.casefold()).strip("_")[:40]
    return plain if re.fullmatch(NAME, plain) else f"scorer_{place}"


PRESET = Preset("langfuse", "Langfuse", _recognises, _drafts)
