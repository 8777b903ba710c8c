"""What a clone carries.

A lock that installs anywhere, a Makefile that explains itself, a light package.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rolloutlib
from rolloutlib.explore.review import Review
from rolloutlib.plan.model import load_plan

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
EXTRAS = PROJECT["project"]["optional-dependencies"]
REQUIREMENTS = [
    *map(Requirement, PROJECT["project"]["dependencies"] + EXTRAS["test"] + EXTRAS["dev"])
]
# Each pattern is broken by brackets, so that this file is not among those that it finds.
ELSEWHERE = re.compile(
    r"(?<![\w.])/[w]ork/|\.\./[s]hared|pypi\.[o]rg/simple|pythonhosted\.[o]rg|registry\.[n]pmjs|index-[u]rl\s*="
)


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _modules_after(statement: str) -> set[str]:
    """Import in a fresh interpreter and return the names of all modules that came with it."""
    return set(
        _run(
            sys.executable,
            "-c",
            f"import json, sys\n{statement}\nprint(json.dumps([*sys.modules]))",
        ).split('"')
    )


def _locked_versions(name: str) -> set[str]:
    return set(
        re.findall(rf"^{re.escape(canonicalize_name(name))}==(\S+)", LOCK, flags=re.MULTILINE)
    )


def test_lock_carries_the_build_backend() -> None:
    """The editable install runs without network, so its backend comes from the lock as well."""
    assert set(PROJECT["build-system"]["requires"]) <= set(map(str, REQUIREMENTS))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_lock_covers_requirement(requirement: Requirement) -> None:
    """Each requirement of pyproject.toml is locked, and every locked version satisfies it."""
    locked = _locked_versions(requirement.name)
    assert locked, f"{requirement} is not in requirements.lock: run `make lock`"
    assert all(requirement.specifier.contains(version, prereleases=True) for version in locked)


def test_lock_pins_every_package_by_hash() -> None:
    """A package without a hash would make `pip install --require-hashes` fail.

    Or install unchecked bytes.
    """
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) > len(REQUIREMENTS)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_lock_names_no_address() -> None:
    """Users install from the index that they configured, so the lock names none.

    Nor a direct reference.
    """
    assert re.findall(r"://|^-|index| @ ", LOCK, flags=re.MULTILINE) == []


def test_environment_follows_the_project() -> None:
    """environment.yml adds to the lock only pip and the Python that pyproject.toml asks for."""
    python, pip, from_pip = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))[
        "dependencies"
    ]
    assert python.startswith("python " + PROJECT["project"]["requires-python"])
    assert pip == "pip"
    assert from_pip == {"pip": ["-r requirements.lock"]}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import rolloutlib", {"numpy", "scipy", "pandas", "altair", "duckdb", "papermill"}),
        (
            "import rolloutlib.stats.effective, rolloutlib.stats.sequential",
            {"pandas", "altair", "duckdb", "papermill", "narwhals", "pyarrow"},
        ),
    ],
)
def test_import_stays_light(statement: str, heavy: set[str]) -> None:
    """What is heavy is imported where it is used: the command line answers at once."""
    modules = _modules_after(statement)
    assert "rolloutlib" in modules
    assert modules & heavy == set()


def test_wheel_carries_everything_that_is_not_code(tmp_path: Path) -> None:
    """Catalogues, templates and the typing marker travel with the modules.

    Flit packs the whole folder.
    """
    _run(sys.executable, "-m", "flit_core.wheel", "--outdir", str(tmp_path))
    packed = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    files = {
        path
        for path in (ROOT / "rolloutlib").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {path.relative_to(ROOT).as_posix() for path in files} <= packed
    assert {"rolloutlib/py.typed", "rolloutlib/locale/ko/LC_MESSAGES/rolloutlib.po"} <= packed


def test_make_explains_every_target() -> None:
    """A target that `make help` does not explain is one that nobody finds."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, flags=re.MULTILINE))
    explained = set(re.findall(r"^  make ([a-z-]+) +\S", _run("make", "help"), flags=re.MULTILINE))
    assert targets == explained
    assert {"review", "test", "check", "lock"} <= targets


def test_make_faults_runs_all_that_the_tests_only_sample() -> None:
    """Whoever asks how often tests try, or imports a helper that asks, is run by `make faults`."""
    texts = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    asking = {path for path, text in texts.items() if "EXHAUSTIVE" in text}
    helpers = {path.stem for path in asking if not path.stem.startswith("test_")} - {"often"}
    imports = re.compile(rf"^from tests\..*\b(?:{'|'.join(helpers)})\b", re.MULTILINE)
    sampled = {
        path.relative_to(ROOT).as_posix()
        for path, text in texts.items()
        if path.stem.startswith("test_") and (path in asking or imports.search(text))
    }
    assert sampled <= set(_run("make", "-n", "faults").split())


@pytest.mark.parametrize("target", ["review", "test"])
def test_make_says_which_python_it_needs(target: str, tmp_path: Path) -> None:
    """Without a usable Python the two first commands say so in one sentence and install nothing."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    done = subprocess.run(
        ["make", target, "PYTHON=no-such-python"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "rolloutlib needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(("code", "make_says"), [(0, 0), (10, 0), (20, 0), (30, 0), (1, 2), (2, 2)])
def test_make_review_tells_results_from_failures(code: int, make_says: int, tmp_path: Path) -> None:
    """A HOLD is a result, a usage error is none: only 1 and 2 fail `make review`."""
    rollout = tmp_path / "rollout"
    rollout.write_text(f"#!/bin/sh\nexit {code}\n")
    rollout.chmod(0o755)
    command = ["make", "review", f"BIN={tmp_path}", f"STAMP={rollout}", "--old-file", str(rollout)]
    assert (
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == make_says
    )


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="only a git checkout tells what is shipped"
)
def test_no_file_names_a_place_that_users_lack() -> None:
    """No shipped file names a folder of a developer's machine or the host of a package registry."""
    names = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    places = {
        name: match.group()
        for name in names
        if name and (ROOT / name).is_file()
        for match in [ELSEWHERE.search((ROOT / name).read_bytes().decode("utf-8", "replace"))]
        if match
    }
    assert places == {}


def test_the_face_is_light() -> None:
    """`import rolloutlib` loads none of the libraries behind it.

    They come with what is asked for.
    """
    heavy = {"numpy", "duckdb", "pydantic", "msgspec", "narwhals", "scipy"}
    assert not heavy & _modules_after("import rolloutlib")
    assert heavy & _modules_after("import rolloutlib; rolloutlib.load_plan")


def test_the_face() -> None:
    """The names of the page are those of their homes, and no other is there."""
    assert rolloutlib.load_plan is load_plan
    assert rolloutlib.Review is Review
    assert dir(rolloutlib) == sorted(rolloutlib.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'reviews'\. Did you mean 'review'"):
        _ = rolloutlib.reviews  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
