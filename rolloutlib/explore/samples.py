"""The columns of samples: prompts side by side, groups, and single samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.explore.described import flag, moment, number, text, whole
from rolloutlib.plan.metrics import metric_record

if TYPE_CHECKING:
    from rolloutlib.explore.tables import Column
    from rolloutlib.judge.review import Judged

__all__ = ["SINGLE", "by_group", "by_prompt", "unit_of"]


def unit_of(judged: Judged, gate: str) -> str:
    """Return the unit of a sample's number that a gate is about."""
    record = metric_record(judged.plan.gates[gate].metric)
    named = {"proportion": "share", "score": "score 0–10", "ms": "ms", "tokens": "tokens",
             "cost": "as the source has it"}  # fmt: skip
    return named.get(record.unit, "count")


def by_prompt(judged: Judged, gate: str) -> tuple[Column[Any], ...]:
    """Describe the columns of prompts side by side."""
    unit = unit_of(judged, gate)
    of_arms: list[Column[Any]] = []
    for arm in ("control", "treatment"):
        example = f"of the {arm}'s answer that shows the change most"
        of_arms += [
            text(f"{arm}_status", f"{example}: passed, failed, vetoed, error or timeout",
                 brief=True),
            number(f"{arm}_score", example, "score 0–10", brief=True),
            number(f"{arm}_latency_ms", example, "ms", brief=True),
            text(f"{arm}_issues", f"{example}: its issue tags", brief=True),
            text(f"{arm}_veto_reason", f"{example}: why it was vetoed"),
            flag(f"{arm}_edited", f"{example}: whether a person changed the suggested tags"),
            text(f"{arm}_user_id", f"{example}: whose it is"),
            text(f"{arm}_run_id", f"{example}: its run"),
            text(f"{arm}_sample_id", f"{example}: its id"),
            text(f"{arm}_answer", f"{example}: what was answered, where source.yaml maps it",
                 brief=True),
        ]  # fmt: skip
    return (
        text("prompt_id", "the prompt that both arms answered", brief=True),
        text("category", "its category", brief=True),
        text("difficulty", "its difficulty"),
        number("control", f"mean of {gate}'s number over the control's answers", unit, brief=True),
        number("treatment", "the same of the treatment's", unit, brief=True),
        number("change", "treatment − control", unit),
        whole("n_control", "answers of the control"),
        whole("n_treatment", "answers of the treatment"),
        *of_arms,
        text("prompt_text", "what was asked, where source.yaml maps it", brief=True),
    )  # fmt: skip


def by_group(judged: Judged, gate: str, by: str) -> tuple[Column[Any], ...]:
    """Describe the columns of groups."""
    unit = unit_of(judged, gate)
    return (
        text(by, "the group", brief=True),
        number("control", f"mean of {gate}'s number; null where the control lacks the group", unit,
               brief=True),
        number("treatment", "the same of the treatment", unit, brief=True),
        number("change", "treatment − control", unit, brief=True),
        whole("n_control", "samples of the control", brief=True),
        whole("n_treatment", "samples of the treatment", brief=True),
        number("cost", "loss × samples of the treatment; where the control lacks the group, "
               "against the control's mean over all", f"{unit} × samples", brief=True),
    )  # fmt: skip


SINGLE: Final[tuple[Column[Any], ...]] = (
    text("arm", "whose sample it is", brief=True),
    text("prompt_id", "the prompt", brief=True),
    text("user_id", "the user", brief=True),
    text("category", "its category", brief=True),
    text("difficulty", "its difficulty"),
    text("status", "passed, failed, vetoed, error or timeout", brief=True),
    number("score", "its score", "score 0–10", brief=True),
    number("latency_ms", "its latency; null where a timeout told none", "ms", brief=True),
    text("issues", "its issue tags", brief=True),
    text("veto_reason", "why it was vetoed", brief=True),
    flag("edited", "whether a person changed the suggested tags"),
    moment("started_at", "start of its run or sample"),
    text("run_id", "its run"),
    text("sample_id", "its id"),
    text("prompt_text", "what was asked, where source.yaml maps it", brief=True),
    text("answer_text", "what was answered, where source.yaml maps it", brief=True),
)
