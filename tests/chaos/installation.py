"""What is struck: a broker behind a proxy, topics, and what workers have to be told."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker import Broker, brokers
from chaos.profiles import write_profiles
from chaos.proxy import Proxy
from tidegate.adapters.kafka import KafkaConnection, TopicPlan, create_topics
from tidegate.adapters.kafka.connection import Delivery

PARTITIONS: Final = 4

GROUP: Final = "chaos"


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that runs, and the two ways to reach it: `inside` spares the proxies, `through` does not."""

    brokers: Sequence[Broker]
    proxies: Sequence[Proxy]
    inside: KafkaConnection
    through: KafkaConnection
    settings: dict[str, str]


async def install(stack: AsyncExitStack, folder: Path, delivery: Delivery) -> Installation:
    """A broker behind a proxy, its topics, and the settings of workers behind both; `stack` ends what runs.

    Raises:
        BrokerError: there is no broker to be had on this machine.
    """
    proxy = await Proxy.open()
    stack.push_async_callback(proxy.close)
    made = await asyncio.to_thread(stack.enter_context, brokers(1, folder=folder / "broker", detours=[proxy.port]))
    for broker in made:
        if broker.detour is not None:
            proxy.upstream = broker.detour[0]
    inside = KafkaConnection(made[0].address, GROUP, delivery=delivery)
    through = KafkaConnection(f"127.0.0.1:{proxy.port}", GROUP, delivery=delivery)
    await create_topics(inside, TopicPlan(PARTITIONS))
    write_profiles(folder / "profiles.yaml")
    return Installation(made, [proxy], inside, through, _settings(through, folder))


def _settings(through: KafkaConnection, folder: Path) -> dict[str, str]:
    """Everyday settings, but snapshots come often and nothing is trimmed: the truth needs the whole log."""
    return {
        "TIDEGATE_PROFILES": f"[{folder / 'profiles.yaml'}]",
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": through.bootstrap_servers,
        "TIDEGATE_KAFKA__GROUP": through.group,
        "TIDEGATE_KAFKA__PARTITIONS": str(PARTITIONS),
        "TIDEGATE_KAFKA__DELIVERY": str(through.delivery),
        "TIDEGATE_WORKER__SNAPSHOT_READINGS": "1500",
        "TIDEGATE_WORKER__TRIM": "false",
        "TIDEGATE_LOGGING__FORMAT": "json",
    }
