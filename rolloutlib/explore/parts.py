"""The columns of a review's other tables: issues, checks, runs, arms, reasons, files, risks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.explore.described import flag, moment, number, said, text, whole
from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from rolloutlib.explore.tables import Column
    from rolloutlib.judge.record import CheckResult, QuarantineGroup
    from rolloutlib.judge.risks import RiskState
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.carried import CarriedStage
    from rolloutlib.measure.completeness import Completeness
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.segments import IssueRate
    from rolloutlib.reason import Reason
    from rolloutlib.runs.quarantine import InputFile

__all__ = [
    "ARMS", "CARRIED", "CHECKS", "COMPLETENESS", "INPUTS", "ISSUES", "QUARANTINE", "REASONS",
    "RISKS", "RUNS", "SAMPLES",
]  # fmt: skip

ISSUES: Final[tuple[Column[IssueRate], ...]] = (
    text("tag", f"the issue; {ANY_ISSUE} is any issue at all", brief=True),
    whole("rank", "1–3 among the control's issues; null: shown for another reason", brief=True),
    number("control_share", "of the control's samples that carry it", "share", "control",
           brief=True),
    number("treatment_share", "of the treatment's samples that carry it", "share", "treatment",
           brief=True),
    number("ratio", "treatment / control; null where the control has none", "ratio", "point",
           brief=True),
    number("ratio_lower", "its one-sided lower bound; null beside a ratio is no bound", "ratio",
           "lower", brief=True),
    number("ratio_upper", "its one-sided upper bound; null beside a ratio is no bound", "ratio",
           "upper", brief=True),
    number("p_fall_holm", "one-sided test that the rate fell, adjusted (Holm) over ranked issues",
           "p-value", "p_holm"),
    number("p_rise_holm", "one-sided test that it rose, adjusted (Holm) over all issues",
           "p-value", "p_rise"),
    flag("rises", "whether the rise holds after the adjustment", brief=True),
    flag("vanishes", "whether only the control has it, beyond chance: another word may be meant"),
)  # fmt: skip

CHECKS: Final[tuple[Column[CheckResult], ...]] = (
    text("id", "the check's id in params/plan.yaml", brief=True),
    text("title", "its name, as the plan has it"),
    flag("holds", "by the evidence; null while there is none: the check is open", brief=True),
    text("why", "what the evidence says, or what is missing", said("why"), brief=True),
    text("why_code", "the same for programs (docs/review.md)", "why.code"),
    text("evidence", "files, relative to the evidence folder or the workbook",
         lambda check: check.evidence or None),
    text("sha256", "digests of these files", lambda check: check.sha256 or None),
    moment("at", "the time that the oldest of the evidence tells"),
    flag("simulated", "whether the evidence says that it is not from real work"),
)  # fmt: skip

RUNS: Final[tuple[Column[RunRow], ...]] = (
    text("run_id", "the run's id", brief=True),
    text("arm", "whose run it is", brief=True),
    moment("started_at", "its start; null where the source carries no time", brief=True),
    moment("last_at", "start of its last sample, else its own"),
    text("replicate", "the same for runs that repeat seed and prompts, which count as one"),
    whole("n", "samples", brief=True),
    number("pass_share", "of its samples that passed", "share", "pass_rate", brief=True),
    number("score_0_10", "mean score", "score 0–10", "avg_score", brief=True),
    number("latency_ms", "mean latency, each sample's at most the plan's cap", "ms",
           "avg_latency_ms", brief=True),
    number("vetoed_share", "of its samples that were vetoed", "share", "vetoed", brief=True),
    flag("averaged", "whether it is among the last runs that the plan averages"),
)  # fmt: skip

ARMS: Final[tuple[Column[ArmSummary], ...]] = (
    text("arm", "its name", brief=True),
    whole("runs", "how many", brief=True),
    whole("samples", "how many", brief=True),
    whole("users", "how many; null where the source does not tell", brief=True),
    whole("prompts", "how many; null where the source does not tell", brief=True),
    text("flags", "as the runs tell them", lambda arm: None if arm.flags is None else
         tuple(f"{name}={value}" for name, value in arm.flags.items())),
    text("profiles", "guardian profiles of the runs", lambda arm: arm.profiles or None),
    text("strategies", "strategy hashes of the runs", lambda arm: arm.strategies or None),
    moment("first", "start of the first run", brief=True),
    moment("last", "start of the last run", brief=True),
    whole("copies", "rows that repeat others and count once"),
    flag("simulated", "whether a run says of itself that it is no real one"),
)  # fmt: skip

REASONS: Final[tuple[Column[Reason], ...]] = (
    text("code", "what programs branch on (docs/review.md)", brief=True),
    text("sentence", "the same for people", sentence, brief=True),
)

COMPLETENESS: Final[tuple[Column[Completeness], ...]] = (
    text("arm", "its name", brief=True),
    text("metric", "what is measured", brief=True),
    whole("expected", "values that are due", brief=True),
    whole("known", "values that are there", brief=True),
    whole("unreadable", "values of rows that were refused"),
    whole("absent", "values of samples that the other arm has and this one should have too"),
    number("missing_share", "of the due values", "share", "missing", brief=True),
)

QUARANTINE: Final[tuple[Column[QuarantineGroup], ...]] = (
    text("expectation", "what was expected of the rows", brief=True),
    whole("rows", "rows that are no evidence for it", brief=True),
    text("example", "one of them", brief=True),
)

INPUTS: Final[tuple[Column[InputFile], ...]] = (
    text("name", "the file", brief=True),
    text("sha256", "digest of its bytes", lambda file: file.sha256 or None),
    text("dialect", "what kind of file it is"),
    whole("read", "its rows", brief=True),
    whole("kept", "rows that are evidence", brief=True),
    whole("quarantined", "rows that are none", brief=True),
    whole("set_aside", "rows of other reviews", brief=True),
    whole("copies", "rows that repeat others"),
)

CARRIED: Final[tuple[Column[CarriedStage], ...]] = (
    whole("stage", "the earlier stage", brief=True),
    text("source", "the folder, file or store, as it was named", brief=True),
    text("why_not", "why it is not carried; null where it is", said("why"), brief=True),
    whole("n_control", "samples of the control", "control", brief=True),
    whole("n_treatment", "samples of the treatment", "treatment", brief=True),
    text("runs", "ids of the runs of both arms", lambda week: week.runs or None),
    text("data_sha256", "digest of its samples", lambda week: week.data_sha256 or None),
)

RISKS: Final[tuple[Column[RiskState], ...]] = (
    text("id", "the line's id in params/plan.yaml", brief=True),
    text("risk", "in the plan's words", brief=True),
    text("feature", "whose flag or knob answers it"),
    text("state", "fires, quiet or open", brief=True),
    text("seen", "what its strongest signal says", said("seen"), brief=True),
    text("decides", "what the plan lets it do: rollback, hold or tell"),
    flag("sure", "whether a bound is beyond its limit, too, or people say so"),
    text("mitigation", "in the plan's words"),
    text("changes", "what to do now", said("changes")),
)

SAMPLES: Final[tuple[Column[Any], ...]] = (
    text("run_id", "the run"),
    text("arm", "whose sample it is", brief=True),
    moment("started_at", "its start; null where the source carries no time"),
    whole("seed", "of the run"),
    text("profile", "guardian profile of the run"),
    text("sample_id", "its id within the run", brief=True),
    text("prompt_id", "the same in both arms where prompts are shared", brief=True),
    text("user_id", "who got the answer"),
    text("session_id", "in which session"),
    text("category", "as the source has it", brief=True),
    text("difficulty", "as the source has it"),
    text("status", "passed, failed, vetoed, error or timeout", brief=True),
    flag("passed", "whether it passed", brief=True),
    flag("vetoed", "whether the guardian refused it"),
    flag("error", "whether there was no answer: an error or a timeout"),
    number("score", "of the answer", "score 0–10", brief=True),
    number("latency_ms", "from request to answer, not capped", "ms", brief=True),
    text("issues", "its tags"),
    text("veto_reason", "why the guardian refused it"),
    whole("style_violations", "how many"),
    flag("edited", "whether suggested tags were edited by hand"),
    number("covariate", "what score and latency may be adjusted for", "as the source has it"),
    flag("suggested", "whether tags were suggested"),
    text("cluster", "what samples that are not independent have in common"),
    text("suggested_tags", "the tags that were suggested"),
    number("cost", "of the answer", "as the source has it"),
    whole("tokens_in", "tokens of the prompt"),
    whole("tokens_out", "tokens of the answer"),
    flag("cached", "whether a cache answered; such rows are left out"),
    flag("human_passed", "whether a person passed it, too"),
    number("human_score", "a person's score of the answer", "score 0–10"),
    text("prompt_text", "the prompt, where source.yaml maps it"),
    text("answer_text", "the answer, where source.yaml maps it"),
)
