"""Outage: whether a gateway's devices fell silent together. Arrays over gateways; a pure function of the devices' silence.

A device testifies only for the gateway through which it last spoke: one that was just moved and has not been heard says
nothing about its new gateway, or an evacuation would make the refuge look dead.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.configuration import DetectionSettings
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.silence import Silence
from tidegate.core.detection.state import NEVER, Devices

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outage:
    """By gateway: `fell` its devices are silent together, `lives` they speak again, `serves` how many testify at all."""

    fell: Bool
    lives: Bool
    serves: Int64


def judge_outages(
    devices: Devices, profiles: Profiles, silence: Silence, excused: Bool, gateways: int, settings: DetectionSettings
) -> Outage:
    """Weigh, by gateway, devices that are silent against those heard after the silent ones fell silent.

    The silence of those `excused` [device] says nothing.

    A device not heard since then and not yet due says nothing. A gateway falls when the silent are enough, are the
    configured share of those who say something, and those are at least half of all it serves.
    """
    gateway = devices.gateway[: devices.size]
    testifies = devices.vouches[: devices.size] & (gateway >= 0) & ~excused
    silent = testifies & silence.silent
    heard = devices.heard_ms[: devices.size]
    since = np.full(gateways, NEVER, dtype=np.int64)
    np.maximum.at(since, gateway[silent], _due_again(devices, profiles)[silent])
    speaks = testifies & ~silence.silent
    speaks[speaks] = heard[speaks] > since[gateway[speaks]]
    dead = np.bincount(gateway[silent], minlength=gateways)
    alive = np.bincount(gateway[speaks], minlength=gateways)
    serves = np.bincount(gateway[testifies], minlength=gateways)
    enough = (dead >= settings.gateway_silent_devices) & (2 * (dead + alive) >= serves)
    share = dead / np.maximum(dead + alive, 1)
    lives = (alive > 0) & (share < settings.gateway_silent_share / 2)
    return Outage(enough & (share >= settings.gateway_silent_share), lives, serves)


def _due_again(devices: Devices, profiles: Profiles) -> Int64:
    """When each device was due next after it was last heard."""
    interval = profiles.interval_ms[devices.profile[: devices.size]]
    due: Int64 = (devices.heard_ms[: devices.size] + interval).astype(np.int64)
    return due
