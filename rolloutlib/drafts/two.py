"""What the columns of compared files mean: as a source.yaml says, else as it is drafted."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError
from yaml import safe_dump as dump

from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.judging import GAPS
from rolloutlib.drafts.material import (
    JUDGES,
    MATERIAL,
    TEMPLATES,
    is_called,
    judges_of,
    named_apart,
    shared_material,
    silent,
)
from rolloutlib.drafts.names import fields_of, folded
from rolloutlib.drafts.peek import ARMS, flat, peek
from rolloutlib.errors import PlanError, RunsError, UsageError
from rolloutlib.judge.pair_record import Meaning, TakenFor
from rolloutlib.phrase import several
from rolloutlib.plan.strict_yaml import describe, load_yaml
from rolloutlib.reason import because
from rolloutlib.runs.column_spec import ColumnSpec, Texts
from rolloutlib.runs.mappings import PROMPT, ComparedSpec
from rolloutlib.runs.sources import SourceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.reason import Reason
    from rolloutlib.runs.places import Two

__all__ = ["meaning_of", "source_beside"]

TABLE: Final = "table"  # the tool of files that no preset knows
MODEL: Final = "model"
CANDIDATE: Final = {"arm": "candidate", "model": MODEL}  # a field by its name → a segment
_UNENDED: Final = frozenset({"draft.unended", "draft.fewer", "draft.unreported"})
_BOUNDED: Final = "draft.bounded"
# What a line of source.yaml says of a field beside its column, to be corrected.
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "latency_ms": {"unit": "ms"},
    "score": {"scale": [0, 10]},
}
ENVELOPE: Final = ("runId", "result")  # keys of the engine's own runs


def meaning_of(paths: Sequence[Path], source: Path | None, two: Two | None) -> Meaning:
    """Return what the columns of files mean.

    Args:
        paths: one that holds both arms, or two that are an arm each.
        source: a source.yaml that says it; without one it is drafted.
        two: the files of two paths.

    Raises:
        PlanError: the source.yaml is wrong.
        RunsError: nothing is recognised.
    """
    if source is not None:
        spec = _said(load_yaml(source), two, str(source))
        return Meaning(spec, taken=_taken(spec, {}))
    try:
        drafted = draft(paths)
    except RunsError:
        if _is_engines(paths):
            return Meaning(None)
        raise
    spec, notes = _as_compared(drafted, two), drafted.draft.notes
    used = tuple(column.column for column in (*spec.beside.values(), *spec.further_columns))
    left = tuple(
        TakenFor("", column, why)
        for column, why in drafted.draft.left.items()
        if column not in used
        and not column.startswith(tuple(f"{outer}." for outer in used))
        and why.code not in {*_UNENDED, _BOUNDED}
    )
    tool = "" if drafted.draft.tool == TABLE else drafted.draft.tool
    return Meaning(
        spec,
        _unread(drafted),
        silent={} if two is None else silent(drafted.peek, two, spec.compared),
        guessed=not tool,
        tool=tool,
        taken=_taken(spec, notes),
        left=left,
        asked=_asked(spec, notes),
    )


def source_beside(paths: Sequence[Path], folder: Path) -> Path | None:
    """Return the source.yaml of a folder that holds both paths, or of theirs.

    Raises:
        UsageError: there are several that differ.
    """
    folders = (folder, *(path if path.is_dir() else path.parent for path in paths))
    beside = (base / "source.yaml" for base in folders)
    sources = {source.resolve() for source in beside if source.is_file()}
    different = {path.read_bytes(): path for path in sorted(sources, reverse=True)}
    if len(different) > 1:
        raise UsageError(
            "{files} differ; name the one that explains both: --source FILE",
            files=several(map(str, sorted(sources))),
        )
    return next(iter(different.values()), None)


def _said(mapping: object, two: Two | None, where: str) -> SourceSpec:
    """Return a source.yaml; of two paths each is an arm, whatever it says of arms."""
    keys = _keys(mapping)
    if two is not None:
        if (constant := _keys(keys.get("constants")).get("arm")) is not None:
            raise PlanError(
                "{file}: constants.arm says that both files are arm {arm}; of two files each is an "
                "arm: leave it out",
                file=where, arm=constant,
            )  # fmt: skip
        _check_order(_keys(keys.get("arms")), two, where)
        if (arm := _keys(keys.get("columns")).get("arm")) is not None:
            keys["columns"] = {k: v for k, v in _keys(keys["columns"]).items() if k != "arm"}
            # Several of them in one file are no candidate.
            keys["segments"] = {"candidate": arm, **_keys(keys.get("segments"))}
        if "wide" not in keys and "{arm}" not in str(keys.get("named", "")):
            keys["arms"] = dict(zip(("control", "treatment"), two.globs, strict=True))
    try:
        return SourceSpec.model_validate(keys)
    except ValidationError as error:
        raise PlanError(describe(error, where, SourceSpec)) from None


def _check_order(arms: dict[str, Any], two: Two, where: str) -> None:
    """Refuse files in the other order than source.yaml has them: one of both is a mistake."""
    control, treatment = (
        [glob] if isinstance(glob := arms.get(arm), str) else glob or []
        for arm in ("control", "treatment")
    )
    swapped = zip(two.names, (treatment, control), strict=True)
    named = ((name, globs) for names, globs in swapped for name in names)
    if all(any(fnmatch(name, str(glob)) for glob in globs) for name, globs in named):
        raise PlanError(
            "{file}: arms has the control and the treatment the other way round; expected the "
            "control first: swap both paths, or correct arms",
            file=where,
        )


def _keys(part: object) -> dict[str, Any]:
    """Return keys with values; nothing of what is none, which the model refuses by its key."""
    return {**cast("dict[str, Any]", part)} if isinstance(part, dict) else {}


def _is_engines(paths: Sequence[Path]) -> bool:
    """Whether the files are the engine's own runs, which tell their arm and need no source.yaml."""
    files = [file for file in peek(paths).files if file.records]
    return bool(files) and all(set(ENVELOPE) <= {*file.records[0]} for file in files)


