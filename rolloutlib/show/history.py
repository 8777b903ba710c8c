"""reports/index.html: every sealed report below a folder, newest first, and its gates over time.

A report that is not as sealed is listed as such and never with a verdict.
"""

from __future__ import annotations

import os
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from rolloutlib.errors import FileError, UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.durable import Files, overwrite, sweep
from rolloutlib.phrase import phrase
from rolloutlib.show.owned import only_writer
from rolloutlib.show.pages import Section, add_prose, drawn, page, sanitised
from rolloutlib.show.past import INDEX, REVIEWED, WATCHED
from rolloutlib.show.past_rows import head_of, lines_of, row_of, said_of, verdict_of, wrong_of
from rolloutlib.show.past_store import CACHE, Drawn, Known, form_now, gather, known_at, newest_first
from rolloutlib.show.pinned import decisions
from rolloutlib.show.report import recommendation_word
from rolloutlib.show.tables import bullets, render, sheet
from rolloutlib.text import LABEL, plain
from rolloutlib.words.roles import arm_word
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rolloutlib.show.past import Past
    from rolloutlib.show.pinned import Decision

__all__ = [
    "INDEX", "Around", "Gathered", "Index", "gathered_at", "history_lines", "index_page",
    "write_index",
]  # fmt: skip

MADE: Final = b'<div class="rl-made-by-rollout-history" hidden>'  # tells our page from others'
ROWS: Final = 2_000  # of the table
CHARTS: Final = 4  # series that are drawn: the newest ones
FEWEST: Final = 2  # reviews from which something is seen over time
OPENING: Final = say(
    "# Reviews over time\n\nWhat each review and watch recommended; people decide. Reports that "
    "are not as they were sealed stand below, without a verdict."
)
NEWEST: Final = say("## The newest\n\nThe first line is the newest review.")
GATES: Final = say(
    "## Every gate over time\n\nA column is a review, the oldest data left. Look for a shaded "
    "column, and for bars beyond the dashed line: that week something was proven broken."
)
REPORTS: Final = say(
    "## All reports\n\nThe newest first. Signatures are as the ledger's files claim; `rollout "
    "verify` says whether they hold."
)
UNSEALED: Final = say(
    "## Reports that are not as sealed\n\nA part is missing, was changed, or is of another review. "
    "Nothing that they say is shown; review again, or restore them."
)
CAPTION: Final = say(
    "{control} → {treatment}: a bar is what the data leave possible, the dashed line the stage's "
    "limit at that review. Circles pass, crosses fail, diamonds are open; a shaded column is a "
    "review that says NO\u2011GO or INVALID."
)


class Gathered(NamedTuple):
    """What the index shows.

    Attributes:
        pasts: reports that are as sealed, newest first.
        wrong: those that are not, by name.
        decisions: of the workbook's ledger, oldest first.
        root: of the workbook; None where the reports are of none.
    """

    pasts: tuple[Past, ...]
    wrong: tuple[Past, ...]
    decisions: tuple[Decision, ...]
    root: Path | None


class Index(NamedTuple):
    """An index that was written, and what it shows."""

    path: Path
    gathered: Gathered


class Around(NamedTuple):
    """Where an index will be, and what else it leads to.

    Attributes:
        here: the folder that it will be in.
        below: where the reports are, from there, with a slash at its end.
        card: address of a decision's card, from there; None for that in the workbook.
        more: a section that comes before the reports: its prose, and what it shows.
    """

    here: Path
    below: str = ""
    card: Callable[[Decision], str] | None = None
    more: tuple[str, Markup] | None = None


