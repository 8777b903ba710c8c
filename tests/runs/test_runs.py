"""Run files into checked runs: dialects, evidence rules, quarantine, hostile input."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.runs import Runs, read_runs
from rolloutlib.words.reasons import texts
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Record = dict[str, Any]


def sample(number: int = 1, **fields: object) -> Record:
    """Return a sample as the engine writes it."""
    plain: Record = {
        "id": f"s{number}",
        "status": "passed",
        "score": 7.5,
        "latencyMs": 1500.5,
        "issues": [],
    }
    return {**plain, **fields}


def run(run_id: str = "r1", *samples: Record, **fields: object) -> Record:
    """Return an envelope whose metrics agree with its samples."""
    listed = list(samples) or [sample(1), sample(2, status="failed", issues=["bias"])]
    rates = [
        sum(record.get("status") == status for record in listed) / len(listed)
        for status in ("passed", "vetoed")
    ]
    score, latency = (
        [value for record in listed if isinstance(value := record.get(name), int | float)]
        for name in ("score", "latencyMs")
    )
    metrics = {
        "passRate": rates[0], "vetoedPct": rates[1],
        "avgScore": sum(score) / max(1, len(score)),
        "avgLatency": sum(latency) / max(1, len(latency)),
    }  # fmt: skip
    plain: Record = {
        "runId": run_id,
        "startedAt": "2026-03-02T10:00:00+09:00",
        "stage": 1,
        "arm": "control",
        "result": {"metrics": metrics, "samples": listed},
    }
    return {**plain, **fields}


def result(envelope: Record, **fields: object) -> Record:
    """Return the envelope with other fields in its result."""
    return {**envelope, "result": {**envelope["result"], **fields}}


def write(folder: Path, *runs: object, name: str = "runs.jsonl") -> Path:
    """Write runs as JSON Lines, or raw text where a run is given as text."""
    lines = [envelope if isinstance(envelope, str) else json.dumps(envelope) for envelope in runs]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def messages(runs: Runs) -> list[str]:
    """Return what people read about the quarantined rows."""
    return [row.message for row in runs.quarantined]


def check_account(runs: Runs) -> None:
    """Hold the account to its promise, file by file and in total."""
    assert all(file.read == file.kept + file.quarantined + file.copies for file in runs.inputs)
    assert sum(file.copies for file in runs.inputs) == sum(runs.copies.values())
    assert sum(runs.unreadable.values()) == runs.rows_quarantined
    assert sum(file.kept for file in runs.inputs) == runs.kept == runs.table.num_rows
    assert sum(file.quarantined for file in runs.inputs) == runs.rows_quarantined
    assert runs.read == runs.kept + runs.rows_quarantined + sum(runs.copies.values())
    assert sum(info.n for info in runs.runs) == runs.kept


def refusal(folder: Path, *written: object, **options: Any) -> str:  # noqa: ANN401
    """Read runs that must all be refused for one reason, and return that reason."""
    runs = read_runs(write(folder, *written), **options)
    check_account(runs)
    assert runs.kept == 0
    assert len(runs.quarantined) == 1
    return runs.quarantined[0].message


def test_every_field_of_a_sample_reaches_its_column(tmp_path: Path) -> None:
    """An envelope with all optional fields gives one row with all columns."""
    full = sample(
        1, promptId="p1", userId="u1", sessionId="x1", category="law", difficulty="hard", vetoReason="policy",
        styleViolations=2, suggestedTags=["bias", "unclear"], confirmedTags=["bias"], status="vetoed", covariate=12.5,
        cluster="t1", cost=0.02, tokensIn=120, tokensOut=40, cached=False, humanPassed=False, humanScore=3.5,
        scores={"helpful": 8},
    )  # fmt: skip
    session = {"guardianProfileId": "strict", "seed": 7}
    row = read_runs(write(tmp_path, run("r1", full, session=session))).table.to_pylist()[0]
    assert row == {
        "run_id": "r1", "arm": "control", "started_at": datetime(2026, 3, 2, 1, tzinfo=UTC), "seed": 7,
        "profile": "strict", "sample_id": "s1", "prompt_id": "p1", "user_id": "u1", "session_id": "x1",
        "category": "law", "difficulty": "hard", "status": "vetoed", "passed": False, "vetoed": True, "error": False,
        "score": 7.5, "latency_ms": 1500.5, "issues": [], "veto_reason": "policy", "style_violations": 2,
        "edited": True, "covariate": 12.5, "suggested": True, "cluster": "t1",
        "suggested_tags": ["bias", "unclear"], "cost": 0.02, "tokens_in": 120, "tokens_out": 40, "cached": False,
        "human_passed": False, "human_score": 3.5, "score:helpful": 8.0,
    }  # fmt: skip


def test_what_is_absent_is_null_never_zero(tmp_path: Path) -> None:
    """A sample with only id and status leaves every other field null, a written null too."""
    table = read_runs(
        write(tmp_path, run("r1", {"id": "a", "status": "timeout"}, sample(2, score=None)))
    ).table
    bare = table.to_pylist()[0]
    filled = {"run_id", "arm", "started_at", "sample_id", "status", "passed", "vetoed", "error"}
    assert {name for name, value in bare.items() if value is not None} == filled
    assert bare["error"] is True
    assert table["score"].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("suggested", "confirmed", "edited"),
    [
        (["a", "b"], ["b", "a"], False),
        (["a"], ["b"], True),
        (["a"], [], True),
        ([], ["a"], None),
        (["a"], None, None),
        (None, ["a"], None),
    ],
)
def test_edited_needs_a_suggestion_and_a_person(
    tmp_path: Path, suggested: list[str] | None, confirmed: list[str] | None, *, edited: bool | None
) -> None:
    """Tags count as edited only where some were suggested and a person confirmed."""
    tags = {"suggestedTags": suggested, "confirmedTags": confirmed}
    written = sample(1, **{name: value for name, value in tags.items() if value is not None})
    runs = read_runs(
        write(tmp_path, run("r1", written, sample(2, suggestedTags=["q"], confirmedTags=["q"])))
    )
    assert runs.table["edited"].to_pylist() == [edited, False]
    expected = None if suggested is None else bool(suggested)
    assert runs.table["suggested"].to_pylist() == [expected, True]


ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
samples = st.lists(
    st.fixed_dictionaries(
        {"id": ids, "status": st.sampled_from(["passed", "failed", "vetoed", "error", "timeout"])},
        optional={
            "score": st.floats(0, 10),
            "latencyMs": st.floats(0, 1e9),
            "issues": st.lists(ids, max_size=3),
            "promptId": ids,
            "category": ids,
            "styleViolations": st.integers(0, 1000),
            "suggestedTags": st.lists(ids, max_size=2),
            "confirmedTags": st.lists(ids, max_size=2),
        },
    ),
    max_size=6,
    unique_by=lambda record: str(record["id"]),  # pyright: ignore[reportUnknownLambdaType] -- Hypothesis infers no keys
)


@pytest.mark.slow  # seconds
@settings(max_examples=40 if EXHAUSTIVE else 15)
@given(listed=st.lists(samples, min_size=1, max_size=4))
def test_json_json_lines_and_parquet_give_the_same_samples(
    tmp_path_factory: pytest.TempPathFactory, listed: list[list[Record]]
) -> None:
    """Envelopes written one a file, many a file and as Parquet rows are one and the same table."""
    folder = tmp_path_factory.mktemp("same")
    runs = [
        run(f"r{i}", *some, startedAt=f"2026-03-0{i + 1}T00:00Z") for i, some in enumerate(listed)
    ]
    runs = [
        envelope if some else result(envelope, samples=[])
        for envelope, some in zip(runs, listed, strict=True)
    ]
    write(folder, *runs, name="all.jsonl")
    (folder / "one").mkdir()
    for i, envelope in enumerate(runs):
        write(folder / "one", json.dumps(envelope, indent=1), name=f"{i}.json")
    pq.write_table(pa.Table.from_pylist(runs), folder / "all.parquet")
    tables = [read_runs(folder / name).table for name in ("all.jsonl", "one", "all.parquet")]
    assert tables[0].num_rows == sum(map(len, listed))
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


@pytest.mark.slow  # seconds
@settings(max_examples=100 if EXHAUSTIVE else 40)
@given(data=st.data())
def test_any_damage_is_booked(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """However a file is damaged, read = kept + quarantined.

    Or the file as a whole is an error of ours.
    """
    folder = tmp_path_factory.mktemp("damage")
    text = "\n".join(
        json.dumps(run(f"r{i}", *(sample(j, promptId=f"p{j}") for j in range(3)))) for i in range(3)
    )
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    (folder / "runs.jsonl").write_bytes(raw)
    try:
        runs = read_runs(folder / "runs.jsonl")
    except RunsError as error:
        assert str(error)  # noqa: PT017
    else:
        check_account(runs)
        assert all(
            row.text or str(row.expectation).startswith("expected each run")
            for row in runs.quarantined
        )


def flags(**values: bool) -> Record:
    """Return flags with dotted keys."""
    return {f"feature.{name}": value for name, value in values.items()}


ID_DUE = (
    "expected the run's id (a bare run_result needs its dataset_meta.json beside it, a file of "
    "samples a source.yaml that says records: and columns:)"
)
REFUSED: dict[str, tuple[Callable[[], Record], str]] = {
    "template note": (lambda: result(run(), providerNote="cli_fallback"),
        "providerNote is 'cli_fallback'; expected measured metrics, these are a template."),
    "mock provider": (lambda: run(provider="Mock"),
        "provider is 'Mock'; expected measured metrics, these are a template."),
    "impossible": (lambda: result(run(), metrics={"passRate": 0.6, "vetoedPct": 0.5, "avgScore": 7, "avgLatency": 1}),
        "passRate + vetoedPct is 1.1; expected at most 1, as the statuses exclude each other."),
    "percent": (lambda: result(run(), metrics={"passRate": 76, "vetoedPct": 0, "avgScore": 7, "avgLatency": 1}),
        "passRate is 76; expected a fraction from 0 to 1."),
    "disagreement": (lambda: result(run("r1", *map(sample, range(400))),
        metrics={"passRate": 0.9, "vetoedPct": 0, "avgScore": 7, "avgLatency": 1}),
        "passRate is 0.9; expected 1 as in the run's 400 samples."),
    "flags": (lambda: run(flags=flags(searchLite=True), datasetMeta={"featureFlags": {"searchLite": False}}),
        "flags searchLite is true; expected false as in datasetMeta.featureFlags."),
    "profiles": (lambda: run(session={"guardianProfileId": "fast"}, datasetMeta={"guardianProfileId": "strict"}),
        "guardianProfileId is 'fast and strict'; expected one profile in a run."),
    "profiles of samples": (
        lambda: run("r1", sample(1, guardianProfileId="fast"), sample(2, guardianProfileId="default")),
        "guardianProfileId is 'default and fast'; expected one profile in a run."),
    "no offset": (lambda: run(startedAt="2026-03-02T10:00:00"),
        "startedAt is '2026-03-02T10:00:00'; expected an offset, such as +09:00 or Z."),
    "1970": (lambda: run(startedAt="1970-01-01T00:00:00Z"),
        "startedAt is '1970-01-01T00:00:00Z'; expected a year from 2000: the clock was not set."),
    "no time": (lambda: run(startedAt="yesterday"), "startedAt is 'yesterday'; expected an ISO 8601 time with offset."),
    "path in id": (lambda: run("../../etc"),
        "runId is '../../etc'; expected a plain id without '..', a leading slash or control characters."),
    "no arm": (lambda: run(arm=None),
        "arm; expected control or treatment, or flags that imply one of them (got none)."),
    "unknown arm": (lambda: run(arm="beta"), "arm is 'beta'; expected control or treatment."),
    "misspelt key": (lambda: {**{k: v for k, v in run().items() if k != "runId"}, "runID": "r1"},
        f"runId is missing; {ID_DUE} (Did you mean 'runID'?)."),
    "no samples": (lambda: run(result={"metrics": run()["result"]["metrics"]}),
        "samples is missing; expected a list of samples, which may be empty."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_run_that_is_no_evidence_says_why(tmp_path: Path, name: str) -> None:
    """Each evidence rule refuses the whole run with its own sentence."""
    written, expected = REFUSED[name]
    assert refusal(tmp_path, written()) == f"runs.jsonl:1: {expected}"


def test_rounded_metrics_and_failed_samples_are_no_disagreement(tmp_path: Path) -> None:
    """Rates rounded to two digits, or counted without the samples that ended in an error.

    Still agree.
    """
    listed = [
        sample(i, status="passed" if i < 50 else "failed" if i < 75 else "error")
        for i in range(100)
    ]
    metrics = {"passRate": 0.67, "vetoedPct": 0, "avgScore": 7.5, "avgLatency": 1500}
    assert read_runs(write(tmp_path, result(run("r1", *listed), metrics=metrics))).kept == 100


@pytest.mark.parametrize(
    ("given_flags", "arm"),
    [
        ({"searchLite": True, "mode": "exploit"}, "treatment"),
        ({"feature.searchLite": False}, "control"),
    ],
)
def test_flags_imply_the_arm(tmp_path: Path, given_flags: Record, arm: str) -> None:
    """A run without an arm gets it from its flags, dotted or short.

    In the envelope or in the data set.
    """
    arms = {"control": {"searchLite": False}, "treatment": {"feature.searchLite": True}}
    first, second = (
        run("r1", arm=None, flags=given_flags),
        run("r2", sample(9), arm=None, datasetMeta={"featureFlags": given_flags}),
    )
    runs = read_runs(write(tmp_path, first, second), flags_arms=arms)
    assert [info.arm for info in runs.runs] == [arm, arm]


def test_flags_that_contradict_the_arm_refuse_the_run(tmp_path: Path) -> None:
    """A control that ran with the treatment's flags is no control."""
    arms = {"control": {"searchLite": False}, "treatment": {"searchLite": True}}
    message = refusal(tmp_path, run(flags=flags(searchLite=True)), flags_arms=arms)
    assert message == "runs.jsonl:1: arm is 'control'; expected treatment as the flags imply."


