"""Which mapping a file has: that of source.yaml, with what its path tells, or our own columns."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final, Self

from pydantic import ValidationError

from rolloutlib.doors.naming import as_time, pattern_of
from rolloutlib.errors import RunsError
from rolloutlib.phrase import Phrase, both, phrase
from rolloutlib.runs.column_spec import ColumnSpec, Texts
from rolloutlib.runs.ranges import NO_OFFSET, read_time
from rolloutlib.runs.source_columns import Constants
from rolloutlib.runs.sources import NAMED, SourceSpec

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["PROMPT", "ComparedSpec", "source_of"]


PROMPT: Final = "prompt"  # the text of what was asked


class ComparedSpec(SourceSpec):
    """How two compared files are read; no source.yaml says that.

    Attributes:
        apart: arm → its own columns of segments, and of the `PROMPT`, which the other file calls
            otherwise.
        shapes: segments whose cells may be lists or objects, which are their JSON.
    """

    apart: dict[str, dict[str, ColumnSpec]] = {}  # noqa: RUF012 -- pydantic copies it
    shapes: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, spec: SourceSpec, apart: dict[str, dict[str, ColumnSpec]], shapes: Collection[str]
    ) -> Self:
        """Return the same mapping with these."""
        fields = {name: getattr(spec, name) for name in SourceSpec.model_fields}
        names = spec.model_fields_set | {"apart", "shapes"}
        return cls.model_construct(names, **fields, apart=apart, shapes=frozenset(shapes))

    def texts_of(self, arm: str) -> Texts:
        """Return where the texts of an arm stand."""
        prompt = self.apart.get(arm, {}).get(PROMPT)
        return (
            self.texts if prompt is None else Texts(prompt=prompt.column, answer=self.texts.answer)
        )

    def segments_of(self, arm: str) -> dict[str, ColumnSpec]:
        """Return where the segments of an arm stand."""
        own = self.apart.get(arm, {}).items()
        return {**self.segments, **{name: column for name, column in own if name != PROMPT}}

    @property
    def compared(self) -> set[str]:
        """What both files tell, by whatever name."""
        return {*self.segments} | ({PROMPT} if self.texts.prompt else set())

    @property
    def further_columns(self) -> tuple[ColumnSpec, ...]:
        """The columns of single arms."""
        return tuple(column for columns in self.apart.values() for column in columns.values())


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
    changed: dict[str, object] = {"constants": constants}
    if isinstance(spec, ComparedSpec):
        arm = str(constants.arm)
        changed |= {"segments": spec.segments_of(arm), "texts": spec.texts_of(arm)}
    return spec.model_copy(update=changed)


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
