"""The checks of a review: attested facts, each with evidence that must be there and be of today.

The evidence folder holds junit/TEST-<suite>.xml (one JUnit XML a suite), incidents.jsonl,
changes.yaml and release-notes.md. No evidence, evidence that cannot be read and evidence that is
older than the newest treatment run leave their own check open.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import FileError, RolloutError, RunsError, UsageError
from rolloutlib.files import file_sha256
from rolloutlib.judge.attested import FILES, look_at_notes, look_at_suites
from rolloutlib.judge.change_list import look_at_documents
from rolloutlib.judge.finding import Finding, Occasion, find, oldest, read_file, said
from rolloutlib.judge.incidents import MOST
from rolloutlib.judge.made_for import unlike
from rolloutlib.judge.quiet import look_at_incidents
from rolloutlib.judge.record import CheckResult
from rolloutlib.judge.unfilled import lines_unfilled
from rolloutlib.reason import Reason, because
from rolloutlib.runs.ranges import latest_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.made_for import ReviewedRuns
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.plan.model import Check

__all__ = ["newest_run", "run_checks"]

_LOOK: Final = {
    "junit": look_at_suites, "incidents": look_at_incidents, "documents": look_at_documents,
    "release_notes": look_at_notes,
}  # fmt: skip


def newest_run(rows: Sequence[RunRow], arm: str) -> datetime | None:
    """Return when the last sample of an arm began, as far as its runs tell a time."""
    times = [row.last_at or row.started_at for row in rows if row.arm == arm]
    return max((at for at in times if at is not None), default=None)


def run_checks(  # noqa: PLR0913 -- what is looked at, and what it is held against
    checks: Mapping[str, Check],
    folder: Path | None,
    *,
    now: datetime | None,
    newest: datetime | None = None,
    as_of: datetime | None = None,
    root: Path | None = None,
    green: Mapping[str, str] | None = None,
    simulated: bool = False,
    runs: ReviewedRuns | None = None,
) -> tuple[CheckResult, ...]:
    """Look at the evidence of every check.

    Args:
        checks: the plan's checks by id.
        folder: the evidence folder; None or a missing one leaves every check open.
        now: the moment that "the last 48 hours" end at; None leaves the incident check open.
        newest: the start of the newest treatment run: older evidence leaves its check open.
        as_of: the moment whose knowledge the review is limited to: later incidents are left out.
            None counts them all, since an incident after the last run is no reason to go on.
        root: the workbook's root, where documents lie that are not in the folder.
        green: sha256 of the last green record's evidence by name: documents must differ from it.
        simulated: the runs say that nobody measured them. Only then does evidence that calls itself
            simulated hold a check.
        runs: what is reviewed: evidence that says that it was made for other runs leaves its check
            open. None compares nothing.
    """
    if folder is None or not folder.is_dir():
        why = because("check.no_folder")
        return tuple(CheckResult(key, check.title, None, why) for key, check in checks.items())
    occasion = Occasion(folder, root or folder, now, newest, as_of, green or {}, simulated, runs)
    return tuple(_result(key, check, occasion) for key, check in checks.items())


def _result(key: str, check: Check, occasion: Occasion) -> CheckResult:
    try:
        looked = _draft(check, occasion) or _LOOK[check.kind](check, occasion)
        aged = _aged(check, looked, occasion.newest, occasion.as_of)
        finding = _of_these_runs(_real(aged, occasion), occasion)
        digests = tuple(_digest(name, occasion) for name in finding.files)
    except (UsageError, RunsError, OSError) as error:
        message = str(error) if isinstance(error, RolloutError) else error.strerror or "no file"
        what = message.replace(f"{occasion.folder}/", "")
        why = because("evidence.unreadable", what=what)
        return CheckResult(key, check.title, None, why, *_unread(check, occasion))
    moment = oldest(moment for _, moment in finding.ages)
    return CheckResult(
        key, check.title, finding.holds, finding.why, finding.files, digests,
        at=moment.at if moment else None, simulated=finding.simulated,
    )  # fmt: skip


def _draft(check: Check, occasion: Occasion) -> Finding | None:
    """Return what a file says that holds placeholders: nothing yet; None where it holds none."""
    name = FILES.get(check.kind)
    data = name and read_file(name, occasion.folder, MOST)
    lines = lines_unfilled(data.decode("utf-8-sig", "replace")) if data else ()
    if not name or not lines:
        return None
    why = because("evidence.unfilled", file=name, lines=tuple(map(str, lines)))
    return Finding(holds=None, why=why, files=(name,))


def _unread(check: Check, occasion: Occasion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return name and digest of a file that was not understood, as far as it has bytes."""
    name = FILES.get(check.kind, "")
    try:
        return (name,), (_digest(name, occasion),)
    except (OSError, FileError):
        return (), ()