def test_runs_of_other_reviews_are_set_aside(tmp_path: Path) -> None:
    """Another stage and a later start are counted apart.

    What a run does not tell is not held against it.
    """
    later = run("r3", sample(9), startedAt="2026-03-03T10:00:00Z")
    runs = read_runs(
        write(tmp_path, run("r1"), run("r2", stage=2), later, run("r4", stage=None, startedAt=None)),
        stage=1, as_of=datetime(2026, 3, 3, tzinfo=UTC),
    )  # fmt: skip
    check_account(runs)
    assert (runs.other_stage, runs.after_as_of, runs.inputs[0].set_aside) == (1, 1, 3)
    assert [info.run_id for info in runs.runs] == ["r1", "r4"]
    assert texts(runs.warnings) == ["1 of 2 runs have no start time."]


def test_a_run_with_only_metrics_is_kept(tmp_path: Path) -> None:
    """An empty list of samples is allowed: the run counts, adds no row, and a warning says so."""
    runs = read_runs(write(tmp_path, result(run(), samples=[])))
    assert [(info.n, info.reported and info.reported.avg_latency_ms) for info in runs.runs] == [
        (0, 1500.5)
    ]
    assert texts(runs.warnings) == ["1 of 1 runs have no samples."]


def test_repeated_seed_and_prompts_are_one_replicate(tmp_path: Path) -> None:
    """Runs that share arm, seed and prompts share a replicate; without a seed nobody can tell."""
    seeded, prompt = {"session": {"seed": 3}}, [sample(1, promptId="p1"), sample(2, promptId=5)]
    repeated = [run("a", *prompt, **seeded), run("b", *reversed(prompt), **seeded)]
    others = [run("c", *prompt, session={"seed": 4}), run("d", *prompt, arm="treatment", **seeded)]
    seedless = [run("e", *prompt), run("f", *prompt, startedAt="2026-03-02T11:00Z")]
    runs = read_runs(write(tmp_path, *repeated, *others, *seedless))
    a, b, *different = [info.replicate for info in runs.runs]
    assert a == b
    assert len({a, *different}) == 5


