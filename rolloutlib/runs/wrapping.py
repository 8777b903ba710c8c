"""What source.yaml says of files as a whole: how they are written, and in which currency."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, field_validator

from rolloutlib.doors.encodings import is_text_encoding
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Model

__all__ = ["NO_COLUMN", "Wrapping"]

NO_COLUMN: Final = "none"  # as a currency: no column tells what costs are in


def _tab(value: object) -> object:
    return "\t" if value in {"\\t", "tab"} else value


class Wrapping(Model):
    """The keys of source.yaml that are about no single field.

    They hold for tables with our own names, too, and may stand there alone.

    Attributes:
        encoding: of texts that are neither UTF-8 nor marked.
        delimiter: what stands between the cells of a CSV.
        decimal: the decimal mark of numbers that are written as text.
        sheet: which sheet of a workbook.
        timezone: of times that are written without an offset.
        currency: the column that tells the currency of the costs; `none` where no column does.
    """

    encoding: str | None = None
    delimiter: Annotated[Literal[",", ";", "\t", "|"], BeforeValidator(_tab)] | None = None
    decimal: Literal[",", "."] | None = None
    sheet: str | None = None
    timezone: str | None = None
    currency: Annotated[str, Field(min_length=1)] | None = None

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
