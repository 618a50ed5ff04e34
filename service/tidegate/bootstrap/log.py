"""Which log it is: embedded, or Kafka with its group."""

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.kafka import Delivery, KafkaConnection, KafkaGroup, KafkaLog, KafkaSecurity, Login, TlsFiles, secured
from tidegate.adapters.membership import SoleMember
from tidegate.bootstrap.secrets import secret
from tidegate.errors import ConfigurationError
from tidegate.ports import Clock, Membership
from tidegate.settings import KafkaSettings, Settings


async def open_log(settings: Settings, clock: Clock) -> EmbeddedLog | KafkaLog:
    """Kafka when its servers are set, or else the embedded log.

    Raises:
        ConfigurationError: topics or partitions are not as they must be.
        DependencyError: it cannot be opened or reached.
    """
    if settings.kafka.bootstrap_servers:
        return await KafkaLog.open(kafka_connection(settings.kafka))
    return await EmbeddedLog.open(settings.log.path, partitions=settings.log.partitions, clock=clock)


def join(settings: Settings, log: EmbeddedLog | KafkaLog) -> Membership:
    """The group on Kafka; all partitions on the embedded log, which has no other process; none without the worker's role.

    Raises:
        ConfigurationError: the roles are apart, and there is no Kafka between them.
    """
    if isinstance(log, EmbeddedLog):
        refuse_roles_apart(settings)
        return SoleMember(range(log.partitions))
    if "worker" not in settings.roles:
        return SoleMember(())
    return KafkaGroup(kafka_connection(settings.kafka), settings.kafka.session_seconds)


def refuse_roles_apart(settings: Settings) -> None:
    """Refuse one role alone on the embedded log.

    Raises:
        ConfigurationError: the roles are apart, and there is no Kafka between them.
    """
    if not settings.kafka.bootstrap_servers and set(settings.roles) != {"worker", "api"}:
        raise ConfigurationError(
            f"role {settings.roles[0]!r} alone is of no use on the embedded log, which one process holds",
            advice="leave `roles` at worker,api, or set TIDEGATE_KAFKA__BOOTSTRAP_SERVERS",
        )


def kafka_connection(settings: KafkaSettings) -> KafkaConnection:
    """How to reach the Kafka of `settings`; reads the files of its security.

    Raises:
        ConfigurationError: a file cannot be used, or a password is missing or would travel readable.
    """
    return KafkaConnection(
        settings.bootstrap_servers,
        settings.group,
        settings.topic_prefix,
        security=_security(settings),
        delivery=Delivery(settings.delivery),
    )


def _security(settings: KafkaSettings) -> KafkaSecurity:
    chosen, tls, login = settings.security, None, None
    if chosen.protocol.endswith("SSL"):
        key_password = secret("kafka.security.key_password", chosen.key_password, chosen.key_password_file)
        tls = TlsFiles(chosen.ca_file, chosen.certificate_file, chosen.key_file, key_password, chosen.check_hostname)
    if chosen.protocol.startswith("SASL"):
        password = secret("kafka.security.password", chosen.password, chosen.password_file)
        login = Login(chosen.mechanism, chosen.username or "", password)
    return secured(settings.bootstrap_servers, tls, login)
