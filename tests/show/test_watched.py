"""A day's watch as people read it: tables, small charts, the summary for a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import altair as alt
import msgspec
import pytest

from rolloutlib.plan.params import daily_params
from rolloutlib.show import watched, watched_days, watched_parts
from rolloutlib.show.figure import HALF, Figure, Figures, Note
from rolloutlib.show.watched_arms import arm_heads, latest
from rolloutlib.show.watched_record import answered_in
from rolloutlib.show.watched_summary import summary_text
from rolloutlib.watch.record import Outcome, decode, encode
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import say, speaking
from tests.sample_watch import GAP, sample_watch

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = ("rollback", "--reason", "it's slow", "--feature", "A")
WATCH = msgspec.structs.replace(
    sample_watch(), answer=ANSWER, stage_name="Opt-in beta", features={"A": "Search summaries"}
)
BARE = msgspec.structs.replace(
    WATCH, alarms=(), series=(), signals=(), incidents=(), warnings=(), missed=(), answer=(),
    reasons=(), outcome=Outcome.NO_DATA, people=None, since=None,
)  # fmt: skip


def rows_of(chart: Figure, layer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a layer's rows."""
    data = layer.get("data") or chart.wide["data"]
    return chart.wide["datasets"][data["name"]]


def layers(chart: Figure, mark: str) -> list[dict[str, Any]]:
    """Return the layers of a kind, with rows."""
    return [
        layer
        for layer in chart.wide["layer"]
        if layer["mark"]["type"] == mark and rows_of(chart, layer)
    ]


def charts(shown: Figures | Note) -> tuple[Figure, ...]:
    """Return the charts that are drawn."""
    assert isinstance(shown, Figures)
    return shown.charts


def test_the_answer_to_paste_is_in_the_terminals_language() -> None:
    """What a command's reason says is read where it is pasted, whatever the page speaks."""
    korean = daily_params({"stage": 2, "lang": "ko", "out": None})
    pasted, recorded = (answered_in(lang, WATCH, korean).answer for lang in ("en", "ko"))
    assert any("Daily watch: " in argument for argument in pasted)
    assert not any("Daily watch: " in argument for argument in recorded)
    assert len(pasted) == len(recorded)


def test_a_terminal_reads_alarms_first_and_the_command_whole() -> None:
    """The command can be copied as it stands: a quote in a reason does not end it."""
    lines = summary_text(WATCH).splitlines()
    assert lines[0] == "✕ ROLLBACK · stage 2, Opt-in beta · treatment · 2026-10-18"
    assert lines.index("Alarms:") < next(k for k, line in enumerate(lines) if "Metric" in line)
    assert """      rollout rollback --reason 'it'"'"'s slow' --feature A""" in lines
    assert any(line.startswith("Average latency ") and "■ red" in line for line in lines)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_outcome_has_a_word_a_sign_and_a_meaning(outcome: Outcome, lang: str) -> None:
    """Nobody has to tell outcomes by colour, in either language."""
    shown = watched.headline(msgspec.structs.replace(WATCH, outcome=outcome), lang)
    assert shown.title.startswith(str(watched.outcome_word(outcome).text(lang)))
    assert watched.SIGNS[outcome] in shown.text


def test_a_day_without_anything_says_so_everywhere() -> None:
    """Every piece has a sentence where there is nothing to show."""
    pieces = (watched.alarm_table, watched.lights, watched.signal_table, watched.incidents)
    assert [piece(BARE).text for piece in pieces] == [
        "No alarm.", "No day has data.", "No feature has data.", "No incident is known.",
    ]  # fmt: skip
    assert isinstance(watched_days.daily_series(BARE), Note)
    assert isinstance(watched_parts.signal_charts(BARE), Note)
    assert "NO DATA" in summary_text(BARE)


def test_lines_do_not_bridge_a_day_without_data() -> None:
    """A gap is shaded and named, and no line pretends to know what was between."""
    chart = charts(watched_days.daily_series(WATCH))[0]
    for line in layers(chart, "line"):
        rows = rows_of(chart, line)
        assert {row["x"] for row in rows if row["part"]} == set(range(GAP + 1, 14))
        assert {row["x"] for row in rows if not row["part"]} == set(range(GAP))
    (shaded,) = layers(chart, "rect")
    assert [row["x"] for row in rows_of(chart, shaded)] == [GAP - 0.5]


