"""What crosses a border: messages on topics, REST bodies, files handed from training to the service.

Every message is one frozen dataclass. msgspec decodes it on the hot path (`codec`), pydantic's TypeAdapter validates the
same class at REST, `schemas` writes its JSON Schema. Contracts hold no behaviour beyond checking themselves and import
nothing of Tidegate but `errors`.
"""
