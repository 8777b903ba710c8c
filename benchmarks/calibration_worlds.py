"""The calibration's grid: which worlds are drawn, which gate judges them, at which stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Literal

from benchmarks.worlds.joined import both_stages
from benchmarks.worlds.numbers import Latencies, Scores, latencies, scores
from benchmarks.worlds.people import People
from benchmarks.worlds.rates import Rates, rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

    from benchmarks.worlds.people import Seen
    from rolloutlib.plan.workbook import StageId

    Draw = Callable[[float, float, np.random.Generator, int], Seen]

How = Literal["plain", "per user", "adjusted", "looks", "tags"]
CONTROL = {"pass_rate": 0.90, "avg_score": 7.5, "top_issue": 0.15, "vetoed": 0.05}
RATES = ("pass_rate", "top_issue", "vetoed", "p95_latency", "error_rate", "manual_edit_rate")
GATES = (*RATES, "avg_score", "avg_latency")
CAP = 6000.0  # of a latency, three times the default profile's target
STAGE_OF: dict[int, StageId] = {
    5: 0, 6: 0, 10: 0, 30: 1, 90: 1, 100: 2, 120: 2, 150: 3, 300: 3, 1000: 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """One gate in one kind of world.

    Attributes:
        family: the kind, as the page groups them.
        name: what is special.
        gate: of the plan.
        study: who is observed.
        draw: from both arms' true values, a generator and repetitions to what is seen.
        how: how it is judged, where that is not one plain review.
        control: true value of the control.
        share: of the calibration's repetitions that it gets.
    """

    family: str
    name: str
    gate: str
    study: People
    draw: Draw
    how: How = "plain"
    control: float = 0.0
    share: float = 1.0
    stage_: StageId | None = None

    @property
    def stage(self) -> StageId:
        """Whose limits apply: that of so many units."""
        return STAGE_OF[self.study.units] if self.stage_ is None else self.stage_

    @property
    def title(self) -> str:
        """Who, and what is special."""
        study = self.study
        people = {"independent": "samples", "paired": "pairs"}.get(study.kind, "users")
        each = f" × {study.samples}" if study.kind in {"nested", "crossed"} else ""
        who = f"{study.kind}, {study.units} {people}{each}, {study.runs} runs"
        return f"{who}; {self.name}" if self.name else who


def grid() -> list[World]:
    """Return every world."""
    parts = (
        _plain(), _runs(), _numbers_by_run(), _outages(), _prompts(), _tags(), _heavy(),
        _allocations(), _per_user(), _adjusted(), _carried(), _looks(), _rare(), _concentrated(),
        _odd_scores(), _drifts(), _lossy(),
    )  # fmt: skip
    return [world for part in parts for world in part]


def users(kind: Literal["nested", "crossed"], units: int, runs: int = 8, **other: float) -> People:
    """Return users with 20 samples, or a few more so that every run has as many."""
    return People(kind, units, 20, runs, **other)  # type: ignore[arg-type]


def world(
    family: str, name: str, gate: str, study: People, vary: Rates | Scores | Latencies,
    how: How = "plain", **other: float,
) -> World:  # fmt: skip
    """Return a world whose gate is drawn as its metric is."""
    draw: Draw
    if isinstance(vary, Rates):
        draw = partial(rates, study, vary)
    elif isinstance(vary, Scores):
        draw = partial(scores, study, vary)
    else:
        draw = partial(_latency, study, vary)
    level = other.pop("control", CONTROL.get(gate, 0.0))
    return World(family, name, gate, study, draw, how, level, **other)  # type: ignore[arg-type]


def _latency(
    study: People, how: Latencies, control: float, treatment: float, rng: np.random.Generator,
    repetitions: int,
) -> Seen:  # fmt: skip
    del control
    return latencies(study, how, treatment, rng, repetitions)


def vary_of(gate: str, icc: float) -> Rates | Scores | Latencies:
    """Return chance and correlated users, nothing else."""
    if gate == "avg_score":
        return Scores(icc=icc)
    return Latencies(icc=icc, cap=CAP) if gate == "avg_latency" else Rates(icc=icc)


# --- families -------------------------------------------------------------------------------------


def _plain() -> Iterator[World]:
    own = "nothing but chance"
    for gate in GATES:
        for kind, n, icc in product(("nested", "crossed"), (10, 30, 100), (0.05, 0.2)):
            study = users(kind, n)  # type: ignore[arg-type]
            yield world(own, f"correlation {icc:g}", gate, study, vary_of(gate, icc))
        for study in (
            users("nested", 5), users("nested", 30, spread=0.5), users("nested", 30, ratio=2),
            users("nested", 10, ratio=3), users("crossed", 30, spread=0.5),
        ):  # fmt: skip
            name = f"spread {study.spread:g}, control {study.ratio:g} : 1"
            yield world(own, name, gate, study, vary_of(gate, 0.05))
        for n in (90, 300):
            yield world(own, "", gate, People("paired", n, runs=8), vary_of(gate, 0.0))
            yield world(own, "", gate, People("independent", n, runs=8), vary_of(gate, 0.0))


def _runs() -> Iterator[World]:
    own = "runs differ"
    for n, runs, sd in product((10, 30, 100, 300), (3, 6, 8), (0.0, 0.01, 0.02, 0.04)):
        study = People("crossed", n, 24, runs)
        yield world(own, f"run sd {sd:g}", "pass_rate", study, Rates(run_sd=sd), share=0.5)
    for runs, sd in product((3, 8), (0.01, 0.02, 0.04)):
        vary = Rates(icc=0.0, run_sd=sd)
        for study in (
            People("nested", 100, 24, runs), People("nested", 100, 24, runs, once=True),
            People("crossed", 100, 24, runs, once=True), People("paired", 300, runs=runs),
            People("independent", 300, runs=runs),
        ):  # fmt: skip
            name = f"run sd {sd:g}{', users in one run' * study.once}"
            yield world(own, name, "pass_rate", study, vary, share=0.5)
        vary = Rates(run_sd=sd)
        yield world(own, f"run sd {sd:g}", "vetoed", People("crossed", 100, 24, runs), vary,
                    share=0.5)  # fmt: skip


def _numbers_by_run() -> Iterator[World]:
    own = "runs differ"
    for n, runs in product((30, 100), (3, 6, 8)):
        study = People("crossed", n, 24, runs)
        yield world(own, "run sd .1 points", "avg_score", study, Scores(run_sd=0.1), share=0.5)
        for sd in (0.05, 0.10):
            load = Latencies(run_sd=sd, cap=CAP)
            yield world(own, f"load differs by {sd:.0%}", "avg_latency", study, load, share=0.5)


def _outages() -> Iterator[World]:
    for n, runs in product((30, 100), (3, 6, 8, 12)):
        vary = Rates(outage=1 / 3)
        study = People("crossed", n, 24, runs)
        yield world("outages", "all errors in a third of the runs", "error_rate", study, vary,
                    share=0.5)  # fmt: skip


def _prompts() -> Iterator[World]:
    for (prompts, n), sd in product(((8, 100), (8, 150), (20, 100)), (0.0, 0.03, 0.06, 0.10)):
        vary = Rates(prompts=prompts, prompt_sd=sd)
        name = f"{prompts} prompts, effect sd {sd:g}"
        study = People("crossed", n, 20 if prompts == 20 else 16, 1)  # noqa: PLR2004 -- once each
        yield world("few prompts", name, "pass_rate", study, vary, share=0.25)
    for n in (30, 100, 300):
        vary = Rates(teams=5, team_sd=0.06)
        yield world("teams", "teams of 5, not declared", "pass_rate", users("crossed", n), vary,
                    share=0.5)  # fmt: skip


def _tags() -> Iterator[World]:
    layouts = (
        People("paired", 30, runs=3), People("paired", 90, runs=3), users("crossed", 30),
        users("crossed", 100), users("crossed", 300),
    )  # fmt: skip
    for study, many, equal in product(layouts, (5, 10, 20), (True, False)):
        name = f"{many} tags, {'equal' if equal else 'unequal'} rates"
        draw = partial(rates, study, Rates())
        yield World("top issue chosen", name, "top_issue", study, draw, "tags", share=0.5)


def _heavy() -> Iterator[World]:
    own, gate = "heavy latencies", "avg_latency"
    studies = [
        *(People("independent", n, runs=3) for n in (30, 90, 300)),
        *(users("nested", n) for n in (10, 30, 100, 300)),
    ]
    for study in studies:
        for share in (0.005, 0.01, 0.03):
            vary = Latencies("timeouts", share=share, cap=CAP)
            yield world(own, f"{share:.1%} timeouts", gate, study, vary)
        yield world(own, "Pareto 2.3", gate, study, Latencies("pareto", share=2.3, cap=CAP))
        yield world(own, "half from a cache", gate, study, Latencies("cache", cap=CAP))
        if study.kind == "nested":
            vary = Latencies("slow users", share=0.05, cap=CAP)
            yield world(own, "5 % of users 3 times slower", gate, study, vary)


def _allocations() -> Iterator[World]:
    for (n, ratio), gate in product(
        ((10, 2), (30, 2), (30, 9), (100, 9)), ("pass_rate", "avg_score", "top_issue", "vetoed")
    ):
        study = users("nested", n, ratio=ratio)
        yield world("canary", f"1 : {ratio:g}", gate, study, vary_of(gate, 0.1), share=0.5)


def _per_user() -> Iterator[World]:
    for n in (6, 10, 30, 100):
        study = People("nested", n, 8, 4, spread=0.35)
        for gate, icc, control in (
            ("error_rate", 0.1, 0.0), ("vetoed", 0.2, 0.02), ("pass_rate", 0.2, 0.98),
        ):  # fmt: skip
            name = f"correlation {icc:g}"
            yield world("per user", name, gate, study, Rates(icc=icc), "per user", control=control)


def _adjusted() -> Iterator[World]:
    for kind, gate, rho in product(
        ("paired", "crossed", "nested"), ("avg_score", "avg_latency"), (0.5, 0.7, 0.9)
    ):
        study = People(kind, 30 if kind == "crossed" else 100, 1 if kind == "paired" else 10)  # type: ignore[arg-type]
        yield world("adjusted", f"covariate with {rho:g}", gate, study, Rates(icc=rho), "adjusted",
                    share=0.3)  # fmt: skip


def _carried() -> Iterator[World]:
    for first, second in ((10, 30), (100, 150)):
        for gate in ("pass_rate", "vetoed", "error_rate", "top_issue"):
            for sd in (0.0, 0.01):
                before, now = users("crossed", first), users("crossed", second)
                draw = partial(_two_stages, before, now, Rates(run_sd=sd))
                name = f"with {first} users of the stage before, run sd {sd:g}"
                yield World("carried", name, gate, now, draw, "plain", CONTROL.get(gate, 0.0), 0.5)


def _two_stages(
    before: People, now: People, vary: Rates, control: float, treatment: float,
    rng: np.random.Generator, repetitions: int,
) -> Seen:  # fmt: skip
    parts = (rates(study, vary, control, treatment, rng, repetitions) for study in (before, now))
    return both_stages(*parts)


def _looks() -> Iterator[World]:
    for n, gate in product((30, 100, 300), ("pass_rate", "avg_score", "error_rate")):
        study = users("crossed", n, 9)
        yield world("looks", "3 looks, retried until it passes", gate, study, vary_of(gate, 0.05),
                    "looks", share=0.5)  # fmt: skip


def _rare() -> Iterator[World]:
    for n, icc in product((10, 30, 100, 300), (0.1, 0.2, 0.35, 0.5)):
        yield world("rare in the control", f"control .3 %, correlation {icc:g}", "vetoed",
                    users("nested", n), Rates(icc=icc), control=0.003)  # fmt: skip


def _concentrated() -> Iterator[World]:
    """All events are a few users'; those of the smallest share have them all the time."""
    own, shares = "concentrated", {
        "error_rate": ((10, 0.26), (10, 0.5), (30, 0.1), (30, 0.2), (100, 0.03), (100, 0.06),
                       (300, 0.01), (300, 0.03)),
        "p95_latency": ((10, 0.26), (10, 0.5), (30, 0.1), (30, 0.2), (100, 0.05), (300, 0.05)),
        "vetoed": ((10, 0.1), (30, 0.05), (100, 0.03), (300, 0.02)),
    }  # fmt: skip
    for gate, many in shares.items():
        for n, share in many:
            yield world(own, f"all events from {share:.0%} of users", gate, users("nested", n),
                        Rates(bad_users=share), control=0.0001 * (gate == "vetoed"))  # fmt: skip
    for n, icc in product((10, 30, 100, 300), (0.5, 0.9)):
        yield world(own, f"correlation {icc:g}", "error_rate", users("nested", n), Rates(icc=icc))


