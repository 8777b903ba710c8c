"""`rollout source`: what a file is, and a source.yaml drafted for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, lang, option, say
from rolloutlib.errors import FileError, UsageError

if TYPE_CHECKING:
    import argparse

SOURCE = """\
Look at the files of an eval tool and draft the source.yaml by which a review reads them: what each
column is taken for and why, what is left out and why. One file or folder, or two: then the first
is the control and the second the treatment. Nothing is asked, and nothing is guessed silently:
what may be several things is left out and said."""
EXAMPLES = """\
examples:
  rollout source results.json
      writes source.yaml beside it
  rollout source runs/v1.csv runs/v2.csv
      two arms, one a file: runs/source.yaml
  rollout source out/ --out -
      prints the draft and writes nothing

Exit code: 0 drafted; 2 wrong usage, or another source.yaml is there; 30 nothing is recognised in
the files; 1 failure; 130 interrupted."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "source", _source, "draft the source.yaml of files that somebody else wrote",
        option("files FILE", "file or folder; of two the control's, then the treatment's",
               nargs="+", type=Path),
        option("--out FILE", "where to write the draft; - prints it (default: source.yaml beside "
               "the files)"),
        lang("the comments"),
        description=SOURCE, epilog=EXAMPLES,
    )  # fmt: skip


def _source(arguments: argparse.Namespace) -> int:
    from rolloutlib.drafts.drafting import draft
    from rolloutlib.drafts.written import text_of
    from rolloutlib.words.sentences import speaking

    drafted = draft(arguments.files)
    with speaking(arguments.lang):
        text = text_of(drafted.draft)
    if arguments.out == "-":
        sys.stdout.write(text)
        return 0
    out = Path(arguments.out) if arguments.out else drafted.peek.folder / "source.yaml"
    _write(out, text)
    say(str(out))
    return 0


def _write(path: Path, text: str) -> None:
    """Write a draft, but never over something else.

    Raises:
        UsageError: another file is there.
        FileError: it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if path.is_file() and path.read_text("utf-8", "replace") == text:
            return
        due = "move it away, or name another file with --out (- prints the draft)"
        raise UsageError(f"{path} is there already, and differs from the draft; {due}.") from None
    except OSError as error:
        raise FileError.at(str(path), f"cannot be written ({error.strerror})") from None
