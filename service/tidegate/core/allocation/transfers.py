"""Hand-overs of a site: what a move begins, and what words and time make of it. The rules of one are in `handover`.

Where hand-overs are off, or a gateway does not follow leases, nobody is asked and nobody is waited for: a move between two such
gateways applies at once.
"""

from dataclasses import dataclass, replace

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId
from tidegate.contracts.plan import Assignment, Coming, Phase, Trigger
from tidegate.contracts.resources import Resources
from tidegate.core.allocation.bound import Transfer
from tidegate.core.allocation.handover import Handover, Holder, Next, Patience, advance, begin, next_of
from tidegate.core.allocation.site import Site


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a device shall be, with what, by which plan (None: by the topology) and why."""

    gateway: GatewayId | None
    grant: Resources
    plan: PlanId | None
    reason: str
    found: bool = False
    """It is there already: nobody need be asked for room."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """The hand-overs of `site` at one tick, under the settings in force."""

    site: Site
    settings: AllocationSettings
    now_ms: int

    def move(self, device: DeviceId, wanted: Wanted) -> Assignment:
        """Begin to bring `device` to where it is wanted; returns its assignment as it stands now."""
        site, before = self.site, self.site.transfers.get(device)
        if self._stays(device, wanted):
            return self._returned(device, wanted.reason)
        if device not in site.assignments:
            nowhere = Assignment(site.id, device, None, site.epoch_floor, {}, Phase.UNSERVED, None, self.now_ms, wanted.reason)
            site.replace(nowhere, before)
        reserved = wanted.found or wanted.gateway not in site.followers
        epoch = site.next_epoch(device)
        if before is None or not self.settings.handover:
            handover = begin(self._holder(device), wanted.gateway, epoch, self.now_ms, reserved=reserved)
        else:
            handover = before.handover.towards(wanted.gateway, epoch, self.now_ms, reserved=reserved)
        if self._is_lost(handover):
            handover = handover.revoke(self.now_ms)
        transfer = Transfer(handover, wanted.grant, wanted.plan, wanted.reason)
        if wanted.gateway is None:
            self._release(device, transfer, wanted.reason)
        else:
            self._settle(device, transfer)
        return site.assignments[device]

    def forget(self, device: DeviceId, reason: str) -> Assignment:
        """Take `device` out of the site; returns its last assignment, to nowhere."""
        last = self.move(device, Wanted(None, {}, None, reason))
        self.site.forget(device)
        return last

    def advance(self) -> list[Assignment]:
        """Let time pass and words work; returns the assignments that changed."""
        changed = []
        for device, transfer in list(self.site.transfers.items()):
            before = self.site.assignments.get(device)
            self._settle(device, replace(transfer, handover=self._refused(transfer.handover)))
            after = self.site.assignments.get(device)
            if after is not None and after != before:
                changed.append(after)
        return changed

    def give_leases(self) -> list[Assignment]:
        """Give a lease to what followers were given before they said that they follow leases."""
        beats = self.site.heartbeats if self.settings.handover else {}
        said = {gateway for gateway, beat in beats.items() if beat.leases}
        new, self.site.followers = said - self.site.followers, said
        changed = []
        for each in list(self.site.assignments.values()) if new else []:
            if each.gateway in new and each.phase is Phase.ACTIVE and each.lease_ms is None:
                changed.append(self._leased(each))
                self.site.replace(changed[-1], None)
        return changed

    def stop(self) -> list[Assignment]:
        """Call off every hand-over whose holder was not told to stop; one that was has to be ended, or nobody serves."""
        changed = []
        for device, transfer in list(self.site.transfers.items()):
            if transfer.handover.revoked_ms is None and device in self.site.assignments:
                changed.append(self._returned(device, "stays: allocation was stopped"))
        return changed

    def _settle(self, device: DeviceId, transfer: Transfer) -> None:
        handover = advance(transfer.handover, self.now_ms, self._patience())
        transfer = replace(transfer, handover=handover)
        match next_of(handover):
            case Next.WAIT:
                self._wait(device, transfer)
            case Next.ACTIVATE:
                self._activate(device, transfer)
            case Next.RETURN:
                self._turned_away(handover)
                self._returned(device, f"stays: {handover.target} gave no room: {handover.refusal}")
                self.site.ask_again(Trigger.UNSERVED_DEVICES)
            case Next.RELEASE:
                self._turned_away(handover)
                self._release(device, transfer, f"{handover.target} gave no room: {handover.refusal}")
                self.site.ask_again(Trigger.UNSERVED_DEVICES)
            case Next.FORGET:
                del self.site.transfers[device]

    def _wait(self, device: DeviceId, transfer: Transfer) -> None:
        handover, before = transfer.handover, self.site.assignments.get(device)
        if before is None or handover.target is None:
            self.site.transfers[device] = transfer
        else:
            told = handover.revoked_ms is not None and before.gateway is not None
            phase = Phase.REVOKING if told else Phase.RESERVING
            asked = handover.target in self.site.followers
            coming = Coming(handover.target, handover.epoch, transfer.grant) if asked else None
            after = replace(before, phase=phase, coming=coming, reason=transfer.reason)
            if after != before:
                after = replace(after, plan_id=transfer.plan, assigned_at_ms=self.now_ms)
            self.site.replace(after, transfer)

    def _activate(self, device: DeviceId, transfer: Transfer) -> None:
        handover = transfer.handover
        self.site.spent.pop(device, None)
        after = Assignment(
            site=self.site.id,
            device=device,
            gateway=handover.target,
            epoch=handover.epoch,
            grant=transfer.grant,
            phase=Phase.ACTIVE,
            plan_id=transfer.plan,
            assigned_at_ms=self.now_ms,
            reason=transfer.reason,
        )
        self.site.replace(self._leased(after), None)

    def _release(self, device: DeviceId, transfer: Transfer, reason: str) -> None:
        """Assign `device` to nowhere; whoever may still hold it stays in mind."""
        nowhere = self.site.assign(device, None, {}, transfer.plan, self.now_ms, reason)
        handover = transfer.handover.towards(None, nowhere.epoch, self.now_ms, reserved=False)
        if next_of(handover) is Next.WAIT:
            self.site.transfers[device] = replace(transfer, handover=handover)

    def _returned(self, device: DeviceId, reason: str) -> Assignment:
        """Leave `device` where it is; the epoch that its target was offered is spent."""
        before = self.site.assignments[device]
        self.site.spent[device] = self.site.next_epoch(device) - 1
        phase = Phase.UNSERVED if before.gateway is None else Phase.ACTIVE
        after = replace(before, phase=phase, coming=None, assigned_at_ms=self.now_ms, reason=reason)
        self.site.replace(self._leased(after), None)
        return self.site.assignments[device]

    def _leased(self, assignment: Assignment) -> Assignment:
        """`assignment` with a lease where its gateway follows them. One that it has under this epoch stays what it is."""
        if assignment.lease_ms is not None or assignment.gateway not in self.site.followers:
            return assignment
        return replace(assignment, lease_ms=int(self.settings.lease_seconds * 1000))

    def _stays(self, device: DeviceId, wanted: Wanted) -> bool:
        """Whether a device that was to leave its gateway is wanted there after all, and was not told to stop."""
        transfer, before = self.site.transfers.get(device), self.site.assignments.get(device)
        if transfer is None or before is None or wanted.gateway is None:
            return False
        return transfer.handover.revoked_ms is None and before.gateway == wanted.gateway

    def _holder(self, device: DeviceId) -> Holder | None:
        now = self.site.assignments[device]
        if not self.settings.handover or now.gateway is None or now.lease_ms is None:
            return None
        return Holder(now.gateway, now.epoch, now.lease_ms)

    def _is_lost(self, handover: Handover) -> bool:
        """Whether the holder is not waited for until there is room elsewhere: it is dead, or gone, or the device is to go."""
        if handover.holder is None:
            return False
        gateway = handover.holder.gateway
        return handover.target is None or gateway in self.site.silent or gateway not in self.site.gateway_names()

    def _refused(self, handover: Handover) -> Handover:
        """A target that has left the topology gives no room."""
        gone = handover.target is not None and handover.target not in self.site.gateway_names()
        return replace(handover, reserved=False, refusal="it has left the topology") if gone else handover

    def _turned_away(self, handover: Handover) -> None:
        """Send nobody else there for twice as long as an answer may take: a repair must not choose the same again and again."""
        if handover.target is not None and handover.target in self.site.gateway_names():
            self.site.unwilling[handover.target] = self.now_ms + 2 * self._patience().answer_ms

    def _patience(self) -> Patience:
        settings = self.settings
        return Patience(int(settings.reserve_seconds * 1000), int(settings.clock_error_seconds * 1000))
