"""What the risk register says: its signals, its answers, and the cap of a stage."""

from __future__ import annotations

from typing import Final

__all__ = ["RISKS"]

RISKS: Final = {
    # What a signal measures, and what it shows.
    "risk.title_mix": "Difficulty mix",
    "risk.title_tags": "Too many or contradictory tags",
    "risk.title_copies": "Copied rows",
    "risk.reported": "people say: {signal}",
    "risk.above": "{title}: {value} [{best} to {worst}], fires above {limit}",
    "risk.below": "{title}: {value} [{best} to {worst}], fires below {limit}",
    "risk.share": (
        "{title}: {count:,} of {n:,} ({value}) [{best} to {worst}], fires above {limit}"
    ),
    "risk.mix": "{title}: KL {value}, chance alone up to {chance}, fires above {limit}",
    "risk.unseen": "{title}: the data do not show it; {why}",
    # What stands beside it.
    "risk.part": "{by} {share:.0%} (planned {planned:.0%})",
    "risk.few_clusters": "of {clusters} users or prompts only; what chance makes needs {least}",
    "risk.no_vetoes": "no sample was vetoed",
    "risk.veto_rose": (
        "veto reason {reason} (profile {profile}) rose: {control:.1%} → {treatment:.1%}, "
        "p = {p:.2g}"
    ),
    "risk.vetoes_same": "of {count} veto reasons none rose beyond chance",
    "risk.many_tags": "{count:,} with more than {most} tags",
    "risk.opposed": "{count:,} with both {one} and {other}",
    # What answers it.
    "risk.turn_off": "`{flag}`: {on} → {off} (`rollout rollback --feature {key}`)",
    "risk.knob": "{title}: `rollout knobs set {knob} {amount} --because {risk}`",
    "risk.profile": (
        "milder guardian profiles than {present}: {profiles} (minimum score {least}, at most "
        "{most} ms): `rollout knobs set {knob} {profile} --because {risk}`"
    ),
    "risk.no_profile": ("no milder guardian profile than {profile} fits these samples: {others}"),
    "risk.tighter": (
        "{profile} asks for a score of {least} within {most} ms (they take {latency} ms on average)"
    ),
    "risk.step": "one step of {step} ({title})",
    "risk.tags": "suggest at most {count} tags",
    # What a review says of it.
    "risk.fires": "Risk {id} ({feature}) fires: {title}. {why}",
    "cap.exceeded": "{count:,} people of at most {cap:,} at stage {stage}.",
}
