"""Files that eval tools write themselves: `make tools` installs these into .venv-tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tables import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

# What runs in .venv-tools imports what is installed nowhere else.
collect_ignore_glob = ["write_*.py", "locustfile.py"]

PATIENCE = 400.0  # seconds that a tool may take: all of them start at once
TOOLS = ROOT / ".venv-tools"
_FOLDER = Path(__file__).parent
_OFFLINE = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here waits for a tool."""
    for item in items:
        if _FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """Return where a program of .venv-tools is; the test is skipped where it is not installed."""

    def found(name: str) -> Path:
        path = TOOLS / "bin" / name
        if not (TOOLS / ".installed").exists():
            pytest.skip("`make tools` installs the eval tools; .venv-tools is not there")
        return path

    return found


@pytest.fixture(scope="session")
def written(
    tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Let a tool write its files, once a session, and return the folder that holds them."""
    folders: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in folders:
            folder = tmp_path_factory.mktemp(name)
            script = _FOLDER / f"write_{name}.py"
            env = os.environ | _OFFLINE | {"HOME": str(folder), "HF_HOME": str(folder / "hf")}
            ran = subprocess.run(
                [tool("python"), script, folder], cwd=folder, env=env, capture_output=True,
                text=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
            folders[name] = folder
        return folders[name]

    return write
