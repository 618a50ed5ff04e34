"""A run's state between epochs, on disk, so that an interrupted run goes on to the same weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from tidegate.errors import ConfigurationError
from tidegate_training.settings import UniversalSettings


@dataclass(slots=True)
class Progress:
    """What a run has reached: next epoch, losses so far, best held-out loss and its weights, and the optimiser's state."""

    epoch: int = 0
    train_losses: list[float] = field(default_factory=list)
    held_out_losses: list[float] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = -1
    best: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)


def save(path: Path, progress: Progress, settings: UniversalSettings, data: Mapping[str, str]) -> None:
    """Write the checkpoint whole or not at all; it names the settings and data hashes it belongs to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    fields = {name: getattr(progress, name) for name in Progress.__slots__}
    torch.save({"progress": fields, "settings": asdict(settings), "data": dict(data)}, partial)
    partial.replace(path)


def load(path: Path, settings: UniversalSettings, data: Mapping[str, str]) -> Progress:
    """Read a checkpoint back; a missing one is a fresh start.

    Raises:
        ConfigurationError: it is unreadable, or was made with other settings or other data.
    """
    if not path.exists():
        return Progress()
    try:
        held = torch.load(path, weights_only=True)
    except Exception as error:
        raise ConfigurationError(f"{path} is not a checkpoint: {error}", advice="delete it to start afresh") from error
    differing = [name for name, value in asdict(settings).items() if held["settings"].get(name) != value]
    if held["data"] != dict(data):
        differing.append("data")
    if differing:
        raise ConfigurationError(f"{path} was made with other {', '.join(differing)}", advice="repeat the first run's options")
    return Progress(**held["progress"])
