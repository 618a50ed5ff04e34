"""Structured logs on standard error: lines of JSON for machines, coloured lines for people; libraries' lines as well."""

import logging
import sys
import time
from typing import Any, Final

import structlog

from tidegate.settings import LoggingSettings

REPEAT_SECONDS: Final = 10.0
"""Least time between two lines of a library from the same place in its code: without a broker, aiokafka says the same
a hundred times a second, and what it means for us we say ourselves."""


def configure_logging(settings: LoggingSettings) -> None:
    """Set up logging once, before the first line is logged. Libraries' lines below warning, and repeats, are left out."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    # Plain tracebacks: the default renders them in colours for seconds, and the loop waits.
    people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = people if console else structlog.processors.JSONRenderer()
    common: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OncePerPlace())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class OncePerPlace(logging.Filter):
    """Lets one line through per place in the code and `REPEAT_SECONDS`; the next one says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}
        self._left_out: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._last.get(place, float("-inf")) < REPEAT_SECONDS:
            self._left_out[place] = self._left_out.get(place, 0) + 1
            return False
        self._last[place] = now
        if left_out := self._left_out.pop(place, 0):
            record.msg = f"{record.getMessage()} (and {left_out} times more before)"
            record.args = ()
        return True
