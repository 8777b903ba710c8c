"""A draft as the text of a source.yaml: a line a field, with the reason beside it."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, cast

import yaml

from rolloutlib.drafts.presets import PRESETS
from rolloutlib.text import plain
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.record import Draft
    from rolloutlib.reason import Reason

__all__ = ["text_of"]

_WIDTH = 110  # of a line with its comment; longer reasons stand above their line
_NAMELESS = '""'  # a column without a name, as pandas writes its index
_BLOCKS = ("columns", "segments", "scores", "arms", "wide")


def text_of(draft: Draft, missed: Sequence[Reason] = (), schema: str = "") -> str:
    """Return source.yaml with a comment a line, in the language that is spoken.

    Args:
        draft: what was drafted.
        missed: which gates of the plan will miss their values.
        schema: where the schema of source.yaml lies, as seen from it; empty where it does not.
    """
    title = next((preset.title for preset in PRESETS if preset.name == draft.tool), None)
    if title is None:
        lines = [f"# {say('Drafted by rollout source by names and values of the columns.')}"]
    else:
        lines = [f"# {say('Drafted by rollout source from files of {tool}.', tool=title)}"]
    if schema:
        lines.insert(0, f"# yaml-language-server: $schema={plain(schema)}")
    for key, value in draft.mapping.items():
        if key in _BLOCKS and isinstance(value, dict) and value:
            lines += _commented(f"{key}:", draft.notes.get(key), "")
            for name, inner in cast("dict[str, object]", value).items():
                lines += _commented(
                    f"  {_flow({name: inner})}", draft.notes.get(f"{key}.{name}"), "  "
                )
        else:
            lines += _commented(_flow({key: value}), draft.notes.get(key), "")
    if draft.left:
        lines += ["", f"# {say('Left out:')}"]
        for name, why in draft.left.items():
            lines += _wrapped(f"{plain(name) or _NAMELESS}: {sentence(why)}", "#   ")
    if missed:
        lines += ["", f"# {say('What the gates of the plan will miss:')}"]
        for why in missed:
            lines += _wrapped(sentence(why), "#   ")
    return "\n".join(lines) + "\n"


def _commented(line: str, why: Reason | None, indent: str) -> list[str]:
    if why is None:
        return [line]
    comment = sentence(why)
    if len(line) + len(comment) + 4 <= _WIDTH:
        return [f"{line}  # {comment}"]
    return [*_wrapped(comment, f"{indent}# "), line]


def _wrapped(comment: str, mark: str) -> list[str]:
    parts = wrap(comment, _WIDTH - len(mark), break_long_words=False, break_on_hyphens=False)
    return [f"{mark}{part}" for part in parts]


def _flow(value: dict[str, Any]) -> str:
    """Return a key and its value on one line, however long the key is."""
    ((key, inner),) = value.items()
    return f"{_dumped([key])}: {_dumped([inner])}"


def _dumped(value: list[object]) -> str:
    """Return the one item of a list as YAML."""
    written = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=2**31
    )
    return written.strip().removeprefix("[").removesuffix("]")
