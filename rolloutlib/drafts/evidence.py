"""The evidence folder of a review, drafted: what is known stands in it, what is not is a TODO.

A TODO names the role that owes it, and keeps its check open until somebody puts in what is true
(`rolloutlib.judge.unfilled`). Nothing that is there is ever written over.
"""

from __future__ import annotations

import json
import re
import subprocess
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import FileError
from rolloutlib.judge.attested import NOTES
from rolloutlib.judge.change_list import CHANGES
from rolloutlib.judge.incidents import INCIDENTS
from rolloutlib.judge.made_for import ReviewedRuns
from rolloutlib.judge.owed import owes
from rolloutlib.judge.unfilled import lines_unfilled, placeholder
from rolloutlib.phrase import phrase
from rolloutlib.plan.workbook import STAGES, StageId
from rolloutlib.text import markdown, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.plan.model import Check, Plan
    from rolloutlib.words.sentences import Sentence

__all__ = ["Drafted", "draft_evidence"]

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NO_TEXT: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})  # YAML
_AT: Final = "2026-11-20T18:00:00+09:00"  # what a time looks like


class Drafted(NamedTuple):
    """A file of the evidence folder.

    Attributes:
        name: its name in the folder.
        check: the title of the check that reads it.
        fresh: it was written now; else it was there, and is as it was.
        due: what has to be put in, as a sentence.
    """

    name: str
    check: str
    role: str
    fresh: bool
    due: Sentence


def draft_evidence(plan: Plan, review: Reviewed, folder: Path, root: Path) -> tuple[Drafted, ...]:
    """Write each file that the plan's checks read and the folder lacks.

    Args:
        plan: whose checks and stages are asked for.
        review: what the runs show; it need not have counted as a look.
        folder: the evidence folder; made if it is not there.
        root: the workbook's root, where documents may lie.

    Raises:
        FileError: a file cannot be written.
    """
    request = _Asked(plan, review, folder, root)
    drafts = chain.from_iterable(
        _OF_KIND[check.kind](request, check) for check in plan.checks.values()
    )
    return tuple(
        Drafted(name, check.title, owes(plan, check.kind), _written(folder / name, text), contents)
        for check, name, text, contents in drafts
    )


class _Asked(NamedTuple):
    plan: Plan
    review: Reviewed
    folder: Path
    root: Path

    def todo(self, check: Check, contents: object) -> str:
        """Return a placeholder that the role replaces which owes the check's evidence."""
        return placeholder(owes(self.plan, check.kind), contents)

    @property
    def simulated(self) -> bool:
        """Whether the runs say that nobody measured them: then nor do their checks."""
        return any(arm.simulated for arm in self.review.arms)


_Draft = tuple["Check", str, str, "Sentence"]


def _written(path: Path, text: str) -> bool:
    """Write a file unless something is there; return whether it was written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        if path.parent.is_dir():
            return False
        raise FileError.at(str(path.parent), phrase("is there and is no folder")) from None
    except OSError as error:
        why = phrase("cannot be written ({error})", error=error)
        raise FileError.at(str(path), why) from None
    return True


# --- a kind of check, a draft ---------------------------------------------------------------------


def _suites(request: _Asked, check: Check) -> Iterator[_Draft]:
    contents = say("the suite's results as JUnit XML, written over this file")
    for suite in check.items:
        name = f"junit/TEST-{suite}.xml"
        mark = escape(request.todo(check, contents), quote=False).replace('"', "&quot;")
        run = f"pytest --junitxml={name}"
        yield check, name, "\n".join((
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuite name="{escape(suite)}" tests="0">',
            f'  <properties><property name="{mark}" value="{run}"/></properties>',
            "</testsuite>", "",
        )), contents  # fmt: skip


def _incidents(request: _Asked, check: Check) -> Iterator[_Draft]:
    contents = say("every incident, a line each, and until when the file tells them all")
    mark = request.todo(check, say("until when all incidents are told, such as {at}", at=_AT))
    line = {"coversUntil": mark} | ({"simulated": True} if request.simulated else {})
    yield check, INCIDENTS, f"{json.dumps(line, ensure_ascii=False)}\n", contents


def _documents(request: _Asked, check: Check) -> Iterator[_Draft]:
    contents = say("which documents reflect the change, where they lie, and when somebody looked")
    when = request.todo(check, say("when somebody looked, such as {at}", at=_AT))
    lines = [
        f"# {say('Does each document say what the change does? true, or false until it does.')}"
    ]
    lines += [f"# {say('One that the change does not touch: add waived, with the reason.')}"]
    lines += [_flow({"updated": when})]
    lines += ["simulated: true"] if request.simulated else []
    lines += _made_for(request)
    lines += [
        "documents:",
        *chain.from_iterable(_document(request, check, name) for name in check.items),
    ]
    yield check, CHANGES, "\n".join((*lines, "")), contents


def _document(request: _Asked, check: Check, name: str) -> Iterator[str]:
    """Yield an entry of changes.yaml, with what git knows of its file above it."""
    path = _lies_at(request, name)
    if path and (commit := _git(request.root, "log", "-1", "--format=%cs %s", "--", path)):
        yield f"  # {say('last commit: {commit}', commit=plain(commit[0]))}"
    entry = {
        "document": name,
        "path": path or request.todo(check, say("where it lies")),
        "reflected": request.todo(check, say("true or false")),
    }
    yield f"  - {{{', '.join(_flow({key: value}) for key, value in entry.items())}}}"


def _lies_at(request: _Asked, name: str) -> str | None:
    """Return the path of the Markdown file that begins with a document's name, if there is one."""
    for base in (request.folder, request.root):
        paths = sorted(
            file.relative_to(base).as_posix()
            for file in (*base.glob("docs/*.md"), *base.glob("*.md"))
            if file.stem.casefold().startswith(name.casefold()) and file.name.isprintable()
        )
        if paths:
            return paths[0]
    return None


