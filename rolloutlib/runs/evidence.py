"""Which runs are evidence: each rule looks at one run and says in one sentence why it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from rolloutlib.runs.envelopes import FIRST_YEAR
from rolloutlib.runs.quarantine import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.runs.envelopes import Envelope, FoundRun, Result

Flag = bool | str

__all__ = ["RefusedError", "arm_of", "check_evidence", "profile_of", "short_flags", "started_at_of"]

_ROUNDING = 1e-9
_REPORTED_TO = 0.005
_PREFIX = "feature."


class RefusedError(Exception):
    """A run that is no evidence: `field` and `value` as found, and what was expected."""

    def __init__(self, field: str, value: object, expectation: str) -> None:
        """Keep what a message needs."""
        super().__init__(expectation)
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
    _check_agreement(run)


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
            "expected a plain id without '..', a leading slash or control characters",
        )


def _check_measured(run: Envelope) -> None:
    note = run.result.provider_note
    if note and "CLI_FALLBACK" in note.upper():
        raise RefusedError("providerNote", note, "expected measured metrics, these are a template")
    for provider in (run.provider, run.result.provider):
        if provider and provider.upper() == "MOCK":
            raise RefusedError(
                "provider", provider, "expected measured metrics, these are a template"
            )


def _check_possible(result: Result) -> None:
    total = result.metrics.pass_rate + result.metrics.vetoed_pct
    if total > 1 + _ROUNDING:
        raise RefusedError(
            "passRate + vetoedPct", total, "expected at most 1, as the statuses exclude each other"
        )


def _check_flags(run: Envelope) -> None:
    recorded = run.dataset_meta.feature_flags if run.dataset_meta else None
    if not recorded or not run.flags:
        return
    given, noted = short_flags(run.flags), short_flags(recorded)
    if given == noted:
        return
    for key in sorted(given.keys() & noted.keys()):
        if given[key] != noted[key]:
            due = f"expected {shown(noted[key])} as in datasetMeta.featureFlags"
            raise RefusedError(f"flags {key}", given[key], due)


def _check_agreement(run: FoundRun) -> None:
    """Reported rates against the samples.

    Rows that could not be read, or ended in an error, may count either way.
    """
    statuses = [sample.status for sample in run.envelope.result.samples]
    if not statuses:
        return
    metrics, rows = run.envelope.result.metrics, run.rows
    for status, name, reported in (
        ("passed", "passRate", metrics.pass_rate),
        ("vetoed", "vetoedPct", metrics.vetoed_pct),
    ):
        count, tolerance = statuses.count(status), _REPORTED_TO + 1 / rows
        most = count + len(run.bad)
        if not count / rows - tolerance <= reported <= most / rows + tolerance:
            judged = rows - statuses.count("error") - statuses.count("timeout")
            if judged == rows or abs(reported - count / max(1, judged)) > tolerance:
                due = (
                    f"expected {count / len(statuses):.4g} as in the run's {len(statuses)} samples"
                )
                raise RefusedError(name, reported, due)


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
    for key, value in flags:
        name = key.removeprefix(_PREFIX)
        if short.setdefault(name, value) != value:
            raise RefusedError(
                f"flags {key}", value, f"expected {shown(short[name])} as under {name}"
            )
    return short


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
            raise RefusedError(
                "arm", run.arm, f"expected {' or '.join(fitting)} as the flags imply"
            )
        return run.arm
    if len(fitting) != 1:
        got = " and ".join(fitting) or "none"
        raise RefusedError(
            "arm",
            None,
            f"expected control or treatment, or flags that imply one of them (got {got})",
        )
    return fitting[0]


def _fits(flags: Mapping[str, object], expected: Mapping[str, object]) -> bool:
    return bool(expected) and all(flags.get(key) == value for key, value in expected.items())


def profile_of(run: Envelope) -> str | None:
    """Return the run's guardian profile, from its session, its data set or its samples.

    Raises:
        RefusedError: they name more than one, so the run mixes thresholds.
    """
    named = {sample.guardian_profile_id for sample in run.result.samples}
    named.add(run.session.guardian_profile_id if run.session else None)
    named.add(run.dataset_meta.guardian_profile_id if run.dataset_meta else None)
    profiles = sorted(name for name in named if name)
    if len(profiles) > 1:
        raise RefusedError(
            "guardianProfileId", " and ".join(profiles), "expected one profile in a run"
        )
    return profiles[0] if profiles else None


def started_at_of(written: str) -> datetime:
    """Read an ISO 8601 time with its offset.

    Raises:
        RefusedError: no such time, no offset, or the clock was not set.
    """
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        raise RefusedError("startedAt", written, "expected an ISO 8601 time with offset") from None
    if time.tzinfo is None:
        raise RefusedError("startedAt", written, "expected an offset, such as +09:00 or Z")
    if time.year < FIRST_YEAR:
        raise RefusedError(
            "startedAt", written, f"expected a year from {FIRST_YEAR}: the clock was not set"
        )
    return time.astimezone(UTC)
