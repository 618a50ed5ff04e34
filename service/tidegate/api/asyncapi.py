"""The topics as AsyncAPI 3: channels, keys, headers, content types, schemas and examples, made from the contracts.

What OpenAPI is to the REST door, for those who read or write the topics themselves. `docs/asyncapi.yaml` is its text.
"""

from typing import Any, Final

import msgspec
import yaml

from tidegate import __version__
from tidegate.api.channels import CHANNELS, MSGPACK, Channel, Message
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.content import HEADER
from tidegate.contracts.schemas import finish
from tidegate.contracts.topics import CLEANUP

_BINDING: Final = "0.5.0"
"""Of the Kafka bindings, as https://github.com/asyncapi/bindings numbers them."""

_HEAD: Final = "# Made from the contracts by `tidegate schemas asyncapi write`; do not edit.\n"

_DESCRIPTION: Final = """Telemetry, commands and acks in; anomalies, incidents, forecasts, decisions and assignments out.

All topics have the same number of partitions, and the partition of a record is `murmur2(site) modulo partitions`, which is
what Kafka's own clients choose for the site as key. Read with `isolation.level=read_committed`."""

_BINARY: Final = "MessagePack, not JSON: a map with these fields; what the schema shows as base64 text is of type bin there."


def asyncapi_text() -> str:
    """The document as YAML; equal contracts give equal bytes."""
    text: str = yaml.dump(to_builtins(document()), Dumper=_Readable, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD + text


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as lines."""


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _lines)


def document() -> dict[str, Any]:
    """The document as plain dicts and lists."""
    messages = {message.kind.__name__: message for channel in CHANNELS for message in channel.messages}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tidegate",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {_name(channel): _channel(channel) for channel in CHANNELS},
        "operations": {_operation_name(channel): _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {name: _message(message) for name, message in messages.items()},
            "parameters": {"prefix": {"description": "TIDEGATE_KAFKA__TOPIC_PREFIX of the installation.", "default": ""}},
            "schemas": _schemas([message.kind for message in messages.values()]),
            "securitySchemes": _security_schemes(),
        },
    }


def _info() -> dict[str, Any]:
    return {
        "title": "Tidegate on Kafka",
        "version": __version__,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "tags": [{"name": "input"}, {"name": "fact"}, {"name": "internal"}],
    }


def _servers() -> dict[str, Any]:
    variables = {
        "host": {"default": "localhost", "description": "A broker to start from."},
        "port": {"default": "9092", "description": "Its listener for this protocol."},
    }
    logins = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _security_schemes()]
    return {
        "plaintext": {
            "host": "{host}:{port}",
            "protocol": "kafka",
            "description": "PLAINTEXT, for a trusted network.",
            "variables": variables,
        },
        "secure": {
            "host": "{host}:{port}",
            "protocol": "kafka-secure",
            "description": "SSL or SASL_SSL: TLS, with a login or a client certificate as the broker wants it.",
            "variables": variables,
            "security": logins,
        },
    }


def _security_schemes() -> dict[str, Any]:
    return {
        "scramSha512": {"type": "scramSha512", "description": "SASL by user and password that is proven, not sent."},
        "scramSha256": {"type": "scramSha256", "description": "SASL by user and password that is proven, not sent."},
        "plain": {"type": "plain", "description": "SASL by user and password as they are; only within TLS."},
        "certificate": {"type": "X509", "description": "A client certificate that the broker trusts."},
    }


def _name(channel: Channel) -> str:
    return channel.topic.split(".")[1]


def _operation_name(channel: Channel) -> str:
    return f"{'receive' if channel.received else 'send'}{_name(channel).capitalize()}"


def _channel(channel: Channel) -> dict[str, Any]:
    topic = {"cleanup.policy": [CLEANUP[channel.topic].value]}
    return {
        "address": f"{{prefix}}{channel.topic}",
        "title": channel.topic,
        "description": f"Keyed by {channel.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(channel)},
        "parameters": {"prefix": {"$ref": "#/components/parameters/prefix"}},
        "bindings": {"kafka": {"topicConfiguration": topic, "bindingVersion": _BINDING}},
    }


def _names(channel: Channel) -> list[str]:
    return [message.kind.__name__ for message in channel.messages]


def _operation(channel: Channel) -> dict[str, Any]:
    tag = "internal" if channel.internal else "input" if channel.received else "fact"
    return {
        "action": "receive" if channel.received else "send",
        "channel": {"$ref": f"#/channels/{_name(channel)}"},
        "summary": "; ".join(message.summary for message in channel.messages),
        "tags": [{"name": tag}],
        "messages": [{"$ref": f"#/channels/{_name(channel)}/messages/{name}"} for name in _names(channel)],
    }


def _message(message: Message) -> dict[str, Any]:
    name = message.kind.__name__
    channel = next(channel for channel in CHANNELS if message in channel.messages)
    described = {
        "name": name,
        "title": message.summary,
        "contentType": message.content_type,
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}, "bindingVersion": _BINDING}},
        "examples": [_example(message, label, payload) for label, payload in message.examples.items()],
    }
    if message.content_type.endswith(("+msgpack", MSGPACK)):
        described["description"] = _BINARY
    if message.declared:
        described["headers"] = {"type": "object", "properties": {HEADER: {"type": "string", "const": message.content_type}}}
    return described


def _example(message: Message, label: str, payload: Any) -> dict[str, Any]:
    return {"name": label, "payload": payload} | ({"headers": {HEADER: message.content_type}} if message.declared else {})


def _schemas(kinds: list[type]) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for part in schemas.values():
        finish(part)
    return dict(sorted(schemas.items()))