BAD_ROWS = {
    '"latencyMs": "2,050"': "latencyMs is '2,050'; expected a number of milliseconds, 0 or more.",
    '"latencyMs": -1': "latencyMs is -1; expected a number of milliseconds, 0 or more.",
    '"latencyMs": NaN': "latencyMs is 'NaN'; expected a finite number.",
    '"latencyMs": 1e400': "latencyMs is '1e400'; expected a number that fits a 64-bit float.",
    '"score": 10.5': "score is 10.5; expected a number from 0 to 10.",
    '"score": "7,0"': "score is '7,0'; expected a number from 0 to 10.",
    '"score": true': "score is true; expected a number from 0 to 10.",
    '"status": "PASSED"': "status is 'PASSED'; expected one of passed, failed, vetoed, error, timeout.",
    '"difficulty": "Hard"': "difficulty is 'Hard'; expected one of easy, medium, hard.",
    '"issues": "bias"': "issues is 'bias'; expected a list of words.",
    '"score": 1, "score": 2': "score is 2; expected each key once.",
    '"new": 1, "New": 2': "New is 2; expected one spelling, beside 'new'.",
    '"category": "\\ud800"': "category is '\\ud800'; expected text without a lone surrogate.",
    '"id": null': "id is null; expected text, or an integer.",
    '"id": 1.5': "id is 1.5; expected text, or an integer.",
    f'"userId": {"9" * 5000}': f"userId is '{'9' * 80}…'; expected an integer of at most 40 digits.",
    '"status": "\\u202egnp.exe"': r"status is '\u202egnp.exe'; expected one of passed, failed, vetoed, error, timeout.",
}


