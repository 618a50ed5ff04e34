"""The log on Kafka: reading, committing exactly once, and looking after topics. Knows aiokafka; nothing else in Tidegate does."""

from tidegate.adapters.kafka.connection import Delivery, KafkaConnection
from tidegate.adapters.kafka.group import KafkaGroup
from tidegate.adapters.kafka.log import KafkaLog
from tidegate.adapters.kafka.security import KafkaSecurity, Login, TlsFiles, secured
from tidegate.adapters.kafka.topics import TopicPlan, check_topics, create_topics

__all__ = [
    "Delivery",
    "KafkaConnection",
    "KafkaGroup",
    "KafkaLog",
    "KafkaSecurity",
    "Login",
    "TlsFiles",
    "TopicPlan",
    "check_topics",
    "create_topics",
    "secured",
]
