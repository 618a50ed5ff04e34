"""Which settings there are: one model an area, with the documentation of each in its place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo

from tidegate.contracts.access import parse_grants
from tidegate.contracts.anomaly import Severity
from tidegate.errors import InputError
from tidegate.settings.sources import Key

TokenAlgorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures of tokens that may be taken at all: neither `none`, nor any whose key is a secret that the verifier shares."""


class _Area(BaseModel):
    # Inputs stay out of pydantic's messages: one of them may be a password. `_problem` shows those that may be seen.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def _listed(value: object) -> object:
    """`worker,api` as an environment variable or option gives it."""
    if not isinstance(value, str):
        return value
    return [each.strip() for each in value.split(",")] if value.strip() else []


def _address(value: str) -> str:
    """`value`, if it is an http or https address or nothing at all."""
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("expected an address such as http://host:port")
    return value


class LogSettings(_Area):
    """The embedded durable log."""

    path: Path = Path("var/tidegate.db")
    """File of the embedded log; its folder is made if it is missing."""
    partitions: int = Field(default=1, ge=1, le=256)
    """Partitions of every topic; fixed once the file exists."""


class KafkaSecuritySettings(_Area):
    """How connections to Kafka are encrypted, and who we are there (docs/kafka.md). Read once, at the start."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Kafka's name for what the port speaks: SSL encrypts, SASL logs in by user and password."""
    ca_file: Path | None = None
    """Certificates that are trusted, PEM; none means those the system trusts."""
    certificate_file: Path | None = None
    """Our certificate with its chain, PEM, where brokers ask for one."""
    key_file: Path | None = None
    """Its private key, PEM; none means that it is in `certificate_file`."""
    key_password: SecretStr | None = None
    """Of the private key."""
    key_password_file: Path | None = None
    """File whose first line is the key's password."""
    check_hostname: bool = True
    """Whether a broker's certificate must name the host we connect to."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is proved; PLAIN sends it, and so wants encryption."""
    username: str | None = None
    """Whom we log in as."""
    password: SecretStr | None = None
    """Of that user."""
    password_file: Path | None = None
    """File whose first line is the user's password."""

    @model_validator(mode="after")
    def _all_used(self) -> Self:
        """What the protocol makes no use of is refused: whoever set it believes in a protection that is not there."""
        unused = []
        if not self.protocol.endswith("SSL"):
            unused += ["ca_file", "certificate_file", "key_file", "key_password", "key_password_file"]
        if not self.protocol.startswith("SASL"):
            unused += ["username", "password", "password_file"]
        without_effect = [name for name in unused if getattr(self, name) is not None]
        if without_effect:
            raise ValueError(f"{', '.join(without_effect)} would have no effect with protocol {self.protocol}")
        return self


class KafkaSettings(_Area):
    """Kafka in place of the embedded log (docs/kafka.md)."""

    bootstrap_servers: str = ""
    """`host:port,host:port` of some brokers; empty means the embedded log."""
    group: str = Field(default="tidegate", min_length=1)
    """Name of this installation: of the consumer group that its workers form, and of its transactions."""
    session_seconds: float = Field(default=10.0, ge=1, le=300)
    """A process not heard of for so long is missed: the group gives its partitions to others. Brokers take 6 s or more."""
    topic_prefix: str = ""
    """Stands before every topic's name, so that installations can share a cluster."""
    partitions: int = Field(default=4, ge=1, le=256)
    """Partitions of every topic when `tidegate topics create` makes them; fixed from then on."""
    replication_factor: int = Field(default=1, ge=1, le=10)
    """Copies of every record; 3 in production."""
    min_insync_replicas: int = Field(default=1, ge=1, le=10)
    """Copies that must be written before a record counts as durable; 2 in production."""
    retention_days: int = Field(default=7, ge=1, le=3650)
    """Days for which inputs, journal and facts are kept, where snapshots do not let them go sooner."""
    delivery: Literal["exactly-once", "at-least-once"] = "exactly-once"
    """What a batch's facts are written as: once, in a transaction, or at least once, without one (docs/kafka.md)."""
    security: KafkaSecuritySettings = KafkaSecuritySettings()
    """Encryption and login."""


class RetentionSettings(_Area):
    """Days for which history keeps what is over, from when the log took in its end; what is still open stays."""

    anomalies_days: float = Field(default=90, gt=0, le=36500)
    """Anomalies that are closed or retracted."""
    incidents_days: float = Field(default=90, gt=0, le=36500)
    """Closed incidents."""
    decisions_days: float = Field(default=90, gt=0, le=36500)
    """Plans that ended, with all their facts."""
    commands_days: float = Field(default=90, gt=0, le=36500)
    """Commands and their outcomes; one that set a topology stays as long as the topology."""
    topologies_days: float = Field(default=365, gt=0, le=36500)
    """Revisions of topologies that were in force; a site's present one stays."""
    audit_days: float = Field(default=400, gt=0, le=36500)
    """The record of who asked for what; 13 months, so that a year can be looked back on whole."""
    scores_days: float = Field(default=1, gt=0, le=36500)
    """Recorded scores: one of each device per `detection.score_every_seconds`, about a kilobyte each."""
    notes_days: float = Field(default=365, gt=0, le=36500)
    """Acknowledgements, labels and maintenance windows, from when they were given, with their commands."""
    dead_letters_days: float = Field(default=14, gt=0, le=36500)
    """Dead letters with the head of their bytes, and the notes on their replays."""


