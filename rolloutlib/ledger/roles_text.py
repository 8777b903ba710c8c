"""params/roles.yaml as text: a person put in or taken out, and every other byte left as it is.

The YAML parser that reads the file also says where each part of it stands, so that block style,
flow style, quotes, comments, order and line ends stay as their writer left them. (A library that
writes the whole file anew, ruamel.yaml 0.19, was tried: with a person it drops the comment above
the next one, and writes the name Yes so that the reader takes it for a truth value.) Whoever calls
this reads the result again and compares it before it replaces anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import yaml

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

_PEOPLE: Final = "people"
_STEP: Final = "  "  # an indentation deeper, where there is no person yet to follow
_NOTHING_MORE: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r?\n|\Z)")  # but a comment, on a line
_ALONE: Final = re.compile(r"[ \t]*(?:\?[ \t]*)?")  # what may stand before a key in block style
_COMMA: Final = re.compile(r"(?:[ \t\r\n]+(?:#[^\n]*)?)*,")
_LINE_ENDS: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")  # YAML's, and no editor's


class UnclearError(RolloutError):
    """The text does not show where one person ends and the next begins; nothing was changed."""


def _unclear(line: int, expected: Phrase) -> UnclearError:
    return UnclearError("line {line}: {expected}", line=line, expected=expected)


class _Pair(NamedTuple):
    """A key of a mapping and its value, as the parser found them."""

    key: yaml.Node
    value: yaml.Node


def with_person(text: str, who: str, name: str, roles: Sequence[str]) -> str:
    """Return the text of roles.yaml with one more person, after the others.

    Args:
        text: YAML of the form that `load_roles` accepts.
        who: the person's address, which the file does not name yet.
        name: printed name.
        roles: pm, qa, owner, engine.

    Raises:
        UnclearError: with the line, where the person cannot be put in safely.
    """
    person = {"name": name, "roles": [*roles]}
    shown = yaml.safe_dump(
        person, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1 << 20
    ).strip()
    entry = f"{who}: {shown}"
    root = _root(text)
    people = _pair(root, _PEOPLE)
    if people is None:
        return _appended(text, root, _people_section(text, root, entry))
    people_map = _mapping(text, people.value)
    if people_map.value:
        return _appended(text, people_map, entry)
    return _first(text, people, entry)


def without_person(text: str, who: str) -> str:
    """Return the text of roles.yaml without a person, whom it names.

    Raises:
        UnclearError: with the line, where the person cannot be taken out safely.
    """
    people = _pair(_root(text), _PEOPLE)
    people_map = _mapping(text, people.value) if people else None
    person = _pair(people_map, who) if people_map else None
    if people is None or people_map is None or person is None:
        raise _unclear(1, phrase("expected {who} among the `people`", who=who))
    if people_map.flow_style:
        return _cut_flow(text, people_map, person)
    rest = _cut_lines(text, person)
    if len(people_map.value) > 1:
        return rest
    colon = text.index(":", people.key.end_mark.index) + 1  # before the lines that were cut
    return f"{rest[:colon]} {{}}{rest[colon:]}"


# --- where things stand ---------------------------------------------------------------------------


def _root(text: str) -> yaml.MappingNode:
    if odd := _LINE_ENDS.search(text):
        expectation = phrase("expected line ends LF or CR LF, got {got!r}", got=odd.group())
        raise _unclear(_line(text, odd.start()), expectation)
    try:
        return _mapping(text, cast("Any", yaml).compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = phrase("expected YAML, but {problem}", problem=error.problem)
        raise _unclear(line, problem) from None


def _mapping(text: str, node: yaml.Node) -> yaml.MappingNode:
    if isinstance(node, yaml.MappingNode):
        return node
    raise _unclear(_line(text, node.start_mark.index), phrase("expected `key: value` pairs"))


def _pair(mapping: yaml.MappingNode, key: str) -> _Pair | None:
    pairs = (_Pair(*pair) for pair in cast("list[tuple[yaml.Node, yaml.Node]]", mapping.value))
    return next((pair for pair in pairs if pair.key.value == key), None)


def _last(mapping: yaml.MappingNode) -> _Pair:
    return _Pair(*cast("list[tuple[yaml.Node, yaml.Node]]", mapping.value)[-1])


def _end(text: str, node: yaml.Node) -> int:
    """Return where a value's own text ends; the parser counts what follows a block to it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(text, _last(node).value)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(text, cast("list[yaml.Node]", node.value)[-1])
    end: int = node.end_mark.index
    return len(text[:end].rstrip(" \t\r\n"))


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Return where the line ends, before its line end, if only a comment follows there."""
    if rest := _NOTHING_MORE.match(text, index):
        return rest.end()
    raise _unclear(_line(text, index), phrase("expected nothing more on the line"))


def _indent(text: str, key: yaml.Node) -> str:
    """Return what stands before a key that begins its line."""
    start: int = key.start_mark.index
    before = text[_line_start(text, start) : start]
    if _ALONE.fullmatch(before):
        return before.partition("?")[0]
    raise _unclear(_line(text, start), phrase("expected the key to begin its line"))


# --- one more -------------------------------------------------------------------------------------


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _people_section(text: str, root: yaml.MappingNode, entry: str) -> str:
    if root.flow_style:
        return f"{_PEOPLE}: {{{entry}}}"
    inner = _indent(text, _last(root).key) + _STEP
    return f"{_PEOPLE}:{_newline(text)}{inner}{entry}"


def _appended(text: str, mapping: yaml.MappingNode, entry: str) -> str:
    """Put one more pair after a mapping's last."""
    key, value = _last(mapping)
    end = _end(text, value)
    if not mapping.flow_style:
        at, line = _line_end(text, end), f"{_indent(text, key)}{entry}"
        after = text[at:] or _newline(text)
        return f"{text[:at]}{_newline(text)}{line}{after}"
    comma = _COMMA.match(text, end)
    at = comma.end() if comma else end
    return f"{text[:at]}{'' if comma else ','} {entry}{text[at:]}"


