"""Deployment settings: where things are, how large, how long. Built once at start and immutable.

Four sources, the later wins: defaults, a YAML file (`--config` or TIDEGATE_CONFIG), environment variables
(`TIDEGATE_API__PORT=8081`), command-line options. Unknown keys are refused wherever they stand: a typo must not silently
mean the default.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from tidegate.contracts.access import parse_grants
from tidegate.errors import ConfigurationError, InputError

PREFIX = "TIDEGATE_"
"""Of every environment variable that is a setting; two underscores part area and name."""

CONFIG_VARIABLE = "TIDEGATE_CONFIG"
"""Names the YAML file."""

_NOT_SETTINGS = (CONFIG_VARIABLE, f"{PREFIX}URL", f"{PREFIX}TOKEN", f"{PREFIX}REQUIRE_", f"{PREFIX}TEST_")
"""Beginnings of variables that are for others: commands that ask a service, what tests need and where they find it."""

TokenAlgorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures of tokens that may be taken at all: neither `none`, nor any whose key is a secret that the verifier shares."""

_VERBATIM = frozenset({"username", "password", "key_password"})
"""Settings whose text from the environment is taken as it stands: a password 0123 is not the number 83."""


class _Area(BaseModel):
    # Inputs stay out of pydantic's messages: one of them may be a password. `_explain` shows those that may be seen.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def _listed(value: object) -> object:
    """`worker,api` as an environment variable or option gives it."""
    if not isinstance(value, str):
        return value
    return [each.strip() for each in value.split(",")] if value.strip() else []


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
    cors_origins: tuple[str, ...] = ()
    """Origins (`https://panel.example.org`) whose pages may read answers in a browser; none by default."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; anybody else could make them up."""

    _split = field_validator("cors_origins", "trusted_proxies", mode="before")(_listed)


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
    access: AccessSettings = AccessSettings()
    """Who may do what."""
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


def load_settings(
    file: Path | None = None, environment: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
) -> Settings:
    """Build the settings from defaults, `file`, `environment` (default: the process's) and command-line `options`.

    Raises:
        ConfigurationError: the file cannot be read, or a key is unknown or has a wrong value; names the key and its origin.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(CONFIG_VARIABLE)
    path = file or (Path(named) if named else None)
    values = _read_file(path) if path else {}
    _merge(values, _from_environment(environment))
    _merge(values, options or {})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            _explain(error), advice=f"see `tidegate config show`{f'; file: {path}' if path else ''}"
        ) from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read settings from {path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"settings file {path} holds a {type(values).__name__}, expected areas with keys")
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name.startswith(_NOT_SETTINGS):
            continue
        area = values
        *path, key = name.removeprefix(PREFIX).lower().split("__")
        for part in path:
            area = area.setdefault(part, {})
            if not isinstance(area, dict):
                raise ConfigurationError(f"environment variable {name} contradicts another one for {part!r}")
        area[key] = text if key in _VERBATIM else _scalar(text)
    return values


def _scalar(text: str) -> Any:
    """Environment values are read as YAML, so that numbers, true, and [a, b] mean what they mean in the file."""
    try:
        return yaml.safe_load(text) if text else text
    except yaml.YAMLError:
        return text


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        where = "__".join(str(part) for part in problem["loc"])
        lines.append(f"{where.replace('__', '.')} ({PREFIX}{where.upper()}): {_complaint(problem)}")
    return "; ".join(lines)


def _complaint(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "is not a setting"
    shown = not isinstance(problem["input"], dict) and problem["loc"][-1] not in _VERBATIM
    return f"{problem['msg']}, got {problem['input']!r}" if shown else str(problem["msg"])
