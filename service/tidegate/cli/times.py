"""Times for people: as they are shown, and as they are given."""

import re
from datetime import UTC, datetime
from typing import Final

from tidegate.errors import ConfigurationError

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def shown_time(time_ms: int) -> str:
    """Date and time (UTC); a time no calendar has is shown as its number."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return str(time_ms)


def later_time(text: str) -> int:
    """Unix milliseconds of an ISO 8601 time, or of so long from now: `+2h`.

    Raises:
        ConfigurationError: it is neither.
    """
    ahead = re.fullmatch(r"\+(\d{1,9})([smhd])", text)
    if ahead is not None:
        return round(datetime.now(UTC).timestamp() * 1000) + int(ahead[1]) * _UNIT_SECONDS[ahead[2]] * 1000
    time_ms = given_time(text)
    assert time_ms is not None  # noqa: S101 - a text was given
    return time_ms


def given_time(text: str | None) -> int | None:
    """Unix milliseconds of an ISO 8601 time (UTC unless it says otherwise), or of so long ago.

    Raises:
        ConfigurationError: it is neither.
    """
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,9})([smhd])", text)
    try:
        if ago is not None:
            return round(datetime.now(UTC).timestamp() * 1000) - int(ago[1]) * _UNIT_SECONDS[ago[2]] * 1000
        time = datetime.fromisoformat(text)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"time is {text!r}, expected such as 2026-01-31T12:00:00Z, or 2h") from error
