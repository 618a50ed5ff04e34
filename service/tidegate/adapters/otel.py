"""`ports.Tracing` over OpenTelemetry, sent by OTLP over HTTP. Needs the extra `traces`; imported only where a trace is wanted.

A batch works on the records of many requests, so it is a trace of its own with a link to each of them. It is kept whenever one
of those is, and otherwise by the same share.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from tidegate import __version__
from tidegate.ports import Record
from tidegate.ports.tracing import TRACEPARENT, Span

MOST_LINKS: Final = 64
"""Causes named of one batch; a thousand single readings come from as many requests."""

FLUSH_MS: Final = 3000
"""Milliseconds that the last spans have at the end; a collector that is away must not hold up a stop."""

_SECOND_NS: Final = 1_000_000_000

_propagator = TraceContextTextMapPropagator()


class OtelSpan:
    """Implements `ports.Span`."""

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The `traceparent` of this span, if it is kept."""
        if not self._span.get_span_context().trace_flags.sampled:
            return ()
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(self._span))
        return ((TRACEPARENT, carrier[TRACEPARENT].encode("ascii")),)

    def call(self, name: str) -> None:
        """Rename it."""
        self._span.update_name(name)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Add a child for each stage, the last of which ends now."""
        at = time.time_ns() - int(sum(seconds.values()) * _SECOND_NS)
        inside = trace.set_span_in_context(self._span)
        for name, took in seconds.items():
            child = self._tracer.start_span(name, inside, start_time=at)
            at += int(took * _SECOND_NS)
            child.end(at)

    def note(self, what: str, facts: Mapping[str, str]) -> None:
        """Add an event."""
        self._span.add_event(what, dict(facts))


class OtelTracing:
    """Implements `ports.Tracing`; make it with `open`, and close it."""

    on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("tidegate", __version__)

    @classmethod
    def open(cls, endpoint: str, ratio: float, instance: str) -> Self:
        """Send to the collector at `endpoint`, such as http://collector:4318, the `ratio` of requests; connects later."""
        resource = Resource.create({SERVICE_NAME: "tidegate", SERVICE_VERSION: __version__, SERVICE_INSTANCE_ID: instance})
        provider = TracerProvider(sampler=LinkedSampler(ratio), resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5)))
        return cls(provider)

    @contextmanager
    def span(self, name: str, *, parent: str = "", causes: Sequence[Record] = ()) -> Iterator[Span]:
        """Follow the block."""
        above = _propagator.extract({TRACEPARENT: parent}) if parent else None
        kind = SpanKind.SERVER if parent else SpanKind.INTERNAL
        links = links_to(causes)
        start = self._tracer.start_as_current_span
        # Without the exception's text, which may quote what a stranger sent.
        with start(name, Context() if links else above, kind, links=links, record_exception=False) as span:
            yield OtelSpan(self._tracer, span)

    def close(self) -> None:
        """Send what is left, within a few seconds, and end. Blocks."""
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


class LinkedSampler(Sampler):
    """Keeps what a kept span is linked to or part of, and the share `ratio` of everything else."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._by_share = ParentBased(TraceIdRatioBased(ratio))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide, by OpenTelemetry's rules."""
        linked = any(link.context.trace_flags.sampled for link in links or ())
        sampler = ALWAYS_ON if linked else self._by_share
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """What it is."""
        return f"Linked({self._ratio:g})"


def links_to(records: Sequence[Record]) -> list[Link]:
    """A link to whatever wrote each of `records`, each once; what is no `traceparent` is nobody's."""
    found = {value for record in records for name, value in record.headers if name == TRACEPARENT}
    contexts = [
        trace.get_current_span(_propagator.extract({TRACEPARENT: value.decode("latin-1")}, Context())).get_span_context()
        for value in sorted(found)[:MOST_LINKS]
    ]
    return [Link(context) for context in contexts if context.is_valid]
