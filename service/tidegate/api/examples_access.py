"""Who asks, keys and the audit, as values for the documentation. The secret shown is none: its shape is that of no key."""

from typing import Final

from tidegate.contracts.access import ApiKey, AuditEntry, AuditResult, KeyMade, KeyRequest, PrincipalKind, WhoAmI
from tidegate.contracts.ids import CommandId
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.views import CommandStatus

_NOW_MS: Final = 1_795_000_000_000

KEY: Final = ApiKey("0f3c5a7d9b1e2468", "shift-desk", ["operator@plant-7"], _NOW_MS, "root", _NOW_MS + 90 * 86_400_000)
KEY_REVOKED: Final = ApiKey("0f3c5a7d9b1e2468", "shift-desk", ["operator@plant-7"], _NOW_MS, "root", None, _NOW_MS, _NOW_MS)
KEY_REQUEST: Final = KeyRequest("shift-desk", ["operator@plant-7"], 1_900_000_000_000)
KEY_MADE: Final = KeyMade(KEY, "tdg_0f3c5a7d9b1e2468_(64 hexadecimal digits)")
WHOAMI: Final = WhoAmI("shift-desk", PrincipalKind.KEY, ["operator@plant-7"], True)
AUDIT: Final = Page(
    [
        AuditEntry(
            id="5f0c2a9e81d34b7766aa01ce",
            at_ms=_NOW_MS,
            principal="shift-desk",
            kind=PrincipalKind.KEY,
            action="drain",
            site="plant-7",
            result=AuditResult.TAKEN,
            status=202,
            command=CommandId("drain-gw-a-1"),
            request_id="b3c1f09d77a24e10",
            address="192.0.2.7",
            outcome=CommandStatus.ACCEPTED,
        )
    ],
    None,
    AsOf(),
)
