"""Sentences of slices and of answers: what a part of the samples cannot show, and why."""

from __future__ import annotations

from typing import Final

__all__ = ["SLICES"]

SLICES: Final = {
    "slice.arm_empty": "no sample of arm {arm} is in this slice.",
    "slice.no_issue": "no sample of the control in this slice carries the issue.",
    "slice.one_arm": (
        "a limit of the treatment alone: compare the bounds with it; no p against the control."
    ),
    "slice.untested": "the samples do not vary, so there is no test.",
    "answers.no_gate": "No gate has data, so there are no answers to lay side by side.",
    "answers.unnamed": (
        "An arm names no prompt, so answers cannot be laid side by side; map prompt_id in "
        "source.yaml."
    ),
    "answers.unshared": (
        "The arms share no prompt ({prompts:,} are in one arm only), so no answer flipped: each is "
        "the answer to a question of its own."
    ),
    "answers.no_value": "No sample tells what {gate} is about.",
    "answers.none_worse": "{gate}: none of the {prompts:,} prompts of both arms got worse.",
}
