"""The read model: what the output topics said."""

from typing import Protocol

from tidegate.contracts.annotation import ALL_ANOMALIES, AnomalyFilter
from tidegate.contracts.anomaly import Anomaly, Incident, IncidentStatus
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import ALL_LETTERS, KeptLetter, LetterFilter
from tidegate.contracts.paging import AsOf, Page, PageRequest
from tidegate.contracts.plan import Assignment, DecisionStatus
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import (
    CommandView,
    DecisionHistory,
    DecisionView,
    TopologyRevision,
)
from tidegate.ports.notes import Notes
from tidegate.ports.scores import ScoreHistory


class Views(ScoreHistory, Notes, Protocol):
    """The read model: what the output topics said, for questions. Behind them by what `as_of` shows; old facts go by age.

    Lists of facts come newest first, assignments by site and device. An argument left None does not filter.

    Raises:
        HistoryError: the database cannot be asked.
    """

    async def as_of(self) -> AsOf:
        """How far the read model has read."""
        ...

    async def anomalies(self, page: PageRequest, wanted: AnomalyFilter = ALL_ANOMALIES) -> Page[Anomaly]:
        """The latest version of each anomaly."""
        ...

    async def anomaly(self, anomaly_id: str) -> Anomaly | None:
        """The latest version of one anomaly."""
        ...

    async def incidents(
        self, page: PageRequest, *, site: str | None = None, status: IncidentStatus | None = None
    ) -> Page[Incident]:
        """The latest version of each incident."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """The latest version of one incident."""
        ...

    async def decisions(
        self, page: PageRequest, *, site: str | None = None, status: DecisionStatus | None = None
    ) -> Page[DecisionView]:
        """Each plan as its latest fact left it."""
        ...

    async def decision(self, plan_id: str) -> DecisionHistory | None:
        """One plan with all its facts."""
        ...

    async def assignments(self, page: PageRequest, *, site: str | None = None, gateway: str | None = None) -> Page[Assignment]:
        """Desired state, by site and device; of `gateway` what it has and what is coming to it."""
        ...

    async def forecast(self, site: str, device: str) -> Forecast | None:
        """The latest forecast of one device."""
        ...

    async def dead_letters(self, page: PageRequest, wanted: LetterFilter = ALL_LETTERS) -> Page[KeptLetter]:
        """Input that could not be used; `original` is cut to what the read model keeps."""
        ...

    async def dead_letter(self, letter_id: str) -> KeptLetter | None:
        """One letter, cut as in the list; None when it is not kept here, which the log may still do."""
        ...

    async def command(self, command_id: str) -> CommandView | None:
        """One command and what became of it."""
        ...

    async def topologies(self, page: PageRequest, site: str) -> Page[TopologyRevision]:
        """The topologies that came into force at `site`, the last revision first."""
        ...

    async def topology(self, site: str, revision: int) -> Topology | None:
        """The topology that came into force at `site` as `revision`."""
        ...
