"""A review in an analyst's hands: its record as tables, and the samples that it was made of."""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING, Final, cast

from rolloutlib.errors import UsageError
from rolloutlib.explore.asking import Asked, Asking
from rolloutlib.explore.recorded import Recorded
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolloutlib.explore.charts import Charts
    from rolloutlib.explore.export import Exported
    from rolloutlib.judge import record as records
    from rolloutlib.judge.review import Judged
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.words.sentences import Sentence

__all__ = ["Review", "review_of"]

AGAIN: Final = phrase("open a report with rolloutlib.open, or make one with rolloutlib.review")


def review_of(params: ReviewParams) -> Review:
    """Review a stage's exit and keep what it was made of, as `rolloutlib.review` says."""
    from rolloutlib.judge.review import judge_stage

    judged = judge_stage(params)
    return Review(judged.review.record, params=params, judge=lambda: judged)


def as_text(params: Mapping[str, object]) -> dict[str, object]:
    """Return parameters with paths as text, as files of parameters have them.

    >>> from pathlib import Path
    >>> as_text({"stage": 2, "runs": Path("data/runs"), "carry": [Path("data/before")]})
    {'stage': 2, 'runs': 'data/runs', 'carry': ['data/before']}
    """

    def texts(value: object) -> object:
        if isinstance(value, PathLike):
            return os.fspath(cast("PathLike[str]", value))
        if isinstance(value, list | tuple):
            return [texts(entry) for entry in cast("Sequence[object]", value)]
        return value

    return {name: texts(value) for name, value in params.items()}


class Review(Recorded, Asking):
    """A stage review: its recommendation, its numbers as tables, and the samples behind them.

    >>> review.recommendation, len(review.gates), review.gates[0].id
    (<Recommendation.NO_GO: 'NO_GO'>, 8, 'pass_rate')
    """

    def __init__(
        self, record: records.Review, *, params: ReviewParams | None = None,
        judge: Callable[[], Judged] | None = None, note: Sentence | str = "",
    ) -> None:  # fmt: skip
        """Keep a review; nothing is read before it is asked for.

        Args:
            record: what review.json holds.
            params: what it was run with; None where nobody knows.
            judge: returns what it was made of, or says why it cannot; called until it can.
            note: what a reader must know of this copy of it.
        """
        super().__init__(record, lang=params.lang if params else "en", note=note)
        self._params, self._judge = params, judge
        self._judged: Judged | None = None

    @property
    def params(self) -> ReviewParams:
        """The parameters that it was run with.

        >>> review.params.adjust
        False

        Raises:
            UsageError: nobody kept them.
        """
        if self._params is None:
            raise UsageError("this review was made without parameters; {again}", again=AGAIN)
        return self._params

    @property
    def judged(self) -> Judged:
        """The review with its plan and the source of its samples; read again if it was opened.

        >>> review.judged.plan.stages[2].name
        'Opt-in beta'

        Raises:
            UsageError: the data are not those of the review any more, or nobody knows where they
                are.
        """
        if self._judged is None:
            if self._judge is None:
                raise UsageError("this review was made without its data; {again}", again=AGAIN)
            self._judged = self._judge()
        return self._judged

    @property
    def charts(self) -> Charts:
        """Its charts as live objects of Altair.

        >>> dir(review.charts)
        ['contrast', 'gates', 'issues', 'latency', 'linked', 'runs', 'score', 'segments']
        """
        from rolloutlib.explore.charts import Charts

        return Charts(self)

    def export(self, folder: str | PathLike[str], *, samples: bool = True) -> Exported:
        """Write every table, and the samples of both arms, as Parquet and CSV into a folder.

        In CSV a text that a spreadsheet would run begins with an apostrophe. `columns.csv` says
        what each column means, README.md what is there.

        >>> written = review.export(folder / "handed-on")
        >>> [file.rows for file in written if file.name.startswith("samples")]
        [3400, 3400]

        Args:
            folder: a new or empty one, or an earlier export, which gives way; relative paths start
                at the working directory.
            samples: whether to write the samples too; where they are out of reach, the result
                says why.

        Returns:
            What was written, file by file; its `folder` is where.

        Raises:
            UsageError: the folder holds something else.
            RolloutError: it cannot be written.
        """
        from rolloutlib.explore.export import export

        return export(self, folder, samples=samples)

    def _asked(self) -> Asked:
        return Asked(self)
