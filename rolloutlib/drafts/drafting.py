"""Files → the draft of a source.yaml: looked at, recognised, mapped, each line with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from rolloutlib.drafts.peek import Peek, peek
from rolloutlib.drafts.presets import PRESETS
from rolloutlib.drafts.table import draft_table
from rolloutlib.errors import RunsError
from rolloutlib.plan.strict_yaml import describe
from rolloutlib.reason import because
from rolloutlib.runs.sources import SourceSpec
from rolloutlib.text import listed
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.drafts.record import Draft

__all__ = ["Drafted", "draft"]

_MEASURED = {"passed", "status", "score", "latency_ms", "issues"}


class Drafted(NamedTuple):
    """What was drafted, of what.

    Attributes:
        draft: the mapping and its reasons.
        peek: what was looked at; `peek.folder` is beside which source.yaml is to stand.
        spec: the mapping as it will be read.
    """

    draft: Draft
    peek: Peek
    spec: SourceSpec


def draft(paths: Sequence[Path]) -> Drafted:
    """Look at one file or folder, or at the control's and the treatment's, and draft a mapping.

    Raises:
        UsageError: a path does not exist, or there are more than two.
        RunsError: nothing is recognised: no records, or no column that says anything of a sample.
    """
    seen = peek(paths)
    if not any(file.records for file in seen.files):
        names = listed([file.name for file in seen.files], most=5)
        due = "expected samples as CSV, JSON Lines, JSON, Parquet or a workbook"
        raise RunsError(f"no records are found in {names}; {due}.")
    known = next((preset for preset in PRESETS if preset.recognises(seen)), None)
    drafted = _with_arms(known.drafts(seen) if known else draft_table(seen), seen)
    if known is None:
        _check_measured(drafted, seen)
    try:
        spec = SourceSpec.model_validate(drafted.mapping)
    except ValidationError as error:
        told = describe(error, "the draft", SourceSpec)
        named = listed(seen.columns, most=20) or "none that all files share"
        due = "write source.yaml by hand (docs/source.md)"
        raise RunsError(f"{told}; the columns are {named}; {due}.") from None
    return Drafted(drafted, seen, spec)


def _check_measured(draft: Draft, seen: Peek) -> None:
    """Refuse a table of which nothing was taken that says how an answer was.

    Raises:
        RunsError: with what was left, and why.
    """
    if _MEASURED & draft.mapping["columns"].keys():
        return
    why = [f"{column}: {sentence(reason)}" for column, reason in draft.left.items()]
    due = "write source.yaml by hand (docs/source.md)"
    got = f"no column of {seen.first.name} is known to say how an answer was"
    raise RunsError(f"{got} ({listed(why, most=10)}); {due}.")


def _with_arms(draft: Draft, seen: Peek) -> Draft:
    """Let two paths be the arms, whatever the files say of models."""
    if not seen.arms or "wide" in draft.mapping:
        return draft
    mapping = {name: value for name, value in draft.mapping.items() if name != "arms"}
    columns = dict(mapping.get("columns", {}))
    arm = columns.pop("arm", None)
    constants = {k: v for k, v in mapping.get("constants", {}).items() if k != "arm"}
    ordered = {"files": mapping.pop("files", "*"), "arms": seen.arms, **mapping, "columns": columns}
    ordered |= {"constants": constants} if constants else {}
    if not constants:
        ordered.pop("constants", None)
    notes = {key: why for key, why in draft.notes.items() if key != "columns.arm"}
    notes["arms"] = because("draft.paths")
    left = dict(draft.left)
    if isinstance(arm, str):
        left[arm] = because("draft.arm_by_path")
    return draft._replace(mapping=ordered, notes=notes, left=left)