def test_a_day_tells_its_numbers_at_the_pointer() -> None:
    """Dots and bands of a series have counts and bounds in their tooltip; pictures have none."""
    chart = charts(watched_days.daily_series(WATCH))[0]
    for kind in ("rule", "point"):
        mark = layers(chart, kind)[-2]
        assert "tooltip" in mark["encoding"]
    last = rows_of(chart, layers(chart, "point")[-1])[-1]
    assert (last["day"], last["n"]) == ("2026-10-18", "700 + 690")
    assert last["treatment"] == "75.1% [71.4%, 78.9%]"
    assert "700 + 690" not in chart.svg()


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_charts_are_valid_and_zoom_without_dragging_texts(lang: str) -> None:
    """Altair's schema accepts both layouts; what stands on a scale that zooms ends at the plot."""
    days, parts = watched_days.daily_series(WATCH, lang), watched_parts.signal_charts(WATCH, lang)
    drawn = (*charts(days), *charts(parts))
    for chart in drawn:
        for whole in (chart.wide, chart.narrow):
            alt.Chart.from_dict(whole)
        for layer in chart.wide["layer"]:
            if "field" in layer["encoding"].get("x", {}):
                assert layer["mark"]["clip"]
    assert isinstance(drawn[0].altair() | drawn[-1].altair(), alt.HConcatChart)


@pytest.mark.slow
def test_the_strip_of_weeks_is_valid_and_does_not_zoom() -> None:
    """Weeks have no scale that could move; each tells its whole note at the pointer."""
    strip = watched_parts.schedule(WATCH)
    assert isinstance(strip, Figure)
    for whole in (strip.wide, strip.narrow):
        alt.Chart.from_dict(whole)
    assert "params" not in str(strip.wide)
    (boxes,) = layers(strip, "rect")
    assert rows_of(strip, boxes)[4]["whole"] == "everyone; retrospective and standards"
    assert "tooltip" in boxes["encoding"]


def test_an_alarm_marks_its_day_in_its_own_series() -> None:
    """Only the series that the alarm is about has the mark, on the day on which it began."""
    marked = [
        [row["x"] for layer in layers(chart, "text") for row in rows_of(chart, layer)
         if "alarm" in row.get("text", "")]
        for chart in charts(watched_days.daily_series(WATCH))
    ]  # fmt: skip
    assert marked == [[12], [], [], [], []]


def test_parts_are_named_in_the_language_that_is_spoken() -> None:
    """What the watch itself names has Korean words; labels of the data stay as they are."""
    mix, reasons = charts(watched_parts.signal_charts(WATCH, "ko"))
    texts = [row["text"] for layer in layers(mix, "text") for row in rows_of(mix, layer)]
    assert {"쉬움", "■ 계획"} <= set(texts)
    assert "min_score, default: 31;" in reasons.alt
    assert "쉬움, 관측: 41.0%" in mix.alt


def test_a_bar_tells_its_part_and_the_whole_signal_with_bounds() -> None:
    """A tooltip has the part's words and, where the signal has a number, that with its limit."""
    signal = msgspec.structs.replace(WATCH.signals[0], lower=0.05, upper=0.07)
    chart = charts(watched_parts.signal_charts(msgspec.structs.replace(WATCH, signals=(signal,))))[
        0
    ]
    (bars,) = layers(chart, "rule")
    first = rows_of(chart, bars)[0]
    assert (first["label"], first["kind"], first["text"]) == ("easy", "seen", "41.0%")
    assert (first["whole"], first["limit"]) == ("×0.06 [×0.05, ×0.07]", "×0.01")
    assert [field["field"] for field in bars["encoding"]["tooltip"]][-2:] == ["whole", "limit"]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_an_arm_that_has_a_name_is_called_by_it(lang: str) -> None:
    """The lights and the summary head their columns by it; the usual names are what they mean."""
    named = msgspec.structs.replace(WATCH, control="old", treatment="gpt-5")
    with speaking(lang):
        for text in (watched.lights(named).text, summary_text(named)):
            assert "· old" in text
            assert "· gpt-5" in text
        for text in (watched.lights(WATCH).text, summary_text(WATCH)):
            assert "· control" not in text
        days = charts(watched_days.daily_series(named))[0]
    assert "gpt-5" in days.alt


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_charts_and_their_tooltips_name_arms_as_the_tables_do(lang: str) -> None:
    """What an arm is, and its own name: in legends, at the pointer, and of signals' bars."""
    parts = (("violations", "gpt-5", 0.1), ("violations", "old", 0.2))
    signal = msgspec.structs.replace(WATCH.signals[0], parts=parts)
    named = msgspec.structs.replace(
        WATCH, control="old", treatment="gpt-5", series=WATCH.series[:1], signals=(signal,)
    )
    with speaking(lang):
        control, treatment = arm_heads(named)
        bounded = arm_heads(named, say("Treatment [bounds]"))[1]
    days = charts(watched_days.daily_series(named, lang))[0]
    legend = [row["text"] for layer in layers(days, "text") for row in rows_of(days, layer)]
    assert {f"━ {treatment}", f"┄ {control}"} <= set(legend)
    tip = layers(days, "point")[-1]["encoding"]["tooltip"]
    assert [field["title"] for field in tip][2:] == [control, bounded]
    bars = charts(watched_parts.signal_charts(named, lang))[0]
    assert [row["kind"] for row in rows_of(bars, layers(bars, "rule")[0])] == [treatment, control]
    assert f"{treatment}: 10.0%" in bars.alt


