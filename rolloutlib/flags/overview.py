"""docs/SYSTEM_OVERVIEW.md: where the rollout stands, and its newest decisions, runs and notes.

Ours stands between two marks; what people write around them keeps its bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rolloutlib.errors import FileError, RolloutError
from rolloutlib.files import bounded_bytes
from rolloutlib.flags.notices import NOTES
from rolloutlib.flags.state import FLAGS, read_strictly
from rolloutlib.ledger.beside import FOLDERS, LEDGER, read_beside
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.documents import MAX_BYTES, decode
from rolloutlib.ledger.durable import Files, locked, overwrite, sweep
from rolloutlib.ledger.findings import said_by
from rolloutlib.ledger.marked import with_block
from rolloutlib.ledger.records import RECORD_ID, Record
from rolloutlib.ledger.run_log import KST, META, RUN_LOGS, write_run_log
from rolloutlib.text import link, markdown
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.ledger.run_log import Ran
    from rolloutlib.plan.model import Plan
    from rolloutlib.reason import Reason

__all__ = ["OVERVIEW", "card_of", "log_run", "refresh_overview", "system_overview"]

OVERVIEW: Final = "docs/SYSTEM_OVERVIEW.md"
_QUICK_LINKS: Final = 3
_META_FIELDS: Final = ("featureFlags", "strategyHash")
_WAIT_S: Final = 5.0
_DAY: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_TIME: Final = re.compile(rb"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z)?")
_EPOCH: Final = re.compile(r"_run-(\d{13})\.md\Z")


def log_run(root: Path, ran: Ran, lang: str) -> list[Sentence]:
    """Write the run log of a review or watch, and bring the overview up to date.

    Returns:
        What could not be done; it never raises, since what the log is about stands.
    """
    problems: list[Sentence] = []
    try:
        write_run_log(root, ran)
    except (OSError, RolloutError) as error:
        problems.append(
            say("{what}: {why}", what=say("The run log is not written"), why=said_by(error))
        )
    if (why := refresh_overview(root, lang)) is not None:
        problems.append(why)
    return problems


def refresh_overview(root: Path, lang: str) -> Sentence | None:
    """Bring the overview up to date; return why it could not be, None where it is.

    It never raises: what it is called after stands, whatever becomes of the page.
    """
    try:
        state, plan = _state(root), _plan(root)
        system_overview(root, plan, state, lang=lang)
    except (OSError, RolloutError) as error:
        return say("{what}: {why}", what=say("The overview is not up to date"), why=said_by(error))
    return None


def _state(root: Path) -> FlagState | None:
    try:
        return read_strictly(root / FLAGS).state
    except (OSError, RolloutError):
        return None


def _plan(root: Path) -> Plan | None:
    from rolloutlib.plan.model import load_plan

    try:
        return load_plan(root / "params" / "plan.yaml")
    except RolloutError:
        return None


def system_overview(root: Path, plan: Plan | None, state: FlagState | None, *, lang: str) -> Path:
    """Bring docs/SYSTEM_OVERVIEW.md up to date between its marks; without them, at its end.

    Args:
        root: the workbook's root.
        plan: None where it cannot be read.
        state: the flags in force; None where they cannot be read.
        lang: language of our lines.

    Raises:
        DamagedMarksError: nobody can tell what of the page is ours; it is as it was.
        OSError, RolloutError: it could not be read or written.
    """
    path = root / OVERVIEW
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent, _WAIT_S), speaking(lang):
        sweep(path.parent)
        page = path.read_bytes() if path.is_file() else f"# {say('System overview')}\n".encode()
        ours = "\n".join(map(str, _overview(root, plan, state)))
        overwrite(Files(), path, with_block(page, ours.encode(), OVERVIEW))
    return path


def _overview(root: Path, plan: Plan | None, state: FlagState | None) -> Iterator[Sentence | str]:
    if state is None:
        yield _bullet(say("Flags: none that can be read; `rollout flags check` says why"))
    else:
        yield from _standing(root, plan, state)
    yield from ("", say("## Quick Links"), "")
    most = plan.documents.quick_links if plan else _QUICK_LINKS
    for title, links in (
        (say("Decisions"), _decisions(root, most)),
        (say("Runs"), _dated(root, RUN_LOGS, ("*.md", "*.jsonl"), most, _moment)),
        (say("Notes"), _dated(root, NOTES, ("*.md",), most, partial(_place, root))),
        (say("Data set"), _data_set(root, plan)),
    ):
        yield _bullet(say("{title}: {links}", title=title, links=", ".join(links) or "–"))


def _standing(root: Path, plan: Plan | None, state: FlagState) -> Iterator[Sentence]:
    number = say("Stage {number}", number=state.stage)
    if plan:
        name = say(plan.stages[state.stage].name)
        number = say("Stage {number}: {name}", number=state.stage, name=name)
    yield _bullet(number)
    yield _bullet(say("Decision: {decision}", decision=markdown(state.decision) or "–"))
    card = card_of(root, state.decision)
    if state.decision and card is None:
        yield _bullet(say("This decision has no record; `rollout verify` says what to do"))
    elif card and not card.startswith(LEDGER):
        yield _bullet(say("Recorded beside the ledger: {card}", card=link(card, f"../{card}")))
    for why in _accepted(root, state.decision):
        yield _bullet(say("Accepted with it: {why}", why=markdown(sentence(why))))
    about = {"generation": state.generation, "profile": markdown(state.profile)}
    yield _bullet(say("Flags: generation {generation}, profile {profile}", **about))
    if state.off:
        off = ", ".join(plan.features[key].flag if plan else key for key in state.off)
        yield _bullet(say("Turned off by a rollback: {flags}; blocked until a new GO", flags=off))


def _bullet(sentence: Sentence) -> Sentence:
    return say("- {text}", text=sentence)


def card_of(root: Path, decision: str) -> str | None:
    """Return where the card of a decision is, by its path in the workbook; None without one."""
    if not RECORD_ID.fullmatch(decision):
        return None
    cards = (f"{folder}/{decision}.md" for folder in (LEDGER, *FOLDERS))
    return next((card for card in cards if (root / card).is_file()), None)


def _accepted(root: Path, decision: str) -> Iterator[Reason]:
    """Yield what the signers of a decision accepted; nothing where its record cannot be read."""
    if not RECORD_ID.fullmatch(decision):
        return
    try:
        data = bounded_bytes(root / LEDGER / f"{decision}.record", MAX_BYTES)
        record = decode(data, Record)
    except RolloutError:
        return
    yield from accepted(record.predicate)


# --- decisions, in the ledger's order -------------------------------------------------------------


class _Prepared(msgspec.Struct, frozen=True):
    at: str = ""


class _Predicate(msgspec.Struct, frozen=True):
    seq: int = 0
    verdict: str = ""
    prepared: _Prepared = _Prepared()


class _Record(msgspec.Struct, frozen=True):
    """All that the list needs of a record: `verify` judges whether it holds."""

    predicate: _Predicate = _Predicate()


class _Listed(NamedTuple):
    """A decision in the order of the ledger, where time and number never go back."""

    at: str
    seq: int
    name: str
    verdict: str
    path: str


def _decisions(root: Path, most: int) -> list[str]:
    """Return links to the newest decisions, whatever their verdict; changes of keys are none."""
    listed = [*_recorded(root / LEDGER, most), *_waiting(root)]
    newest = sorted(listed, reverse=True)[:most]
    return [f"{_linked(root, decision)} {decision.verdict}".rstrip() for decision in newest]


def _linked(root: Path, decision: _Listed) -> str:
    """Return a link to a decision's card, or its name where the card is gone."""
    has_card = (root / "docs" / decision.path).is_file()
    return link(decision.name, decision.path) if has_card else markdown(decision.name)