class HistorySettings(_Area):
    """The database that REST answers from (docs/history.md); processes without the role `api` have none."""

    url: str = ""
    """`postgresql://user@host/database` or `sqlite:///file`, without a password; empty means `history.db` beside `log.path`."""
    password: SecretStr | None = None
    """Of the database's user."""
    password_file: Path | None = None
    """File whose first line is the password."""
    retention: RetentionSettings = RetentionSettings()
    """How long what is kept."""


class ApiSettings(_Area):
    """The REST door."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with access control, or `access.allow_anonymous` (docs/access.md)."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=8 * 1024 * 1024)
    """Largest request body; never above what the worker takes as one message."""
    max_pending_records: int = Field(default=20_000, ge=1)
    """Telemetry records waiting for the worker before the door answers 503 with Retry-After."""
    console: bool = True
    """Whether the page for people is served under `/console` (docs/console.md); loaded with the first visit."""
    cors_origins: tuple[str, ...] = ()
    """Origins (`https://panel.example.org`) whose pages may read answers in a browser; none by default."""
    hosts: tuple[str, ...] = ()
    """Names besides `localhost` by which the door is asked while access control is off (docs/access.md#names). Beyond loopback,
    without any, every name will do."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; anybody else could make them up."""
    workers: tuple[str, ...] = ()
    """Where all workers are asked for the live state: `http://worker-1:8080`. A name with several addresses is several workers.
    Needed where the roles are apart; empty, a door knows its own process's partitions alone (docs/local-stack.md)."""
    worker_seconds: float = Field(default=5.0, gt=0, le=60)
    """Longest time for a worker's answer."""

    _split = field_validator("cors_origins", "hosts", "trusted_proxies", "workers", mode="before")(_listed)


class OidcSettings(_Area):
    """Bearer tokens of an OpenID Connect provider (docs/access.md)."""

    issuer: str = ""
    """The provider, as its tokens name it in `iss`, e.g. https://id.example.org/realms/plant."""
    audience: str = ""
    """What tokens for this service name in `aud`."""
    jwks_url: str = ""
    """Where its signing keys are; empty means that its discovery document says so."""
    ca_file: Path | None = None
    """Certificates that are trusted when it is asked for its keys, PEM; none means those the system trusts."""
    algorithms: tuple[TokenAlgorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    """Signatures that are taken. Only kinds whose verifying key cannot sign."""
    leeway_seconds: float = Field(default=30.0, ge=0, le=300)
    """By how much the provider's clock and ours may differ."""
    name_claim: str = Field(default="sub", min_length=1)
    """Claim with the name that the audit shows and that commands are issued by."""
    grants_claim: str = Field(default="groups", min_length=1)
    """Claim that says what its owner may; dots lead into it (`realm_access.roles`). A list, or words in a text."""
    grants: dict[str, tuple[str, ...]] = {}
    """What each value of that claim grants: `{plant-1-operators: [operator@plant-1]}`. Empty: values are grants themselves."""

    @field_validator("grants")
    @classmethod
    def _are_grants(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        try:
            for grants in value.values():
                parse_grants(list(grants))
        except InputError as error:
            raise ValueError(str(error)) from error
        return value


class AccessSettings(_Area):
    """Who may do what (docs/access.md). On loopback nobody is asked unless `accept` says so."""

    accept: tuple[Literal["keys", "oidc"], ...] = ()
    """What opens the door: `keys` (`tidegate keys create`), `oidc` tokens, or both; empty: everybody may do everything."""
    allow_anonymous: bool = False
    """Listen beyond loopback although nobody is asked who they are. Say so only where something else keeps strangers out."""
    metrics: Literal["reader", "open"] = "reader"
    """Whether `/metrics` wants a key with `reader@*` when access control is on, or is open to whoever reaches the port."""
    worker_token: SecretStr | None = None
    """Secret by which doors and workers of one installation know each other where the roles are apart: the same in all of them.
    Doors show it to `api.workers`, and a worker lets whoever shows it read."""
    worker_token_file: Path | None = None
    """File whose first line is that secret."""
    requests_per_second: float = Field(default=1000.0, gt=0)
    """What one key, one user, or one address without either may ask for in the long run. Off while loopback is open."""
    burst: int = Field(default=5000, ge=1)
    """Requests that may come at once before that counts."""
    oidc: OidcSettings = OidcSettings()
    """Bearer tokens of an OpenID Connect provider."""

    _split = field_validator("accept", mode="before")(_listed)

    @model_validator(mode="after")
    def _all_used(self) -> Self:
        """A provider that is half described, or described and not asked, is a mistake."""
        if "oidc" in self.accept and not (self.oidc.issuer and self.oidc.audience):
            raise ValueError("oidc needs access.oidc.issuer and access.oidc.audience")
        if "oidc" not in self.accept and self.oidc != OidcSettings():
            raise ValueError("access.oidc would have no effect: oidc is not in access.accept")
        return self


class AlertingSettings(_Area):
    """Alerts about single anomalies and incidents (docs/monitoring.md#alerts-about-single-anomalies). Of the role `api`."""

    alertmanager_url: str = ""
    """Alertmanager that is told, e.g. http://alertmanager:9093; empty means nobody."""
    minimum_severity: Severity = Severity.HIGH
    """Least severity that is told of: low, medium, high or critical."""
    link: str = ""
    """Where people reach this service's door, for the link in each alert; empty means no link."""

    @field_validator("alertmanager_url", "link")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _address(value)


class TracingSettings(_Area):
    """Traces by OpenTelemetry, from a request to the decision it led to (docs/monitoring.md#traces). Needs the extra `traces`."""

    endpoint: str = ""
    """Collector that takes OTLP over HTTP, e.g. http://collector:4318; empty means no traces."""
    sample_ratio: float = Field(default=0.01, ge=0, le=1)
    """Share of requests that are followed, unless their caller says so; whatever such a request leads to is followed with it."""

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _address(value)


class WorkerSettings(_Area):
    """The worker's loop."""

    batch_records: int = Field(default=1000, ge=1, le=100_000)
    """Records taken from each input at once."""
    batch_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Bytes taken from each input at once; a single larger record is still taken."""
    tick_seconds: float = Field(default=1.0, gt=0, le=60)
    """Longest time between two journaled ticks."""
    snapshot_batches: int = Field(default=1000, ge=1)
    """Most batches between two snapshots."""
    snapshot_readings: int = Field(default=50_000, ge=1)
    """Most readings between two snapshots; 10 for each device if that is more."""
    keep_facts: int = Field(default=200_000, ge=1000)
    """Records kept per output topic and partition."""
    trim: bool = True
    """Delete from the log what two snapshots have made superfluous, and facts beyond `keep_facts`; off, retention alone does."""
    planner_seconds: float = Field(default=30.0, gt=0)
    """Longest time for one plan before the planner's process is replaced."""
    stuck_after_seconds: float = Field(default=30.0, ge=15, le=3600)
    """Longest time without a sign of life of a worker, or of an answer beyond the planner's own limit, before `/healthz` fails;
    above what a request to Kafka may take. Also how long a transaction left open by a producer may hold an input back."""
    shutdown_seconds: float = Field(default=10.0, gt=0)
    """Time for everything that must happen on SIGTERM: close the door, finish the batch, leave a snapshot."""


class LoggingSettings(_Area):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""
    format: Literal["auto", "json", "console"] = "auto"
    """`json` for machines, `console` for people; `auto` is console in a terminal and json elsewhere."""


Role = Literal["worker", "api"]
"""`worker` scores and decides; `api` takes readings and commands and answers questions."""


class Settings(_Area):
    """All deployment settings, by area."""

    roles: tuple[Role, ...] = Field(default=("worker", "api"), min_length=1)
    """What this process does; health and metrics are served in any case. Roles apart need Kafka between them."""
    log: LogSettings = LogSettings()
    """The embedded log."""
    kafka: KafkaSettings = KafkaSettings()
    """Kafka in place of the embedded log."""
    api: ApiSettings = ApiSettings()
    """The REST door."""
    history: HistorySettings = HistorySettings()
    """The database that REST answers from."""
    access: AccessSettings = AccessSettings()
    """Who may do what."""
    alerting: AlertingSettings = AlertingSettings()
    """Alerts about single anomalies and incidents."""
    tracing: TracingSettings = TracingSettings()
    """Traces by OpenTelemetry."""
    worker: WorkerSettings = WorkerSettings()
    """The worker's loop."""
    logging: LoggingSettings = LoggingSettings()
    """Logs."""
    profiles: tuple[Path, ...] = ()
    """Further profile files or folders; a profile here replaces a shipped one of the same name."""
    bundles: tuple[Path, ...] = ()
    """Further folders of bundles."""
    detection: dict[str, Any] = {}
    """Overrides of detection settings; see `tidegate.contracts.configuration.DetectionSettings`."""
    allocation: dict[str, Any] = {}
    """Overrides of allocation settings; see `tidegate.contracts.configuration.AllocationSettings`."""

    _split = field_validator("roles", mode="before")(_listed)


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting: its key, pydantic's field, and the docstring of the area it is in."""

    key: Key
    field: FieldInfo
    area: type[BaseModel]


def setting_fields(area: type[BaseModel] = Settings, above: Key = ()) -> list[SettingField]:
    """Every setting, in the order in which they are written down; an area's after those that are in none."""
    plain, nested = [], []
    for name, field in area.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            nested += setting_fields(kind, (*above, name))
        else:
            plain.append(SettingField((*above, name), field, area))
    return plain + nested
