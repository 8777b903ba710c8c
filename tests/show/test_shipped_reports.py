"""reports/examples: whole, of no machine, and what a review says today (else: make examples)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from rolloutlib.cli import main
from rolloutlib.ledger.seal import NOTEBOOK, PAGE, REVIEW, faults, parts_in
from rolloutlib.show.past import past_at
from tests.english import texts_of
from tests.often import EXHAUSTIVE

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ROOT / "reports" / "examples"
LANGUAGES: Final = ("en", "ko")
ARMS: Final = ("--control", "gpt-4o-2024-05-13-FC", "--treatment", "gpt-4o-2024-08-06-FC")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_they_are_whole_and_of_no_machine(lang: str) -> None:
    """Every part is as sealed, and none of them names a folder of who made it."""
    folder = SHIPPED / lang
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    assert faults(parts) == []
    assert past_at(folder, lang).word == "NO_GO"
    text = re.sub(rb"data:image/[^\"]*", b"", b"".join(parts.values()))
    paths = re.findall(rb"(?:/tmp|/home|/root|/Users|/work|/var|[A-Z]:\\\\)[/\w.]*", text)
    assert paths == []


def test_both_are_of_the_same_review() -> None:
    """The language is the page's: the records say the same, byte by byte."""
    english, korean = ((SHIPPED / lang / REVIEW).read_bytes() for lang in LANGUAGES)
    assert english == korean


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("lang", LANGUAGES if EXHAUSTIVE else LANGUAGES[:1])
def test_a_review_of_today_says_the_same(
    lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers and words, whenever it was made; where they changed, `make examples`."""
    monkeypatch.chdir(ROOT)
    out = tmp_path / "new"
    arguments = ("review", "2", "--runs", "data/examples/bfcl", *ARMS, "--looks", "")
    assert main([*arguments, "--against", "none", "--lang", lang, "--out", str(out)]) == 20
    old, new = (json.loads((place / REVIEW).read_bytes()) for place in (SHIPPED / lang, out))
    assert rounded(old) == rounded(new), "run `make examples`"
    shown = (out / PAGE).read_text("utf-8").replace(str(out), f"reports/examples/{lang}")
    assert texts_of((SHIPPED / lang / PAGE).read_text("utf-8")) == texts_of(shown), (
        "run `make examples`"
    )
    cells = [
        [cell["source"] for cell in json.loads((at / NOTEBOOK).read_bytes())["cells"]]
        for at in (SHIPPED / lang, out)
    ]
    assert cells[0] == cells[1], "run `make examples`"


def rounded(part: Any) -> Any:  # noqa: ANN401 -- any part of a document
    """Return a record with numbers to nine digits: processors differ in the last ones."""
    if isinstance(part, float):
        return float(f"{part:.9g}")
    if isinstance(part, list):
        return [rounded(inner) for inner in part]
    if isinstance(part, dict):
        return {name: rounded(inner) for name, inner in part.items()}
    return part
