"""Writing a bundle: graph, manifest, report, and the last look at it through the service's own loader."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.manifest import BundleManifest

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
REPORT: Final = "report.html"


def write_manifest(folder: Path, manifest: BundleManifest) -> None:
    """Write the manifest, readable, and load the bundle as the service will.

    Raises:
        BundleError: the service would refuse it.
    """
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    (folder / MANIFEST).write_bytes(text)
    load_bundle(folder)


def read_manifest(folder: Path) -> BundleManifest:
    """Return the manifest of the bundle in `folder`.

    Raises:
        BundleError: there is none, or the service would refuse the bundle.
    """
    return load_bundle(folder).manifest


def model_sha256(folder: Path) -> str:
    """Return the hash the manifest names the model by."""
    return hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
