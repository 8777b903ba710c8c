"""AlpacaEval: annotations.json, a list of judgments of two outputs for one instruction each.

`output_1` is the reference's and `output_2` the model's, as the tool calls its annotator; it turns
its own random order back before it writes. `preference` runs from 1 (the reference is better) to 2
(the model is), 1.5 is a tie, and it is null where the judge's answer could not be read. Both halves
of a row are one judgment: they are a pair of one prompt, never two pieces of evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.drafts.names import measures_beside
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.tool import ToolDraft, glob_of
from rolloutlib.errors import RunsError
from rolloutlib.phrase import several
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_SHAPE: Final = frozenset({"instruction", "output_1", "output_2", "preference"})
_TEXTS: Final = frozenset({"output_1", "output_2", "instruction", "raw_completion", "input"})


def _recognises(peek: Peek) -> bool:
    every = (column for file in peek.files for column in file.columns)
    return {*peek.columns} >= _SHAPE and not measures_beside(every, _SHAPE)


def _drafts(peek: Peek) -> Draft:
    making = ToolDraft(peek, PRESET.name, PRESET.title)
    making.take("prompt_id", "instruction")
    if "dataset" in peek.columns:
        making.take("category", "dataset")
    if "annotator" in peek.columns:
        making.segment("judge", "annotator")
    making.taken |= {"preference", "generator_1", "generator_2"}
    further = {"records": peek.first.place} if peek.first.place else {}
    if peek.arms:
        return _against_one(making, further)
    wide: dict[str, Any] = {
        "control": {"score": {"column": "preference", "scale": [2, 1]}},
        "treatment": {"score": {"column": "preference", "scale": [1, 2]}},
    }
    for arm, column in (("control", "generator_1"), ("treatment", "generator_2")):
        names = tuple(dict.fromkeys(str(name) for name in making.cells(column)))
        making.notes[f"wide.{arm}"] = because("draft.generators", column=column, names=names)
    return making.draft(glob_of(peek), texts=_TEXTS, wide=wide, **further)


def _against_one(making: ToolDraft, further: dict[str, Any]) -> Draft:
    """Map two files of judgments: each arm's chance to win against the same reference.

    Raises:
        RunsError: there are several references.
    """
    references = sorted({str(name) for name in making.cells("generator_1")})
    if len(references) > 1:
        raise RunsError(
            "the judgments are against several references ({names}); expected one in both files.",
            names=several(references),
        )
    making.take("score", "preference", because("draft.against"), scale=[1, 2])
    making.segment("reference", "generator_1")
    making.segment("model", "generator_2")
    return making.draft(glob_of(making.peek), texts=_TEXTS, **further)


PRESET: Final = Preset("alpaca_eval", "AlpacaEval", _recognises, _drafts)
