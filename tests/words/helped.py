"""Every text of --help that is said: what the parsers of all commands ask the catalogue for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import _parser
from rolloutlib.words import sentences

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class _Asked(dict[str, str]):
    """A catalogue without a word, which remembers what it was asked for."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        """Leave it in English."""
        self[key] = default
        return default


@cache
def help_texts() -> frozenset[str]:
    """Return every English text that --help says in the reader's language."""
    recorder = _Asked()

    def nothing_else(_: str) -> dict[str, str]:
        return recorder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences, "_catalogue", nothing_else)
        helps("ko")
    return frozenset(recorder)


def helps(lang: str) -> dict[str, str]:
    """Return what --help prints of every command, in a language."""
    with sentences.speaking(lang):
        return {each.prog: each.format_help() for each in _all(_parser())}


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:  # noqa: SLF001 -- argparse has no public list of them
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _all(command)
