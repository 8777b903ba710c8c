"""The flag document: what the plan says for stage, feature and audience, switched as one file.

Everything in params/flags.json (flagd's schema) follows from the plan and a `FlagState`, so a few
words say which flags are in force, and any OpenFeature client resolves them. A person belongs to
several audiences (opted in, and internal); feature by feature the narrowest audience that the plan
names decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.flags.file import FlagFiles, StillOnError, force, switch
from rolloutlib.flags.shape import flag, session, state_tells, tells, variant_of, whole
from rolloutlib.flags.state import (
    FLAGS,
    SESSION,
    STATE_KEY,
    FlagFile,
    FlagsError,
    FlagState,
    digest_of,
    read_flags,
)
from rolloutlib.plan.model import Audience, FeatureId, FlagValue, Plan, Toggle
from rolloutlib.plan.workbook import STAGES, StageId

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = [
    "CONTEXTS", "FLAGS", "SESSION", "STATE_KEY", "FlagFile", "FlagFiles", "FlagState", "FlagsError",
    "StillOnError", "changed_features", "digest_of", "document", "force", "initial_state",
    "is_newest", "read_flags", "session_defaults", "state_value", "switch", "unedited", "values",
]  # fmt: skip

# What a client says about a person (its evaluation context), by audience.
CONTEXTS: Final[dict[Audience, dict[str, str | bool]]] = {
    "internal": {"cohort": "internal"},
    "dogfood": {"cohort": "dogfood"},
    "opted_in": {"cohort": "beta_optin", "optIn": True},
    "everyone": {},
    "opted_out": {"optOut": True},
}
# A client may say anything. Who refuses is whoever says more of optOut than false or null; who
# wishes says exactly true, and does not refuse. (`===` of the Python provider takes 1 for true,
# and its texts of booleans have a capital: both are asked.)
_OPT_OUT, _OPT_IN, _COHORT = {"var": ["optOut", False]}, {"var": "optIn"}, {"var": "cohort"}
_IS_TRUE = {
    "and": [{"===": [_OPT_IN, True]}, {"in": [{"cat": [_OPT_IN]}, ["true", "True"]]}]
}  # fmt: skip
_IS_FALSE = {
    "and": [{"===": [_OPT_OUT, False]}, {"in": [{"cat": [_OPT_OUT]}, ["false", "False"]]}]
}  # fmt: skip
_REFUSES_NOT = {"or": [{"===": [_OPT_OUT, None]}, _IS_FALSE]}


@dataclass(frozen=True, slots=True)
class _Form:
    """How documents are written: rules by audience, the narrowest first; what a flag tells.

    Saying no beats saying yes, and a wish beats belonging to a cohort.
    """

    rules: Mapping[Audience, dict[str, Any]]
    tells: bool


_COHORTS: Final[dict[Audience, dict[str, Any]]] = {
    "internal": {"===": [_COHORT, "internal"]},
    "dogfood": {"===": [_COHORT, "dogfood"]},
}
_NEWEST: Final = _Form(
    {
        "opted_out": {"!": [_REFUSES_NOT]},
        "opted_in": {
            "and": [{"or": [_IS_TRUE, {"===": [_COHORT, "beta_optin"]}]}, _REFUSES_NOT]
        },
        **_COHORTS,
    },
    tells=True,
)  # fmt: skip
# What 0.1.0 wrote first: still what the plan says for who says true or false, and nothing else.
_FIRST: Final = _Form(
    {
        "opted_out": {"===": [{"var": "optOut"}, True]},
        "opted_in": {
            "or": [{"===": [_OPT_IN, True]}, {"===": [_COHORT, "beta_optin"]}]
        },
        **_COHORTS,
    },
    tells=False,
)  # fmt: skip


def initial_state(plan: Plan) -> FlagState:
    """Return the state of a workbook before its first decision: stage 0."""
    return FlagState(STAGES[0], 1, profile=plan.rollback.safe_profile)


def changed_features(plan: Plan, stage: StageId) -> tuple[FeatureId, ...]:
    """Return what a stage turned on for somebody: what a rollback turns off by default."""
    now = plan.stages[stage].toggles
    before = plan.stages[STAGES[stage - 1]].toggles if stage else {}
    unset = {key: Toggle(default=toggle.default) for key, toggle in now.items()}
    return tuple(key for key in now if now[key] != before.get(key, unset[key]))


# --- state → document -----------------------------------------------------------------------------


def values(plan: Plan, state: FlagState, audiences: Collection[Audience]) -> dict[str, FlagValue]:
    """Return every flag's value, by flag key, for a person who belongs to these audiences."""
    toggles = plan.stages[state.stage].toggles
    narrowest = [*(audience for audience in _NEWEST.rules if audience in audiences), "everyone"]
    by_flag: dict[str, FlagValue] = {}
    for key, feature in plan.features.items():
        named = [getattr(toggles[key], audience) for audience in narrowest]
        on = next((value for value in named if value is not None), toggles[key].default)
        value = feature.enabled if on else feature.disabled
        by_flag[feature.flag] = feature.safe if key in state.off else value
    return by_flag


