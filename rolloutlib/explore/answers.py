"""The samples behind a number: `review.samples(…)`, bounded, with the whole count told."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import narwhals as nw

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.explore.described import number, text
from rolloutlib.explore.samples import SINGLE, by_group, by_prompt
from rolloutlib.explore.tables import Table
from rolloutlib.judge.answers import asked_of, flips, told_texts, why_none
from rolloutlib.judge.counting import by_hand
from rolloutlib.judge.slices import samples_within
from rolloutlib.measure.behind import groups, singles
from rolloutlib.measure.expressions import latency_expression
from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.measure.tags import tag_counts
from rolloutlib.measure.within import SHORT, sliceable
from rolloutlib.phrase import both, phrase, several
from rolloutlib.runs.columns import STATUSES
from rolloutlib.runs.database import readable
from rolloutlib.runs.further import is_scorer
from rolloutlib.show.answers import Answered, answered
from rolloutlib.show.flipped import is_in
from rolloutlib.text import LABEL, plain
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking, translate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.explore.tables import Column
    from rolloutlib.judge.review import Judged
    from rolloutlib.measure.behind import Behind
    from rolloutlib.measure.within import Condition
    from rolloutlib.show.tables import Html

__all__ = ["Answers", "Wanted", "samples_of"]

MOST: Final = 10_000  # rows that are brought here
SHOWN: Final = 200  # rows that a notebook shows of them
_CELLS: Final[set[str]] = set()  # of a live notebook, which the script of tables stands in


class Wanted(NamedTuple):
    """What samples are asked for; see `rolloutlib.explore.review.Review.samples`."""

    gate: str | None = None
    outcome: str | None = None
    worst: str | None = None
    slowest: int | bool = False
    issue: str | bool = False
    status: str | None = None
    arm: str = "treatment"
    n: int = 100

    @property
    def rows(self) -> int:
        """How many rows at most; 1 is a number here, although it equals True."""
        return self.n if isinstance(self.slowest, bool) else self.slowest


class Answers(Table[Any]):
    """Rows of samples: a table like any other, which tells how many there are in all.

    >>> flipped = review.samples(gate="pass_rate", outcome="worse", n=5)
    >>> len(flipped), flipped.total, flipped.counts["better"]
    (5, 57, 82)
    """

    _behind: Behind
    _notes: Sequence[Sentence]

    @classmethod
    def of(
        cls, behind: Behind, columns: Sequence[Column[Any]], title: Sentence,
        notes: Sequence[Sentence], lang: str,
    ) -> Self:  # fmt: skip
        """Take rows that were asked for; the first note is the table's own.

        >>> type(review.samples(n=1)).__name__
        'Answers'
        """
        made = cls.from_arrow(behind.rows, columns, title=title, lang=lang, note=notes[0])
        made._behind, made._notes = behind, notes  # noqa: SLF001 -- its own
        return made

    @property
    def total(self) -> int:
        """How many rows there are in the data, of which these are the first.

        >>> review.where(category="rest").samples().total
        70
        """
        return self._behind.total

    @property
    def counts(self) -> Mapping[str, int]:
        """Of prompts side by side: how many there are of each outcome.

        >>> review.where(category="rest").samples().counts["worse"]
        18
        """
        return self._behind.counts

    def __repr__(self) -> str:
        """Show the first rows, at most twelve lines."""
        return self._seen(live=False).text

    def _repr_html_(self) -> str:
        """Show the rows in a notebook; in a live one they can be sorted and searched."""
        return self._seen(live=by_hand()).html

    def _seen(self, *, live: bool) -> Html:
        table = self.to_arrow()
        has_values = [column.null_count < table.num_rows for column in table.columns]
        places = [k for k, column in enumerate(self._columns) if column.brief and has_values[k]]
        names = [(self._columns[k].name, self._columns[k].kind in {"whole", "number"})
                 for k in places]  # fmt: skip
        rows = [[row[k] for k in places] for row in self[:SHOWN]]
        with speaking(self._lang):
            notes = [str(note) for note in self._notes]
            shown = Answered(str(self._title), notes, names, rows, self.total)
            return answered(shown, live=live, first=live and _is_first())


def _is_first() -> bool:
    """Return whether the script has to be brought along: no other cell of this notebook has it."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    cell = str(shell.get_parent().get("metadata", {}).get("cellId", ""))
    if _CELLS and cell not in _CELLS:
        return False
    _CELLS.add(cell)
    return True


