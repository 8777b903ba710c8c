"""Who is observed, in which runs and how often: samples by run and unit.

A unit is a user or a prompt. Arrays are (repetitions, runs, units); a unit that is not in a run has
0 samples there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Ints = NDArray[np.int64]

Kind = Literal["independent", "paired", "nested", "crossed"]


class Arm(NamedTuple):
    """One arm of one metric; each array is (repetitions, runs, units).

    Attributes:
        n: samples.
        total: their sum.
        square: their sum of squares; None where a sample is 0 or 1.
    """

    n: Floats
    total: Floats
    square: Floats | None = None

    @property
    def squares(self) -> Floats:
        """The sum of squares, whatever the metric."""
        return self.total if self.square is None else self.square

    def take(self, rows: NDArray[Any] | slice, runs: slice) -> Arm:
        """Return some repetitions and runs."""
        parts = [None if part is None else part[rows, runs] for part in self]
        return Arm(parts[0], parts[1], parts[2])  # type: ignore[arg-type]


class Seen(NamedTuple):
    """What a study saw of one metric; entry k of both arms is the same unit where they share it.

    `prompts` holds the same samples by prompt instead of run, where many users answer few
    prompts.
    """

    control: Arm
    treatment: Arm
    prompts: tuple[Arm, Arm] | None = None

    @classmethod
    def of(cls, arms: Iterable[Arm]) -> Seen:
        """Return both arms, the control first, without a table by prompt."""
        control, treatment = arms
        return cls(control, treatment)


@dataclass(frozen=True, slots=True)
class People:
    """A study's layout.

    Attributes:
        kind: independent samples, paired prompts, users nested in an arm, or crossed users.
        units: of the treatment; independent samples: how many.
        samples: of each unit, in each arm that it is in, over all runs.
        runs: of each arm.
        ratio: units of the control for each of the treatment, where the arms do not share them.
        spread: standard deviation of the log of the units' sizes; 0 for equal ones.
        once: whether a unit is in one run only.
        pairing: share of samples whose partner in the other arm shares its luck.
        bond: share of units whose bent is the same in both arms.
        missing: share of samples that are lost at random.
    """

    kind: Kind
    units: int
    samples: int = 1
    runs: int = 3
    ratio: float = 1.0
    spread: float = 0.0
    once: bool = False
    pairing: float = 0.5
    bond: float = 0.8
    missing: float = 0.0

    @property
    def shared(self) -> bool:
        """Whether both arms have the same units."""
        return self.kind in {"paired", "crossed"}

    def sizes(self, arm: int) -> Ints:
        """Return samples by run and unit, (runs, units); 0 is the control.

        Sizes are lognormal quantiles around the mean; a unit's samples are dealt out over the runs
        in turn.
        """
        units = self.units if arm or self.shared else max(round(self.units * self.ratio), 1)
        if self.kind == "independent":
            return np.array([len(range(run, units, self.runs)) for run in range(self.runs)])[
                :, None
            ]
        z = np.sqrt(2.0) * _erfinv(2 * (np.arange(units) + 0.5) / units - 1)
        weights = np.exp(self.spread * z)
        counts = np.maximum(np.rint(weights / weights.mean() * self.samples), 1).astype(np.int64)
        place = np.arange(self.runs)[:, None]
        if self.once or self.kind == "paired":
            return np.where(np.arange(units)[None, :] % self.runs == place, counts, 0)
        turn = (place + np.arange(units)[None, :]) % self.runs
        return counts // self.runs + (turn < counts % self.runs)


def _erfinv(x: Floats) -> Floats:
    """Invert the error function: Winitzki's start, then Newton's steps with a series for erf."""
    a = 0.147
    log = np.log(np.maximum(1 - x**2, 1e-300))
    first = 2 / (np.pi * a) + log / 2
    return np.sign(x) * np.sqrt(np.sqrt(first**2 - log / a) - first)


def kept(rng: np.random.Generator, n: Floats, missing: float) -> Floats:
    """Thin counts at random."""
    return rng.binomial(n.astype(np.int64), 1 - missing).astype(np.float64) if missing else n
