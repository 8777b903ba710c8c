"""Every place where the text of others leaves the package, with 34 payloads each.

What comes out has the structure of the same page with harmless names, and no character that acts.
"""

from __future__ import annotations

import dataclasses
import json
import re
from functools import partial
from html.parser import HTMLParser
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import category
from xml.etree import ElementTree as ET

import mistune
import pytest
from msgspec import structs

from rolloutlib.cli import main
from rolloutlib.commands.options import LINE, say
from rolloutlib.errors import RunsError
from rolloutlib.flags.document import initial_state
from rolloutlib.flags.overview import system_overview
from rolloutlib.judge.record import QuarantineGroup, decode, encode
from rolloutlib.ledger.cards import render
from rolloutlib.ledger.chain import Node
from rolloutlib.ledger.record_parts import CheckState, GateState, MeasuredArm, Waiver
from rolloutlib.ledger.records import (
    Change,
    FlagSet,
    Head,
    Move,
    Person,
    Predicate,
    Prepared,
    Record,
    Subject,
    Threshold,
    Trust,
    WayBack,
)
from rolloutlib.reason import Reason
from rolloutlib.runs import read_runs
from rolloutlib.runs.quarantine import InputFile, Quarantined
from rolloutlib.show import breakdowns, charts, curves, report
from rolloutlib.show.decision import decision_page
from rolloutlib.show.figure import Figure
from rolloutlib.show.notebooks import render_html
from rolloutlib.show.tables import bullets
from rolloutlib.text import SENTENCE, markdown
from rolloutlib.words.reasons import BOUNDS, MEASURES, sentence, worded
from rolloutlib.words.sentences import say as say_sentence
from rolloutlib.words.templates import TEMPLATES
from tests.payloads import HARMLESS, PAYLOADS
from tests.sample_review import PLAN, executed, issue, segment, story, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.reason import Fact

pytestmark = pytest.mark.slow
HOSTILE = tuple(PAYLOADS.values())
SHA = "0" * 64
MARKDOWN = tuple(
    mistune.create_markdown(escape=False, plugins=plugins)
    for plugins in (
        [],
        ["strikethrough", "footnotes", "table", "url", "task_lists", "def_list", "abbr", "mark",
         "insert", "superscript", "subscript", "math", "ruby", "spoiler"],
    )
)  # fmt: skip


# --- what leaves ----------------------------------------------------------------------------------


def review_of(labels: Sequence[str]) -> Reviewed:
    """Return a review whose every name but the arms' is one of the labels."""
    labels = [label.replace("\ud800", "\ufffd") for label in labels]  # refused where it is read
    base, first, several = story(), labels[0], tuple(labels)
    reasons = tuple(told(label) for label in labels)
    return structs.replace(
        base, source_title=first, profile=first, reasons=reasons, warnings=reasons, changes=reasons,
        set_aside=reasons, design=told(first),
        issues=tuple(issue(x, k, (0.1, 0.1), (1, 0.9, 1.1), 0.5) for k, x in enumerate(labels, 1)),
        segments=tuple(
            structs.replace(segment(x, 50, 0.8, 0.7, 0.03), loss=True) for x in labels
        ),
        runs=tuple(structs.replace(base.runs[0], run_id=x) for x in labels),
        checks=tuple(
            structs.replace(base.checks[0], why=told(x), evidence=(x, x), sha256=(SHA, SHA))
            for x in labels
        ),
        arms=tuple(
            structs.replace(
                arm, profiles=several, strategies=several, flags={first: first, "b": True}
            )
            for arm in base.arms
        ),
        gates=tuple(structs.replace(gate, subject=first) for gate in base.gates),
        quarantine=tuple(QuarantineGroup(x, 1, x) for x in labels),
        inputs=tuple(InputFile(x, SHA, "envelope", 1, 1, 0) for x in labels),
    )  # fmt: skip


def arms_of(labels: Sequence[str]) -> list[Reviewed]:
    """Return reviews of two arms each that bear labels."""
    base = story()
    reviews: list[Reviewed] = []
    for control, treatment in zip(labels[::2], labels[1::2], strict=True):
        name = {"off": control, "on": treatment}
        reviews.append(structs.replace(
            base, control=control, treatment=treatment,
            arms=tuple(structs.replace(arm, arm=name[arm.arm]) for arm in base.arms),
            runs=tuple(structs.replace(run, arm=name[run.arm]) for run in base.runs),
            distributions=tuple(
                dataclasses.replace(d, arm=name[d.arm]) for d in base.distributions
            ),
        ))  # fmt: skip
    return reviews


