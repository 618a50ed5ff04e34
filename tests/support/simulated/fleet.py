"""Small input for simulated worlds: one site in each partition, three devices each, commands that make plans come about."""

from typing import Final

from support.forecasters import SmoothForecaster
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, MetricName, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from worker_rig import PROFILE

DEVICES: Final = ("dev-0", "dev-1", "dev-2")
GATEWAYS: Final = ("gw-a", "gw-b")


def forecasters() -> dict[str, SmoothForecaster]:
    """A forecaster that judges from the fourth reading on."""
    return {"universal": SmoothForecaster(warmup_readings=4)}


def site_in(partition: int, partitions: int) -> SiteId:
    """A site that belongs to `partition`."""
    return next(SiteId(name) for name in map("site-{}".format, range(1000)) if partition_of(name, partitions) == partition)


def readings(site: SiteId, number: int, event_time_ms: int) -> bytes:
    """One reading of every device; every seventh batch has one far off."""
    rows = []
    for place, name in enumerate(DEVICES):
        spike = 5000.0 if number % 7 == 0 and place == 0 else 0.0
        metrics: dict[MetricName, float | None] = {MetricName("load"): 100.0 + (number + place) % 10 + spike}
        rows.append(Reading(site, DeviceId(name), PROFILE.name, event_time_ms, metrics))
    return encode(ReadingBatch(site, rows))


def topology(site: SiteId, revision: int, capacity: float) -> bytes:
    """A command that places the devices. Below a capacity of 2,000 one gateway cannot serve them all, and plans follow."""
    devices = [DevicePlacement(DeviceId(name), PROFILE.name, gateway=GatewayId(GATEWAYS[0])) for name in DEVICES]
    gateways = [Gateway(GatewayId(name), {"cpu_millicores": capacity}) for name in GATEWAYS]
    place = Topology(site, revision, gateways, devices)
    return encode(Command(CommandId(f"topology-{revision}"), site, CommandKind.SET_TOPOLOGY, "test", topology=place))
