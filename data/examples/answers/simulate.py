# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2"]
# ///
"""Simulate four days of support answers, old and new: a table such as people have.

And what a team has beside it: results of test suites, documents. Nothing here was measured. The same seed writes the same bytes. Usage: python simulate.py [--seed 47]
[--out FOLDER]
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

__all__ = ["document", "main", "rows", "suite"]

SEED = 47
USERS, QUESTIONS = 10, 30  # people, and what each asks a day
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")
HEADER = (
    "variant", "question_id", "user", "outcome", "rating", "seconds", "tags", "suggested", "kept", "day",
)  # fmt: skip
ALIKE = 0.8  # how alike both variants find a question: the correlation of its latent quality
OTHER_TAGS = {"unclear": 0.03, "format_issue": 0.02, "too_long": 0.01}  # shares, the same in both
SLOW_BY = 0.14  # standard deviation of the logarithm of the seconds


@dataclass(frozen=True, slots=True)
class Truth:
    """What holds for one variant.

    Attributes:
        blocked, bad: shares of the answers that are vetoed, and that fail.
        hallucination: share with the issue, which are among the worst.
        crash: share of the calls that end in an error.
        seconds: the mean.
        suggests: whether it suggests tags (feature C).
    """

    blocked: float
    bad: float
    hallucination: float
    crash: float
    seconds: float
    suggests: bool


TRUTHS = {
    "old": Truth(blocked=0.05, bad=0.14, hallucination=0.16, crash=0.0008, seconds=1.48, suggests=False),
    "new": Truth(blocked=0.03, bad=0.09, hallucination=0.08, crash=0.0008, seconds=1.50, suggests=True),
}
CHECKED = "2026-11-20T18:00:00+09:00"  # when its tests ran, after the last run
SUITES = {  # what each asserts; `contract` is none of them: ci/test_contract.py really runs
    "feature-A": ("off_makes_no_call",),
    "feature-B": ("profile_thresholds",),
    "feature-C": ("at_most_2_tags", "no_contradictory_tags"),
    "feature-D": ("target_3_4_3",),
    "feature-E": ("terms", "violations_reported"),
    "feature-F": ("exploit_is_default",),
    "perf": ("throughput_within_budget",),
    "compat": ("old_reader_reads_new_file",),
    "regression": ("golden_set_pass_rate", "golden_set_issues"),
}
DOCUMENTS = ("COMPATIBILITY", "HITL_SPEC", "STRATEGY_PROFILE", "FLAGS_WIRING", "PLAN_super")
EDITED, BETTER = 0.15, "wrong_tone"  # share of the suggestions that a person corrects, and to what


def rows(seed: int) -> Iterator[list[str]]:
    """Yield the rows of the table: each question of each person once by each variant."""
    rng = np.random.default_rng(seed)
    for d, day in enumerate(DAYS):
        for user in range(USERS):
            first = (d * USERS + user) * QUESTIONS + 1
            shared = rng.standard_normal(QUESTIONS)
            for variant, truth in TRUTHS.items():
                own = rng.standard_normal(QUESTIONS)
                quality = ALIKE * shared + np.sqrt(1 - ALIKE**2) * own
                for i, answer in enumerate(_answers(rng, truth, quality)):
                    yield [variant, f"q{first + i:04d}", f"u{user + 1:02d}", *answer, day]


def _answers(rng: Generator, truth: Truth, quality: NDArray[np.float64]) -> Iterator[list[str]]:
    """Yield outcome, rating, seconds, tags, suggested and kept tags of each answer."""
    for latent in quality:
        tags = [tag for tag, share in OTHER_TAGS.items() if rng.random() < share]
        seconds = truth.seconds * np.exp(rng.normal(-(SLOW_BY**2) / 2, SLOW_BY))
        luck, crashed = rng.random(), rng.random() < truth.crash
        edited = rng.random() < EDITED
        rank = NormalDist().cdf(float(latent))  # 0 is the worst answer, 1 the best
        if crashed:
            yield ["crash", "", "", "", "", ""]
            continue
        outcome = "blocked" if rank < truth.blocked else "ok"
        if truth.blocked <= rank < truth.blocked + truth.bad:
            outcome = "bad"
        if rank < truth.hallucination:
            tags.insert(0, "hallucination")
        stars = 2 + (luck < 0.5) if outcome != "ok" else 4 + (luck < 0.45)
        suggested = tags[:2] if truth.suggests else []
        kept = [BETTER, *suggested[1:]] if edited and suggested else suggested
        yield [outcome, str(stars), f"{seconds:.2f}", *map(";".join, (tags, suggested, kept))]


def suite(name: str) -> str:
    """Return the results of a suite as JUnit XML, which says of itself that it is simulated."""
    cases = [f'  <testcase classname="engine.{name}" name="{case}"/>' for case in SUITES[name]]
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuite name="{name}" tests="{len(cases)}" failures="0" errors="0" timestamp="{CHECKED}">',
            '  <properties><property name="simulated" value="true"/></properties>',
            *cases,
            "</testsuite>\n",
        )
    )


def document(name: str) -> str:
    """Return a document that reflects the change, in a sentence."""
    return f"# {name}\n\nSimulated. Internal people get suggested tags (C) and the difficulty mix (D).\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Write samples.csv, results of suites and documents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args(argv)
    with (args.out / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows(args.seed))
    texts = {f"ci/TEST-{name}.xml": suite(name) for name in SUITES}
    texts |= {f"docs/{name}.md": document(name) for name in DOCUMENTS}
    for name, text in texts.items():
        (args.out / name).parent.mkdir(parents=True, exist_ok=True)
        (args.out / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
