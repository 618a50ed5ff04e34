"""Identifiers of the domain as distinct types, and the one rule about what an identifier may contain.

Does not create identifiers: facts get theirs from `tidegate.core.identity`; sites, devices and gateways from their owner.

Each type comes twice: `SiteId` for signatures, and `SiteField`, the same type with its bounds, for fields of messages.
The length is checked wherever a message is decoded. Characters are checked once per new identifier (`is_clean`), at
admission: a pattern in the decoder would run on every reading and cost more than the rest of its decoding.
"""

from typing import Annotated, Final, NewType

import msgspec
from pydantic import Field, StringConstraints

MAX_ID_LENGTH: Final = 128
"""Characters. Long enough for a UUID with a path before it; short enough that 100,000 devices stay in memory."""

SiteId = NewType("SiteId", str)
DeviceId = NewType("DeviceId", str)
GatewayId = NewType("GatewayId", str)
ProfileName = NewType("ProfileName", str)
MetricName = NewType("MetricName", str)
PlanId = NewType("PlanId", str)
CommandId = NewType("CommandId", str)
AnomalyId = NewType("AnomalyId", str)
IncidentId = NewType("IncidentId", str)

_META = msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)
_CONSTRAINTS = StringConstraints(min_length=1, max_length=MAX_ID_LENGTH, strict=True)

SiteField = Annotated[SiteId, _META, _CONSTRAINTS]
DeviceField = Annotated[DeviceId, _META, _CONSTRAINTS]
GatewayField = Annotated[GatewayId, _META, _CONSTRAINTS]
ProfileField = Annotated[ProfileName, _META, _CONSTRAINTS]
MetricField = Annotated[MetricName, _META, _CONSTRAINTS]
PlanField = Annotated[PlanId, _META, _CONSTRAINTS]
CommandField = Annotated[CommandId, _META, _CONSTRAINTS]
AnomalyField = Annotated[AnomalyId, _META, _CONSTRAINTS]
IncidentField = Annotated[IncidentId, _META, _CONSTRAINTS]


MAX_INTEGER: Final = 2**53
"""Largest whole number a message may carry: what every JSON reader takes without loss, and a numpy int64 with room."""

WholeField = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER), Field(ge=0, le=MAX_INTEGER)]
"""A count, revision, epoch or sequence."""

TimeField = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER), Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""Unix time in milliseconds, as some device claims it."""


def is_clean(identifier: str) -> bool:
    """True when `identifier` is printable, has no surrounding blanks and is within `MAX_ID_LENGTH` characters.

    Control characters would forge log lines and terminal output, and surrounding blanks make two identifiers that a
    person cannot tell apart.
    """
    return 0 < len(identifier) <= MAX_ID_LENGTH and identifier.isprintable() and identifier == identifier.strip()
