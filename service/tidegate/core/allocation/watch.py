"""Did a wave do good? What its devices were like before, and what speaks against it since.

Anomalies of a device that has just been moved blame the move, until it has been watched for a while. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.core.allocation.rollout import Rollout, Watched
from tidegate.core.allocation.site import Site
from tidegate.core.condition import CONFIDENT, Condition

PATIENCE_MS: Final = 300_000
"""Milliseconds of ticks for which a device is waited for that sent readings before (five minutes, our choice). One that may be
quiet for longer is then taken on trust, if others were heard."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the last wave came to: `against` it (empty: nothing), whether all `is_well`, and the wave as it is now."""

    against: str
    is_well: bool
    rollout: Rollout


def begin(rollout: Rollout, conditions: Sequence[Condition]) -> Rollout:
    """Note how the devices of the wave are, `conditions` in their order, before its moves can have done anything to them."""
    pairs = zip(rollout.wave, conditions, strict=True)
    wave = [replace(each, heard=now.is_heard, anomaly=now.anomaly) for each, now in pairs]
    return replace(rollout, wave=wave, is_watched=True)


def look(site: Site, rollout: Rollout, conditions: Sequence[Condition], wave_ms: int, now_ms: int) -> Verdict:
    """Judge the last wave of `rollout` at tick `now_ms`; its devices are watched for `wave_ms` from the end of their hand-overs.

    Every device that was heard before is heard again before it is well, or after `PATIENCE_MS` at least one of them.
    """
    against = next((text for text in (_against(site, *pair) for pair in zip(rollout.wave, conditions, strict=True)) if text), "")
    if against or any(each.device in site.transfers for each in rollout.wave):
        return Verdict(against, is_well=False, rollout=rollout)
    if rollout.since_ms is None:
        pairs = zip(rollout.wave, conditions, strict=True)
        rollout = replace(rollout, wave=[replace(each, readings=now.readings) for each, now in pairs], since_ms=now_ms)
    return _heard(rollout, conditions, wave_ms, now_ms)


def _heard(rollout: Rollout, conditions: Sequence[Condition], wave_ms: int, now_ms: int) -> Verdict:
    watched_ms = now_ms - (now_ms if rollout.since_ms is None else rollout.since_ms)
    known = [(each, now) for each, now in zip(rollout.wave, conditions, strict=True) if each.heard and each.target is not None]
    missing = [each for each, now in known if now.readings <= each.readings]
    if not missing or watched_ms < max(wave_ms, PATIENCE_MS):
        return Verdict("", is_well=watched_ms >= wave_ms and not missing, rollout=rollout)
    if len(missing) == len(known):
        seconds = watched_ms // 1000
        return Verdict(f"no device of wave {rollout.waves} has been heard for {seconds} s, {_moved(missing[0])}", False, rollout)
    return Verdict("", is_well=True, rollout=rollout)


def _against(site: Site, device: Watched, now: Condition) -> str:
    """What speaks against the move of `device`, in words; empty when nothing does."""
    if site.bound(device.device)[1] != device.epoch:
        return f"{_moved(device)} did not come about: {site.assignments[device.device].reason}"
    if device.target is None:
        return ""
    if device.target in site.silent:
        return f"gateway {device.target} is silent, {_moved(device)}"
    if device.heard and now.silent:
        return f"{_moved(device)} is silent since"
    if now.anomaly is not None and now.anomaly != device.anomaly and now.confidence >= CONFIDENT:
        return f"{_moved(device)} has an anomaly since: {now.anomaly}"
    return ""


def _moved(device: Watched) -> str:
    return f"device {device.device}, moved to {device.target},"
