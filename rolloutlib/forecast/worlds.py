"""People with several samples each, drawn many times over → sums per unit of every metric.

Every sample has a latent normal value a metric, high for harm: √r · (of its user) + √(1 − r) · (its
own). Both parts share a factor over the metrics (a bad answer fails, scores low and is slow) and,
where an answer has its partner in the other arm, are correlated with it. Thresholds make
proportions of it, lines scores, exponentials latencies: one set of draws serves several truths, the
same people had the candidate been better or worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import special

from rolloutlib.forecast.latent import latency, latent_icc, run_spread, threshold  # fmt: skip
from rolloutlib.forecast.sources import ByRun, beside, run_sources
from rolloutlib.measure.design import TOGETHER, Compared, Sums
from rolloutlib.plan.metrics import METRICS
from rolloutlib.stats.clusters import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Kind, Source, Unit

    Floats = NDArray[np.floating[Any]]
    Values = Floats | NDArray[np.bool_]

DRAWN: Final = tuple(name for name, metric in METRICS.items() if metric.drawn)
# Their gates look at the treatment alone.
ONE_ARM: Final = ("error", "edited", "latency_ms", "slow")
SCORE_SD: Final = 1.2
SHARED: Final = 0.3  # of a latent value's variance is the factor that all metrics have in common
UNIT_OF: dict[str, Unit] = {"independent": "sample", "paired": "prompt"}
CHUNK: Final = 1_500_000  # samples drawn at a time, so that memory stays small


@dataclass(frozen=True, slots=True)
class Layout:
    """Who is observed, and how often.

    Attributes:
        kind: `independent` samples, `paired` prompts (one sample each), `nested` users (in one arm)
            or `crossed` ones (in both).
        sizes_control, sizes_treatment: samples of each unit; the same in both arms where they share
            their units.
        icc: intra-class correlation of two samples of one user, in the metric's own scale.
        pairing: latent correlation of the two arms' answers to one prompt; also of a user's bent in
            both arms.
        missing: share of samples which an arm lacks, at random.
        runs: of each arm (1 after `layout`); a unit's samples are dealt out over them in turn.
        run_sd: standard deviation of a run's own rate at a rate of .9; the other metrics vary with
            it, by as much of their latent value.
    """

    kind: Kind
    sizes_control: tuple[int, ...]
    sizes_treatment: tuple[int, ...]
    icc: float
    pairing: float = 0.0
    missing: float = 0.0
    runs: int = 1
    run_sd: float = 0.0

    @property
    def shared(self) -> bool:
        """Whether entry k of both arms is the same unit."""
        return self.kind in TOGETHER


@dataclass(frozen=True, slots=True)
class Truth:
    """The true value of every metric, by name: a proportion, a score or a mean latency in ms.

    Attributes:
        latency_cap_ms: up to which a sample counts in that mean.
    """

    control: Mapping[str, float]
    treatment: Mapping[str, float]
    latency_cap_ms: float = np.inf


@dataclass(frozen=True, slots=True)
class World:
    """What was seen under one truth.

    A metric whose gate looks at the treatment alone has no control. Where a study has runs, what
    they saw is kept by run and unit.
    """

    control: dict[str, Sums]
    treatment: dict[str, Sums]
    by_run: dict[tuple[str, int], ByRun] = field(default_factory=dict[tuple[str, int], ByRun])


def compared(world: World, study: Layout, metric: str, *, contrast: str) -> Compared:
    """Return a metric of every repetition as the policy takes it.

    A pair whose partner is missing is left out.
    """
    treated, unit = world.treatment[metric], UNIT_OF.get(study.kind, "user")
    beyond = sources_of([(world, study)], metric, contrast=contrast)
    if contrast == "treatment":
        return Compared(treated, treated, "one_arm", unit, beyond)
    control = world.control[metric]
    if study.kind == "nested":
        n1, s1, n0, s0 = side_by_side(treated.n, treated.total, control.n, control.total)
        treated, control = Sums(n1, s1), Sums(n0, s0)
    if study.kind == "paired":
        both = ((treated.n > 0) & (control.n > 0)).astype(np.float64)
        treated, control = Sums(both, treated.total * both), Sums(both, control.total * both)
    return Compared(treated, control, study.kind, unit, beyond)


def sources_of(
    stages: Sequence[tuple[World, Layout]], metric: str, *, contrast: str
) -> tuple[Source, ...]:
    """Return what the runs of all stages add to a metric's variance; nothing where one has one."""
    if any(study.runs == 1 for _, study in stages):
        return ()
    treated = beside([world.by_run[metric, 1] for world, _ in stages])
    if contrast == "treatment":
        return run_sources(treated, treated, shared=False)
    control = beside([world.by_run[metric, 0] for world, _ in stages])
    return run_sources(treated, control, shared=stages[-1][1].shared)


