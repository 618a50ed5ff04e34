"""Resource vectors: what a gateway has, what a device needs, what a grant sets aside.

A vector is a mapping from resource name to amount, so that a site may use the four resources we know or its own. Absent
means zero for a demand or a grant, and unlimited for a capacity.
"""

from typing import Final

Resources = dict[str, float]
"""Amount by resource name; amounts are finite and not negative, in the unit the name ends with."""

CPU_MILLICORES: Final = "cpu_millicores"
MEMORY_BYTES: Final = "memory_bytes"
BANDWIDTH_BPS: Final = "bandwidth_bps"
DEVICES: Final = "devices"
"""A plain count of served devices; every device needs 1 unless its profile says otherwise."""

KNOWN_RESOURCES: Final = (CPU_MILLICORES, MEMORY_BYTES, BANDWIDTH_BPS, DEVICES)
