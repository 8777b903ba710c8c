"""The report of two files: a page and review.json in a folder, there in whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from rolloutlib.judge.pair_record import encode_pair
from rolloutlib.ledger.seal import PAGE, REVIEW
from rolloutlib.runs import write_quarantine
from rolloutlib.show import compared, report
from rolloutlib.show.bundle import new_report
from rolloutlib.show.pages import Section, add_prose, page, sanitised
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import speaking, translate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.judge.offline import Pair
    from rolloutlib.judge.pair_record import PairReview
    from rolloutlib.show.tables import Html

__all__ = ["page_of", "write_comparison"]


def write_comparison(pair: Pair, out: Path, lang: str, *, fresh: bool) -> Path:
    """Write review.html, review.json and what was refused; return where the page is.

    Args:
        pair: what was found.
        out: the folder, new or with an older report.
        lang: language of the page.
        fresh: whether the folder must be a new one; a name that is taken gets a number.

    Raises:
        UsageError, RolloutError: it cannot be written; the folder is as it was.
    """
    with new_report(out, fresh=fresh) as written:
        record = encode_pair(worded(pair.review))
        (written.folder / REVIEW).write_bytes(record)
        shown = page_of(pair.review, lang, sha256(record).hexdigest())
        (written.folder / PAGE).write_text(shown, encoding="utf-8")
        write_quarantine(pair.refused, pair.review.inputs, written.folder)
        return written.publish() / PAGE


def page_of(review: PairReview, lang: str, digest: str) -> str:
    """Return the page: the answer first, then what it rests on.

    `digest`: sha256 of the review.json that it shows.
    """
    top = compared.answer(review, lang)
    sections = [Section("top", "", [])]
    with speaking(lang):
        add_prose(sections, translate(
            "# Two files compared\n\nIs the treatment as good as the control? The numbers "
            "recommend and say why; people decide."
        ))  # fmt: skip
        sections[-1].parts.append(sanitised(top.html))
        for prose, piece in _pieces(review, lang):
            add_prose(sections, prose)
            sections[-1].parts.append(sanitised(piece.html))
    return page(sections, title=top.title, lang=lang, review=digest)


def _pieces(review: PairReview, lang: str) -> Iterator[tuple[str, Html]]:
    """Yield what stands below the answer: prose, and what it is about."""
    if review.gates:
        yield (
            translate(
                "## Every gate\n\nA gate passes if its one-sided bound clears the limit: the data prove "
                "it, whatever chance did."
            ),
            compared.gates(review, lang),
        )
    yield (
        translate(
            "## What nobody knows\n\nWhat the files do not tell is not judged; what only one of them "
            "tells keeps a gate open."
        ),
        compared.unknown(review, lang),
    )
    if review.changes:
        yield (
            translate(
                "## What would change the answer\n\nThe list says what to do next, gate by gate."
            ),
            report.changes(review, lang),
        )
    if review.segments:
        yield (
            translate(
                "## Segments of the files\n\nLook for a segment that loses while the whole gains; p is "
                "corrected for the number of segments."
            ),
            report.segments_table(review, lang),
        )
    if review.issues:
        yield (
            translate(
                "## Issues\n\nHow often each issue is in either file; p is corrected for their number."
            ),
            report.issues_table(review, lang),
        )
    if review.gates:
        yield (
            translate(
                "## What the numbers rest on\n\nLook whether the arms are of a size, and how they are "
                "compared."
            ),
            report.sample_sizes(review, lang),
        )
        yield (
            translate(
                "## What is missing\n\nLook for a metric that one arm lacks more than the other: a "
                "gate passes only if it would also pass with every missing value at its worst."
            ),
            report.completeness(review, lang),
        )
    yield (
        translate(
            "## What the columns were taken for\n\nNothing is guessed silently: correct a wrong line in "
            "a source.yaml (rollout source) and compare again with --source."
        ),
        compared.what_for(review, lang),
    )
    if review.quarantine:
        yield (
            translate(
                "## Quarantine\n\nRows that could not be read as evidence are counted here with an "
                "example each; none of them is in the numbers."
            ),
            report.quarantine(review, lang),
        )
    if review.inputs:
        yield (
            translate(
                "## Inputs and digests\n\nWho holds files with these digests reviews the same data: "
                "read = kept + quarantined."
            ),
            report.inputs(review, lang),
        )
