"""README.md and README.ko.md, walked as they stand: from a fresh checkout to flags that moved.

The commands are those of the walk's shell blocks; the Korean ones are the same, told in Korean.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml

import rolloutlib
from rolloutlib.cli import _parser
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "README.md", "ko": ROOT / "README.ko.md"}
WALK = {"en": "## From a table to a signed GO", "ko": "## 표에서 서명된 GO까지"}
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
YAML = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^ *```(\w*)\n", re.MULTILINE)
CODE = re.compile(r"(?:exit code|종료 코드) (\d+)")
COMMENT = re.compile(r"    # .*")
WORDS = re.compile(r"TODO\(pm\)\.\*/[^/]*/")  # what the pages put into the release notes
LINK = re.compile(r"\]\(([^)#]+)")


class Step(NamedTuple):
    """A command of a page, and the exit code that the page names (0 where it names none)."""

    command: str
    code: int


def section_of(page: str, heading: str) -> str:
    """Return the text below a heading of the second level."""
    start = page.index(f"\n{heading}\n") + 1
    return page[start : page.find("\n## ", start)]


def steps_of(lang: str) -> Iterator[Step]:
    """Yield the commands of a page's walk, each with its further lines."""
    walk = section_of(PAGES[lang].read_text("utf-8"), WALK[lang])
    for block in BLOCK.findall(walk):
        for line in re.sub(r"\\\n *", "", block).splitlines():
            code = CODE.search(line)
            yield Step(COMMENT.sub("", line), int(code[1]) if code else 0)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A clone of the workbook as it stands here, with this environment's commands on the path."""
    root = tmp_path / "book"
    subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, root], check=True)
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for gone in {*listed_in(root)} - tracked:
        (root / gone).unlink()
    for name in tracked:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    who = ("-c", "user.name=A Test", "-c", "user.email=a@test.invalid", "-c", "commit.gpgsign=no")
    for command in (("add", "--all"), ("commit", "--quiet", "--allow-empty", "--message=As here")):
        subprocess.run(["git", *who, *command], cwd=root, check=True)
    (tmp_path / "bin").mkdir()
    main = "import sys; from rolloutlib.cli import main; sys.exit(main())"
    for name, code in (("rollout", f'-c "{main}"'), ("pytest", "-m pytest")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {code} "$@"\n')
        script.chmod(0o755)
    return root


def listed_in(root: Path) -> list[str]:
    """Return the names of the files that git has in a checkout."""
    git = ["git", "ls-files", "-z"]
    listed = subprocess.run(git, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name]


def walked(book: Path, lang: str) -> str:
    """Run the steps in one shell, as somebody who pastes them; return all that they print."""
    script = "set -eu\n" + "".join(
        f"{step.command}\n"
        if not step.code
        else f"code=0; {step.command} || code=$?; [ $code = {step.code} ]\n"
        for step in steps_of(lang)
    )
    left = ("GIT_", "ROLLOUT_", "PYTEST_", "LC_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left)}
    environment["PATH"] = f"{book.parent / 'bin'}:{environment['PATH']}"
    environment["PYTHONPATH"] = str(Path(rolloutlib.__file__).parents[1])
    environment["HOME"] = str(book.parent)  # no key, no git configuration of whoever tests
    done = subprocess.run(
        ["bash", "-c", script], cwd=book, env=environment, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("lang", ["en", "ko"] if EXHAUSTIVE else ["en"])
def test_the_walk_ends_in_a_promoted_go(book: Path, lang: str) -> None:
    """Table, evidence, review, three people, a signed GO: flags move and everything verifies."""
    before = json.loads((book / "params" / "flags.json").read_text("utf-8"))["metadata"]
    out = walked(book, lang)
    after = json.loads((book / "params" / "flags.json").read_text("utf-8"))["metadata"]
    assert (before["stage"], after["stage"]) == (0, 1)
    assert after["decision"].startswith("dec-")
    assert out.splitlines()[-1].startswith(f"{after['decision']}  ok ")
    review = json.loads((book / "reports" / "w47" / "review.json").read_text("utf-8"))
    assert (review["recommendation"], review["stage"]) == ("GO", 0)
    assert all(arm["simulated"] for arm in review["arms"])
    assert all(check["holds"] and check["simulated"] for check in review["checks"])


def test_the_walk_shows_the_mapping_of_its_table() -> None:
    """Both pages show the source.yaml that lies beside the table, key by key."""
    shipped = (ROOT / "data/examples/answers/source.yaml").read_text("utf-8")
    for page in PAGES.values():
        shown = YAML.search(page.read_text("utf-8"))
        assert shown, page.name
        assert yaml.safe_load(shown[1]) == yaml.safe_load(shipped), page.name


def test_both_pages_walk_the_same_way() -> None:
    """The Korean commands are the English ones with `--lang ko`, but for words put into notes."""
    steps = {
        lang: [
            (WORDS.sub("TODO(pm).*//", step.command.replace(" --lang ko", "").strip()), step.code)
            for step in steps_of(lang)
        ]
        for lang in PAGES
    }
    assert steps["ko"] == steps["en"]
    commands = [command for command, _ in steps["en"]]
    for name in ("evidence init", "review 0", "keys add", "decide", "sign", "promote", "verify"):
        assert any(command.startswith(f"rollout {name}") for command in commands), name


def test_both_pages_have_the_same_parts() -> None:
    """As many headings of each level, code blocks of each kind, and links to the same pages."""
    parts: dict[str, tuple[list[int], list[str], list[str]]] = {}
    for lang, path in PAGES.items():
        page = path.read_text("utf-8")
        prose = re.sub(r"^( *)```.*?^\1```$", "", page, flags=re.DOTALL | re.MULTILINE)
        headings = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]
        links = sorted(link.replace(".ko.md", ".md") for link in LINK.findall(prose))
        parts[lang] = (headings, FENCE.findall(page), links)
    assert parts["ko"] == parts["en"]


@pytest.mark.slow
@pytest.mark.parametrize("lang", PAGES)
def test_a_page_names_commands_that_there_are(lang: str) -> None:
    """Every call of `rollout` in a page's blocks is one that its parser takes."""
    page = re.sub(r"\\\n *", "", "".join(BLOCK.findall(PAGES[lang].read_text("utf-8"))))
    calls = [shlex.split(line, comments=True) for line in page.splitlines() if "rollout " in line]
    named = [call[1:] for call in calls if call and call[0].endswith("rollout")]
    assert len(named) > 15
    for call in named:
        assert _parser().parse_args(call).call, call


@pytest.mark.parametrize("lang", PAGES)
def test_what_a_page_links_to_is_there(lang: str) -> None:
    """Every link of a page leads to a file of the checkout."""
    for link in LINK.findall(PAGES[lang].read_text("utf-8")):
        assert "://" in link or (ROOT / link).exists(), link
