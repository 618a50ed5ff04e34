"""Bugs that the search of the protocol has found, each in the order of events that showed it."""

import pytest

from support.simulated import fleet
from support.simulated.machine import LIMITS
from support.simulated.network import Connection
from support.simulated.process import Plan, Process
from support.simulated.world import CONNECTION, World
from tidegate.contracts import topics
from tidegate.errors import ConfigurationError, DependencyError
from worker_rig import CONFIGURATION


@pytest.fixture
def world() -> World:
    world = World(Plan(CONNECTION, CONFIGURATION, fleet.forecasters(), LIMITS), partitions=1)
    site = fleet.site_in(0, 1)
    world.append(topics.COMMANDS, 0, site.encode(), fleet.topology(site, 1, 10_000.0))
    return world


def alone(world: World) -> Process:
    """A process that takes everything over."""
    process = world.start()
    world.share_out([process])
    return process


def reached(world: World, name: str) -> Connection:
    """The connection on which a request `name` is under way."""
    assert world.run_until(lambda: world.next_with(name) is not None, 200)
    connection = world.next_with(name)
    assert connection is not None
    return connection


def connections_of(world: World, process: Process) -> list[Connection]:
    """All that the process has open."""
    return [connection for connection in world.network.connections if connection.loop is process.loop]


def test_a_worker_fenced_while_it_hands_its_outputs_over_learns_that_it_was_replaced(world: World) -> None:
    first = alone(world)
    asked = reached(world, "partitions")
    first.stopped = True
    second = alone(world)
    own = connections_of(world, first)
    for connection in own:
        connection.held = True
    assert world.run_until(lambda: second.working(0), 200)
    first.stopped = asked.held = False
    world.run_until(lambda: not asked.requests and not asked.answers, 100)
    world.heal()
    assert world.run_until(lambda: first.fenced == 1, 500)
    assert first.running
    world.close()


def test_a_restore_beside_one_who_went_on_is_not_taken_for_a_loss(world: World) -> None:
    first = alone(world)
    asked = reached(world, "committed")  # the journal is read, the positions are not
    asked.held = True
    second = alone(world)
    assert world.run_until(lambda: second.working(0) and world.broker.offsets.committed != {}, 500)
    asked.held = False
    assert world.run_until(lambda: first.fenced == 1, 500)
    assert first.running
    world.close()


def test_a_broker_that_goes_away_during_the_start_is_not_said_to_lack_topics(world: World) -> None:
    process = alone(world)
    reached(world, "metadata")
    world.step()
    world.step()
    world.network.cut(reached(world, "metadata"), lose_requests=True)
    world.network.stop_broker()
    assert world.run_until(lambda: not process.running, 500)
    failure = world.ends[process.name]
    assert isinstance(failure, DependencyError)
    assert not isinstance(failure, ConfigurationError)
    world.close()
