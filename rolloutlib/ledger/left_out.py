"""Which decided stages of the same candidate a review leaves out: evidence is not to be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from rolloutlib.judge.record import Review
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.records import Predicate
    from rolloutlib.reason import Reason

__all__ = ["left_out_of_record", "left_out_of_review"]


class _Ran(Protocol):
    """What an arm ran with, as a review and a record tell it."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """Strategy hashes."""
        ...

    @property
    def flags(self) -> dict[str, bool | str] | None:
        """Flags by short key."""
        ...


def left_out_of_review(review: Review, ledger: Ledger) -> tuple[Reason, ...]:
    """Return what a review leaves out of what was decided until now."""
    carried = {part.stage: part.runs for part in review.carried if part.why is None}
    records = (node.predicate for node in ledger.nodes)
    return tuple(_left_out(review.stage, review.arms, carried, records))


def left_out_of_record(node: Node, ledger: Ledger) -> tuple[Reason, ...]:
    """Return what a decision leaves out of what was decided before it."""
    p = node.predicate
    if p.stage is None or not isinstance(p.measured, tuple):
        return ()
    parts = p.carried if isinstance(p.carried, tuple) else ()
    before = (other.predicate for other in ledger.nodes if node.before >> other.index & 1)
    carried = {part.stage: part.runs for part in parts}
    return tuple(_left_out(p.stage.from_, p.measured, carried, before))


def _left_out(
    stage: int, arms: Sequence[_Ran], carried: Mapping[int, Collection[str]],
    records: Iterable[Predicate],
) -> Iterator[Reason]:  # fmt: skip
    """Yield each earlier stage that was decided for this candidate and does not count, or not all.

    Of several decisions of a stage the newest counts, whatever it says: a HOLD's samples are
    evidence too.
    """
    newest: dict[int, Predicate] = {}
    for p in records:
        if p.stage is not None and p.stage.from_ < stage and _is_same(arms, p):
            newest[p.stage.from_] = p
    for earlier, p in sorted(newest.items(), reverse=True):
        decided = {*p.window.runs} if p.window else set[str]()
        if earlier not in carried:
            yield because("carry.left_out", stage=earlier, decision=p.id)
        elif {*carried[earlier]} != decided:
            yield because("carry.other_runs", stage=earlier, decision=p.id)


def _is_same(arms: Sequence[_Ran], p: Predicate) -> bool:
    """Whether a decision was about the same candidate and control, by flags and strategies."""
    measured = p.measured if isinstance(p.measured, tuple) else ()
    if len(measured) != len(arms):
        return False
    return all(
        bool(arm.strategies) and (arm.strategies, arm.flags) == (other.strategies, other.flags)
        for arm, other in zip(measured, arms, strict=True)
    )
