"""Sentences of drafted source.yaml files: why a line stands there, why a column was left."""

from __future__ import annotations

from typing import Final

__all__ = ["DRAFTS"]

DRAFTS: Final = {
    # Why a line stands there.
    "draft.read": "the files that are read by this",
    "draft.records": "where the list of samples is",
    "draft.paths": "as they were given: the control's, then the treatment's",
    "draft.files": "no column tells the arm, so each file is one of its own",
    "draft.one_arm": "one arm alone; name the other's file too: rollout source A B",
    "draft.arm": "{count} arms: {values}; name two of them with --control and --treatment",
    "draft.named": "by its name",
    "draft.tool": "as {tool} writes it",
    "draft.same_prompts": "{share:.0%} of its values are in both arms: pairs",
    "draft.unique": "no two rows share it",
    "draft.words": "by its words: {words}",
    "draft.words_asked": (
        "by its words: {words}; is that the verdict on the answer? Whether a call came back "
        "belongs under error"
    ),
    "draft.scale": "numbers from {low:g} to {high:g}; correct the scale if it has other ends",
    "draft.unit_named": "its name says {unit}",
    "draft.unit_by": "numbers around {middle:g} are {unit}",
    "draft.moments": "times with their offset",
    "draft.epoch": "moments, counted in {unit} from 1970 on",
    "draft.alone": "the folder holds other files, which are no data of these",
    "draft.opening": "without it the files have no way in",
    "draft.decimal": "its numbers have a decimal comma",
    "draft.wide": "both arms are in each row",
    "draft.scorer": "its scorer {name}",
    "draft.against": "the chance to win against the reference, which is the same in both files",
    "draft.helm": "{name}: which metric is the scenario's own stands in none of its files",
    "draft.generators": "{column}: {names}",
    "draft.pair": "one of {pairs} pairs of models in these files; name another here",
    "draft.games": "a line is one judgment of two games: what one wins the other loses",
    # What a plan asks and the files lack.
    "draft.missed": "{gate}: nothing says {field}",
    # Why a column was left.
    "draft.unknown": "no field is called so; under segments it would tell samples apart",
    "draft.another": "another column is {field}",
    "draft.no_arm": "{count} values ({values}) are no arms",
    "draft.arm_by_path": "the paths that were given are the arms",
    "draft.other_prompts": "only {share:.0%} of its values are in both arms, so it makes no pairs",
    "draft.text": "text, which a report would show: under texts if all who get it may read it",
    "draft.words_unknown": (
        "called like an outcome, but the words {words} may mean anything; say statuses"
    ),
    "draft.scale_open": (
        "numbers from {low:g} to {high:g} may be of several scales; say score with its scale"
    ),
    "draft.of_call": "{words}: of the call or of the answer? Say statuses if of the answer",
    "draft.of_question": (
        "has the words of {other}: it may be the key to the question; say statuses if it is not"
    ),
    "draft.same_outcomes": (
        "the same in both arms for each prompt: it may be the prompt's own; say statuses if not"
    ),
    "draft.error": "calls that failed: say status with statuses where a column tells all outcomes",
    "draft.less_is_better": (
        "called like something of which less is better; say its scale from worst to best"
    ),
    "draft.rows": "{low:g} to {high:g}, each once: ranks or numbers of rows, no scores",
    "draft.unit_doubted": "its name says {unit}, but its numbers are around {middle:g}",
    "draft.nobody": "values such as {words} name no person or session",
    "draft.scorer_open": (
        "numbers from {low:g} to {high:g} whose scale nothing tells; say it under scores"
    ),
    "draft.no_numbers": "{words} are no numbers of this kind",
    "draft.unit_open": "numbers around {middle:g} may be ms or s; say latency_ms with its unit",
    "draft.no_offset": "times without an offset; say started_at, and timezone",
    "draft.no_moments": "no times that are known",
    "draft.no_run": "nearly every row has one of its own",
    "draft.off_scale": "not all of it are numbers from {low:g} to {high:g}",
    "draft.empty": "no row has a value there",
    "draft.only": "not every file has it, but {file}",
    # What presets of eval tools know.
    "draft.metric": "{metric} is the outcome; the other scorers are {others}",
    "draft.letters": "C is 1, P is 0.5, I and N are 0, as Inspect's own accuracy takes them",
    "draft.failure_reason": "0 passed, 1 an assertion failed, 2 an error",
    "draft.no_errors": (
        "errors are not told apart from failures (no failureReason), so they are failures"
    ),
    "draft.broke": "what broke is an error, no failure",
    "draft.limit": "a limit that ended the sample",
    "draft.seconds": "{tool} counts seconds",
    "draft.folders": "the names of files and folders say it",
    "draft.filter": (
        "each answer is there once a filter; {chosen} is read, {others} would be copies"
    ),
    "draft.outcome_events": "of all events these are outcomes",
    "draft.unended": "the status is {status}, expected {expected}: samples may be missing",
    "draft.fewer": "it counts {said} samples and holds {there}: the others are missing",
    "draft.unreported": "there is no final report, so samples may be missing",
    "draft.pooled": "several in one file ({values}): all of them are the arm",
    "draft.event": "events that are no outcomes",
    "draft.grader": "the tokens of another model, such as a grader, are among them",
    "draft.judge_time": "how long the metrics took, not the answer",
    "draft.judge_cost": "what the metrics cost, not the answer",
    # What presets of eval tools know.
    "draft.cached": (
        "{share:.0%} of the answers are copies from a cache, no evidence; evaluate with --no-cache"
    ),
    "draft.grader_error": "where the grader broke, the answer is neither right nor wrong",
    # What presets of eval tools know.
    "draft.expected": "the expected answer: the prompt stands in another event",
    # What presets of eval tools know.
    "draft.alike": "several in one sample are called so",
    "draft.reversed": "less of it is better, so its scale runs from 1 to 0",
    "draft.filters": (
        "each task has filters of its own; {chosen} are read, {others} would be copies"
    ),
    "draft.case_number": "names of cases are numbers of rows; say prompt_id, which makes pairs",
    "draft.test_number": (
        "a number of the tests, which have no variables: keep their order in both files"
    ),
}
