"""Which mapping a file has: that of source.yaml, with what its path tells, or our own columns."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rolloutlib.doors.naming import as_time, pattern_of
from rolloutlib.errors import RunsError
from rolloutlib.phrase import Phrase, both, phrase
from rolloutlib.runs.ranges import NO_OFFSET, read_time
from rolloutlib.runs.source_columns import Constants
from rolloutlib.runs.sources import NAMED

if TYPE_CHECKING:
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["source_of"]


def source_of(spec: SourceSpec | None, file: str) -> SourceSpec | None:
    """Return the mapping of one file, with what its path tells; None where it is another's.

    Raises:
        RunsError: the file belongs to no arm, or to several, or its path says nothing.
    """
    if spec is None or not spec.mapped or not fnmatch(file, spec.files):
        return None
    fields = _told_by_name(spec, file)
    if spec.arms and "arm" not in fields:
        fields["arm"] = _arm_of(spec, file, file)
    if not fields:
        return spec
    try:
        constants = Constants.model_validate(spec.constants.model_dump() | fields)
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        raise RunsError(
            "{file}: {field} is {value}; expected a name that says it; correct named in "
            "source.yaml.",
            file=file, field=field, value=repr(fields[str(field)]),
        ) from None  # fmt: skip
    return spec.model_copy(update={"constants": constants})


def _told_by_name(spec: SourceSpec, file: str) -> dict[str, object]:
    """Return the fields that the path of a file says."""
    if not spec.named:
        return {}
    fields: dict[str, object] = dict(pattern_of(spec.named, NAMED).told_by(file))
    if "arm" in fields and spec.arms:
        fields["arm"] = _arm_of(spec, str(fields["arm"]), file)
    if "started_at" in fields:
        time = read_time(as_time(str(fields["started_at"])), timezone=spec.timezone)
        if isinstance(time, Phrase):
            hint = phrase(", say timezone: in source.yaml") if time == NO_OFFSET else ""
            raise RunsError(
                "{file}: its name says {time}; expected {due}{hint}.",
                file=file, time=fields["started_at"], due=time, hint=hint,
            )  # fmt: skip
        fields["started_at"] = time
    return fields


def _arm_of(spec: SourceSpec, word: str, file: str) -> str:
    """Return the one arm of whose patterns a file, or the word in its path, fits one."""
    arms = [arm for arm, globs in spec.arms.items() if any(fnmatch(word, glob) for glob in globs)]
    if len(arms) == 1:
        return arms[0]
    got = (
        phrase("is a file of arms {arms}", arms=both(arms)) if arms
        else phrase("is a file of no arm")
    )  # fmt: skip
    raise RunsError(
        "{file} {got}{of_word}; expected one pattern of arms in source.yaml to name it (or narrow "
        "files there).",
        file=file, got=got,
        of_word="" if word == file else phrase(" ({word!r} in its path)", word=word),
    )  # fmt: skip
