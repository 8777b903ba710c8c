"""The four dialects of run logs: units and clocks are the dialect's, and rules hold in each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.cli import main
from rolloutlib.ledger.run_log import KST, Results, ran_of_review, write_run_log
from rolloutlib.ledger.run_log_reading import Logged, read_run_logs
from tests.ledger.test_run_log import NOW, review

if TYPE_CHECKING:
    from pathlib import Path

HAND = """\
# Run Log

- **Run ID/Time(KST)**: 2025-08-30 10:15
- **Mode / N / Seeds**: golden_set / N=30 / seed=3
- **PASS Rate: 76%**
- **Avg Score**: 7.2
- Avg Latency: 2,050 ms
- Vetoed: 24%
- Issues Top-3:
  1. hallucination (4 of 30, mostly in law)
  2. too_long
- Decision: [card](../LEDGER/dec-20250830-001.md)
"""
TEMPLATE = "- PASS Rate: 76% / Avg Score: 7.2 / Avg Latency: 2050 ms / Vetoed: 24%\n"
METRICS: dict[str, Any] = {"passRate": 0.76, "avgScore": 7.2, "avgLatency": 2050, "vetoedPct": 0.24}
SAME = Results(0.76, 7.2, 2050, 0.24)


def web(provider: str = "CLI", **metrics: object) -> str:
    """Return a log as the web front end writes it."""
    fenced = json.dumps(METRICS | metrics, indent=2)
    return (
        f"# Run Log — 2025-08-31 2025-08-30T15:30:00.000Z\n\n\n- provider: `{provider}`\n"
        f"- latencyMs: `139`\n\n## Metrics\n\n```json\n{fenced}\n```\n\nSamples: `3`\n"
    )


def only(root: Path, name: str, text: str) -> Logged:
    """Write one file and read the one run in it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    (logged,) = read_run_logs(root)
    return logged


@pytest.mark.parametrize("text", [HAND, TEMPLATE], ids=["a line each", "one line"])
def test_by_hand(tmp_path: Path, text: str) -> None:
    """Percentages become shares, the clock is Korea's, thousands have commas."""
    logged = only(tmp_path, "docs/RUN_LOGS/2025-08-30_run-001.md", text)
    assert (logged.dialect, logged.results, logged.refused) == ("by hand", SAME, "")
    if text == HAND:
        assert logged.at == datetime(2025, 8, 30, 1, 15, tzinfo=UTC)
        assert (logged.n, logged.issues) == (30, ("hallucination", "too_long"))
        assert logged.decision == "dec-20250830-001"


def test_by_the_web_front_end(tmp_path: Path) -> None:
    """The stamp is UTC, fractions are shares, and the request's time is no sample's latency."""
    logged = only(tmp_path, "docs/RUN_LOGS/2025-08-31_run-1756567800000.md", web())
    assert (logged.dialect, logged.results, logged.n) == ("web page", SAME, 3)
    assert logged.at == datetime(2025, 8, 30, 15, 30, tzinfo=UTC)
    assert (logged.provider, logged.wall_ms, logged.refused) == ("CLI", 139.0, "")


