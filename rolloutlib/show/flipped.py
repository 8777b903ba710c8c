"""The answers behind a review's worst number: the same prompt in both arms, side by side."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.judge.answers import flipped
from rolloutlib.plan.metrics import metric_record
from rolloutlib.show.figure import Note
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, render, table
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, enumerated, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.judge.answers import Flipped
    from rolloutlib.judge.record import GateResult
    from rolloutlib.judge.review import Judged
    from rolloutlib.measure.within import Condition
    from rolloutlib.plan.params import ReviewParams

__all__ = ["in_python", "is_in", "worst_answers"]

MOST: Final = 10  # prompts that a report shows
BY_STATUS: Final = frozenset({"passed", "vetoed", "error"})  # what an answer's status tells
CUT: Final = 300  # characters of a text that a page shows
UNKEPT: Final = frozenset({"out", "lang", "look", "looks"})  # of no matter to whoever looks again


@spoken
def worst_answers(judged: Judged) -> Html | Note:
    """Show the prompts that got worst by the number that is worst, and how to get them all."""
    answers = flipped(judged, MOST)
    if answers.why is not None or answers.behind is None or answers.gate is None:
        return Note(sentence(answers.why) if answers.why else "–")
    segments = [name for name in judged.plan.evidence.segments if name != "profile"]
    kinds = tuple(dict.fromkeys(("category", "difficulty", *segments)))
    rows = [_row(answers.gate, row, kinds) for row in answers.behind.rows.to_pylist()]
    head = (say("Prompt"), say("Control"), say("Treatment"))
    lines = in_python(judged.params, answers.gate.id, answers.conditions, answers.behind.total)
    word = str(say("All of them, in Python:"))
    code = Html(render("code.html.j2", word=word, text=lines), f"{word}\n{lines}")
    return joined(bullets(_about(judged, answers)), table(head, rows, kind="answers"), code)


def _about(judged: Judged, flips: Flipped) -> list[Sentence]:
    """Say what is shown, of how many, and what is left out."""
    behind, gate = flips.behind, flips.gate
    if behind is None or gate is None:
        return []
    counts = {name: f"{n:,}" for name, n in behind.counts.items()}
    sentences = [say(
        "{gate}: {worse} of {every} prompts got worse and {better} better; the {shown} that got "
        "worst stand here.",
        gate=translate(gate.title), worse=counts["worse"], every=counts["all"],
        better=counts["better"], shown=f"{behind.rows.num_rows:,}",
    )]  # fmt: skip
    if flips.conditions:
        sentences.append(say("Only {slice}: there the review finds a loss.",
                        slice=is_in(flips.conditions)))  # fmt: skip
    if behind.counts["one arm"]:
        sentences.append(say("{n} prompts have a value in one arm only.", n=counts["one arm"]))
    if judged.review.carried:
        sentences.append(say("Only this stage's own answers are shown."))
    if "prompt_text" not in behind.rows.column_names and not any(
        name.endswith("_answer") for name in behind.rows.column_names
    ):
        sentences.append(
            say("Texts of prompts and answers appear where source.yaml maps them (texts).")
        )
    return sentences


def is_in(conditions: Sequence[Condition]) -> str:
    """Name a slice in words, in the language that is spoken."""
    parts: list[str] = []
    for condition in conditions:
        values = [str(say("unknown")) if value is None else plain(value, LABEL)
                  for value in condition.values]  # fmt: skip
        name = plain(translate(condition.column), LABEL)
        parts.append(f"{name} {enumerated(values)}")
    return "; ".join(parts)


def _row(gate: GateResult, row: Mapping[str, Any], kinds: Sequence[str]) -> Row:
    """Show a prompt, what it is told apart by, and both answers."""
    values = [plain(str(row[name]), LABEL) for name in kinds if row.get(name)]
    prompt_text = row.get("prompt_text")
    prompt = Cell(plain(row["prompt_id"], LABEL), (*values, *_text(prompt_text)))
    return Row((prompt, _answer(gate, row, "control"), _answer(gate, row, "treatment")))


def _answer(gate: GateResult, row: Mapping[str, Any], arm: str) -> Cell:
    """Show an arm's value, what else is known of the answer, and its text."""
    n, value, status = row[f"n_{arm}"], row[arm], row[f"{arm}_status"]
    record = metric_record(gate.metric)
    binary, by_status = record.kind == "binary", gate.metric in BY_STATUS
    unit = "count" if record.unit == "ratio" else record.unit
    word = str(show(value, unit))
    if n == 1 and binary:
        word = _status(status) if by_status else str(say("yes") if value else say("no"))
    lines = [str(say("mean of {n} answers; one of them:", n=f"{n:,}"))] if n > 1 else []
    if (n > 1 or not by_status) and status:
        lines.append(_status(status))
    score, latency = row[f"{arm}_score"], row[f"{arm}_latency_ms"]
    if score is not None and (n > 1 or gate.metric != "score"):
        lines.append(str(say("score {score}", score=show(score, "score"))))
    if latency is not None and (n > 1 or gate.metric != "latency_ms"):
        lines.append(str(show(latency, "ms")))
    if issues := row[f"{arm}_issues"]:
        lines.append(enumerated([plain(tag, LABEL) for tag in issues], most=5))
    return Cell(word, (*lines, *_text(row.get(f"{arm}_answer"))))


def _status(status: str | None) -> str:
    words = {
        "passed": say("✓ passed"), "failed": say("✕ failed"), "vetoed": say("✕ vetoed"),
        "error": say("✕ error"), "timeout": say("✕ timeout"),
    }  # fmt: skip
    return str(words[status]) if status in words else "–"


def _text(text: str | None) -> tuple[str, ...]:
    """Return what was said, cut for a page; nothing where it is not told."""
    return (f"“{plain(text, CUT)}”",) if text else ()


def in_python(params: ReviewParams, gate: str, conditions: Sequence[Condition], total: int) -> str:
    """Return the three lines that give all of these answers.

    A report is opened again, and what was not written is reviewed again.
    """
    if params.out:
        opened = f"rl.open({params.out!r})"
    else:
        options = params.model_dump(exclude_defaults=True, exclude=set(UNKEPT), mode="json")
        named = {name: value for name, value in options.items() if value is not None}
        opened = f"rl.review({_keywords(named)})"
    where = {c.column: c.values[0] if len(c.values) == 1 else [*c.values] for c in conditions}
    chosen = f".where({_keywords(where)})" if where else ""
    query = _keywords({"gate": gate, "outcome": "worse", "n": total})
    lines = ("import rolloutlib as rl", f"review = {opened}", f"review{chosen}.samples({query})")
    return "\n".join(plain(line) for line in lines)


def _keywords(values: Mapping[str, object]) -> str:
    """Write keyword arguments as Python does; a name that is none goes into a dictionary."""
    named = [f"{name}={value!r}" for name, value in values.items() if _is_name(name)]
    others = {name: value for name, value in values.items() if not _is_name(name)}
    return ", ".join([*named, *([f"**{others!r}"] if others else [])])


def _is_name(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name)


__dir__ = __all__.copy  # what completion lists
