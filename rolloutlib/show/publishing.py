"""Reports, decisions and the index as a folder for any static host, replaced as a whole.

What goes out is decided here: pages of reports that are as sealed, without rows of single answers;
cards of a ledger that holds; no keys, no records, no rows, nobody's address.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from rolloutlib.errors import FileError, RolloutError, UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.seal import REVIEW, SEAL, WATCH, lists, shown_by
from rolloutlib.phrase import phrase
from rolloutlib.show.cut_pages import for_others, in_site, without_places, without_rows
from rolloutlib.show.history import Around, Gathered, gathered_at, index_page
from rolloutlib.show.owned import only_writer, owned_folder, refuse_inner, sweep
from rolloutlib.show.past import WATCHED
from rolloutlib.show.past_store import Known
from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import speaking

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.show.past import Past
    from rolloutlib.show.pinned import Decision
    from rolloutlib.show.site_cards import Card

__all__ = ["MARK", "Published", "beside", "page_of", "publish"]

MARK: Final = ".rollout-published"  # lists what we put there: nothing else is ever removed
NEW: Final = ".rollout-site-"  # folders of runs: whoever comes next removes those of the dead
SITE_PREFIX: Final = ".rollout-kept-"  # of a site: its lock, and the older one while it is replaced
GIT: Final = ".git"
# Folders of a workbook, and of a checkout of this program, in which nobody looks for pages.
OWN_FOLDERS: Final = (
    "benchmarks", "data", "docs", "keys", "notebooks", "params", "reports", "rolloutlib", "tests",
)  # fmt: skip
REPORTS, DECISIONS, FEED, INDEX = "reports", "decisions", "feed.xml", "index.html"


class Published(NamedTuple):
    """What was put out.

    Attributes:
        folder: where it is.
        reports: how many pages of reports.
        decisions: how many cards.
        left_out: reports that are not as sealed.
    """

    folder: Path
    reports: int
    decisions: int
    left_out: tuple[str, ...]


def publish(
    root: Path,
    reports: Path,
    out: Path,
    *,
    now: datetime,
    base: str = "",
    lang: str = "en",
    whole: bool = False,
) -> Published:
    """Put the reports and decisions of a workbook into a folder.

    Args:
        root: of the workbook.
        reports: the folder of reports.
        out: the folder, new, empty, or one that this function made.
        now: the moment at which signatures are judged.
        base: address that the folder will have, for the feed.
        lang: language of the index.
        whole: whether rows of single answers, refused rows, data that were refused as a whole,
            addresses of people and places on this machine go out, too.

    Raises:
        UsageError: the folder is not ours, or lies where it would be read as something else; or
            there are no reports where they should be.
        RolloutError: the ledger does not hold, or something cannot be written.
    """
    from rolloutlib.show.site_cards import cards_of

    out = out.resolve()
    _refuse_places(root, reports, out)
    with _in_words(out), _alone(out):
        _refuse_foreign(out)
        cards = cards_of(root, now=now, whole=whole)
        gathered = gathered_at(reports, Known(), None)
        with owned_folder(out.parent, NEW, 0o777) as made, speaking(lang):
            pages = tuple(_pages(reports, made, gathered.pasts, whole=whole))
            shown = Gathered(pages, (), tuple(card.decision for card in cards), None)
            _write_site(made, shown, cards, lang=lang, base=base, whole=whole)
            _mark(made)
            _swap(made, out)
    gone = {past.where for past in (*gathered.pasts, *gathered.wrong)} - {
        past.where for past in pages
    }
    left_out = tuple(plain(where, LABEL) for where in sorted(gone))
    return Published(out, len(pages), len(cards), left_out)


def _pages(reports: Path, made: Path, pasts: Iterable[Past], *, whole: bool) -> Iterator[Past]:
    """Write the page of each report that is as sealed, and still the one that was gathered."""
    for past in pasts:
        data = page_of(past, reports / past.where)
        if data is None:
            continue
        if past.word == "INVALID" and not whole:
            continue  # why data were refused quotes them
        page = in_site(data.decode("utf-8", "replace"), past.where)
        place = made / REPORTS / past.where / past.page
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page if whole else for_others(without_rows(page)), "utf-8")
        yield past


def page_of(past: Past, folder: Path) -> bytes | None:
    """Return a report's page; None where it is not sealed, or not of the record that is told."""
    watched = past.kind == WATCHED
    record = WATCH if watched else REVIEW
    try:
        page, data, seal = (
            bounded_bytes(folder / name, links=False) for name in (past.page, record, SEAL)
        )
    except FileError:
        return None
    same = sha256(data).hexdigest() == past.sha256 and (watched or shown_by(page) == past.sha256)
    return page if same and lists(seal, record, data) and lists(seal, past.page, page) else None


