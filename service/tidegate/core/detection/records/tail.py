"""The tail of evidence of records: linear edges, because a CUSUM's tail is exponential and not a power law."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.detection.calibration import TailShape
from tidegate.core.detection.records.evidence import MOST_EVIDENCE
from tidegate.core.forecaster import Float64


@dataclass(frozen=True, slots=True)
class EvidenceShape(TailShape):
    """Edges at `first`, `first` + 1, … nats."""

    def position(self, surprise: Float64) -> Float64:
        """Where evidence (float64 [n], nats) falls among the edges; below the first edge it is negative."""
        return np.asarray(surprise - self.first)

    def default_prior(self) -> Float64:
        """P(evidence ≥ s) = exp(−s): Wald's bound for a CUSUM of true log-likelihood ratios, float64 [edges]."""
        return np.asarray(self.prior_share * np.exp(-np.arange(self.edges, dtype=np.float64)))


EVIDENCE: Final = EvidenceShape(
    edges=int(MOST_EVIDENCE),
    first=1.0,
    per_octave=1,
    memory=16_384,
    prior_readings=4096.0,
    prior_share=float(np.exp(-1.0)),
    prior_heavy=0.0,
)
"""The prior weighs as much as a device's: the model was calibrated before it came here, so a device is judged from its first
record on, and a few thousand of its own outweigh what theory says."""

PRIOR: Final = EVIDENCE.default_prior()
"""Of both streams; a bundle has none to give, as its own prior is that of classes."""
