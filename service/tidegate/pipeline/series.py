"""Scores posted series in threads of their own, so many at a time, so that neither the event loop nor the workers wait long."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tidegate.contracts.codec import encode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.profile import Profile
from tidegate.contracts.profile_rules import check_profiles
from tidegate.contracts.series import MOST_METRICS, SeriesRequest
from tidegate.core.bundle_fit import misfit
from tidegate.core.classifier import Model
from tidegate.core.detection.series import score_series
from tidegate.errors import BusyError, InputError

AT_ONCE: Final = 2
"""Series scored at a time: each takes the interpreter from the workers for its part of it."""

DECLARED: Final = ProfileName("declared")
"""Name of a profile that a request declares."""


class SeriesDesk:
    """Implements `ports.SeriesScorer`. Beyond `AT_ONCE` requests none waits: the caller is told to come back."""

    def __init__(self, configuration: CoreConfiguration, forecasters: Mapping[str, Model]) -> None:
        self._configuration = configuration
        self._forecasters = forecasters
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="series")
        self._busy = 0

    async def score(self, request: SeriesRequest) -> bytes:
        """The `ScoredSeries` of `request` as JSON. A caller who leaves does not free the place before the work is done.

        Raises:
            InputError: there is no such profile, or what is declared breaks a rule.
            BusyError: as many series as may be are being scored.
            BundleError: the bundle fails.
        """
        profile = self._profile(request)
        if self._busy >= AT_ONCE:
            raise BusyError(f"{AT_ONCE} series are being scored already", advice="come back in some seconds")
        self._busy += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._score, profile, request)
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def close(self) -> None:
        """Take no more work; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _score(self, profile: Profile, request: SeriesRequest) -> bytes:
        return encode(score_series(profile, self._configuration.detection, self._forecasters, request.readings))

    def _done(self, work: "asyncio.Future[bytes]") -> None:
        self._busy -= 1
        if not work.cancelled():
            work.exception()  # whoever asked may be gone; then nobody else looks at it

    def _profile(self, request: SeriesRequest) -> Profile:
        if request.profile is not None and request.metrics is not None:
            raise InputError("profile and metrics are both given - at `$.metrics`", advice="name a profile, or declare one")
        if request.profile is not None:
            known = self._configuration.profiles.get(request.profile)
            if known is None:
                names = ", ".join(sorted(self._configuration.profiles))
                raise InputError(f"profile {request.profile!r} is not known, there are: {names}"[:400] + " - at `$.profile`")
            if len(known.metrics) > MOST_METRICS:
                raise InputError(f"profile {known.name!r} has {len(known.metrics)} metrics, expected at most {MOST_METRICS}")
            return self._served(known)
        if not request.metrics or request.interval_seconds is None:
            raise InputError("neither profile nor metrics with interval_seconds are given - at `$`", advice="see GET /docs")
        if request.bundle is not None and request.bundle not in self._forecasters:
            names = ", ".join(sorted(self._forecasters))
            raise InputError(f"bundle {request.bundle!r} is not loaded, there are: {names}"[:400] + " - at `$.bundle`")
        declared = Profile(DECLARED, request.interval_seconds, dict(request.metrics), bundle=request.bundle, alarm=request.alarm)
        check_profiles([declared])
        return self._served(declared)

    def _served(self, profile: Profile) -> Profile:
        model = self._forecasters.get(profile.bundle or "")
        fault = None if model is None else misfit(profile, model.manifest)
        if fault is not None:
            raise InputError(f"{fault[:400]} - at `$.metrics`", advice="declare the metrics of the bundle, or name another one")
        return profile