def _recorded(folder: Path, most: int) -> Iterator[_Listed]:
    """Yield the records of the newest days: ids tell the day, and the chain's time never goes back.

    A card without a record that can be read is listed by its day.
    """
    matches = {path.stem: RECORD_ID.fullmatch(path.stem) for path in folder.glob("dec-*.[rm]*")}
    names = {name: match[1] for name, match in matches.items() if match and match[2] != "keys"}
    days = sorted(names.values(), reverse=True)
    oldest = days[:most][-1] if days else ""
    for name, day in names.items():
        if day >= oldest:
            predicate = _predicate(folder / f"{name}.record")
            at = predicate.prepared.at or f"{day[:4]}-{day[4:6]}-{day[6:]}"
            yield _Listed(at, predicate.seq, name, markdown(predicate.verdict), f"LEDGER/{name}.md")


def _predicate(path: Path) -> _Predicate:
    try:
        return msgspec.json.decode(bounded_bytes(path, MAX_BYTES), type=_Record).predicate
    except (FileError, msgspec.DecodeError, UnicodeDecodeError):
        return _Predicate()


def _waiting(root: Path) -> Iterator[_Listed]:
    """Yield the rollbacks that are recorded beside the ledger, and wait for it."""
    for file in read_beside(root):
        if file.said is not None:
            card = file.card.relative_to(root).as_posix()
            yield _Listed(file.said.at, 2**53, file.path.stem, "ROLLBACK", f"../{card}")


