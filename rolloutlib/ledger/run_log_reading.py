"""Run logs as four writers leave them: people, the web front end (two forms), and its router.

The unit of a number is the dialect's, never guessed from the value: a hand writes percentages,
JSON has fractions. A time without offset is Korea's. What breaks the engine's own rules, or is a
template instead of a measurement, is read and refused with a sentence.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.run_log import KST, RUN_LOGS, Results
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Dialect", "Logged", "read_log", "read_run_logs"]

Dialect = Literal["by hand", "web page", "web requests", "router"]
_PLACES: Final = (
    (RUN_LOGS, "*.md"), (RUN_LOGS, "*.jsonl"), ("RUN_LOGS", "*.jsonl"),
    ("outputs", "fe_requests.log"),
)  # fmt: skip
_MOST: Final = 50_000_000  # bytes of a file
_TEMPLATES: Final = frozenset({"MOCK", "CLI_FALLBACK"})
_PERCENT: Final = 100
_ROUNDED: Final = 0.001  # two percentages of one decimal may add up to 100.1 %
_SCORE_MOST: Final = 10.0
_EPOCH_MS: Final = 10**11  # a number of seconds that large is beyond the year 5000


class Logged(NamedTuple):
    """One run as a log tells it; None, or nothing, where it does not tell.

    Attributes:
        file: its path in the workbook, with the line where it holds several runs.
        at: when, with offset.
        n: samples.
        provider: what answered.
        wall_ms: milliseconds that the request took as a whole, which is no sample's latency.
        issues: the most frequent issue tags.
        decision: id of the linked decision.
        told: what a dialect tells besides, for people.
        refused: why its numbers are no evidence; empty where they may be.
    """

    file: str
    dialect: Dialect
    run_id: str
    at: datetime | None
    results: Results = Results()
    n: int | None = None
    provider: str = ""
    wall_ms: float | None = None
    issues: tuple[str, ...] = ()
    decision: str = ""
    told: str = ""
    refused: str = ""


def read_run_logs(root: Path) -> tuple[Logged, ...]:
    """Read every run log of a workbook, the newest first; what tells no time comes last."""
    logs: list[Logged] = []
    for folder, pattern in _PLACES:
        for path in sorted((root / folder).glob(pattern)):
            if path.name.lower() != "readme.md":
                logs += read_log(path, path.relative_to(root).as_posix())
    never = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(logs, key=lambda log: (log.at or never, log.file), reverse=True))


def read_log(path: Path, name: str) -> Iterator[Logged]:
    """Yield the runs of a file; one that cannot be read is one refused run."""
    dialect = _dialect_of(path)
    try:
        text = bounded_bytes(path, _MOST).decode("utf-8-sig")
    except (FileError, UnicodeDecodeError) as error:
        why = error.why if isinstance(error, FileError) else "is no UTF-8"
        yield Logged(name, dialect, path.stem, None, refused=f"the file {why}")
        return
    if dialect in {"web requests", "router"}:
        yield from _lines(text, name, dialect)
    elif dialect == "web page" or _WEB.search(text):
        yield _web_page(text, name, path.stem)
    else:
        yield _by_hand(text, name, path.stem)


def _dialect_of(path: Path) -> Dialect:
    if path.suffix == ".log":
        return "web requests"
    if path.suffix == ".jsonl":
        return "router"
    return "web page" if _WEB_NAME.search(path.name) else "by hand"


# --- by hand --------------------------------------------------------------------------------------

_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|[+-]\d{2}:?\d{2})?"
)
_ISSUE: Final = re.compile(r"^\s*\d+[.)]\s+`?([\w\\-]+)`?", re.MULTILINE)
_DECISION: Final = re.compile(r"dec-\d{8}-(?:rollback-)?\d{3,6}")
_PROVIDER: Final = re.compile(r"provider(?:Note)?[*`\s]*:[*`\s]*([\w-]+)", re.IGNORECASE)
_N: Final = re.compile(r"\bN\s*=\s*(\d{1,12})\b")
_NUMBER: Final = (
    r"[*`\s]*:[*`\s]*(?P<value>-?\d[\d,]{0,20}(?:\.\d{1,20})?)[`\s]*(?P<unit>%p?|ms|s\b)?"
)
_HAND: Final = {
    "pass_rate": ("PASS Rate", "%", "a percentage, such as 76%"),
    "avg_score": ("Avg Score", None, "a score of 0 to 10 without a unit"),
    "avg_latency_ms": ("Avg Latency", "ms", "milliseconds, such as 2050 ms"),
    "vetoed": ("Vetoed", "%", "a percentage, such as 24%"),
}


def _by_hand(text: str, name: str, stem: str) -> Logged:
    values: dict[str, float | None] = {}
    faults: list[str] = []
    for field, (title, unit, expected) in _HAND.items():
        match = re.search(re.escape(title) + _NUMBER, text, re.IGNORECASE)
        if match is None:
            values[field] = None
        elif match["unit"] != unit:
            faults.append(f"{title} is {match['value']}{match['unit'] or ''}; expected {expected}")
        else:
            value = Decimal(match["value"].replace(",", ""))
            values[field] = float(value / _PERCENT if unit == "%" else value)
    results, match = Results(**values), _PROVIDER.search(text)
    provider, after = match[1] if match else "", text.partition("Issues Top-3")[2]
    issues = tuple(tag.replace("\\", "") for tag in _ISSUE.findall(after)[:3])
    n, card = _N.search(text), _DECISION.search(text)
    refused = "; ".join(faults) or _refusal(results, provider, _ROUNDED)
    return Logged(
        name, "by hand", stem, _moment(text), results, int(n[1]) if n else None, provider,
        issues=issues, decision=card[0] if card else "", refused=refused,
    )  # fmt: skip


def _moment(text: object) -> datetime | None:
    """Return a text's first moment, Korea's without an offset, or that of seconds of the epoch."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        try:
            return datetime.fromtimestamp(text / 1000 if text > _EPOCH_MS else text, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    match = _MOMENT.search(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        clock = match[2] if match[2][1] != ":" else f"0{match[2]}"
        moment = datetime.fromisoformat(f"{match[1]}T{clock}{match[3] or ''}")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=KST)


# --- JSON: the web front end's page and requests, the router --------------------------------------

_WEB_NAME: Final = re.compile(r"_run-\d{10,}\.md\Z")
_WEB: Final = re.compile(r"\A\s*# Run Log\W+\d{4}-\d{2}-\d{2}\s+\d{4}-\d{2}-\d{2}T\S+Z")
_FENCED: Final = re.compile(r"^## Metrics\s*```(?:json)?\s*(.*?)```", re.DOTALL | re.MULTILINE)
_TICKED: Final = r"{}[*`\s]*:[*`\s]*(\d{{1,15}}(?:\.\d{{1,15}})?)"
_KEYS: Final = ("passRate", "avgScore", "avgLatency", "vetoedPct")


def _web_page(text: str, name: str, stem: str) -> Logged:
    head, provider = text.partition("\n## ")[0], _PROVIDER.search(text)
    stamp = re.search(r"\d{4}-\d{2}-\d{2}T\S+", head)  # the day before it is the browser's own
    wall, n = (re.search(_TICKED.format(key), text) for key in ("latencyMs", "Samples"))
    fenced = _FENCED.search(text)
    logged = Logged(
        name, "web page", stem, _moment(stamp[0] if stamp else head),
        n=int(n[1].partition(".")[0]) if n else None, provider=provider[1] if provider else "",
        wall_ms=float(wall[1]) if wall else None,
    )  # fmt: skip
    if fenced is None:
        return logged._replace(refused="it has no JSON under ## Metrics")
    try:
        results = _metrics(read_object(fenced[1].encode()))
    except (MalformedError, UnicodeError, _OddError) as error:
        return logged._replace(refused=f"its metrics cannot be read: {plain(str(error), 200)}")
    return logged._replace(results=results, refused=_refusal(results, logged.provider))


def _lines(text: str, name: str, dialect: Dialect) -> Iterator[Logged]:
    """Yield the runs of JSON Lines; the begin of a request is no run yet."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            row = read_object(line.encode())
            if row.get("event") != "run_start":
                yield _request(row, place) if dialect == "web requests" else _routed(row, place)
        except (MalformedError, UnicodeError, _OddError) as error:
            why = f"the line cannot be read: {plain(str(error), 200)}"
            yield Logged(place, dialect, "", None, refused=why)


def _request(row: Mapping[str, Any], place: str) -> Logged:
    provider, metrics = str(row.get("provider") or ""), row.get("metrics")
    results = _metrics(cast("dict[str, Any]", metrics)) if isinstance(metrics, dict) else Results()
    failed = row.get("event") == "run_err"
    why = f"the run failed: {plain(str(row.get('error') or 'no reason told'), 200)}"
    nothing = "" if isinstance(metrics, dict) else "it tells no metrics"
    return Logged(
        place, "web requests", "", _moment(row.get("ts")), results, provider=provider,
        wall_ms=_number(row, "latencyMs"),
        refused=why if failed else nothing or _refusal(results, provider),
    )  # fmt: skip


def _routed(row: Mapping[str, Any], place: str) -> Logged:
    """Return what the router tells: its own quality, p95 and failure, none of the four numbers."""
    quality, p95 = _number(row, "quality_score"), _number(row, "p95_ms")
    parts = (("quality", quality), ("p95 ms", p95), ("cost", _number(row, "cost")))
    shown = ", ".join(f"{name} {value:g}" for name, value in parts if value is not None)
    failure, provider = str(row.get("failure_class") or "-"), str(row.get("routing_path") or "")
    return Logged(
        place, "router", str(row.get("run_id") or ""), _moment(row.get("timestamp")),
        provider=provider, told=shown,
        refused="" if failure == "-" else f"the run failed: {plain(failure, 80)}",
    )  # fmt: skip


class _OddError(ValueError):
    """A value is not what its key promises."""


def _metrics(row: Mapping[str, Any]) -> Results:
    return Results(*(_number(row, key) for key in _KEYS))


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise _OddError(f"{key} is {plain(repr(value), 80)}; expected a number")


def _refusal(results: Results, provider: str, slack: float = 1e-9) -> str:
    """Say why numbers are no evidence; nothing where they may be."""
    if provider.upper() in _TEMPLATES:
        return f"the provider is {provider.upper()}: its metrics are a template, not a measurement"
    for name, share in (("passRate", results.pass_rate), ("vetoed", results.vetoed)):
        if share is not None and not 0 <= share <= 1:
            return f"{name} is {share:g}; expected a share of 0 to 1"
    if results.avg_score is not None and not 0 <= results.avg_score <= _SCORE_MOST:
        return f"avgScore is {results.avg_score:g}; expected 0 to 10"
    if results.avg_latency_ms is not None and results.avg_latency_ms < 0:
        return f"avgLatency is {results.avg_latency_ms:g} ms; expected 0 or more"
    both = (results.pass_rate or 0.0) + (results.vetoed or 0.0)
    if both > 1 + slack:
        return f"passRate and vetoed add up to {both:.1%}; no sample passes and is vetoed"
    return ""
