"""Origin: the weights of another model, read from a package or a file, whole and without running anything in it."""

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hounsfield.errors import SettingsError
from hounsfield.model.registry import find_model
from hounsfield.train.export import form_of, named_weights
from hounsfield.train.transfer.plan import OriginData

ABOUT_KEY = "hounsfield"
"""Entry of the header of a file of ours: form, licence, data and method, as JSON."""
WEIGHT_FILES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
LARGEST_BYTES = 2 << 30
"""Of a file of weights."""

_HOLDERS = ("state_dict", "model_state_dict", "model", "network", "network_weights", "net", "teacher", "student")
"""Keys under which checkpoints keep the weights."""


@dataclass(frozen=True)
class Origin:
    """Where weights come from.

    Attributes:
        name: of the model, or of the file.
        digest: SHA-256 of the network of the package, or of the file.
        tensors: by the names they have there.
        version: of the model, empty for a file.
        licence: of the weights, empty where nothing states it.
        data: what they were learned from.
        form: settings of the network, None where nothing states them.
    """

    name: str
    digest: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    version: str = ""
    licence: str = ""
    data: tuple[OriginData, ...] = ()
    form: Mapping[str, Any] | None = None


def read_origin(source: str, sha256: str = "") -> Origin:
    """Read weights.

    Args:
        source: a model package by path or name, or a file of weights.
        sha256: what the weights have to be, empty for any.

    Raises:
        SettingsError: ``E912`` the digest is another; ``E913`` the file holds no weights that can be read safely.
        ModelError: there is no such package, or it is not whole.
    """
    path = Path(source)
    found = _read_file(path) if path.suffix.lower() in WEIGHT_FILES else _read_package(source)
    if sha256 and found.digest != sha256:
        raise SettingsError("E912", source=found.name, found=found.digest, expected=sha256)
    return found


def _read_package(source: str) -> Origin:
    package = find_model(source)
    tensors = {name: torch.from_numpy(values.copy()) for name, values in named_weights(package.network).items()}
    manifest = package.manifest
    return Origin(
        name=manifest.name,
        digest=package.identity.weights_digest,
        tensors=_floats(tensors),
        version=manifest.version,
        licence=manifest.licence,
        data=tuple(
            OriginData(name=item.name, url=item.url, licence=item.licence, images=item.images)
            for item in manifest.data.sources
        ),
        form=form_of(package.network),
    )


def _read_file(path: Path) -> Origin:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise SettingsError("E913", source=path.name, reason=f"{size} bytes")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix.lower() != ".safetensors":
            # nothing but tensors and plain containers is built: a pickle that would call code is refused
            held = torch.load(path, map_location="cpu", weights_only=True)
            return Origin(path.name, digest, _named(_floats(_held(held)), path))
        with safe_open(path, "pt") as file:
            about: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
        return _described(path, digest, _named(_floats(tensors), path), about)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise SettingsError("E913", source=path.name, reason=type(error).__name__) from error


def _described(path: Path, digest: str, tensors: dict[str, Tensor], header: Mapping[str, str]) -> Origin:
    """Return the origin of a file, with what its header says where it is one of ours."""
    about = json.loads(header.get(ABOUT_KEY, "{}"))
    data = tuple(OriginData.model_validate(item) for item in about.get("data", ()))
    return Origin(path.name, digest, tensors, licence=about.get("licence", ""), data=data, form=about.get("form"))


def _held(found: Any) -> Mapping[str, Any]:
    """Return the mapping of a checkpoint that holds tensors: itself, or what lies under one of the usual keys."""
    while isinstance(found, Mapping):
        if any(isinstance(value, Tensor) for value in found.values()):
            return found
        found = next((found[key] for key in _HOLDERS if isinstance(found.get(key), Mapping)), None)
    return {}


def _floats(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of floating point, as float32: half precision loses nothing by it."""
    return {
        str(name): value.detach().float()
        for name, value in tensors.items()
        if isinstance(value, Tensor) and value.dtype in (torch.float32, torch.float16, torch.bfloat16)
    }


def _named(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    if not tensors:
        raise SettingsError("E913", source=path.name, reason="no tensors")
    return tensors
