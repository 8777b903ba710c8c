"""YAML files into validated models.

Safe tags, no duplicate keys, no aliases, a size cap, one sentence an error.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from rolloutlib.errors import FileError, PlanError, did_you_mean
from rolloutlib.files import bounded_text
from rolloutlib.limits import PARAMETER_BYTES
from rolloutlib.phrase import Clause, Phrase, foreign, phrase
from rolloutlib.plan.complaints import alternatives, complaint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic_core import ErrorDetails

__all__ = ["describe", "load_model", "load_yaml", "parse_yaml"]

_Model = TypeVar("_Model", bound=BaseModel)


class _RefusedError(yaml.constructor.ConstructorError):
    """YAML that this loader does not take."""

    def __init__(self, why: Phrase, mark: yaml.Mark) -> None:
        super().__init__(None, None, str(why), mark)
        self.why = why


_DEEPEST = 200  # collections within each other


class _Strict(yaml.constructor.SafeConstructor):
    """PyYAML's safe values, but repeated keys, which silently change meaning, are refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _RefusedError(phrase("expected a name as a key"), key_node.start_mark)
            key = self.construct_object(key_node)  # pyright: ignore[reportUnknownMemberType] -- untyped in the stubs
            if key in keys:
                why = phrase("the key {key} is there twice", key=repr(key))
                raise _RefusedError(why, key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep=deep)


class _StrictLoader(_Strict, yaml.SafeLoader):
    """In Python, which says best what is wrong."""


# libyaml takes a tenth of the time, where PyYAML was built with it.
_FAST: Final[tuple[Any, ...]] = (
    (type("_FastLoader", (_Strict, yaml.CSafeLoader), {}),) if yaml.__with_libyaml__ else ()
)


def load_yaml(path: Path) -> Any:  # noqa: ANN401
    """Read a YAML file.

    Raises:
        PlanError: it is missing, too large, unreadable, or not the plain YAML that is expected.
    """
    return _read(path, _parsed)


def load_model(path: Path, model: type[_Model]) -> _Model:
    """Read a YAML file into a pydantic model.

    Every error is a PlanError that names file, key and value.
    """
    try:
        return model.model_validate(_read(path, _parsed_once))
    except ValidationError as error:
        raise PlanError(describe(error, str(path), model)) from None


