"""A ladder's forecast → its table and heading for the terminal and notebooks/planning.ipynb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.show.outlook import plainly
from rolloutlib.show.tables import Cell, Html, Row, number, table
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.forecast.ladder import Climb, LadderForecast

__all__ = ["ladder_heading", "ladder_table"]


@spoken
def ladder_table(outlook: LadderForecast) -> Html:
    """Show how many candidates of a kind climb the stages from 0 on."""
    words = [say("0 to {stage}", stage=step.stage) if step.stage else "0"
             for step in outlook.steps]  # fmt: skip
    rows = [Row((Cell(_climber(climb)), *(number(f"{share:.0%}") for share in climb.stages)))
            for climb in outlook.climbs]  # fmt: skip
    return table((say("GO at stages …, if the candidate is …"), *words), rows, kind="forecast")


def ladder_heading(outlook: LadderForecast) -> Sentence:
    """Say what of the ladder was simulated."""
    who = say("everybody in both arms") if outlook.paired else say("everybody in one arm")
    return say(
        "The whole ladder: {rollouts:,} simulated rollouts with the people, samples and runs that "
        "plan.yaml plans, {who}; runs of one arm differ by {sd:.1f} points of the pass rate. "
        "Evidence is carried from stage to stage where the flags are the same.",
        rollouts=outlook.rollouts, sd=100 * outlook.run_sd, who=who,
    )  # fmt: skip


def _climber(climb: Climb) -> str:
    if climb.gate is None:
        return str(plainly(climb.truth))
    return str(say("only {gate} at the plan's limit", gate=translate(climb.title)))


__dir__ = __all__.copy  # what completion lists
