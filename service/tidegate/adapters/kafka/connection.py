"""How to reach Kafka, and Kafka's errors in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    UnknownError,
)

from tidegate.adapters.kafka.broken import tell_broken_connections
from tidegate.adapters.kafka.security import KafkaSecurity
from tidegate.contracts.topics import with_prefix
from tidegate.errors import ConfigurationError, DependencyError, OwnerReplacedError, RecordTooLargeError

tell_broken_connections()  # here, as whoever speaks to Kafka asks this module how


class Delivery(StrEnum):
    """What a commit promises."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the cluster is and what is ours on it.

    `group` names this installation's committed positions and, with a partition's number, that partition's transactional
    id. `topic_prefix` stands before every topic. No request takes longer than `request_seconds`, and no transaction longer
    than `transaction_seconds`: after that the cluster aborts it.
    """

    bootstrap_servers: str
    group: str = "tidegate"
    topic_prefix: str = ""
    request_seconds: float = 8.0
    transaction_seconds: float = 10.0
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    delivery: Delivery = Delivery.EXACTLY_ONCE

    def topic(self, plain: str) -> str:
        """What the topic `plain` is called on this cluster."""
        return with_prefix(self.topic_prefix, plain)

    def transactional_id(self, partition: int) -> str:
        """Of the one producer that may commit `partition`; who initialises it last fences all before."""
        return f"{self.topic_prefix}{self.group}-{partition}"

    def client_settings(self) -> dict[str, Any]:
        """What every client of aiokafka is made with."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "request_timeout_ms": int(self.request_seconds * 1000),
            "retry_backoff_ms": 50,
            **self.security.client_settings(),
        }


@contextmanager
def translated(connection: KafkaConnection, doing: str) -> Iterator[None]:
    """Raise our own errors in place of Kafka's and of a time-out; `doing` completes "cannot ...".

    Raises:
        OwnerReplacedError: a later producer has this transactional id.
        RecordTooLargeError: a record is above what the topic takes.
        ConfigurationError: the servers' addresses cannot be understood.
        DependencyError: anything else that Kafka or the network did not do.
    """
    where = f"Kafka at {connection.bootstrap_servers}"
    try:
        yield
    except ProducerFenced as error:
        raise OwnerReplacedError(
            f"cannot {doing}: another process owns this partition now, or this one stood still for longer than "
            f"{connection.transaction_seconds:.0f} s",
            advice="nothing to do: it is taken over again once the group says that it is this process's",
        ) from error
    except MessageSizeTooLargeError as error:
        raise RecordTooLargeError(
            f"cannot {doing}: a record is larger than its topic takes", advice="raise max.message.bytes of the topic"
        ) from error
    except KafkaConnectionError as error:
        raise DependencyError(f"cannot {doing}: {where} cannot be reached", advice="check address and broker") from error
    except (InvalidTimestampError, UnknownError) as error:  # aiokafka has no name for Kafka's "invalid record"
        raise DependencyError(
            f"cannot {doing}: {where} refused a record and said {error!r}",
            advice="compare the topics' settings with what Tidegate needs: `tidegate topics check`",
        ) from error
    except KafkaError as error:
        raise DependencyError(f"cannot {doing}: {where} said {error!r}") from error
    except TimeoutError as error:
        raise DependencyError(f"cannot {doing}: no answer from {where}", advice="check that its brokers run") from error
    except ValueError as error:
        raise ConfigurationError(f"cannot {doing}: {error}", advice="give host:port,host:port") from error