@pytest.mark.slow
def test_long_names_lose_their_middle_and_leave_the_value_whole() -> None:
    """Models and issues differ at their ends; nothing in the picture is wider than its plot."""
    tag = "issue:parallel_function_checker_no_order:cannot_find_match"
    line = msgspec.structs.replace(WATCH.series[0], metric=tag)
    names = ("model-2024-05-13-" * 5 + "a", "model-2024-05-13-" * 5 + "b")
    named = msgspec.structs.replace(WATCH, control=names[0], treatment=names[1], series=(line,))
    (chart,), newest = charts(watched_days.daily_series(named)), latest(line)
    assert newest is not None
    for drawn in (chart.wide, chart.narrow):
        heads = [layer for layer in drawn["layer"] if layer["mark"].get("limit") == drawn["width"]]
        title, light, treatment, control = (
            drawn["datasets"][layer["data"]["name"]][0]["text"] for layer in heads
        )
        assert "…" in title
        assert title.endswith(f"_match)  {show(newest.treatment, line.measure)}")
        assert light
        assert (treatment[-2:], control[-2:]) == ("-b", "-a")
    pixels = re.search(r'width="(\d+)', chart.svg())
    assert pixels is not None
    assert int(pixels[1]) <= HALF


def test_a_signal_that_nothing_tells_is_unknown() -> None:
    """No number is no good news: only what has one, or parts, is told beside no limit."""
    signal = msgspec.structs.replace(
        WATCH.signals[0], value=None, lower=None, upper=None, limit=None, beyond=None, parts=()
    )
    watch = msgspec.structs.replace(WATCH, signals=(signal,))
    assert "? unknown" in watched.signal_table(watch).text
    assert "  - ? D" in summary_text(watch)


def test_hostile_names_are_only_shown() -> None:
    """An arm or a tag that looks like markup is text wherever it is shown."""
    evil = "<script>x</script>"
    line = msgspec.structs.replace(WATCH.series[0], metric=f"issue:{evil}")
    watch = msgspec.structs.replace(WATCH, treatment=evil, series=(line,))
    shown = (watched.headline(watch), watched.lights(watch), watched.sources(watch))
    assert all(evil not in piece.html for piece in shown)
    (chart,) = charts(watched_days.daily_series(watch))
    assert evil not in chart.svg()


def test_a_name_that_svg_cannot_hold_is_drawn_escaped() -> None:
    """A control character in an arm's name passes the gate of charts, live object and all."""
    watch = msgspec.structs.replace(WATCH, treatment="on\x07")
    live = charts(watched_days.daily_series(watch))[0].altair().to_dict()
    texts = [row.get("text") for rows in live["datasets"].values() for row in rows]
    assert "━ Treatment · on\\u0007" in texts
    assert "━ Treatment · on\x07" not in texts


def test_labels_of_parts_and_notes_pass_the_gate_of_charts() -> None:
    """No text of a live chart of parts or weeks has a control character that the data had."""
    signal = msgspec.structs.replace(WATCH.signals[0], parts=(("a\x07", "b\x07", 0.5),))
    weeks = (("W1\x07", (0,), "a note\x07 of words"),)
    position = msgspec.structs.replace(WATCH.here, weeks=weeks)
    watch = msgspec.structs.replace(WATCH, signals=(signal,), here=position)
    strip = watched_parts.schedule(watch)
    assert isinstance(strip, Figure)
    for figure in (*charts(watched_parts.signal_charts(watch)), strip):
        texts = str([*_texts(figure.altair().to_dict())])
        assert r"\\u0007" in texts
        assert r"\x07" not in texts


def _texts(part: Any) -> Iterator[str]:  # noqa: ANN401 -- any part of a specification
    """Yield every text of a specification."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list | tuple):
        inner: Any = part.values() if isinstance(part, dict) else part
        for element in inner:
            yield from _texts(element)


def test_the_record_is_read_as_it_was_written() -> None:
    """watch.json holds every field, and each reason its English sentence."""
    record = worded(WATCH)
    assert decode(encode(record), "watch.json") == record
    assert b'"schema": "rolloutlib/watch@1"' in encode(record)
