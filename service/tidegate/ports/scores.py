"""Scores of the past, as far as they are recorded and kept."""

from typing import Protocol

from tidegate.contracts.paging import Page, PageRequest
from tidegate.contracts.scores import ScoreSample


class ScoreHistory(Protocol):
    """The recorded samples of each device. Behind the log by what `as_of` of a page shows; bounded, so old samples go."""

    async def samples(
        self, page: PageRequest, *, site: str, device: str, since_ms: int | None = None, until_ms: int | None = None
    ) -> Page[ScoreSample]:
        """Samples of one device by event time, the newest first; `since_ms` is included, `until_ms` is not."""
        ...

    async def sample_at(self, site: str, device: str, at_ms: int) -> ScoreSample | None:
        """The last sample of a device at or before event time `at_ms`; None when none is kept."""
        ...
