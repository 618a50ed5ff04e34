"""How much each model may see: the same for all, small enough for a coffee, and smaller still for a test."""

from dataclasses import dataclass
from typing import Final

from tidegate_training.settings import UniversalSettings

TRAINING_STATE: Final = 7
"""Random state of the split and of held-out lanes: the same for every run, so that only weights and lanes differ."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What every contender gets; readings trained on are lanes × window × updates."""

    lanes: int = 64
    window: int = 32
    updates: int = 75
    """Per epoch; the held-out loss is taken after each."""
    epochs: int = 2
    hidden: int = 32
    validation_readings: int = 200
    random_states: tuple[int, ...] = (0, 1)
    longest: int = 4100
    """Labelled series of more rows are left out."""
    series_of_each: int = 10
    """Labelled series of each data set at most, in the order of their files."""
    timed_steps: int = 400

    @property
    def readings(self) -> int:
        """Readings trained on, each from some lane; a lane's padding counts."""
        return self.lanes * self.window * self.updates * self.epochs

    @property
    def share_of_shipped(self) -> float:
        """Ratio of that to what the default settings of `tidegate train universal` train on at most."""
        full = UniversalSettings()
        return self.readings / (full.lanes * full.window * full.updates_per_epoch * full.epochs)

    def settings(self, cell: str, without: str, random_state: int) -> UniversalSettings:
        """Return the training settings of a contender."""
        return UniversalSettings(
            hidden=self.hidden,
            head=self.hidden,
            lanes=self.lanes,
            window=self.window,
            updates_per_epoch=self.updates,
            epochs=self.epochs,
            lane_readings=1000,
            validation_readings=self.validation_readings,
            random_state=random_state,
            cell=cell,
            without=without,
        )


QUICK: Final = Budget(
    lanes=8,
    window=16,
    updates=4,
    epochs=1,
    hidden=8,
    validation_readings=70,
    random_states=(0,),
    series_of_each=2,
    timed_steps=20,
)
"""Seconds instead of minutes: shows that the study runs, and nothing else."""
