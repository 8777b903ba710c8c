"""The report of two files: a page and review.json in a folder, there in whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import PlanError
from rolloutlib.judge.record import encode
from rolloutlib.ledger.seal import PAGE, REVIEW, SEAL, parts_in, seal_of
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.runs import write_quarantine
from rolloutlib.show import compared, report
from rolloutlib.show.bundle import new_report
from rolloutlib.show.charts import forest
from rolloutlib.show.figure import FIGURE_MIME
from rolloutlib.show.labels import judge_errors
from rolloutlib.show.pages import Section, add_prose, drawn, page, sanitised
from rolloutlib.show.past_store import index_from
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.judge.offline import Pair
    from rolloutlib.judge.pair_record import PairReview
    from rolloutlib.show.tables import Html
    from rolloutlib.words.sentences import Sentence, Spoken

__all__ = ["page_of", "write_comparison"]

OPENING: Final = say(
    "# Two files compared\n\nIs the treatment as good as the control? The numbers recommend and "
    "say why; people decide."
)
ANSWER: Final = say(
    "## The answer\n\nThe first reason weighs most. GO needs a proof of every gate that applies."
)
GATES: Final = say(
    "## Every gate\n\nA gate passes if its one-sided bound clears the limit: then the data prove "
    "it, whatever chance did."
)
REPEATS: Final = say(
    "## Would a repeat say the same?\n\nA verdict that flips often rests on which prompts were "
    "asked: ask more of them."
)
JUDGED: Final = say(
    "## What the judge got wrong\n\nWhere people labelled samples that a judge had judged: look "
    "whether it errs more for one arm than for the other."
)
CAPTION: Final = say(
    "Each row has its own scale around its limit: a bar wholly right of the line proves that the "
    "limit holds, wholly left that it is broken; one that crosses it is open."
)
UNKNOWN: Final = say(
    "## What nobody knows\n\nWhat the files do not tell is not judged; what only one of them "
    "tells keeps a gate open."
)
CHANGES: Final = say(
    "## What would change the answer\n\nThe list says what to do next, gate by gate."
)
SEGMENTS: Final = say(
    "## Segments of the files\n\nLook for a segment that loses while the whole gains; p is "
    "corrected for the number of segments."
)
ISSUES: Final = say(
    "## Issues\n\nHow often each issue is in either file; p is corrected for their number."
)
RESTS: Final = say(
    "## What the numbers rest on\n\nLook whether the arms are of a size, and how they are compared."
)
MISSING: Final = say(
    "## What is missing\n\nLook for a metric that one arm lacks more than the other: a gate "
    "passes only if it would also pass with every missing value at its worst."
)
TAKEN: Final = say(
    "## What the columns were taken for\n\nNothing is guessed silently: correct a wrong line in "
    "a source.yaml (`rollout source`) and compare again with `--source`."
)
QUARANTINE: Final = say(
    "## Quarantine\n\nRows that could not be read as evidence are counted here with an example "
    "each; none of them is in the numbers."
)
INPUTS: Final = say(
    "## Inputs and digests\n\nWho holds files with these digests reviews the same data: read = "
    "kept + quarantined."
)


def write_comparison(pair: Pair, out: Path, lang: str, *, fresh: bool) -> Path:
    """Write review.html, review.json, what was refused and their seal; return where the page is.

    Args:
        pair: what was found.
        out: the folder, new or with an older report.
        lang: language of the page.
        fresh: whether the folder must be a new one; a name that is taken gets a number.

    Raises:
        UsageError, RolloutError: it cannot be written; the folder is as it was.
    """
    with new_report(out, fresh=fresh) as written:
        record = encode(worded(pair.review))
        (written.folder / REVIEW).write_bytes(record)
        index = _index_from(written.place)
        shown = page_of(pair.review, lang, sha256(record).hexdigest(), index)
        (written.folder / PAGE).write_text(shown, encoding="utf-8")
        write_quarantine(pair.refused, pair.review.inputs, written.folder)
        parts = {name: (written.folder / name).read_bytes() for name in parts_in(written.folder)}
        (written.folder / SEAL).write_bytes(seal_of(parts))
        return written.publish() / PAGE


def _index_from(place: Path) -> str:
    """Return the address of the workbook's index; a comparison may be of no workbook."""
    with suppress(PlanError):
        return index_from(place, workbook_root() / "reports")
    return ""


def page_of(review: PairReview, lang: str, digest: str, index: str = "") -> str:
    """Return the page: the answer first, then what it rests on.

    `digest`: sha256 of the review.json that it shows; `index`: address of the index that lists it.
    """
    top = compared.answer(review, lang)
    sections = [Section("top", "", [])]
    with speaking(lang):
        add_prose(sections, str(OPENING))
        add_prose(sections, str(ANSWER))
        sections[-1].parts.append(sanitised(top.html))
        for prose, piece in _pieces(review):
            add_prose(sections, str(prose))
            if prose is GATES:
                sections[-1].parts.append(drawn(_picture(review, lang)))
            sections[-1].parts.append(sanitised(piece(review, lang).html))
    return page(sections, title=top.title, lang=lang, review=digest, index=index)


def _picture(review: PairReview, lang: str) -> dict[str, str]:
    """Return every gate's estimate and bounds around its limit, in both layouts."""
    figure = replace(forest(review, lang), caption=str(CAPTION))
    return figure.bundle()[FIGURE_MIME]


def _pieces(review: PairReview) -> Iterator[tuple[Sentence, Spoken[PairReview, Html]]]:
    """Yield what stands below the answer, as far as there is any: prose, and what it is about."""
    pieces: tuple[tuple[object, Sentence, Spoken[PairReview, Html]], ...] = (
        (review.gates, GATES, compared.gates),
        (review.flips, REPEATS, compared.repeats),
        (review.labels, JUDGED, judge_errors),
        (True, UNKNOWN, compared.unknown),
        (review.changes, CHANGES, report.changes),
        (review.segments, SEGMENTS, report.segments_table),
        (review.issues, ISSUES, report.issues_table),
        (review.gates, RESTS, report.sample_sizes),
        (review.gates, MISSING, report.completeness),
        (True, TAKEN, compared.what_for),
        (review.quarantine, QUARANTINE, report.quarantine),
        (review.inputs, INPUTS, report.inputs),
    )
    return ((prose, piece) for applies, prose, piece in pieces if applies)
