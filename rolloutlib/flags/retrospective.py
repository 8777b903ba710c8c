"""Looking back on a rollout: what was decided, how good the forecasts were, what was false alarm.

Everything is read from what is there: the ledger, the reviews that it pins, the watches' records,
the logs of incidents and knobs. What is not known is said, never filled in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.files import bounded_bytes, file_sha256
from rolloutlib.flags.lookback import Forecast, Heard, LookBack, Stay, Step
from rolloutlib.flags.state import FLAGS, read_strictly
from rolloutlib.forecast.assurance import assurance
from rolloutlib.judge.incidents import LOG, read_incidents
from rolloutlib.judge.record import Recommendation
from rolloutlib.judge.record import decode as decode_review
from rolloutlib.ledger.chain import undone_by
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.documents import moment
from rolloutlib.ledger.knobs import read_log as read_knobs
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.phrase import Clause, phrase
from rolloutlib.watch.record import Outcome
from rolloutlib.watch.record import decode as decode_watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rolloutlib.judge.incidents import Incident
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.knobs import KnobLine
    from rolloutlib.watch.record import Watch

__all__ = ["brier", "look_back", "moment_of"]

_ANSWERED: Final = timedelta(days=2)  # so long after its last day an alarm may be acted on
_DAY_S: Final = 86_400.0


def look_back(root: Path, *, now: datetime, watches: str = "reports/daily") -> LookBack:
    """Look back on the rollout of a workbook.

    Args:
        root: the workbook's root.
        now: the clock's reading; what is later is left out.
        watches: the folder of the days' watches, each in a folder of its own.

    Raises:
        LedgerError, PlanError: the ledger, the roles or the plan cannot be read.
    """
    book, unread = Workbook(root), list[Clause]()
    ledger = book.read()
    unread += [phrase("{where}: {why}", where=s.where, why=s.phrase) for s in ledger.strays]
    nodes = [node for node in ledger.nodes if _at(node) <= now]
    decisions = [node for node in nodes if node.predicate.kind != "keys"]
    steps = _steps(decisions, _in_force(root))
    forecasts = tuple(_forecasts(book, ledger, decisions))
    pairs = [(forecast.chance, forecast.came) for forecast in forecasts
             if forecast.chance is not None and forecast.came is not None]  # fmt: skip
    daily = [*_watches(root / watches, now, unread)]
    return LookBack(
        now=now, steps=steps, forecasts=forecasts, score=brier(pairs), scored=len(pairs),
        stays=_stays(decisions, steps, now), heard=_heard(daily, decisions), watches=len(daily),
        knobs=_knobs(root, now, unread),
        deviations=tuple((n.id, why) for n in decisions for why in accepted(n.predicate)),
        waivers=tuple((n.id, waiver) for n in decisions for waiver in n.predicate.waivers),
        incidents=_incidents(root, now, unread), unread=tuple(unread),
    )  # fmt: skip


def moment_of(as_of: str | datetime | None) -> datetime:
    """Return the moment to look back from: the one named, else now.

    Raises:
        UsageError: it is no moment with an offset.
    """
    if as_of is None or as_of == "":
        return datetime.now(UTC)
    try:
        instant = as_of if isinstance(as_of, datetime) else datetime.fromisoformat(as_of)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UsageError(
            "--as-of is {as_of}; expected ISO 8601 with offset, such as 2026-11-22T09:00+09:00",
            as_of=repr(as_of),
        )  # fmt: skip
    return instant


def brier(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Return the mean squared difference of chances and what came; None without any.

    >>> brier([(0.8, True), (0.4, False)]), brier([])
    (0.1, None)
    """
    if not pairs:
        return None
    return round(sum((chance - came) ** 2 for chance, came in pairs) / len(pairs), 12)


def _at(node: Node) -> datetime:
    return moment(node.predicate.prepared.at, node.id)


# --- decisions and stages -------------------------------------------------------------------------


def _steps(nodes: Sequence[Node], in_force: str) -> tuple[Step, ...]:
    undone = undone_by(nodes)
    steps: list[Step] = []
    led_to = {node.digest: node.predicate.stage.to for node in nodes if node.predicate.stage}
    for place, node in enumerate(nodes):
        p, back = node.predicate, undone.get(node.digest)
        stage, entered = _stage(node), None
        if stage is None and p.rollback and p.rollback.rolls_back:  # of before flags were told
            stage = led_to.get(p.rollback.rolls_back.sha256)
        later = nodes[place + 1 :]
        if p.verdict == "GO" and p.stage and (back or _promoted(node, p.stage.to, later, in_force)):
            entered = p.stage.to
        steps.append(Step(node.id, _at(node), p.verdict, stage, entered, back.id if back else None))
    return tuple(steps)


def _stage(node: Node) -> int | None:
    p = node.predicate
    if p.stage is not None:
        return p.stage.from_
    way = p.rollback
    return way.after.stage if way and way.after else None


def _promoted(node: Node, stage: int, later: Sequence[Node], in_force: str) -> bool:
    """Whether a GO was put in force: the flags name it, or somebody decided on its stage later."""
    return node.id == in_force or any(_stage(other) == stage for other in later)


def _in_force(root: Path) -> str:
    """Return the decision that the flags in force name; nothing where they cannot be read."""
    try:
        return read_strictly(root / FLAGS).state.decision
    except RolloutError:
        return ""


