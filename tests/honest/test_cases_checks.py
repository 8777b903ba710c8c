"""Cases of `cases.jsonl` about checks, looks, keys and pipes: what stands beside the samples."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.judge import review as judging
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import NAMESPACE, load_signers
from rolloutlib.ledger.signing import sign, verify
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import sentence
from tests.honest.reviews import ROOT, STORY, review
from tests.honest.worlds import base, one
from tests.ledger.workbooks import keys, public, workbook
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Generator

    from rolloutlib.judge.record import CheckResult
    from rolloutlib.judge.sources import Source

pytestmark = pytest.mark.slow

ROLLOUT = Path(sys.executable).with_name("rollout")
CASES = Path(__file__).with_name("cases.jsonl")
AT = 'timestamp="2026-10-28T13:00:00+09:00"'
CASE, ROTTEN = '<testcase name="a"/>', '<testcase name="b"><failure/></testcase>'
SKIPPED = '<testcase name="c"><skipped/></testcase>'
FLAKY = '<testcase name="d"><flakyFailure message="m"/></testcase>'


def suite(cases: str, more: str = "") -> str:
    """Return a suite with its time."""
    return f'<testsuite name="contract" {AT} {more}>{cases}</testsuite>'


PASSES = {
    "plain": suite(CASE, 'tests="1" failures="0" errors="0"'),
    "no counts": suite(CASE),
    "28 flaky": suite(CASE + FLAKY, 'tests="2" failures="1"'),
    "28 flaky error": suite(FLAKY.replace("Failure", "Error"), 'tests="1" errors="1"'),
    "28 float": suite(CASE, 'tests="1" failures="0.0" errors="0"'),
    "28 empty count": suite(CASE, 'tests="1" failures="0" errors=""'),
    "nested": f"<testsuites>{suite(suite(CASE))}</testsuites>",
    "namespace": suite(CASE).replace("<testsuite ", '<testsuite xmlns="urn:junit" '),
    "colours": suite(f"{CASE}<system-out>\x1b[31mred\x1b[0m \x00</system-out>"),
    "one skipped": suite(CASE + SKIPPED, 'tests="2" skipped="1"'),
}
FAILS = {
    "case": suite(CASE + ROTTEN),
    "error": suite(ROTTEN.replace("failure", "error")),
    "count only": suite(CASE, 'tests="2" failures="1"'),
    "root only": f'<testsuites tests="1" failures="1">{suite(CASE)}</testsuites>',
    "nested": f"<testsuites>{suite(CASE + suite(ROTTEN))}</testsuites>",
    "namespace": suite(CASE + ROTTEN).replace("<testsuite ", '<testsuite xmlns="urn:junit" '),
    "crash": suite("", 'tests="0" errors="1"'),
    "flaky and broken": suite(FLAKY + ROTTEN, 'tests="2" failures="2"'),
    "colours": suite(CASE + '<testcase name="b"><failure>\x1b[31mred</failure></testcase>'),
}
OPEN = {
    "25 notrun": suite('<testcase name="DISABLED_a" status="notrun"/>' * 2, 'tests="2"'),
    "25 disabled": suite('<testcase name="DISABLED_a" status="disabled"/>', 'disabled="1"'),
    "25 result": suite('<testcase name="a" status="run" result="skipped"/>', 'tests="1"'),
    "25 suppressed": suite('<testcase name="a" result="suppressed"/>', 'tests="1"'),
    "skipped": suite(SKIPPED * 3, 'tests="3" skipped="3"'),
    "30 killed": suite(CASE, 'tests="50" failures="0" errors="0"'),
    "30 killed, root": f'<testsuites tests="50" failures="0">{suite(CASE)}</testsuites>',
    "empty": suite("", 'tests="0"'),
    "truncated": suite(CASE)[:-5],
    "no file at all": "",
    "NUnit": '<test-run result="Passed"><test-case name="a" result="Passed"/></test-run>',
    "xUnit": '<assemblies><assembly total="1" passed="1"/></assemblies>',
    "MSTest": '<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"/>',
    "page": "<html><body>404</body></html>",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Return a small world; it is read and measured once, whatever evidence lies beside it."""
    path = one(base(n=20), "small", kind="parquet").write(tmp_path_factory.mktemp("runs"))
    plan, params = (
        load_plan(ROOT / "params" / "plan.yaml"), review_params({"stage": 3, "runs": str(path)})
    )  # fmt: skip
    source = judging.read_source(plan, params)

    def _read(*_: object) -> Source:
        return source

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "read_source", _read)
        yield path


def checked(runs: Path, folder: Path, contract: str) -> CheckResult:
    """Return what is found of the suites, one of which is written so."""
    shutil.copytree(STORY / "stage-3" / "evidence", folder / "evidence")
    (folder / "evidence" / "junit" / "TEST-contract.xml").write_text(contract, encoding="utf-8")
    reviewed = review(runs, evidence=str(folder / "evidence"))
    return next(check for check in reviewed.checks if check.id == "test_suites")


