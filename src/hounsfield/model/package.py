"""Model package: open one that is checked, write one that is always the same bytes."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hounsfield.core.prediction import ModelIdentity
from hounsfield.errors import ManifestMismatch, ModelError
from hounsfield.model.card import model_card
from hounsfield.model.container import SUMS_PART, is_there, pack, read_parts, sums_of
from hounsfield.model.manifest import CARD_PART, MANIFEST_PART, NETWORK_PART, Manifest, Part, read_manifest

SUFFIX = ".model"


@dataclass(frozen=True)
class ModelPackage:
    """An opened package; its network has not been run, nor made into a session.

    Attributes:
        manifest: what it says about itself.
        network: the bytes of ``network.onnx``.
        card: the model card, Markdown.
        identity: name, version, task and weights digest, which is the SHA-256 of ``network``.
        package_digest: SHA-256 of ``SHA256SUMS``, so of all parts; the same for a folder and a zip file.
    """

    manifest: Manifest
    network: bytes
    card: str
    identity: ModelIdentity
    package_digest: str


def open_package(path: Path) -> ModelPackage:
    """Open a model package, a ``.model`` file or a folder, and check every part against its digest.

    Raises:
        ModelError: ``E501`` nothing at the path, ``E502`` no package.
        ManifestMismatch: ``E503`` the manifest is not valid, ``E505`` it does not speak of these parts.
        WeightsMismatch: ``E504`` a part is not what its digest says.
    """
    if not is_there(path):
        raise ModelError("E501", found=path.name[:80], expected=f"a {SUFFIX} file or a folder")
    parts = read_parts(path)
    manifest = read_manifest(parts[MANIFEST_PART])
    if manifest.parts != {NETWORK_PART: _part(parts[NETWORK_PART]), CARD_PART: _part(parts[CARD_PART])}:
        raise ManifestMismatch("E505", found=", ".join(sorted(manifest.parts)) or "none")
    try:
        card = parts[CARD_PART].decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestMismatch("E503", found=f"{CARD_PART} is not UTF-8") from error
    return ModelPackage(
        manifest, parts[NETWORK_PART], card, manifest.identity, hashlib.sha256(parts[SUMS_PART]).hexdigest()
    )


def write_package(path: Path, manifest: Manifest, network: bytes, card: str | None = None) -> ModelIdentity:
    """Write a package: the same arguments give the same bytes, and a half-written file is never seen under ``path``.

    Args:
        path: the file to write, or to replace.
        manifest: without digests; they are filled in.
        network: the ONNX model. It is checked as on opening, so a package that could not be used is not written.
        card: the model card; None makes it from the manifest.

    Raises:
        ModelError: ``E510`` and further, the network is not fit (``network_check.check_network``).
    """
    from hounsfield.model.network_check import check_network  # onnx takes half a second to import

    check_network(network, manifest)
    weights_digest = hashlib.sha256(network).hexdigest()
    text = (model_card(manifest, weights_digest) if card is None else card).encode()
    whole = manifest.model_copy(update={"parts": {NETWORK_PART: _part(network), CARD_PART: _part(text)}})
    parts = {MANIFEST_PART: whole.to_json(), NETWORK_PART: network, CARD_PART: text}
    read_manifest(parts[MANIFEST_PART])
    _write_atomically(path, pack(parts))
    return whole.identity


def unpack_package(package: ModelPackage, folder: Path) -> None:
    """Write the parts of a package into a folder, new or empty, that ``open_package`` takes as well."""
    parts = {
        MANIFEST_PART: package.manifest.to_json(),
        NETWORK_PART: package.network,
        CARD_PART: package.card.encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in {**parts, SUMS_PART: sums_of(parts)}.items():
        _write_atomically(folder / name, raw)


def _part(raw: bytes) -> Part:
    return Part(sha256=hashlib.sha256(raw).hexdigest(), size_bytes=len(raw))


def _write_atomically(path: Path, raw: bytes) -> None:
    """Write beside the target, flush to the disk and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
