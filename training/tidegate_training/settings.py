"""Everything that decides what a training run produces, in one frozen value; it travels in checkpoint and manifest."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UniversalSettings:
    """Settings of `tidegate train universal`; the same settings, data and commit give the same weights on one machine."""

    hidden: int = 48
    """Width of the recurrent output; a row carries twice as many float32."""
    head: int = 64
    """Width of the layer between cell and quantiles."""
    lanes: int = 256
    """Rows trained side by side, each with its own carried state."""
    window: int = 64
    """Readings of truncated back-propagation."""
    updates_per_epoch: int = 150
    epochs: int = 30
    learning_rate: float = 3e-3
    """Peak of Adam's rate; falls along a cosine to a hundredth of it."""
    gradient_limit: float = 1.0
    """Largest norm of a gradient."""
    patience: int = 8
    """Epochs without a better held-out loss before training stops."""
    lane_readings: int = 3000
    """Mean length of a lane before it is reset to a fresh state and another series."""
    missing_ratio: float = 0.02
    """Readings whose value is hidden from the model, in the lanes that lose values (half of them)."""
    gap_ratio: float = 0.002
    """Readings after which a gap of 2 to 200 intervals opens, in the lanes that have gaps (half of them)."""
    held_out_ratio: float = 0.15
    """Share of series groups (files, machines, VMs), and of each other series' end, that training never sees."""
    validation_readings: int = 1200
    """Length of each held-out lane."""
    random_state: int = 7
    cell: str = "plain"
    """Which forecaster: `plain`, `peephole` and `anndra` are LSTMs, `dense`, `convolution` and `transformer` look at a window."""
    without: str = ""
    """Terms of the cell `anndra` left out, separated by commas."""
    information: float = 0.1
    """Weight of the loss that trains the critic of the cell `anndra`; other cells have none."""
    smoothness: float = 0.0
    """Weight of the change of forecasts from reading to reading, squared."""
    l2: float = 0.0
    """Weight of the squared parameters."""
    total_variation: float = 0.0
    """Weight of the differences of neighbouring parameters."""
    optimiser: str = "adam"
    """`adam`, or `sghmc`: momentum with friction and noise."""


@dataclass(frozen=True, slots=True)
class JointSettings(UniversalSettings):
    """Settings of `tidegate train profile`: lanes hold whole devices, whose metrics are forecast together."""

    metrics: int = 1
    """Of the profile."""
    hidden: int = 64
    """Width of the recurrent output; a device carries about twice as many float32."""
    head: int = 32
    """Width of the layer between cell and quantiles, for each metric."""
    lanes: int = 32
    """Devices trained side by side."""
    dropped_ratio: float = 0.15
    """Metrics that are out for a stretch, in the lanes that lose any (half of them)."""


SMOKE = UniversalSettings(
    hidden=8, head=8, lanes=16, window=16, updates_per_epoch=10, epochs=2, lane_readings=200, validation_readings=200
)
"""A run of seconds that still trains, stops, exports and loads."""

JOINT_SMOKE = JointSettings(
    hidden=8, head=8, lanes=8, window=16, updates_per_epoch=10, epochs=2, lane_readings=200, validation_readings=200
)
"""The same for a profile."""
