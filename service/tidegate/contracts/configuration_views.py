"""What people are shown of the configuration in force: each setting with its origin, and profiles by site."""

from dataclasses import dataclass, field
from typing import Any

from tidegate.contracts.configuration import AllocationSettings, DetectionSettings
from tidegate.contracts.ids import ProfileName, SiteId


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
    """A profile in force. `policy` is what anomalies cite, `digest` is of the whole profile, `bundle` the model that serves."""

    name: ProfileName
    policy: str
    digest: str
    bundle: str


@dataclass(frozen=True, slots=True)
class SiteProfilesView:
    """The profiles that a site has of its own, since which tick and by whose command; others are the files' for it too."""

    site: SiteId
    digest: str
    since_ms: int
    command: str
    issued_by: str
    profiles: list[ProfileView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """What a process runs under: its settings, the core's, the files' profiles, and what sites have of their own.

    `digest` is of what the files and settings say of the core: what the journal cites.
    """

    settings: list[SettingView]
    digest: str
    detection: DetectionSettings
    allocation: AllocationSettings
    profiles: list[ProfileView]
    sites: list[SiteProfilesView]