def test_requests_and_the_router(tmp_path: Path) -> None:
    """JSON Lines: a run a line, begins are none, failures say why, the newest comes first."""
    lines = [
        {"ts": "2025-08-30T01:00:00Z", "event": "run_start", "provider": "CLI"},
        {"ts": "2025-08-30T01:00:01Z", "event": "run_ok", "provider": "CLI", "metrics": METRICS},
        {"ts": 1756515602000, "event": "run_err", "provider": "CLI", "error": "timeout"},
        {"ts": "2025-08-30 10:00:03", "event": "run_ok", "provider": "CLI"},
    ]
    routed = {"run_id": "r1", "routing_path": "a>b", "quality_score": 0.8, "p95_ms": 900,
              "failure_class": "-", "timestamp": "2025-08-30T01:00:04Z"}  # fmt: skip
    for name, rows in {
        "outputs/fe_requests.log": lines,
        "RUN_LOGS/20250830.jsonl": [routed, routed | {"run_id": "r2", "failure_class": "timeout"}],
    }.items():
        (tmp_path / name).parent.mkdir()
        text = "\n".join(map(json.dumps, rows)) + "\n{oops\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
    logs = read_run_logs(tmp_path)
    seconds = [log.at and (log.at - datetime(2025, 8, 30, 1, tzinfo=UTC)) for log in logs]
    assert seconds == [*(timedelta(seconds=n) for n in (4, 4, 3, 2, 1)), None, None]
    assert [log.refused.partition(":")[0] for log in logs] == [
        "the run failed", "", "it tells no metrics", "the run failed", "",
        "the line cannot be read", "the line cannot be read",
    ]  # fmt: skip
    assert (logs[1].run_id, logs[1].told) == ("r1", "quality 0.8, p95 ms 900")
    assert logs[4].results == SAME


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("2025-08-30_run-1.md", "PASS Rate: 0.76", "PASS Rate is 0.76; expected a percentage"),
        ("2025-08-30_run-2.md", "Avg Latency: 2.05 s", "Avg Latency is 2.05s; expected milli"),
        ("2025-08-30_run-3.md", "PASS Rate: 80% / Vetoed: 24%", "add up to 104.0%"),
        ("2025-08-30_run-4.md", "PASS Rate: 180%", "passRate is 1.8; expected a share"),
        ("2025-08-30_run-5.md", "Provider: MOCK\nPASS Rate: 76%", "the provider is MOCK"),
        ("2025-08-30_run-6.md", "Avg Score: 72", "avgScore is 72; expected 0 to 10"),
        ("2025-08-30_run-1756567800000.md", web(passRate=76), "passRate is 76; expected a share"),
        ("2025-08-30_run-1756567800001.md", web(passRate=0.8), "add up to 104.0%"),
        ("2025-08-30_run-1756567800002.md", web("cli_fallback"), "the provider is CLI_FALLBACK"),
        ("2025-08-30_run-1756567800003.md", web(avgScore="high"), "avgScore is 'high'"),
        ("2025-08-30_run-1756567800004.md", "# Run Log\n", "no JSON under ## Metrics"),
    ],
    ids=map(str, range(11)),
)  # fmt: skip
def test_what_breaks_a_rule_is_no_evidence(tmp_path: Path, name: str, text: str, why: str) -> None:
    """Each refusal names what was got; nothing is guessed from the size of a number."""
    assert why in only(tmp_path, f"docs/RUN_LOGS/{name}", text).refused


def test_rounded_percentages_may_add_up_to_a_little_more(tmp_path: Path) -> None:
    """76.05 % and 23.95 % are written 76.1 % and 24.0 %: no rule is broken."""
    text = "PASS Rate: 76.1% / Vetoed: 24.0%"
    assert only(tmp_path, "docs/RUN_LOGS/2025-08-30_run-1.md", text).refused == ""


@pytest.mark.parametrize(
    "text",
    ["PASS Rate: ,%", "N=" + "9" * 5000, f"PASS Rate: {'9' * 20}%", "2025-13-41 99:99"],
    ids=["no digit", "a long number", "a large share", "no day"],
)
def test_odd_numbers_end_no_reader(tmp_path: Path, text: str) -> None:
    """What is no number, or none that a run can have, is not told or refused."""
    logged = only(tmp_path, "docs/RUN_LOGS/2025-08-30_run-1.md", text)
    assert (logged.n, logged.at) == (None, None)
    assert logged.results.pass_rate is None or logged.refused.startswith("passRate is 1e+18")


def test_what_we_write_we_read(tmp_path: Path) -> None:
    """A review's log comes back with the treatment's numbers, its time and its issues."""
    ran = ran_of_review(review(), tmp_path / "page.html", at=NOW)
    assert ran is not None
    write_run_log(tmp_path, ran)
    (logged,) = read_run_logs(tmp_path)
    assert logged.results == Results(0.931, 7.62, 1720.0, 0.021)
    assert (logged.at, logged.n, logged.refused) == (NOW.astimezone(KST), 4212, "")


def test_the_command_lists_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 10 while a log is no evidence; a file that is no text is named."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["runlogs"]) == 0
    only(tmp_path, "docs/RUN_LOGS/2025-08-30_run-001.md", HAND)
    assert main(["runlogs"]) == 0
    (tmp_path / "docs/RUN_LOGS/2025-08-31_run-001.md").write_bytes(b"\xff")
    capsys.readouterr()
    assert main(["runlogs"]) == 10
    name = "docs/RUN_LOGS/2025-08-30_run-001.md"
    numbers = "N=30  pass 76.0%  score 7.20  latency 2,050 ms  vetoed 24.0%"
    assert capsys.readouterr().out.splitlines() == [
        f"2025-08-30 10:15 +0900  {name}  {numbers}  hallucination, too_long  dec-20250830-001",
        "no time  docs/RUN_LOGS/2025-08-31_run-001.md  REFUSED: the file is no UTF-8",
        "logs: 2; no evidence: 1",
    ]
