"""Registry: which models are here. Listing reads manifests alone and starts no runtime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hounsfield.errors import ModelError
from hounsfield.model.container import is_there, read_manifest_part
from hounsfield.model.manifest import Manifest, read_manifest
from hounsfield.model.package import SUFFIX, ModelPackage, open_package


@dataclass(frozen=True)
class ModelSummary:
    """One model of a listing.

    Attributes:
        name: its name, that of its file where the manifest cannot be read.
        path: where it is.
        manifest: what it says about itself, None where it cannot be read.
        error: why it cannot be read, None where it can.
        is_starter: whether it came with the package.
    """

    name: str
    path: Path
    manifest: Manifest | None
    error: ModelError | None = None
    is_starter: bool = False

    @property
    def version(self) -> str:
        """Version of the model, or an empty text."""
        return self.manifest.version if self.manifest else ""

    @property
    def task(self) -> str:
        """Task it serves, or an empty text."""
        return self.manifest.task if self.manifest else ""

    @property
    def licence(self) -> str:
        """Licence of the weights, or an empty text."""
        return self.manifest.licence if self.manifest else ""

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the network as the manifest states it, or an empty text; opening the model checks it."""
        return self.manifest.identity.weights_digest if self.manifest else ""


def starters_folder() -> Path:
    """Return the folder of the models that came with the package; it need not exist."""
    return Path(str(files("hounsfield"))) / "starters"


def list_models(folders: Sequence[Path] = ()) -> tuple[ModelSummary, ...]:
    """Return the models of the user's folders, then the starters, each folder by file name.

    A name that comes again is left out, so the user's own model stands for a starter of the same name. A package that
    cannot be read is listed with its error.
    """
    found: dict[str, ModelSummary] = {}
    for path, is_starter in _paths(folders):
        summary = _summary(path, is_starter)
        found.setdefault(summary.name if summary.manifest else str(path), summary)
    return tuple(found.values())


def find_model(name_or_path: str | Path, folders: Sequence[Path] = ()) -> ModelPackage:
    """Open a model by its path, or by its name in the folders and then among the starters.

    Raises:
        ModelError: ``E501``, there is none; else what ``open_package`` raises.
    """
    path = Path(name_or_path)
    is_name = isinstance(name_or_path, str) and path.name == name_or_path and path.suffix != SUFFIX
    if not is_name or (is_there(path) and _is_package(path)):
        return open_package(path)
    summaries = list_models(folders)
    for summary in summaries:
        if summary.name == name_or_path:
            if summary.error is not None:
                raise summary.error
            return open_package(summary.path)
    known = ", ".join(summary.name for summary in summaries) or "no models are here"
    raise ModelError("E501", found=str(name_or_path)[:80], expected=known)


def _paths(folders: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    for folder, is_starter in (*((folder, False) for folder in folders), (starters_folder(), True)):
        if folder.is_dir():
            yield from ((path, is_starter) for path in sorted(folder.iterdir()) if _is_package(path))


def _is_package(path: Path) -> bool:
    return path.is_file() if path.suffix == SUFFIX and not path.is_dir() else (path / "manifest.json").is_file()


def _summary(path: Path, is_starter: bool) -> ModelSummary:
    try:
        manifest = read_manifest(read_manifest_part(path))
    except ModelError as error:
        return ModelSummary(path.stem if path.suffix == SUFFIX else path.name, path, None, error, is_starter)
    return ModelSummary(manifest.name, path, manifest, None, is_starter)


def run_folder_of(name_or_path: str | Path) -> Path | None:
    """Return the run folder that ``hounsfield train`` left beside a model file, None where there is none."""
    path = Path(name_or_path)
    folder = path.with_name(f"{path.name}.run") if path.name else path
    return folder if path.name and folder.is_dir() else None