def _digest(name: str, occasion: Occasion) -> str:
    path = find(name, occasion.folder, occasion.root)
    return file_sha256(path or occasion.folder / name)


def _aged(
    check: Check, finding: Finding, newest: datetime | None, as_of: datetime | None
) -> Finding:
    """Say how old the evidence is; what would hold is open when it is too old.

    Incidents tell until when they cover, and have been held against it.
    """
    if not finding.ages or check.kind == "incidents":
        return finding
    facts = finding.why.facts | {"age": _age(finding)}
    dated = finding._replace(why=Reason(finding.why.code, facts))
    doubt = _doubt(check, finding, newest, as_of) if finding.holds else None
    return dated if doubt is None else dated._replace(holds=None, why=doubt)


def _real(finding: Finding, occasion: Occasion) -> Finding:
    """Leave a check open that only simulated evidence would hold, beside runs that are none."""
    if not (finding.holds and finding.simulated) or occasion.simulated:
        return finding
    return finding._replace(holds=None, why=because("evidence.simulated"))


def _of_these_runs(finding: Finding, occasion: Occasion) -> Finding:
    """Leave a check open whose evidence says itself that it was made for other runs."""
    if not finding.holds or occasion.runs is None:
        return finding
    parts = [why for file, its in finding.made_for for why in unlike(file, its, occasion.runs)]
    if not parts:
        return finding
    return finding._replace(holds=None, why=because("evidence.other_runs", parts=tuple(parts)))


def _age(finding: Finding) -> Reason:
    undated = tuple(name for name, moment in finding.ages if moment is None)
    first = oldest(moment for _, moment in finding.ages)
    if first is None:
        return because("age.unknown", files=undated)
    if undated:
        return because("age.partly", at=first.text, files=undated)
    return because("age.told", at=first.text)


def _doubt(
    check: Check, finding: Finding, newest: datetime | None, as_of: datetime | None
) -> Reason | None:
    """Return why evidence of that age proves nothing; none is of the future.

    Where the plan says `max_age_days` evidence may be so much older than the newest treatment run,
    and must tell its age; else it may not be older, where it tells.
    """
    days = check.max_age_days
    latest = latest_start(as_of) + timedelta(days=1)  # a day is told by its end
    if ahead := [(name, moment) for name, moment in finding.ages if moment and moment.at > latest]:
        names = tuple(name for name, _ in ahead)
        return because("evidence.future", files=names, at=ahead[0][1].text)
    undated = tuple(name for name, moment in finding.ages if moment is None)
    if days is not None and undated:
        return because("evidence.undated", files=undated)
    if newest is None:
        return because("evidence.no_run_time") if days is not None else None
    limit = newest - timedelta(days=days or 0)
    stale = [(name, moment) for name, moment in finding.ages if moment and moment.before(limit)]
    if not stale:
        return None
    first, names = min(moment for _, moment in stale), tuple(name for name, _ in stale)
    if days is None:
        return because("evidence.stale", files=names, at=first.text, newest=said(newest))
    return because("evidence.old", files=names, at=first.text, newest=said(newest), days=days)
