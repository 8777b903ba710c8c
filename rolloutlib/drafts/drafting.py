"""Files → the draft of a source.yaml: looked at, recognised, mapped, each line with its reason."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from rolloutlib.drafts.arms import arms_of
from rolloutlib.drafts.peek import Peek, literal, peek
from rolloutlib.drafts.presets import PRESETS
from rolloutlib.drafts.table import draft_table
from rolloutlib.errors import RolloutError, RunsError
from rolloutlib.phrase import phrase, several
from rolloutlib.plan.strict_yaml import describe
from rolloutlib.reason import because
from rolloutlib.runs.listing import list_files
from rolloutlib.runs.sources import SourceSpec
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.drafts.record import Draft, Preset

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
    peeked = peek(paths)
    if not any(file.records for file in peeked.files):
        raise RunsError(
            "no records are found in {files}; expected samples as CSV, JSON Lines, JSON, Parquet "
            "or a workbook.",
            files=several([file.name for file in peeked.files], most=5),
        )
    preset = next((preset for preset in PRESETS if preset.recognises(peeked)), None)
    drafted = _by_preset(preset, peeked) if preset else draft_table(_of_a_kind(peeked))
    drafted = _opening(_named(_with_arms(drafted, peeked), paths, peeked), peeked)
    if preset is None:
        _check_measured(drafted, peeked)
    try:
        spec = SourceSpec.model_validate(drafted.mapping)
        if _neighbours(paths, peeked, spec):
            drafted = _alone(drafted)
            spec = SourceSpec.model_validate(drafted.mapping)
    except ValidationError as error:
        columns = several(peeked.columns, most=20)
        raise RunsError(
            "{why}; the columns are {columns}; write source.yaml by hand (docs/source.md).",
            why=describe(error, phrase("the draft"), SourceSpec),
            columns=columns or phrase("none that all files share"),
        ) from None
    return Drafted(drafted, peeked, spec)


def _by_preset(preset: Preset, peeked: Peek) -> Draft:
    """Return a preset's draft.

    Raises:
        RunsError: the preset says why there is none, or a file is so odd that it met what its tool
            never writes.
    """
    try:
        return preset.drafts(peeked)
    except RolloutError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise RunsError(
            "{file} looks like a file of {tool}, but is not written as such; expected what the "
            "tool writes: write source.yaml by hand (docs/source.md).",
            file=peeked.first.name, tool=preset.title,
        ) from None  # fmt: skip


def _by_file(draft: Draft, peeked: Peek) -> Draft:
    """Let each folder, or file, be an arm, where nothing else tells one."""
    mapping = draft.mapping
    has_arm = mapping.get("arms") or "arm" in mapping.get("constants", {})
    if has_arm or "arm" in mapping["columns"] or "{arm}" in mapping.get("named", ""):
        return draft
    arms = arms_of([name for name in peeked.names if fnmatch(name, mapping["files"])])
    why = because("draft.one_arm") if len(arms) == 1 else because("draft.files")
    ordered = {"files": mapping["files"], "arms": arms, **mapping}
    return draft._replace(mapping=ordered, notes={**draft.notes, "arms": why})


def _named(draft: Draft, paths: Sequence[Path], peeked: Peek) -> Draft:
    """Name the one file that was given, so that another of its kind is not read beside it."""
    if len(paths) > 1 or paths[0].is_dir():
        return draft
    return draft._replace(mapping={**draft.mapping, "files": literal(peeked.first.name)})


def _of_a_kind(peeked: Peek) -> Peek:
    """Leave out files of other endings than most records have: settings beside a table."""
    records = Counter[str]()
    for file in peeked.files:
        records[PurePosixPath(file.name).suffix] += len(file.every)
    if peeked.arms or len(records) == 1:
        return peeked
    most = records.most_common(1)[0][0]
    files = tuple(file for file in peeked.files if PurePosixPath(file.name).suffix == most)
    names = tuple(name for name in peeked.names if PurePosixPath(name).suffix == most)
    return peeked._replace(files=files, names=names)


def _check_measured(draft: Draft, peeked: Peek) -> None:
    """Refuse a table of which nothing was taken that says how an answer was.

    Raises:
        RunsError: with what was left, and why.
    """
    arms = draft.mapping.get("wide", {}).values()
    if any(_MEASURED & fields.keys() for fields in (draft.mapping["columns"], *arms)):
        return
    why = [f"{column}: {sentence(reason)}" for column, reason in draft.left.items()]
    raise RunsError(
        "no column of {file} is known to say how an answer was ({columns}); write source.yaml by "
        "hand (docs/source.md).",
        file=peeked.first.name, columns=several(why, most=10),
    )  # fmt: skip


def _neighbours(paths: Sequence[Path], peeked: Peek, spec: SourceSpec) -> bool:
    """Whether a review of the folder would meet files that the draft is not about."""
    if spec.others == "ignored":
        return False
    alone = spec.model_copy(update={"others": "ignored"})
    if len(paths) == 1 and paths[0].is_dir():
        return any(map(alone.ignores, peeked.names))
    try:
        return any(alone.ignores(file.name) for file in list_files(peeked.folder).files)
    except RunsError:  # more than a folder may hold
        return True


def _alone(draft: Draft) -> Draft:
    """Read no other file of the folder."""
    mapping: dict[str, Any] = {}
    for key, value in draft.mapping.items():
        mapping[key] = value
        if key == "files":
            mapping["others"] = "ignored"
    return draft._replace(mapping=mapping, notes={**draft.notes, "others": because("draft.alone")})


def _opening(draft: Draft, peeked: Peek) -> Draft:
    """Add the keys without which the files cannot be read."""
    if not peeked.opening:
        return draft
    notes = {key: because("draft.opening") for key in peeked.opening}
    files = {"files": draft.mapping.get("files", "*")}
    mapping = {**files, **peeked.opening, **draft.mapping}
    return draft._replace(mapping=mapping, notes={**draft.notes, **notes})


def _with_arms(draft: Draft, peeked: Peek) -> Draft:
    """Let two paths be the arms, whatever the files say of models."""
    if "wide" in draft.mapping:
        return draft
    if not peeked.arms:
        return _by_file(draft, peeked)
    mapping = {name: value for name, value in draft.mapping.items() if name != "arms"}
    columns = dict(mapping.get("columns", {}))
    arm = columns.pop("arm", None)
    constants = {k: v for k, v in mapping.get("constants", {}).items() if k != "arm"}
    ordered = {
        "files": mapping.pop("files", "*"),
        "arms": peeked.arms,
        **mapping,
        "columns": columns,
    }
    ordered |= {"constants": constants} if constants else {}
    if not constants:
        ordered.pop("constants", None)
    notes = {key: why for key, why in draft.notes.items() if key != "columns.arm"}
    notes["arms"] = because("draft.paths")
    left = dict(draft.left)
    if isinstance(arm, str):  # kept beside the arms, so that a mix of several shows
        ordered["segments"] = {"model": arm, **mapping.get("segments", {})}
        notes["segments.model"] = because("draft.arm_by_path")
    return draft._replace(mapping=ordered, notes=notes, left=left)
