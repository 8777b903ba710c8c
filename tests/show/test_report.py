"""Report pieces and review.json: the contract, the numbers in words, and labels that stay text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from msgspec.structs import replace
from wcwidth import wcswidth

from rolloutlib.explore.review import Review as Explored
from rolloutlib.judge.pair_record import PairReview
from rolloutlib.judge.record import Recommendation, encode
from rolloutlib.plan.params import review_params
from rolloutlib.show import breakdowns, report, tables
from rolloutlib.show.compared import terminal_answer
from rolloutlib.show.compared_ci import comment, junit
from rolloutlib.show.decision import decision_page
from rolloutlib.show.figure import Figure
from rolloutlib.words.reasons import worded
from tests.sample_review import ATTACK, Tags, bfcl, hostile, story

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.show.tables import Html

PIECES: tuple[Callable[[Review, str], Html], ...] = (
    decision_page, report.every_reason, report.measured, report.gate_table, report.changes,
    report.warnings, report.checks, report.segments_table, report.issues_table,
    report.sample_sizes, report.runs_table, report.quarantine, report.inputs,
)  # fmt: skip
CONTRACT = {
    "schema",
    "stage",
    "control",
    "treatment",
    "recommendation",
    "reasons",
    "gates",
    "segments",
    "checks",
    "inputs",
}
GATE = {"id", "limit", "proof_limit", "plan", "evidence"}
EVIDENCE = {
    "verdict",
    "point",
    "lower",
    "upper",
    "confidence",
    "method",
    "n_control",
    "n_treatment",
    "pairs",
    "clusters",
    "needed",
}
SEGMENT = {"by", "value", "gate", "point", "lower", "upper", "p_holm"}


def review_json(review: Reviewed) -> dict[str, Any]:
    """Return what a reader of review.json gets."""
    return json.loads(encode(worded(review.record)))


@pytest.mark.parametrize("piece", PIECES)
def test_labels_of_the_data_stay_text(piece: Callable[[Review, str], Html]) -> None:
    """No label can open a tag or add an attribute that runs something."""
    tags = Tags(piece(hostile(), "en").html)
    assert not tags.tags & {"img", "script", "iframe", "a", "svg"}
    assert not [
        name for name in tags.names if name.startswith("on") or name in {"src", "href", "style"}
    ]


def test_hostile_labels_are_shown_as_they_are() -> None:
    """Escaping keeps a label readable: the text holds it, the HTML holds it escaped."""
    piece = report.issues_table(hostile())
    assert ATTACK in piece.text
    assert "&lt;/script&gt;&lt;img src=x" in piece.html


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_piece_is_plain_text_too(piece: Callable[[Review, str], Html], lang: str) -> None:
    """A terminal, a screen reader and a diff see the same piece without markup or raw numbers."""
    for review in (bfcl(), story()):
        text = piece(review, lang).text
        assert text.strip()
        assert "<" not in text
        assert "float64" not in text


def test_every_disagreement_is_called_out_once() -> None:
    """Only a gate whose two verdicts differ on the same data gets a sentence below its row."""
    for review in (bfcl(), story()):
        assert report.gate_table(review).text.count("Disagreement:") == sum(
            gate.disagrees for gate in review.gates
        )
    assert sum(gate.disagrees for gate in story().gates) == 4


def test_gate_table_shows_both_verdicts_with_their_numbers() -> None:
    """Plan value, limit, runs, point, bounds, stage limit, method and size are in one row."""
    row = report.gate_table(bfcl()).text.splitlines()[2].replace("\u00a0", " ")
    for part in (
        "84.1%",
        "85.6%",
        "+1.47 pp",
        "limit ≥ −2.00 pp",
        "1 of 3 runs",
        "✓ pass",
        "[+0.33 pp, +2.61 pp]",
        "limit ≥ −3.00 pp",
        "1,700 pairs",
    ):
        assert part in row


def test_missing_and_unbounded_numbers_have_words() -> None:
    """A missing number is a dash and an infinite bound says that there is none."""
    text = report.gate_table(story()).text.replace("\u00a0", " ")
    assert "31.0% [21.0%, no bound]" in text
    assert "nan" not in text.lower()
    assert " inf" not in text.lower().replace("inconclusive", "")


def test_digests_are_short_with_the_whole_value_at_hand() -> None:
    """The table shows twelve digits; the whole digest opens on a click."""
    piece = report.inputs(bfcl())
    assert "9f2c4a7be1d0…" in piece.text
    assert bfcl().inputs[0].sha256 in piece.html


def test_empty_pieces_say_so_in_both_forms() -> None:
    """A piece with nothing to show has a sentence instead, in HTML as in text."""
    for piece, sentence in (
        (report.quarantine(bfcl()), "Every row that was read is in the numbers."),
        (report.segments_table(story()), "The source names no segments."),
    ):
        assert piece.text == sentence
        assert sentence in piece.html


def test_long_tables_end_with_what_is_left_out() -> None:
    """A review of thousands of files stays readable and says where the others are."""
    review = bfcl()
    piece = report.inputs(replace(review, inputs=review.inputs * 1234))
    assert len(piece.text.splitlines()) == tables.LONGEST + 3
    assert piece.text.endswith("1,184 more rows are in review.json.")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_summary_columns_align_on_a_terminal(lang: str) -> None:
    """Every row is as wide as its rule by wcwidth, which knows that Hangul takes two columns."""
    table = report.summary_text(story(), lang).partition("\n\n")[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if not line.startswith("  ")]
    widths = {wcswidth(line) for line in lines}
    assert len(lines) == 10
    assert len(widths) == 1


def test_a_quantile_names_the_share_that_is_judged_wherever_its_bounds_stand() -> None:
    """A share beside a limit in per cent is no latency: each table says slower than what."""
    gate = next(gate for gate in bfcl().gates if gate.id == "p95_latency")
    pair = PairReview(
        control="a", treatment="b", recommendation=Recommendation.NO_GO, reasons=(), gates=(gate,)
    )
    for terminal in (report.summary_text(bfcl()), terminal_answer(pair)):
        lines = terminal.splitlines()
        row = next(k for k, line in enumerate(lines) if line.startswith("95th percentile"))
        assert lines[row + 1] == "  share slower than 2,200 ms"
    for text in (comment(pair), junit(pair).decode(), Explored(bfcl())._repr_html_()):
        assert "slower than 2,200 ms: 12.9%" in text.replace("\u00a0", " ")


def test_review_json_keeps_its_contract() -> None:
    """The stable fields of rolloutlib/review@2 are there, whatever is added."""
    for review in (bfcl(), story(), hostile()):
        record = review_json(review)
        assert record["schema"] == "rolloutlib/review@2"
        assert set(record) >= CONTRACT
        for gate in record["gates"]:
            assert set(gate) >= GATE
            assert set(gate["plan"]) >= {"verdict", "value", "clears", "runs", "runs_wanted"}
            assert set(gate["evidence"]) >= EVIDENCE
        assert all(set(segment) >= SEGMENT for segment in record["segments"])
        assert all(set(check) >= {"id", "holds", "evidence"} for check in record["checks"])
        assert all(
            set(file) >= {"name", "sha256", "read", "kept", "quarantined"}
            for file in record["inputs"]
        )


def test_review_json_says_null_for_what_there_is_not() -> None:
    """Missing data and infinite bounds are null, so that any JSON reader can read it."""
    gates = {gate["id"]: gate for gate in review_json(story())["gates"]}
    assert gates["manual_edit_rate"]["evidence"]["upper"] is None
    score = {gate["id"]: gate for gate in review_json(bfcl())["gates"]}["avg_score"]
    assert (score["evidence"]["point"], score["plan"]["value"], score["evidence"]["verdict"]) == (
        None,
        None,
        "inconclusive",
    )
    assert score["evidence"]["why"]["text"] == "The source has no field score."


def test_review_json_names_design_and_needs() -> None:
    """Pairs, clusters and what would settle a gate are numbers, not prose."""
    pass_rate = review_json(bfcl())["gates"][0]["evidence"]
    assert (pass_rate["pairs"], pass_rate["clusters"], pass_rate["needed"]) == (1700, None, None)
    users = review_json(story())["gates"][0]["evidence"]
    assert (users["pairs"], users["clusters"], users["needed"]) == (
        None,
        62,
        {"unit": "users", "total": 180, "further": 118},
    )


def test_write_review_writes_what_can_be_run_again(tmp_path: Path) -> None:
    """review.json is strict JSON; params.yaml gives the parameters and the look back.

    It names no folder: what runs again writes over no report.
    """
    params = review_params(
        {"stage": 2, "runs": "data/examples/bfcl", "lang": "ko", "out": str(tmp_path)}
    )
    report.write_review(hostile(), tmp_path / "new", params)
    raw = (tmp_path / "new" / "review.json").read_text("utf-8")
    record: dict[str, Any] = json.loads(
        raw, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    assert raw.endswith("}\n")
    assert record["treatment"] == ATTACK
    again = review_params(yaml.safe_load((tmp_path / "new" / "params.yaml").read_text("utf-8")))
    assert again == params.model_copy(update={"look": hostile().look.number, "out": None})


def test_write_review_without_a_folder_only_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook opened by hand shows the summary and writes nothing."""
    monkeypatch.chdir(tmp_path)
    params = review_params({"stage": 2, "runs": "data/examples/bfcl"})
    assert report.write_review(bfcl(), None, params).text == report.summary_text(bfcl())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_segments_stand_in_the_order_of_their_chart(lang: str) -> None:
    """The largest loss first, as both sentences say, whatever its p-value; ratios likewise."""
    review = bfcl()
    rows = report.segments_table(review, lang).text.splitlines()[2:]
    values = [line.split(",")[0] for line in rows]
    losses = sorted(review.segments, key=lambda part: part.point)
    assert values == [part.value for part in losses]
    chart = breakdowns.segments(review, lang)
    assert isinstance(chart, Figure)
    drawn = chart.alt.partition(": ")[2].split("; ")
    assert [text.split()[0] for text in drawn] == values
