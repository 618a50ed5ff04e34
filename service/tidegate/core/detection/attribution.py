"""Attribution: which metrics a device's score is made of.

The combined evidence is a sum over a device's streams, so what each brings is its term, exactly. What is not a sum (the tail it
goes through, and the strongest stream that is heard beside it) is asked by occlusion: the score once more without that metric.
Changes nothing.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import Reason
from tidegate.contracts.ids import MetricName
from tidegate.contracts.views import MetricPart
from tidegate.core.detection.calibration import DEVICE, SHAPES, fit
from tidegate.core.detection.look import Look, Subject
from tidegate.core.detection.row_scores import ALARMING
from tidegate.core.detection.scoring import COMBINED_CAP, ORDINARY, device_rarity

DEVICE_STREAMS: Final = frozenset({"dropout", "silence", "clock", "class", "unknown"})
"""Streams that speak of a device and not of one metric."""


def decades(rarity: float, weight: float = 1.0) -> float:
    """What a stream of −log10 p `rarity` brings to the sum, as in `scoring`."""
    return max(min(rarity, COMBINED_CAP) - ORDINARY, 0.0) * weight


def with_shares(said: list[Reason], look: Look, alarming: tuple[str, ...]) -> list[Reason]:
    """`said` with the share that each brings to the evidence; `alarming` are the streams of metrics that count in it."""
    weight: dict[MetricName | None, float] = {metric.name: metric.weight for metric in look.metrics}
    brought = [
        max(each.neg_log10_p - ORDINARY, 0.0)
        if each.stream in DEVICE_STREAMS
        else decades(each.neg_log10_p, weight.get(each.metric, 1.0)) * (each.stream in alarming)
        for each in said
    ]
    whole = sum(brought)
    return [replace(each, share=part / whole if whole > 0.0 else 0.0) for each, part in zip(said, brought, strict=True)]


def parts_of(look: Look, subject: Subject | None) -> list[MetricPart]:
    """Each metric's part in the score of the last reading, the largest first; missed readings last, if any count.

    `without` is by the device's tail as it stands after that reading, which only the state has (`subject`), no sample. A record
    is judged as a whole and has no parts.
    """
    if look.classes is not None:
        return []
    brought = [sum(decades(rarity, each.weight) for rarity in each.rarity[:ALARMING]) for each in look.metrics]
    strongest = [max(each.rarity[:ALARMING]) for each in look.metrics]
    names: list[MetricName | None] = [each.name for each in look.metrics]
    if look.dropout > ORDINARY:
        brought, strongest, names = [*brought, look.dropout - ORDINARY], [*strongest, look.dropout], [*names, None]
    whole = sum(brought)
    judged = subject is not None and np.isfinite(look.rarity)
    without = _occluded(subject, look, brought, strongest) if subject is not None and judged else [None] * len(names)
    parts = [
        MetricPart(name, part / whole if whole > 0.0 else 0.0, left)
        for name, part, left in zip(names, brought, without, strict=True)
    ]
    return sorted(parts, key=lambda part: (part.metric is None, -part.share))


def _occluded(subject: Subject, look: Look, brought: list[float], strongest: list[float]) -> list[float | None]:
    """−log10 p of the reading had one part of it been ordinary, by part; never above what it was."""
    devices, count = subject.devices, len(brought)
    slot = np.full(count, subject.slot)
    prior = subject.lane.priors[DEVICE]
    fitted = fit(devices.device_survivors[slot], devices.device_readings[slot], prior, SHAPES[DEVICE])
    left = np.maximum(sum(brought) - np.array(brought), 0.0)
    others = np.array([max([*strongest[:place], *strongest[place + 1 :]], default=0.0) for place in range(count)])
    rarity = device_rarity(fitted, left, others, np.full(count, len(look.metrics)))
    return [min(float(value), look.rarity) for value in rarity]
