"""`rollout source`: what a file is, and a source.yaml drafted for it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, lang, option, say, say_lines, whole
from rolloutlib.errors import FileError, UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.plan.gates import Gate
    from rolloutlib.runs.account import Runs

SOURCE = """\
Look at the files of an eval tool and draft the source.yaml by which a review reads them: what each
column is taken for and why, what is left out and why, and which gates of the plan will find
nothing there. One file or folder, or two: then the first is the control and the second the
treatment. Nothing is asked, and nothing is guessed silently: what may be several things is left
out and said. docs/presets.md lists the tools whose files are recognised."""
EXAMPLES = """\
examples:
  rollout source results.json
      writes source.yaml beside it
  rollout source runs/v1.csv runs/v2.csv --check
      two arms, one a file: runs/source.yaml; then the first rows as they will be read
  rollout source out/ --out - --lang ko
      prints the draft with Korean comments and writes nothing

A source.yaml that is there is never written over; with --check it is the one that is checked.

Exit code: 0 drafted; 10 drafted, but --check found rows that are set apart; 2 wrong usage, or
another source.yaml is there; 30 nothing is recognised in the files; 1 failure; 130 interrupted."""
_EVAL = "rolloutlib/eval@"
_SCHEMA = Path("params/source.schema.json")
_APART = 10  # the exit code for rows that were set apart
_FAR = 3  # folders above a file in which a review is not to look for its neighbours


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "source", _source, "draft the source.yaml of files that somebody else wrote",
        option("files FILE", "file or folder; of two the control's, then the treatment's",
               nargs="+", type=Path),
        option("--out FILE", "where to write the draft; - prints it (default: source.yaml beside "
               "the files)"),
        option("--check", "read the files by it, and print the first rows as they are read, and "
               "what is set apart", action="store_true"),
        option("--rows N", "of --check: rows of each arm", type=whole(1, 1000), default=3),
        option("--plan FILE", "plan whose gates the draft is held against (default: "
               "params/plan.yaml; elsewhere the gates of rollout compare)", type=Path),
        lang("the comments"),
        description=SOURCE, epilog=EXAMPLES,
    )  # fmt: skip


def _source(arguments: argparse.Namespace) -> int:
    from rolloutlib.drafts.drafting import draft
    from rolloutlib.drafts.missing import missing_for
    from rolloutlib.drafts.written import text_of
    from rolloutlib.words.sentences import speaking

    drafted = draft(arguments.files)
    with speaking(arguments.lang):
        missing = missing_for(drafted.spec, _gates(arguments.plan))
        text = text_of(drafted.draft, missing, _schema(drafted, arguments.out))
        if arguments.out == "-":
            sys.stdout.write(text)
            with _at_hand(text) as source:
                return _checked(drafted, source, arguments) if arguments.check else 0
        source = Path(arguments.out or _beside(drafted) / "source.yaml")
        _write(source, text, keep=arguments.check)
        say(str(source))
        return _checked(drafted, source, arguments) if arguments.check else 0


def _gates(path: Path | None) -> dict[str, Gate]:
    """Return the gates of the plan that is named, else of the workbook's, else of offline evals.

    Those that apply only where there is a value are left out: nothing misses them.

    Raises:
        PlanError: the plan that is named is missing, or a plan is wrong.
    """
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.offline import load_eval_plan, nearest_eval_plan
    from rolloutlib.plan.strict_yaml import load_yaml

    own = Path("params/plan.yaml")
    path = path or (own if own.is_file() else nearest_eval_plan())
    document = load_yaml(path)
    if isinstance(document, dict) and str(document.get("schema")).startswith(_EVAL):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] -- whatever the file is
        gates = load_eval_plan(path).gates.items()
        return {name: gate for name, gate in gates if gate.where != "present"}
    return dict(load_plan(path).gates)


def _schema(drafted: Drafted, out: str | None) -> str:
    """Return where the schema of source.yaml lies, as seen from a draft in this workbook."""
    folder = (Path(out).parent if out else drafted.peek.folder).resolve()
    inside = folder.is_relative_to(Path.cwd())
    if out == "-" or not inside or not _SCHEMA.is_file():
        return ""
    return Path(relpath(_SCHEMA, folder)).as_posix()


def _beside(drafted: Drafted) -> Path:
    """Return the folder in which source.yaml is to stand.

    Raises:
        UsageError: the two paths lie too far apart for one folder to be reviewed.
    """
    folder = drafted.peek.folder
    far = [file.name for file in drafted.peek.files if file.name.count("/") >= _FAR]
    if drafted.peek.arms and (far or folder == Path(folder.anchor)):
        raise UsageError(
            "the two paths have only {folder} in common; put both into one folder, or name a file "
            "with --out (- prints the draft)", folder=folder,
        )  # fmt: skip
    return folder


def _write(path: Path, text: str, *, keep: bool) -> None:
    """Write a draft, but never over something else.

    Raises:
        UsageError: another file is there, and is not to be kept.
        FileError: it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if keep or (path.is_file() and path.read_text("utf-8", "replace") == text):
            return
        raise UsageError(
            "{path} is there already, and differs from the draft; move it away, check it with "
            "--check, or name another file with --out (- prints)", path=path,
        ) from None  # fmt: skip
    except OSError as error:
        why = phrase("cannot be written ({why})", why=error)
        raise FileError.at(str(path), why) from None


@contextmanager
def _at_hand(text: str) -> Generator[Path]:
    """Give the draft as a file that is gone afterwards."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="rollout-") as folder:
        source = Path(folder) / "source.yaml"
        source.write_text(text, encoding="utf-8")
        yield source


def _checked(drafted: Drafted, source: Path, arguments: argparse.Namespace) -> int:
    """Print the first rows as they are read; return the exit code."""
    from rolloutlib.show.read_back import read_back

    runs = _read(drafted, source)
    say_lines("\n".join(read_back(runs, arguments.rows)))
    return _APART if runs.quarantined else 0


def _read(drafted: Drafted, source: Path) -> Runs:
    from rolloutlib.runs.reading import read_runs

    peek = drafted.peek
    is_single = len(peek.files) == 1 and not peek.arms
    return read_runs(peek.files[0].path if is_single else peek.folder, source=source)
