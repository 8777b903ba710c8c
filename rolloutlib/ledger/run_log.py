"""docs/RUN_LOGS: a log a review and a watch, in the team's format (as people write it by hand).

A log is known by what it is of, the digest of a review or the day of a watch: writing it again
writes the same file. What people add around rollout's block stays.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rolloutlib.errors import UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.durable import Files, locked, overwrite, sweep
from rolloutlib.ledger.marked import inside, with_block
from rolloutlib.phrase import foreign
from rolloutlib.text import link, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.watch.record import Watch

__all__ = [
    "KST", "META", "RUN_LOGS", "Ran", "Results", "link_decision", "ran_of_review", "ran_of_watch",
    "write_run_log",
]  # fmt: skip

RUN_LOGS: Final = "docs/RUN_LOGS"
META: Final = "outputs/dataset_meta.json"
KST: Final = timezone(timedelta(hours=9), "KST")
_NAME: Final = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})_run-(?P<number>\d{3,6})\.md")
_CARD: Final = re.compile(rb"^- \*\*Decision Card\*\*: .*$", re.MULTILINE)
_LEAST: Final = 1_000  # what is larger is no number of a run: the web front end's epochs
_MOST: Final = 1_000_000  # bytes of a log
_NONE: Final = "–"


class Results(NamedTuple):
    """An arm's four numbers; None where nothing tells one.

    Attributes:
        pass_rate, vetoed: shares, 0–1.
        avg_score: 0–10.
        avg_latency_ms: milliseconds.
    """

    pass_rate: float | None = None
    avg_score: float | None = None
    avg_latency_ms: float | None = None
    vetoed: float | None = None


class Ran(NamedTuple):
    """What a run log says.

    Attributes:
        key: what it is of, in a line: the same key is the same file.
        mode: what was done, such as `stage 2 review`.
        at: when.
        n: samples of the treatment.
        treatment, control: the arms' numbers.
        issues: the most frequent issue tags with what there is to say of each.
        outcome: the recommendation, or what the day asks for.
        report: the page to link.
    """

    key: str
    mode: str
    at: datetime
    n: int | None
    treatment: Results
    control: Results
    issues: tuple[tuple[str, str], ...]
    outcome: str
    report: Path | None = None


def write_run_log(root: Path, ran: Ran) -> Path:
    """Write a run log into docs/RUN_LOGS and return where it is.

    The file is `YYYY-MM-DD_run-###.md` of the day in KST; a log of the same key is brought up to
    date and keeps the decision that was linked to it.

    Raises:
        OSError, RolloutError: it could not be written, or the marks of an older one are damaged;
            whatever it was that the log is about, it stands.
    """
    folder = root / RUN_LOGS
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, 10.0):
        sweep(folder)
        path = next(_of_key(folder, ran.key), None) or _free(folder, ran.at)
        page = (
            bounded_bytes(path, _MOST) if path.is_file() else f"# Run Log — {path.stem}\n".encode()
        )
        card = _CARD.search(inside(page, f"{RUN_LOGS}/{path.name}"))
        lines = "\n".join(_lines(root, ran, path.stem, card[0].decode() if card else None))
        overwrite(Files(), path, with_block(page, lines.encode(), f"{RUN_LOGS}/{path.name}"))
    return path


def link_decision(root: Path, review: bytes, decision: str) -> Path | None:
    """Link a decision in the log of the review that it rests on; return the log, if there is one.

    Args:
        root: the workbook's root.
        review: the bytes of review.json.
        decision: the record's id.
    """
    folder = root / RUN_LOGS
    if not folder.is_dir():
        return None
    with locked(folder, 10.0):
        path = next(_of_key(folder, _key_of_review(review)), None)
        if path is None:
            return None
        page, where = bounded_bytes(path, _MOST), f"{RUN_LOGS}/{path.name}"
        card = _card(decision).encode()
        ours = _CARD.sub(lambda _: card, inside(page, where), count=1)
        overwrite(Files(), path, with_block(page, ours, where))
    return path


def _card(decision: str) -> str:
    return f"- **Decision Card**: {link(decision, f'../LEDGER/{decision}.md')}"


def _of_key(folder: Path, key: str) -> Iterator[Path]:
    """Yield the logs of a key, the newest day first."""
    mark = _mark(key).encode()
    for path in sorted(folder.glob("*_run-*.md"), reverse=True):
        if _NAME.fullmatch(path.name) and path.is_file() and mark in bounded_bytes(path, _MOST):
            yield path


def _mark(key: str) -> str:
    return f"<!-- rollout: of {key} -->"


def _free(folder: Path, at: datetime) -> Path:
    """Return the next log of a day: numbers go on after those that people gave."""
    day = f"{at.astimezone(KST):%Y-%m-%d}"
    names = map(_NAME.fullmatch, os.listdir(folder))  # noqa: PTH208 -- names are all that is asked
    used = [int(match["number"]) for match in names if match and match["day"] == day]
    number = max((n for n in used if n < _LEAST), default=0) + 1
    return folder / f"{day}_run-{number:03d}.md"


def _lines(root: Path, ran: Ran, name: str, card: str | None) -> Iterator[str]:
    yield _mark(ran.key)
    yield f"- **Run ID/Time(KST)**: {name} / {ran.at.astimezone(KST):%Y-%m-%d %H:%M}"
    yield f"- **Mode / N / Seeds**: {markdown(ran.mode)} / N={_shown(ran.n, '{}')} / seed={_NONE}"
    yield f"- **Results**: {_numbers(ran.treatment)}"
    yield f"- **Control**: {_numbers(ran.control)}"
    yield "- **Issues Top-3**:" + ("" if ran.issues else f" {_NONE}")
    for place, (tag, shares) in enumerate(ran.issues, 1):
        yield f"  {place}. {markdown(tag)} ({shares})"
    yield f"- **Outcome**: {ran.outcome}"
    yield card or f"- **Decision Card**: {_NONE}"
    if ran.report is not None and ran.report.is_relative_to(root):
        report_path = ran.report.relative_to(root).as_posix()
        yield f"- **Report**: {link(report_path, f'../../{report_path}')}"
    if (root / META).is_file():
        yield f"- **Dataset meta**: {link(META, f'../../{META}')}"


def _numbers(of: Results) -> str:
    share = "{:.1%}"
    return (
        f"PASS Rate: {_shown(of.pass_rate, share)} / Avg Score: {_shown(of.avg_score, '{:.2f}')} / "
        f"Avg Latency: {_shown(of.avg_latency_ms, '{:.0f} ms')} / "
        f"Vetoed: {_shown(of.vetoed, share)}"
    )


def _shown(value: float | None, form: str) -> str:
    return _NONE if value is None else form.format(value)


# --- of a review ----------------------------------------------------------------------------------


class _Gate(msgspec.Struct, frozen=True):
    metric: str
    statistic: str
    control: float | None
    treatment: float | None


class _Issue(msgspec.Struct, frozen=True):
    tag: str
    control: float | None = None
    treatment: float | None = None
    rank: int | None = None


class _Arm(msgspec.Struct, frozen=True):
    arm: str
    samples: int


class _Look(msgspec.Struct, frozen=True):
    counting: str = "counted"


class _Review(msgspec.Struct, frozen=True):
    """All that a log tells of review.json: what the whole record needs takes .6 s to import."""

    stage: int
    treatment: str
    recommendation: str
    gates: tuple[_Gate, ...] = ()
    issues: tuple[_Issue, ...] = ()
    arms: tuple[_Arm, ...] = ()
    look: _Look = _Look()


def ran_of_review(review: bytes, page: Path, *, at: datetime) -> Ran | None:
    """Return the log of a review; None of an exploration, which decides nothing.

    Args:
        review: the bytes of review.json.
        page: the report's page.
        at: when the review was made.

    Raises:
        UsageError: the bytes are no review.
    """
    try:
        read = msgspec.json.decode(review, type=_Review)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "{where} is no review ({error}); run `rollout review` again",
            where="review.json", error=foreign(str(error)),
        ) from None  # fmt: skip
    if read.look.counting == "exploration":
        return None
    ranked = sorted((issue for issue in read.issues if issue.rank is not None), key=_rank)
    issues = (
        (issue.tag, f"{_percent(issue.control)} → {_percent(issue.treatment)}") for issue in ranked
    )
    n = next((arm.samples for arm in read.arms if arm.arm == read.treatment), None)
    return Ran(
        _key_of_review(review), f"stage {read.stage} review", at, n, _of(read, "treatment"),
        _of(read, "control"), (*issues,)[:3], read.recommendation, page,
    )  # fmt: skip


def _key_of_review(review: bytes) -> str:
    return f"review sha256:{digest_of(review)}"


def _rank(issue: _Issue) -> int:
    return issue.rank or 0


def _percent(share: float | None) -> str:
    return _shown(share, "{:.1%}")


def _of(read: _Review, arm: str) -> Results:
    means: dict[str, Any] = {
        gate.metric: getattr(gate, arm) for gate in read.gates if gate.statistic == "mean"
    }
    return Results(*(means.get(name) for name in ("passed", "score", "latency_ms", "vetoed")))


# --- of a watch -----------------------------------------------------------------------------------


def ran_of_watch(watch: Watch, page: Path | None) -> Ran:
    """Return the log of a day's watch: the newest day that has values, metric by metric."""
    day = f"{watch.as_of.astimezone(KST):%Y-%m-%d}"
    return Ran(
        f"watch {day}, stage {watch.stage}", f"stage {watch.stage} daily watch", watch.as_of,
        watch.samples.get(watch.treatment), _last(watch, "treatment"), _last(watch, "control"),
        _issues(watch), watch.outcome.value, page,
    )  # fmt: skip


def _last(watch: Watch, arm: str) -> Results:
    newest: dict[str, float | None] = {}
    for series in watch.series:
        values = [value for point in series.points if (value := getattr(point, arm)) is not None]
        newest[series.metric] = values[-1] if values else None
    return Results(*(newest.get(name) for name in ("passed", "score", "latency_ms", "vetoed")))


def _issues(watch: Watch) -> tuple[tuple[str, str], ...]:
    ranked: list[tuple[float, str, str]] = []
    for series in watch.series:
        if not series.metric.startswith("issue:"):
            continue
        points = [point for point in series.points if point.treatment is not None]
        if points:
            share, tag = points[-1].treatment or 0.0, series.metric.removeprefix("issue:")
            ranked.append((-share, tag, f"{_percent(points[-1].control)} → {_percent(share)}"))
    return tuple((tag, text) for _, tag, text in sorted(ranked)[:3])
