"""What sites have of their own in place of everybody's profiles: taken by command, refused with a reason, kept in the state.

Pure. Puts nothing in force; the partition does, with what comes out of here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts.codec import digest
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, ProfileName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.profile_rules import check_profiles
from tidegate.core.bundle_fit import ADVICE, misfit
from tidegate.core.classifier import Model
from tidegate.errors import CommandRefused

MAX_METRICS: Final = 50_000
"""(Profile, metric) pairs that all sites' own profiles of a partition may have ever had: codes are never given back."""


@dataclass(frozen=True, slots=True)
class SiteProfiles:
    """The profiles of `site`'s own, in force since tick `since_ms` by `command` of `issued_by`."""

    site: SiteId
    since_ms: int
    command: CommandId
    issued_by: str
    profiles: list[Profile]


def profiles_digest(configuration: CoreConfiguration, site: SiteId) -> str:
    """Of all profiles in force at `site`, its own and everybody's: 16 hex digits, what `If-Match` is held against."""
    return digest(dict(configuration.profiles_of(site)))[:16]


def profiles_asked_for(
    command: Command, configuration: CoreConfiguration, bundles: Mapping[str, Model], known: int
) -> list[Profile]:
    """All profiles that the site is to have of its own after `command`; `known` metrics have been named in the partition.

    Raises:
        CommandRefused: other profiles are in force than the sender saw, there is no such profile or bundle, the bundle
            does not fit the profile, or too many metrics.
        BundleError: a bundle was there when the journal was written and is not installed now.
        InputError: a profile breaks a rule.
    """
    in_force = configuration.profiles_of(command.site)
    _see_the_same(command, configuration)
    if command.kind is CommandKind.ACTIVATE_BUNDLE:
        asked = _with_bundle(command, configuration, in_force)
    else:
        asked = [_in_order(profile, in_force.get(profile.name)) for profile in command.profiles or []]
    check_profiles(asked)
    _have_bundles(asked, bundles)
    if known + sum(len(profile.metrics) for profile in asked) > MAX_METRICS + sum(map(_width, configuration.profiles.values())):
        raise CommandRefused(
            f"more than {MAX_METRICS} metrics of sites' own profiles", advice="keep to names that were there before"
        )
    return asked


def _width(profile: Profile) -> int:
    return len(profile.metrics)


def _see_the_same(command: Command, configuration: CoreConfiguration) -> None:
    now = profiles_digest(configuration, command.site)
    if command.digest is not None and command.digest != now:
        raise CommandRefused(
            f"profiles {command.digest!r} are not in force at site {command.site!r}, {now!r} are",
            advice="look at what is in force now, and send the change again",
        )


def _with_bundle(command: Command, configuration: CoreConfiguration, in_force: Mapping[str, Profile]) -> list[Profile]:
    """The site's own profiles with another bundle in one of them; everybody's becomes its own by that."""
    name = command.profile or ProfileName("")
    profile = in_force.get(name)
    if profile is None:
        raise CommandRefused(f"no profile {name!r} at site {command.site!r}, there are {', '.join(sorted(in_force))}"[:400])
    if profile.bundle == command.bundle:
        raise CommandRefused(f"profile {name!r} of site {command.site!r} is served by {command.bundle!r} already")
    own = configuration.site_profiles.get(command.site, {})
    return list(({**own, name: replace(profile, bundle=command.bundle)}).values())


def _in_order(profile: Profile, before: Profile | None) -> Profile:
    """`profile` with the same metrics in the order that rows have them in: to write them in another is no change."""
    if before is None or before.metrics.keys() != profile.metrics.keys():
        return profile
    return replace(profile, metrics={name: profile.metrics[name] for name in before.metrics})


def _have_bundles(profiles: Iterable[Profile], there: Mapping[str, Model]) -> None:
    for profile in profiles:
        if profile.bundle is None:
            continue
        if profile.bundle not in there:
            raise CommandRefused(
                f"bundle {profile.bundle!r} of profile {profile.name!r} is not loaded, there are {', '.join(sorted(there))}"[
                    :400
                ],
                advice="put it into a folder that `bundles` names, of every worker, and start them again",
            )
        fault = misfit(profile, there[profile.bundle].manifest)
        if fault is not None:
            raise CommandRefused(fault[:400], advice=ADVICE)
