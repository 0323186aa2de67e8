"""Deep features: what the last layer of a classifier sees of the largest slice of a region."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.core.quality import Severity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.errors import ModelError
from hounsfield.measuring.deep_settings import DeepSettings
from hounsfield.model.features import FeatureNetwork
from hounsfield.model.registry import find_model
from hounsfield.radiomics import Feature

FAMILY = "deep"
MARGIN = 0.25
"""Part of the longer side of the region that is kept on each side of it, so that the network sees what is about it."""

Inside = npt.NDArray[np.bool_]


@lru_cache(maxsize=2)
def open_network(model: str, folders: tuple[Path, ...]) -> FeatureNetwork:
    """Open the network of a package, once a process.

    Raises:
        ModelError: ``E501`` there is none, ``E715`` it takes several slices at once, ``E923`` it has no last layer.
    """
    package = find_model(model, folders)
    slices = package.manifest.network.slices
    if slices not in (None, 1):
        raise ModelError("E715", model=package.identity.name, found=f"{slices} slices", expected="1")
    return FeatureNetwork(package, threads=1)


def deep_features(
    case: tuple[Study, Series, Volume], inside: Inside, settings: DeepSettings
) -> tuple[tuple[Feature, ...], tuple[str, str]]:
    """Return the deep features of a region, and name with version and SHA-256 of the weights.

    The network sees the slice in which the region is largest, cut to a square about it with a margin, or as large as
    the contract of the package asks for, prepared by the package's own steps.

    Args:
        case: study and series whose headers the contract is checked against, and the image.
        inside: (slice, row, column), not empty.
        settings: the network and what it sees.

    Raises:
        ModelError: ``E715``, the contract refuses the image; whatever opening and running raises.
    """
    from hounsfield.evaluate.inference import start_volume
    from hounsfield.model.contract_check import check_contract
    from hounsfield.prepare.network_input import prepare_channels
    from hounsfield.prepare.sequence import build_steps

    study, series, volume = case
    network = open_network(settings.model, settings.folders)
    manifest, identity = network.package.manifest, network.package.identity
    least = manifest.input.minimum_rows, manifest.input.minimum_columns
    crop = largest_slice(volume, inside, least, is_masked=settings.is_masked)
    for issue in check_contract(manifest, study, series, crop):
        if issue.severity is Severity.REJECT:
            raise ModelError("E715", model=identity.name, found=f"{issue.code}: {issue.text('en')}", expected="")
    prepared = prepare_channels(
        [start_volume(manifest, crop)], build_steps(manifest.prepare), manifest.network.channels
    )
    values = network.of(prepared.images[np.newaxis, :, 0])[0]
    features = tuple(
        Feature(f"deep_{place:03d}", FAMILY, "", f"Deep feature {place}", "", float(value), "1", False)
        for place, value in enumerate(values)
    )
    return features, (f"{identity.name} {identity.version}", identity.weights_digest)


def largest_slice(volume: Volume, inside: Inside, least: tuple[int, int], *, is_masked: bool = False) -> Volume:
    """Return the slice in which a region is largest, cut to a square in millimetres about it.

    Args:
        volume: grey.
        inside: (slice, row, column), not empty.
        least: rows and columns that the cut has at least, where the image has them.
        is_masked: whether what lies outside the region becomes as dark as the darkest sample of the cut.
    """
    index = int(np.argmax(inside.sum(axis=(1, 2))))
    own, region = volume.geometry, inside[index]
    steps = own.row_spacing_mm, own.column_spacing_mm
    spans = [np.flatnonzero(region.any(axis=axis)) for axis in (1, 0)]
    long_mm = max((int(span[-1]) - int(span[0]) + 1) * step for span, step in zip(spans, steps, strict=True))
    box = []
    for span, step, size, side in zip(spans, steps, least, region.shape, strict=True):
        wide = min(side, max(size, round(long_mm * (1 + 2 * MARGIN) / step)))
        first = (int(span[0]) + int(span[-1]) + 1 - wide) // 2
        first = min(max(0, first), side - wide)
        box.append(slice(first, first + wide))
    samples = np.array(volume.array[index, box[0], box[1]])
    if is_masked:
        samples = np.where(region[box[0], box[1]], samples, samples.min())
    cut = own.cropped((index, box[0].start, box[1].start), (1, *samples.shape))
    return volume.with_array(samples[np.newaxis], geometry=cut)