def page(labels: Sequence[str], lang: str) -> str:
    """Return the report."""
    return render_html(executed(review_of(labels), lang), lang)


def arms(labels: Sequence[str], part: str) -> str:
    """Return what names the arms: as HTML, or as text."""
    pieces = (
        decision_page,
        report.measured,
        report.sample_sizes,
        report.runs_table,
        report.completeness,
    )
    return "\n".join(getattr(piece(r), part) for r in arms_of(labels) for piece in pieces)


def figures(labels: Sequence[str]) -> list[Figure]:
    """Return every chart that draws names."""
    whole = [review_of(labels[:17]), review_of(labels[17:])]
    drawn = [
        draw(r) for r in whole for draw in (breakdowns.issues_before_after, breakdowns.segments)
    ]
    named = (curves.latency_ecdf, curves.score_ecdf, curves.pass_rate_by_run)
    drawn += [charts.forest(whole[0]), *(draw(r) for r in arms_of(labels) for draw in named)]
    return [drawing for drawing in drawn if isinstance(drawing, Figure)]


def listing(labels: Sequence[str]) -> str:
    """Return a list as HTML."""
    return bullets(labels).html


def note(labels: Sequence[str]) -> str:
    """Return a list of words in Markdown."""
    return "\n".join(f"- {markdown(label)}" for label in labels)


def empty(_: Figure, *, narrow: bool = False) -> str:
    """Draw nothing."""
    return f'<svg width="{1 + narrow}" height="1"></svg>'


def summaries(labels: Sequence[str]) -> str:
    """Return what a terminal is told of reviews."""
    reviews = [review_of(labels), *arms_of(labels)]
    return "\n".join(report.summary_text(review) for review in reviews)


def errors(labels: Sequence[str]) -> str:
    """Return errors, findings and quarantine's messages that quote a value."""
    lines = list[str]()
    for label in labels:
        refused = Quarantined(label, 1, label, repr(label), "expected a number", label)
        lines += [str(RunsError(f"{label}: it is odd")), str(RunsError(refused.message))]
    return "\n".join(lines)


def sentences(labels: Sequence[str]) -> str:
    """Return every sentence of a reason, its words taken from the labels."""
    lines = list[str]()
    for code, template in TEMPLATES.items():
        facts: dict[str, Fact] = {"measure": "ms", "signed": False}
        for _, name, form, change in Formatter().parse(template):
            if name:  # what is formatted or measured is a number and no text of others
                facts[name] = 7 if form or change or name in MEASURES | BOUNDS else ""
        for label in labels:
            words: dict[str, Fact] = {name: label for name, fact in facts.items() if fact == ""}
            lines.append(sentence(Reason(code, facts | words)))
    return "\n".join(lines)


def card(labels: Sequence[str]) -> str:
    """Return the cards of a decision, of rollbacks and of key changes."""
    first, several = labels[0], tuple(labels)
    people = {"a@b.c": Person(first, ("pm",)), "b@b.c": Person(labels[1], ("pm",))}
    trust = Trust(SHA, SHA, people, {"GO": Threshold(("pm",))})
    common: dict[str, Any] = {
        "id": "dec-20261122-001", "ledger": first, "seq": 1, "prev": (), "verdict": "GO",
        "prepared": Prepared("a@b.c", "2026-11-22T09:00:00Z"), "lang": "en", "trust": trust,
        "witnesses": {},
    }  # fmt: skip
    arm = MeasuredArm(first, 1, 1, 1, first, first, {"a": first}, several, several, simulated=False)
    gate = GateState(
        id="g", title="Pass rate", unit="ms", evidence_unit="ms", signed=False, limit="1",
        proof_limit="1", plan=first, value="1", evidence=first, point="1", lower="1", upper="1",
        n_control=1, n_treatment=1, clusters=1,
    )  # fmt: skip
    flags = [FlagSet(1, first, {"k": value}, SHA) for value in (first, labels[1])]
    decision = Predicate(
        **common, kind="promotion", stage=Move(1, 2), cohort=first, recommendation=first,
        reasons=several, tags=several, note=" ".join(labels[:20]),
        measured=tuple(structs.replace(arm, arm=label) for label in labels),
        gates=tuple(structs.replace(gate, title=label) for label in labels),
        checks=tuple(CheckState(id="c", title=x, holds=None, why=x, evidence=()) for x in labels),
        waivers=tuple(Waiver(label, label) for label in labels),
        flags_before=flags[0], flags_after=flags[1],
    )  # fmt: skip
    head = Head("dec-20261122-001", SHA)
    backs = [
        Predicate(**common, kind="rollback", rollback=WayBack(head, x, x, (x, x), x, x))
        for x in labels
    ]
    changes = [
        Predicate(**common, kind="keys", change=Change("add", label, "ssh-ed25519 AAAA"))
        for label in labels
    ]
    subject = tuple(Subject(f"evidence-{x[:200]}/x", {}) for x in labels)  # pyright: ignore[reportArgumentType] -- no digest is drawn
    records = [Record(subject, predicate) for predicate in (decision, *backs, *changes)]
    nodes = [Node(0, "dec-20261122-001", SHA, record, ()) for record in records]
    return "\n\n".join(render(node).decode() for node in nodes)


