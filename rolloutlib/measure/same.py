"""Two files that claim to be two runs of the same prompts: is the material alike, is one a copy?

What a source tells of a prompt (its text, category, task, judge …) has to be the same in both arms;
what was measured must not be.
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.measure.per_prompt import by_prompt, row_of
from rolloutlib.reason import because
from rolloutlib.runs.columns import SCHEMA, TEXTS
from rolloutlib.runs.database import quoted
from rolloutlib.runs.further import is_scorer, labels_in

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = [
    "COUNTED",
    "MATERIAL",
    "OUTCOMES",
    "PROMPT",
    "Alike",
    "copied",
    "is_timed",
    "like_keys",
    "same_arm",
    "several",
    "unlike_prompts",
    "unpriced",
]  # fmt: skip

PROMPT_TEXT, ANSWER_TEXT = TEXTS
PROMPT: Final = "prompt"  # what the text of a prompt is called in `differs`
MATERIAL: Final = ("category", "difficulty")
COUNTED: Final = ("cost", "tokens_in", "tokens_out")
ARM: Final = "candidate"  # the segment that files call their arm
SWAPPED: Final = ("treatment", "control")
CANDIDATES: Final = ("candidate", "model", "provider")  # segments that name what is evaluated
SHOWN: Final = 5  # of several values
OUTCOMES: Final = ("passed", "score")
MANY: Final = 20  # prompts whose outcomes two runs hardly share all
# What tells whose row it is, and when: not what was measured in it.
WHOSE: Final = frozenset({
    "run_id", "arm", "started_at", "seed", "profile", "sample_id", "prompt_id", "user_id",
    "session_id", "cluster", *MATERIAL,
})  # fmt: skip
COPIED: Final = 0.5  # share of equal rows, where nearly every latency is another one
NEARLY: Final = 0.9  # where latencies repeat, or as a remark
FINE: Final = 0.5  # latencies that are different, as a share of rows


class Alike(NamedTuple):
    """What keeps every gate from passing, and what a reader should know."""

    blocks: tuple[Reason, ...] = ()
    told: tuple[Reason, ...] = ()


def unlike_prompts(runs: Runs, pair: tuple[str, str], differs: Collection[str]) -> Alike:
    """Say of which prompts the arms do not tell the same.

    Args:
        runs: the samples of both arms, with the texts of prompts where they are known.
        pair: names of the control and the treatment.
        differs: names of what may differ: segments, `category`, `difficulty`, `prompt`.
    """
    texts = {PROMPT_TEXT: PROMPT} if PROMPT_TEXT in runs.texts else {}
    named = {**dict.fromkeys(MATERIAL), **dict.fromkeys(labels_in(runs.extras)), **texts}
    blocks: list[Reason] = []
    doubts: list[Reason] = []
    for column, other in named.items():
        name = other or column
        if name in differs:
            continue
        both, unlike, example = by_prompt(runs, pair, column, name)
        if unlike:
            blocks.append(because("material.unlike", named=name, prompts=unlike, of=both,
                                  example=example))  # fmt: skip
        elif (silent := _silent(runs, pair, column)) is not None:
            doubts.append(because("material.silent", named=name, arm=silent))
    return Alike(tuple(blocks), tuple(doubts))


def _silent(runs: Runs, pair: tuple[str, str], column: str) -> str | None:
    """Return the arm that tells nothing of a column which the other tells; None where both do."""
    counts = (f'count("{column}") FILTER (arm = {quoted(arm)})' for arm in pair)
    old, new = row_of(runs, f"SELECT {', '.join(counts)} FROM samples")
    return None if bool(old) is bool(new) else pair[0] if not old else pair[1]


def copied(runs: Runs, pair: tuple[str, str]) -> Alike:
    """Say whether one arm's rows are the other's.

    A latency is never the same twice, so equal rows with equal latencies are copies. Without
    latencies equal rows may be equal answers: only if all are, nothing shows that there were two
    runs.
    """
    columns = [name for name in SCHEMA.names if name not in WHOSE]
    columns += [name for name in runs.extras if is_scorer(name)]
    columns += [ANSWER_TEXT] if ANSWER_TEXT in runs.texts else []
    alike = ", ".join(f'"{name}"' for name in columns)
    old, new = (f"count(*) FILTER (arm = {quoted(arm)})" for arm in pair)
    cells = f"""SELECT {old} AS old, {new} AS new FROM samples WHERE prompt_id IS NOT NULL
        GROUP BY prompt_id, hash({alike})"""
    equal, before, after = row_of(
        runs, f"SELECT sum(least(old, new)), sum(old), sum(new) FROM ({cells})"
    )
    timed_share, different = row_of(runs, """SELECT count(latency_ms) / greatest(count(*), 1),
        count(DISTINCT latency_ms) / greatest(count(latency_ms), 1) FROM samples
        WHERE prompt_id IS NOT NULL AND NOT coalesce(error, false)""")  # fmt: skip
    rows = int(min(before or 0, after or 0))
    share = int(equal or 0) / rows if rows else 0.0
    facts = {"rows": int(equal or 0), "of": rows, "share": share}
    timed = timed_share >= FINE
    if timed and share >= (COPIED if 2 * different >= FINE else NEARLY):
        return Alike(blocks=(because("pair.copied", **facts),))
    if not timed and share == 1:
        return Alike(blocks=(because("pair.equal", **facts),))
    return Alike(told=(because("pair.nearly", **facts),) if share >= NEARLY else ())


def like_keys(runs: Runs, pair: tuple[str, str], *, guessed: bool) -> list[Reason]:
    """Say which outcome is the same in both arms for every prompt, as an expected answer would be.

    So are verdicts that were copied. A mark that the call came back is the same for all prompts,
    and so may be the verdicts of an easy set: that counts only where a name was `guessed` from.
    """
    reasons: list[Reason] = []
    for column in OUTCOMES:
        both, unlike, _ = by_prompt(runs, pair, column)
        different = row_of(runs, f'SELECT count(DISTINCT "{column}") FROM samples')[0]
        if both >= MANY and not unlike and (guessed or different > 1):
            reasons.append(because("pair.key", field=column, prompts=both))
    return reasons


def unpriced(runs: Runs, pair: tuple[str, str]) -> dict[str, Reason]:
    """Say which costs and tokens are 0 in every row of one arm: no price is known, or nothing."""
    doubts: dict[str, Reason] = {}
    for column in COUNTED:
        totals = (f'sum("{column}") FILTER (arm = {quoted(arm)})' for arm in pair)
        row = row_of(runs, f"SELECT {', '.join(totals)} FROM samples")
        nothing = [arm for arm, total in zip(pair, row, strict=True) if total == 0]
        if len(nothing) == 1:
            doubts[column] = because("pair.unpriced", field=column, arm=nothing[0])
    return doubts


def is_timed(runs: Runs) -> bool:
    """Whether any row tells when it was made, or how long that took."""
    return bool(row_of(runs, "SELECT count(latency_ms) + count(started_at) FROM samples")[0])


def same_arm(runs: Runs, pair: tuple[str, str]) -> tuple[Reason, ...]:
    """Say that both files name the same arm, or each the other's: who is compared with whom?"""
    if ARM not in runs.extras:
        return ()
    query = f'SELECT arm, any_value("{ARM}") FROM samples WHERE "{ARM}" IS NOT NULL GROUP BY arm'
    label_of = dict(runs.relation.query("samples", query).fetchall())
    control, treatment = (label_of.get(arm) for arm in pair)
    if control is None or treatment is None:
        return ()
    if control == treatment or (control.lower(), treatment.lower()) == SWAPPED:
        return (because("pair.same_arm", control=control, treatment=treatment),)
    return ()


def several(runs: Runs, names: Mapping[str, str]) -> tuple[Reason, ...]:
    """Say which arm is no one candidate: its rows name several models.

    Args:
        runs: the samples of both arms.
        names: arm → what its file is called.
    """
    reasons: list[Reason] = []
    for column in (name for name in CANDIDATES if name in runs.extras):
        query = f"""SELECT arm, list_sort(list_distinct(list("{column}"))) FROM samples
            WHERE "{column}" IS NOT NULL GROUP BY arm ORDER BY arm"""
        for arm, values in runs.relation.query("samples", query).fetchall():
            if len(values) > 1 and arm in names:
                reasons.append(because("pair.several", file=names[arm], named=column,
                                       values=tuple(values[:SHOWN])))  # fmt: skip
    return tuple(reasons)
