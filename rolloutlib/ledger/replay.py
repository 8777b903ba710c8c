"""Analysis replay: run a decision's review again from its pins, and say how equal the result is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Final, Literal, cast

import msgspec

from rolloutlib.judge.review import review_stage
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.pins import ReviewFolder, pins_of, results_digest
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.text import plain
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.records import Pins
    from rolloutlib.ledger.workbook import Workbook

TOLERANCE: Final = 1e-9  # relative: sums of the same numbers in another order
Level = Literal["E0", "E1", "E2", "E3"]
MEANING: Final[dict[Level, Phrase]] = {
    "E0": phrase("the same results, bit for bit"),
    "E1": phrase("all verdicts are equal, and all numbers within rounding"),
    "E2": phrase("all verdicts are equal, but numbers differ: investigate"),
    "E3": phrase("a verdict differs: the decision does not replay"),
}
_DATA = ("data", "inputs", "params", "plan")
_CODE = ("cells", "commit", "dirty", "requirements", "python", "platform")
_WORDS = ".method_parts"  # how a method is said, in parts: its numbers are no results
_DIGEST = 40  # the length of a git commit: what is as long is a digest, and is cut for people


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay compares with its record.

    Attributes:
        broken: pins of data and parameters that no longer hold.
        moved: pins of code and environment that differ.
        verdicts: what was decided otherwise, by gate.
        numbers: the paths of numbers that differ beyond the tolerance.
        knife_edges: gates whose bound or value lies within the tolerance of its limit.
    """

    level: Level
    broken: tuple[Phrase, ...]
    moved: tuple[Phrase, ...]
    verdicts: tuple[Phrase, ...]
    numbers: tuple[Phrase, ...]
    knife_edges: tuple[Phrase, ...]

    @property
    def ok(self) -> bool:
        """Whether the record's pins and verdicts hold."""
        return self.level in {"E0", "E1"} and not self.broken

    def __str__(self) -> str:
        """Say it in lines, the pins first."""
        lines = [phrase("pin broken: {pin}", pin=pin) for pin in self.broken]
        lines += [phrase("pin differs: {pin}", pin=pin) for pin in self.moved]
        lines += [phrase("{level}: {meaning}", level=self.level, meaning=MEANING[self.level])]
        lines += [phrase("  {what}", what=what) for what in (*self.verdicts, *self.numbers[:10])]
        lines += [phrase("knife edge: {gate}", gate=gate) for gate in self.knife_edges]
        return "\n".join(plain(translated(line)) for line in lines)


def replay(book: Workbook, node: Node, *, tolerance: float = TOLERANCE) -> Replay:
    """Run a record's review again, and compare its pins and its results with the record's.

    Args:
        book: the workbook.
        node: the record.
        tolerance: relative; numbers nearer than this are equal.

    Raises:
        LedgerError: the record is no review's, or its own copy of the review was changed.
        RolloutError: the data can no longer be reviewed.
    """
    pins = node.predicate.pins
    if pins is None:
        raise LedgerError("no-pins", id=node.id, kind=node.predicate.kind)
    for subject in node.record.subject:
        path = book.folder / subject.name
        if not path.is_file() or digest_of(path.read_bytes()) != subject.digest.sha256:
            raise LedgerError("subject-changed.replay", name=subject.name, id=node.id)
    read = ReviewFolder.read(book.folder / node.id, book.root)
    look = read.review.look  # the look that the meeting saw, not one more
    fresh = worded(review_stage(read.params, replayed=look).record)
    lacks = tuple(lacking(read.review, read.files["review.json"]))
    level, verdicts, numbers = compare(read.review, fresh, tolerance=tolerance, lacks=lacks)
    if level == "E0" and results_digest(fresh) != pins.results:
        raise LedgerError("subject-changed.review", id=node.id)
    now = pins_of(read, fresh, book.root)
    broken = tuple(_inequalities(pins, now, _DATA))
    moved = tuple(_inequalities(pins, now, _CODE))
    return Replay(level, broken, moved, verdicts, numbers, tuple(knife_edges(fresh, tolerance)))


def compare(
    old: Review, new: Review, *, tolerance: float = TOLERANCE, lacks: tuple[str, ...] = ()
) -> tuple[Level, tuple[Phrase, ...], tuple[Phrase, ...]]:
    """Compare two reviews.

    Args:
        old: the record's.
        new: the replay's.
        tolerance: relative; numbers nearer than this are equal.
        lacks: paths of fields that are younger than the old review: not compared.

    Returns:
        The level, the verdicts that differ, and the numbers that differ beyond the tolerance.
    """
    if results_digest(old) == results_digest(new):
        return "E0", (), ()
    was, now = dict(_verdicts(old)), dict(_verdicts(new))
    verdicts = tuple(
        phrase(
            "{name}: was {before}, is {after}", name=name, before=was.get(name), after=now.get(name)
        )
        for name in was | now
        if was.get(name) != now.get(name)
    )
    before, after = (dict(_numbers(msgspec.to_builtins(review))) for review in (old, new))
    numbers = tuple(
        phrase(
            "{name}: was {before}, is {after}",
            name=path,
            before=before.get(path),
            after=after.get(path),
        )
        for path in before | after
        if not _beneath(path, lacks) and not _near(before.get(path), after.get(path), tolerance)
    )
    return ("E3" if verdicts else "E2" if numbers else "E1"), verdicts, numbers