def state_value(
    plan: Plan, state: FlagState, audiences: Collection[Audience]
) -> dict[str, FlagValue | int]:
    """Return `rollout.state`: every flag, the profile, and which state this is, read as one."""
    return {**values(plan, state, audiences), **state_tells(state)}


def document(plan: Plan, state: FlagState) -> bytes:
    """Return the document (flagd schema): a flag a feature, and `rollout.state` with them all."""
    return _document(plan, state, _NEWEST)


def unedited(plan: Plan, file: FlagFile) -> bool:
    """Whether a file is what the plan says for its state, as this or an earlier version wrote it.

    Whoever says true or false of optIn and optOut gets the same from both.
    """
    return any(_document(plan, file.state, form) == file.data for form in (_NEWEST, _FIRST))


def is_newest(plan: Plan, file: FlagFile) -> bool:
    """Whether a file is what the plan says for its state, as this version writes it."""
    return document(plan, file.state) == file.data


def _document(plan: Plan, state: FlagState, form: _Form) -> bytes:
    toggles = plan.stages[state.stage].toggles.values()
    named: list[Audience] = [
        audience
        for audience in form.rules
        if any(getattr(toggle, audience) is not None for toggle in toggles)
    ]
    flags: dict[str, Any] = {}
    for key, feature in plan.features.items():
        variants = {"on": feature.enabled, "off": feature.disabled}
        metadata = tells(key, feature.safe) if form.tells else {}
        value_of = _value_of(plan, state, feature.flag)
        flags[feature.flag] = _flag(form, named, variants, value_of, metadata)
    flags[STATE_KEY] = _flag(
        form, named, {}, lambda audiences: state_value(plan, state, audiences), {}
    )
    return whole(state, flags)


def _value_of(plan: Plan, state: FlagState, key: str) -> Callable[[frozenset[Audience]], FlagValue]:
    return lambda audiences: values(plan, state, audiences)[key]


def _flag(
    form: _Form,
    named: Sequence[Audience],
    variants: dict[str, Any],
    value_of: Callable[[frozenset[Audience]], Any],
    metadata: Mapping[str, object],
) -> dict[str, Any]:
    def name_of(audiences: frozenset[Audience]) -> str:
        otherwise = "+".join(sorted(audiences)) or "everyone"
        return variant_of(variants, value_of(audiences), otherwise)

    default = name_of(frozenset())
    targeting = _targeting(form, named, name_of)
    return flag(variants, default, targeting if isinstance(targeting, dict) else None, metadata)


def _targeting(
    form: _Form,
    named: Sequence[Audience],
    name_of: Callable[[frozenset[Audience]], str],
    audiences: frozenset[Audience] = frozenset(),
) -> dict[str, Any] | str:
    """Return the JSON Logic that asks for one audience after the other, where it matters."""
    if not named:
        return name_of(audiences)
    first, *rest = named
    within = audiences.union(named[:1])
    outside = _targeting(form, rest, name_of, audiences)
    inside = _targeting(form, rest, name_of, within)
    return inside if inside == outside else {"if": [form.rules[first], inside, outside]}


def session_defaults(plan: Plan, state: FlagState) -> bytes:
    """Return session.config.json: what the engine starts a session with by default."""
    by_key = values(plan, state, ())
    chosen = (plan.features["A"].flag, plan.features["F"].flag)
    return session({key: by_key[key] for key in chosen}, state.profile)
