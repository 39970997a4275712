"""Spans of a call for OpenTelemetry, and nothing of it, not even loaded, where nobody asked for them.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. The operator asks by the
standard variables that name where spans go; ``service.telemetry`` then makes them, in each worker.

A span begins and ends here; what it may hold is chosen where it is made, name by name: methods, templates of
addresses, hosts, types of resources, states. No address, id, token or text of a request or an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from service.telemetry import Attributes, Recorder

_Job = TypeVar("_Job", bound=Callable[..., object])

_WHERE_TO = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_OFF: AbstractContextManager[None] = nullcontext()


@dataclass(slots=True)
class _Watch:
    """What records the spans of this process, None while nothing does."""

    recorder: Recorder | None = None


_WATCH = _Watch()


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables name somewhere to send spans to, and none of them forbids it."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get(_EXPORTER, "").strip().lower()
    return exporter not in ("", "none") or (not exporter and any(map(environment.get, _WHERE_TO)))


def problems(environment: Mapping[str, str]) -> Iterator[str]:
    """Why spans that are wanted could not be made or sent, in words; nothing where none are wanted."""
    if not is_wanted(environment):
        return
    exporter = environment.get(_EXPORTER, "").strip().lower()
    if exporter not in ("", "otlp"):
        yield f"{_EXPORTER}: {exporter!r} is not one of otlp, none"
    for name in _WHERE_TO:
        if not environment.get(name, "http://").strip().startswith(("http://", "https://")):
            yield f"{name}: is no http:// or https:// address"
    for name in _PROTOCOLS:
        protocol = environment.get(name, "").strip()
        if protocol not in ("", "http/protobuf"):
            yield f"{name}: {protocol!r} is not http/protobuf, the one protocol that is spoken"
    if not _is_installed():
        yield (
            "spans are asked for by OTEL_* variables, and the optional extra 'telemetry' is not installed: "
            "install requirements-telemetry.lock, or set OTEL_SDK_DISABLED=true"
        )


def _is_installed() -> bool:
    try:
        return all(find_spec(name) is not None for name in _PACKAGES)
    except ModuleNotFoundError:  # of a package around it
        return False


def start(version: str) -> None:
    """Record from now on, in a worker: the thread that sends would not survive the fork."""
    from service.telemetry import sending_recorder

    record_with(sending_recorder(version))


def stop() -> None:
    """Send what is recorded, as far as that takes no longer than a moment, and record no more."""
    if _WATCH.recorder is not None:
        _WATCH.recorder.close()
    record_with(None)


def record_with(recorder: Recorder | None) -> None:
    """Let the spans of this process be made by ``recorder``."""
    _WATCH.recorder = recorder


def is_on() -> bool:
    """Whether anything is recorded."""
    return _WATCH.recorder is not None


def call(trace_parent: str) -> AbstractContextManager[None]:
    """The span of one call; ``trace_parent`` is the caller's ``traceparent``, or empty."""
    return _OFF if _WATCH.recorder is None else _WATCH.recorder.call(trace_parent)


def step(name: str, attributes: Attributes) -> AbstractContextManager[None]:
    """The span of what is asked of another system in the course of a call; none outside of a call."""
    return _OFF if _WATCH.recorder is None else _WATCH.recorder.step(name, attributes)


def note(attributes: Attributes, *, name: str = "", failed: bool = False) -> None:
    """Add to the span in hand, and call it by another name where there is one."""
    if _WATCH.recorder is not None:
        _WATCH.recorder.note(attributes, name=name, failed=failed)


def carried(job: _Job) -> _Job:
    """The job, whose spans belong to the call in hand whatever thread it runs in."""
    return job if _WATCH.recorder is None else cast("_Job", _WATCH.recorder.carried(job))


def trace_id() -> str | None:
    """The id of the trace of the call in hand, 32 hexadecimal digits."""
    return None if _WATCH.recorder is None else _WATCH.recorder.trace_id()


def outgoing_headers() -> Mapping[str, str]:
    """The ``traceparent`` with which another system can add to the trace of the call in hand."""
    return {} if _WATCH.recorder is None else _WATCH.recorder.outgoing_headers()