def samples_of(
    judged: Judged, query: Wanted, conditions: Sequence[Condition] = (), *, lang: str = "en"
) -> Answers:
    """Bring the samples that are asked for, at most so many; the engine that has them chooses.

    Raises:
        UsageError: what was asked for does not go together, or is not there.
        RunsError: the samples cannot be read, or are not those of the review.
    """
    lists = {"worst": query.worst, "slowest": query.slowest, "issue": query.issue,
             "status": query.status}  # fmt: skip
    named = [name for name, value in lists.items() if value is not None and value is not False]
    with speaking(lang):
        _check(query, named)
        if not named:
            return _side_by_side(judged, query, conditions, lang)
        if query.worst:
            return _worst(judged, query, conditions, lang)
        return _singles(judged, query, conditions, lang)


def _check(query: Wanted, named: Sequence[str]) -> None:
    """Refuse what does not go together."""
    if len(named) > 1:
        raise UsageError("samples() got {names}; ask for one of them at a time.", names=both(named))
    if named and query.outcome is not None:
        raise UsageError(
            "samples() got outcome and {named}: an outcome is of a gate.", named=named[0]
        )
    if named and named != ["worst"] and query.gate is not None:
        raise UsageError(
            "samples() got gate and {named}; ask for one of them at a time.", named=named[0]
        )
    n = query.rows
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:  # pyright: ignore[reportUnnecessaryIsInstance] -- an analyst may pass anything
        raise UsageError(
            "samples() got {n!r} rows; expected a whole number from 1 to {most:,}.", n=n, most=MOST
        )


def _side_by_side(
    judged: Judged, query: Wanted, conditions: Sequence[Condition], lang: str
) -> Answers:
    gate, outcome = query.gate or "pass_rate", query.outcome or "all"
    behind = flips(judged, conditions, gate, outcome, query.n)
    if why := why_none(judged, behind, gate):
        raise UsageError(
            "{why} Single answers are listed by samples(status=…), samples(slowest=…), "
            "samples(issue=…) and samples(worst=…).",
            why=sentence(why, "en"),
        )
    title = translate(judged.plan.gates[gate].title)
    counts = {name: f"{n:,}" for name, n in behind.counts.items()}
    heading = say("{gate}: the same prompt in both arms, {outcome}",
                  gate=title, outcome=_OUTCOMES[outcome])  # fmt: skip
    notes = [say(
        "{every} prompts in both arms: {worse} worse, {better} better, {same} the same.",
        every=counts["all"], worse=counts["worse"], better=counts["better"], same=counts["same"],
    )]  # fmt: skip
    if behind.counts["one arm"]:
        notes.append(say("{n} prompts have a value in one arm only.", n=counts["one arm"]))
    return _answers(judged, behind, heading, notes, conditions, by_prompt(judged, gate), lang)


_OUTCOMES: Final = {
    "all": say("the largest loss first"), "worse": say("worse"), "better": say("better"),
    "same": say("the same"), "both passed": say("both passed"), "both failed": say("both failed"),
}  # fmt: skip


def _worst(judged: Judged, query: Wanted, conditions: Sequence[Condition], lang: str) -> Answers:
    gate = query.gate or "pass_rate"
    question, pair = asked_of(judged, gate), judged.pair
    with readable():
        samples = samples_within(judged, conditions)
        names = sliceable(samples.extras)
        by = query.worst if query.worst in names else SHORT.get(str(query.worst), "")
        if not by:
            hint = did_you_mean(str(query.worst), [*SHORT, *names])
            columns = several([*SHORT, *names], most=20)
            raise UsageError(
                "worst is {worst!r}; expected one of {there}.{hint}",
                worst=plain(str(query.worst), LABEL), there=columns, hint=hint,
            )  # fmt: skip
        behind = groups(samples.frame(), pair, question, by, n=query.n)
    judged.source.runs.check_unchanged()
    if not behind.total:
        raise UsageError(
            "no sample tells its {by} and a value of {gate}.", by=plain(by, LABEL), gate=gate
        )
    heading = say("{gate} by {by}: what costs most first", gate=translate(
        judged.plan.gates[gate].title), by=plain(translate(by), LABEL))  # fmt: skip
    notes = [say("{worse} of {every} lose. The order is loss × samples: a look at many groups that "
                 "nobody planned, without any test.",
                 worse=f"{behind.counts['worse']:,}", every=f"{behind.total:,}")]  # fmt: skip
    return _answers(judged, behind, heading, notes, conditions, by_group(judged, gate, by), lang)


