"""Worlds that are worse than they look: each changes one thing in a world that is GO."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from tests.honest.worlds import (
    CONTROL,
    TREATMENT,
    World,
    base,
    chance,
    number,
    one,
    put,
    share,
    treated,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable


# --- values that are missing ----------------------------------------------------------------------


def score_missing() -> World:
    """The judge failed on the treatment's bad answers."""
    rows = base(score=-0.6)
    gone = treated(rows) & (rows["score"] < 7.3)
    rows["score"] = rows["score"].mask(gone)
    why = "the treatment's low scores are missing; it is 0.6 worse"
    return one(rows, why, "(?i)score", share(gone[treated(rows)]))


def control_scores_missing() -> World:
    """The control's good answers have no score, so that it looks worse than it is."""
    rows = base(score=-0.6)
    gone = ~treated(rows) & (rows["score"] > 7.3)
    rows["score"] = rows["score"].mask(gone)
    why = "the control's high scores are missing; the treatment is 0.6 worse"
    return one(rows, why, "(?i)score", "control", share(gone[~treated(rows)]))


def few_scores_missing() -> World:
    """Below any allowed share, but the worst case does not clear the limit."""
    rows = base(score=0.0)
    low = rows.loc[treated(rows), "score"].nsmallest(27).index
    rows.loc[low, "score"] = np.nan
    why = "1.8 % of the scores are missing; as zeros they take 0.13 from the mean"
    return one(rows, why, "(?i)score", number("1.8%", "27"))


def edits_unconfirmed() -> World:
    """Only what nobody changed was saved."""
    rows = base()
    gone = treated(rows) & chance(rows, 0.9, 3)
    rows = put(put(rows, "conf", treated(rows), ["a", "b"]), "conf", gone, None)
    why = "nine of ten suggestions were never confirmed, the rest are as suggested"
    return one(rows, why, "(?i)edit|confirm", share(gone[treated(rows)]), kind="jsonl")


def edits_unsaved() -> World:
    """Confirmed tags are missing just where a person changed them."""
    rows = base()
    edited = treated(rows) & chance(rows, 0.4, 4)
    rows = put(put(rows, "conf", treated(rows), ["a", "b"]), "conf", edited, None)
    why = "two in five suggestions were edited, and just those are not saved"
    return one(rows, why, "(?i)edit|confirm", share(edited[treated(rows)]), kind="parquet")


def timeouts() -> World:
    """Timeouts without a latency."""
    rows = base()
    late = treated(rows) & chance(rows, 0.03, 5)
    rows["status"], rows["ms"] = rows["status"].mask(late, "timeout"), rows["ms"].mask(late)
    why = "three in a hundred answers never came, and have no latency"
    return one(rows, why, "(?i)error|timeout", share(late[treated(rows)]))


def slow_unmeasured() -> World:
    """What was slow has no latency."""
    rows = base()
    slow = treated(rows) & chance(rows, 0.08, 6)
    rows["ms"] = rows["ms"].mask(slow)
    why = "8 % of the treatment took three seconds, and were not measured"
    return one(rows, why, "(?i)latenc", share(slow[treated(rows)]))


def aborted() -> World:
    """A few outcomes are a word that nobody mapped: they may all be errors."""
    rows = base()
    rows.loc[rows.index[treated(rows)][::80], "status"] = "aborted"
    return one(rows, "1.3 % aborted, where 1 % may be errors", number("1.3%", "1.27%", "19"))


def unknown_word() -> World:
    """The treatment's vetoes are written with a word of its own, which nobody mapped."""
    rows = base()
    hit = treated(rows) & (rows["status"] != "passed")
    rows["status"] = rows["status"].mask(hit, "blocked")
    why = "what is no pass in the treatment is called blocked"
    return one(rows, why, "treatment", share(hit[treated(rows)]))


def unknown_word_mapped() -> World:
    """The same where source.yaml lists the words, without that one."""
    words = "statuses: {passed: passed, failed: failed, vetoed: vetoed}\n"
    world = unknown_word()
    return World(world.parts, world.why, world.causes, yaml=words)


def diluted_by(rows: pd.DataFrame, gone: pd.Series[bool], arms: int) -> pd.DataFrame:
    """Blank outcomes, and add arms of clean rows beside them."""
    rows["status"] = rows["status"].mask(gone, "aborted")
    quiet = rows[~treated(rows)]
    shadows = [
        quiet.assign(arm=f"v{k}", run=f"v{k}-" + quiet["run"], prompt=quiet["prompt"])
        for k in range(arms)
    ]
    return pd.concat([rows, *shadows], ignore_index=True)


