"""A lane of records: the devices that one classifier serves, an entry each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.core.classifier import Classifier, class_set
from tidegate.core.detection.calibration import priors_of
from tidegate.core.detection.records.table import Records
from tidegate.core.detection.records.tail import EVIDENCE
from tidegate.errors import BundleError

Int64 = NDArray[np.int64]


class RecordLane:
    """One classifier's devices. Stands beside `lane.Lane`: the same questions, answered for one entry per device.

    Raises:
        BundleError: the manifest says nothing of classes that makes sense.
    """

    def __init__(self, classifier: Classifier) -> None:
        manifest = classifier.manifest
        try:
            self.classes = class_set(manifest)
        except (KeyError, ValueError) as error:
            raise BundleError(
                f"bundle {classifier.identity} does not say its classes: {error!r}", advice="train it again"
            ) from error
        self.classifier = classifier
        self.priors = priors_of({})
        self.rows = Records(len(manifest.metrics), len(self.classes.names), EVIDENCE.edges)

    @property
    def identity(self) -> str:
        """Of the bundle."""
        return self.classifier.identity

    def class_name(self, code: int) -> str:
        """Name of a class by its code; the one after the last is that of records that fit none."""
        return (*self.classes.names, "unknown")[code]

    def entries(self, width: Int64) -> Int64:
        """How many entries devices of `width` metrics have: one."""
        return np.ones_like(width)

    def seat(self, devices: Int64, metrics: Sequence[NDArray[np.int32]]) -> Int64:
        """Append a fresh entry for each device; returns where."""
        first = self.rows.append(len(devices))
        seats = np.arange(first, first + len(devices))
        self.rows.device[seats] = devices
        return seats

    def rename(self, first: int, metrics: NDArray[np.int32]) -> None:
        """Nothing here names the metrics of a profile: columns are found anew for every record."""