def _notes(request: _Asked, check: Check) -> Iterator[_Draft]:
    contents = say("what changed and what happens next, in the words of the people who get it")
    stage = request.plan.stages[STAGES[request.review.stage]]
    title = say("# Release notes: after stage {number}, {name}", number=request.review.stage,
                name=say(stage.name))  # fmt: skip
    when = request.todo(check, say("when somebody wrote them, such as {at}", at=_AT))
    head = [_flow({"date": when}), *(["simulated: true"] if request.simulated else [])]
    head += _made_for(request, "runs")
    lines = ["---", *head, "---", str(title), ""]
    for name in check.items:
        section = _SECTIONS.get(name.casefold())
        body = section(request, check) if section else []
        lines += [f"## {name}", *(body or [request.todo(check, say("words for this section"))]), ""]
    if not lines_unfilled("\n".join(lines)):  # what nobody has read attests nothing
        lines.append(request.todo(check, say("read these notes, then take this line out")))
    yield check, NOTES, "\n".join(lines), contents


def _made_for(request: _Asked, *more: str) -> list[str]:
    """Return what the file is of: it holds no check of other arms, nor numbers of other runs."""
    runs = ReviewedRuns.of(request.review)
    names: dict[str, str] = {"control": runs.control, "treatment": runs.treatment}
    if runs.arm and len(runs.arm.strategies) == 1:
        names["strategy"] = runs.arm.strategies[0]
    if "runs" in more:
        names["runs"] = runs.runs[:16]
    values = [f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in names.items()]
    return ["made_for:", f"  stage: {runs.stage}", *values]


_OF_KIND: Final[dict[str, Callable[[_Asked, Check], Iterator[_Draft]]]] = {
    "junit": _suites, "incidents": _incidents, "documents": _documents, "release_notes": _notes,
}  # fmt: skip


# --- sections of the release notes ----------------------------------------------------------------


def _what_changed(request: _Asked, check: Check) -> list[str]:
    """Return what the notes have to say first, and the flags that a GO moves."""
    lines = [request.todo(check, say("what changed, for the people who get it")), ""]
    was, now = _flags(request)
    for feature in request.plan.features.values():
        before, after = was[feature.flag], now[feature.flag]
        if before != after:
            moves = say("{title}: `{flag}` {was} → {now}", title=say(feature.title),
                        flag=feature.flag, was=_word(before), now=_word(after))  # fmt: skip
            lines.append(f"- {moves}")
    return lines


def _who(request: _Asked, _: Check) -> list[str]:
    entered = request.plan.stages[_entered(request)]
    if entered.cap is None:
        return [str(say("{stage}: every user", stage=say(entered.name)))]
    return [str(say("{stage}: at most {cap} users", stage=say(entered.name), cap=entered.cap))]


def _measured(request: _Asked, _: Check) -> list[str]:
    """Return a table of both arms: means of the last runs, as the plan averages them."""
    review = request.review
    arms = [
        [run for run in review.runs if run.arm == arm and run.averaged]
        for arm in (review.control, review.treatment)
    ]
    if not all(arms):
        return []
    count = say("means of the last {count} runs of each arm", count=min(map(len, arms)))
    rows = [
        f"| {count} | {markdown(review.control)} | {markdown(review.treatment)} |",
        "|---|---|---|",
    ]
    for title, unit, value in _VALUES:
        means = [_mean(value(run) for run in runs) for runs in arms]
        if any(mean is not None for mean in means):
            cells = (str(say(title)), *(str(show(mean, unit)) for mean in means))
            rows.append(f"| {' | '.join(cells)} |")
    return rows


_VALUES: Final[tuple[tuple[str, str, Callable[[RunRow], float | None]], ...]] = (
    ("Pass rate", "proportion", lambda run: run.pass_rate),
    ("Average score", "score", lambda run: run.avg_score),
    ("Average latency", "ms", lambda run: run.avg_latency_ms),
    ("Vetoed share", "proportion", lambda run: run.vetoed),
)


def _actions(request: _Asked, check: Check) -> list[str]:
    return [request.todo(check, say("what happens next, who does it, until when"))]


_SECTIONS: Final[dict[str, Callable[[_Asked, Check], list[str]]]] = {
    "what changed": _what_changed, "who is impacted": _who, "metrics summary": _measured,
    "actions": _actions,
}  # fmt: skip


def _entered(request: _Asked) -> StageId:
    return STAGES[min(request.review.stage + 1, STAGES[-1])]


def _flags(request: _Asked) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return the flags of those whom the entered stage is for, before and after."""
    stage, entered = STAGES[request.review.stage], _entered(request)
    audience = request.plan.stages[entered].audience
    return request.plan.flags_of(stage, audience), request.plan.flags_of(entered, audience)


def _word(value: object) -> str:
    return value if isinstance(value, str) else "on" if value else "off"


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def _flow(value: dict[str, str]) -> str:
    """Return a key and its value as YAML on one line."""
    ((key, inner),) = value.items()
    plain_text = _PLAIN.fullmatch(inner) and inner.casefold() not in _NO_TEXT
    return f"{key}: {inner if plain_text else json.dumps(inner, ensure_ascii=False)}"


def _git(root: Path, *arguments: str) -> list[str]:
    """Return the lines that git answers; nothing where there is no git, or none of its folders."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=10, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else [line for line in done.stdout.splitlines() if line.strip()]