def write_index(
    place: Path, lang: str = "en", *, root: Path | None = None, anew: bool = False
) -> Index:
    """Write the index of a folder of reports, in whole or not at all.

    Whoever comes at the same time waits, and writes nothing where nothing has changed.

    Args:
        place: the folder of reports.
        lang: language of the page.
        root: of the workbook whose ledger tells what was decided; None for none.
        anew: whether to read every report again, whatever is known of it.

    Raises:
        UsageError: it is no folder, or its index.html was made by somebody else.
        RolloutError: it cannot be written.
    """
    place = place.resolve()
    if not place.is_dir():
        why = phrase("{place} is no folder of reports; name one, such as reports", place=place)
        raise UsageError(why)
    index = place / INDEX
    with only_writer(index, place / ".rollout-lock-history", lambda _: None):
        sweep(place)
        cache = Known() if anew else known_at(place)
        gathered = gathered_at(place, cache, root)
        state = _state(gathered, lang)
        written = _ours(index)
        if written and cache.index == (state, sha256(written).hexdigest()):
            return Index(index, gathered)
        html = index_page(gathered, lang, cache, Around(place)).encode()
        overwrite(Files(), index, html)
        cache.form, cache.index = form_now(), (state, sha256(html).hexdigest())
        overwrite(Files(), place / CACHE, msgspec.json.encode(cache))
    return Index(index, gathered)


def gathered_at(place: Path, cache: Known, root: Path | None) -> Gathered:
    """Return what the index of a folder shows.

    Args:
        place: the folder of reports.
        cache: what need not be read again; it is brought up to date.
        root: of the workbook whose ledger tells what was decided.
    """
    pasts = gather(place, cache)
    sealed = newest_first(past for past in pasts if not past.wrong)
    wrong = tuple(past for past in pasts if past.wrong)
    return Gathered(sealed, wrong, decisions(root) if root else (), root)


def index_page(gathered: Gathered, lang: str, cache: Known, around: Around) -> str:
    """Return the index.

    Args:
        gathered: what it shows.
        lang: its language.
        cache: holds pictures that need not be drawn again; it is brought up to date.
        around: where it will be.
    """
    with speaking(lang):
        top = render("history_top.html.j2", style=sheet("history.css"))
        sections = [Section("top", "", [Markup(top)])]  # noqa: S704 -- of a template, escaped there
        add_prose(sections, str(OPENING))
        add_prose(sections, str(NEWEST))
        sections[-1].parts.append(sanitised(bullets(_news(gathered), _nothing()).html))
        if figures := list(_figures(gathered.pasts, lang, cache)):
            add_prose(sections, str(GATES))
            sections[-1].parts.extend(drawn(parts) for parts in figures)
        if around.more is not None:
            add_prose(sections, around.more[0])
            sections[-1].parts.append(around.more[1])
        if gathered.pasts:
            add_prose(sections, str(REPORTS))
            sections[-1].parts.append(_table(gathered, around))
        if gathered.wrong:
            add_prose(sections, str(UNSEALED))
            sections[-1].parts.append(sanitised(wrong_of(gathered.wrong).html))
        title = str(say("Reviews over time"))
        return page(sections, title=title, lang=lang, review="")


def _news(gathered: Gathered) -> list[Sentence]:
    """Say what the newest review and watch are, how many there are, and how many not as sealed."""
    lines: list[Sentence] = []
    reviews, watches = (
        [past for past in gathered.pasts if past.kind == kind] for kind in (REVIEWED, WATCHED)
    )
    if reviews:
        lines += [say("Newest review: {what}", what=_headline(reviews[0])), _counts(reviews)]
    if watches:
        lines.append(say("Newest watch: {what}", what=_headline(watches[0])))
    if gathered.wrong:
        count = len(gathered.wrong)
        lines.append(say("Not as sealed, so without a verdict: {n} (below).", n=f"{count:,}"))
    return lines


def _headline(past: Past) -> Sentence:
    day = f"{past.until:%Y-%m-%d}" if past.until else "–"
    return say("{verdict} · stage {stage} · data until {day} · {report}", stage=said_of(past),
               verdict=verdict_of(past), day=day, report=plain(past.where, LABEL))  # fmt: skip


def _counts(reviews: Sequence[Past]) -> Sentence:
    counts = Counter(past.word for past in reviews)
    parts = [f"{counts[word.value]:,} {recommendation_word(word)}"
             for word in Recommendation if counts[word.value]]  # fmt: skip
    return say("{n} reviews: {parts}.", n=f"{len(reviews):,}", parts=", ".join(parts))