def _write_site(
    made: Path, shown: Gathered, cards: tuple[Card, ...], *, lang: str, base: str, whole: bool
) -> None:
    from rolloutlib.show.site_cards import card_page, decisions_part, feed_of

    pages = {past.sha256: f"{REPORTS}/{past.where}/{past.page}" for past in shown.pasts}
    (made / DECISIONS).mkdir()
    for card in cards:
        of = next((pages[digest] for digest in card.decision.reviews if digest in pages), "")
        page = card_page(card, f"../{quote(of)}" if of else "")
        (made / DECISIONS / f"{card.decision.id}.html").write_text(page, "utf-8")

    def to_card(decision: Decision) -> str:
        return f"{DECISIONS}/{decision.id}.html"

    around = Around(made, f"{REPORTS}/", to_card, decisions_part(cards, to_card))
    html = index_page(shown, lang, Known(), around)
    (made / INDEX).write_text(html if whole else without_places(html), "utf-8")
    (made / FEED).write_bytes(feed_of(cards, to_card, lang=lang, base=base))
    (made / ".nojekyll").touch()  # GitHub Pages then serves every file as it is


# --- the folder -----------------------------------------------------------------------------------


@contextmanager
def _alone(out: Path) -> Generator[None]:
    """Be the only one who publishes there; finish what a killed run began."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(out, beside(out, "lock"), lambda _: None):
        if not out.exists() and (old := beside(out, "old")).is_dir():
            old.rename(out)
        sweep(out.parent, NEW)
        yield


def beside(out: Path, what: str) -> Path:
    """Return where a site's lock is, or the older site while it is replaced (`old`)."""
    return out.parent / f"{SITE_PREFIX}{what}-{sha256(os.fsencode(out.name)).hexdigest()[:12]}"


@contextmanager
def _in_words(out: Path) -> Generator[None]:
    """Say what the system refuses in a sentence."""
    try:
        yield
    except OSError as error:
        raise RolloutError(phrase(
            "{out} could not be written: {error}. What was there is as it was; make room or repair "
            "it, or name another folder", out=out, error=error,
        )) from None  # fmt: skip


def _refuse_places(root: Path, reports: Path, out: Path) -> None:
    """Refuse a folder in which the pages would be taken for reports, records or sources.

    So is a folder of reports that is not there; a workbook may have none yet.
    """
    home = root.resolve()
    inner = (reports.resolve(), *(home / name for name in OWN_FOLDERS))
    inside = any(out.is_relative_to(place) for place in inner) or GIT in out.parts
    if inside or home.is_relative_to(out):
        raise UsageError(phrase(
            "{out} is no place for pages: they would lie among the workbook's own files; name a "
            "folder beside them, such as {site}", out=out, site=root / "site",
        ))  # fmt: skip
    refuse_inner(out, "OUT", ".")
    if not reports.is_dir() and reports != root / "reports":
        raise UsageError(
            phrase("{place} is no folder of reports; name one, such as reports", place=reports)
        )


def _refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds anything which we did not put there."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise UsageError(phrase("{out} is no folder; name one that is new", out=out))
    listed = _listed(out)
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if not (path.is_dir() and not path.is_symlink()) and name not in listed:
            raise UsageError(phrase(
                "{out} holds {name}, which `rollout publish` did not put there; name a folder that "
                "is new or empty, and copy from there what you serve", out=out, name=name,
            ))  # fmt: skip


def _listed(out: Path) -> set[str]:
    try:
        lines = bounded_bytes(out / MARK, links=False).decode("utf-8").split("\n")
        return {MARK, *(json.loads(line) if line.startswith('"') else line for line in lines)}
    except (FileError, ValueError):
        return set()


def _mark(made: Path) -> None:
    """List what is there, so that the next time nothing else is removed."""
    names = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    lines = [name if name.isprintable() and name[0] != '"' else json.dumps(name) for name in names]
    (made / MARK).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _swap(made: Path, out: Path) -> None:
    """Put the new folder where the older one is; a run that is killed between leaves the older."""
    old = beside(out, "old")
    if out.is_dir():
        made.chmod(out.stat().st_mode & 0o7777)  # a private folder stays private
    if out.is_dir() and any(out.iterdir()):
        shutil.rmtree(old, ignore_errors=True)  # of a run that was killed after it had replaced it
        out.rename(old)
    try:
        made.rename(out)
    except OSError:
        if old.is_dir():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
