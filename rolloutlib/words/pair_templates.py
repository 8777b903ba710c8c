"""Sentences of two files that are compared: are they two runs of the same prompts?"""

from __future__ import annotations

from typing import Final

__all__ = ["PAIRS"]

PAIRS: Final = {
    "material.unnamed": (
        "{rows:,} of {expected:,} rows of arm {arm} name no prompt, so nobody can tell that both "
        "files ran the same; map prompt_id in source.yaml."
    ),
    "material.unlike": (
        "{prompts:,} of the {of:,} prompts of both files have another {named} in each ({example} "
        "is one), so they are not the same; if that is what is compared: --differs {named}."
    ),
    "material.silent": (
        "Only one file tells {named}: nobody knows whether it was the same in arm {arm}."
    ),
    "material.one_file": (
        "Only one file has the column {column}: nobody knows whether {named} was the same in the "
        "{arm}. If that is what is compared: --differs {named}."
    ),
    "pair.copied": (
        "{share:.0%} of the rows ({rows:,} of {of:,}) are the same in both files, the latency "
        "included: copied, not run a second time."
    ),
    "pair.equal": (
        "All {of:,} rows are the same in both files in everything that these tell, so nothing "
        "shows that there were two runs; latencies or answers would."
    ),
    "pair.nearly": (
        "{rows:,} of {of:,} rows are the same in both files in everything that these tell."
    ),
    "pair.same_arm": (
        "The first file says that its arm is {control}, the second {treatment}; name the two that "
        "are to be compared, the control first, or leave the column out in a source.yaml."
    ),
    "pair.unpriced": (
        "{field} is 0 in every row of arm {arm}: no price is known there, which is no saving; "
        "leave {field} out in a source.yaml if it is free."
    ),
    "pair.same_file": (
        "{second} is {first}, byte by byte: a copy, or a part that both runs answered alike."
    ),
    "pair.no_gate": (
        "No gate of the plan judges these scorers of the files: {scorers}; a gate with metric: "
        "score and scorer: NAME in eval.yaml does."
    ),
    "pair.scorer_falls": (
        "{scorer} changes by {change} (p = {p:.2g} after Holm's correction), and no gate of the "
        "plan judges it: is that meant? A gate with metric: score and scorer: {scorer} in "
        "eval.yaml answers for it; with decides.scorers: tell there nobody is asked."
    ),
    "pair.several": (
        "The rows of {file} are of several: {named} is {values}. Which of them is compared? Split "
        "the file, or, if all together are the candidate, leave {named} out in a source.yaml "
        "(--source)."
    ),
    "pair.key": (
        "{field} is the same in both files for every one of {prompts:,} prompts, as a copy, an "
        "expected answer or a mark that the call came back would be. Map the verdict in a "
        "source.yaml (--source); if two runs may agree in all, decides.identical in eval.yaml."
    ),
    "pair.refused": (
        "{rows:,} of {read:,} rows were refused and are in no number; the first: {example}"
    ),
    "pair.broken": "{share:.1%} of the calls of arm {arm} failed: most of it was not measured.",
    "pair.unended": "The eval in {file} may not have ended: {why}.",
    "pair.bounded": (
        "Rows of {file} may be missing: {why}. Write source.yaml (rollout source with the same "
        "files), complete its where, and compare with --source."
    ),
    "pair.asked": "{field} is read from the column {column}, {why}.",
    "pair.unread": (
        "{field} is not judged: the column {column} is left out ({why}). Write source.yaml "
        "(rollout source with the same files) and add under columns, if that is what it is: {line}"
    ),
    "pair.no_outcome": (
        "No gate that says how good the answers are could be judged: {gates}. Speed, errors and "
        "cost alone are no answer."
    ),
    "pair.all_pass": "The evidence passes at every gate that applies ({gates}).",
}
