"""Makes and sends the spans of ``service.tracing``; the one module that loads OpenTelemetry.

https://opentelemetry.io/docs/specs/otel/trace/sdk/, https://www.w3.org/TR/trace-context/. How many are kept
and where they go is for the standard ``OTEL_*`` variables to say, which the SDK reads itself.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int]

FAREWELL_SECONDS = 3.0
"""How long a worker that stops waits for whoever receives its spans."""

_TRACE_CONTEXT = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Recorder:
    """What makes the spans of one process."""

    provider: TracerProvider
    tracer: Tracer

    @contextmanager
    def call(self, trace_parent: str) -> Iterator[None]:
        """The span of one call, in the trace of its caller, of which nothing but the id is taken."""
        theirs = _TRACE_CONTEXT.extract({"traceparent": trace_parent}, context=Context())
        with _current(self.tracer.start_span("call", theirs, SpanKind.SERVER)):
            yield

    @contextmanager
    def step(self, name: str, attributes: Attributes) -> Iterator[None]:
        """The span of what another system is asked; nothing outside of a call."""
        if not _in_hand().is_valid:
            yield
            return
        with _current(self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=dict(attributes))):
            yield

    def note(self, attributes: Attributes, *, name: str, failed: bool) -> None:
        """Add to the span in hand; see :func:`service.tracing.note`."""
        span = trace.get_current_span()
        span.set_attributes(dict(attributes))
        if name:
            span.update_name(name)
        if failed:
            span.set_status(StatusCode.ERROR)

    def carried(self, job: Callable[..., Any]) -> Callable[..., Any]:
        """The job with the span in hand, for another thread."""
        return functools.partial(contextvars.copy_context().run, job)

    def trace_id(self) -> str | None:
        """The id of the trace in hand as it is written in ``traceparent``."""
        found = _in_hand()
        return trace.format_trace_id(found.trace_id) if found.is_valid else None

    def outgoing_headers(self) -> Mapping[str, str]:
        """``traceparent`` for the span in hand."""
        headers: dict[str, str] = {}
        _TRACE_CONTEXT.inject(headers)
        return headers

    def close(self) -> None:
        """Send what is left, for a moment: who receives it may hang, and a worker has to stop in time."""
        farewell = threading.Thread(target=self.provider.shutdown, daemon=True)
        farewell.start()
        farewell.join(FAREWELL_SECONDS)


def recorder_of(provider: TracerProvider) -> Recorder:
    """The recorder whose spans ``provider`` hands on."""
    return Recorder(provider, provider.get_tracer("net-cds"))


def sending_recorder(version: str) -> Recorder:
    """A recorder that sends by OTLP over HTTP, in the background, where the variables say."""
    provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return recorder_of(provider)


def _resource(version: str) -> Resource:
    """What the spans are of: this worker, and what the operator says of it."""
    own = {"service.name": "net-cds", "service.version": version, "service.instance.id": str(uuid4())}
    return Resource(own).merge(OTELResourceDetector().detect())


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Have the span in hand. The message of an error may quote a chart: only its type is kept."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise


def _in_hand() -> SpanContext:
    return trace.get_current_span().get_span_context()
