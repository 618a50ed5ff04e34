"""The reference page of the topics, for people: made from the same table as the AsyncAPI description."""

from collections.abc import Callable
from typing import Final

from tidegate.api.channels import CHANNELS, Channel
from tidegate.contracts.topics import CLEANUP, Cleanup

_HEAD: Final = """\
# Topics

Made from the contracts by `tidegate schemas topics write`; do not edit. For machines the same is in
[asyncapi.yaml](asyncapi.yaml), the schema of every message is in [schemas](schemas/), and [kafka.md](kafka.md) says what is
promised.

All topics have the same number of partitions. A record's partition is `murmur2(site) modulo partitions`: what Kafka's own
clients choose for the site as key, and Tidegate refuses input elsewhere. Read with `isolation.level=read_committed`. The
embedded log has the same topics. An installation's `TIDEGATE_KAFKA__TOPIC_PREFIX` stands before each name.
"""

_PARTS: Final[tuple[tuple[str, Callable[[Channel], bool]], ...]] = (
    ("What you send", lambda channel: channel.received),
    ("What Tidegate says", lambda channel: not channel.received and not channel.internal),
    ("What Tidegate keeps for itself", lambda channel: channel.internal),
)

_KEPT: Final = {Cleanup.DELETE: "by age", Cleanup.COMPACT: "the last of each key"}


def topics_page() -> str:
    """The page as Markdown; equal contracts give equal bytes."""
    parts = [_HEAD]
    for title, belongs in _PARTS:
        parts.append(f"## {title}\n\n| topic | key | messages | kept |\n|---|---|---|---|")
        parts.extend(_row(channel) for channel in CHANNELS if belongs(channel))
        parts.append("")
    return "\n".join(parts)


def _row(channel: Channel) -> str:
    messages = "; ".join(f"`{message.kind.__name__}`: {message.summary}" for message in channel.messages)
    return f"| `{channel.topic}` | {channel.key} | {messages} | {_KEPT[CLEANUP[channel.topic]]} |"
