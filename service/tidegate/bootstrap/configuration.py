"""What detection and allocation go by: profiles, their settings, and the bundles there are."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from tidegate.adapters.bundles import all_bundles, bundle_catalogue, shipped_bundles
from tidegate.adapters.onnx import load_model
from tidegate.adapters.profiles import load_profiles, shipped_profiles
from tidegate.contracts.codec import from_builtins
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration, DetectionSettings
from tidegate.contracts.profile import Profile
from tidegate.core.bundle_fit import ADVICE, misfit
from tidegate.core.classifier import Model
from tidegate.errors import BundleError, ConfigurationError, InputError
from tidegate.settings import Settings

T = TypeVar("T")


def core_configuration(settings: Settings) -> CoreConfiguration:
    """Profiles, detection and allocation settings as the core wants them.

    Raises:
        ConfigurationError: names the profile file or the key that is wrong.
    """
    profiles: dict[str, Profile] = {str(name): profile for name, profile in shipped_profiles().items()}
    profiles |= {str(name): profile for name, profile in load_profiles(settings.profiles).items()}
    return CoreConfiguration(
        profiles=profiles,
        detection=_overridden(DetectionSettings(), settings.detection, "detection"),
        allocation=_overridden(AllocationSettings(), settings.allocation, "allocation"),
    )


def load_forecasters(settings: Settings, configuration: CoreConfiguration) -> dict[str, Model]:
    """Every bundle in the package and in the folders of `settings`, by `name/version`; the newest of a name by its name too.

    All of them, not only those that a profile names: a replay needs what served then, and an activation what may serve next.

    Raises:
        BundleError: a bundle that a profile names is missing or cannot serve it, or one is not what its manifest says.
    """
    folders = bundle_folders(settings)
    wanted = {"universal"} | {profile.bundle for profile in configuration.profiles.values() if profile.bundle}
    missing = sorted(wanted - set(folders))
    if missing:
        raise BundleError(f"no bundle named {', '.join(missing)}, there are {sorted(folders)}", advice="set `bundles`")
    loaded = {folder: load_model(folder) for folder in sorted(set(folders.values()))}
    models: dict[str, Model] = {name: loaded[folder] for name, folder in sorted(folders.items())}
    for profile in configuration.profiles.values():
        fault = misfit(profile, models[profile.bundle].manifest) if profile.bundle else None
        if fault is not None:
            raise BundleError(fault, advice=ADVICE)
    return models


def bundle_folders(settings: Settings) -> dict[str, Path]:
    """The folder of each bundle there is, by `name/version`, and of the newest of a name by its name.

    Raises:
        BundleError: a folder is not there, or a version is not made of numbers.
    """
    paths = [shipped_bundles(), *settings.bundles]
    return all_bundles(paths) | bundle_catalogue(paths)


def _overridden(base: T, overrides: Mapping[str, Any], where: str) -> T:
    """`base` (a dataclass) with `overrides` put over it; unknown keys are refused."""
    values = {item.name: getattr(base, item.name) for item in dataclasses.fields(base)}  # type: ignore[arg-type]
    for key, value in overrides.items():
        if key not in values:
            raise ConfigurationError(f"{where}.{key} is not a setting", advice=f"known: {', '.join(sorted(values))}")
        nested = dataclasses.is_dataclass(values[key])
        values[key] = _overridden(values[key], value, f"{where}.{key}") if nested else value
    try:
        return from_builtins({key: _plain(value) for key, value in values.items()}, type(base))
    except InputError as error:
        raise ConfigurationError(f"{where}: {error.message}") from error


def _plain(value: object) -> object:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
