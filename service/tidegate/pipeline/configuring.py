"""Profiles and bundles for the door: what is in force, what a change would have done, what bundles there are.

Implements `ports.Configuring` over the workers of this process. Changes nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from tidegate.adapters.bundles import read_bundle
from tidegate.adapters.onnx import verify_bundle
from tidegate.contracts.codec import digest
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.configuration_views import (
    BundleUse,
    BundleView,
    ConfigurationView,
    ProfileView,
    SettingView,
    SiteProfilesView,
    Verification,
)
from tidegate.contracts.ids import CommandId, ProfileName, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.preview import ProfilesPreview
from tidegate.contracts.profile import Profile
from tidegate.core.classifier import Model
from tidegate.core.detection.profiles import policy_digest
from tidegate.core.detection.views import bundle_uses
from tidegate.core.own_profiles import profiles_asked_for, profiles_digest
from tidegate.core.partition import Partition
from tidegate.errors import BundleError, DependencyError
from tidegate.pipeline.preview import preview_profiles
from tidegate.pipeline.worker import PartitionWorker
from tidegate.pipeline.workers import Workers
from tidegate.ports import Log

T = TypeVar("T")

_DIGITS: Final = 16
"""Hexadecimal digits of a digest that people compare."""


class ConfigurationDesk:
    """`settings` are this process's, `folders` says where bundles are at the moment of the question."""

    def __init__(
        self,
        log: Log,
        workers: Workers,
        configuration: CoreConfiguration,
        forecasters: Mapping[str, Model],
        settings: Sequence[SettingView] = (),
        folders: Callable[[], Mapping[str, Path]] = dict,
    ) -> None:
        self._log = log
        self._workers = workers
        self._configuration = configuration
        self._forecasters = forecasters
        self._settings = list(settings)
        self._folders = folders
        self._busy = asyncio.Lock()

    async def configuration(self) -> ConfigurationView:
        """What this process runs under."""
        core = self._configuration
        sites = [view for part in await self._all(_own_sites) for view in part]
        profiles = [_profile_view(profile) for _, profile in sorted(core.profiles.items())]
        in_force = digest(replace(core, site_profiles={}))
        return ConfigurationView(self._settings, in_force, core.detection, core.allocation, profiles, sites)

    async def profiles(self, site: str) -> SiteProfilesView:
        """The profiles in force at `site`."""
        return await self._owner(site).call(lambda partition: _site_view(partition, SiteId(site)))

    async def preview(self, site: str, profiles: Sequence[Profile]) -> ProfilesPreview:
        """The kept readings twice; see the port."""
        if self._busy.locked():
            raise DependencyError("another preview is running", advice="try again when it is done; one takes a minute at most")
        command = Command(CommandId("preview"), SiteId(site), CommandKind.CONFIGURE_PROFILES, profiles=list(profiles))
        async with self._busy:
            in_force = await self._owner(site).call(lambda partition: partition.configuration)
            asked = profiles_asked_for(command, in_force, self._forecasters, 0)
            index = partition_of(site, self._log.partitions)
            with ThreadPoolExecutor(1, thread_name_prefix="preview") as thread:
                return await preview_profiles(self._log, index, self._forecasters, in_force, SiteId(site), asked, thread)

    async def bundles(self) -> Sequence[BundleView]:
        """Every bundle there is, by name and version."""
        uses: dict[str, list[BundleUse]] = {}
        for part in await self._all(lambda partition: bundle_uses(partition.detection.roster)):
            for identity, found in part.items():
                uses.setdefault(identity, []).extend(found)
        loaded = {forecaster.identity for forecaster in self._forecasters.values()}
        folders = await asyncio.to_thread(self._folders)
        return await asyncio.to_thread(_bundle_views, folders, loaded, uses)

    async def verify(self, name: str, version: str) -> Verification | None:
        """Check a bundle in a thread of its own."""
        folders = await asyncio.to_thread(self._folders)
        folder = folders.get(f"{name}/{version}")
        return None if folder is None else await asyncio.to_thread(_verify, name, version, folder)

    def _owner(self, site: str) -> PartitionWorker:
        return self._workers.worker(partition_of(site, self._workers.partitions))

    async def _all(self, look: Callable[[Partition], T]) -> list[T]:
        return [await worker.call(look) for worker in list(self._workers.working.values())]


def _own_sites(partition: Partition) -> list[SiteProfilesView]:
    return [_site_view(partition, site) for site in sorted(partition.own)]


def _site_view(partition: Partition, site: SiteId) -> SiteProfilesView:
    own, configuration = partition.own.get(site), partition.configuration
    profiles = [profile for _, profile in sorted(configuration.profiles_of(site).items())]
    view = SiteProfilesView(site, profiles_digest(configuration, site), [], profiles)
    if own is None:
        return view
    names = sorted(profile.name for profile in own.profiles)
    return replace(view, own=names, since_ms=own.since_ms, command=own.command, issued_by=own.issued_by)


def _profile_view(profile: Profile) -> ProfileView:
    return ProfileView(ProfileName(profile.name), policy_digest(profile), digest(profile)[:_DIGITS], profile.bundle)


def _bundle_views(folders: Mapping[str, Path], loaded: set[str], uses: Mapping[str, list[BundleUse]]) -> list[BundleView]:
    return [_bundle_view(key, folders[key], loaded, uses) for key in sorted(folders) if "/" in key]


def _bundle_view(key: str, folder: Path, loaded: set[str], uses: Mapping[str, list[BundleUse]]) -> BundleView:
    name, _, version = key.partition("/")
    try:
        manifest = read_bundle(folder).manifest
    except BundleError as error:
        return BundleView(name, version, "", loaded=False, wrong=error.message)
    identity = f"{manifest.name}/{manifest.version}@{manifest.model_sha256[:12]}"
    return BundleView(
        name=name,
        version=version,
        digest=manifest.model_sha256[:12],
        loaded=identity in loaded,
        tier=manifest.tier,
        metrics=[str(metric) for metric in manifest.metrics],
        state_bytes=manifest.state_bytes,
        warmup_readings=manifest.warmup_readings,
        trained_on={data.dataset: data.rows for data in manifest.data},
        figures=manifest.figures,
        uses=uses.get(identity, []),
    )


def _verify(name: str, version: str, folder: Path) -> Verification:
    try:
        findings = [str(finding) for finding in verify_bundle(folder)]
    except BundleError as error:
        findings = [error.message]
    return Verification(name, version, not findings, findings)
