"""Bundles on disk: finding them, reading them, and holding the files against what their manifest promises.

Does not run the model; `tidegate.adapters.onnx` does, and checks the graph.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from tidegate.adapters.opset import opset_version
from tidegate.contracts.codec import decode
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.manifest import BundleManifest, StateTensor
from tidegate.core.classifier import CLASSIFY, class_set
from tidegate.errors import BundleError, InputError

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"

FORECAST: Final = "forecast"
"""The task of a bundle that forecasts metrics; the other one that is served is `core.classifier.CLASSIFY`."""

ITEM_BYTES: Final = {"float32": 4, "float64": 8}
"""Bytes by dtype that a state tensor may have."""

MAX_PARITY_ABS: Final = 1e-5
"""Largest difference torch ↔ ONNX at export that is believed, as a share of the forecast's own scale (running unit plus width of
its band): float32 resolves a wide band no finer, whatever computes it."""

MAX_FILE_BYTES: Final = 256 << 20
"""A larger model or manifest is refused before it is read: it would not fit beside the state of a worker."""

_ADVICE: Final = "train and export it again, or restore the folder; `tidegate bundle verify` lists everything that differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that differs: in which file, what, expected and found."""

    file: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what} is {self.found}, expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as read: its folder, its manifest, and the model's bytes (kept, so that what was hashed is what is run)."""

    path: Path
    manifest: BundleManifest
    model: bytes


def made_at(manifest: BundleManifest) -> float:
    """When the bundle was made, in Unix seconds; NaN where its manifest says it in no way that we know."""
    try:
        return datetime.fromisoformat(manifest.created_at).timestamp()
    except ValueError:
        return math.nan


def shipped_bundles() -> Path:
    """The folder of the bundles that come with the package."""
    return Path(str(files("tidegate") / "bundles"))


def bundle_catalogue(paths: Iterable[Path]) -> dict[str, Path]:
    """The newest version's folder by bundle name, over all `paths`; each is a folder of `name/version/`, or one such bundle.

    Versions are compared number by number (1.10 is newer than 1.9). Of equal versions the later path's wins. Folders
    without a manifest are no bundles and are passed over.

    Raises:
        BundleError: a path is not there, or a version is not made of numbers.
    """
    newest: dict[str, Path] = {}
    for path in paths:
        for folder in _bundles_in(path):
            name = folder.parent.name
            if name not in newest or version_key(folder.name) >= version_key(newest[name].name):
                newest[name] = folder
    return newest


def all_bundles(paths: Iterable[Path]) -> dict[str, Path]:
    """Every bundle's folder by `name/version`, over all `paths`; of equal versions the later path's wins.

    Raises:
        BundleError: a path is not there.
    """
    return {f"{folder.parent.name}/{folder.name}": folder for path in paths for folder in _bundles_in(path)}


