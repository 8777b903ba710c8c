"""A pull request's description: every section of the plan, with words of its own."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from rolloutlib.cli import main
from rolloutlib.ledger.pull_request import lacking

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md"
SECTIONS = ("Tests", "Impact", "Rollback")
WHOLE = """\
# Search summaries for everybody

## Tests
- [x] contract: 42 passed
## 2. Impact (users)
Everybody sees three summaries.

### Who
New sessions.

ROLLBACK
--------
```
rollout rollback --feature A
```
"""


def test_a_whole_description_lacks_nothing() -> None:
    """Ticked boxes, sub-headings and code are words; headings may be numbered or underlined."""
    assert lacking(WHOLE, SECTIONS) == ()


def test_the_template_alone_says_nothing() -> None:
    """It has the plan's headings; comments and open boxes are no words."""
    lacks = lacking(TEMPLATE.read_text("utf-8"), SECTIONS)
    assert [(lack.section, lack.why) for lack in lacks] == [
        ("Tests", "placeholder"), ("Impact", "empty"), ("Rollback", "empty"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "empty"),
        ("<!-- flags -->\n", "empty"),
        ("<!-- never closed\nflags\n", "empty"),
        ("\u200b\n", "empty"),
        ("TBD\n", "placeholder"),
        ("**N/A.**\n", "placeholder"),
        ("- tbd\n- n/a\n", "placeholder"),
        ("해당 없음\n", "placeholder"),
        ("- [ ] flags\n", "placeholder"),
        ("- [x] N/A\n", "placeholder"),
        ("> TODO\n", "placeholder"),
        ("---\n", "empty"),
        ("### Flags\n\n### Users\n", "empty"),
        ("N/A: no flag changes\n", None),
        ("TBD\n\nFlag A for new sessions\n", None),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", None),
        ("![picture](x.png)\n", None),
    ],
)
def test_what_says_nothing(body: str, why: str | None) -> None:
    """Placeholders alone are no words; a reason beside them is."""
    lacks = lacking(f"## Impact\n\n{body}\n## Next\n\nwords\n", ["Impact"])
    assert [lack.why for lack in lacks] == ([why] if why else [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Impact\n\nall\n",
        "```\n## Impact\nall\n```\n",
        "## Impacts\n\nall\n",
        "<!-- ## Impact\nall -->",
    ],
    ids=["nothing", "no heading", "in code", "another word", "in a comment"],
)
def test_a_heading_that_is_none(text: str) -> None:
    """Only what is shown as a heading of that name is one."""
    assert [lack.why for lack in lacking(text, ["Impact"])] == ["missing"]


def test_one_of_two_sections_of_a_name_suffices() -> None:
    """A template's empty section does not spoil the one that somebody wrote below it."""
    assert lacking("## Impact\n\n## Impact\n\nall\n", ["Impact"]) == ()


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 for a whole one, 10 where something is missing, 2 for no file; - is stdin."""
    file = tmp_path / "pr.md"
    file.write_text(WHOLE, encoding="utf-8")
    assert main(["check-pr", str(file)]) == 0
    assert capsys.readouterr().out == "all 3 sections say something: Tests, Impact, Rollback\n"
    body = TextIOWrapper(BytesIO(b"## Tests\nall passed\n## Rollback\nTBD\n"))
    monkeypatch.setattr("sys.stdin", body)
    assert main(["check-pr", "-"]) == 10
    assert capsys.readouterr().out == (
        "Impact: there is no heading 'Impact'; add `## Impact` with its words\n"
        "Rollback: 'TBD' says nothing; say what holds for this change, and why\n"
    )
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"\xff")))
    assert main(["check-pr", "-"]) == 2
    assert main(["check-pr", str(tmp_path / "none.md")]) == 2
