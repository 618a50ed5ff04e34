"""What `tidegate config check` finds: everything wrong at once, what has no effect, and what would run. Connects to nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tidegate.adapters.bundles import read_bundle
from tidegate.adapters.onnx import verify_bundle
from tidegate.adapters.profiles import profile_problems
from tidegate.bootstrap.access import check_exposure
from tidegate.bootstrap.configuration import bundle_folders, core_configuration
from tidegate.bootstrap.log import kafka_connection, refuse_roles_apart
from tidegate.contracts.profile import Profile
from tidegate.core.bundle_fit import ADVICE, misfit
from tidegate.errors import BundleError, TidegateError
from tidegate.settings import SettingProblem, Settings, validate
from tidegate.settings.sources import DEFAULT, Gathered, Key


class Severity(StrEnum):
    """Whether the service would start."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing to mend. `where` is file and line, or the variable; `advice` what to do."""

    severity: Severity
    key: str
    text: str
    where: str = ""
    advice: str = ""


@dataclass(slots=True)
class Report:
    """What is wrong, and what would run, in words by subject."""

    complaints: list[Complaint] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether the service would start on this."""
        return all(each.severity is not Severity.ERROR for each in self.complaints)


def examine(gathered: Gathered) -> Report:
    """Check `gathered`, and the files it names, as far as can be without connecting to anything."""
    report = Report()
    settings, problems = validate(gathered)
    report.complaints += map(_setting_complaint, problems)
    for check in (_profiles, _core, _bundles, _kafka, _roles, _exposure):
        report.complaints += check(settings, gathered)
    report.complaints += _without_effect(settings, gathered)
    report.summary = _summary(settings) if report.usable else {}
    return report


def _setting_complaint(problem: SettingProblem) -> Complaint:
    advice = f"did you mean {problem.meant}?" if problem.meant else ""
    return Complaint(Severity.ERROR, ".".join(problem.key), problem.text, problem.place.where, advice)


def _error(key: Key, gathered: Gathered, text: str, advice: str = "") -> Complaint:
    return Complaint(Severity.ERROR, ".".join(key), text, gathered.place(key).where, advice)


def _warning(key: Key, gathered: Gathered, text: str) -> Complaint:
    return Complaint(Severity.WARNING, ".".join(key), text, gathered.place(key).where)


def _refused(key: Key, gathered: Gathered, attempt: Callable[[], object]) -> Iterator[Complaint]:
    try:
        attempt()
    except TidegateError as error:
        yield _error(key, gathered, error.message, error.advice)


def _profiles(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    for problem in profile_problems(settings.profiles):
        yield _error(("profiles",), gathered, problem)


def _core(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    """Each override of the core's settings by itself, so that one wrong key does not hide the next."""
    plain = settings.model_copy(update={"profiles": (), "detection": {}, "allocation": {}})
    for area in ("detection", "allocation"):
        for key, value in getattr(settings, area).items():
            one = plain.model_copy(update={area: {key: value}})
            yield from _refused((area, key), gathered, lambda one=one: core_configuration(one))  # type: ignore[misc]


def _bundles(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    missing = [path for path in settings.bundles if not path.is_dir()]
    for path in missing:
        yield _error(("bundles",), gathered, f"bundle folder {path} is not there", "correct the path, or leave it out")
    if missing or profile_problems(settings.profiles):
        return
    folders: dict[str, Path] = {}
    for complaint in _refused(("bundles",), gathered, lambda: folders.update(bundle_folders(settings))):
        yield complaint
        return
    for folder in sorted(set(folders.values())):
        try:
            findings = [str(finding) for finding in verify_bundle(folder)]
        except TidegateError as error:
            findings = [error.message]
        for finding in findings:
            yield _error(("bundles",), gathered, f"{folder}: {finding}")
    plain = settings.model_copy(update={"detection": {}, "allocation": {}})
    for name, profile in core_configuration(plain).profiles.items():
        if profile.bundle and profile.bundle not in folders:
            text = f"profile {name!r} wants bundle {profile.bundle!r}, there are {', '.join(sorted(folders))}"
            yield _error(("profiles",), gathered, text, "put it into a folder that `bundles` names")
        elif profile.bundle:
            for fault in _misfits(profile, folders[profile.bundle]):
                yield _error(("profiles",), gathered, fault, ADVICE)


def _misfits(profile: Profile, folder: Path) -> Iterator[str]:
    """Why the bundle in `folder` cannot serve `profile`; nothing when it cannot even be read, which is said elsewhere."""
    with suppress(BundleError):
        fault = misfit(profile, read_bundle(folder).manifest)
        if fault is not None:
            yield fault


def _kafka(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    yield from _refused(("kafka", "security"), gathered, lambda: kafka_connection(settings.kafka))
    if settings.kafka.min_insync_replicas > settings.kafka.replication_factor:
        wrong = f"is {settings.kafka.min_insync_replicas}, and replication_factor {settings.kafka.replication_factor}"
        yield _error(("kafka", "min_insync_replicas"), gathered, wrong, "nothing could be written: at most as many as copies")


def _roles(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    yield from _refused(("roles",), gathered, lambda: refuse_roles_apart(settings))


def _exposure(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    yield from _refused(("api", "host"), gathered, lambda: check_exposure(settings))


def _without_effect(settings: Settings, gathered: Gathered) -> Iterator[Complaint]:
    """What was given and changes nothing: whoever gave it believes that it does."""
    kafka = bool(settings.kafka.bootstrap_servers)
    for key in gathered.origins:
        if key[0] == "kafka" and not kafka and key[1:2] != ("bootstrap_servers",):
            yield _warning(key, gathered, "has no effect without kafka.bootstrap_servers")
        if key[0] == "log" and kafka:
            yield _warning(key, gathered, "has no effect with kafka.bootstrap_servers: there is no embedded log")
        if key[0] == "worker" and "worker" not in settings.roles:
            yield _warning(key, gathered, "has no effect without the role `worker`")
    if gathered.origin(("worker", "snapshot_batches")) is not DEFAULT and not settings.worker.trim:
        yield _warning(("worker", "trim"), gathered, "is off: the log grows until retention deletes from it")


def _summary(settings: Settings) -> dict[str, Any]:
    configuration = core_configuration(settings)
    own = core_configuration(settings.model_copy(update={"profiles": ()})).profiles
    log = f"embedded log {settings.log.path}" if not settings.kafka.bootstrap_servers else ""
    return {
        "roles": list(settings.roles),
        "log": log or f"Kafka at {settings.kafka.bootstrap_servers}, group {settings.kafka.group!r}",
        "door": f"{settings.api.host} port {settings.api.port}",
        "profiles": len(configuration.profiles),
        "own_profiles": sorted(name for name, each in configuration.profiles.items() if own.get(name) != each),
        "bundles": sorted(bundle_folders(settings)),
        "detection_overrides": sorted(settings.detection),
        "allocation_overrides": sorted(settings.allocation),
    }
