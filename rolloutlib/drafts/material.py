"""Which columns of two files tell the material: what was asked, what was expected, who judged.

One id may be of another prompt in each file: another version of the data set, another order. A
column of each file may be called otherwise, and mean the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.names import FIELDS, folded
from rolloutlib.drafts.peek import flat
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.reason import Reason
    from rolloutlib.runs.places import Two

__all__ = ["JUDGE", "SHOWING", "judge_of", "named_apart", "shared_material", "silent"]

# What tells the material, by its name in `differs` → the columns that are called so, folded.
JUDGE: Final = "judge"
MATERIAL: Final = {
    JUDGE: ("judge", "judgemodel", "judgename", "judgeid", "grader", "gradermodel", "evaluator",
              "evaluatormodel", "채점자", "채점모델", "평가모델"),
    "dataset": ("dataset", "datasetname", "datasetid", "benchmark", "데이터셋"),
    "dataset_version": ("datasetversion", "datasethash", "datasetrevision", "dataversion",
                        "데이터셋버전"),
    "input_hash": ("inputhash", "questionhash", "queryhash", "requesthash"),
    "expected": ("expected", "expectedoutput", "expectedanswer", "groundtruth", "reference",
                 "referenceanswer", "gold", "goldanswer", "goldlabel", "targetanswer", "ideal",
                 "answerkey", "정답", "기대답변"),
    "task": ("task", "taskname", "과제"),
    "filter": ("filter", "filtername"),
    "prompt_version": ("promptversion", "templateversion", "prompthash", "프롬프트버전"),
    "category": FIELDS["category"],
    "difficulty": FIELDS["difficulty"],
    "prompt": FIELDS["prompt"],
}  # fmt: skip
# Of these, what has to be the same of each prompt in both files, where tables have it.
SHOWING: Final = ("dataset", "dataset_version", "input_hash", "expected", "task", "prompt_version")


def shared_material(drafted: Drafted) -> dict[str, str]:
    """Return the columns of all files that tell the material, by the segment that they are."""
    names = {spelling: name for name in SHOWING for spelling in MATERIAL[name]}
    material: dict[str, str] = {}
    for column in _free(drafted, drafted.peek.files):
        name = names.get(_plain_name(column))
        if name and name not in drafted.spec.segments:
            material.setdefault(name, column)
    return material


def named_apart(drafted: Drafted, two: Two, taken: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the columns that each file calls otherwise: the control's and the treatment's.

    Args:
        drafted: what both files are.
        two: the files of each.
        taken: what is told by a column of both already.
    """
    columns_of = [_free(drafted, [file for file in drafted.peek.files if file.name in names])
                  for names in two.names]  # fmt: skip
    apart: dict[str, tuple[str, str]] = {}
    for name in (*SHOWING, JUDGE):
        firsts = [next((c for c in columns if _plain_name(c) in MATERIAL[name]), None)
                  for columns in columns_of]  # fmt: skip
        control, treatment = firsts
        if control and treatment and control != treatment and name not in taken:
            apart[name] = control, treatment
    if JUDGE in apart:
        files = [[file for file in drafted.peek.files if file.name in names] for names in two.names]
        judges = zip(apart[JUDGE], files, strict=True)
        if not all(_is_one_name(column, of_arm) for column, of_arm in judges):
            del apart[JUDGE]
    return apart


def judge_of(drafted: Drafted) -> str | None:
    """Return the column that names who judged: one name a file, or it may hold verdicts."""
    files = [file for file in drafted.peek.files if file.records]
    columns = (c for c in (files[0].columns if files else ()) if _plain_name(c) in MATERIAL[JUDGE])
    return next((column for column in columns if _is_one_name(column, files)), None)


def _is_one_name(column: str, files: Sequence[PeekFile]) -> bool:
    """Whether each file has one word in a column, and it in every record."""
    cells = [[flat(record).get(column) for record in file.records] for file in files]
    plain = all(isinstance(cell, str | int) for of_file in cells for cell in of_file)
    return plain and all(len({*of_file}) == 1 for of_file in cells if of_file)


def _free(drafted: Drafted, files: Sequence[PeekFile]) -> list[str]:
    """Return the columns that all of these files have, and that nothing else was made of."""
    used = {column for columns in drafted.spec.named_columns.values() for column in columns}
    used |= {segment.column for segment in drafted.spec.segments.values()}
    filled = [file for file in files if file.records]
    return [column for column in (filled[0].columns if filled else ())
            if column not in used and all(column in file.columns for file in filled)]  # fmt: skip


def _plain_name(column: str) -> str:
    return folded(column.rpartition(".")[2])


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
        of_arms = [sorted(c for c in columns if folded(c.rpartition(".")[2]) in spellings)
                   for columns in columns_of]  # fmt: skip
        apart = name in SHOWING and not {*of_arms[0]} & {*of_arms[1]}  # or each names it otherwise
        alone = bool(of_arms[0]) is not bool(of_arms[1]) or (of_arms[0] and apart)
        if alone and name not in compared:
            arm = "treatment" if of_arms[0] else "control"
            alone_in[name] = because("material.one_file", column=(of_arms[0] or of_arms[1])[0],
                                  named=name, arm=arm)  # fmt: skip
    return alone_in