def layout(
    kind: Kind, units: int, per_unit: int = 1, *, icc: float = 0.0, pairing: float = 0.75,
    spread: float = 0.0, ratio: float = 1.0, missing: float = 0.0,
) -> Layout:  # fmt: skip
    """Lay a study out.

    Args:
        kind: as `Layout`.
        units: users (prompts, samples) of the treatment.
        per_unit: mean samples of each.
        icc: as `Layout`.
        pairing: as `Layout`; independent and nested arms have none.
        spread: standard deviation of the log of the units' sizes; 0 for equal sizes.
        ratio: units of the control for each of the treatment, where the arms do not share them.
        missing: as `Layout`.
    """
    shared = kind in TOGETHER
    treatment = _sizes(units, per_unit, spread)
    control = treatment if shared else _sizes(round(units * ratio), per_unit, spread)
    return Layout(kind, control, treatment, icc, pairing if shared else 0.0, missing)


def _sizes(units: int, per_unit: int, spread: float) -> tuple[int, ...]:
    """Return lognormal quantiles around the mean: the same unequal sizes in every repetition."""
    z = special.ndtri((np.arange(units) + 0.5) / units)
    weights = np.exp(spread * z)
    return tuple(
        int(size) for size in np.maximum(np.rint(weights * per_unit * units / weights.sum()), 1)
    )


