"""Deployment settings: where things are, how large, how long. Built once at start and immutable.

Four sources, the later wins: defaults, a YAML file (`--config` or TIDEGATE_CONFIG), environment variables
(`TIDEGATE_API__PORT=8081`), command-line options. Unknown keys are refused wherever they stand: a typo must not silently
mean the default.
"""

from tidegate.settings.areas import (
    AccessSettings,
    ApiSettings,
    KafkaSettings,
    LoggingSettings,
    OidcSettings,
    RetentionSettings,
    SettingField,
    Settings,
    setting_fields,
)
from tidegate.settings.loading import VERBATIM, Loaded, SettingProblem, load_settings, load_traced, validate
from tidegate.settings.sources import Gathered

__all__ = [
    "VERBATIM",
    "AccessSettings",
    "ApiSettings",
    "Gathered",
    "KafkaSettings",
    "Loaded",
    "LoggingSettings",
    "OidcSettings",
    "RetentionSettings",
    "SettingField",
    "SettingProblem",
    "Settings",
    "load_settings",
    "load_traced",
    "setting_fields",
    "validate",
]
