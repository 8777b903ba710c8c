"""Sentences of a gate that is judged by a share: how many are slower, and how many may be.

A percentage alone says nothing of a latency. These stand in the place of their code's own sentence
where the reason carries `slower_than`, in ms.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SHARES", "SLOWER"]

SLOWER: Final = "slower_than"  # the fact
SHARES: Final = {
    "gate.broken": (
        "{gate}: {point} are slower than {slower_than}, at best {best}; at most {limit} may be, "
        "which is proven broken."
    ),
    "gate.unproven": (
        "{gate}: {point} are slower than {slower_than}, but it could be as many as {worst}; at "
        "most {limit} may be, which is not proven."
    ),
    "missing.worst": (
        "{share:.1%} of arm {arm} are missing ({rows:,} of {expected:,}); if all of them are bad, "
        "{worst} could be slower than {slower_than}; at most {limit} may be, which is not proven."
    ),
    "evidence.unseen": (
        "The bound shows at most {limit} slower than {slower_than}, but {units:,} {unit}s can all "
        "miss a trouble that {share:.1%} of all {unit}s have; at its worst {value} are slower. "
        "{enough:,} {unit}s would show it."
    ),
    "drift.worse": (
        "{gate}: in the last {late} runs {value} are slower than {slower_than}, in the {early} "
        "before {point} (p = {p:.2g} after Holm's correction). They do not measure the same thing: "
        "find what changed in between, and judge the runs since then."
    ),
    "drift.harmless": (
        "{gate}: in the last {late} runs {value} are slower than {slower_than}, in the {early} "
        "before {point} (p = {p:.2g} after Holm's correction). They do not measure the same thing, "
        "though the last ones alone prove the limit of this stage."
    ),
    "drift.better": (
        "{gate}: in the last {late} runs {value} are slower than {slower_than}, in the {early} "
        "before {point} (p = {p:.2g} after Holm's correction). They do not measure the same thing, "
        "though it got better; the evidence pools all of them."
    ),
    "moved.proof": (
        "At this stage at most {value} could be slower than {slower_than}, and at most {limit} "
        "may be now."
    ),
}