# --- runs, notes, the data set --------------------------------------------------------------------


def _dated(
    root: Path, folder: str, patterns: Iterable[str], most: int, within: Callable[[Path], Any]
) -> list[str]:
    """Return links to the newest files of a folder whose names begin with their day.

    `within` orders those of one day.
    """
    paths = [path for pattern in patterns for path in (root / folder).glob(pattern)]
    days = {path: "".join(match.groups()) for path in paths if (match := _DAY.match(path.name))}
    oldest = sorted(days.values(), reverse=True)[:most][-1:]
    recent = [path for path, day in days.items() if day >= "".join(oldest)]
    keys = ((days[path], within(path), path.name) for path in recent)
    newest = [name for *_, name in sorted(keys, reverse=True)][:most]
    base = folder.removeprefix("docs/")
    return [link(name, f"{base}/{name}") for name in newest]


def _place(root: Path, notes: Path) -> tuple[str, int]:
    """Return the place of the decision that notes are about, in the ledger or waiting for it."""
    decision = notes.stem.partition("_")[2]
    predicate = _predicate(root / LEDGER / f"{decision}.record")
    waiting = ((listed.at, listed.seq) for listed in _waiting(root) if listed.name == decision)
    return (predicate.prepared.at, predicate.seq) if predicate.seq else next(waiting, ("", 0))


def _moment(path: Path) -> datetime:
    """Return the first moment that a file tells; by hand without an offset, it is Korea's."""
    if epoch := _EPOCH.search(path.name):
        return datetime.fromtimestamp(int(epoch[1]) / 1000, UTC)
    try:
        match = _TIME.search(bounded_bytes(path, MAX_BYTES))
        if match:
            text = f"{match[1].decode()}T{match[2].decode()}"
            return datetime.fromisoformat(text).replace(tzinfo=UTC if match[3] else KST)
    except (FileError, ValueError):
        pass
    return datetime.min.replace(tzinfo=UTC)


def _data_set(root: Path, plan: Plan | None) -> list[str]:
    """Return links to dataset_meta.json, with what the plan wants of it, and to the outputs."""
    links: list[str] = []
    if (root / META).is_file():
        required_fields = plan.documents.dataset_meta if plan else _META_FIELDS
        lacks = [name for name in required_fields if name not in _fields(root / META)]
        note = f" ({say('lacks {names}', names=', '.join(map(markdown, lacks)))})" if lacks else ""
        links.append(link(META, f"../{META}") + note)
    folder = META.partition("/")[0]
    if (root / folder).is_dir():
        links.append(link(f"{folder}/", f"../{folder}/"))
    return links


def _fields(path: Path) -> set[str]:
    try:
        return {*msgspec.json.decode(bounded_bytes(path, MAX_BYTES), type=dict[str, object])}
    except (FileError, msgspec.DecodeError, UnicodeDecodeError):
        return set()
