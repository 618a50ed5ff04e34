"""Telemetry in, and the acks of gateways."""

from collections.abc import Sequence
from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.ack import Ack
from tidegate.contracts.content import HEADER, ContentType
from tidegate.contracts.paging import Page
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.rest import AcksReceipt, ReadingsReceipt

# A reading or ack that comes twice is recognised by what it says: repeating is harmless without a key.
_SEND: Final = Route("POST", "/v1/readings", harmless_twice=True)
_SEND_ACKS: Final = Route("POST", "/v1/acks", harmless_twice=True)
_ACKS: Final = Route("GET", "/v1/sites/{site}/acks")


class Readings:
    """`POST /v1/readings`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, readings: ReadingBatch | Sequence[Reading] | Reading) -> ReadingsReceipt:
        """Send 1 to 10,000 readings of one site, all or none; returns once they are durable. A repeat is harmless."""
        return await self._wire.ask(_SEND, ReadingsReceipt, body=readings)

    async def send_encoded(self, body: bytes, content_type: ContentType) -> ReadingsReceipt:
        """Send a message that is encoded already, such as a packed batch."""
        kind = content_type.value if content_type is ContentType.PACKED else "application/json"
        return self._wire.read(await self._wire.send(_SEND, content=body, headers={HEADER: kind}), ReadingsReceipt)


class Acks:
    """What gateways say of themselves and of their assignments."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, acks: Sequence[Ack] | Ack) -> AcksReceipt:
        """Send 1 to 1,000 acks of one site; returns once they are durable. A repeat is harmless."""
        return await self._wire.ask(_SEND_ACKS, AcksReceipt, body=acks)

    def of_site(self, site: str) -> Listing[Ack]:
        """The last ack about each device's present assignment."""
        return Listing(self._wire, _ACKS, Page[Ack], {"site": site})
