"""What a draft is: a mapping of source.yaml, why each of its lines stands there, what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["Draft", "Preset", "by_tool"]


class Draft(NamedTuple):
    """A mapping that was drafted for files.

    Attributes:
        tool: which tool wrote them: "promptfoo"; "table" where nobody knows.
        mapping: what source.yaml will hold, in this order. It may lack an arm where two paths were
            given: these are the arms then.
        notes: key of the mapping, dotted ("columns.score"), → why it stands there.
        left: column, or what else the files hold → why it was left out.
        unread: field → a column that is called like it and was left all the same, though nothing
            else is that field: there is a measurement that nobody reads.
    """

    tool: str
    mapping: dict[str, Any]
    notes: Mapping[str, Reason] = {}
    left: Mapping[str, Reason] = {}
    unread: Mapping[str, str] = {}


class Preset(NamedTuple):
    """What is known of the files of one tool.

    Attributes:
        name: as `Draft.tool` says it.
        title: the tool's name for people.
        recognises: whether files are of this tool: by what only it writes, never by a file's name
            alone. It looks at what was peeked and must not fail on anything.
        drafts: the draft for files that were recognised.
    """

    name: str
    title: str
    recognises: Callable[[Peek], bool]
    drafts: Callable[[Peek], Draft]


def by_tool(title: str, mapping: Mapping[str, Any]) -> dict[str, Reason]:
    """Return a note for each field of a mapping: it stands there since the tool writes it so.

    Args:
        title: the tool's name for people.
        mapping: with `columns`, and whatever else; a preset says more where there is more to say.

    >>> list(by_tool("promptfoo", {"columns": {"score": "score"}}))
    ['columns.score']
    """
    why = because("draft.tool", tool=title)
    return {f"columns.{field}": why for field in mapping.get("columns", {})}