def _stays(nodes: Sequence[Node], steps: Sequence[Step], now: datetime) -> tuple[Stay, ...]:
    """Return the time at each stage, from the GO that entered it to the GO that left it."""
    entries = [step for step in steps if step.entered is not None]
    if not steps or steps[0].stage is None:
        return ()
    stays: list[Stay] = []
    stage, since = steps[0].stage, _first_run(nodes, steps[0].stage)
    for entry in entries:
        stays.append(_stay(stage, since, entry.at, steps, now))
        stage, since = entry.entered or 0, entry.at
    stays.append(_stay(stage, since, None, steps, now))
    return tuple(stays)


def _stay(
    stage: int, since: datetime | None, left: datetime | None, steps: Iterable[Step], now: datetime
) -> Stay:
    end = left or now
    days = None if since is None else (end - since).total_seconds() / _DAY_S
    start = since or datetime.min.replace(tzinfo=UTC)
    pulled = [s.at for s in steps if s.verdict == "ROLLBACK" and start <= s.at < end]
    blocked = (end - pulled[0]).total_seconds() / _DAY_S if pulled else 0.0
    return Stay(stage, since, left, days, blocked)


def _first_run(nodes: Iterable[Node], stage: int) -> datetime | None:
    """Return when the first run of a stage began, by the records that measured it."""
    arms = [
        arm
        for node in nodes
        if node.predicate.stage and node.predicate.stage.from_ == stage
        for arm in node.predicate.measured or ()
    ]
    return min((datetime.fromisoformat(arm.first) for arm in arms if arm.first), default=None)


# --- forecasts ------------------------------------------------------------------------------------


def _forecasts(book: Workbook, ledger: Ledger, nodes: Sequence[Node]) -> Iterator[Forecast]:
    """Yield the chance that each HOLD's report named: the same draws give the same number."""
    for place, node in enumerate(nodes):
        p = node.predicate
        if p.recommendation != "HOLD" or p.stage is None:
            continue
        later = (other for other in nodes[place + 1 :] if other.predicate.recommendation)
        then = next((other for other in later if _stage(other) == p.stage.from_), None)
        came = None if then is None else then.predicate.recommendation == "GO"
        chance = _chance(book, ledger.folder / node.id / "review.json")
        yield Forecast(node.id, p.stage.from_, chance, then.id if then else None, came)


def _chance(book: Workbook, path: Path) -> float | None:
    """Return the chance of a GO by a pinned review; None under another plan, or without one."""
    try:
        review = decode_review(bounded_bytes(path), where=path.name)
        plan = file_sha256(book.root / "params" / "plan.yaml")
    except RolloutError:
        return None
    if review.plan_sha256 != plan or review.recommendation is not Recommendation.HOLD:
        return None
    outlook = assurance(review, book.plan)
    return None if outlook is None else outlook.chance["open"]


# --- watches, knobs, incidents --------------------------------------------------------------------


def _watches(folder: Path, now: datetime, unread: list[Clause]) -> Iterator[Watch]:
    """Yield the days' watches, the oldest first; the same record twice counts once."""
    by_digest: dict[str, Watch] = {}
    for path in sorted(folder.glob("*/watch.json")):
        try:
            data = bounded_bytes(path)
            by_digest[sha256(data).hexdigest()] = decode_watch(data, where=str(path))
        except RolloutError as error:
            unread.append(error.phrase)
    until_now = (watch for watch in by_digest.values() if watch.as_of <= now)
    yield from sorted(until_now, key=lambda watch: watch.as_of)


def _heard(watches: Iterable[Watch], nodes: Sequence[Node]) -> tuple[Heard, ...]:
    """Return the alarms that asked for a rollback; one that rings on is one alarm."""
    rings: dict[tuple[str, str | None, int], list[Heard]] = {}
    for watch in watches:
        for alarm in watch.alarms:
            if alarm.asks is not Outcome.ROLLBACK:
                continue
            of = rings.setdefault((alarm.code, alarm.metric, watch.stage), [])
            now = watch.as_of
            if of and now - of[-1].last <= _ANSWERED:
                of[-1] = of[-1]._replace(last=now, days=of[-1].days + 1)
            else:
                place = (alarm.code, alarm.metric, watch.stage)
                of.append(Heard(*place, now, now, 1, alarm.why, None))
    pulled = [(_at(node), node.id) for node in nodes if node.predicate.kind == "rollback"]
    every = sorted((heard for of in rings.values() for heard in of), key=lambda heard: heard.first)
    return tuple(heard._replace(answered=_answer(heard, pulled)) for heard in every)


def _answer(heard: Heard, pulled: Iterable[tuple[datetime, str]]) -> str | None:
    """Return the rollback that followed an alarm; a day's watch may be written after its day."""
    start, end = heard.first - timedelta(days=1), heard.last + _ANSWERED
    return next((name for at, name in pulled if start <= at <= end), None)


def _knobs(root: Path, now: datetime, unread: list[Clause]) -> tuple[KnobLine, ...]:
    try:
        return tuple(line for line in read_knobs(root) if line.at <= now)
    except RolloutError as error:
        unread.append(error.phrase)
        return ()


def _incidents(root: Path, now: datetime, unread: list[Clause]) -> tuple[Incident, ...]:
    try:
        return read_incidents(root / LOG, now)
    except RolloutError as error:
        unread.append(error.phrase)
        return ()
