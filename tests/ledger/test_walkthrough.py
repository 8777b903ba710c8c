"""docs/ledger.md as a test: review → decide → three people sign → verify → green → replay.

With real keys.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from msgspec.structs import replace

from rolloutlib.cli import main
from rolloutlib.judge import counting
from rolloutlib.judge.record import (
    EvidenceVerdict,
    GateResult,
    PlanVerdict,
    Recommendation,
    Review,
    Verdict,
)
from rolloutlib.ledger.dsse import NAMESPACE, pre_authentication
from rolloutlib.ledger.replay import compare, knife_edges
from rolloutlib.ledger.seal import SEAL, faults, parts_in, seal_of
from rolloutlib.reason import Reason
from tests.ledger.test_verify_sh import verify_sh
from tests.ledger.workbooks import ROOT, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]
BY = "ana_jung@ex.com"
ROLES = (("pm", "pm_kim"), ("qa", "qa_lee"), ("owner", "owner_park"))


MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"


def environment(root: Path) -> dict[str, str]:
    """Return what the command line finds around it: this code, and nobody's keys."""
    return {"PYTHONPATH": str(ROOT), "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root)}


@pytest.fixture(autouse=True, scope="module")
def looks_of_the_workbook(
    looks_of_tests: Callable[[Plan, ReviewParams], Path | None],
) -> Generator[None]:
    """Count looks where the workbook's plan says: its notebook, in its own process, does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "looks_file", looks_of_tests)
        yield


def rollout(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a workbook: in this process, which has imported it already."""
    with (
        mock.patch.dict(os.environ, environment(root), clear=True), contextlib.chdir(root),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        warnings.catch_warnings(action="ignore"),  # as the process `rollout` does
    ):  # fmt: skip
        code = main([*arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workbook of one's own with the shipped files, its people admitted.

    Stage 2 reviewed.
    """
    root = tmp_path_factory.mktemp("walk") / "workbook"
    for folder in ("params", "notebooks", "data/examples/story/stage-2", "docs/LEDGER"):
        shutil.copytree(
            ROOT / folder,
            root / folder,
            ignore=shutil.ignore_patterns("dec-*", ".ipynb_checkpoints"),
        )
    shutil.copy(ROOT / "requirements.lock", root)
    assert rollout(root, "review", "2", "--out", "reports/w3").returncode == 0
    for who, name, role in (
        ("pm_kim", "Kim Min-ji", "pm"),
        ("qa_lee", "Lee Jun", "qa"),
        ("owner_park", "박서연", "owner"),
    ):
        made = rollout(
            root,
            "keys",
            "add",
            f"{who}@ex.com",
            "--name",
            name,
            "--role",
            role,
            "--key",
            f"{keys() / who}.pub",
            "--by",
            BY,
        )
        assert made.returncode == 0, made.stderr
    return root


@pytest.fixture(scope="module")
def decision(reviewed: Path) -> str:
    """Return the id of a GO that three people have signed."""
    made = rollout(
        reviewed, "decide", "reports/w3", "--verdict", "GO", "--by", BY, "--note", "All of W3."
    )
    assert made.returncode == 0, made.stderr
    name = made.stdout.partition(":")[0]
    unsigned = rollout(reviewed, "verify")
    assert unsigned.returncode == 10
    assert f"{name}  waits  GO: " in unsigned.stdout
    assert "GO needs the signature of pm and qa and owner" in unsigned.stdout
    for who, role in (("pm_kim", "pm"), ("qa_lee", "qa"), ("owner_park", "owner")):
        signed = rollout(reviewed, "sign", name, "--as", role, "--key", str(keys() / who))
        assert signed.returncode == 0, signed.stderr
    return name


def test_three_signatures_make_it_green(reviewed: Path, decision: str) -> None:
    """Verify says ok with exit code 0, `ledger` names the green record and the head.

    Verify.sh agrees.
    """
    verified = rollout(reviewed, "verify", decision)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert re.fullmatch(rf"{decision}  ok +GO: signed by [^\n]*\n", verified.stdout)
    assert all(f"{role} {who}@ex.com" in verified.stdout for role, who in ROLES)
    listed = rollout(reviewed, "ledger").stdout
    assert f"green: {decision}\n" in listed
    head = re.search(rf"head:  {decision} ([0-9a-f]{{64}})", listed)
    assert head
    assert rollout(reviewed, "verify", "--since", head[1]).returncode == 0
    assert verify_sh(reviewed, decision).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--as", "owner", "--key", "stranger"), "no line with"),
        (("--as", "pm", "--by", "eng_choi@ex.com", "--key", "eng_choi"), "cannot sign as pm"),
        (("--as", "owner", "--key", "owner_park"), "has signed"),
        (("--as", "engine", "--key", "pm_kim"), "has signed"),
    ],
)
def test_a_fourth_cannot(
    reviewed: Path, decision: str, arguments: tuple[str, ...], says: str
) -> None:
    """A stranger, a wrong role and a second signature are refused in a sentence."""
    refused = rollout(reviewed, "sign", decision, *arguments[:-1], str(keys() / arguments[-1]))
    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_card_reads_in_the_teams_headings(reviewed: Path, decision: str) -> None:
    """The card has the team's headings, both verdicts, the checks, the signatures and the head."""
    text = (reviewed / "docs" / "LEDGER" / f"{decision}.md").read_text()
    for heading in (
        "Problem",
        "Tag(s)",
        "Goals",
        "Experts",
        "Knob Changes",
        "Expected Effects",
        "Links",
        "Decision",
        "Ledger head",
    ):
        assert f"- **{heading}**:" in text
    assert re.search(
        r"^\| Pass rate \| ≥ −2\.00 pp \| \+\S+ pp \| pass \| ≥ −3\.00 pp \| .* \| pass \| ",
        text,
        re.MULTILINE,
    )
    assert "| slower than 2,200 ms: ≤ 5.00% |" in text
    assert "`feature.searchLite` (Search summaries): false → true" in text
    assert "박서연 (owner_park@ex.com) | owner | GO | approval" in text


def test_verdict_against_the_recommendation_needs_a_waiver(
    reviewed: Path, decision: str, tmp_path: Path
) -> None:
    """HOLD against a GO is refused without a waiver.

    With one the card shows it in bold, here in Korean.
    """
    assert decision
    review = shutil.copytree(reviewed / "reports" / "w3", tmp_path / "w3")
    params = review / "params.yaml"
    params.write_text(params.read_text().replace("lang: en", "lang: ko"))
    parts = {name: (review / name).read_bytes() for name in parts_in(review)}
    (review / SEAL).write_bytes(seal_of(parts))  # as if it had been reviewed in Korean
    refused = rollout(reviewed, "decide", str(review), "--verdict", "HOLD", "--by", BY)
    assert refused.returncode == 1
    assert "against the recommendation GO" in refused.stderr
    waived = rollout(
        reviewed,
        "decide",
        str(review),
        "--verdict",
        "HOLD",
        "--by",
        BY,
        "--waive",
        "recommendation",
        "--reason",
        "Wait for <b>W4</b>",
    )
    assert waived.returncode == 0, waived.stderr
    text = (reviewed / "docs" / "LEDGER" / f"{waived.stdout.partition(':')[0]}.md").read_text()
    assert "- **면제: 권고** (GO, 결정: HOLD). 사유: **Wait for &lt;b&gt;W4&lt;/b&gt;**" in text
    assert "체크가 충족되었습니다" in text
    assert (
        rollout(
            reviewed,
            "sign",
            waived.stdout.partition(":")[0],
            "--as",
            "pm",
            "--key",
            str(keys() / "pm_kim"),
        ).returncode
        == 0
    )
    assert rollout(reviewed, "verify").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--waive", "pas_rate", "--reason", "x"), "Did you mean 'pass_rate'"),
        (("--waive", "pass_rate", "--reason", "x"), "needs no waiver"),
        (("--waive", "pass_rate"), "each waiver needs its own reason"),
    ],
)
def test_waivers_are_checked(reviewed: Path, arguments: tuple[str, ...], says: str) -> None:
    """An unknown gate, one that holds, a waiver without a reason: usage errors."""
    refused = rollout(reviewed, "decide", "reports/w3", "--verdict", "GO", "--by", BY, *arguments)
    assert refused.returncode == 2
    assert says in refused.stderr


def test_open_check_refuses_a_go(reviewed: Path, tmp_path: Path) -> None:
    """Without release notes the check is open and GO is refused.

    A waiver with a reason lets the meeting go on.
    """
    root = shutil.copytree(reviewed, tmp_path / "w")
    evidence = root / "data/examples/story/stage-2/evidence"
    for document in evidence.glob("docs/*.md"):  # later than those of a GO before
        document.write_text(f"{document.name}, again", encoding="utf-8")
    (evidence / "release-notes.md").unlink()
    refused = rollout(root, "decide", "reports/w3", "--verdict", "GO", "--by", BY)
    assert refused.returncode == 1
    assert "release_notes neither holds nor is waived" in refused.stderr
    assert refused.stderr.endswith("release_notes: There is no release-notes.md.\n")
    waived = rollout(
        root,
        "decide",
        "reports/w3",
        "--verdict",
        "GO",
        "--by",
        BY,
        "--waive",
        "release_notes",
        "--reason",
        "Out on Monday",
    )
    assert waived.returncode == 0, waived.stderr


def test_an_exploration_is_not_decided_on(reviewed: Path, tmp_path: Path) -> None:
    """What counted no look can be read, not signed; the sentence says what to decide on instead."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    out = str(root / "reports" / "explored")
    assert rollout(root, "review", "2", "--looks", "", "--out", out).returncode == 0
    refused = rollout(root, "decide", out, "--verdict", "GO", "--by", BY)
    assert refused.returncode == 2
    assert "explored is an exploration, which decides nothing" in refused.stderr
    assert "which counts its look" in refused.stderr


def test_documents_of_the_last_green_record_are_no_news(
    reviewed: Path, decision: str, tmp_path: Path
) -> None:
    """A second GO on the same documents is refused, by name; the record may waive them."""
    assert decision.startswith("dec-")
    root = shutil.copytree(reviewed, tmp_path / "w")
    again = ("decide", "reports/w3", "--verdict", "GO", "--by", BY)
    refused = rollout(root, *again)
    assert refused.returncode == 1
    assert "as they were in the last green record: COMPATIBILITY, HITL" in refused.stderr
    waived = rollout(root, *again, "--waive", "documents", "--reason", "Nothing of them changes")
    assert waived.returncode == 0, waived.stderr


def test_documents_of_the_workbook_are_kept_with_the_record(reviewed: Path, tmp_path: Path) -> None:
    """A document that lies in the workbook is copied beside the record, under its path there."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    evidence = root / "data/examples/story/stage-2/evidence"
    for document in [*evidence.glob("docs/*.md")]:
        (root / "docs" / document.name).write_text(f"새 {document.name}", encoding="utf-8")
        document.unlink()
    made = rollout(root, "decide", "reports/w3", "--verdict", "GO", "--by", BY)
    assert made.returncode == 0, made.stderr
    copy = root / "docs/LEDGER" / made.stdout.partition(":")[0] / "evidence/docs/HITL_SPEC.md"
    assert copy.read_text("utf-8") == "새 HITL_SPEC.md"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_who_could_not_sign_is_told_line_by_line(reviewed: Path, tmp_path: Path, lang: str) -> None:
    """A decision that nobody could sign is refused with a line for each role and its command."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    roles = root / "params" / "roles.yaml"
    roles.write_text(roles.read_text("utf-8").partition("people:")[0] + "people: {}\n", "utf-8")
    (root / "params" / "allowed_signers").unlink()
    refused = rollout(root, "decide", "reports/w3", "--verdict", "GO", "--by", BY, "--lang", lang)
    assert refused.returncode == 1
    head, *lines = refused.stderr.splitlines()
    assert len(lines) == len({*lines}) >= 3, refused.stderr
    assert all(line.startswith("  - params/roles.yaml: ") for line in lines)
    assert all("`rollout keys add NAME@HOST" in line and len(line) < 150 for line in lines)
    assert head == {"en": "rollout: nobody could sign safely:",
                    "ko": "rollout: 아무도 안전하게 서명할 수 없습니다:"}[lang]  # fmt: skip


def test_a_reader_who_leaves_does_not_undo_a_decision(reviewed: Path, tmp_path: Path) -> None:
    """`rollout decide … | head -n 0`: the record is there in whole, and nothing is complained."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    before = {*(root / "docs/LEDGER").glob("*.record")}
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "decide", "reports/w3", "--verdict", "HOLD", "--by", BY,
         "--waive", "recommendation", "--reason", "Not yet"],
        cwd=root, env=environment(root), stdout=writer, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    (made,) = {*(root / "docs/LEDGER").glob("*.record")} - before
    assert made.with_suffix(".md").is_file()