def _read(path: Path, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401
    try:
        text = bounded_text(path, PARAMETER_BYTES)
    except FileError as error:
        why = phrase("there is no such file") if error.missing else error.why
        raise PlanError("{path}: {why}", path=path, why=why) from None
    return _told(path, text, parse)


def parse_yaml(text: str, where: str) -> Any:  # noqa: ANN401
    """Read YAML that stands within a file, as `load_yaml` reads a whole one.

    Raises:
        PlanError: it is not the plain YAML that is expected.
    """
    return _told(where, text, _parsed)


def _told(path: Path | str, text: str, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401
    try:
        return parse(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise PlanError("{path}: {why}", path=path, why=_yaml_sentence(error)) from None
    except (AttributeError, IndexError, KeyError):  # PyYAML's own, of `!!int ""` or `!!bool x`
        why = phrase("a value is not of the kind that its tag (!!int, !!bool …) names")
        raise PlanError("{path}: {why}; leave the tag out", path=path, why=why) from None
    except RecursionError:
        raise PlanError("{path}: nested too deep; expected plain YAML", path=path) from None


def _parsed(text: str) -> Any:  # noqa: ANN401
    for loader in _FAST:
        with suppress(yaml.YAMLError):
            return _loaded(text, loader)
    return _loaded(text, _StrictLoader)


def _loaded(text: str, loader: Any) -> Any:  # noqa: ANN401
    _check_events(text, loader)
    return yaml.load(text, loader)  # noqa: S506


def _check_events(text: str, loader: Any) -> None:  # noqa: ANN401
    """Refuse aliases, and depths at which building the values would exhaust the stack.

    Raises:
        RecursionError: it is nested too deep.
    """
    depth = 0
    for event in cast("Any", yaml).parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = cast("Any", event).start_mark
            raise _RefusedError(phrase("aliases (*name) are not allowed"), mark)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError


# A command reads the plan in several places, and a model is built anew from it.
_parsed_once = lru_cache(maxsize=8)(_parsed)


def describe(
    error: ValidationError, where: Clause, model: type[BaseModel], *, options: bool = False
) -> Phrase:
    """Say in a sentence a problem what a validation found.

    File, key, what was got, what is expected.

    Args:
        error: what was found.
        where: the file, or the command.
        model: what was validated.
        options: whether the keys are told as the options of a command.
    """
    problems = _most_telling(error.errors(include_url=False))
    sentence, *others = [_problem(problem, model, options=options) for problem in problems[:3]]
    for other in others:
        sentence = phrase("{one}; {other}", one=sentence, other=other)
    if len(problems) > 3:  # noqa: PLR2004 -- as above
        sentence = phrase("{problems} (and {n} more)", problems=sentence, n=len(problems) - 3)
    return phrase("{path}: {why}", path=where, why=sentence)


def _yaml_sentence(error: Exception) -> Clause:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        why = error.why if isinstance(error, _RefusedError) else error.problem
        why = foreign(why) if isinstance(why, str) else why or phrase("not YAML")
        return phrase("line {line}: {why}", line=error.problem_mark.line + 1, why=why)
    return foreign(str(error).splitlines()[0])


def _key(problem: ErrorDetails) -> str:
    return ".".join(str(part) for part in problem["loc"] if not _is_branch(part))


def _most_telling(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Where a union was tried, keep one problem a key.

    The deepest, and of equals not the mere 'is no dictionary'.
    """
    best: dict[str, ErrorDetails] = {}
    for problem in problems:
        if _key(problem) not in best or problem["type"] != "model_type":
            best[_key(problem)] = problem
    return [
        p
        for key, p in best.items()
        if not any(other.startswith(f"{key}.") for other in best if key)
    ]


def _problem(problem: ErrorDetails, model: type[BaseModel], *, options: bool) -> Clause:
    named = _key(problem)
    if options and named:
        named = f"--{named.replace('_', '-')}"
    key: Clause = named or phrase("the file")
    got = problem.get("input")
    if problem["type"] == "extra_forbidden":
        allowed = _siblings(model, problem["loc"])
        return phrase(
            "{key} is not a known key; known there: {known}.{hint}", key=key, known=allowed,
            hint=did_you_mean(str(problem["loc"][-1]), allowed),
        )  # fmt: skip
    if problem["type"] == "missing":
        return phrase("{key} is missing", key=key)
    if problem["type"] == "literal_error":
        expected = problem.get("ctx", {}).get("expected", "")
        words = expected.replace("'", "").replace(" or ", ", ").split(", ")
        hint = "" if str(got) in words else did_you_mean(str(got), words)  # '2' is not 2
        return phrase(
            "{key} is {got}; expected {expected}.{hint}", key=key, got=repr(got),
            expected=alternatives(expected), hint=hint,
        )  # fmt: skip
    why = complaint(problem)
    if problem["type"] == "value_error":
        return phrase("{key}: {why}", key=key, why=why) if problem["loc"] else why
    return phrase("{key} is {got}; {why}", key=key, got=repr(str(got)[:80]), why=why)


def _is_branch(part: int | str) -> bool:
    """Pydantic puts the names of union branches and validators into the location.

    People do not write them.
    """
    return isinstance(part, str) and (
        part.endswith("]") or part in {"float", "bool", "FromProfile", "[key]"}
    )


def _siblings(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Walk the model's JSON schema to the parent of `loc` and list the keys that it knows."""
    schema = model.model_json_schema(by_alias=True)
    defs = schema.get("$defs", {})
    node: dict[str, Any] = schema
    for part in loc[:-1]:
        node = _step(_resolve(node, defs), part, defs)
    return list(_resolve(node, defs).get("properties", {}))


def _resolve(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    return defs[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node


def _step(node: dict[str, Any], part: int | str, defs: dict[str, Any]) -> dict[str, Any]:
    if part in node.get("properties", {}):
        return node["properties"][part]
    for branch in node.get("anyOf", []):
        if _resolve(branch, defs).get("title") == part:
            return branch
    return next(
        (node[key] for key in ("additionalProperties", "items") if isinstance(node.get(key), dict)),
        node,
    )
