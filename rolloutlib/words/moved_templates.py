"""Sentences of two reviews side by side: what moved beside the data, and how much they share."""

from __future__ import annotations

from typing import Final

__all__ = ["MOVES"]

MOVES: Final = {
    "moved.same_data": "Both reviews are of the same data.",
    "moved.stage": "The stage was {before} and is {after}.",
    "moved.arms": "The arms were {before} and are {after}.",
    "moved.plan": (
        "The plan changed in between: {limits} of {gates} gates have another limit now, so what "
        "moved is not of the data alone."
    ),
    "moved.plan_only": "The plan changed in between, though no gate's limit did.",
    "moved.profile": (
        "The guardian profile was {before} and is {after}, so thresholds are not the same."
    ),
    "moved.confidence": (
        "A bound held at {earlier:.1%} and holds at {now:.1%}, so bounds moved by that too."
    ),
    "moved.design": (
        "The arms are compared by another design than before, so bounds are not of one kind."
    ),
    "moved.adjusted": "Only one of the two is adjusted for a covariate (CUPED).",
    "moved.carried": "Evidence was carried of stages {before} and is of stages {after}.",
    "moved.limit": "The plan's limit was {value} and is {limit}.",
    "moved.proof": "The limit of the stage was {value} and is {limit}.",
    "moved.subject": "It was about {before} and is about {after}: the two are not subtracted.",
    "moved.quantity": "It measures something else than before: the two are not subtracted.",
    "moved.shared": (
        "{shared:,} of the {n:,} samples of now ({share:.0%}) were in the review before too."
    ),
    "moved.unclear": (
        "Under the same names these runs hold other numbers than before, so nobody can tell from "
        "the records how many of their samples both reviews share: {runs}."
    ),
    "moved.files": (
        "Both reviews read files of the same bytes ({files}) under other names of runs, so nobody "
        "can tell from the records how many samples they share."
    ),
    "moved.carries": "Evidence of earlier stages is carried, which both reviews may share.",
    "moved.untold": "A record lists no runs, so nobody can tell how many samples both share.",
}
