"""A lane: the rows that one bundle steps, with that bundle's priors."""

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.core.detection.calibration import priors_of
from tidegate.core.detection.state import Rows
from tidegate.core.forecaster import Forecaster
from tidegate.errors import BundleError


class Lane:
    """One bundle's rows. A bundle must forecast the horizons and levels that Tidegate publishes.

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
        self.rows = Rows(manifest.state)
