"""What review.json holds, as tables: the part of a review that needs nothing but its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.explore import gates, parts
from rolloutlib.explore.public import Public
from rolloutlib.explore.tables import Column, Table
from rolloutlib.show.face import glance
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rolloutlib.explore.gates import GateRun, GateStage
    from rolloutlib.judge import record as records
    from rolloutlib.judge.risks import RiskState
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.carried import CarriedStage
    from rolloutlib.measure.completeness import Completeness
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.reason import Reason
    from rolloutlib.runs.quarantine import InputFile
    from rolloutlib.show.tables import Html

__all__ = ["Recorded"]


class Recorded(Public):
    """A review's record, its tables and a glance at it.

    >>> review.recommendation, len(review.gates), review.gates[0].id
    (<Recommendation.NO_GO: 'NO_GO'>, 8, 'pass_rate')
    """

    def __init__(self, record: records.Review, *, lang: str, note: Sentence | str) -> None:
        """Keep a record.

        Args:
            record: what review.json holds.
            lang: language of its sentences.
            note: what a reader must know of this copy of it.
        """
        self._record, self._lang, self._note = record, lang, note
        self._tables: dict[str, Table[Any]] = {}

    def __repr__(self) -> str:
        """Show recommendation and reasons, at most twelve lines."""
        return self._shown().text

    def _repr_html_(self) -> str:
        """Show recommendation, reasons and gates in a notebook."""
        return self._shown().html

    @property
    def record(self) -> records.Review:
        """What review.json holds; `rolloutlib.judge.record` describes it.

        >>> review.record.data_sha256 == review.data_sha256
        True
        """
        return self._record

    @property
    def lang(self) -> str:
        """The language of its sentences.

        >>> review.lang
        'en'
        """
        return self._lang

    @property
    def recommendation(self) -> records.Recommendation:
        """What the numbers recommend: GO, HOLD, NO_GO or INVALID; people decide.

        >>> review.recommendation.value
        'NO_GO'
        """
        return self._record.recommendation

    @property
    def stage(self) -> int:
        """The stage whose exit is reviewed.

        >>> review.stage
        2
        """
        return self._record.stage

    @property
    def control(self) -> str:
        """Name of the arm that is compared against.

        >>> review.control
        'gpt-4o-2024-05-13-FC'
        """
        return self._record.control

    @property
    def treatment(self) -> str:
        """Name of the arm that may be rolled out.

        >>> review.treatment
        'gpt-4o-2024-08-06-FC'
        """
        return self._record.treatment

    @property
    def profile(self) -> str | None:
        """The guardian profile whose thresholds were used.

        >>> review.profile
        'default'
        """
        return self._record.profile

    @property
    def as_of(self) -> datetime | None:
        """The moment up to which runs count; None when every run counts.

        >>> review.as_of is None
        True
        """
        return self._record.as_of

    @property
    def look(self) -> Look:
        """Which look at the stage this is, and how many the plan allows.

        >>> review.look.planned
        1
        """
        return self._record.look

    @property
    def data_sha256(self) -> str:
        """Digest of the samples, whatever files and order they came in.

        >>> len(review.data_sha256)
        64
        """
        return self._record.data_sha256

    @property
    def reasons(self) -> Table[Reason]:
        """Why this recommendation, the weightiest first.

        >>> review.reasons.to_pandas()["code"][0]
        'gate.broken'
        """
        return self._table("reasons", self._record.reasons, parts.REASONS, say("Reasons"))

    @property
    def changes(self) -> Table[Reason]:
        """What would change the recommendation.

        >>> review.changes[0].code
        'gate.better'
        """
        return self._table(
            "changes", self._record.changes, parts.REASONS, say("What would change it")
        )

    @property
    def warnings(self) -> Table[Reason]:
        """What a reader should know although it changes no verdict.

        >>> review.warnings.to_pandas().columns.to_list()
        ['code', 'sentence']
        """
        return self._table("warnings", self._record.warnings, parts.REASONS, say("Warnings"))

    @property
    def gates(self) -> Table[records.GateResult]:
        """Every gate with both verdicts, its estimate and bounds.

        >>> review.gates.to_pandas().query("evidence_verdict == 'fail'")["id"].to_list()
        ['p95_latency']
        """
        return self._table("gates", self._record.gates, gates.GATES, say("Gates"))

    @property
    def stages(self) -> Table[GateStage]:
        """What each stage says of a gate by itself, where several stages' evidence counts.

        >>> len(review.stages)
        0
        """
        rows = gates.gate_stages(self._record)
        return self._table("stages", rows, gates.GATE_STAGES, say("Gates by stage"))

    @property
    def gate_runs(self) -> Table[GateRun]:
        """What each run says of a gate by itself, oldest first.

        >>> review.gate_runs.to_pandas()["gate"].nunique()
        4
        """
        rows = gates.gate_runs(self._record)
        return self._table("gate_runs", rows, gates.GATE_RUNS, say("Gates by run"))

    @property
    def segments(self) -> Table[Segment]:
        """The pass rate's change within each planned segment, Holm over all of them.

        >>> losses = review.segments.to_pandas().query("loss")
        >>> losses[["by", "value", "n_treatment"]].to_numpy().tolist()
        [['category', 'rest', 70]]
        """
        return self._table("segments", self._record.segments, gates.SEGMENTS, say("Segments"))

    @property
    def issues(self) -> Table[IssueRate]:
        """Issue tags before and after.

        >>> review.issues[0].rank
        1
        """
        return self._table("issues", self._record.issues, parts.ISSUES, say("Issues"))

    @property
    def checks(self) -> Table[records.CheckResult]:
        """The plan's Go/No-Go checks and their evidence.

        >>> review.checks.to_pandas()["holds"].isna().to_list()
        [True, True, True, True]
        """
        return self._table("checks", self._record.checks, parts.CHECKS, say("Checks"))

    @property
    def runs(self) -> Table[RunRow]:
        """The runs of both arms with their own headline numbers, by their start.

        >>> review.runs.to_pandas()["n"].to_list()
        [1700, 1700]
        """
        return self._table("runs", self._record.runs, parts.RUNS, say("Runs"))

    @property
    def arms(self) -> Table[ArmSummary]:
        """What was measured in each arm, and what it ran with.

        >>> review.arms.to_pandas()["prompts"].to_list()
        [1700, 1700]
        """
        return self._table("arms", self._record.arms, parts.ARMS, say("Arms"))

    @property
    def completeness(self) -> Table[Completeness]:
        """What is missing of each gate's metric, arm by arm.

        >>> review.completeness.to_pandas()["metric"].nunique()
        3
        """
        return self._table(
            "completeness", self._record.completeness, parts.COMPLETENESS, say("Completeness")
        )

    @property
    def risks(self) -> Table[RiskState]:
        """The plan's risk register against what these data show.

        >>> set(review.risks.to_pandas()["state"]) <= {"fires", "quiet", "open"}
        True
        """
        return self._table("risks", self._record.risks, parts.RISKS, say("Risks"))

    @property
    def carried(self) -> Table[CarriedStage]:
        """The earlier stages that were named, and why where they do not count.

        >>> review.carried.to_pandas().empty
        True
        """
        return self._table("carried", self._record.carried, parts.CARRIED, say("Earlier stages"))

    @property
    def quarantine(self) -> Table[records.QuarantineGroup]:
        """Rows that are no evidence, by what was expected of them.

        >>> len(review.quarantine)
        0
        """
        rows = self._record.quarantine
        return self._table("quarantine", rows, parts.QUARANTINE, say("Quarantine"))

    @property
    def inputs(self) -> Table[InputFile]:
        """The files that were read, their digests, and what became of their rows.

        >>> review.inputs.to_pandas()["kept"].to_list()
        [10200]
        """
        return self._table("inputs", self._record.inputs, parts.INPUTS, say("Files"))

    def _shown(self) -> Html:
        with speaking(self._lang):
            return glance(self._record, str(self._note))

    def _table(
        self, name: str, rows: Sequence[Any], columns: Sequence[Column[Any]], title: Sentence
    ) -> Table[Any]:
        """Return a table, the same one each time."""
        if name not in self._tables:
            self._tables[name] = Table(rows, columns, title=title, lang=self._lang)
        return self._tables[name]
