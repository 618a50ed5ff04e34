"""Which partition a site belongs to: Kafka's own murmur2 of the site id, so that any Kafka producer agrees with us.

All that concerns a site meets in one partition, hence in one process; nothing is ever joined across processes. The hash
is Kafka's `Utils.murmur2` (32 bit, seed 0x9747b28c) and `toPositive`: a producer that sets only the key lands right.
"""

from functools import lru_cache
from typing import Final

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_SHIFT: Final = 24
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 of `data` as an unsigned 32-bit number (Java shows the same bits signed)."""
    whole = len(data) & ~3
    digest = _SEED ^ len(data)
    for start in range(0, whole, 4):
        word = (int.from_bytes(data[start : start + 4], "little") * _MULTIPLIER) & _MASK
        word = ((word ^ (word >> _SHIFT)) * _MULTIPLIER) & _MASK
        digest = ((digest * _MULTIPLIER) & _MASK) ^ word
    if whole < len(data):
        digest = ((digest ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER) & _MASK
    digest = ((digest ^ (digest >> 13)) * _MULTIPLIER) & _MASK
    return digest ^ (digest >> 15)


@lru_cache(maxsize=4096)
def partition_of(site: str, partitions: int) -> int:
    """The partition of `site` among `partitions` (at least 1): `toPositive(murmur2(site as UTF-8)) % partitions`.

    A surrogate in `site`, which JSON can smuggle in, hashes as UTF-8 would write it if it could; admission refuses such
    ids, but the dead letter needs a partition first.
    """
    return (murmur2(site.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) % partitions
