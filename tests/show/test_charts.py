"""Charts: valid Vega-Lite, readable on both widths, saying what they show.

Inert whatever the labels are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import altair as alt
import numpy as np
import pytest

from rolloutlib.judge.record import Verdict
from rolloutlib.measure.distributions import Distribution
from rolloutlib.show import breakdowns, charts, curves, marks, over_runs
from rolloutlib.show import figure as vega
from rolloutlib.show.figure import Figure, Note
from tests.sample_review import ATTACK, bfcl, hostile, story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rolloutlib.judge.record import Reviewed

PHONE = 390 - 2 * 16  # a small phone's width minus the page's margins
DRAW: tuple[Callable[[Reviewed, str], Figure | Note], ...] = (
    charts.forest, curves.latency_ecdf, curves.score_ecdf, curves.pass_rate_by_run,
    over_runs.contrast_by_run, breakdowns.issues_before_after, breakdowns.segments,
)  # fmt: skip
REVIEWS = {"bfcl": bfcl, "story": story, "hostile": hostile}


def figures(review: Reviewed, lang: str = "en") -> Iterator[Figure]:
    """Draw every chart that the review has data for."""
    yield from (figure for draw in DRAW if isinstance(figure := draw(review, lang), Figure))


def rows_of(figure: Figure) -> dict[str, dict[str, Any]]:
    """Return the forest's rows by gate title."""
    values = (value for layer in figure.wide["layer"] for value in layer["data"]["values"])
    return {value["title"]: value for value in values if "title" in value}


@pytest.mark.slow
@pytest.mark.parametrize("name", REVIEWS)
def test_every_chart_is_valid_vega_lite(name: str) -> None:
    """Altair's copy of the Vega-Lite 6 schema accepts both layouts of every chart."""
    for figure in figures(REVIEWS[name]()):
        for spec in (figure.wide, figure.narrow):
            alt.Chart.from_dict(_few_rows(spec))


def _few_rows(part: Any) -> Any:  # noqa: ANN401 -- any part of a specification
    """Return a specification whose data have a row each: the schema lets any row be."""
    if isinstance(part, dict):
        return {
            name: rows[:1] if name == "values" else _few_rows(rows) for name, rows in part.items()
        } | ({"datasets": {}} if "datasets" in part else {})
    return [_few_rows(element) for element in part] if isinstance(part, list) else part


@pytest.mark.slow
@pytest.mark.parametrize("name", REVIEWS)
def test_every_chart_draws_on_page_and_phone(name: str) -> None:
    """Both layouts are well-formed SVG that fits, loads and runs nothing, shows no raw number."""
    for figure in figures(REVIEWS[name](), "ko"):
        for narrow, most in ((False, 916), (True, PHONE)):
            svg = figure.svg(narrow=narrow)
            root = ET.fromstring(svg)  # noqa: S314
            tags = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
            assert tags <= {
                "svg",
                "g",
                "path",
                "line",
                "rect",
                "text",
                "defs",
                "clipPath",
                "style",
                "tspan",
            }
            assert float(root.attrib["width"]) <= most
            assert "float64" not in svg
            assert "NaN" not in svg


def test_the_forest_puts_the_harmless_side_right() -> None:
    """Proven gates lie right of their limit and broken ones left, whatever their harm."""
    review = bfcl()
    rows = rows_of(charts.forest(review))
    for gate in review.gates:
        row = rows[gate.title]
        if gate.evidence.verdict is Verdict.PASS:
            assert row["worst"] > 0
        if gate.evidence.verdict is Verdict.FAIL:
            assert row["best"] < 0


def test_a_missing_bound_reaches_the_edge() -> None:
    """An estimate without a bound is drawn to the edge of the harmful side and says so."""
    row = rows_of(charts.forest(story()))["Manually edited tags"]
    assert (row["worst"], row["arrow"]) == (-1.0, "◀")
    assert "no bound" in row["estimate"]


def test_a_gate_without_data_says_which_field_is_missing() -> None:
    """A gate without data keeps its row, with the reason where the bar would be."""
    row = rows_of(charts.forest(bfcl()))["Average score"]
    assert row["why"] == "The source has no field score."
    assert "x" not in row


def test_the_p95_gate_is_drawn_as_the_share_that_is_too_slow() -> None:
    """The evidence of a quantile gate is a share of samples, and its row says of what."""
    row = rows_of(charts.forest(bfcl()))["95th percentile latency"]
    assert (row["estimate"], row["limit"]) == ("12.9%  [11.6%, 14.3%]", "limit 5.00%")
    assert row["subject"] == "share slower than 2,200 ms"