def test_replay_is_equal_and_names_what_changed(
    reviewed: Path, decision: str, tmp_path: Path
) -> None:
    """E0 on the same machine; with one row changed behind its back the pin says so first.

    Then E3 names the gate.
    """
    looks = (reviewed / "reports" / "looks.jsonl").read_bytes()
    same = rollout(reviewed, "replay", decision)
    assert (same.returncode, same.stdout) == (0, "E0: the same results, bit for bit\n")
    root = shutil.copytree(reviewed, tmp_path / "w")
    runs = root / "data/examples/story/stage-2/runs.jsonl"
    lines = runs.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if '"treatment"' in line)
    run = json.loads(lines[number])
    next(s for s in run["result"]["samples"] if s["status"] == "passed")["latencyMs"] = 9e7
    runs.write_text("\n".join([*lines[:number], json.dumps(run), *lines[number + 1 :]]) + "\n")
    changed = rollout(root, "replay", decision)
    assert changed.returncode == 1
    first, *rest = changed.stdout.splitlines()
    assert first.startswith("pin broken: data was ")
    assert any(
        line.startswith("pin broken: runs.jsonl is not the file of the review") for line in rest
    )
    assert "E3: a verdict differs: the decision does not replay" in rest
    assert any(line.startswith("  avg_latency (evidence): was pass, is ") for line in rest)
    assert (reviewed / "reports" / "looks.jsonl").read_bytes() == looks
    assert (root / "reports" / "looks.jsonl").read_bytes() == looks  # a replay spends nothing


