"""The plan's traffic lights: which colour a day has, and whether its samples can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.measure.estimates import clears
from rolloutlib.reason import because
from rolloutlib.runs.spellings import folded

if TYPE_CHECKING:
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.monitoring import TrafficLight
    from rolloutlib.reason import Reason
    from rolloutlib.watch.record import Colour, Point

__all__ = ["Lit", "colour_of", "light_of", "lit"]


class Lit(NamedTuple):
    """A light: its colour, and what that rests on."""

    colour: Colour
    says: Reason


def light_of(plan: Plan, metric: str, top_issue: str | None) -> TrafficLight | None:
    """Return the plan's light of a metric of the moments; a light on `issue` is the top issue's."""
    lights = plan.monitoring.traffic_lights
    name, _, tag = metric.partition(":")
    for key, light in lights.items():
        base, _, its = key.partition(":")
        if base == name and folded(its or tag) == folded(tag) and (its or tag in {"", top_issue}):
            return light
    return None


def colour_of(light: TrafficLight, value: float) -> Colour:
    """Return the colour of a value; at a limit it is the better one."""
    harm = "lower" if light.better == "higher" else "higher"
    if clears(value, light.green, harm):
        return "green"
    return "amber" if clears(value, light.amber, harm) else "red"


def lit(light: TrafficLight, point: Point | None, measure: str) -> Lit:
    """Return the light of the latest day that has values.

    A band from green to red cannot tell, which is amber whatever the point says; so is a day
    without bounds, or none at all.

    Args:
        light: the plan's limits.
        point: the latest day with values; None where there is none.
        measure: what its numbers are.
    """
    if point is None or point.treatment is None:
        return Lit("amber", because("watch.light_none"))
    colour = colour_of(light, point.treatment)
    ends = [None if end is None else colour_of(light, end) for end in (point.lower, point.upper)]
    facts = {
        "value": point.treatment, "lower": point.lower, "upper": point.upper,
        "measure": measure, "signed": False,
    }  # fmt: skip
    if None in ends or {"green", "red"} <= {*ends}:
        return Lit("amber", because("watch.light_few", count=point.n_treatment, **facts))
    if {*ends} == {colour}:
        return Lit(colour, because("watch.light_sure", colour=colour, **facts))
    other = next(end for end in ends if end != colour)
    return Lit(colour, because("watch.light_spans", colour=colour, reaches=other, **facts))