@pytest.mark.parametrize("written", BAD_ROWS)
def test_a_bad_sample_is_set_apart_and_its_run_stays(tmp_path: Path, written: str) -> None:
    """A bad value costs its row, not its run.

    The message has file, line, field, value and what is due.
    """
    key = written.split(":", maxsplit=1)[0]
    plain = {k: v for k, v in sample(2).items() if f'"{k}"' != key}
    bad = "{" + written + "," + json.dumps(plain)[1:]
    text = json.dumps(run("r1", *(sample(i) for i in range(3)))).replace(
        json.dumps(sample(2)), f"\n\n{bad}"
    )
    runs = read_runs(write(tmp_path, text, name="r7.json"))
    check_account(runs)
    assert messages(runs) == [f"r7.json:3: {BAD_ROWS[written]}"]
    assert runs.quarantined[0].text == bad
    assert runs.table["sample_id"].to_pylist() == ["s0", "s1"]


def test_a_sample_id_twice_takes_both_along(tmp_path: Path) -> None:
    """Nobody can tell which of two samples with one id is right, so both go.

    Each naming both places.
    """
    runs = read_runs(
        write(
            tmp_path,
            json.dumps(run("r1", sample(1), sample(2), sample(1, score=1)), indent=0),
            name="a.json",
        )
    )
    check_account(runs)
    places = [row.message for row in runs.quarantined]
    assert len(places) == 2
    assert all("id is 's1', also" in row or "(sample 1)" in row for row in places)
    assert runs.table["sample_id"].to_pylist() == ["s2"]


