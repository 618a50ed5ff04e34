"""Whether a bundle can serve a profile: its columns are there, or its metrics are the profile's and in the profile's units."""

from collections.abc import Iterable, Iterator
from typing import Final

from tidegate.contracts.manifest import BundleManifest
from tidegate.contracts.profile import Profile
from tidegate.core.classifier import CLASSIFY

ADVICE: Final = "give the profile the metrics of the bundle, or let another bundle serve it"

SHOWN: Final = 5
"""Names that a message lists."""


def misfit(profile: Profile, manifest: BundleManifest) -> str | None:
    """Why a bundle of `manifest` cannot serve `profile`, in words; null when it can.

    A forecaster of each metric by itself serves everybody. One that forecasts metrics jointly serves profiles of exactly these
    metrics, in any order, whose units are its own where both say one. A classifier passes over metrics beyond its columns.
    """
    if manifest.task == CLASSIFY:
        return _lacking_columns(profile, manifest)
    differences = list(_differences(profile, manifest)) if manifest.metrics else []
    if not differences:
        return None
    return (
        f"profile {profile.name!r} does not fit bundle {manifest.name}/{manifest.version}, which forecasts "
        f"{len(manifest.metrics)} metrics jointly: {'; '.join(differences)}"
    )


def _lacking_columns(profile: Profile, manifest: BundleManifest) -> str | None:
    missing = [name for name in manifest.metrics if name not in profile.metrics]
    if not missing:
        return None
    return (
        f"profile {profile.name!r} lacks {len(missing)} of the {len(manifest.metrics)} columns that "
        f"bundle {manifest.name}/{manifest.version} classifies by: {_listed(missing)}"
    )


def _differences(profile: Profile, manifest: BundleManifest) -> Iterator[str]:
    if missing := [name for name in manifest.metrics if name not in profile.metrics]:
        yield f"the profile lacks {_listed(missing)}"
    if strange := [name for name in profile.metrics if name not in manifest.metrics]:
        yield f"the bundle lacks {_listed(strange)}"
    for name, unit in zip(manifest.metrics, manifest.units, strict=False):
        own = profile.metrics[name].unit if name in profile.metrics else ""
        if own and unit and own != unit:
            yield f"{name!r} is in {own!r} in the profile and in {unit!r} in the bundle"


def _listed(names: Iterable[str]) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:SHOWN]) + (" …" if len(shown) > SHOWN else "")