def overview(folder: Path, labels: Sequence[str]) -> str:
    """Return the overview of a workbook whose run logs have labels in their names."""
    notes = folder / "docs" / "RUN_LOGS"
    notes.mkdir(parents=True)
    for label in labels:
        name = re.sub(r"[/\0\ud800]", "_", label)[:80]
        (notes / f"2026-01-01_{name}.md").touch()
    documents = PLAN.documents.model_copy(update={"quick_links": 50})
    plan = PLAN.model_copy(update={"documents": documents})
    return system_overview(folder, plan, initial_state(plan), lang="en").read_text("utf-8")


# --- what it looks like ---------------------------------------------------------------------------


class Skeleton(HTMLParser):
    """The elements of a page, in their order, with the names of their attributes."""

    def __init__(self, html: str) -> None:
        """Parse at once."""
        super().__init__()
        self.parts: list[object] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and what its attributes say."""
        self.parts.append((tag, *(name for name, _ in attrs)))
        self.text += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        self.parts.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 -- that there is one is enough
        """Note a comment, which no piece of a report has."""
        self.parts.append("comment")

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002 -- likewise
        """Note a section or declaration, which no piece has, either."""
        self.parts.append("declaration")


def check_text(text: str, most: int = SENTENCE) -> None:
    """Fail on a character that acts or hides, and on what is not cut."""
    odd = {c for c in text if category(c) in {"Cc", "Cs", "Co"} and c != "\n"}
    odd |= {c for c in text if category(c) == "Cf" and c not in "\u200c\u200d"}
    odd |= {c for c in text if ord(c) & 0xFFFE == 0xFFFE or c in "\u2028\u2029\u3164"}
    assert not odd, sorted(map(ascii, odd))
    assert "x" * (most + 1) not in text
    assert "\u0301" * 9 not in text


def of_html(html: str) -> object:
    """Return a page's elements; no address but of pictures in itself, no handler."""
    skeleton = Skeleton(html)
    check_text("".join(skeleton.text))
    return skeleton.parts


def of_text(text: str) -> object:
    """Return how many lines there are."""
    check_text(text)
    return text.count("\n")


def of_markdown(text: str) -> object:
    """Return the elements that readers which let HTML through make of it."""
    check_text(text)
    assert "<" not in re.sub(r"<!-- rollout: \w+ \w+ -->", "", text)
    return [Skeleton(str(read(text))).parts for read in MARKDOWN]


def of_figures(drawn: list[Figure]) -> object:
    """Return the keys of specifications: whatever the names are, they are values."""
    for figure in drawn:
        check_text(json.dumps(figure.wide, ensure_ascii=False) + figure.alt + figure.caption)
    return [_keys(figure.wide) for figure in drawn]


def check_pictures(drawn: list[Figure]) -> None:
    """Fail on a picture that is no XML, or that holds more than shapes and texts."""
    for figure in drawn:
        svg = figure.svg()
        check_text(svg)
        root = ET.fromstring(svg)  # noqa: S314 -- drawn here
        assert {part.tag.rpartition("}")[2] for part in root.iter()} <= SVG
        named = {name.rpartition("}")[2] for part in root.iter() for name in part.attrib}
        assert not {name for name in named if name.startswith("on")} | (named & {"href", "src"})


