"""The rivals of a classifier: trees, the commonest class, and a canary that sees nothing but identifiers."""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from tidegate_training.evaluate.flow_table import Float64, Int64

CANARY: Final = "identifiers only"
MAJORITY: Final = "always the commonest"


class Classifier(Protocol):
    """What is judged. Fitted once on features float64 [N, F] and class indices int64 [N]."""

    def fit(self, features: Float64, classes: Int64) -> object:
        """Learn from the train part."""
        ...

    def predict(self, features: Float64) -> Int64:
        """A class index for each row."""
        ...


class Commonest:
    """Says the commonest class of the train part, always."""

    def fit(self, features: Float64, classes: Int64) -> "Commonest":
        """Find it."""
        self._answer = int(np.argmax(np.bincount(classes)))
        return self

    def predict(self, features: Float64) -> Int64:
        """Say it."""
        return np.full(len(features), self._answer)


def random_forest(random_state: int) -> Classifier:
    """100 trees, scikit-learn's defaults."""
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415  # an extra; the commands check for it

    forest: Classifier = RandomForestClassifier(n_estimators=100, random_state=random_state)
    return forest


def extra_trees(random_state: int) -> Classifier:
    """100 trees with random cuts, scikit-learn's defaults."""
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415  # an extra

    trees: Classifier = ExtraTreesClassifier(n_estimators=100, random_state=random_state)
    return trees


def boosted_trees(random_state: int) -> Classifier:
    """Histogram gradient boosting with balanced class weights; unweighted it forgets the rare classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  # an extra

    boosted: Classifier = HistGradientBoostingClassifier(class_weight="balanced", random_state=random_state)
    return boosted


TREES: Final[dict[str, Callable[[int], Classifier]]] = {
    "random forest": random_forest,
    "extra trees": extra_trees,
    "boosted trees": boosted_trees,
}
"""The rivals every classifier stands beside."""

CLASSIFIERS: Final[dict[str, Callable[[int], Classifier]]] = {
    **TREES,
    CANARY: random_forest,
    MAJORITY: lambda _: Commonest(),
}