def test_captions_say_what_it_means() -> None:
    """Each caption carries the finding, not only the reading instruction."""
    review = bfcl()
    assert "a proven breach is enough for NO-GO" in charts.forest(review).caption
    assert "beyond the limit of 2,200 ms" in str(curves.latency_ecdf(review))
    assert "Pass rate falls in rest" in str(breakdowns.segments(review))
    assert "That is too few" in str(curves.pass_rate_by_run(review))


def test_nothing_to_draw_is_a_note() -> None:
    """A review without scores or segments says so where the chart would be."""
    assert curves.score_ecdf(bfcl()) == Note("No sample has a score.")
    assert breakdowns.segments(story(), "ko") == Note("출처에 세그먼트 정보가 없습니다.")


def test_labels_of_the_data_stay_text() -> None:
    """A label that is a script ends up as text in the SVG and as data in the specification."""
    figure = breakdowns.issues_before_after(hostile())
    assert isinstance(figure, Figure)
    assert ATTACK not in figure.svg()
    assert ATTACK in figure.alt


def test_long_distributions_are_thinned_but_end_at_one() -> None:
    """A million steps are drawn with some two hundred points, ascending, the last at 100 %."""
    values = np.arange(1, 1_000_001, dtype=np.float64)
    points = curves.thinned(
        Distribution("latency_ms", "on", 10**6, 5e5, 5e5, 9.5e5, values, values / 1e6)
    )
    assert len(points) <= curves.CURVE_POINTS + 2
    assert [p["y"] for p in points] == sorted(p["y"] for p in points)
    assert points[-1]["y"] == 1


def test_a_notebook_stores_types_that_nbformat_accepts() -> None:
    """JupyterLab gets Vega (and no HTML, which it would prefer), others an SVG."""
    bundle = charts.forest(bfcl()).bundle()
    assert set(bundle) == {vega.VEGA_MIME, vega.FIGURE_MIME, "image/svg+xml", "text/plain"}


def drawn_live(name: str) -> Iterator[Figure]:
    """Yield the figures that are objects of Altair: all but the forest."""
    yield from (figure for figure in figures(REVIEWS[name]()) if figure.live is not None)


def parts_of(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every layer of a specification."""
    for name in ("layer", "vconcat", "hconcat"):
        for part in spec.get(name, []):
            yield from parts_of(part)
    if "mark" in spec:
        yield spec


@pytest.mark.slow
@pytest.mark.parametrize("name", REVIEWS)
def test_every_chart_is_a_live_object_of_altair(name: str) -> None:
    """A chart can be titled, layered and laid beside another, and is valid then, too."""
    live = [figure.altair() for figure in drawn_live(name)]
    assert len(live) >= 4
    for chart in live:
        assert chart.properties(title="Mine").to_dict()["title"] == "Mine"
    layered = [chart for chart in live if isinstance(chart, alt.LayerChart)]
    own = alt.Chart(alt.InlineData(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    for whole in (live[0] | live[1], live[0] & own, alt.layer(layered[1], own)):
        svg = whole._repr_mimebundle_()["image/svg+xml"]  # pyright: ignore[reportCallIssue, reportArgumentType, reportOptionalSubscript] -- our renderer's
        assert "<svg" in svg


@pytest.mark.parametrize("name", REVIEWS)
def test_marks_tell_their_numbers_to_a_pointer_alone(name: str) -> None:
    """Every chart has tooltips and zoom in JupyterLab; its picture needs no names for them."""
    for figure in drawn_live(name):
        kinds = {part["mark"]["type"] for part in parts_of(figure.wide)
                 if "tooltip" in part["encoding"]}  # fmt: skip
        assert kinds & {"point", "rect"}
        (zoom,) = figure.wide["params"]
        scaled = next(part for part in parts_of(figure.wide) if part.get("name") in zoom["views"])
        assert "field" in scaled["encoding"]["x"]
    svg = next(drawn_live(name)).svg()
    assert "aria-label=" not in svg
    assert "<title" not in svg


def test_arms_that_are_cut_to_one_name_stay_two() -> None:
    """Names that differ beyond what is drawn are numbered: a legend has a row an arm."""
    assert marks.distinct(["a" * 200 + "1", "a" * 200 + "2"])[1].endswith("… (2)")