@pytest.mark.parametrize("dialect", PASSES)
def test_case_28_and_r4_suites_that_pass(runs: Path, tmp_path: Path, dialect: str) -> None:
    """What ran and did not fail passes in every dialect; what was flaky is named."""
    result = checked(runs, tmp_path, PASSES[dialect])
    assert result.holds is True, sentence(result.why)
    assert ("contract: d" in sentence(result.why)) == ("flaky" in dialect)


@pytest.mark.parametrize("dialect", FAILS)
def test_case_r4_suites_that_fail(runs: Path, tmp_path: Path, dialect: str) -> None:
    """A failure is one on whichever level it stands."""
    assert checked(runs, tmp_path, FAILS[dialect]).holds is False


@pytest.mark.parametrize("dialect", OPEN)
def test_case_25_30_and_r4_suites_that_are_open(runs: Path, tmp_path: Path, dialect: str) -> None:
    """What did not run, is not all there or cannot be read is open: neither passed nor the end."""
    result = checked(runs, tmp_path, OPEN[dialect])
    assert result.holds is None
    assert "contract" in sentence(result.why)
    assert dialect not in {"NUnit", "xUnit", "MSTest"} or dialect in sentence(result.why)


def test_older_evidence_is_open(runs: Path, tmp_path: Path) -> None:
    """A suite that ran before the treatment's newest run says nothing of it."""
    result = checked(runs, tmp_path, suite(CASE).replace("2026-10-28", "2026-09-28"))
    assert result.holds is None
    assert "contract" in sentence(result.why)


@pytest.mark.notebooks
@pytest.mark.skipif(not EXHAUSTIVE, reason="tests/commands/test_looks.py asks it of smaller data")
def test_case_22_three_looks_are_three(tmp_path: Path) -> None:
    """Growing data, looked at by the command, by papermill and in a renamed folder: 1, 2, 3.

    Only the first of a stage with one look may pass.
    """
    root = tmp_path / "workbook"
    for part in ("params", "notebooks"):
        shutil.copytree(ROOT / part, root / part)
    evidence = STORY / "stage-3" / "evidence"
    outs = [root / "out" / str(k) for k in range(3)]
    for k, out in enumerate(outs):
        runs = one(base().query(f"sid.str[1:].astype('int') < {400 + 50 * k}"), "grows").write(
            root / ("again" if k == 2 else "runs")
        )
        paths = {"runs": runs, "evidence": evidence, "out": out}
        if k == 1:
            notebook = ["notebooks/stage_review.ipynb", str(root / "done.ipynb")]
            values = [word for pair in paths.items() for word in ("-p", pair[0], str(pair[1]))]
            command = [
                sys.executable,
                "-m",
                "papermill",
                *notebook,
                "-f",
                "params/stage-3.yaml",
                *values,
            ]
        else:
            options = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
            command = [str(ROLLOUT), "review", "3", *options]
        subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=120)
    records = [json.loads((out / "review.json").read_text(encoding="utf-8")) for out in outs]
    assert [review["look"]["number"] for review in records] == [1, 2, 3]
    assert [review["recommendation"] for review in records] == ["GO", "HOLD", "HOLD"]


@pytest.mark.parametrize(
    "line", ["flags show", "plan --stage 2 --users 10 --repetitions 100", "review --help"]
)
def test_case_47_a_pipe_that_ends(line: str) -> None:
    """A reader who has seen enough ends the command quietly."""
    command = f"{ROLLOUT} {line} | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert (done.stderr, len(done.stdout.splitlines())) == (b"", 1)


def test_case_ok1_a_rotated_key(tmp_path: Path) -> None:
    """The old key's signature stays good, a new one with it is refused by name and time."""
    root, turn = workbook(tmp_path / "w"), datetime(2026, 11, 23, tzinfo=UTC)
    times = {
        who: f'valid-{end}="20261123000000Z"'
        for who, end in (("pm_kim", "before"), ("owner_park", "after"))
    }
    lines = [
        f'pm_kim@ex.com namespaces="{NAMESPACE}",{time} {public(who)}\n'
        for who, time in times.items()
    ]
    (root / "params" / "allowed_signers").write_text("".join(lines), encoding="utf-8")
    signers, (before, after) = load_signers(root), (turn - timedelta(1), turn + timedelta(1))
    old, new = (sign(b"x", keys() / who) for who in ("pm_kim", "owner_park"))
    assert verify(b"x", old, "pm_kim@ex.com", before, signers) == public("pm_kim")
    assert verify(b"x", new, "pm_kim@ex.com", after, signers) == public("owner_park")
    with pytest.raises(LedgerError, match=r"pm_kim@ex\.com.* was not valid .*2026-11-24"):
        verify(b"x", old, "pm_kim@ex.com", after, signers)


def test_every_case_is_a_test() -> None:
    """Each line of cases.jsonl has a test that carries its id."""
    cases = [json.loads(line)["id"].lower() for line in CASES.read_text("utf-8").splitlines()]
    text = "\n".join(path.read_text("utf-8") for path in CASES.parent.glob("test_cases_*.py"))
    names = " ".join(line for line in text.splitlines() if line.startswith("def test_case_"))
    assert [case for case in cases if f"_{case}_" not in names] == []
