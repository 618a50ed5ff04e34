"""A lane: the rows that one bundle steps, with that bundle's priors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.core.detection.calibration import priors_of
from tidegate.core.detection.state import Rows
from tidegate.core.forecaster import Forecaster, row_state, rows_together
from tidegate.errors import BundleError

Int64 = NDArray[np.int64]


class Lane:
    """One bundle's rows, `together` of them stepped as one. It must forecast the horizons and levels that Tidegate publishes.

    Raises:
        BundleError: the bundle forecasts others.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        manifest = forecaster.manifest
        if tuple(manifest.horizons) != HORIZONS or not np.allclose(manifest.quantile_levels, QUANTILE_LEVELS):
            raise BundleError(
                f"bundle {forecaster.identity} forecasts horizons {manifest.horizons} at levels {manifest.quantile_levels}, "
                f"expected {list(HORIZONS)} at {list(QUANTILE_LEVELS)}",
                advice="train the bundle with this release",
            )
        self.forecaster = forecaster
        self.priors = priors_of(manifest.prior)
        self.together = rows_together(manifest)
        self.rows = Rows(row_state(manifest))

    @property
    def identity(self) -> str:
        """Of the bundle."""
        return self.forecaster.identity

    def entries(self, width: Int64) -> Int64:
        """How many rows devices of `width` metrics have: one for each."""
        return width

    def seat(self, devices: Int64, metrics: Sequence[NDArray[np.int32]]) -> Int64:
        """Append fresh rows for each device, one for each of its metrics (codes); returns each device's first."""
        width = np.array([len(codes) for codes in metrics], dtype=np.int64)
        first = self.rows.append(int(width.sum()))
        self.rows.metric[first : self.rows.size] = np.concatenate(metrics)
        self.rows.device[first : self.rows.size] = np.repeat(devices, width)
        return np.asarray(first + np.cumsum(width) - width)

    def rename(self, first: int, metrics: NDArray[np.int32]) -> None:
        """Let the rows of the device whose first is `first` be of these metrics."""
        self.rows.metric[first : first + len(metrics)] = metrics
