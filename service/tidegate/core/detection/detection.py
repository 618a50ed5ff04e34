"""The door to detection: micro-batches and ticks in, scores and facts out.

State changes only here, in this order: admission, then per round scoring, judgement, learning, facts; then devices with late
readings once more from a checkpoint on; silence and incidents at ticks. The same calls on equal states give equal results,
bit for bit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, IncidentCause
from tidegate.contracts.command import Command
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.deadletter import QUARANTINE_REASONS, DeadLetterReason
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.reading import Reading
from tidegate.contracts.scores import ScoreBatch
from tidegate.contracts.views import DeviceView, Explanation
from tidegate.core.classifier import Model
from tidegate.core.condition import Condition
from tidegate.core.detection import acceptance, archive, views
from tidegate.core.detection.admission import Admission, order_faults
from tidegate.core.detection.anomalies import Anomalies
from tidegate.core.detection.explanation import heard_reasons
from tidegate.core.detection.incidents import Incidents
from tidegate.core.detection.lateness import Late, Lateness
from tidegate.core.detection.maintenance import Maintenance
from tidegate.core.detection.orders import obey
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.rerun import rerun
from tidegate.core.detection.results import DemandRows, DetectionResult, Rejection, Scores, Trouble, no_scores
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.rounds import Intake, rounds
from tidegate.core.detection.samples import due, gather
from tidegate.core.detection.silence import JUDGE_EVERY_MS
from tidegate.core.detection.silent import judge_and_tell
from tidegate.core.detection.state import NEVER
from tidegate.core.detection.stepping import Stepped, step_records, step_rows

__all__ = ["DemandRows", "Detection", "DetectionResult", "Rejection", "Scores"]

CLOCK_REASONS: Final = frozenset({DeadLetterReason.CLOCK_AHEAD, DeadLetterReason.CLOCK_IMPLAUSIBLE, DeadLetterReason.TOO_LATE})
"""Why a reading is refused whose device's clock may be wrong."""

LN10: Final = float(np.log(10.0))


