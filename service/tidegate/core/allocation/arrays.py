"""Names of the array types allocation computes with."""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

NOWHERE = -1
"""Index in place of a gateway for a device that none serves."""
