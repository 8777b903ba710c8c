"""The review record: what is decoded is what was encoded, and other documents are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import inf, nan
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutlib.errors import UsageError
from rolloutlib.judge.record import SCHEMA, Recommendation, Review, decode, encode
from rolloutlib.reason import Fact, Reason, because, known
from rolloutlib.runs.quarantine import InputFile

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**53), 2**53)
TEXT = st.text(max_size=9)
PLAIN = st.none() | st.booleans() | WHOLE | FLOATS | TEXT
REASONS = st.builds(Reason, TEXT, st.dictionaries(TEXT, PLAIN), TEXT)
FACTS = PLAIN | REASONS | st.lists(PLAIN | REASONS, max_size=2).map(tuple)
FILES = st.builds(InputFile, TEXT, TEXT, TEXT, WHOLE, WHOLE, WHOLE, WHOLE)
MOMENTS = st.datetimes(timezones=st.just(UTC))
SIMPLE = {float: FLOATS, int: WHOLE, str: TEXT, datetime: MOMENTS, Fact: FACTS, InputFile: FILES}


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 -- a type, as a field has it
    """Return a strategy for a field's type, down to the leaves."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        simple = inner[1] in {str, bool | str} or get_origin(inner[1]) is Literal
        return st.dictionaries(TEXT, values(inner[1]) if simple else FACTS, max_size=2)
    if origin in {Union, UnionType}:
        return st.one_of([values(member) for member in inner])
    if origin is Literal or not issubclass(kind, msgspec.Struct):
        return st.from_type(kind)
    parts = {part.name: values(part.type) for part in msgspec.structs.fields(kind)}
    return st.builds(kind, **parts)


@pytest.mark.slow
@given(values(Review))
def test_a_decoded_record_is_the_encoded_one(review: Review) -> None:
    """Whatever a review holds survives review.json, reasons and all."""
    assert decode(encode(review)) == review


def test_the_encoding_names_its_schema_first() -> None:
    """A reader sees in the first field what it has before it."""
    review = Review(stage=2, control="a", treatment="b", recommendation=Recommendation.INVALID,
                    reasons=(because("source.refused", message="no"),))  # fmt: skip
    decoded = json.loads(encode(review))
    assert next(iter(decoded.items())) == ("schema", SCHEMA)
    assert decoded["reasons"] == [
        {"code": "source.refused", "facts": {"message": "no"}, "text": ""}
    ]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"stage": 2}', '{"schema": "rolloutlib/review@1"}']
)
def test_what_is_no_review_is_refused_with_the_way_out(text: str) -> None:
    """No review and an older review alike say what to do."""
    with pytest.raises(UsageError, match=r"old/review.json .*run `rollout review` again"):
        decode(text.encode(), where="old/review.json")


def test_no_number_and_no_bound_are_none() -> None:
    """What JSON cannot say never reaches the record."""
    assert [known(value) for value in (nan, inf, -inf, None, 2)] == [None, None, None, None, 2.0]