class Detection:
    """All devices of the sites one worker owns. Single-threaded; never raises on a reading's content."""

    def __init__(self, configuration: CoreConfiguration, forecasters: Mapping[str, Model]) -> None:
        self.settings = configuration.detection
        self.roster = Roster(configuration, forecasters)
        self.admission = Admission(self.roster.directory, self.roster.profiles, self.settings)
        self.anomalies = Anomalies(Maintenance())
        self.lateness = Lateness(self.roster)
        self.incidents = Incidents()
        self.judged_at_ms = NEVER

    def configure(self, configuration: CoreConfiguration) -> None:
        """Put `configuration` in force. Devices whose profile changed its metrics or its bundle warm up again."""
        self.settings = self.admission.settings = configuration.detection
        self.roster.configure(configuration, lambda slots: self.lateness.forget(slots, self.anomalies))

    def assign(self, site: SiteId, device: DeviceId, gateway: GatewayId | None) -> None:
        """Note that allocation gave `device` to `gateway` (null: to nobody); overrides what readings say. Idempotent."""
        self.roster.assign(site, device, gateway, self.settings.max_devices)

    def observe(self, readings: Sequence[Reading], tick_ms: int) -> DetectionResult:
        """Take one micro-batch, readings of any sites; the order of one device's readings is kept.

        Scores do not depend on how readings are cut into batches, nor on other devices. Readings that cannot be scored
        come back as rejections or count as duplicates. Where a profile has a lateness horizon, what the state comes to does
        not depend on the order within it either; scores that are out before a late reading comes stay as they are.
        """
        result = DetectionResult(received=len(readings))
        intake, result.rejections = self.admission.admit(readings, tick_ms)
        self.roster.welcome()
        touched = np.unique(intake.slot)
        before_ms = self.roster.devices.last_time_ms[touched]
        intake, late = self.lateness.sort_out(intake, self.anomalies, result)
        scores: list[Scores] = []
        for one in rounds(intake):
            fresh = self._in_order(one, result)
            scores += self._step(fresh, self.anomalies, result.anomalies)
            result.forecast_due += self._due(fresh.slot, self.roster.devices.readings[fresh.slot] - 1)
            self.lateness.follow(fresh, self.anomalies)
        if late is not None:
            scores += self._step_again(late, result)
        self._count_refused(readings, result)
        after_ms = self.roster.devices.last_time_ms[touched]
        result.score_due = due(touched, before_ms, after_ms, self.settings.score_every_seconds)
        result.scores = _by_index(scores)
        result.rejections.sort(key=lambda rejection: rejection.index)
        result.quarantined = sum(rejection.reason in QUARANTINE_REASONS for rejection in result.rejections)
        result.dead_lettered = len(result.rejections) - result.quarantined
        result.scored = len(result.scores.index)
        return result

    def tick(self, tick_ms: int) -> DetectionResult:
        """Judge silence of devices, gateways and sites; at most once a second of ticks, so call it as often as you like."""
        result = DetectionResult()
        step_ms = 0 if self.judged_at_ms == NEVER else tick_ms - self.judged_at_ms
        if self.roster.devices.size == 0 or (0 <= step_ms < JUDGE_EVERY_MS and self.judged_at_ms != NEVER):
            return result
        self.judged_at_ms = tick_ms
        step_ms = max(step_ms, 0)
        judge_and_tell(self.roster, self.anomalies, self.lateness, self.incidents, self.settings, step_ms, tick_ms, result)
        return result

    def obey(self, command: Command) -> DetectionResult:
        """Carry out a checked `command` that is detection's (`orders.KINDS`); returns the facts it leads to.

        Raises:
            CommandRefused: there are too many maintenance windows, or none of that id.
        """
        return obey(self.roster, self.anomalies, self.lateness, self.incidents, command)

    def samples(self, results: Sequence[DetectionResult], tick_ms: int) -> list[ScoreBatch]:
        """What to record after a batch that came to `results`: devices that are due, and whose anomaly opened or ended."""
        slots = {slot for result in results for slot in result.score_due.tolist()}
        slots |= {
            self.roster.directory.known[fact.site, fact.device].slot
            for result in results
            for fact in result.anomalies
            if fact.status is AnomalyStatus.OPENED or not fact.is_open
        }
        return gather(self.roster, self.anomalies, slots, tick_ms) if slots else []

    def _count_refused(self, readings: Sequence[Reading], result: DetectionResult) -> None:
        """Note of known devices how many readings had times that nobody can believe: their silence is then a clock's."""
        for rejection in result.rejections:
            reading = readings[rejection.index]
            known = self.roster.directory.known.get((reading.site, reading.device))
            if known is not None and rejection.reason in CLOCK_REASONS and known.slot < self.roster.devices.size:
                self.roster.devices.refused[known.slot] += 1

    def _in_order(self, one: Intake, result: DetectionResult) -> Intake:
        """What of a round is neither a repeat nor late; the rest is accounted for."""
        repeat, late = order_faults(self.roster.devices, one)
        result.duplicate += int(repeat.sum())
        for place in np.flatnonzero(late):
            last = self.roster.devices.last_time_ms[one.slot[place]]
            text = f"event time {one.time_ms[place]} is before {last}, the device's newest"
            result.rejections.append(Rejection(int(one.index[place]), DeadLetterReason.TOO_LATE, text))
        refused = repeat | late
        return one.take(~refused) if refused.any() else one

    def _step_again(self, late: Late, result: DetectionResult) -> list[Scores]:
        """Step devices with late readings from a checkpoint on, and say what that changes."""
        slot = np.array([job.slot for job in late.jobs])
        before = self.roster.devices.readings[slot]
        found: list[Anomaly] = []
        outcome = rerun(self.lateness, self.anomalies, late, lambda one, anomalies: self._step(one, anomalies, found))
        result.anomalies += outcome.facts
        result.incidents += self.incidents.replace_members(outcome.replaced)
        result.rerun += outcome.again
        result.forecast_due += self._due(slot, before)
        return outcome.scores

    def _step(self, intake: Intake, anomalies: Anomalies, facts: list[Anomaly]) -> list[Scores]:
        """One round: each lane by itself. What is to be told goes to `anomalies` and `facts`."""
        lane = self.roster.devices.lane[intake.slot]
        return [self._step_lane(code, intake.take(lane == code), anomalies, facts) for code in np.unique(lane).tolist()]

    def _step_lane(self, lane_code: int, intake: Intake, anomalies: Anomalies, facts: list[Anomaly]) -> Scores:
        """Score, judge, learn, tell: one round of one lane."""
        devices, profiles, lane = self.roster.devices, self.roster.profiles, self.roster.lanes[lane_code]
        if isinstance(lane, RecordLane):
            stepped = step_records(devices, profiles, lane, intake)
        else:
            stepped = step_rows(devices, profiles, lane, intake)
        facts += self._facts(intake, stepped, anomalies)
        rarity, judgement = stepped.scored.rarity, stepped.judgement
        score, sustained = -np.expm1(-LN10 * rarity), stepped.scored.sustained
        return Scores(intake.index, rarity, score, sustained, judgement.code, judgement.threshold)

    def _facts(self, intake: Intake, stepped: Stepped, anomalies: Anomalies) -> list[Anomaly]:
        judgement, ending = stepped.judgement, stepped.ending
        facts: list[Anomaly | None] = []
        for place in np.flatnonzero(ending.closes | self._telling(intake, stepped) | stepped.looked_at):
            subject = self.roster.subject(int(intake.slot[place]))
            at_ms, rank = int(intake.time_ms[place]), int(judgement.rank[place])
            if ending.closes[place]:
                metrics = anomalies.open[subject.slot].metrics
                why = acceptance.reason(subject, metrics) if ending.accepted[place] else None
                facts.append(anomalies.close(subject, at_ms, why))
            elif judgement.alarming[place]:
                facts.append(anomalies.alarm(subject, self.roster.named(subject.slot), at_ms, rank, heard_reasons(subject)))
            else:
                facts.append(anomalies.look_again(subject, at_ms))
        return [fact for fact in facts if fact is not None]

    def _telling(self, intake: Intake, stepped: Stepped) -> NDArray[np.bool_]:
        """Where there may be an alarm to tell: one that is new, worse, or of another kind, or of another episode."""
        devices, judgement = self.roster.devices, stepped.judgement
        worse = judgement.rank > devices.severity[intake.slot]
        telling: NDArray[np.bool_] = judgement.alarming & (worse | stepped.news | devices.outlived[intake.slot])
        return telling

    def _due(self, slot: NDArray[np.int64], before: NDArray[np.int64]) -> list[tuple[SiteId, DeviceId]]:
        """Devices that had `before` readings and have reached the next multiple of those between two forecasts."""
        every = self.settings.forecast_every
        if every <= 0:
            return []
        due = slot[self.roster.devices.readings[slot] // every > before // every]
        return [self.roster.directory.devices[slot] for slot in due.tolist()]

    def silent_gateways(self, site: SiteId) -> frozenset[GatewayId]:
        """Gateways of `site` with an open incident of their own."""
        open_here = (record.incident for record in self.incidents.gateways.values() if record.incident.site == site)
        return frozenset(
            incident.gateway
            for incident in open_here
            if incident.gateway is not None and incident.cause is IncidentCause.GATEWAY_SILENT
        )

    def troubles(self, site: SiteId) -> list[Trouble]:
        """Open anomalies of devices of `site` that are confident enough to act on."""
        return views.troubles(self.roster, self.anomalies, site)

    def sites(self) -> list[SiteId]:
        """Sites with devices, in the order in which they were first seen."""
        return list(self.roster.directory.sites[: self.roster.sites.size])

    def device_count(self) -> int:
        """Devices that have state."""
        return self.roster.devices.size

    def state_counts(self, site: SiteId | None = None) -> dict[DeviceState, int]:
        """How many devices of `site` (null: of all) are in each state; states without devices are there with 0."""
        return views.state_counts(self.roster, site)

    def newest_event_time_ms(self) -> int | None:
        """The newest event time among all devices; null before the first reading."""
        return views.newest_event_time_ms(self.roster)

    def device_views(self, site: SiteId | None = None) -> list[DeviceView]:
        """Devices as they stand after their last reading, of one site or of all."""
        return views.device_views(self.roster, self.anomalies, site)

    def device_view(self, site: SiteId, device: DeviceId) -> DeviceView | None:
        """One device as it stands after its last reading; null when it is unknown."""
        return views.device_view(self.roster, self.anomalies, site, device)

    def conditions(self, site: SiteId, devices: Sequence[DeviceId]) -> list[Condition]:
        """How `devices` are, in so far as it may speak against a move of theirs, in their order."""
        return views.conditions(self.roster, self.anomalies, site, devices)

    def explain(self, site: SiteId, device: DeviceId) -> Explanation | None:
        """Why a device alarms, or why not; null when it is unknown."""
        return views.explain(self.roster, self.anomalies, site, device)

    def demand_rows(self, site: SiteId) -> DemandRows:
        """Latest values and forecasts of a site's devices, grouped by profile."""
        return views.demand_rows(self.roster, site)

    def export_state(self) -> dict[str, Any]:
        """The whole state as arrays and builtins; `restore` is its inverse."""
        return archive.export_state(self)

    @classmethod
    def restore(cls, configuration: CoreConfiguration, forecasters: Mapping[str, Model], state: Mapping[str, Any]) -> "Detection":
        """A detection that continues exactly where `export_state` was called.

        Raises:
            InputError: `state` is not such an export, or one under other bundles.
        """
        return archive.restore(cls(configuration, forecasters), state)

    def digest(self) -> str:
        """sha256 over the whole state: equal exactly for states that will always answer alike."""
        return archive.digest(self.export_state())


def _by_index(parts: list[Scores]) -> Scores:
    if not parts:
        return no_scores()
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("index", "neg_log10_p", "score", "surprise", "state", "threshold")
    ]
    if len(parts) > 1:
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
    return Scores(*columns)
