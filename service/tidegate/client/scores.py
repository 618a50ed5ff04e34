"""How devices scored, and how a series would."""

from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.paging import Page
from tidegate.contracts.scores import ScorePoint
from tidegate.contracts.series import ScoredSeries, SeriesRequest

_LIST: Final = Route("GET", "/v1/devices/{site}/{device}/scores")
_SCORE: Final = Route("POST", "/v1/score", harmless_twice=True)


class Scores:
    """`/v1/devices/…/scores` and `/v1/score`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, site: str, device: str, *, since_ms: int | None = None, until_ms: int | None = None) -> Listing[ScorePoint]:
        """A device's recorded scores, the newest first; `since_ms` is included, `until_ms` is not."""
        query = {"since_ms": since_ms, "until_ms": until_ms}
        return Listing(self._wire, _LIST, Page[ScorePoint], {"site": site, "device": device}, query=query)

    async def score(self, series: SeriesRequest) -> ScoredSeries:
        """Score a series as the worker would; nothing of the service changes by it."""
        return await self._wire.ask(_SCORE, ScoredSeries, body=series)
