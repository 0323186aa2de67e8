"""Embedding: what the last layer of a classifier sees of whole cases, and the index over a data set of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hounsfield.cases.layouts import read_cases
from hounsfield.core.volume import Volume, middle_slice
from hounsfield.errors import DatasetError, HounsfieldError, ModelError
from hounsfield.image.display import to_display
from hounsfield.mine.similar import Floats, IndexedCase, SimilarIndex
from hounsfield.model.features import FeatureNetwork
from hounsfield.model.registry import find_model
from hounsfield.prepare.network_input import prepare_channels
from hounsfield.prepare.sequence import build_steps

Progress = Callable[[int, int], None]


def open_embedder(model: str, folders: tuple[Path, ...] = ()) -> FeatureNetwork:
    """Open the network of a package.

    Raises:
        ModelError: ``E501`` there is none, ``E291`` it takes several slices at once, ``E923`` it has no last layer.
    """
    package = find_model(model, folders)
    if package.manifest.network.slices not in (None, 1):
        raise ModelError("E291", found=f"{package.identity.name}: {package.manifest.network.slices}", expected="1")
    return FeatureNetwork(package, threads=1)


def embed(network: FeatureNetwork, volume: Volume) -> Floats:
    """Return the embedding (feature,) of an image, of a volume that of its middle slice."""
    manifest = network.package.manifest
    shown = middle_slice(volume)
    if manifest.input.quantity == "display":
        shown = to_display(shown, keep_colour=manifest.network.channels == 3)
    prepared = prepare_channels([shown], build_steps(manifest.prepare), manifest.network.channels)
    return np.asarray(network.of(prepared.images[np.newaxis, :, 0])[0], np.float32)


def index_cases(
    data: Path, network: FeatureNetwork, progress: Progress | None = None
) -> tuple[SimilarIndex, tuple[str, ...]]:
    """Return the index over a data set whose classes are the reference outcomes, and the cases that were left out.

    Raises:
        DatasetError: what reading the layout raises; ``E292``, fewer than two cases could be read.
    """
    table = read_cases(data)
    cases, rows, refused = [], [], []
    for done, case in enumerate(table.cases):
        if progress:
            progress(done, len(table.cases))
        try:
            rows.append(embed(network, table.read(case).volume))
        except HounsfieldError as error:
            refused.append(f"{case.identifier}: {error.code}")
            continue
        outcome = "" if case.label is None else table.class_names[case.label]
        cases.append(IndexedCase(case.identifier, case.patient or case.identifier, outcome, case.attributes))
    if len(rows) < 2:
        raise DatasetError("E292", found=len(rows), expected=2)
    identity = network.package.identity
    model = (identity.name, identity.version, identity.weights_digest)
    return SimilarIndex(model, tuple(cases), np.stack(rows)), tuple(refused)


def require_same_model(index: SimilarIndex, network: FeatureNetwork) -> None:
    """Refuse to compare embeddings of two networks.

    Raises:
        ModelError: ``E291``.
    """
    identity = network.package.identity
    if index.model[2] != identity.weights_digest:
        raise ModelError("E291", found=f"{identity.name} {identity.version}", expected=" ".join(index.model[:2]))
