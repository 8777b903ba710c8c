"""What a validation complains of, as phrases: pydantic's own sentences, and better ones than its.

English is what pydantic says, but for names of types that people who write YAML do not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.phrase import Clause, Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

__all__ = ["alternatives", "complaint"]

_MOMENT = phrase("expected ISO 8601 with offset, such as 2026-11-20T09:00+09:00")
_DATE = phrase("expected a date such as 2026-11-20")
_TYPES: Final = {
    **dict.fromkeys(("tuple_type", "list_type"), phrase("expected a list, such as [0, 10]")),
    **dict.fromkeys(
        ("model_type", "dict_type", "mapping_type"), phrase("expected keys with values")
    ),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_object_invalid"), _MOMENT),
    **dict.fromkeys(("datetime_from_date_parsing", "timezone_aware"), _MOMENT),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
    "date_from_datetime_inexact": _DATE,
    "frozen_set_type": phrase("expected a list of words"),
    "path_type": phrase("expected a path"),
    "string_type": phrase("expected text; put it in quotes"),
    "int_type": phrase("input should be a valid integer"),
    "int_parsing": phrase("input should be a valid integer, unable to parse string as an integer"),
    "int_parsing_size": phrase("unable to parse input string as an integer, exceeded maximum size"),
    "int_from_float": phrase(
        "input should be a valid integer, got a number with a fractional part"
    ),
    "float_type": phrase("input should be a valid number"),
    "float_parsing": phrase("input should be a valid number, unable to parse string as a number"),
    "finite_number": phrase("input should be a finite number"),
    "bool_type": phrase("input should be a valid boolean"),
    "bool_parsing": phrase("input should be a valid boolean, unable to interpret input"),
}
_WHAT: Final = {
    "Dictionary": phrase("dictionary"), "Tuple": phrase("tuple"), "List": phrase("list"),
}  # fmt: skip


def complaint(problem: ErrorDetails) -> Clause:
    """Return what is expected instead, as a clause; a validator of ours may raise a phrase."""
    kind, context = problem["type"], problem.get("ctx", {})
    ours = context.get("error")
    if isinstance(ours, ValueError) and ours.args and isinstance(ours.args[0], Phrase):
        return ours.args[0]
    if clause := _TYPES.get(kind) or _bounded(kind, context):
        return clause
    text = problem["msg"].removeprefix("Value error, ")
    return text if kind == "value_error" else f"{text[0].lower()}{text[1:]}"


def _bounded(kind: str, context: Mapping[str, Any]) -> Phrase | None:  # noqa: PLR0911 -- one a kind of bound
    """Return the complaint about a number or a length that is out of bounds."""
    match kind, {name: _plain(value) for name, value in context.items()}:
        case "greater_than", {"gt": bound}:
            return phrase("input should be greater than {bound}", bound=bound)
        case "greater_than_equal", {"ge": bound}:
            return phrase("input should be greater than or equal to {bound}", bound=bound)
        case "less_than", {"lt": bound}:
            return phrase("input should be less than {bound}", bound=bound)
        case "less_than_equal", {"le": bound}:
            return phrase("input should be less than or equal to {bound}", bound=bound)
        case "string_pattern_mismatch", {"pattern": pattern}:
            return phrase("string should match pattern '{pattern}'", pattern=pattern)
        case "string_too_short", {"min_length": n}:
            letters = phrase("character" if n == 1 else "characters")
            return phrase("string should have at least {n} {letters}", n=n, letters=letters)
        case "string_too_long", {"max_length": n}:
            letters = phrase("character" if n == 1 else "characters")
            return phrase("string should have at most {n} {letters}", n=n, letters=letters)
        case "too_short", {"field_type": what, "min_length": n, "actual_length": got}:
            return phrase(
                "{what} should have at least {n} {items} after validation, not {got}",
                what=_WHAT.get(what, what), n=n, items=_items(n), got=got,
            )  # fmt: skip
        case "too_long", {"field_type": what, "max_length": n, "actual_length": got}:
            return phrase(
                "{what} should have at most {n} {items} after validation, not {got}",
                what=_WHAT.get(what, what), n=n, items=_items(n), got=got,
            )  # fmt: skip
        case _:
            return None


def _items(n: object) -> Phrase:
    return phrase("item" if n == 1 else "items")


def _plain(value: Any) -> Any:  # noqa: ANN401 -- of a bound, whatever it is of
    return int(value) if isinstance(value, float) and value.is_integer() else value


def alternatives(listed: str) -> Clause:
    """Return pydantic's list of what is allowed, "'a', 'b' or 'c'", as a phrase."""
    before, _, last = listed.rpartition(" or ")
    return phrase("{one} or {other}", one=before, other=last) if before else listed