def _odd_scores() -> Iterator[World]:
    for n, share in product((5, 10, 30, 100, 300), (0.02, 0.07)):
        yield world("odd scores", f"{share:.0%} of users lose 7 points", "avg_score",
                    users("nested", n), Scores("catastrophe", share=share))  # fmt: skip
    for shape in ("points", "ceiling", "two levels"):
        for study in (People("paired", 30), People("paired", 90), users("nested", 10),
                      users("nested", 30)):  # fmt: skip
            level = 9.5 if shape == "ceiling" else 7.5
            icc = 0.0 if study.kind == "paired" else 0.05
            yield world("odd scores", shape, "avg_score", study, Scores(shape, icc), control=level)  # type: ignore[arg-type]


def _drifts() -> Iterator[World]:
    for n, sd in product((30, 100), (0.02, 0.05)):
        vary = Rates(shared_sd=sd)
        yield world("drift", f"days that both arms share, sd {sd:g}", "pass_rate",
                    users("crossed", n), vary, share=0.5)  # fmt: skip


def _lossy() -> Iterator[World]:
    for n, gate in product((30, 100), ("pass_rate", "vetoed", "error_rate")):
        yield world("missing", "1.5 % lost at random", gate, users("crossed", n, missing=0.015),
                    Rates())  # fmt: skip
