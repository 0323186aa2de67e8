"""Attribution: which parts of an image speak for a class. High values support the class, 0 does not.

Both methods use the runtime alone, so a map is of the very network that answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import ModelError
from hounsfield.model.interface import OcclusionExplanation
from hounsfield.model.predictor import Images, Predictor
from hounsfield.prepare.grid import one_slice
from hounsfield.prepare.weights import resample

BATCH = 32
"""Most occluded images held at once."""

MAXIMUM_PATCHES = 4096
"""Most patches of one map; a stride as long as the shortest patch a manifest may ask for makes 2 601."""


@dataclass(frozen=True)
class Attribution:
    """A map and its scale.

    Attributes:
        heat: (row, column) float32 on the model grid, 0..1; all 0 where nothing speaks for the class.
        raw_maximum: the value that 1 stands for, in logits of the class against the others; 0 or less where nothing
            speaks for the class.
        method: ``cam`` or ``occlusion``.
    """

    heat: npt.NDArray[np.float32]
    raw_maximum: float
    method: str


def attribute(predictor: Predictor, prepared: Volume, slice_index: int, class_index: int) -> npt.NDArray[np.float32]:
    """Return the map of one slice and class, (row, column) float32 in 0..1 on the model grid.

    Raises:
        ModelError: ``E550``, the model makes no maps; ``E551``, it has no such class or the volume no such slice.
    """
    return attribution(predictor, prepared, slice_index, class_index).heat


def attribution(predictor: Predictor, prepared: Volume, slice_index: int, class_index: int) -> Attribution:
    """Return the map of one slice and class with its scale; the same input gives the same bytes.

    ``cam``: the class's activation map less the mean of the other classes' maps (Zhou et al. 2016, equation 2; the
    mean is taken off because softmax looks at differences), enlarged linearly. ``occlusion``: the fall of the class's
    log-odds when a patch takes the image's mean, averaged over the patches that cover a pixel (Zeiler and Fergus 2014,
    section 4.2). Values below 0 become 0, the rest is divided by the largest.

    Raises:
        ModelError: ``E550``, the model makes no maps; ``E551``, it has no such class or the volume no such slice.
    """
    manifest = predictor.package.manifest
    classes, slices = len(manifest.classes), prepared.geometry.shape[0]
    if not (0 <= class_index < classes and 0 <= slice_index < slices):
        raise ModelError("E551", found=(slice_index, class_index), expected=(slices, classes))
    image = predictor.images_of(one_slice(prepared, slice_index))[0]
    explanation = manifest.explanation
    if explanation.method == "cam" and manifest.network.activation_maps:
        maps = predictor.run(image[None])[manifest.network.activation_maps][0]
        raw: Samples = resample(_against_others(maps, class_index), *image.shape[1:])
    elif isinstance(explanation, OcclusionExplanation):
        raw = _occlusion(predictor, image, class_index, explanation)
    else:
        raise ModelError("E550", model=manifest.name)
    return _scaled(raw, explanation.method)


def _against_others(maps: Samples, class_index: int) -> npt.NDArray[np.float64]:
    """Return a class's map (row, column) less the mean of the others."""
    values = maps.astype(np.float64)
    others = np.delete(values, class_index, axis=0)
    return np.asarray(values[class_index] - others.mean(axis=0))


def _occlusion(
    predictor: Predictor, image: Images, class_index: int, explanation: OcclusionExplanation
) -> npt.NDArray[np.float64]:
    rows, columns = image.shape[1:]
    grey = image.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    whole = _log_odds(predictor, image[None], class_index)[0]
    total, count = np.zeros((rows, columns)), np.zeros((rows, columns))
    patches = list(_patches(rows, columns, explanation))
    for start in range(0, len(patches), BATCH):
        batch = patches[start : start + BATCH]
        covered = np.repeat(image[None], len(batch), axis=0)
        for index, (row, column) in enumerate(batch):
            covered[index, :, row, column] = grey
        for (row, column), odds in zip(batch, _log_odds(predictor, covered, class_index), strict=True):
            total[row, column] += whole - odds
            count[row, column] += 1
    return np.asarray(total / count)


def _patches(rows: int, columns: int, explanation: OcclusionExplanation) -> Iterator[tuple[slice, slice]]:
    """Yield patches that cover every pixel; the stride grows, up to the patch, where there would be too many."""
    stride_fraction = explanation.stride_fraction
    row_spans = _spans(rows, explanation.patch_fraction, stride_fraction)
    column_spans = _spans(columns, explanation.patch_fraction, stride_fraction)
    while len(row_spans) * len(column_spans) > MAXIMUM_PATCHES and stride_fraction < explanation.patch_fraction:
        stride_fraction *= 2
        row_spans = _spans(rows, explanation.patch_fraction, stride_fraction)
        column_spans = _spans(columns, explanation.patch_fraction, stride_fraction)
    for row in row_spans:
        for column in column_spans:
            yield row, column


def _spans(length: int, patch_fraction: float, stride_fraction: float) -> list[slice]:
    """Return ranges of one size along an axis, reaching over both ends so that edge pixels are covered as often."""
    size = max(1, round(length * patch_fraction))
    stride = min(max(1, round(length * stride_fraction)), size)
    starts = range(-size + stride, length, stride)
    return [slice(max(start, 0), min(start + size, length)) for start in starts]


def _log_odds(predictor: Predictor, images: Images, class_index: int) -> npt.NDArray[np.float64]:
    """Return the log of the class's odds against all others for each image."""
    logits = predictor.run(images)[predictor.package.manifest.network.logits].astype(np.float64)
    others = np.delete(logits, class_index, axis=1)
    top = others.max(axis=1)
    return np.asarray(logits[:, class_index] - top - np.log(np.exp(others - top[:, None]).sum(axis=1)))


def _scaled(raw: Samples, method: str) -> Attribution:
    maximum = float(raw.max())
    heat = np.clip(raw.astype(np.float64) / maximum, 0, 1) if maximum > 0 else np.zeros(raw.shape)
    return Attribution(heat.astype(np.float32), maximum, method)
