"""What all tests and doctests share: files of their own for looks and for notebooks' signatures."""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from _pytest.doctest import DoctestItem

from rolloutlib.judge import counting
from rolloutlib.show.folder import save

# jsonschema compiles grammars of international URLs where it finds them: 2 s that no test needs.
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType] -- documented by importlib

# Here, after the line above: by itself it is loaded before it. Where Spark is, nbval is not.
pytest_plugins = ["nbval.plugin"] if find_spec("nbval") else []

# Nothing depends on the language of whoever runs the tests.
for variable in ("ROLLOUT_LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"):
    os.environ.pop(variable, None)
os.environ["LANG"] = "C.UTF-8"

# What eval and load tools run in an environment of their own.
collect_ignore_glob = ["tests/tools/write_*.py", "tests/tools/locustfile.py"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rolloutlib.explore.review import Review
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams


@pytest.fixture(autouse=True, scope="session")
def looks_of_tests(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Plan, ReviewParams], Path | None]]:
    """Give each test its file where the plan's would count: tests are no looks at a stage.

    Whoever asks for it gets the function that names the plan's own file.
    """
    folder, as_named = tmp_path_factory.mktemp("looks"), counting.looks_file

    def own_file(plan: Plan, params: ReviewParams) -> Path | None:
        if params.looks is not None or (shipped := as_named(plan, params)) is None:
            return as_named(plan, params)
        test = f"{shipped} {os.environ['PYTEST_CURRENT_TEST'].rpartition(' ')[0]}"
        return folder / f"{sha256(test.encode()).hexdigest()[:16]}.jsonl"

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(counting, "looks_file", own_file)
        yield as_named


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest, doctest_namespace: dict[str, object]) -> None:
    """Give the face's examples a review, made once a process, a report of it, and a folder."""
    place = request.node.path.parts[-2:]
    if isinstance(request.node, DoctestItem) and (
        "explore" in place or place == ("rolloutlib", "__init__.py")
    ):
        folder: Path = request.getfixturevalue("tmp_path")
        review, report = shipped(), folder / "report"
        report.mkdir()
        save(review.judged.review, report, review.params)
        doctest_namespace |= {"review": review, "report": report, "folder": folder}


@cache
def shipped() -> Review:
    """Review the shipped example, as an exploration: it counts no look."""
    import rolloutlib

    return rolloutlib.review(
        stage=2, runs="data/examples/bfcl", control="gpt-4o-2024-05-13-FC",
        treatment="gpt-4o-2024-08-06-FC", looks="",
    )  # fmt: skip


@pytest.fixture(autouse=True, scope="session")
def signatures_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sign the notebooks of tests in a folder of theirs, not in the user's own database."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("jupyter")))
        yield