def test_ids_stay_text(tmp_path: Path) -> None:
    """Ids that look like numbers or like nothing keep every character.

    Integers beyond 2^53 keep every digit.
    """
    names: list[object] = ["007", "NA", "null", "None", "1e5", "", 9007199254740993, 12]
    runs = read_runs(write(tmp_path, run("r1", *(sample(1, id=name) for name in names))))
    assert runs.table["sample_id"].to_pylist() == [str(name) for name in names]


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut": (
        json.dumps(run()).encode()[:-30],
        "1: the text ends early; expected JSON (expecting value).",
    ),
    "deep": (b'{"runId": ' + b"[" * 200_000, "1: nesting is deeper; expected at most 64 levels."),
    "NUL": (b'{"runId": "a\0"}', "expected JSON (invalid control character at)."),
    "no UTF-8": (b'{"runId": "\xff"}', "1: byte 11 is 0xff; expected UTF-8."),
    "no object": (b"[1]", "1: JSON is [1]; expected one run as an object."),
    "two values": (b"{} {}", "1: JSON is '{}'; expected the end of the JSON value."),
    "run key twice": (
        b'{"runId": "a",' + json.dumps(run()).encode()[1:],
        "1: runId is 'r1'; expected each key once.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_line_that_cannot_be_opened_counts_as_one_row(tmp_path: Path, name: str) -> None:
    """A damaged line is quarantined with its reason, and the other lines are read."""
    raw, expected = BROKEN[name]
    (tmp_path / "runs.jsonl").write_bytes(raw + b"\n" + json.dumps(run("ok")).encode())
    runs = read_runs(tmp_path / "runs.jsonl")
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["ok"]
    assert len(runs.quarantined) == 1
    assert expected in runs.quarantined[0].message
    assert runs.quarantined[0].text.encode("utf-8", "surrogateescape") == raw


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_other_systems(tmp_path: Path, end: str) -> None:
    """A byte-order mark and any line end are accepted, and lines are counted right."""
    text = "\ufeff" + end.join([json.dumps(run("r1")), "", json.dumps(run("r2", arm="x")), ""])
    (tmp_path / "runs.jsonl").write_bytes(text.encode())
    runs = read_runs(tmp_path)
    assert [info.run_id for info in runs.runs] == ["r1"]
    assert messages(runs) == ["runs.jsonl:3: arm is 'x'; expected control or treatment."]
    assert runs.inputs[0].sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_keys_are_counted_in_any_layout(tmp_path: Path) -> None:
    """A key written twice is found with spaces before its colon.

    Among labels with colons and unknown keys.
    """
    once = json.dumps(
        run("r1", sample(1, category='a "b": c', extra={"x": [1, {"y": 2}]})),
        separators=(" , ", " : "),
    )
    twice = once.replace('"score" : 7.5', '"score" : 7.5 , "score" : null').replace("r1", "r2")
    runs = read_runs(write(tmp_path, once, twice))
    check_account(runs)
    assert [(info.run_id, info.n) for info in runs.runs] == [("r1", 1), ("r2", 0)]
    assert messages(runs) == ["runs.jsonl:2: score is null; expected each key once."]


@pytest.mark.parametrize(
    "meta",
    [
        {"strategyHash": "h", "featureFlags": {"searchLite": True}, "guardianProfileId": "fast"},
        {"strategyHash": "h", "ledgerId": "dec-1", "compatVersion": "1"},
    ],
)
def test_a_bare_result_beside_its_data_set(tmp_path: Path, meta: Record) -> None:
    """A run_result without envelope takes time.

    Flags and profile from either dialect of dataset_meta.json.
    """
    meta = {"version": "1", "createdAt": "2026-03-02T10:00:00Z", **meta}
    (tmp_path / "day-1").mkdir()
    write(tmp_path / "day-1", run()["result"], name="out.json")
    write(tmp_path / "day-1", meta, name="dataset_meta.json")
    runs = read_runs(tmp_path, flags_arms={"treatment": {"searchLite": True}})
    if "featureFlags" in meta:
        info = runs.runs[0]
        assert (info.run_id, info.arm, info.profile, info.n) == (
            "day-1/out",
            "treatment",
            "fast",
            2,
        )
        assert info.started_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    else:
        assert "arm; expected control or treatment, or flags" in runs.quarantined[0].message


def test_a_bare_result_alone_is_refused(tmp_path: Path) -> None:
    """Without its dataset_meta.json nobody knows what a run_result was run with."""
    runs = read_runs(write(tmp_path, json.dumps(run()["result"]), name="out.json"))
    assert "needs its dataset_meta.json beside it" in messages(runs)[0]


def test_links_and_archives_are_refused_unread(tmp_path: Path) -> None:
    """A symbolic link, or an archive that might swell, is never opened."""
    outside = write(tmp_path, run("secret"), name="outside.jsonl")
    folder = tmp_path / "runs"
    folder.mkdir()
    write(folder, run("r1"))
    (folder / "link.json").symlink_to(outside)
    (folder / "bomb.json.zip").write_bytes(b"PK")
    (folder / "README.md").write_text("about", encoding="utf-8")
    runs = read_runs(folder)
    check_account(runs)
    assert messages(runs) == [
        "bomb.json.zip: file; expected an unpacked file.",
        "link.json: file; expected a plain file, not a link.",
    ]
    assert runs.ignored == ("README.md",)
    assert [info.run_id for info in runs.runs] == ["r1"]


def test_sources_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    """A missing path, an empty folder.

    An empty file and an unknown kind are errors that name the path.
    """
    with pytest.raises(
        UsageError, match=r"nowhere does not exist; expected a file or a folder of runs\."
    ):
        read_runs(tmp_path / "nowhere")
    with pytest.raises(
        RunsError, match=r"holds no runs; expected files of kind \.json, \.jsonl, \.csv, \.tsv, "
    ):
        read_runs(tmp_path)
    for name, text, match in (
        ("a.json", " ", "0 rows"),
        ("b.doc", "x", "of kind '.doc'"),
        ("c.parquet", "x", "cannot be read as Parquet"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(RunsError, match=match):
            read_runs(tmp_path / name)


def test_quarantine_is_written_verbatim_and_twice_the_same(tmp_path: Path) -> None:
    """The quarantine file is named by the digest of its source and holds text, place and reason."""
    path = write(tmp_path, run("r1", sample(1, score=11), sample(2)), '{"cut": ')
    runs = read_runs(path)
    (written,) = runs.write_quarantine(tmp_path / "out")
    assert written.name == f"{hashlib.sha256(path.read_bytes()).hexdigest()}.jsonl"
    rows = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [json.dumps(sample(1, score=11)), '{"cut": ']
    assert [row["message"] for row in rows] == messages(runs)
    before = written.read_bytes()
    runs.write_quarantine(tmp_path / "out")
    assert written.read_bytes() == before


@pytest.mark.slow
def test_progress_reaches_the_end(tmp_path: Path) -> None:
    """Progress is told in files, never backwards, up to all of them."""
    for i in range(130):
        write(tmp_path, run(f"r{i}", sample(i)), name=f"{i:03}.json")
    steps: list[tuple[int, int]] = []
    read_runs(tmp_path, on_progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1] == (130, 130)


def test_failed_calls_are_kept_and_told(tmp_path: Path) -> None:
    """A call that failed stays a sample with status error.

    What the engine said is told beside the quarantine.
    """
    broken = {"id": "s2", "status": "error", "error": "exit code 1"}
    runs = read_runs(write(tmp_path, run("r1", sample(1), broken)))
    assert (runs.kept, runs.rows_quarantined) == (2, 0)
    message = "status of sample s2 is 'error: exit code 1'; the call failed and counts as an error"
    assert [message in row.message for row in runs.failed] == [True]