def lacking(review: Review, data: bytes) -> Iterator[str]:
    """Yield the paths of the fields that a review has by default: its file does not name them."""
    yield from _lacking(msgspec.to_builtins(review), json.loads(data))


def _lacking(whole: object, written: object, path: str = "") -> Iterator[str]:
    if isinstance(whole, dict) and isinstance(written, dict):
        named = cast("dict[str, object]", written)
        for key, inner in cast("dict[str, object]", whole).items():
            below = f"{path}.{key}".lstrip(".")
            if key not in named:
                yield below
            else:
                yield from _lacking(inner, named[key], below)
    elif isinstance(whole, list | tuple) and isinstance(written, list):
        pairs = zip(cast("list[object]", whole), cast("list[object]", written), strict=True)
        for number, (inner, its) in enumerate(pairs):
            yield from _lacking(inner, its, f"{path}.{_name(inner, number)}")


def _beneath(path: str, lacks: tuple[str, ...]) -> bool:
    """Whether a path leads to how a method is said, or to a field that the old review lacks."""
    return f"{_WORDS}." in path or any(
        path == lacked or path.startswith(f"{lacked}.") for lacked in lacks
    )


def knife_edges(review: Review, tolerance: float) -> Iterator[Phrase]:
    """Yield the gates that another machine's rounding may judge otherwise."""
    for gate in review.gates:
        worst = gate.evidence.lower if gate.harm == "lower" else gate.evidence.upper
        for name, value, limit in (
            (phrase("bound"), worst, gate.proof_limit),
            (phrase("plan value"), gate.plan.value, gate.limit),
            (phrase("plan value"), gate.plan.value, _tolerated_limit(gate)),
        ):
            if (
                limit is not None
                and value is not None
                and isclose(value, limit, rel_tol=tolerance, abs_tol=tolerance)
            ):
                yield phrase(
                    "the {name} of {gate} ({value!r}) lies within {tolerance:g} of its limit "
                    "({limit!r}); another machine may judge otherwise",
                    name=name, gate=gate.id, value=value, tolerance=tolerance, limit=limit,
                )  # fmt: skip


def _tolerated_limit(gate: GateResult) -> float | None:
    """Return where a miss is no longer within the tolerance; None where gates are read strictly."""
    if gate.tolerance is None:
        return None
    return gate.limit - gate.tolerance if gate.harm == "lower" else gate.limit + gate.tolerance


def _verdicts(review: Review) -> Iterator[tuple[str, object]]:
    yield "recommendation", review.recommendation
    for gate in review.gates:
        yield f"{gate.id} (plan)", gate.plan.verdict
        yield f"{gate.id} (evidence)", gate.evidence.verdict
        yield f"{gate.id} (within tolerance)", gate.tolerated is not None
    for check in review.checks:
        yield f"{check.id} (check)", check.holds
    for part in review.segments:
        yield f"{part.by} {part.value} (loss)", part.loss


def _numbers(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of plain data with its path; a list's items by id, if they have one."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _numbers(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(cast("list[object]", value)):
            yield from _numbers(inner, f"{path}.{_name(inner, number)}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def _name(item: object, number: int) -> object:
    return cast("dict[str, object]", item).get("id", number) if isinstance(item, dict) else number


def _near(old: float | None, new: float | None, tolerance: float) -> bool:
    return old is not None and new is not None and isclose(old, new, rel_tol=tolerance)


def _inequalities(old: Pins, new: Pins, names: tuple[str, ...]) -> Iterator[Phrase]:
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if name == "inputs":
            yield from _files(old, new)
        elif before != after:
            yield phrase("{name} was {before}, is {after}", name=name, before=_short(before),
                         after=_short(after))  # fmt: skip


def _files(old: Pins, new: Pins) -> Iterator[Phrase]:
    was, now = ({file.name: file.digest for file in pins.inputs} for pins in (old, new))
    for name in was | now:
        if was.get(name) != now.get(name):
            yield phrase(
                "{name} is not the file of the review: it was changed, removed or added behind the "
                "record's back", name=name,
            )  # fmt: skip


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) >= _DIGEST else text
