"""Spans of OpenTelemetry that follow the conventions for generative AI: a sample a model call.

OTLP as JSON (one document, or one a line, as the collector's file exporter writes it), tables whose
attributes are columns or a map, and ClickHouse's otel_traces. A call that failed is known; whether
an answer was good no span says.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (files of any shape)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.drafts.gathering import Gathering, records_of
from rolloutlib.drafts.record import Preset
from rolloutlib.errors import RunsError
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_CALLS: Final = ("chat", "text_completion", "generate_content")
_OPERATION: Final = "gen_ai.operation.name"
_MODEL: Final = "gen_ai.request.model"  # which older instrumentations write alone
_PAIR: Final = len(("key", "value"))
_KINDS: Final = ("stringValue", "intValue", "doubleValue", "boolValue")
_UNITS_OF_PEOPLE: Final = ("user.id", "enduser.id", "session.id", "gen_ai.conversation.id")
_STATUSES: Final = (
    {"2": True, "1": False, "0": False},
    {"STATUS_CODE_ERROR": True, "STATUS_CODE_OK": False, "STATUS_CODE_UNSET": False},
    {"ERROR": True, "OK": False, "UNSET": False},
    {"Error": True, "Ok": False, "Unset": False},
)


class _Form(NamedTuple):
    """How one kind of file writes a span: names of its columns, and the prefix of attributes."""

    trace: str
    span: str
    parent: str
    start: str
    status: str
    end: str = ""
    duration: str = ""
    attributes: str = ""


_FORMS: Final = (
    _Form("traceId", "spanId", "parentSpanId", "startTimeUnixNano", "status.code",
          end="endTimeUnixNano", attributes="attributes."),
    _Form("TraceId", "SpanId", "ParentSpanId", "Timestamp", "StatusCode",
          duration="Duration", attributes="SpanAttributes."),
    _Form("context.trace_id", "context.span_id", "parent_id", "start_time", "status.status_code",
          end="end_time", attributes="attributes."),
    _Form("trace_id", "span_id", "parent_span_id", "start_time", "status_code",
          end="end_time", attributes="attributes."),
    _Form("trace_id", "span_id", "parent_span_id", "start_time_unix_nano", "status_code",
          end="end_time_unix_nano", attributes="attributes."),
)  # fmt: skip


def _documents(peek: Peek) -> Iterator[dict[str, Any]]:
    """Yield OTLP's documents: what a .json file holds, or each line."""
    for file in peek.files:
        yield from [file.root] if file.root else file.every


def _items(value: object, *names: str) -> list[dict[str, Any]]:
    """Return the objects in a list that is somewhere inside, wildcards between the names."""
    if not names:
        listed = cast("list[Any]", value if isinstance(value, list) else [value])
        return [item for item in listed if isinstance(item, dict)]
    return [inner for item in _items(value) for inner in _items(item.get(names[0]), *names[1:])]


def _spans(peek: Peek) -> list[dict[str, Any]]:
    """Return the spans of OTLP documents, each attribute under its own name."""
    spans = [
        span for document in _documents(peek)
        for span in _items(document, "resourceSpans", "scopeSpans", "spans")
    ]  # fmt: skip
    return [{**span, "attributes": _plain(span.get("attributes"))} for span in spans]


def _plain(attributes: object) -> dict[str, Any]:
    """Return OTLP's list of keys and values as what it means."""
    return {
        str(item.get("key")): next(
            (v[kind] for kind in _KINDS if kind in v), None)
        for item in _items(attributes)
        if isinstance(v := item.get("value"), dict)
    }  # fmt: skip


def _flat_spans(peek: Peek) -> list[dict[str, Any]]:
    """Return the spans of a table, maps of attributes as objects."""
    names = ("attributes", "SpanAttributes")
    return [
        {key: _mapped(cell) if key in names else cell for key, cell in record.items()}
        for record in records_of(peek)
    ]


def _mapped(cell: object) -> object:
    """Return a Parquet map, which is a list of keys and values, as an object."""
    if not isinstance(cell, list):
        return cell
    pairs = (pair for pair in cast("list[Any]", cell) if isinstance(pair, list | tuple))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == _PAIR and isinstance(pair[0], str)}


def _recognises(peek: Peek) -> bool:
    if any("resourceSpans" in document for document in _documents(peek)):
        return True
    columns = peek.columns
    return any(form.trace in columns and form.span in columns for form in _FORMS) and any(
        column.endswith((_OPERATION, _MODEL)) or "attributes" in column.casefold()
        for column in columns
    )


