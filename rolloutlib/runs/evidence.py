"""Which runs are evidence: each rule looks at one run and says in one sentence why it is not."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import UNSET

from rolloutlib.phrase import Clause, Phrase, both, either, phrase
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import read_time
from rolloutlib.runs.templates import NO_MEASUREMENT, is_template, template_in, values_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msgspec import UnsetType

    from rolloutlib.runs.envelopes import Envelope, FoundRun, Result

Flag = bool | str

__all__ = [
    "RefusedError", "arm_of", "check_evidence", "check_hidden", "implied_arm", "profile_of",
    "short_flags", "started_at_of",
]  # fmt: skip

_ROUNDING = 1e-9
_SHORT = re.compile(r"^features?[._]", re.IGNORECASE)
_PROFILES = ("guardianprofile", "profileid")  # parts of keys


class RefusedError(Exception):
    """A run that is no evidence: `field` and `value` as found, and what was expected."""

    def __init__(self, field: Clause, value: object, expectation: Clause) -> None:
        """Keep what a message needs."""
        super().__init__(str(expectation))
        self.field, self.value, self.expectation = field, value, expectation


def check_evidence(run: FoundRun) -> None:
    """Apply every rule that needs nothing but the run.

    Raises:
        RefusedError: with the first rule that the run breaks.
    """
    _check_id(run.envelope.run_id)
    _check_measured(run.envelope)
    _check_possible(run.envelope.result)
    _check_flags(run.envelope)


def _check_id(run_id: str) -> None:
    if (
        not run_id
        or ".." in run_id
        or "\\" in run_id
        or run_id[0] == "/"
        or not run_id.isprintable()
    ):
        raise RefusedError(
            "runId",
            run_id,
            phrase("expected a plain id without '..', a leading slash or control characters"),
        )


def _check_measured(run: Envelope) -> None:
    for key, text in _providers(run):
        if text and is_template(text):
            raise RefusedError(key, text, NO_MEASUREMENT)


def _providers(run: Envelope) -> tuple[tuple[str, str | UnsetType | None], ...]:
    result = run.result
    return (
        ("providerNote", result.provider_note), ("provider", run.provider),
        ("provider", result.provider),
    )  # fmt: skip


def check_hidden(run: FoundRun) -> None:
    """Look at keys that the reader does not know, wherever they stand: in samples, in datasetMeta.

    Raises:
        RefusedError: one of them says that nothing was measured, or names another profile.
    """
    data = run.unit.data.lower()
    if b"provider" in data:
        for key, value in values_named(run.unit.data, ("provider",)):
            if text := template_in(value):
                raise RefusedError(key, text, NO_MEASUREMENT)
    if data.count(b"profile") > data.count(b'"guardianprofileid"'):
        named = {value for _, value in values_named(run.unit.data, _PROFILES) if value}
        _one_profile({value for value in named if isinstance(value, str)})


def _check_possible(result: Result) -> None:
    metrics = result.metrics
    if not result.samples and UNSET in (metrics.pass_rate, metrics.avg_score, metrics.avg_latency):
        expectation = phrase(
            "expected passRate, avgScore, avgLatency and vetoedPct of a run without samples"
        )
        raise RefusedError("metrics", None, expectation)
    total = (metrics.pass_rate or 0) + (metrics.vetoed_pct or 0)
    if total > 1 + _ROUNDING:
        expectation = phrase("expected at most 1, as the statuses exclude each other")
        raise RefusedError("passRate + vetoedPct", total, expectation)


def _check_flags(run: Envelope) -> None:
    recorded = run.dataset_meta.feature_flags if run.dataset_meta else None
    if not recorded or not run.flags:
        return
    flags, noted = short_flags(run.flags), short_flags(recorded)
    meant = {_folded(key): value for key, value in noted.items()}
    for key in sorted(flags):
        other = meant.get(_folded(key))
        if other is not None and not _same(flags[key], other):
            expectation = phrase(
                "expected {value} as in datasetMeta.featureFlags", value=shown(other)
            )
            raise RefusedError(f"flags {key}", flags[key], expectation)


def short_flags(flags: Mapping[str, Flag]) -> dict[str, Flag]:
    """Return the flags under their short keys; both spellings of one flag have to agree.

    Raises:
        RefusedError: ``feature.x`` and ``x`` are both given and differ.
    """
    return _short(tuple(flags.items()))


@lru_cache(maxsize=1024)
def _short(flags: tuple[tuple[str, Flag], ...]) -> dict[str, Flag]:
    """The runs of an arm share their flags, so most calls find them here."""
    short: dict[str, Flag] = {}
    spelled: dict[str, str] = {}
    for key, value in flags:
        name = _SHORT.sub("", key)
        first = spelled.setdefault(_folded(name), name)
        if not _same(short.setdefault(first, value), value):
            expectation = phrase(
                "expected {value} as under {flag}", value=shown(short[first]), flag=first
            )
            raise RefusedError(f"flags {key}", value, expectation)
    return short


def _folded(key: str) -> str:
    """Return what the spellings of one flag have in common: search_lite is searchLite."""
    return "".join(filter(str.isalnum, key)).casefold()


def _same(value: Flag, other: Flag) -> bool:
    """Return whether two values of a flag mean the same: "True " is true."""
    return str(value).strip().casefold() == str(other).strip().casefold()


def arm_of(run: Envelope, flags_arms: Mapping[str, Mapping[str, Flag]]) -> str:
    """Return the run's arm: the one it names, else the only one whose expected flags it has.

    Raises:
        RefusedError: no arm, several arms, or an arm that the flags contradict.
    """
    if run.arm and not flags_arms:
        return run.arm
    flags = short_flags(run.flags or (run.dataset_meta and run.dataset_meta.feature_flags) or {})
    fitting = [arm for arm, expected in flags_arms.items() if _fits(flags, short_flags(expected))]
    if run.arm:
        if fitting and run.arm not in fitting:
            expectation = phrase("expected {arms} as the flags imply", arms=either(fitting))
            raise RefusedError("arm", run.arm, expectation)
        return run.arm
    if len(fitting) != 1:
        expectation = phrase(
            "expected control or treatment, or flags that imply one of them (got {arms})",
            arms=both(fitting) or phrase("none"),
        )
        raise RefusedError("arm", None, expectation)
    return fitting[0]


def implied_arm(run: Envelope, flags_arms: Mapping[str, Mapping[str, Flag]]) -> str | None:
    """Return the arm of a refused run that names none, if its flags imply one."""
    try:
        return arm_of(run, flags_arms)
    except RefusedError:
        return None


def _fits(flags: Mapping[str, Flag], expected: Mapping[str, Flag]) -> bool:
    values = {_folded(key): value for key, value in flags.items()}
    return bool(expected) and all(
        _folded(key) in values and _same(values[_folded(key)], value)
        for key, value in expected.items()
    )


def profile_of(run: Envelope) -> str | None:
    """Return the run's guardian profile, from its session, its data set or its samples.

    Raises:
        RefusedError: they name more than one, so the run mixes thresholds.
    """
    named = {sample.guardian_profile_id for sample in run.result.samples}
    named.add(run.session.guardian_profile_id if run.session else None)
    named.add(run.dataset_meta.guardian_profile_id if run.dataset_meta else None)
    return _one_profile({name for name in named if name})


def _one_profile(named: set[str]) -> str | None:
    profiles = sorted(named)
    if len(profiles) > 1:
        expectation = phrase("expected one profile in a run")
        raise RefusedError("guardianProfileId", " and ".join(profiles), expectation)
    return profiles[0] if profiles else None


def started_at_of(written: str, latest: datetime | None = None) -> datetime:
    """Read an ISO 8601 time with its offset.

    Args:
        written: as the engine wrote it.
        latest: the last moment at which a run can have begun.

    Raises:
        RefusedError: no such time, no offset, the clock was not set, or it lies in the future.
    """
    time = read_time(written, latest=latest)
    if isinstance(time, Phrase):
        raise RefusedError("startedAt", written, phrase("expected {due}", due=time))
    return time
