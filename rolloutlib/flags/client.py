"""Flags as a real OpenFeature client resolves them: nothing is reported before it was read back."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rolloutlib.flags.document import CONTEXTS, STATE_KEY, FlagsError, state_value
from rolloutlib.phrase import foreign

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext

    from rolloutlib.flags.bare import OffDocument, OffFlag
    from rolloutlib.flags.state import FlagState
    from rolloutlib.plan.model import Audience, FlagValue, Plan

DOMAIN: Final = "rollout"
_SILENT: Final = logging.NullHandler()


@contextmanager
def flag_client(path: Path, *, poll_ms: int = 500) -> Generator[OpenFeatureClient]:
    """Start an OpenFeature client on a flag file, in this process, and end it.

    Args:
        path: the flag file.
        poll_ms: how often the provider looks for a newer file; 500 is its own default.

    Raises:
        FlagsError: the client cannot start on this file.
    """
    from openfeature import api
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.exception import OpenFeatureError
    from openfeature.provider.no_op_provider import NoOpProvider

    # Without a handler Python prints what the provider's thread logs, with a traceback.
    logging.getLogger("openfeature").addHandler(_SILENT)
    provider = FlagdProvider(
        resolver_type=ResolverType.FILE, offline_flag_source_path=str(path), deadline_ms=poll_ms
    )
    try:
        api.set_provider_and_wait(provider, DOMAIN)
        yield api.get_client(DOMAIN)
    except OpenFeatureError as error:
        raise FlagsError(
            "an OpenFeature client cannot read {path} ({error}); try `rollout flags check`",
            path=path, error=foreign(str(error)),
        ) from None  # fmt: skip
    finally:
        provider.shutdown()
        api.set_provider(NoOpProvider(), DOMAIN)


def resolve(
    client: OpenFeatureClient, plan: Plan, context: Mapping[str, str | bool]
) -> dict[str, FlagValue | None]:
    """Return every flag as the client resolves it for a person; None is a fall back to default."""
    about = _context(context)
    resolved: dict[str, FlagValue | None] = {}
    for feature in plan.features.values():
        ask = (
            client.get_boolean_details
            if isinstance(feature.safe, bool)
            else client.get_string_details
        )
        details = ask(feature.flag, feature.safe, about)  # pyright: ignore[reportArgumentType]  the pair fits
        resolved[feature.flag] = None if details.error_code else details.value  # pyright: ignore[reportArgumentType]
    return resolved


def resolve_state(
    client: OpenFeatureClient, context: Mapping[str, str | bool]
) -> Mapping[str, object]:
    """Return `rollout.state` as the client resolves it for a person; empty where there is none."""
    state = client.get_object_value(STATE_KEY, {}, _context(context))
    return state if isinstance(state, dict) else {}


def read_back(path: Path, plan: Plan, state: FlagState) -> None:
    """Check through a real client that a file gives every audience what the plan says.

    Raises:
        FlagsError: a flag that the client resolves to something else.
    """
    with flag_client(path) as client:
        for audience, context in CONTEXTS.items():
            expected = state_value(plan, state, _audiences(audience))
            got = {**resolve_state(client, context), **resolve(client, plan, context)}
            wrong = next((key for key in expected if got.get(key) != expected[key]), None)
            if wrong is not None:
                raise FlagsError(
                    "{path}: a client reads {key} = {got} for {audience}, expected {expected}; run "
                    "`rollout rollback`",
                    path=path, key=wrong, got=repr(got.get(wrong)), audience=audience,
                    expected=repr(expected[wrong]),
                )  # fmt: skip


def read_back_off(path: Path, off: OffDocument) -> None:
    """Check through a real client that a file gives everybody the safe values, without a plan.

    Raises:
        FlagsError: a flag that the client resolves to something else.
    """
    with flag_client(path) as client:
        for audience, context in CONTEXTS.items():
            wrong = [
                key for key, flag in off.flags.items() if not _is_off(client, key, flag, context)
            ]
            if dict(resolve_state(client, context)) != off.value:
                wrong.append(STATE_KEY)
            for key in wrong:
                raise FlagsError(
                    "{path}: a client reads {key} as on for {audience}",
                    path=path, key=key, audience=audience,
                )  # fmt: skip


def _is_off(
    client: OpenFeatureClient, key: str, flag: OffFlag, context: Mapping[str, str | bool]
) -> bool:
    """Whether a client gets the safe value whatever its own default, or always that default."""
    about = _context(context)
    if isinstance(flag.safe, str):
        return client.get_string_value(key, f"not {flag.safe}", about) == flag.safe
    got = [client.get_boolean_value(key, default, about) for default in (False, True)]
    return got == ([False, True] if flag.safe is None else [flag.safe] * 2)


def _audiences(audience: Audience) -> tuple[Audience, ...]:
    return () if audience == "everyone" else (audience,)


def _context(attributes: Mapping[str, str | bool]) -> EvaluationContext:
    from openfeature.evaluation_context import EvaluationContext

    return EvaluationContext(attributes=dict(attributes))
