"""Censoring as plain values and back, for snapshots: only what is not as it was before any sample, but for the times."""

from dataclasses import dataclass, replace

import numpy as np

from tidegate.core.allocation.censoring import Censoring, nothing_censored
from tidegate.core.allocation.frame import Frame
from tidegate.errors import InputError


@dataclass(frozen=True, slots=True)
class CensoringState:
    """`Censoring` with cells by their place in the flattened array: `held` and `sure` where something is held, and the `lax`."""

    held: dict[int, float]
    sure: dict[int, int]
    sampled_ms: list[int]
    epoch: list[int]
    lax: list[int]


def export_censoring(censoring: Censoring) -> CensoringState:
    """`censoring` as plain values; equal ones give equal values."""
    cells = np.flatnonzero(np.isfinite(censoring.held)).tolist()
    return CensoringState(
        held=dict(zip(cells, censoring.held.flat[cells].tolist(), strict=True)),
        sure=dict(zip(cells, censoring.sure.flat[cells].tolist(), strict=True)),
        sampled_ms=censoring.sampled_ms.tolist(),
        epoch=censoring.epoch.tolist(),
        lax=np.flatnonzero(censoring.lax).tolist(),
    )


def restore_censoring(state: CensoringState | None, frame: Frame) -> Censoring:
    """What `export_censoring` wrote down of `frame`; nothing for None, from before there was any.

    Raises:
        InputError: `state` is not of that frame.
    """
    blank = nothing_censored(frame)
    if state is None:
        return blank
    cells = list(state.held)
    fits = all(0 <= cell < blank.held.size for cell in cells) and all(0 <= cell < blank.lax.size for cell in state.lax)
    if not fits or state.sure.keys() != state.held.keys() or {len(state.sampled_ms), len(state.epoch)} != {len(frame.devices)}:
        raise InputError(f"censored samples of another site than one of {len(frame.devices)} devices")
    blank.held.flat[cells] = list(state.held.values())
    blank.sure.flat[cells] = [state.sure[cell] for cell in cells]
    blank.lax.flat[state.lax] = True
    return replace(blank, sampled_ms=np.array(state.sampled_ms, np.int64), epoch=np.array(state.epoch, np.int64))