def version_key(version: str) -> tuple[int, ...]:
    """`version` as numbers, for ordering: `1.10` gives (1, 10).

    Raises:
        BundleError: `version` is not made of numbers and dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise BundleError(f"bundle version {version!r} is not made of numbers and dots", advice="rename the folder, `1` or `1.2`")
    return tuple(int(part) for part in parts)


def _bundles_in(path: Path) -> list[Path]:
    if not path.is_dir():
        raise BundleError(f"bundle folder {path} is not there", advice="correct the path, or leave it out")
    path = path.resolve()
    if (path / MANIFEST).is_file():
        return [path]
    return sorted(manifest.parent for manifest in path.glob(f"*/*/{MANIFEST}"))


def read_bundle(path: Path) -> Bundle:
    """Read the bundle in folder `path` without judging it beyond its manifest's schema.

    Raises:
        BundleError: folder, manifest or model is missing, unreadable, too large, or the manifest is not one.
    """
    raw = _read(path / MANIFEST)
    try:
        manifest = decode(raw, BundleManifest)
    except InputError as error:
        raise BundleError(f"{path / MANIFEST}: {error.message}", advice=_ADVICE) from error
    return Bundle(path.resolve(), manifest, _read(path / MODEL))


def check_files(bundle: Bundle) -> Iterator[Finding]:
    """Yield what in folder names, manifest and model bytes differs from what is promised or served."""
    manifest = bundle.manifest
    name, version = bundle.path.parent.name, bundle.path.name
    yield from _differs(MANIFEST, "name", name, manifest.name)
    yield from _differs(MANIFEST, "version", version, manifest.version)
    yield from _differs(MODEL, "sha256", manifest.model_sha256, hashlib.sha256(bundle.model).hexdigest())
    yield from _differs(MODEL, "opset", manifest.opset, opset_version(bundle.model))
    if manifest.task == CLASSIFY:
        yield from _check_classifier(manifest)
    else:
        yield from _check_forecaster(manifest)
    yield from _check_state(manifest)
    if not 0 <= manifest.parity_max_abs <= MAX_PARITY_ABS:
        yield Finding(MANIFEST, "parity_max_abs", f"0 to {MAX_PARITY_ABS}", str(manifest.parity_max_abs))


def _check_forecaster(manifest: BundleManifest) -> Iterator[Finding]:
    if manifest.task != FORECAST:
        yield Finding(MANIFEST, "task", f"{FORECAST} or {CLASSIFY}", manifest.task)
    yield from _check_joint(manifest)
    yield from _differs(MANIFEST, "horizons", list(HORIZONS), manifest.horizons)
    yield from _differs(MANIFEST, "quantile_levels", list(QUANTILE_LEVELS), manifest.quantile_levels)


def _check_joint(manifest: BundleManifest) -> Iterator[Finding]:
    """A bundle that forecasts metrics jointly names each once, with its unit, and its state is split evenly over them."""
    metrics = manifest.metrics
    if len(set(metrics)) < len(metrics):
        yield Finding(MANIFEST, "metrics", "each once", str(metrics)[:200])
    if len(manifest.units) != len(metrics):
        yield Finding(MANIFEST, "units", f"{len(metrics)}, one for each metric", str(manifest.units)[:200])
    if manifest.name == "universal" and metrics:
        yield Finding(MANIFEST, "metrics of the bundle that serves every profile", "[]", str(metrics)[:200])
    for tensor in manifest.state:
        if metrics and tensor.width % len(metrics):
            yield Finding(
                MANIFEST, f"state {tensor.name}", f"a width that {len(metrics)} metrics share evenly", str(tensor.width)
            )


def _check_classifier(manifest: BundleManifest) -> Iterator[Finding]:
    if not manifest.metrics or len(set(manifest.metrics)) < len(manifest.metrics):
        yield Finding(MANIFEST, "metrics", "the columns of a record, each once", str(manifest.metrics)[:200])
    yield from _differs(MANIFEST, "state", [], manifest.state)
    if manifest.name == "universal":
        yield Finding(MANIFEST, "task of the bundle that serves every profile", FORECAST, CLASSIFY)
    try:
        classes = class_set(manifest)
    except (KeyError, ValueError) as error:
        yield Finding(MANIFEST, "settings", "numbers known_limit and known_share, and normal", f"without: {error!r}")
        return
    normal = str(manifest.settings["normal"]).split(",")
    if strangers := [name for name in normal if name not in classes.names]:
        yield Finding(MANIFEST, "settings normal", f"of {', '.join(classes.names)}"[:200], ", ".join(strangers)[:200])
    if not 0 < classes.attacks.sum() < len(classes.names):
        yield Finding(MANIFEST, "prior", "classes of which some are normal and some attacks", ", ".join(classes.names)[:200])
    if not 0.0 < classes.known_share < 1.0 or not math.isfinite(classes.known_limit):
        found = f"{classes.known_share} and {classes.known_limit}"
        yield Finding(MANIFEST, "settings known_share and known_limit", "a ratio and a finite energy", found)


def raise_first(bundle_path: Path, findings: Iterable[Finding]) -> None:
    """Refuse the bundle when there is any finding.

    Raises:
        BundleError: names the first finding.
    """
    for finding in findings:
        raise BundleError(f"bundle {bundle_path}: {finding}", advice=_ADVICE)


def _check_state(manifest: BundleManifest) -> Iterator[Finding]:
    names = [tensor.name for tensor in manifest.state]
    if len(set(names)) < len(names):
        yield Finding(MANIFEST, "state", "each name once", str(names))
    unknown = [tensor for tensor in manifest.state if tensor.dtype not in ITEM_BYTES or tensor.width < 1]
    for tensor in unknown:
        yield Finding(MANIFEST, f"state {tensor.name}", "float32 or float64, width at least 1", f"{tensor.dtype} {tensor.width}")
    if not unknown:
        yield from _differs(
            MANIFEST, "state_bytes", sum(_tensor_bytes(tensor) for tensor in manifest.state), manifest.state_bytes
        )


def _tensor_bytes(tensor: StateTensor) -> int:
    return tensor.width * ITEM_BYTES[tensor.dtype]


def _differs(file: str, what: str, expected: object, found: object) -> Iterator[Finding]:
    if found != expected:
        yield Finding(file, what, str(expected), str(found))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path} has {path.stat().st_size} bytes, expected at most {MAX_FILE_BYTES}", advice=_ADVICE)
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", advice=_ADVICE) from error
