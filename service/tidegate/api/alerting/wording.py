"""An anomaly or incident as an alert: labels to route and group by, and words for whoever is woken."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tidegate.contracts.anomaly import Anomaly, Incident, Severity

ANOMALY_ALERT: Final = "TidegateAnomaly"
INCIDENT_ALERT: Final = "TidegateSiteIncident"
"""Not `TidegateIncident`, which Prometheus' rule says of the whole service, without a site."""

MOST_REASONS: Final = 3
"""Reasons in words, strongest first: more than anybody reads on a telephone."""

ORDER: Final = tuple(Severity)
"""From the least severe."""


@dataclass(frozen=True, slots=True)
class Wording:
    """`minimum` severity that is told of; `link` is where people reach the door, empty where nobody said."""

    minimum: Severity = Severity.HIGH
    link: str = ""

    def wants(self, fact: Anomaly | Incident) -> bool:
        """Whether anybody is to be told of `fact`."""
        return ORDER.index(fact.severity) >= ORDER.index(self.minimum)

    def labels(self, fact: Anomaly | Incident) -> dict[str, str]:
        """What routes, groups and silences it. Empty ones are left out: Alertmanager takes them for absent."""
        common = {"area": "fleet", "site": fact.site, "gateway": fact.gateway or "", "severity": fact.severity.value}
        if isinstance(fact, Incident):
            own = {"alertname": INCIDENT_ALERT, "cause": fact.cause.value, "incident": fact.id}
        else:
            own = {"alertname": ANOMALY_ALERT, "device": fact.device, "profile": fact.profile, "anomaly": fact.id}
        return {name: value for name, value in (own | common).items() if value}

    def annotations(self, fact: Anomaly | Incident) -> dict[str, str]:
        """What is said."""
        if isinstance(fact, Incident):
            return {"summary": f"{fact.site}: {fact.text}", "action": f"GET /v1/incidents/{fact.id} names the devices"}
        ranked = sorted(fact.reasons, key=lambda reason: -reason.neg_log10_p)[:MOST_REASONS]
        return {
            "summary": f"{fact.device} at {fact.site}: {fact.fault_kind.value}, {fact.severity.value}",
            "reasons": "; ".join(reason.text for reason in ranked) or fact.fault_kind.value,
            "action": f"GET /v1/anomalies/{fact.id} has all of it, and the device's explanation what it would take to end",
        }

    def link_to(self, fact: Anomaly | Incident) -> str:
        """Where it is shown."""
        kind = "incidents" if isinstance(fact, Incident) else "anomalies"
        return f"{self.link.rstrip('/')}/v1/{kind}/{quote(fact.id, safe='')}" if self.link else ""
