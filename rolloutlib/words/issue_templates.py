"""Sentences of the top-issue gate: which issue it is about, and a control without any."""

from __future__ import annotations

from typing import Final

__all__ = ["ISSUES"]

ISSUES: Final = {
    "issue.named": "The plan names this issue.",
    "issue.before": (
        "Chosen by the control of an earlier stage, whose samples are not tested here."
    ),
    "issue.only": "The control's only issue.",
    "issue.clear": "The control's most frequent issue, by a clear lead.",
    "issue.held_out": (
        "Chosen by {count:,} of the control's {among:,} {unit}s, which this gate then leaves out."
    ),
    "issue.unseen": (
        "The plan names the issue {issue}, and no sample of the control carries it; correct issue "
        "in plan.yaml, or leave it out there, so that the most frequent one is taken."
    ),
    "issues.nothing": "The control carries no issue, so there is nothing to reduce.",
    "issues.appear": ("The control carries no issue, and in the treatment these appear: {issues}."),
}
