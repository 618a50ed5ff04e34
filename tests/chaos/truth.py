"""What the run should have come to: the same journaled batches, stepped through in one go, without snapshot or stop.

Two live runs differ, for the tick of a batch is the clock's; state is a function of the log, ticks included (design:
guarantee 2). So the truth about a disturbed run is its own journal's, once that is known to have taken every input exactly
once, which is checked without this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos.evidence import Found
from tidegate.adapters.clock import SystemClock
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.topics import JOURNAL
from tidegate.contracts.views import Balance
from tidegate.core.classifier import Model
from tidegate.core.partition import Partition
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.step import Stepper
from tidegate.ports import Log
from tidegate_training.evaluate.acceptance.rerun import portion_of, records

Output = tuple[str, bytes | None, bytes]
"""Plain topic, key and value of a record."""


@dataclass(slots=True)
class Truth:
    """What one partition came to. `outputs` are all records but snapshots, in order; the journal's are among them."""

    digest: str
    balance: Balance
    outputs: list[Output] = field(default_factory=list)
    batches: int = 0


async def undisturbed(log: Log, configuration: CoreConfiguration, forecasters: Mapping[str, Model], partition: int) -> Truth:
    """Step through the whole journal of `partition`, with the service's own step.

    Raises:
        InputError: a journal record cannot be decoded.
    """
    bundles = {name: forecaster.identity for name, forecaster in forecasters.items()}
    stepper = Stepper(partition, log.partitions, configuration, bundles, SystemClock())
    state = Restored(Partition(configuration, forecasters))
    outputs: list[Output] = []
    async for raw in records(log, JOURNAL, partition=partition):
        entry = decode(raw.value or b"", JournalRecord)
        step = stepper.step(state, await portion_of(log, entry), entry.tick_ms, snapshot=False, trial=entry.trial)
        state.positions, state.taken, state.tick_ms = step.positions, step.taken, entry.tick_ms
        state.sequence += 1
        outputs += [(made.topic, made.key, made.value or b"") for made in step.outputs]
    return Truth(state.partition.digest(), state.partition.balance, outputs, state.sequence)


def as_output(found: Found) -> Output:
    """A record as the truth would have it."""
    return found.topic, found.key, found.value
