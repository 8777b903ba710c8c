"""Sentences of source.yaml files that are drafted for traces and load tests."""

from __future__ import annotations

from typing import Final

__all__ = ["TRACES"]

TRACES: Final = {
    "draft.arm.two": (
        "its two values ({words}) may be the arms; name them with --control and --treatment"
    ),
    "draft.arm.other": "says {words}; if that tells the arms, say columns.arm",
    "draft.load.whole": "of the whole request, which the client waited for",
    "draft.load.first_byte": "until the first byte of the response, not the whole request",
    "draft.load.failed": (
        "whether the call failed; nobody judged the answers, so what passed is unknown"
    ),
    "draft.load.kind": "what was asked: requests of one name are of one kind",
    "draft.load.user": "virtual users: what one of them asks is not independent",
    "draft.load.other": "no field of a sample; under segments it would tell samples apart",
    "draft.load.transactions": (
        "without {words}, whose rows add up requests that have rows of their own"
    ),
    "draft.bounded": (
        "where names what its first {records:,} records hold; rows of other words would be left out"
    ),
    "draft.k6.requests": (
        "of the rows, each of which is a metric, those that are a request's whole time"
    ),
    "draft.otel.records": "every span of every scope and resource",
    "draft.otel.calls": (
        "calls of a model alone ({words}); agents, tools and searches are no samples"
    ),
    "draft.otel.ids": "spans are numbered within their trace",
    "draft.otel.start": "when the call began",
    "draft.otel.since": "from its start to its end",
    "draft.otel.duration": "how long the span took, in nanoseconds",
    "draft.otel.usage": "as the model's provider counted them",
    "draft.otel.operation": "what the model was asked for",
    "draft.otel.people": "calls of one person or conversation are not independent",
    "draft.otel.trace": "no person is named; calls of one trace are not independent",
    "draft.otel.nested": (
        "calls lie within calls, so that some are told twice; keep the spans of one instrumentation"
    ),
    "draft.langfuse.user": "traces of one user are not independent",
    "draft.langfuse.name": "the trace's name: what kind of request it is",
    "draft.langfuse.latency": "in seconds, of the whole trace; -1 says that it was not asked for",
    "draft.langfuse.cost": "0 and -1 say that no price is known",
    "draft.langfuse.tokens": "0 says that no usage was reported",
    "draft.langfuse.level": (
        "ERROR in a step counts as an error; nobody judged the other traces, so what passed is "
        "unknown"
    ),
    "draft.langfuse.tags": "lists of words; if one of them tells the arms, export each arm alone",
    "draft.langfuse.one_score": (
        "the only score with numbers ({column}); correct the scale if it has other ends"
    ),
    "draft.langfuse.outcome": "the only score that counts ({column}): true passed, false failed",
    "draft.langfuse.scores": (
        "{column}, one of several scores; move the one that decides to columns.score"
    ),
    "draft.langfuse.words": "a score in words; say score with values: {{word: number}}",
    "draft.langfuse.repeated": "a trace has several scores of this name, of which none is the one",
}