def _first(text: str, people: _Pair, entry: str) -> str:
    """Put the first person into `people: {}`."""
    begin, end = people.value.start_mark.index, people.value.end_mark.index
    plain = re.fullmatch(r":[ \t]*\{[ \t]*\}", text[people.key.end_mark.index : end])
    if not plain or not _NOTHING_MORE.match(text, end):
        inside = text.index("{", begin) + 1
        return f"{text[:inside]}{entry}{text[inside:]}"
    at = _line_end(text, end)
    line = f"{_indent(text, people.key)}{_STEP}{entry}"
    after = text[at:] or _newline(text)
    return f"{text[: people.key.end_mark.index]}:{text[end:at]}{_newline(text)}{line}{after}"


# --- one less -------------------------------------------------------------------------------------


def _cut_lines(text: str, person: _Pair) -> str:
    """Take out the lines of a person in block style; what stands above or below them stays."""
    _indent(text, person.key)
    start = _line_start(text, person.key.start_mark.index)
    end = _line_end(text, _end(text, person.value))
    newline = re.compile(r"\r?\n").match(text, end)
    return text[:start] + text[newline.end() if newline else end :]


def _cut_flow(text: str, people: yaml.MappingNode, person: _Pair) -> str:
    """Take out a person in flow style, with one comma."""
    begin, end = person.key.start_mark.index, _end(text, person.value)
    if comma := _COMMA.match(text, end):
        blank = re.compile(r"[ \t]*").match(text, comma.end())
        return text[:begin] + text[blank.end() if blank else comma.end() :]
    before = [_Pair(*pair) for pair in people.value if pair[0] is not person.key]
    if not before:
        return text[:begin] + text[end:]
    comma = _COMMA.match(text, _end(text, before[-1].value))
    if comma is None:
        raise _unclear(_line(text, begin), phrase("expected a comma before the person"))
    between = text[comma.end() : begin]
    remainder = between if between.strip() else ""
    return text[: comma.end() - 1] + remainder + text[end:]