def simulate(
    study: Layout, truths: Sequence[Truth], rng: np.random.Generator, repetitions: int
) -> Iterator[tuple[World, ...]]:
    """Draw the study over and over, in portions that fit into memory.

    Yields:
        A portion of the repetitions: what was seen under each truth, by the same draws.
    """
    samples = sum(study.sizes_control) + sum(study.sizes_treatment)
    portion = max(1, CHUNK // samples)
    for start in range(0, repetitions, portion):
        yield _portion(study, truths, rng, min(portion, repetitions - start))


def _portion(
    study: Layout, truths: Sequence[Truth], rng: np.random.Generator, size: int
) -> tuple[World, ...]:
    arms = (study.sizes_control, study.sizes_treatment)
    people = _Draws(rng, size, tuple(len(sizes) for sizes in arms), study.pairing)
    answers = _Draws(rng, size, tuple(sum(sizes) for sizes in arms), study.pairing)
    answered = [_kept(rng, size, sum(sizes), study.missing) for sizes in arms]
    places = [_runs_of(sizes, study.runs) for sizes in arms]
    days = run_spread(study.run_sd, truths[0].control.get("passed", 0.9)) if study.run_sd else 0.0
    worlds = [World({}, {}) for _ in truths]
    for metric in DRAWN[:-1]:
        both = metric not in ONE_ARM
        of_people, of_answers = people.metric(both=both), answers.metric(both=both)
        for arm in (0, 1) if both else (1,):
            # Truths often share their control.
            drawn: dict[tuple[float, ...], tuple[dict[str, Sums], dict[str, ByRun]]] = {}
            of_runs = days * rng.standard_normal((size, study.runs)) if days else None
            for truth, world in zip(truths, worlds, strict=True):
                mean = (truth.control, truth.treatment)[arm]
                key = (mean[metric], mean.get("slow", 0.0), truth.latency_cap_ms)
                if key not in drawn:
                    icc = latent_icc(metric, key[0], study.icc)
                    latent = _mixed(of_people[arm], of_answers[arm], arms[arm], icc)
                    if of_runs is not None:
                        own = np.float32((1 - days**2) ** 0.5)
                        latent = own * latent + of_runs.astype(np.float32)[:, places[arm]]
                    values = _values(metric, latent, mean, truth.latency_cap_ms)
                    drawn[key] = (
                        {name: _sums(x, answered[arm], arms[arm]) for name, x in values.items()},
                        {name: _by_run(x, answered[arm], arms[arm], places[arm], study.runs)
                         for name, x in values.items() if study.runs > 1},
                    )  # fmt: skip
                (world.control, world.treatment)[arm].update(drawn[key][0])
                world.by_run.update({(name, arm): x for name, x in drawn[key][1].items()})
    return tuple(worlds)


def _values(
    metric: str, latent: Floats, mean: Mapping[str, float], cap_ms: float
) -> dict[str, Values]:
    """A latent value as its metric; a latency also tells whether it is slow."""
    if metric != "latency_ms":
        return {metric: _value(metric, latent, mean[metric])}
    return {metric: latency(latent, mean[metric], cap_ms), "slow": latent > threshold(mean["slow"])}


class _Draws:
    """Standard normal values of both arms, metric by metric, with their shared factor."""

    def __init__(
        self, rng: np.random.Generator, size: int, widths: tuple[int, ...], pairing: float
    ) -> None:
        self._rng, self._size, self._widths, self._pairing = rng, size, widths, pairing
        self._factor = self._pair(both=True)

    def metric(self, *, both: bool) -> tuple[Floats, Floats]:
        """Draw one metric: control and treatment, (repetitions, units or samples).

        Without control only its factor.
        """
        own = self._pair(both=both)
        a, b = np.float32(np.sqrt(SHARED)), np.float32(np.sqrt(1 - SHARED))
        return a * self._factor[0] + b * own[0], a * self._factor[1] + b * own[1]

    def _pair(self, *, both: bool) -> tuple[Floats, Floats]:
        treatment = self._normal(1)
        if not both:
            return np.zeros((1, 1), np.float32), treatment
        if not self._pairing:
            return self._normal(0), treatment
        left = np.float32(np.sqrt(1 - self._pairing**2))
        return np.float32(self._pairing) * treatment + left * self._normal(0), treatment

    def _normal(self, arm: int) -> Floats:
        return self._rng.standard_normal((self._size, self._widths[arm]), dtype=np.float32)


def _kept(
    rng: np.random.Generator, size: int, samples: int, missing: float
) -> NDArray[np.bool_] | None:
    return rng.random((size, samples), dtype=np.float32) >= missing if missing else None


def _mixed(person: Floats, answer: Floats, sizes: tuple[int, ...], icc: float) -> Floats:
    """Put a user's part and the answers' own parts together."""
    if not icc:
        return answer
    of_person = np.repeat(np.float32(np.sqrt(icc)) * person, sizes, axis=1)
    return of_person + np.float32(np.sqrt(1 - icc)) * answer


def _value(metric: str, latent: Floats, mean: float) -> Values:
    if metric == "score":
        return mean - SCORE_SD * latent.astype(np.float64)
    return latent <= -threshold(mean) if metric == "passed" else latent > threshold(mean)


def _sums(value: Values, answered: NDArray[np.bool_] | None, sizes: tuple[int, ...]) -> Sums:
    if answered is None:
        n = np.broadcast_to(np.array(sizes, np.float64), (len(value), len(sizes)))
        return Sums(n, _by_unit(value, sizes))
    return Sums(_by_unit(answered, sizes), _by_unit(value * answered, sizes))


def _runs_of(sizes: tuple[int, ...], runs: int) -> NDArray[np.int64]:
    """Return the run of every sample: a unit's samples in turn, single ones unit by unit."""
    within = np.concatenate([np.arange(size) for size in sizes])
    return (np.arange(len(sizes)) if max(sizes) == 1 else within) % runs


def _by_run(
    value: Values, answered: NDArray[np.bool_] | None, sizes: tuple[int, ...],
    place: NDArray[np.int64], runs: int,
) -> ByRun:  # fmt: skip
    """Add samples up by run and unit."""
    exact = value if value.dtype == np.bool_ else value.astype(np.float64)

    def summed(each: Values) -> NDArray[np.float64]:
        if len(set(sizes)) == 1 and not sizes[0] % runs:
            shape = (len(each), len(sizes), sizes[0] // runs, runs)
            return np.moveaxis(each.reshape(shape).sum(axis=2, dtype=np.float64), 2, 1)
        return np.stack([_by_unit(each * (place == run), sizes) for run in range(runs)], axis=1)

    counts = np.ones((1, value.shape[1]), dtype=bool) if answered is None else answered
    total = summed(exact if answered is None else exact * answered)
    square = total if value.dtype == np.bool_ else summed(np.square(exact) * counts)
    return ByRun(np.broadcast_to(summed(counts), total.shape), total, square)


def _by_unit(value: Values, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """Add a unit's samples up, which stand side by side."""
    if len(set(sizes)) == 1:
        shape = (len(value), len(sizes), sizes[0])
        return value.reshape(shape).sum(axis=2, dtype=np.float64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(value, starts, axis=1, dtype=np.float64)