def _nothing() -> Sentence:
    return say("No report yet: `rollout review STAGE` makes one.")


def _table(gathered: Gathered, around: Around) -> Markup:
    def to_card(decision: Decision) -> str:
        if not decision.card or gathered.root is None:
            return ""
        return quote(os.path.relpath(gathered.root / decision.card, around.here))

    by_review: dict[str, list[Decision]] = {}
    for decision in gathered.decisions:
        for digest in decision.reviews:
            by_review.setdefault(digest, []).append(decision)
    shown = gathered.pasts[:ROWS]
    card = around.card or to_card
    rows = [row_of(past, by_review.get(past.sha256, []), card, around.below) for past in shown]
    rest = len(gathered.pasts) - len(shown)
    left_out = str(say("{n} older reports are not listed.", n=f"{rest:,}")) if rest else ""
    return Markup(render("history.html.j2", head=head_of(), rows=rows, left_out=left_out))  # noqa: S704


def _figures(pasts: Sequence[Past], lang: str, cache: Known) -> Iterator[dict[str, str]]:
    """Yield a picture for each pair of arms that was reviewed twice, the newest pair first."""
    series: dict[tuple[str, str], list[Past]] = {}
    for past in pasts:
        if past.kind == REVIEWED:
            series.setdefault((past.control, past.treatment), []).append(past)
    if often := [pasts for pasts in series.values() if len(pasts) >= FEWEST]:
        from rolloutlib.show.gates_over_time import MOST, drawable, in_order

        ordered = [in_order(pasts)[-MOST:] for pasts in often]
        shown = [pasts for pasts in ordered if drawable(pasts)][:CHARTS]
        cache.pictures = tuple(_picture(pasts, lang, cache) for pasts in shown)
        yield from (picture.parts for picture in cache.pictures)


def _picture(ordered: Sequence[Past], lang: str, cache: Known) -> Drawn:
    """Return a series' picture, drawn again only where it would be another one."""
    from rolloutlib.show.gates_over_time import encoded

    key = sha256(encoded(ordered, lang)).hexdigest()
    same = next((picture for picture in cache.pictures if picture.key == key), None)
    if same is not None:
        return same
    from rolloutlib.show.figure import FIGURE_MIME
    from rolloutlib.show.gates_over_time import over_time

    newest = ordered[-1]
    arms = {"control": arm_word(newest.control), "treatment": arm_word(newest.treatment)}
    caption = Sentence(CAPTION.template, tuple(arms.items()))
    return Drawn(key, over_time(ordered, caption, lang).bundle()[FIGURE_MIME])


def _state(gathered: Gathered, lang: str) -> str:
    """Return what tells whether an index would be the same."""
    shown = [lang, gathered.pasts, gathered.wrong, gathered.decisions]
    return sha256(msgspec.json.encode(shown)).hexdigest()


def _ours(index: Path) -> bytes:
    """Return the index that is there; nothing where there is none.

    Raises:
        UsageError: somebody else made it.
    """
    try:
        index_bytes = bounded_bytes(index, links=False)
    except FileError as error:
        if error.missing:
            return b""
        why = phrase("{error} Move it away, so that the index can be written there.", error=error)
        raise UsageError(why) from None
    if MADE not in index_bytes:
        raise UsageError(phrase(
            "{index} was not made by `rollout history`, so it is left as it is; move it away, and "
            "run it again", index=index,
        ))  # fmt: skip
    return index_bytes


def history_lines(gathered: Gathered) -> list[str]:
    """Return the table for a terminal, in the language that is spoken."""
    if not (gathered.pasts or gathered.wrong):
        return [str(_nothing())]
    last = {digest: decision for decision in gathered.decisions for digest in decision.reviews}

    def decided(past: Past) -> str:
        decision = last.get(past.sha256)
        return "" if decision is None else f"{decision.verdict} {decision.id}"

    return lines_of((*gathered.pasts, *gathered.wrong), decided)