def test_export_is_a_dsse_envelope(reviewed: Path, decision: str, tmp_path: Path) -> None:
    """The envelope holds the record's bytes.

    Ssh-keygen verifies its SSH signature over the DSSE encoding.
    """
    made = rollout(reviewed, "export", decision, "--dsse", "--key", str(keys() / "eng_choi"))
    assert made.returncode == 0, made.stderr
    envelope = json.loads(made.stdout)
    payload = base64.b64decode(envelope["payload"])
    assert payload == (reviewed / "docs" / "LEDGER" / f"{decision}.record").read_bytes()
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][1]["sig"]))
    checked = ["ssh-keygen", "-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(tmp_path / "sig")]
    assert (
        subprocess.run(
            checked, input=pre_authentication(payload), capture_output=True, check=False
        ).returncode
        == 0
    )


def test_incomplete_record_is_not_exported(reviewed: Path, tmp_path: Path) -> None:
    """What does not hold is not exported."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    for path in (root / "docs" / "LEDGER").glob("*.signoff"):
        path.unlink()
    name = next((root / "docs" / "LEDGER").glob("*.record")).stem
    refused = rollout(root, "export", name, "--dsse", "--key", str(keys() / "eng_choi"))
    assert refused.returncode == 1
    assert "does not hold" in refused.stderr


def review(point: float = 0.01, verdict: Verdict = Verdict.PASS, why: str = "x") -> Review:
    """Return a review of one gate."""
    plan = PlanVerdict(Verdict.PASS, 0.01, clears=True, runs=3, runs_wanted=3)
    evidence = EvidenceVerdict(verdict=verdict, point=point, why=Reason("test", text=why))
    gate = GateResult(
        id="pass_rate", title="Pass rate", unit="proportion", limit=-0.02, proof_limit=-0.02,
        control=0.9, treatment=0.91, plan=plan, evidence=evidence, disagrees=False, metric="passed",
        contrast="difference", statistic="mean", harm="lower", evidence_unit="proportion",
        signed=True,
    )  # fmt: skip
    return Review(
        stage=2, control="a", treatment="b", recommendation=Recommendation.GO, reasons=(),
        gates=(gate,),
    )  # fmt: skip


def test_equality_classes() -> None:
    """E0 the same, E1 within 1e-9 or other words, E2 a number beyond it or gone, E3 a verdict."""
    levels = [
        compare(review(), other)[0]
        for other in (
            review(),
            review(0.01 * (1 + 5e-10)),
            review(why="y"),
            review(0.0100001),
            review(verdict=Verdict.FAIL),
        )
    ]
    assert levels == ["E0", "E1", "E1", "E2", "E3"]
    assert tuple(map(str, compare(review(), review(verdict=Verdict.FAIL))[1])) == (
        "pass_rate (evidence): was pass, is fail",
    )


def test_knife_edges_are_named() -> None:
    """A bound on its limit is told, with both numbers; one that is clear of it is not."""
    assert [*knife_edges(review(), 1e-9)] == []
    gate = review().gates[0]
    at_limit = replace(gate, evidence=replace(gate.evidence, lower=-0.02))
    edges = [str(edge) for edge in knife_edges(replace(review(), gates=(at_limit,)), 1e-9)]
    place = "the bound of pass_rate (-0.02) lies within 1e-09 of its limit (-0.02)"
    assert edges == [f"{place}; another machine may judge otherwise"]


def test_a_review_of_before_is_refused(reviewed: Path, tmp_path: Path) -> None:
    """A folder that an older version wrote cannot be decided on.

    The sentence says to review again.
    """
    old = shutil.copytree(reviewed / "reports" / "w3", tmp_path / "old")
    text = (old / "review.json").read_text("utf-8")
    (old / "review.json").write_text(text.replace("review@2", "review@1"), "utf-8")
    refused = rollout(reviewed, "decide", str(old), "--verdict", "GO", "--by", BY)
    assert refused.returncode == 2
    assert "rolloutlib/review@1" in refused.stderr
    assert "run `rollout review` again" in refused.stderr


def test_a_report_whose_parts_disagree_is_not_decided_on(reviewed: Path, tmp_path: Path) -> None:
    """The page of a NO-GO beside the numbers of a GO: refused, named; an unsealed folder too."""
    root = shutil.copytree(reviewed, tmp_path / "w", ignore=shutil.ignore_patterns("dec-*"))
    week = root / "reports" / "w3"
    page = (week / "review.html").read_text("utf-8")
    (week / "review.html").write_text(page.replace("GO", "NO-GO"), encoding="utf-8")
    decide = ("decide", "reports/w3", "--verdict", "GO", "--by", BY)
    refused = rollout(root, *decide)
    assert refused.returncode == 1
    assert "do not belong together: review.html was changed after the review;" in refused.stderr
    (week / SEAL).unlink()
    refused = rollout(root, *decide)
    assert refused.returncode == 1
    assert "w3 has no seal.sha256" in refused.stderr
    assert "run `rollout review --out` again" in refused.stderr
    assert [*(root / "docs" / "LEDGER").glob("*.record")] == []


def test_a_record_keeps_the_whole_report(reviewed: Path, decision: str) -> None:
    """The seal and every part that it lists lie beside the record, and their digests agree."""
    folder = reviewed / "docs" / "LEDGER" / decision
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    assert {SEAL, "review.html", "review.ipynb", "review.json", "params.yaml"} <= set(parts)
    assert faults(parts) == []


def test_data_that_changed_since_the_review_are_named(reviewed: Path, tmp_path: Path) -> None:
    """Another byte in a file of runs, a file more, another plan: no decision, and each is named."""
    root = shutil.copytree(reviewed, tmp_path / "w")
    runs = root / "data/examples/story/stage-2"
    (runs / "runs.jsonl").write_bytes((runs / "runs.jsonl").read_bytes() + b"\n")
    (runs / "more.jsonl").write_text("{}\n")
    (root / "params" / "plan.yaml").write_text((root / "params" / "plan.yaml").read_text() + "\n")
    refused = rollout(root, "decide", "reports/w3", "--verdict", "GO", "--by", BY)
    assert refused.returncode == 1
    assert "more.jsonl, runs.jsonl, params/plan.yaml changed since the review" in refused.stderr


def test_a_review_of_stored_days_is_decided(reviewed: Path, tmp_path: Path) -> None:
    """A review that read a store's sums is decided and replayed.

    Once the days are others, it is decided no more.
    """
    root = tmp_path / "workbook"
    shutil.copytree(reviewed, root, ignore=shutil.ignore_patterns("dec-*"))
    story = "data/examples/story/stage-2"
    assert rollout(root, "ingest", story, "--into", "data/store").returncode == 0
    options = ("--runs", "data/store", "--evidence", f"{story}/evidence", "--out", "reports/s")
    assert rollout(root, "review", "2", *options).returncode == 0
    drafting = ("decide", "reports/s", "--verdict", "GO", "--by", BY)
    drafted = rollout(root, *drafting)
    assert drafted.returncode == 0, drafted.stderr
    replayed = rollout(root, "replay", drafted.stdout.partition(":")[0])
    assert replayed.stdout == "E0: the same results, bit for bit\n"
    more = root / "more"
    more.mkdir()
    runs = (root / story / "runs.jsonl").read_text("utf-8").splitlines(keepends=True)
    first = json.loads(runs[0])
    (more / "late.json").write_text(json.dumps(first | {"runId": "late"}), encoding="utf-8")
    assert rollout(root, "ingest", "more", "--into", "data/store").returncode == 0
    changed = rollout(root, *drafting)
    assert changed.returncode != 0
    assert "data/store changed since the review" in changed.stderr
