"""What locust and JMeter themselves write of a server whose slowness is known."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.written import text_of
from rolloutlib.errors import RunsError
from rolloutlib.runs.reading import read_runs
from tests.tables import ROOT
from tests.tools.answering import EVERY, SLOW

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent
PYTHON = ROOT / ".venv-tools" / "bin" / "python"


def write(script: str, python: Path, folder: Path) -> Path:
    """Let a tool write its files into a folder."""
    words = [str(python), str(FOLDER / script), str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def of_locust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let locust write, where `make tools` has installed it."""
    if not (PYTHON.parent.parent / ".installed").exists():
        pytest.skip("`make tools` installs locust; .venv-tools is not there")
    return write("write_locust.py", PYTHON, tmp_path_factory.mktemp("locust"))


@pytest.fixture(scope="module")
def of_jmeter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let JMeter write, where it is installed."""
    if not Path("/usr/share/jmeter").exists() or shutil.which("javac") is None:
        pytest.skip("JMeter and a JDK are not installed (Debian: jmeter, default-jdk-headless)")
    return write("write_jmeter.py", Path(sys.executable), tmp_path_factory.mktemp("jmeter"))


def check(folder: Path, tool: str, users: int) -> None:
    """Draft and read both arms; they are as slow, and fail as often, as the server did."""
    made = draft([folder / arm for arm in SLOW])
    assert made.draft.tool == tool
    (folder / "source.yaml").write_text(text_of(made.draft), encoding="utf-8")
    runs = read_runs(folder)
    assert runs.rows_quarantined == 0
    rows = runs.table.to_pylist()
    for arm, least in zip(("control", "treatment"), SLOW.values(), strict=True):
        own = [row for row in rows if row["arm"] == arm]
        assert 20 < len(own) < 1000
        assert all(1000 * least <= row["latency_ms"] < 5000 for row in own)
        assert sum(row["error"] for row in own) == len(own) // EVERY
        assert {row["passed"] for row in own} == {None}
        assert len({row["user_id"] for row in own}) == users


def test_locust_logs_its_requests(of_locust: Path, tmp_path: Path) -> None:
    """The log that docs/load-tests.md shows is read whole; locust's own totals are refused."""
    for arm in SLOW:
        (tmp_path / arm).mkdir()
        shutil.copy(of_locust / arm / "requests.jsonl", tmp_path / arm)
    check(tmp_path, "locust", users=6)
    for name in ("totals_stats.csv", "totals_stats_history.csv", "totals_failures.csv",
                 "totals.json"):  # fmt: skip
        with pytest.raises(RunsError, match="log the request event"):
            draft([of_locust / "v1" / name])


def test_the_log_is_the_one_that_is_documented() -> None:
    """docs/load-tests.md shows the listener that the test of locust ran."""
    listener = re.search(
        r"@events.*?\n\n\n", (FOLDER / "locustfile.py").read_text("utf-8"), re.DOTALL
    )
    assert listener is not None
    shown = (ROOT / "docs" / "load-tests.md").read_text("utf-8")
    assert re.sub(r"  # noqa.*", "", listener[0]).strip() in shown


def test_jmeter_writes_its_results(of_jmeter: Path, tmp_path: Path) -> None:
    """A .jtl in CSV is read whole; one in XML is refused with the property that makes it one."""
    for arm in SLOW:
        shutil.copytree(of_jmeter / arm, tmp_path / arm)
    check(tmp_path, "jmeter", users=3)
    with pytest.raises(RunsError, match=r"jmeter\.save\.saveservice\.output_format=csv"):
        draft([of_jmeter / "xml" / "run.jtl"])
