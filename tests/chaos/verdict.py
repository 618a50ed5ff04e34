"""Gathers the evidence of a finished run and puts every promise to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chaos import checks
from chaos.evidence import Found, all_records, open_transactions, producers
from chaos.sender import Sender
from chaos.truth import Truth, as_output, undisturbed
from tidegate.adapters.kafka import KafkaConnection, KafkaLog
from tidegate.adapters.kafka.connection import Delivery
from tidegate.bootstrap.configuration import core_configuration, load_forecasters
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.topics import CLEANUP, DEADLETTER, DECISIONS, INPUTS, JOURNAL, SNAPSHOTS, TELEMETRY
from tidegate.contracts.views import Balance
from tidegate.core.classifier import Model
from tidegate.settings import Settings
from tidegate_training.evaluate.acceptance.rerun import digest_after_recovery

WRITTEN = tuple(topic for topic in CLEANUP if topic not in INPUTS and topic != SNAPSHOTS)
"""What the truth is compared on: all that workers write but snapshots, which are where and when they are by chance."""


@dataclass(slots=True)
class Verdict:
    """Broken promises by name, in words; all empty when all held. The counts are what was judged; `repeated` are outputs that
    stand on their topic once more, the same to the byte, as they may where they are written at least once."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    differing_outputs: list[str] = field(default_factory=list)
    differing_state: list[str] = field(default_factory=list)
    double_owner: list[str] = field(default_factory=list)
    contradicting_decisions: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    open_transactions: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    readings: int = 0
    batches: int = 0
    facts: int = 0
    decisions: int = 0
    dead_letters: int = 0
    takeovers: int = 0
    repeated: int = 0

    def broken(self) -> dict[str, list[str]]:
        """The promises that were broken."""
        promises = (
            "lost", "doubled", "differing_outputs", "differing_state", "double_owner",
            "contradicting_decisions", "unbalanced", "open_transactions", "waiting",
        )  # fmt: skip
        return {name: found for name in promises if (found := getattr(self, name))}


async def judge(connection: KafkaConnection, settings: Settings, sender: Sender) -> Verdict:
    """Judge what is on the topics of `connection`, which must be quiet: no worker runs, and `sender` has stopped."""
    verdict = Verdict()
    configuration = core_configuration(settings)
    forecasters = load_forecasters(settings, configuration)
    log = await KafkaLog.open(connection)
    try:
        found = await all_records(connection, log.partitions)
        balances = [
            await _judge_partition(verdict, connection, log, found, configuration, forecasters, partition)
            for partition in range(log.partitions)
        ]
        telemetry = [record for partition in range(log.partitions) for record in found[TELEMETRY, partition]]
        if not verdict.waiting:
            verdict.unbalanced += checks.unbalanced(balances, telemetry, sender.messages, sender.acknowledged)
        verdict.readings = sum(balance.received for balance in balances)
        verdict.open_transactions += await open_transactions(connection, tuple(CLEANUP), log.partitions)
    finally:
        await log.close()
    return verdict


async def _judge_partition(
    verdict: Verdict,
    connection: KafkaConnection,
    log: KafkaLog,
    found: Mapping[tuple[str, int], Sequence[Found]],
    configuration: CoreConfiguration,
    forecasters: Mapping[str, Model],
    partition: int,
) -> Balance:
    entries = checks.journal_entries(found[JOURNAL, partition])
    inputs = [record for topic in INPUTS for record in found[topic, partition]]
    written = [record for topic in WRITTEN for record in found[topic, partition]]
    wrote = await producers(connection, JOURNAL, partition)
    truth = await undisturbed(log, configuration, forecasters, partition)
    verdict.lost += checks.passed_over(entries, inputs) + checks.set_aside(entries)
    verdict.waiting += checks.waiting(entries, inputs)
    verdict.doubled += checks.taken_twice(entries, inputs)
    verdict.double_owner += checks.broken_sequence(entries) + checks.returned_producers(wrote)
    verdict.contradicting_decisions += checks.contradictions(written)
    _compare(verdict, written, truth, connection.delivery)
    recovered = await digest_after_recovery(log, forecasters, configuration, partition_index=partition)
    if recovered != truth.digest:
        verdict.differing_state.append(f"partition {partition} is {recovered}, the truth is {truth.digest}")
    verdict.takeovers += len(set(wrote))
    _count(verdict, entries, written, found, partition)
    return truth.balance


def _compare(verdict: Verdict, written: Sequence[Found], truth: Truth, delivery: Delivery) -> None:
    """Hold what was written against the truth; at least once, the first of equal records counts."""
    outputs = truth.outputs
    if delivery is Delivery.AT_LEAST_ONCE:
        first = {as_output(record): record for record in reversed(written)}
        outputs = list(dict.fromkeys(outputs))
        verdict.repeated += (len(written) - len(first)) - (len(truth.outputs) - len(outputs))
        written = sorted(first.values(), key=lambda record: (record.topic, record.offset))
        outputs.sort(key=lambda output: output[0])
    published = [as_output(record) for record in written]
    verdict.lost += checks.missing(published, outputs)
    verdict.doubled += checks.doubled(published, outputs) + checks.identities_twice(written)
    verdict.differing_outputs += checks.invented(published, outputs)
    verdict.differing_outputs += checks.out_of_order(published, outputs)


def _count(
    verdict: Verdict,
    entries: Sequence[object],
    written: Sequence[Found],
    found: Mapping[tuple[str, int], Sequence[Found]],
    partition: int,
) -> None:
    verdict.batches += len(entries)
    verdict.facts += len(written) - len(entries)
    verdict.decisions += len(found[DECISIONS, partition])
    verdict.dead_letters += len(found[DEADLETTER, partition])
