"""What people are shown of the configuration in force: each setting with its origin, and profiles by site."""

from dataclasses import dataclass, field
from typing import Any

from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, DetectionSettings
from tidegate.contracts.ids import CommandId, ProfileField, ProfileName, SiteField, SiteId
from tidegate.contracts.profile import Profile


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting in force. `source` is `default`, `file`, `environment` or `option`; `where` is `file:line` or the variable.

    Of a secret `value` says only whether it is `set` or `unset`.
    """

    key: str
    variable: str
    value: Any
    source: str
    where: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile in force. `policy` is what anomalies cite, `digest` is of the whole profile, `bundle` what it asks for."""

    name: ProfileName
    policy: str
    digest: str
    bundle: str | None


@dataclass(frozen=True, slots=True)
class SiteProfilesView:
    """The profiles in force at a site. `digest` is of all of them, and the ETag; `own` names those that are the site's own.

    `since_ms` is the tick since which it has them, by `command` of `issued_by`; null where it has none of its own.
    """

    site: SiteId
    digest: str
    own: list[ProfileName]
    profiles: list[Profile]
    since_ms: int | None = None
    command: CommandId | None = None
    issued_by: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """What a process runs under: its settings, the core's, everybody's profiles, and what sites it works have of their own.

    `digest` is of what files and settings say of the core: what the journal cites.
    """

    settings: list[SettingView]
    digest: str
    detection: DetectionSettings
    allocation: AllocationSettings
    profiles: list[ProfileView]
    sites: list[SiteProfilesView]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a profile that a change gives another value. Null stands for what is not there."""

    profile: ProfileName
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ProfilesDiff:
    """What a change of a site's profiles comes to: field by field, and whose devices start to learn anew (`restarts`)."""

    changes: list[FieldChange]
    restarts: list[ProfileName]


@dataclass(frozen=True, slots=True)
class ProfilesBody:
    """All profiles that a site is to have of its own; everybody's apply where it has none. Empty: everybody's alone."""

    profiles: list[Profile]
    reason: str = ""
    issued_by: str = "anonymous"


@dataclass(frozen=True, slots=True)
class ProfilesReceipt:
    """The change is durable on the log, and `outcome` is the path that says what became of it; `diff` is what it comes to."""

    id: CommandId
    site: SiteId
    kind: CommandKind
    outcome: str
    diff: ProfilesDiff


@dataclass(frozen=True, slots=True)
class BundleUse:
    """Who is served by a bundle: of `devices` of `profile` at `site`, `warmed` have seen enough to be judged."""

    site: SiteId
    profile: ProfileName
    devices: int
    warmed: int


@dataclass(frozen=True, slots=True)
class BundleView:
    """A bundle on disk. `loaded`: workers of this process can be told to activate it; what came later is loaded at a start.

    `figures` are training's; `trained_on` says how many rows of which data sets. `wrong` says why it cannot be read.
    """

    name: str
    version: str
    digest: str
    loaded: bool
    tier: str = ""
    metrics: list[str] = field(default_factory=list)
    state_bytes: int = 0
    warmup_readings: int = 0
    trained_on: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    uses: list[BundleUse] = field(default_factory=list)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of a bundle's files, graph and behaviour found; `sound` means nothing that differs."""

    name: str
    version: str
    sound: bool
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Activation:
    """For which profile of which site a bundle is activated."""

    site: SiteField
    profile: ProfileField
    reason: str = ""
    issued_by: str = "anonymous"
