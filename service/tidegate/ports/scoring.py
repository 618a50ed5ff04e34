"""Scoring on request, beside the stream."""

from typing import Protocol

from tidegate.contracts.series import SeriesRequest


class SeriesScorer(Protocol):
    """Scores posted series with the service's own code. Touches no state of it; equal requests get equal answers."""

    async def score(self, request: SeriesRequest) -> bytes:
        """The `ScoredSeries` of `request` as JSON; takes up to some seconds, in a thread.

        Raises:
            InputError: there is no such profile, or what is declared breaks a rule.
            BusyError: as many series as may be are being scored.
            BundleError: the bundle fails.
        """
        ...
