"""What a person sees while training runs: a bar over all updates, and a line per epoch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tidegate_training.settings import UniversalSettings


@dataclass(slots=True)
class Shown:
    """A running bar; `on_update` and `say` are given to the training."""

    progress: Progress
    task: TaskID
    updates_per_epoch: int
    losses: list[float] = field(default_factory=list)

    def on_update(self, epoch: int, loss: float) -> None:
        """Move the bar to one update further; prints the epoch's mean loss at its end."""
        self.losses.append(loss)
        done = epoch * self.updates_per_epoch + len(self.losses)
        self.progress.update(self.task, completed=done, description=f"epoch {epoch + 1}, loss {loss:.3f}")
        if len(self.losses) == self.updates_per_epoch:
            self.say(f"epoch {epoch + 1}: loss {sum(self.losses) / len(self.losses):.4f}")
            self.losses.clear()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.progress.console.print(text, highlight=False)


@contextmanager
def epochs_shown(settings: UniversalSettings) -> Iterator[Shown]:
    """Show a bar on standard error (lines only, where that is no terminal) while the body runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("reading", total=settings.epochs * settings.updates_per_epoch)
        yield Shown(progress, task, settings.updates_per_epoch)
