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
    "pair.several": (
        "The rows of {file} are of several: {named} is {values}. Which of them is compared? Split "
        "the file, or, if all together are the candidate, leave {named} out in a source.yaml "
        "(--source)."
    ),
    "pair.key": (
        "{field} is the same in both files for every one of {prompts:,} prompts, as an expected "
        "answer or a mark that the call came back would be; if it is the verdict, say so in a "
        "source.yaml (--source)."
    ),
    "pair.refused": (
        "{rows:,} of {read:,} rows were refused and are in no number; the first: {example}"
    ),
    "pair.unended": "The eval in {file} may not have ended: {why}.",
    "pair.unread": (
        "{field} is not judged: the column {column} is left out ({why}). Say in a source.yaml what "
        "it means (rollout source drafts it; then --source)."
    ),
    "pair.no_outcome": (
        "No gate that says how good the answers are could be judged: {gates}. Speed, errors and "
        "cost alone are no answer."
    ),
    "pair.all_pass": "The evidence passes at every gate that applies ({gates}).",
}
