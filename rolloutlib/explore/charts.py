"""A review's charts as live objects of Altair: hover, zoom, select, change, lay side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rolloutlib.explore.linked import linked
from rolloutlib.explore.public import Public
from rolloutlib.show import breakdowns, charts, curves, over_runs
from rolloutlib.show.figure import Figure, Note

if TYPE_CHECKING:
    import altair as alt

    from rolloutlib.explore.review import Review
    from rolloutlib.show.marks import Drawn

__all__ = ["Charts"]


class Charts(Public):
    """The charts of one review; each call draws one.

    They are plain Altair: `chart.properties(title="…")`, `alt.layer`, `|` and `&` work. Where there
    is nothing to draw, a `Note` says why.

    >>> review.charts.segments().properties(title="Where it loses").title
    'Where it loses'
    """

    def __init__(self, review: Review) -> None:
        """Keep the review; nothing is drawn yet."""
        self._review = review

    def gates(self) -> Figure | Note:
        """Draw every gate's estimate and bounds around its limit, as the report has it.

        >>> review.charts.gates().alt[:38]
        'Estimate and bounds of every gate: Pas'
        """
        return charts.forest(self._review.record, self._review.lang)

    def segments(self) -> Drawn | Note:
        """Draw the change within each planned segment with its bounds.

        >>> type(review.charts.segments()).__name__
        'LayerChart'
        """
        return _live(breakdowns.segments(self._review.record, self._review.lang))

    def issues(self) -> Drawn | Note:
        """Draw each issue's share of samples before and after.

        >>> type(review.charts.issues()).__name__
        'LayerChart'
        """
        return _live(breakdowns.issues_before_after(self._review.record, self._review.lang))

    def runs(self) -> Drawn | Note:
        """Draw the pass rate of every run, the averaged ones filled.

        >>> type(review.charts.runs()).__name__
        'LayerChart'
        """
        return _live(curves.pass_rate_by_run(self._review.record, self._review.lang))

    def contrast(self) -> Drawn | Note:
        """Draw the gate that drifts most, or else the plan's first, run by run.

        >>> type(review.charts.contrast()).__name__
        'VConcatChart'
        """
        return _live(over_runs.contrast_by_run(self._review.record, self._review.lang))

    def latency(self) -> Drawn | Note:
        """Draw both arms' latencies as distribution functions; asks the samples.

        >>> type(review.charts.latency()).__name__
        'LayerChart'
        """
        return _live(curves.latency_ecdf(self._review.judged.review, self._review.lang))

    def score(self) -> Drawn | Note:
        """Draw both arms' scores as distribution functions; asks the samples.

        >>> review.charts.score().text
        'No sample has a score.'
        """
        return _live(curves.score_ecdf(self._review.judged.review, self._review.lang))

    def linked(
        self, metric: Literal["latency_ms", "score"] | None = None, *, by: str | None = None
    ) -> alt.HConcatChart:
        """Draw segments beside a distribution: a click on a segment shows its samples alone.

        Shift and click adds a segment, double click shows the whole again; a click on an arm in the
        legend dims the other one. Counted where the samples lie: the 24 largest segments, the rest
        together.

        >>> type(review.charts.linked("latency_ms", by="category")).__name__
        'HConcatChart'

        Args:
            metric: what is distributed; None takes the score where there is one.
            by: `category`, `difficulty`, `profile` or a further column that source.yaml maps under
                `segments`; None takes the first that tells samples apart.

        Raises:
            UsageError: the samples have no such column or no such values.
        """
        return linked(self._review.judged, metric, by, self._review.lang)


def _live(drawn: Figure | Note) -> Drawn | Note:
    return drawn.altair() if isinstance(drawn, Figure) else drawn