SVG = {"svg", "g", "path", "line", "rect", "text", "defs", "clipPath", "style", "tspan"}


def _keys(part: object) -> object:
    if isinstance(part, dict):
        return {name: _keys(inner) for name, inner in part.items()}
    return [_keys(inner) for inner in part] if isinstance(part, list) else type(part).__name__


# --- the table ------------------------------------------------------------------------------------


class Sink(NamedTuple):
    """A place where text leaves: what makes it of 34 labels, and what its structure is."""

    make: Callable[[Sequence[str]], Any]
    structure: Callable[[Any], object]


SINKS: dict[str, Sink] = {
    "report": Sink(partial(page, lang="en"), of_html),
    "report in Korean": Sink(partial(page, lang="ko"), of_html),
    "arms": Sink(partial(arms, part="html"), of_html),
    "arms as text": Sink(partial(arms, part="text"), of_text),
    "lists": Sink(listing, of_html),
    "charts": Sink(figures, of_figures),
    "summary": Sink(summaries, of_text),
    "errors": Sink(errors, of_text),
    "sentences": Sink(sentences, of_text),
    "cards": Sink(card, of_markdown),
    "words in a note": Sink(note, of_markdown),
}


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_shows_names_and_obeys_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 34 payloads for names a sink has the structure that it has with harmless names."""
    if name.startswith("report"):  # its pictures have a row, and a test, of their own
        monkeypatch.setattr(Figure, "svg", empty)
    sink = SINKS[name]
    assert sink.structure(sink.make(HOSTILE)) == sink.structure(sink.make(HARMLESS))


def test_the_overview_links_to_files_of_any_name(tmp_path: Path) -> None:
    """Names of files that people put under docs/ are names in the overview."""
    hostile, harmless = (overview(tmp_path / k, x) for k, x in (("a", HOSTILE), ("b", HARMLESS)))
    assert of_markdown(hostile) == of_markdown(harmless)
    assert len(re.findall(r"\]\(RUN_LOGS/[\w%.~-]+\)", hostile)) == len(PAYLOADS)


def test_the_terminal_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What the commands print, and what they refuse, is a line each."""
    for label in HOSTILE:
        say(f"{label} is printed")
        argument = label.replace("\0", "").replace("\ud800", "\udcff")[:100]
        assert main(["review", "2", "--runs", argument]) == 2
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        check_text(text, LINE)
        assert text.count("\n") == len(PAYLOADS)


def test_json_keeps_every_text_as_it_was() -> None:
    """review.json is for programs: it holds the payloads themselves, and reads back the same."""
    labels = [label.replace("\ud800", "") for label in HOSTILE]  # no encoding has that one
    review = worded(review_of(labels).record)
    again = decode(encode(review))
    assert again == review
    assert [run.run_id for run in again.runs] == labels
    assert json.loads(encode(review))["treatment"] == "on"


def test_braces_are_filled_once() -> None:
    """A value that looks like a template is a value."""
    assert str(say_sentence("{x} of {y}", x="{y}", y="{x.__class__}")) == "{y} of {x.__class__}"
    assert sentence(Reason("source.refused", {"message": "{message} {0} %s"})) == "{message} {0} %s"


def test_a_list_of_many_names_is_short(tmp_path: Path) -> None:
    """A header of 4,000 columns, and a reason with 100,000 names, are sentences of a line."""
    file = tmp_path / "t.csv"
    file.write_text(
        ",".join(f"column{n}" for n in range(4_000)) + "\n" + "1," * 3_999 + "1\n", encoding="utf-8"
    )
    with pytest.raises(RunsError) as refused:
        read_runs(file)
    assert "and 3,980 more" in str(refused.value)
    assert "source.yaml" in str(refused.value)
    many = Reason("issues.appear", {"issues": tuple(f"tag{n}" for n in range(100_000))})
    assert len(sentence(many)) < 500
    assert "99,980" in sentence(many, "ko")


def test_a_chart_draws_every_name() -> None:
    """Pictures with payloads for names, and with each character that XML has no way to write.

    The renderer would end the whole process at one, and the review with it.
    """
    codes = [*range(32), *range(0x7F, 0xA0), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x202E]
    some = ["".join(f"{chr(code)}a" for code in codes[k::34]) for k in range(34)]
    check_pictures([*figures(HOSTILE), *figures(some)[:6]])
