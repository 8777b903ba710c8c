"""Which columns of two files tell the material: what was asked, what was expected, who judged.

One id may be of another prompt in each file: another version of the data set, another order. A
column of each file may be called otherwise, and mean the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.judging import is_material, is_other
from rolloutlib.drafts.names import FIELDS, folded
from rolloutlib.reason import because
from rolloutlib.runs.mappings import PROMPT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.reason import Reason
    from rolloutlib.runs.places import Two

__all__ = ["JUDGES", "MATERIAL", "PROMPT", "SHOWING", "TEMPLATES", "is_called", "judges_of"]
__all__ += ["named_apart", "shared_material", "silent"]

EXPECTED: Final = "expected"
JUDGE, JUDGE_VERSION = JUDGES = ("judge", "judge_version")
# What tells the material, by its name in `differs` → the columns that are called so, folded.
MATERIAL: Final[dict[str, tuple[str, ...]]] = {
    JUDGE: ("judge", "judgemodel", "judgename", "judgeid", "grader", "gradermodel", "evaluator",
              "evaluatormodel", "gradername", "graderid", "evaluatorname", "evaluatorid",
              "llmjudge", "scorermodel", "autorater", "채점자", "채점모델", "평가모델"),
    JUDGE_VERSION: ("judgeversion", "judgeprompt", "judgeprompthash", "judgepromptversion",
                    "graderversion", "graderprompt", "evaluatorversion", "rubric", "rubricversion",
                    "rubricid", "채점기준", "채점프롬프트"),
    "dataset": ("dataset", "datasetname", "datasetid", "benchmark", "데이터셋"),
    "dataset_version": ("datasetversion", "datasethash", "datasetrevision", "dataversion",
                        "데이터셋버전"),
    "split": ("split", "datasetsplit", "datasplit"),
    "input_hash": ("inputhash", "questionhash", "queryhash", "requesthash"),
    EXPECTED: ("expected", "expectedoutput", "expectedanswer", "groundtruth", "reference",
                 "referenceanswer", "gold", "goldanswer", "goldlabel", "targetanswer", "ideal",
                 "answerkey", "정답", "기대답변"),
    "task": ("task", "taskname", "과제"),
    "filter": ("filter", "filtername"),
    "prompt_version": ("promptversion", "templateversion", "prompthash", "프롬프트버전"),
    "category": FIELDS["category"],
    "difficulty": FIELDS["difficulty"],
    PROMPT: FIELDS["prompt"],
}  # fmt: skip
# Of these, what has to be the same of each prompt in both files, where tables have it.
SHOWING: Final = (
    "dataset", "dataset_version", "split", "input_hash", EXPECTED, "task", "prompt_version",
)  # fmt: skip
# Of texts that were asked those that hold the question among other words.
TEMPLATES: Final = frozenset({"prompt", "instruction", "request", "프롬프트", "지시문"})


def is_called(column: str, spellings: Collection[str]) -> bool:
    """Whether a column, or a path with what it lies in, has one of these names.

    >>> is_called("judge.model", MATERIAL[JUDGE]), is_called("model", MATERIAL[JUDGE])
    (True, False)
    """
    last = column.split(".")[-2:]
    return not {folded(last[-1]), folded("".join(last))}.isdisjoint(spellings)


def shared_material(drafted: Drafted) -> dict[str, str]:
    """Return the columns of all files that tell the material, by the segment that they are."""
    columns, own = _free(drafted, drafted.peek.files), drafted.spec.segments
    named = {name: _first(columns, name) for name in SHOWING if name not in own}
    return {name: column for name, column in named.items() if column}


def named_apart(drafted: Drafted, two: Two, taken: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the columns that each file calls otherwise: the control's and the treatment's.

    Args:
        drafted: what both files are.
        two: the files of each.
        taken: what is told by a column of both already.
    """
    files = _by_arm(drafted, two)
    free = [_free(drafted, of_arm) for of_arm in files]
    outcome = _outcome(drafted)
    apart: dict[str, tuple[str, str]] = {}
    for name in (*SHOWING, *JUDGES, PROMPT):
        control, treatment = (_first(columns, name) for columns in free)
        if not control or not treatment or control == treatment or name in taken:
            continue
        both = tuple(zip((control, treatment), files, strict=True))
        if name not in JUDGES or is_material(both, outcome, by_prompt=name == JUDGE_VERSION):
            apart[name] = control, treatment
    if any(is_called(column, TEMPLATES) for column in apart.get(PROMPT, ())):
        del apart[PROMPT]  # which holds the other's question somewhere
    return apart


def judges_of(drafted: Drafted, two: Two) -> dict[str, str]:
    """Return the columns that tell who judged, and by which rubric: not those of verdicts.

    Of several that tell it, one comes first that is not the same in both files.
    """
    files, outcome = _by_arm(drafted, two), _outcome(drafted)
    judges: dict[str, str] = {}
    for name in JUDGES:
        called = [column for column in drafted.peek.columns if is_called(column, MATERIAL[name])]
        both = {column: tuple((column, of_arm) for of_arm in files) for column in called}
        telling = [column for column, of_arms in both.items()
                   if is_material(of_arms, outcome, by_prompt=name == JUDGE_VERSION)]  # fmt: skip
        if telling:
            judges[name] = max(telling, key=lambda column: is_other(both[column]))
    return judges


def _by_arm(drafted: Drafted, two: Two) -> list[list[PeekFile]]:
    return [[file for file in drafted.peek.files if file.name in names] for names in two.names]


def _outcome(drafted: Drafted) -> str | None:
    """Return the column of the outcome, which verdicts repeat in other words."""
    outcome = drafted.spec.outcome
    return None if outcome is None else outcome.column


def _first(columns: Sequence[str], name: str) -> str | None:
    """Return the first column that tells this of the material; of an object the whole."""
    for column in columns:
        if is_called(column, MATERIAL[name]):
            return column
        outer = column.rpartition(".")[0]
        if name == EXPECTED and outer and is_called(outer, MATERIAL[name]):
            return outer
    return None


def _free(drafted: Drafted, files: Sequence[PeekFile]) -> list[str]:
    """Return the columns that all of these files have, and that nothing else was made of."""
    used = {column for columns in drafted.spec.named_columns.values() for column in columns}
    used |= {segment.column for segment in drafted.spec.segments.values()}
    filled = [file for file in files if file.records]
    return [column for column in (filled[0].columns if filled else ())
            if column not in used and all(column in file.columns for file in filled)]  # fmt: skip


def silent(peeked: Peek, two: Two, compared: Collection[str]) -> dict[str, Reason]:
    """Return what one arm alone tells of the material, so that nobody can compare it.

    Args:
        peeked: both files.
        two: which is whose.
        compared: what both tell, by whatever name, and is compared.
    """
    columns_of = [{c for file in peeked.files if file.name in names for c in file.columns}
            for names in two.names]  # fmt: skip
    alone_in: dict[str, Reason] = {}
    for name, spellings in MATERIAL.items():
        of_arms = [sorted(c for c in columns if is_called(c, spellings))
                   for columns in columns_of]  # fmt: skip
        first, second = map(set, of_arms)
        is_apart = name in {*SHOWING, *JUDGES, PROMPT} and not first & second
        alone = bool(first) is not bool(second) or (first and is_apart)
        if alone and name not in compared:
            arm = "treatment" if of_arms[0] else "control"
            alone_in[name] = because("material.one_file", column=(of_arms[0] or of_arms[1])[0],
                                  named=name, arm=arm)  # fmt: skip
    return alone_in
