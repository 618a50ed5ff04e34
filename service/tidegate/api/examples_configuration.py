"""Examples of the configuration for OpenAPI: each a real value of its type."""

from typing import Final

from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, DetectionSettings
from tidegate.contracts.configuration_views import (
    Activation,
    BundleUse,
    BundleView,
    ConfigurationView,
    FieldChange,
    ProfilesBody,
    ProfilesDiff,
    ProfilesReceipt,
    ProfileView,
    SettingView,
    SiteProfilesView,
    Verification,
)
from tidegate.contracts.ids import AnomalyId, CommandId, DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.preview import PreviewAnomaly, ProfilesPreview
from tidegate.contracts.profile import AlarmPolicy, Direction, Metric, Profile
from tidegate.contracts.rest import CommandReceipt

PUMP_PROFILE: Final = Profile(
    name=ProfileName("pump"),
    interval_seconds=5.0,
    metrics={MetricName("bearing_temperature"): Metric(unit="°C", low=-40.0, high=150.0, direction=Direction.ABOVE)},
    description="A pump with one bearing.",
    alarm=AlarmPolicy(alerts_per_device_day=0.02),
)

_SITE: Final = SiteId("plant-7")

CONFIGURATION: Final = ConfigurationView(
    settings=[SettingView("api.port", "TIDEGATE_API__PORT", 9000, "environment", "TIDEGATE_API__PORT")],
    digest="5b6c0f",
    detection=DetectionSettings(),
    allocation=AllocationSettings(),
    profiles=[ProfileView(PUMP_PROFILE.name, "pump@0f3c2b1a9d8e", "9d8e7f6a5b4c3d2e", None)],
    sites=[],
)
SITE_PROFILES: Final = SiteProfilesView(
    _SITE, "0f3c2b1a9d8e7c6b", [PUMP_PROFILE.name], [PUMP_PROFILE], 1_767_225_600_000, CommandId("fewer-alarms"), "anna"
)
PROFILES_BODY: Final = ProfilesBody([PUMP_PROFILE], "fewer alarms at night", "anna")
_DIFF: Final = ProfilesDiff([FieldChange(PUMP_PROFILE.name, "alarm.alerts_per_device_day", 0.05, 0.02)], [])
PROFILES_RECEIPT: Final = ProfilesReceipt(
    CommandId("fewer-alarms"), _SITE, CommandKind.CONFIGURE_PROFILES, "/v1/commands/fewer-alarms", _DIFF
)
PREVIEW: Final = ProfilesPreview(
    site=_SITE,
    from_ms=1_767_225_600_000,
    to_ms=1_767_312_000_000,
    complete=True,
    reach="from the older snapshot on: what was before is trimmed from the log",
    readings=17_280,
    device_days=1.0,
    before=1,
    after=0,
    vanishing=1,
    appearing=0,
    before_per_device_day=1.0,
    after_per_device_day=0.0,
    diff=_DIFF,
    vanish=[
        PreviewAnomaly(
            AnomalyId("anomaly-7be0a1"),
            DeviceId("pump-1"),
            PUMP_PROFILE.name,
            1_767_230_000_000,
            1_767_230_060_000,
            "low",
            ["bearing_temperature is 71.2 °C, expected 60.1 to 66.8"],
        )
    ],
)
BUNDLE: Final = BundleView(
    name="universal",
    version="1",
    digest="3db1e6d6d2ef",
    loaded=True,
    tier="light",
    state_bytes=96,
    warmup_readings=64,
    trained_on={"smd": 708_405},
    figures={"pinball": 0.31},
    uses=[BundleUse(_SITE, PUMP_PROFILE.name, 40, 38)],
)
VERIFICATION: Final = Verification("universal", "1", sound=True)
ACTIVATION: Final = Activation(_SITE, PUMP_PROFILE.name, "finds more in our plant", "anna")
ACTIVATION_RECEIPT: Final = CommandReceipt(
    CommandId("shift-2-bundle"), _SITE, CommandKind.ACTIVATE_BUNDLE, "/v1/commands/shift-2-bundle"
)