def _singles(judged: Judged, query: Wanted, conditions: Sequence[Condition], lang: str) -> Answers:
    arms, order = _arms(judged, query.arm), None
    with readable():
        samples = samples_within(judged, conditions)
        frame = samples.frame()
        if query.slowest:
            order = latency_expression(judged.plan.evidence.timeout_cap_ms)
            heading = say("The slowest calls")
        elif query.issue:
            tag = ANY_ISSUE if query.issue is True else str(query.issue)
            frame, heading = _with_issue(frame, tag)
        else:
            frame, heading = _with_status(frame, str(query.status))
        behind = singles(frame, arms, order=order, n=query.rows, extras=samples.extras)
        behind = told_texts(judged, behind)
    judged.source.runs.check_unchanged()
    if query.slowest and not behind.total:
        raise UsageError(
            "no sample of {arms} tells its latency; map latency_ms.", arms=several(arms)
        )
    whose = say('Of {arms}; arm="both" lists both.', arms=tuple(plain(a, LABEL) for a in arms))
    return _answers(judged, behind, heading, [whose], conditions, SINGLE, lang)


def _arms(judged: Judged, arm: str) -> tuple[str, ...]:
    control, treatment = judged.pair
    arms = {"control": (control,), "treatment": (treatment,), "both": (control, treatment),
             control: (control,), treatment: (treatment,)}  # fmt: skip
    if arm not in arms:
        hint = did_you_mean(arm, arms)
        raise UsageError("arm is {arm!r}; expected one of {known}.{hint}",
                         arm=plain(arm, LABEL), known=several(arms), hint=hint)  # fmt: skip
    return arms[arm]


def _with_issue(frame: nw.LazyFrame[Any], tag: str) -> tuple[nw.LazyFrame[Any], Sentence]:
    if tag == ANY_ISSUE:
        return frame.filter(nw.col("issues").list.len() > 0), say("Samples with an issue")
    tags = sorted({tag for _, tag in tag_counts(frame)})
    if tag not in tags:
        available = phrase("no sample here carries any")
        if tags:
            available = phrase("there are {tags}", tags=several(tags))
        hint = did_you_mean(tag, tags)
        raise UsageError("no sample carries the issue {tag!r}; {there}.{hint}",
                         tag=plain(tag, LABEL), there=available, hint=hint)  # fmt: skip
    return (frame.filter(nw.col("issues").list.contains(tag)),
            say("Samples with the issue {issue}", issue=plain(tag, LABEL)))  # fmt: skip


def _with_status(frame: nw.LazyFrame[Any], status: str) -> tuple[nw.LazyFrame[Any], Sentence]:
    if status == "edited":
        return frame.filter(nw.col("edited")), say("Samples whose suggested tags were edited")
    statuses = (*STATUSES, "edited")
    if status not in statuses:
        hint = did_you_mean(status, statuses)
        raise UsageError("status is {status!r}; expected one of {known}.{hint}",
                         status=plain(status, LABEL), known=tuple(statuses), hint=hint)  # fmt: skip
    return (frame.filter(nw.col("status") == status),
            say("Samples with the status {status}", status=status))  # fmt: skip


def _answers(
    judged: Judged, behind: Behind, heading: Sentence, notes: Sequence[Sentence],
    conditions: Sequence[Condition], columns: Sequence[Column[Any]], lang: str,
) -> Answers:  # fmt: skip
    lines = [*notes]
    if conditions:
        lines.append(say("Only {slice}.", slice=is_in(conditions)))
    if judged.review.carried:
        lines.append(say("Only this stage's own answers are shown."))
    extras = [_of_source(name) for name in behind.rows.column_names
              if name not in {column.name for column in columns}]  # fmt: skip
    return Answers.of(behind, [*columns, *extras], heading, lines, lang)


def _of_source(name: str) -> Column[Any]:
    if is_scorer(name):
        return number(name, "of a further scorer", "score 0–10", brief=True)
    return text(name, "a column of the source", brief=True)
