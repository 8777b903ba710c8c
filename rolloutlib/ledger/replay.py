"""Analysis replay: run a decision's review again from its pins, and say how equal the result is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Any, Literal, cast

from rolloutlib.judge.record import encode
from rolloutlib.judge.review import review_stage
from rolloutlib.ledger.decide import Reviewed, pin, results_digest
from rolloutlib.ledger.records import LedgerError, Pins, digest_of
from rolloutlib.words.reasons import worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rolloutlib.ledger.book import Workbook
    from rolloutlib.ledger.chain import Node
    from rolloutlib.plan.model import Plan

__all__ = ["Replay", "compare", "replay"]

TOLERANCE = 1e-9
Level = Literal["E0", "E1", "E2", "E3"]
MEANING = {
    "E0": "the same results, bit for bit",
    "E1": "all verdicts are equal, and all numbers within rounding",
    "E2": "all verdicts are equal, but numbers differ: investigate",
    "E3": "a verdict differs: the decision does not replay",
}
_INPUTS = ("data", "inputs", "params", "plan")
_CODE = ("cells", "commit", "dirty", "requirements", "python", "platform")


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay compares with its record.

    Attributes:
        broken: pins of data and parameters that no longer hold; `moved` pins of code and environment that differ.
        verdicts: what was decided otherwise, by gate; `numbers` the paths of numbers that differ beyond the tolerance.
        knife_edges: gates whose bound or value lies within the tolerance of its limit.
    """

    level: Level
    broken: tuple[str, ...]
    moved: tuple[str, ...]
    verdicts: tuple[str, ...]
    numbers: tuple[str, ...]
    knife_edges: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the record's pins and verdicts hold."""
        return self.level in {"E0", "E1"} and not self.broken

    def __str__(self) -> str:
        """Say it in lines, the pins first."""
        lines = [f"pin broken: {sentence}" for sentence in self.broken]
        lines += [f"pin differs: {sentence}" for sentence in self.moved]
        lines += [
            f"{self.level}: {MEANING[self.level]}",
            *(f"  {sentence}" for sentence in (*self.verdicts, *self.numbers[:10])),
        ]
        return "\n".join([*lines, *(f"knife edge: {sentence}" for sentence in self.knife_edges)])


def replay(book: Workbook, node: Node, *, tolerance: float = TOLERANCE) -> Replay:
    """Check a record's pins first, then run its review again and compare.

    Args:
        book: the workbook.
        node: the record.
        tolerance: relative; numbers nearer than this are equal.

    Raises:
        LedgerError: the record is no review's, or its own copy of the review was changed.
        RolloutError: the data can no longer be reviewed.
    """
    pins, folder = node.record.predicate.pins, book.folder / node.id
    if pins is None:
        raise LedgerError(
            "no-pins",
            f"{node.id} rests on no review (it is a {node.record.predicate.kind} record); nothing to replay",
        )
    for subject in node.record.subject:
        path = book.folder / subject.name
        if not path.is_file() or digest_of(path.read_bytes()) != subject.digest.sha256:
            raise LedgerError(
                "subject-changed",
                f"{subject.name} is not the file that {node.id} rests on (restore it from git)",
            )
    read = Reviewed.read(folder, book.root)
    now, _ = pin(read, book.root)
    look = read.review.get("look", {}).get("number")  # the look that the meeting saw, not one more
    params = read.params.model_copy(update={"look": look, "looks": None})
    fresh = json.loads(encode(worded(review_stage(params).record)))
    level, verdicts, numbers = compare(read.review, fresh, tolerance=tolerance)
    if level == "E0" and results_digest(fresh) != pins.results:
        raise LedgerError(
            "subject-changed",
            f"{node.id}/review.json is not the review whose results the record pins",
        )
    broken, moved = (tuple(_pins(pins, now, names)) for names in (_INPUTS, _CODE))
    return Replay(
        level, broken, moved, verdicts, numbers, tuple(_knife_edges(fresh, read.plan, tolerance))
    )


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], *, tolerance: float = TOLERANCE
) -> tuple[Level, tuple[str, ...], tuple[str, ...]]:
    """Compare two reviews: the level, the verdicts that differ, the numbers that differ beyond the tolerance."""
    if results_digest(old) == results_digest(new):
        return "E0", (), ()
    before, after = dict(_verdicts(old)), dict(_verdicts(new))
    verdicts = tuple(
        f"{name}: was {before.get(name)}, is {after.get(name)}"
        for name in before | after
        if before.get(name) != after.get(name)
    )
    first, second = dict(_numbers(old)), dict(_numbers(new))
    numbers = tuple(
        f"{path}: was {first.get(path)}, is {second.get(path)}"
        for path in first | second
        if not _near(first.get(path), second.get(path), tolerance)
    )
    return ("E3" if verdicts else "E2" if numbers else "E1"), verdicts, numbers


def _verdicts(review: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "recommendation", review["recommendation"]
    for gate in review["gates"]:
        yield f"{gate['id']} (plan)", gate["plan"]["verdict"]
        yield f"{gate['id']} (evidence)", gate["evidence"]["verdict"]
    for check in review["checks"]:
        yield f"{check['id']} (check)", check["holds"]
    for part in review["segments"]:
        yield f"{part['by']} {part['value']} (loss)", part.get("loss")


def _numbers(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of plain data with its path; items of a list by their id, where they have one."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _numbers(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for n, inner in enumerate(cast("list[object]", value)):
            yield from _numbers(inner, f"{path}.{_name(inner, n)}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def _name(item: object, number: int) -> object:
    return cast("dict[str, object]", item).get("id", number) if isinstance(item, dict) else number


def _near(old: float | None, new: float | None, tolerance: float) -> bool:
    return old is not None and new is not None and isclose(old, new, rel_tol=tolerance)


def _pins(old: Pins, new: Pins, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if name == "inputs":
            was, now = ({one.name: one.digest.sha256 for one in pins} for pins in (before, after))
            changed = [file for file in was | now if was.get(file) != now.get(file)]
            yield from (
                f"{file} is not the file of the review: it was changed, removed or added behind the record's back"
                for file in changed
            )
        elif before != after:
            yield f"{name} was {_short(before)}, is {_short(after)}"


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) >= 40 else text  # noqa: PLR2004


def _knife_edges(review: Mapping[str, Any], plan: Plan, tolerance: float) -> Iterator[str]:
    for gate in review["gates"]:
        worst = gate["evidence"]["lower" if plan.gates[gate["id"]].harm == "lower" else "upper"]
        for name, value, limit in (
            ("bound", worst, gate["proof_limit"]),
            ("plan value", gate["plan"]["value"], gate["limit"]),
        ):
            if (
                value is not None
                and limit is not None
                and isclose(value, limit, rel_tol=tolerance, abs_tol=tolerance)
            ):
                place = f"the {name} of {gate['id']} ({value!r}) lies within {tolerance:g} of its limit ({limit!r})"
                yield f"{place}; another machine may judge otherwise"
