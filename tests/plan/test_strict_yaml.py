"""YAML files: what silently changes meaning is refused.

Every error is one sentence that names file and place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rolloutlib.errors import PlanError
from rolloutlib.phrase import phrase
from rolloutlib.plan.complaints import complaint
from rolloutlib.plan.strict_yaml import describe, load_model, load_yaml
from rolloutlib.words.sentences import speaking, translated

if TYPE_CHECKING:
    from pathlib import Path


class Inner(BaseModel):
    """A model in a model."""

    model_config = ConfigDict(extra="forbid")
    name: str


class Outer(BaseModel):
    """A model with a list and a dictionary of models."""

    model_config = ConfigDict(extra="forbid")
    listed: list[Inner] = []
    named: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x 1\nb: *x", "line 2: aliases (*name) are not allowed"),
        ("a: 1\na: 2", "line 2: the key 'a' is there twice"),
        ("? [a]\n: 1", "line 1: expected a name as a key"),
        ("a: 2026-13-45", "month must be in 1..12"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "line 1: could not determine a constructor for the tag",
        ),
        ("a: [1, 2", "line 1: expected ',' or ']'"),
        ("[" * 600, "nested too deep; expected plain YAML"),
        ('a: !!int ""', "a value is not of the kind that its tag (!!int, !!bool …) names"),
        ("a: !!bool x", "a value is not of the kind that its tag (!!int, !!bool …) names"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
    ],
    ids=[
        "alias",
        "repeated key",
        "list as a key",
        "no date",
        "object",
        "open list",
        "depth",
        "no whole number",
        "neither true nor false",
        "huge number",
        "two",
    ],
)
def test_text_that_is_no_plain_yaml(tmp_path: Path, text: str, sentence: str) -> None:
    """Each construct that could hide something gives a sentence with the file and.

    Where there is one, the line.
    """
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_yaml(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {sentence}")
    assert "\n" not in message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are named as such."""
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: \xff")
    with pytest.raises(PlanError, match="is no UTF-8: byte 3 is 0xff"):
        load_yaml(file)


def test_byte_order_mark(tmp_path: Path) -> None:
    """An editor's byte order mark does not become part of the first key."""
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert load_yaml(file) == {"a": 1}


def test_missing_and_oversized_files(tmp_path: Path) -> None:
    """A file that is not there, or is far too large, is refused before it is parsed."""
    with pytest.raises(PlanError, match="there is no such file"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(PlanError, match="is a folder; expected a regular file"):
        load_yaml(tmp_path)
    file = tmp_path / "large.yaml"
    file.write_text("# " + "x" * 1_000_000, encoding="utf-8")
    with pytest.raises(PlanError, match=r"at most 1,000,000 .*ROLLOUT_MAX_PARAMETER_BYTES"):
        load_yaml(file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "listed: [{nam: x}]",
            "listed.0.name is missing; listed.0.nam is not a known key; known there: name.",
        ),
        (
            "named: {a: {nam: x}}",
            "named.a.name is missing; named.a.nam is not a known key; known there: name.",
        ),
        (
            "nammed: {}",
            "nammed is not a known key; known there: listed, named. Did you mean 'named'?",
        ),
        ("listed: [{name: 3}]", "listed.0.name is '3'; expected text; put it in quotes"),
        ("[]", "the file is '[]'; expected keys with values"),
        ("", "the file is 'None'; expected keys with values"),
        ("listed: [{name: 1}, {name: 2}, {name: 3}, {name: 4}]", "(and 1 more)"),
    ],
)
def test_wrong_values(tmp_path: Path, text: str, sentence: str) -> None:
    """A wrong value is named by its path, with what is known or expected there."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_model(file, Outer)
    assert str(caught.value).startswith(f"{file}: ")
    assert sentence in str(caught.value)


def test_a_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    """What was parsed once is not what stands there later, and two models share nothing."""
    file = tmp_path / "x.yaml"
    file.write_text("named: {a: {name: x}}", encoding="utf-8")
    first, again = load_model(file, Outer), load_model(file, Outer)
    first.named.clear()
    assert again.named["a"].name == load_model(file, Outer).named["a"].name == "x"
    file.write_text("named: {a: {name: y}}", encoding="utf-8")
    assert load_model(file, Outer).named["a"].name == "y"


class Words(BaseModel):
    """Two words of two."""

    kind: Literal["green", "blue"]
    other: Literal["green", "blue"]


class Bounded(BaseModel):
    """A model with every kind of bound that the plan and the parameters have."""

    above: Annotated[float, Field(gt=1)] = 2
    least: Annotated[float, Field(ge=1.5)] = 2
    below: Annotated[float, Field(lt=1)] = 0
    most: Annotated[float, Field(le=1)] = 0
    one: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    two: Annotated[str, Field(min_length=2, max_length=2)] = "ab"
    many: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    whole: int = 1
    real: Annotated[float, Field(allow_inf_nan=False)] = 1
    truth: bool = True
    shape: Annotated[str, Field(pattern="^a+$")] = "a"


@pytest.mark.parametrize(
    "values",
    [
        {"above": 0, "least": 0, "below": 2, "most": 2, "one": "", "two": "a", "many": []},
        {"one": "abcd", "two": "abc", "many": [1, 2, 3], "whole": 1.5, "truth": "x", "shape": "b"},
        {"whole": "x", "real": float("nan"), "truth": []},
        {"whole": [], "real": "x", "above": []},
        {"whole": "9" * 5000},
    ],
)
def test_what_pydantic_says_is_said_in_korean(values: dict[str, object]) -> None:
    """Each of its sentences is a phrase with the same English, and has a Korean one."""
    with pytest.raises(ValidationError) as caught:
        Bounded.model_validate(values)
    problems = caught.value.errors(include_url=False)
    assert len(problems) == len(values)
    for problem in problems:
        clause, english = complaint(problem), problem["msg"]
        assert str(clause) == english[0].lower() + english[1:]
        with speaking("ko"):
            assert not re.search("[A-Za-z]{2,} [a-z]{2,}", translated(clause))


def test_a_question_and_the_next_problem_stay_apart() -> None:
    """Problems are listed, also after one that asks: no "?." in Korean."""
    with pytest.raises(ValidationError) as caught:
        Words.model_validate({"kind": "gren", "other": "blu"})
    with speaking("ko"):
        korean = translated(describe(caught.value, "a.yaml", Words))
    assert "'green'입니까? / other" in korean
    assert "?." not in korean


def test_a_validator_of_ours_may_raise_a_phrase() -> None:
    """Its sentence is English for programs, and what is spoken for people."""

    class Ours(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _no(cls, _: str) -> str:
            raise ValueError(phrase("{key} is missing", key="x"))

    with pytest.raises(ValidationError) as caught:
        Ours.model_validate({"name": "a"})
    sentence = describe(caught.value, "a.yaml", Ours)
    assert str(sentence) == "a.yaml: name: x is missing"
    with speaking("ko"):
        assert translated(sentence) == "a.yaml: name: x이(가) 없습니다"
