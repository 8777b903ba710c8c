"""The Korean catalogue holds exactly the texts that the sources say, with the same placeholders."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, get_args

import pytest
from babel.messages.pofile import read_po

from rolloutlib.errors import UsageError
from rolloutlib.ledger.findings import SENTENCES
from rolloutlib.measure.design import Unit
from rolloutlib.measure.needed import NeededUnit
from rolloutlib.phrase import fillable
from rolloutlib.plan.metrics import METRICS
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.offline import load_eval_plan
from rolloutlib.watch.record import Colour
from rolloutlib.words.sentences import Sentence, say, translate
from rolloutlib.words.share_templates import SHARES
from rolloutlib.words.system_templates import SYSTEM
from rolloutlib.words.templates import TEMPLATES
from tests.words.helped import help_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "rolloutlib" / "locale" / "ko" / "LC_MESSAGES" / "rolloutlib.po"
SAME = {
    "GO", "SHA-256", "{light} {trend}", "{lower} to {upper}", "{number} ms", "{number} pp",
    "{one} and {other}",
}  # fmt: skip
UNITS = {*get_args(Unit), *get_args(NeededUnit)}  # what designs and `Needed` count


# Their first argument is an English template.
SAYS = {"say", "translate", "phrase", "worded", "complain"}
CODED = {"LedgerError"}  # whose first argument is a key of a table of templates


def calls_of(path: Path, names: Collection[str]) -> Iterator[ast.Call]:
    """Yield the calls of functions and classes of these names, also of their class methods."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if isinstance(called, ast.Name) and called.id in names:
                yield node


def literals_of(path: Path) -> Iterator[str]:
    """Yield the English templates of a file: of `say(...)` and its like, and of our errors."""
    for call in calls_of(path, SAYS):
        yield from constants_of(call.args[0])
    for call in calls_of(path, errors_of_the_package() - CODED):
        for argument in call.args:
            yield from constants_of(argument)


@cache
def errors_of_the_package() -> set[str]:
    """Return the names of the errors that people are told: whatever derives from RolloutError."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for path in (ROOT / "rolloutlib").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    errors: set[str] = {"RolloutError"}
    while more := {name for name, of in bases.items() if of & errors} - errors:
        errors |= more
    return errors


def constants_of(node: ast.expr) -> Iterator[str]:
    """Yield a string, or both strings of a conditional expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from constants_of(node.body)
        yield from constants_of(node.orelse)


def names_of(path: Path) -> Iterator[str]:
    """Yield the names and the prose of the plan and of the metrics, which its page shows."""
    plan = load_plan(path)
    yield plan.name
    for named in (plan.features, plan.gates, plan.checks):
        yield from (each.title for each in named.values())
    yield from (feature.effect for feature in plan.features.values())
    yield from (stage.name for stage in plan.stages.values())
    yield from plan.evidence.segments
    yield from (trigger.title for trigger in plan.rollback.triggers.values())
    yield from (*plan.rollback.actions, *plan.monitoring.difficulty)
    for risk in plan.risks.values():
        yield from (risk.risk, risk.mitigation)
        yield from (signal.text for signal in risk.shown_by.values() if signal.text)
    yield from (knob.title for knob in plan.knobs.known.values())
    yield from (week.note for week in plan.schedule.values())
    for duty in plan.roles.values():
        yield from (duty.raci, *duty.duties)
    yield from (metric.title for metric in METRICS.values())
    offline = load_eval_plan(ROOT / "params" / "eval.yaml")
    yield from (offline.name, *(gate.title for gate in offline.gates.values()))
    yield from offline.evidence.segments


def said() -> set[str]:
    """Return every English text that a reader of a report may meet."""
    texts = {text for path in (ROOT / "rolloutlib").rglob("*.py") for text in literals_of(path)}
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        texts |= {"".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"}
    texts |= {*TEMPLATES.values(), *SHARES.values(), *SYSTEM, *SENTENCES.values(), *help_texts()}
    return texts | UNITS | {*get_args(Colour)} | set(names_of(ROOT / "params" / "plan.yaml"))


def test_errors_are_templates() -> None:
    """A sentence that is finished where an error is raised cannot be said in another language."""
    finished = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "rolloutlib").rglob("*.py"))
        for call in calls_of(path, errors_of_the_package())
        if any(isinstance(argument, ast.JoinedStr | ast.BinOp) for argument in call.args)
    ]
    assert finished == []


def catalogue() -> dict[str, str]:
    """Return the Korean catalogue: English → Korean."""
    with CATALOGUE.open("rb") as file:
        return {
            str(message.id): str(message.string)
            for message in read_po(file, locale="ko")
            if message.id
        }


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_translated() -> None:
    """A text that somebody adds to a source shows in English in a Korean report; this names it."""
    assert sorted(said() - {text for text, korean in catalogue().items() if korean}) == []


def test_no_translation_is_left_over() -> None:
    """A translation whose English text has gone only misleads who edits the catalogue."""
    assert sorted(set(catalogue()) - said()) == []


def test_placeholders_survive_translation() -> None:
    """A lost placeholder hides a number from the Korean reader, a new one breaks the report."""
    assert [
        text for text, korean in catalogue().items() if placeholders(text) != placeholders(korean)
    ] == []


def test_our_phrases_may_be_filled_from_a_record() -> None:
    """Reports that carry them are read by the rule for what anybody may have written."""
    refused = [text for text in catalogue() if placeholders(text) and not fillable(text)]
    assert [text for text in refused if "such as {" not in text] == []  # said without values


def test_translations_are_korean() -> None:
    """Every translation with words in it (code and placeholders are none) holds Hangul.

    Few need none.
    """
    plain = {text for text, korean in catalogue().items() if not re.search("[가-힣]", korean)}
    words = {text: re.sub(r"`[^`]*`|\{\w*\}", "", text) for text in sorted(plain - SAME)}
    assert [text for text, bare in words.items() if re.search("[A-Za-z]{2}", bare)] == []


def test_nested_sentences_are_translated_too() -> None:
    """A sentence within a sentence is said in the same language."""
    sentence = say("Check open: {check}. {why}", check=say("Test suites pass"), why="-")
    assert sentence.text("ko").find(translate("Test suites pass", "ko")) >= 0
    assert "Test suites pass" in str(sentence)


def test_braces_in_values_stay_as_they_are() -> None:
    """A label from the data that looks like a placeholder is shown, not filled."""
    assert Sentence("{tag}", (("tag", "{x} {0}"),)).text() == "{x} {0}"


def test_unknown_language_is_one_sentence() -> None:
    """A language without a catalogue is refused, with the ones that there are."""
    with pytest.raises(UsageError, match=r"lang is 'kr'; expected one of en, ko"):
        translate("GO", "kr")