def _drafts(peek: Peek) -> Draft:
    otlp = any("resourceSpans" in document for document in _documents(peek))
    spans = _spans(peek) if otlp else _flat_spans(peek)
    every = Gathering("otel", peek, spans)
    form = next((f for f in _FORMS if every.cells(f.trace) and every.cells(f.start)), _FORMS[0])
    key = next((name for name in (_OPERATION, _MODEL) if every.cells(form.attributes + name)), "")
    words = every.words(form.attributes + key)
    calls = [word for word in words if key == _MODEL or word in _CALLS]
    call_spans = [s for s, row in zip(spans, every.rows, strict=True)
            if row.get(form.attributes + key) in calls]  # fmt: skip
    if not call_spans:
        raise RunsError(
            "{file} has no span that is a call of a model; expected some with {key}: {calls}, or "
            "with {model}.",
            file=peek.first.name, key=_OPERATION, calls=[*_CALLS], model=_MODEL,
        )  # fmt: skip
    making = _Spans(peek, call_spans, form, otlp=otlp)
    if otlp:
        making.head["records"] = "resourceSpans.*.scopeSpans.*.spans"
        making.notes["records"] = because("draft.otel.records")
    if _nested(call_spans, form):
        making.left["parent calls"] = because("draft.otel.nested")
    why = because("draft.otel.calls", words=tuple(calls))
    making.take_where({making.path(key): calls}, why, roots=otlp)
    making.map_fields()
    return making.draft()


def _nested(calls: list[dict[str, Any]], form: _Form) -> bool:
    """Whether some of the calls lie within others, as where two instrumentations tell one call."""
    ids = {str(call.get(form.span)) for call in calls}
    return any(str(call.get(form.parent)) in ids for call in calls if call.get(form.parent))


class _Spans(Gathering):
    """The mapping of model calls."""

    def __init__(self, peek: Peek, spans: list[dict[str, Any]], form: _Form, *, otlp: bool) -> None:
        super().__init__("otel", peek, spans)
        self.form, self.otlp = form, otlp

    def path(self, attribute: str) -> str:
        """Return where source.yaml finds an attribute."""
        if not self.otlp:
            return self.form.attributes + attribute
        kinds = (
            kind for span in _documents(self.peek)
            for item in _items(span, "resourceSpans", "scopeSpans", "spans", "attributes")
            if item.get("key") == attribute and isinstance(value := item.get("value"), dict)
            for kind in value
        )  # fmt: skip
        return f"attributes[key={attribute}].value.{next(kinds, _KINDS[0])}"

    def attribute(self, field: str, name: str, why: Any, **how: Any) -> bool:  # noqa: ANN401 -- options
        """Map a field to an attribute."""
        return self.take(field, self.form.attributes + name, why, self.path(name), **how)

    def map_fields(self) -> None:
        """Map what spans tell of a call."""
        form = self.form
        models = (_MODEL, "gen_ai.response.model")
        self.take_arm((form.attributes + name, self.path(name)) for name in models)
        self.take("sample_id", form.span, because("draft.otel.ids"), [form.trace, form.span])
        self.take_times()
        self.take("error", form.status, because("draft.load.failed"), values=self.outcomes())
        for field, names in (
            ("tokens_in", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
            ("tokens_out", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        ):
            any(self.attribute(field, name, because("draft.otel.usage")) for name in names)
        self.attribute("category", _OPERATION, because("draft.otel.operation"))
        people = because("draft.otel.people")
        if not any(self.attribute("user_id", name, people) for name in _UNITS_OF_PEOPLE):
            self.take("user_id", form.trace, because("draft.otel.trace"))

    def take_times(self) -> None:
        """Map when a call began and how long it took."""
        form = self.form
        nanos = form.start.casefold().endswith("nano")
        unit = {"unit": "ns"} if nanos else {}
        self.take("started_at", form.start, because("draft.otel.start"), **unit)
        if form.duration:
            self.take("latency_ms", form.duration, because("draft.otel.duration"), unit="ns")
        else:
            how = {"since": form.start, **unit}
            self.take("latency_ms", form.end, because("draft.otel.since"), **how)

    def outcomes(self) -> dict[str, bool]:
        """Return what the words of a status mean, and that its absence is no failure."""
        words = self.words(self.form.status)
        style = next((s for s in _STATUSES if any(w in s for w in words)), _STATUSES[0])
        return {**style, "null": False}


PRESET = Preset("otel", "OpenTelemetry", _recognises, _drafts)
