"""Runs out of their text.

A strict decoder for the happy path, a patient reader for what it refuses.

The strict decoder (msgspec) knows types, ranges and words, but it cannot see a key that is written
twice. So the keys of the text are counted against the keys that were understood, and only a
difference costs a second look.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (JSON of any shape)
from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import Clause, Phrase, both, foreign, phrase
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.envelopes import ARMS, EXPECTED, Envelope, FoundRun, Unit, due_of
from rolloutlib.runs.located import (
    Fault,
    MalformedError,
    Object,
    all_faults,
    keys_match,
    line_of,
    parse,
    text_keys,
    tree_keys,
)  # fmt: skip
from rolloutlib.runs.quarantine import UTF8, Quarantined, expected, shown, verbatim

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["distinct", "field_of", "open_run", "understood"]

_STRICT = msgspec.json.Decoder(Envelope)
_AT = re.compile(r"(?:at|in) `\$(.*)`$")  # a key stands in what it is a key of
_BREAK = re.compile(r"\r\n|\r|\n")
_MISSING = re.compile(r"missing required field `(\w+)`")


def open_run(unit: Unit) -> FoundRun | Quarantined:
    """Read one run; what the strict decoder refuses is read again to say which row.

    Line and field it was.
    """
    try:
        run = FoundRun(unit, _STRICT.decode(unit.data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _diagnose(unit)
    samples = run.envelope.result.samples
    return run if len({s.id for s in samples}) == len(samples) else _diagnose(unit)


def understood(runs: Sequence[FoundRun], sample_keys: int) -> bool:
    """Return whether these runs have no key that the reader does not know, and none twice.

    Every key has one colon, so as many colons as keys (and times) mean that nothing is hidden.
    """
    keys = sample_keys + sum(_run_keys(run.envelope) for run in runs)
    colons = sum(run.unit.data.count(b":") for run in runs)
    return colons == keys + sum(_time_colons(run.envelope) for run in runs)


def distinct(runs: Sequence[FoundRun], sample_keys: int) -> list[FoundRun | Quarantined]:
    """Look again at runs whose text may hold a key twice.

    `sample_keys` were understood in their samples. Labels with colons and keys that the engine
    added since cost a second, exact count.
    """
    keys = sample_keys + sum(_run_keys(run.envelope) for run in runs)
    if sum(text_keys(run.unit.data) for run in runs) == keys:
        return list(runs)
    return [
        run if run.diagnosed or keys_match(run.unit.data) else _diagnose(run.unit) for run in runs
    ]


def _run_keys(run: Envelope) -> int:
    result = run.result
    keys = _given(run) + _given(result) + _given(result.metrics)
    for inner in (run.session, run.dataset_meta):
        keys += _given(inner) if inner else 0
    for flags in (run.flags, run.dataset_meta.feature_flags if run.dataset_meta else None):
        keys += len(flags) if flags else 0
    for free in (
        result.issues_top3,
        result.links,
        result.difficulty_report,
        result.style_violations,
        *result.metrics.more,
    ):
        keys += tree_keys(free) if free else 0
    return keys


def _given(struct: msgspec.Struct) -> int:
    values = astuple(struct)
    return len(values) - values.count(UNSET)


def _time_colons(run: Envelope) -> int:
    created = run.dataset_meta.created_at if run.dataset_meta else None
    return sum(text.count(":") for text in (run.started_at, created) if text)


def _diagnose(unit: Unit) -> FoundRun | Quarantined:
    """Read a run value by value.

    Bad samples are set apart, a bad run is refused with its reason.
    """
    try:
        text = unit.data.decode()
    except UnicodeDecodeError as error:
        line = unit.line + line_of(unit.data[: error.start].decode(), error.start) - 1
        field = phrase("byte {at} is 0x{value:02x}", at=error.start, value=unit.data[error.start])
        return Quarantined(unit.file, line, field, "", UTF8, verbatim(unit.data))
    try:
        tree = parse(text)
    except MalformedError as error:
        line = unit.line + line_of(text, error.position) - 1
        return Quarantined(
            unit.file,
            line,
            error.field,
            error.value and shown(error.value),
            error.expectation,
            text,
        )
    if not isinstance(tree, Object):
        expectation = phrase("expected one run as an object")
        return Quarantined(unit.file, unit.line, "JSON", shown(tree), expectation, text)
    return _Diagnosis(unit, text, tree).run()


@dataclass(frozen=True)
class _Diagnosis:
    unit: Unit
    text: str
    tree: Object

    @cached_property
    def breaks(self) -> list[int]:
        """Where lines of the text end: CRLF, LF and CR alone each end one."""
        return [match.start() for match in _BREAK.finditer(self.text)]

    def run(self) -> FoundRun | Quarantined:
        result = self.tree.get("result")
        written = result.get("samples") if isinstance(result, Object) else None
        samples: list[Any] = written if isinstance(written, list) else []
        judged = list(map(self.sample, samples))
        if isinstance(result, Object) and isinstance(written, list):
            result["samples"] = []
        for fault in all_faults(self.tree):
            return replace(
                self.quarantined(self.tree, fault), text=self.text, rows=max(1, len(samples))
            )
        try:
            envelope = msgspec.convert(self.tree, Envelope)
        except msgspec.ValidationError as error:
            return replace(
                self.invalid(self.tree, str(error)), text=self.text, rows=max(1, len(samples))
            )
        judged = self.twins(samples, judged)
        envelope.result.samples = [outcome for outcome in judged if isinstance(outcome, Sample)]
        bad = tuple(outcome for outcome in judged if isinstance(outcome, Quarantined))
        return FoundRun(self.unit, envelope, bad, diagnosed=True)

    def sample(self, written: object) -> Sample | Quarantined:
        if not isinstance(written, Object):
            expectation = phrase("expected objects")
            return self.quarantined(
                self.tree, Fault(self.tree.start, "samples", written, expectation)
            )
        for fault in all_faults(written):
            return self.quarantined(written, fault)
        try:
            return msgspec.convert(written, Sample)
        except msgspec.ValidationError as error:
            return self.invalid(written, str(error))

    def twins(
        self, written: list[Any], judged: list[Sample | Quarantined]
    ) -> list[Sample | Quarantined]:
        """Set apart every sample whose id another sample of the run has too.

        Nobody can tell which one is right.
        """
        places: dict[str, list[int]] = {}
        for index, outcome in enumerate(judged):
            if isinstance(outcome, Sample):
                places.setdefault(str(outcome.id), []).append(index)
        for same in (indices for indices in places.values() if len(indices) > 1):
            some = [
                phrase("line {line} (sample {n})", line=self.line(written[i].start), n=i + 1)
                for i in same[:8]
            ]
            left_out = len(same) - len(some)
            more = [phrase("{n:,} more", n=left_out)] if left_out else []
            expectation = phrase("expected once in a run, got {where}", where=both(some + more))
            for index in same:
                fault = Fault(written[index].at["id"], "id", written[index]["id"], expectation)
                judged[index] = self.quarantined(written[index], fault)
        return judged

    def invalid(self, owner: Object, reason: str) -> Quarantined:
        """Turn the decoder's complaint about a path into line, field.

        Value and what is due there.
        """
        holder, name, value = owner, "run", owner
        for name in _names(reason):
            if isinstance(value, Object):
                holder, value = value, value.get(name)
        missing = _MISSING.search(reason)
        if missing and isinstance(value, Object):
            lacking = phrase("{key} is missing", key=missing[1])
            expectation = _due_instead(missing[1], value)
            return self.quarantined(owner, Fault(value.start, lacking, UNSET, expectation))
        expectation = expected(due_of(name, reason) or _plain(reason))
        return self.quarantined(
            owner, Fault(holder.at.get(name, holder.start), name, value, expectation)
        )

    def quarantined(self, owner: Object, fault: Fault) -> Quarantined:
        value = "" if fault.value is UNSET else shown(fault.value)
        verbatim = self.text[owner.start : owner.end]
        return Quarantined(
            self.unit.file,
            self.line(fault.position),
            fault.field,
            value,
            fault.expectation,
            verbatim,
            arm=self.arm,
        )

    @property
    def arm(self) -> str | None:
        """The run's arm as far as it can be read."""
        arm = self.tree.get("arm")
        return arm if arm in ARMS else None

    def line(self, position: int) -> int:
        return self.unit.line + bisect_left(self.breaks, position)


def _due_instead(key: str, keys: Collection[str]) -> Phrase:
    """Return what is due under a key that is missing; another one may be a misspelling of it."""
    expectation, hint = EXPECTED.get(key) or phrase("text"), did_you_mean(key, keys)
    if isinstance(hint, Phrase):
        word = hint.values["word"]
        return phrase("expected {due} (Did you mean {word!r}?)", due=expectation, word=word)
    return phrase("expected {due}", due=expectation)


def _names(reason: str) -> list[str]:
    path = _AT.search(reason)
    return re.findall(r"\.(\w+)", path[1]) if path else []


def field_of(reason: str) -> str:
    """Return the engine's name of the field that a decoder's complaint is about."""
    missing = _MISSING.search(reason)
    return missing[1] if missing else next(reversed(_names(reason)), "")


def _plain(reason: str) -> Clause:
    """The decoder's own words, for a field without a rule of ours.

    'Expected `str`, got …' gives 'str'.
    """
    match = re.search(r"[Ee]xpected `([^`]+)`", reason)
    return match[1].replace(" | null", "") if match else foreign(reason)