def diluted() -> World:
    """Other arms make the share of unknown outcomes look small."""
    rows = base(n=300, better=0.0)
    gone = treated(rows) & (rows["status"] != "passed") & chance(rows, 0.8, 5)
    cause = share(gone[treated(rows)])
    return one(diluted_by(rows, gone, 4), "a tenth is an unknown word; four arms dilute it", cause)


def diluted_by_control() -> World:
    """A control nine times as large makes the share look small."""
    rows = base(n=1500, better=-0.02).drop(columns=["prompt"])
    rows = rows[~treated(rows) | (rows.index // 2 % 9 == 0)].reset_index(drop=True)
    gone = treated(rows) & (rows["status"] != "passed")
    rows["status"] = rows["status"].mask(gone, "aborted")
    return one(rows, "all that is no pass is an unknown word", share(gone[treated(rows)]))


# --- rows that are absent -------------------------------------------------------------------------


def _absent(part: float, *, worst: bool, of: str = TREATMENT) -> tuple[pd.DataFrame, str]:
    rows = base(n=400, better=0.0 if worst else 0.04)
    of_arm = rows[rows["arm"] == of].sample(frac=1, random_state=4)
    if worst:
        of_arm = of_arm.sort_values("status", key=lambda status: status == "passed", kind="stable")
    gone = int(part * len(of_arm))
    left = rows.drop(index=of_arm.index[:gone]).reset_index(drop=True)
    return left, number(f"{part:.0%}", f"{part:.1%}", f"{gone}", f"{gone:,}")


def rows_absent() -> World:
    """The failures, and more, have no row."""
    rows, cause = _absent(0.6, worst=True)
    return one(rows, "60 % of the treatment's prompts have no row, failures first", cause)


def rows_absent_40() -> World:
    """Beyond a tenth, the design must not change in silence."""
    rows, cause = _absent(0.4, worst=True)
    return one(rows, "40 % of the treatment's prompts have no row, failures first", cause)


def rows_absent_5() -> World:
    """Just the failures have no row."""
    rows, cause = _absent(0.05, worst=True)
    return one(rows, "5 % of the treatment's prompts have no row, all failures", cause)


def rows_absent_30_at_random() -> World:
    """Nobody can know that it was at random."""
    rows, cause = _absent(0.3, worst=False)
    return one(rows, "30 % of the treatment's prompts have no row, at random", cause)


def control_absent_50() -> World:
    """Half of the control has no row."""
    rows, cause = _absent(0.5, worst=False, of=CONTROL)
    return one(rows, "half of the control's prompts have no row, at random", cause)


def absent_apart() -> World:
    """Each prompt is in one arm only."""
    rows = base(n=1000)
    place = rows["sid"].str[1:].astype(int)
    rows = rows[(place % 2 == 0) == treated(rows)].reset_index(drop=True)
    why = "no prompt is in both arms: halves of it are absent, and not the same"
    return one(rows, why, "(?i)prompt", number("0%", "0.0%", "1,500", "1500", "3,000", "3000"))


def run_stopped() -> World:
    """A run of the treatment ended before its hard half."""
    rows = base()
    gone = (rows["run"] == "t2") & (rows["sid"].str[1:].astype(int) >= 250)
    left = rows[~gone].reset_index(drop=True)
    return one(left, "the treatment's last run lacks its second half", share(gone[treated(rows)]))


def run_absent() -> World:
    """One of the treatment's three runs is not there at all."""
    rows = base()
    gone = rows["run"] == "t1"
    left = rows[~gone].reset_index(drop=True)
    return one(left, "one of three runs of the treatment is absent", share(gone[treated(rows)]))


# --- other material -------------------------------------------------------------------------------


def other_prompts() -> World:
    """The arms share 30 % of the prompts; the rest of the treatment's are easy."""
    rng, rows = np.random.default_rng(6), base(n=1000)
    place, t = rows["sid"].str[1:].astype(int), treated(rows)
    rows = rows[np.where(t, place < 650, place >= 350)].reset_index(drop=True)
    hard, t = rows["sid"].str[1:].astype(int) >= 500, treated(rows)
    passes = rng.random(len(rows)) < np.where(hard, 0.80, 0.99) - 0.08 * t
    rows["status"] = np.where(passes, "passed", "failed")
    why = "30 % of all prompts are in both arms; −8 pp on every prompt"
    return one(rows, why, "(?i)prompt|pass rate", number("30%", "30.0%", "900") + "|−8|-8")


def _mixed(column: str, values: tuple[str, str]) -> World:
    """Both arms have as many rows, the treatment more of the easy kind; no prompts to pair by."""
    rng, rows = np.random.default_rng(9), base(n=1000).drop(columns=["prompt"])
    t = treated(rows)
    easy = rng.random(len(rows)) < np.where(t, 0.8, 0.5)
    rows[column] = np.where(easy, *values)
    passes = rng.random(len(rows)) < np.where(easy, 0.99, 0.80) - 0.03 * t
    rows["status"] = np.where(passes, "passed", "failed")
    field = {"cat": "category"}.get(column, column)
    cause = number(*(f"{easy[t].mean():.{k}%}" for k in (0, 1)), f"{easy[t].sum():,}")
    columns = ((field, column),)
    why = "80 % of the treatment's rows are easy, 50 % of the control's; −3 pp on each"
    return one(rows, why, field, cause, columns=columns)


def category_mix() -> World:
    """More of the easy category in the treatment."""
    return _mixed("cat", ("qa", "sum"))


def difficulty_mix() -> World:
    """More easy rows in the treatment."""
    return _mixed("difficulty", ("easy", "hard"))


# --- copies ---------------------------------------------------------------------------------------


def _clean(n: int = 67) -> pd.DataFrame:
    """Return 201 rows an arm, whose treatment has no failure: too few to prove 1 % of errors."""
    rows = base(n=n)
    rows = put(rows, "tags", treated(rows), [])
    return rows.assign(status=rows["status"].mask(treated(rows), "passed"))


def few() -> World:
    """What the copies are of: itself no GO, for want of rows."""
    return one(_clean(), "201 rows an arm prove no 1 % of errors", "(?i)error")


def rows_twice() -> World:
    """Every row stands twice, without any id."""
    rows = _clean().drop(columns=["sid", "prompt"])
    why = "every row stands twice: 201 rows an arm, not 402"
    return one(pd.concat([rows, rows]), why, number("201", "402", "50%", "50.0%"))


def copies_in_file() -> World:
    """A pasted copy under another file's name, without run ids."""
    rows = _clean().drop(columns=["run", "sid", "prompt"])
    parts = {"monday": rows, "copy": rows}
    return World(parts, "the same export twice", (number("201", "402", "50%", "50.0%"),))


def copies_in_run() -> World:
    """The same rows under other run ids: copied, not measured again."""
    rows = _clean()
    rows = pd.concat([rows, rows.assign(run=rows["run"] + "b")], ignore_index=True)
    return one(rows, "every run stands twice, under two ids", number("201", "402", "50%", "50.0%"))


def copies_on_date() -> World:
    """The same rows, each day's export of the same runs."""
    rows = _clean()
    later = [f"2026-10-{25 + int(run[1])}T10:00:00+09:00" for run in rows["run"]]
    copied = rows.assign(at=later, run=rows["run"] + "-again")
    why = "the same rows three days later"
    return World({"first": rows, "then": copied}, why, (number("201", "402", "50%", "50.0%"),))


def cumulative() -> World:
    """Each day's export holds all days so far."""
    rows = _clean().drop(columns=["run"])
    days = [rows[rows["at"] <= f"2026-10-{22 + day}T23"] for day in range(3)]
    parts = {f"export-{day}": part for day, part in enumerate(days)}
    return World(parts, "three daily exports, each with all days so far", (number("201"),))


def repeats() -> World:
    """A cache answered: forty answers of each arm, twenty-seven times."""
    rows = pd.concat([base(n=14).head(80)] * 27, ignore_index=True)
    rows = rows.assign(run=rows["arm"].str[0] + (rows.index // 720).astype(str))
    rows = put(rows, "tags", treated(rows), [])
    rows["status"] = rows["status"].mask(treated(rows), "passed")
    why = "1,080 rows an arm, 40 answers"
    return one(rows.drop(columns=["sid"]), why, number("40", "1,040", "1040", "96%", "96.3%"))


# --- issues ---------------------------------------------------------------------------------------


def nothing_as_text() -> World:
    """`[]` is a word for nothing."""
    rows = base()
    flawed = pd.Series(treated(rows) & chance(rows, 0.46, 7))
    rows = put(put(rows, "tags", treated(rows), []), "tags", flawed, ["hallucination"])
    rows["tags"] = rows["tags"].map(json.dumps)
    cause = number(*(f"{flawed[treated(rows)].mean():.{k}%}" for k in (0, 1)), "2.8", "2.9", "3.0")
    why = "lists as JSON text; hallucinations rise from 16 % to 46 %"
    return one(rows, why, "hallucination", cause + r"|×[23]\.\d", texts=("tags",))


def spelling() -> World:
    """The treatment writes its worst issue with a capital and a space."""
    rows = base()
    flawed = treated(rows) & chance(rows, 0.3, 7)
    rows = put(put(rows, "tags", treated(rows), []), "tags", flawed, ["Hallucination "])
    why = "hallucinations rise from 16 % to 30 %, written otherwise"
    return one(rows, why, "(?i)hallucination", r"×[12]\.\d", kind="jsonl")


def new_issue() -> World:
    """An issue that the control never had."""
    rows = base()
    new = treated(rows) & chance(rows, 0.41, 8)
    rows["tags"] = [
        [*tags, "factual_error"] if hit else tags
        for tags, hit in zip(rows["tags"], new, strict=True)
    ]
    cause = number(*(f"{new[treated(rows)].mean():.{k}%}" for k in (0, 1)))
    return one(rows, "factual errors rise from 0 to 41 %", "factual_error", cause)


def fifth_issue() -> World:
    """Four issues fall; the fifth, rare in the control, rises."""
    rng, rows = np.random.default_rng(12), base()
    t = treated(rows).to_numpy()
    chances = {f"tag{k}": np.where(t, 0.04, 0.16 - 0.02 * k) for k in range(4)}
    chances["unsafe"] = np.where(t, 0.06, 0.01)
    hits = {tag: rng.random(len(rows)) < chance for tag, chance in chances.items()}
    tags = [[tag for tag, hit in hits.items() if hit[i]] for i in range(len(rows))]
    rows["tags"] = tags
    cause = share(pd.Series(hits["unsafe"][t]))
    return one(rows, "a rare issue rises from 1 % to 6 %", "unsafe", cause)


def first_issues() -> World:
    """The control has no issue at all, the treatment in a tenth of its rows."""
    rows = base()
    flawed = treated(rows) & chance(rows, 0.1, 13)
    rows = put(put(rows, "tags", [True] * len(rows), []), "tags", flawed, ["hallucination"])
    cause = number(*(f"{flawed[treated(rows)].mean():.{k}%}" for k in (0, 1)))
    return one(rows, "the control has no issue, the treatment 10 %", "hallucination", cause)


# --- units ----------------------------------------------------------------------------------------


def seconds_as_ms() -> World:
    """Two and a half seconds are no 2.5 milliseconds."""
    rows = base()
    rows["ms"] = (rows["ms"] / 500).round(4)
    cause = number(f"{rows.loc[treated(rows), 'ms'].median():.1f}", "2.7", "2.68", "3")
    return one(rows, "latencies are seconds; the mean is 2,700 ms", "(?i)latenc", cause + r"| ms")


def fractions_as_points() -> World:
    """A score of 0.8 of 1 is no 0.8 of 10."""
    rows = base(score=-0.6)
    rows["score"] = rows["score"] / 10
    return one(rows, "scores are fractions; the treatment is 0.6 points worse", "(?i)score", r"\d")


def control_before() -> World:
    """The control was measured thirty days before the treatment."""
    rows = base()
    rows["at"] = rows["at"].mask(~treated(rows), rows["at"].str.replace("2026-10", "2026-09"))
    return one(rows, "the control ran in September, the treatment in October", "0%", "2026-09")


def later_runs() -> World:
    """Whole and plan's rule pass; the last three of ten runs are worse than those before."""
    rows = base(n=400, runs=10, better=0.08)
    rows["at"] = [f"2026-10-{15 + int(run[1])}T10:00:00+09:00" for run in rows["run"]]
    late = treated(rows) & rows["run"].str[1].isin(["7", "8", "9"])
    lost = late & (rows["sid"].str[1:].astype(int) % 11 == 0)
    why = "the treatment loses every eleventh answer in its last three runs"
    return one(
        rows.assign(status=rows["status"].mask(lost, "failed")), why, "last 3 runs", "7 before"
    )


WORLDS: Final[dict[str, Callable[[], World]]] = {
    make.__name__: make
    for make in (
        score_missing, edits_unconfirmed, rows_absent, diluted, other_prompts, nothing_as_text,
        rows_twice, new_issue,
        control_scores_missing, few_scores_missing, edits_unsaved, timeouts, slow_unmeasured,
        aborted, unknown_word, unknown_word_mapped, diluted_by_control, rows_absent_40,
        rows_absent_5, rows_absent_30_at_random, control_absent_50, absent_apart, run_stopped,
        run_absent, category_mix, difficulty_mix, few, copies_in_file, copies_in_run,
        copies_on_date, cumulative, repeats, spelling, fifth_issue, first_issues, seconds_as_ms,
        fractions_as_points, control_before, later_runs,
    )
}  # fmt: skip
