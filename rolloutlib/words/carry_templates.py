"""Sentences of carried evidence: why an earlier stage does not count, or was left out."""

from __future__ import annotations

from typing import Final

__all__ = ["CARRIES"]

CARRIES: Final = {
    "carry.none": "the plan lets each stage stand alone (evidence.carries).",
    "carry.gap": "stage {stage} is not carried, and nothing is carried across a gap.",
    "carry.unreadable": "its runs are no evidence: {message}",
    "carry.stage": (
        "{count} runs in it tell other stages than {stage}; stages are named downwards, from the "
        "one before."
    ),
    "carry.untold": (
        "arm {arm} does not tell its {field} at both stages, so nobody can tell whether it is the "
        "same candidate."
    ),
    "carry.strategy": (
        "arm {arm} ran with another strategy there ({strategies}; here {now}), so it is another "
        "candidate."
    ),
    "carry.flags": (
        "arm {arm} ran with other flags there ({flags}; here {now}), so it is another candidate."
    ),
    "carry.profile": "it ran under another guardian profile ({profile}; here {now}).",
    "carry.adjusts": "the covariate's slope is of one stage; leave adjust out to carry evidence.",
    "carry.blocked": "its own data prove nothing: {why}",
    "carry.unit": "its units are {unit}s and here {now}s.",
    "carry.runs": "these runs are in both stages: {runs}.",
    "carry.copies": "{share:.0%} of its samples are copies of samples that count already.",
    "carry.contradicts": (
        "This stage's own samples prove the limit broken; with those of earlier stages they pass, "
        "so the stages do not show the same candidate."
    ),
    "carry.left_out": (
        "Stage {stage} of the same candidate was decided on ({decision}), and its evidence does "
        "not count here: nothing may be left out because of what it says (--carry)."
    ),
    "carry.other_runs": (
        "Stage {stage} counts with other runs than those that {decision} decided on."
    ),
    "carry.refused": "Stage {stage} is not carried ({source}): {why}",
}
