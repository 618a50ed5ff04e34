"""A memory of the last readings as one flat row: what convolutions and attention look back on, bounded and carried."""

import torch
from torch import Tensor


def pushed(ring: Tensor, entry: Tensor) -> Tensor:
    """Return `ring` [B, slots × width], oldest first, with `entry` [B, width] as the newest in place of the oldest.

    Shifted, not written in a circle: a position within it is then an age, and no counter is carried. Slots not yet used are zero.
    """
    return torch.cat([ring[:, entry.shape[1] :], entry], dim=1)


def slots(ring: Tensor, width: int) -> Tensor:
    """Return `ring` as [B, slots, width]."""
    return ring.reshape(-1, ring.shape[1] // width, width)
