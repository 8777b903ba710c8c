"""What a review and a slice of it can be asked: part of the samples, and the samples themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.explore.public import Public

if TYPE_CHECKING:
    from rolloutlib.explore.answers import Answers
    from rolloutlib.explore.review import Review
    from rolloutlib.explore.slices import Slice
    from rolloutlib.explore.tables import Table
    from rolloutlib.judge.slices import TriedSlice
    from rolloutlib.measure.within import Condition

__all__ = ["Asked", "Asking"]


class Asked(NamedTuple):
    """Whose samples are asked for, and what they have in common."""

    review: Review
    conditions: tuple[Condition, ...] = ()


class Asking(Public, ABC):
    """Something with samples behind it."""

    @abstractmethod
    def _asked(self) -> Asked:
        """Return whose samples are asked for."""

    def where(self, **conditions: object) -> Slice:
        """Look at part of the samples: every gate by the same methods, as an exploration.

        A slice gives estimates, bounds and p-values, and no verdict. How many different slices were
        tried is counted, and `p_holm` holds for all of them; a slice of a slice counts, too.

        >>> rest = review.where(category="rest")
        >>> rest.gates.to_pandas()["gate"][0], rest.n_treatment
        ('pass_rate', 70)
        >>> review.where(category=["rest", "java"]).where(category="rest").n
        140

        Args:
            conditions: a column and what is wanted of it: a value, several values of which any
                matches, or None for samples that do not tell. The columns are category,
                difficulty, profile, run_id, user_id, session_id, prompt_id and cluster (in short
                run, user, session, prompt), and those that source.yaml names under `segments:`.

        Raises:
            UsageError: no such column, or no sample that has the value.
            RunsError: the samples cannot be read, or are not those of the review any more.
        """
        from rolloutlib.explore.slices import slice_of

        origin = self._asked()
        return slice_of(origin.review, conditions, origin.conditions)

    @property
    def tried(self) -> Table[TriedSlice]:
        """Every slice that was tried on these data and arms, gate by gate.

        >>> _ = review.where(category="rest")
        >>> "category rest" in review.tried.to_pandas()["slice"].to_list()
        True
        """
        from rolloutlib.explore.slices import tried_of

        return tried_of(self._asked().review)

    def samples(
        self,
        gate: str | None = None,
        outcome: str | None = None,
        *,
        worst: str | None = None,
        slowest: int | bool = False,
        issue: str | bool = False,
        status: str | None = None,
        arm: str = "treatment",
        n: int = 100,
    ) -> Answers:
        """Show the samples behind a number, at most `n` rows; `.total` says how many there are.

        Without an argument the prompts that both arms answered stand side by side, the largest loss
        of the pass rate first. A prompt that was answered several times has the mean of its
        answers, and beside it one answer of each arm: the one that shows the change most.

        >>> review.where(category="rest").samples().total
        70
        >>> review.samples(gate="pass_rate", outcome="worse").total
        57
        >>> review.samples(worst="category", n=1)[0].category
        'rest'
        >>> [round(row.latency_ms) for row in review.samples(slowest=2)]
        [9855, 9728]
        >>> review.samples(issue="executable_decoder:decoder_failed").total
        32

        Args:
            gate: whose number is compared, by its id in the plan; by default the pass rate. Of a
                score the largest losses come first, of a latency the largest slow-downs.
            outcome: worse, better, same or all; of answers that pass or fail also both passed and
                both failed.
            worst: a column, such as user: its values that cost the whole most, by the gate.
            slowest: how many of the slowest calls.
            issue: samples that carry this issue; True stands for any.
            status: samples that are passed, failed, vetoed, error, timeout, or edited.
            arm: whose single samples are listed: treatment, control or both.
            n: how many rows at most.

        Raises:
            UsageError: what does not go together or is not there; arms that share no prompt.
            RunsError: the samples cannot be read, or are not those of the review any more.
        """
        from rolloutlib.explore.answers import Wanted, samples_of

        origin = self._asked()
        query = Wanted(gate, outcome, worst, slowest, issue, status, arm, n)
        return samples_of(origin.review.judged, query, origin.conditions, lang=origin.review.lang)
