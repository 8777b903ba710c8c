"""Sentences of people's labels: why they correct nothing, and whether they may be believed."""

from __future__ import annotations

from typing import Final

__all__ = ["LABELS"]

LABELS: Final = {
    "labels.corrected": (
        "{gate}: {point} as people would have it ({control:,} and {treatment:,} labels), {value} "
        "by the judge alone."
    ),
    "labels.judge_alone": (
        "{gate}: the judge's own verdicts decide although people labelled some samples. {why}"
    ),
    "labels.tell": "The plan lets labels be told only (evidence.human_labels: tell).",
    "labels.per_user": "A mean of users is not corrected by labels; use estimand: per_sample.",
    "labels.few": (
        "{labels} units of arm {arm} carry a label; a correction needs at least {least} an arm."
    ),
    "labels.contradict": (
        "People's labels ({control:,} and {treatment:,}) contradict the judge by {change}, more "
        "than chance explains, and are too few to correct it: label more samples of both arms."
    ),
    "labels.selected": (
        "Arm {arm}: people labelled {passed:.1%} of what the judge passed and {failed:.1%} of what "
        "it failed (p = {p:.2g}). The correction weighs both by the judge's verdict; it holds if "
        "labels were drawn at random within each."
    ),
    "labels.selected_score": (
        "Arm {arm}: what people labelled has other scores of the judge than the rest "
        "(p = {p:.2g}). The correction of scores holds only if labels were drawn at random."
    ),
    "labels.copied": (
        "All {labels:,} labels say what the judge said; see whether source.yaml takes people's "
        "verdicts from the judge's own column."
    ),
}
