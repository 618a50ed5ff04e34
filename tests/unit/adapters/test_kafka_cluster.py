"""A broker's connection that broke unnoticed: the question is asked again, and no stranger's error comes through."""

from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.adapters.kafka.cluster import LATEST, Cluster
from tidegate.adapters.kafka.connection import KafkaConnection
from tidegate.errors import DependencyError


class Client:
    """Has one leader of everything, and says `broken` times what uvloop says of a connection that is closed already."""

    cluster = SimpleNamespace(leader_for_partition=lambda partition: 1)

    def __init__(self, broken: int) -> None:
        self.broken, self.updates = broken, 0

    async def send(self, node: int, request: Any) -> Any:
        if self.broken:
            self.broken -= 1
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
        return SimpleNamespace(topics=[("t", [(0, 0, -1, 7)])])

    async def force_metadata_update(self) -> None:
        self.updates += 1

    async def close(self) -> None:
        """Nothing is open."""


async def cluster_of(client: Client, seconds: float) -> Cluster:
    cluster = Cluster(KafkaConnection("127.0.0.1:9", request_seconds=seconds))
    await cluster.close()
    cluster._client = client
    return cluster


async def test_it_is_asked_again_once_it_is_known_who_leads() -> None:
    client = Client(broken=2)
    cluster = await cluster_of(client, 30)
    assert (await cluster.offset("t", 0, LATEST), client.updates) == (7, 2)


async def test_a_broker_that_stays_away_is_a_dependency_that_failed() -> None:
    cluster = await cluster_of(Client(broken=10**9), 0.3)
    with pytest.raises(DependencyError, match="ask for an offset"):
        await cluster.offset("t", 0, LATEST)
