"""A message as it lies on a topic, before anybody has looked at it."""

from dataclasses import dataclass

from tidegate.contracts.content import HEADER, ContentType, media_type
from tidegate.ports import Record


@dataclass(frozen=True, slots=True)
class Message:
    """The bytes of a message, its topic, and the content type it claims (null: none)."""

    topic: str
    value: bytes
    content_type: str | None = None

    @property
    def is_packed(self) -> bool:
        """Whether it claims to be a packed batch."""
        return self.content_type is not None and media_type(self.content_type) == ContentType.PACKED

    def record(self, offset: int) -> Record:
        """The message at `offset` of partition 0."""
        claimed = self.content_type
        headers = () if claimed is None else ((HEADER, claimed.encode("utf-8", "surrogatepass")),)
        return Record(self.topic, 0, offset, b"", self.value, headers, 0)
