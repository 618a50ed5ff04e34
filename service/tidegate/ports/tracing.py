"""Where the time of one request or batch goes, for whoever follows it through the processes. Off, it costs a call or two."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from tidegate.ports.log import Record

TRACEPARENT: Final = "traceparent"
"""Header of requests and records that says what caused them (W3C Trace Context)."""


class Span(Protocol):
    """One piece of work that is going on. Cheap, never raises."""

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """What a record that this work writes carries along; empty where nobody follows it."""
        ...

    def call(self, name: str) -> None:
        """Give the work the name that was not known when it began."""
        ...

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Say how long its stages took that have just ended, one after the other."""
        ...

    def note(self, what: str, facts: Mapping[str, str]) -> None:
        """Say that something came of it."""
        ...


class Tracing(Protocol):
    """Follows work. What begins within a span, in tasks made there as well, is part of it."""

    @property
    def on(self) -> bool:
        """Whether anybody follows anything."""
        ...

    def span(self, name: str, *, parent: str = "", causes: Sequence[Record] = ()) -> AbstractContextManager[Span]:
        """Follow the block; one that raises counts as failed. `parent` is a `traceparent` from outside, `causes` what it works
        on: records that come from many requests, so that it is part of none of them and is linked to each."""
        ...


class _NoSpan:
    headers: tuple[tuple[str, bytes], ...] = ()

    def call(self, name: str) -> None: ...

    def stages(self, seconds: Mapping[str, float]) -> None: ...

    def note(self, what: str, facts: Mapping[str, str]) -> None: ...


class _NoTracing:
    on = False

    def span(self, name: str, *, parent: str = "", causes: Sequence[Record] = ()) -> AbstractContextManager[Span]:
        return _NOTHING


NO_SPAN: Final[Span] = _NoSpan()
"""Of work that nobody follows."""

_NOTHING: Final = nullcontext(NO_SPAN)

NO_TRACING: Final[Tracing] = _NoTracing()
"""Follows nothing."""