def _unread(drafted: Drafted) -> tuple[Reason, ...]:
    """Return why what is called like a measurement is none in the draft, and what is missing.

    Two files without a draft of their pass rate look like files without a pass rate, and samples
    that both arms lack are missed by no pair.
    """
    left = drafted.draft.left
    named = [
        because("pair.unread", field=field, column=column, why=left[column],
                line=_line(field, column))
        for field, column in drafted.draft.unread.items()
    ]  # fmt: skip
    unended = [
        because("pair.unended", file=name, why=why)
        for name, why in left.items()
        if why.code in _UNENDED
    ]
    bounded = [
        because("pair.bounded", file=name, why=why)
        for name, why in left.items()
        if why.code == _BOUNDED
    ]
    return (*named, *unended, *bounded)


def _line(field: str, column: str) -> str:
    """Return the line of source.yaml that says what a column is, with the key to be corrected."""
    entry: dict[str, Any] = {"column": column, **OPTIONS.get(field, {})}
    line = dump({field: entry if len(entry) > 1 else column}, allow_unicode=True, width=10_000,
                default_flow_style=None, sort_keys=False)  # fmt: skip
    return line.strip()


def _taken(spec: SourceSpec, notes: Mapping[str, Reason]) -> tuple[TakenFor, ...]:
    return tuple(
        TakenFor(field, str(column.column), notes.get(f"columns.{field}"))
        for field, column in spec.mapped.items()
    )


def _asked(spec: SourceSpec, notes: Mapping[str, Reason]) -> tuple[Reason, ...]:
    """Return what the draft asks about columns that it took."""
    return tuple(
        because("pair.asked", field=taken.field, column=taken.column, why=taken.why)
        for taken in _taken(spec, notes)
        if taken.why is not None and taken.why.code == "draft.words_asked"
    )


def _as_compared(drafted: Drafted, two: Two | None) -> ComparedSpec:
    """Return a draft with what tells two files apart: who is evaluated, what was asked, answered.

    No comparison shows that; a review that shows it has to be told so by a person.
    """
    spec, is_table = drafted.spec, drafted.draft.tool == TABLE
    material = shared_material(drafted) if is_table else {}
    named = material | (_candidates(drafted, two) if two is not None else {})
    texts = spec.texts
    if is_table and texts == Texts():
        texts = Texts(prompt=_text(drafted, "prompt"), answer=_text(drafted, "answer"))
    apart: dict[str, tuple[str, str]] = {}
    if two is not None and is_table and {*ARMS} == {*spec.arms}:
        taken = {*named, *spec.segments, *([PROMPT] if texts.prompt else ())}
        apart = named_apart(drafted, two, taken)
    if PROMPT in apart:
        texts = Texts(prompt=apart[PROMPT][0], answer=texts.answer)
    columns = {name: control for name, (control, _) in apart.items() if name != PROMPT} | named
    segments = {name: _column(name, column) for name, column in columns.items()}
    changed = {"segments": {**spec.segments, **segments}, "texts": texts}
    treatments = {name: _column(name, column) for name, (_, column) in apart.items()}
    return ComparedSpec.of(
        spec.model_copy(update=changed), {ARMS[1]: treatments}, {*material, *apart}
    )


def _column(name: str, column: str) -> ColumnSpec:
    return ColumnSpec(column=(column,), none=GAPS if name in JUDGES else ())


def _text(drafted: Drafted, field: str) -> str | None:
    """Return the column of a text; what was asked before the template that asked it."""
    columns = [c for c in drafted.peek.columns if field in dict(fields_of(c))]
    columns.sort(key=lambda column: folded(column.rpartition(".")[2]) in TEMPLATES)
    return columns[0] if columns else None


def _candidates(drafted: Drafted, two: Two) -> dict[str, str]:
    """Return the columns that name what is evaluated, by the segment that they are.

    Of a known tool it is what the draft gave up as the arm; of other tables what is called so. Only
    those of plain words: a cell with a list would cost its row.
    """
    if drafted.draft.tool != TABLE:
        left = drafted.draft.left.items()
        arm = next((column for column, why in left if why.code == "draft.arm_by_path"), None)
        return {} if arm is None or MODEL in drafted.spec.segments else {MODEL: arm}
    taken = {*drafted.spec.segments}
    candidates: dict[str, str] = {}
    for column in drafted.peek.columns:
        label = next((CANDIDATE[field] for field, _ in fields_of(column) if field in CANDIDATE), "")
        if any(is_called(column, MATERIAL[name]) for name in JUDGES):
            continue
        if label and label not in taken | candidates.keys() and _is_plain(drafted, column):
            candidates[label] = column
    judges = judges_of(drafted, two).items()
    return candidates | {name: column for name, column in judges if name not in taken}


def _is_plain(drafted: Drafted, column: str) -> bool:
    cells = (flat(record).get(column) for file in drafted.peek.files for record in file.records)
    return all(cell is None or isinstance(cell, str | int) for cell in cells)
