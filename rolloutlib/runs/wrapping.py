"""What source.yaml says of how files are written, and what their doors need to know of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, field_validator

from rolloutlib.doors.encodings import is_text_encoding
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Model

__all__ = ["Wrapping"]


def _tab(value: object) -> object:
    return "\t" if value in {"\\t", "tab"} else value


class Wrapping(Model):
    """The keys of source.yaml that say how files are written.

    They hold for tables with our own names, too, and may stand there alone.

    Attributes:
        encoding: of texts that are neither UTF-8 nor marked.
        delimiter: what stands between the cells of a CSV.
        decimal: the decimal mark of numbers that are written as text.
        sheet: which sheet of a workbook.
        timezone: of times that are written without an offset.
    """

    encoding: str | None = None
    delimiter: Annotated[Literal[",", ";", "\t", "|"], BeforeValidator(_tab)] | None = None
    decimal: Literal[",", "."] | None = None
    sheet: str | None = None
    timezone: str | None = None

    @field_validator("encoding")
    @classmethod
    def _of_text(cls, name: str | None) -> str | None:
        if name is not None and not is_text_encoding(name):
            raise ValueError(
                phrase(
                    "is {name!r}; expected an encoding that Python knows, such as cp949 or utf-16",
                    name=name,
                )
            )
        return name

    @property
    def wrapping(self) -> dict[str, str]:
        """These keys and their values, as far as they are there."""
        names = Wrapping.model_fields
        return {name: value for name in names if (value := getattr(self, name)) is not None}
