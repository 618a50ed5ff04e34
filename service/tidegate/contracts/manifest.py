"""The manifest of a bundle: what training promises and the service verifies before it believes a model.

A bundle is a folder `name/version/` with `model.onnx`, `manifest.json` and a report.
"""

from dataclasses import dataclass, field

from tidegate.contracts.ids import MetricName
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class StateTensor:
    """One carried state of the graph: input `name`, output `name` + `_next`, `[B, width]` of `dtype`; zeros at the start."""

    name: str
    dtype: str
    width: int


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a model has seen: data set, series and rows used, period if it has one, and a hash over the values."""

    dataset: str
    series: int
    rows: int
    sha256: str
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """What is in a bundle.

    A forecaster's graph is one step: inputs `x` float64 [B, D], `mask` float32 [B, D] (1 observed), `dt` float32 [B]
    (intervals since the last reading), `learn` float32 [B] (0 to 1), and each `state`; outputs `quantiles` float64
    [B, D, horizon, level] in the metric's unit, and each state's successor. `metrics` is empty for a channel-independent
    bundle (D is 1, one row per device and metric). A joint one names its D `metrics` and their `units` (empty where it knows
    none); B are devices, and D divides the width of each state, because the service keeps it split over a device's rows.

    A classifier's (task `classify`) takes `records` float64 [B, F], the columns `metrics` in order, NaN for missing, and gives
    `probabilities` and `log_likelihood` float32 [B, class] and `energy` float32 [B]. Its `prior` holds, by class, the share it
    had in training, and `settings` name the `normal` classes (by comma), `known_limit` (least energy of a known class) and
    `known_share` (ratio of known records that reach it).

    A forecaster's `prior` holds, by evidence stream, the fleet prior of its calibration
    (see `tidegate.core.detection.calibration`). `parity_max_abs` is the largest difference torch ↔ ONNX seen at export.
    """

    name: str
    version: str
    task: str
    tier: str
    metrics: list[MetricName]
    units: list[str]
    horizons: list[int]
    quantile_levels: list[float]
    state: list[StateTensor]
    state_bytes: int
    warmup_readings: int
    prior: dict[str, list[float]]
    data: list[TrainingData]
    code_version: str
    commit: str
    command: str
    created_at: str
    random_state: int
    parity_max_abs: float
    figures: dict[str, float]
    model_sha256: str
    opset: int
    settings: dict[str, float | int | str | bool] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
