"""The command that answers alarms, as a list of arguments that `rollout` parses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.watch.record import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.watch.record import Alarm

__all__ = ["answered", "rollback_arguments"]


def answered(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """Return the alarms that ask for a rollback."""
    return tuple(alarm for alarm in alarms if alarm.asks == Outcome.ROLLBACK)


def rollback_arguments(
    alarms: Sequence[Alarm], *, reason: str, signal: str, review: str = ""
) -> list[str]:
    """Return what follows `rollout` on the command line; nothing where no alarm asks for it.

    All that the stage turned on goes off, unless every alarm names its features.

    Args:
        alarms: those of the day; what asks for no rollback is left out.
        reason: why, in a sentence.
        signal: what was seen.
        review: folder of the review or watch that shows it.
    """
    asking = answered(alarms)
    if not asking:
        return []
    arguments = ["rollback", f"--reason={reason}", f"--signal={signal}"]
    if review:
        arguments.append(f"--review={review}")
    if all(alarm.features for alarm in asking):
        letters = {letter for alarm in asking for letter in alarm.features}
        arguments += ["--feature", *sorted(letters)]
    return arguments
