"""Segment: the chambers of every phase of a short-axis stack, by the model of masks."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers, largest_part, repaired
from hounsfield.core.volume import Volume
from hounsfield.errors import ModelError
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.prepare.network_input import labels_to_source, prepare_channels
from hounsfield.prepare.sequence import build_steps

NAMES = {"right ventricle": RIGHT, "myocardium": MUSCLE, "left ventricle": LEFT}
"""Classes that a model of the chambers must have, by the names of its manifest."""

Labels = npt.NDArray[np.int32]


def segment_phases(predictor: MaskPredictor, volumes: Sequence[Volume]) -> Iterator[Chambers]:
    """Give the repaired chambers of each phase.

    A phase is seen twice: first whole, which tells where the heart is, then in one patch about the middle of the left
    ventricle, which the network knows best. The phases after the first are seen in the patch of the one before, unless
    the ventricle left it.

    Raises:
        ModelError: ``E221``, the model does not tell the three chambers apart; what the network raises.
        PrepareError: a step of the manifest cannot be applied.
    """
    values = values_of(predictor)
    middle: tuple[int, int] | None = None
    for volume in volumes:
        manifest = predictor.package.manifest
        given = prepare_channels([volume], build_steps(manifest.prepare), manifest.network.channels)
        if middle is None:
            middle = _middle(values[predictor.labels(given.images)])
        answer = values[_around(predictor, given.images, middle)] if middle else None
        if answer is None or not (answer == LEFT).any():
            answer = values[predictor.labels(given.images)]
        middle = _middle(answer)
        labels = np.asarray(labels_to_source(given.trace, answer.astype(np.int32), given.geometry), dtype=np.uint8)
        yield repaired(Chambers(labels, given.source))


def values_of(predictor: MaskPredictor) -> npt.NDArray[np.uint8]:
    """Return the label of the chambers for each label of the model.

    Raises:
        ModelError: ``E221``, one of the three is not among its classes.
    """
    names = [entry.name for entry in predictor.package.manifest.classes]
    if set(NAMES) - set(names):
        raise ModelError("E221", model=predictor.package.identity.name, found=", ".join(names))
    return np.array([NAMES.get(name, 0) for name in names], dtype=np.uint8)


def _middle(labels: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return row and column of the middle of the largest left ventricle, None where there is none."""
    found = np.argwhere(largest_part(labels >= MUSCLE))
    return (int(np.median(found[:, 1])), int(np.median(found[:, 2]))) if len(found) else None


def _around(predictor: MaskPredictor, images: npt.NDArray[np.float32], middle: tuple[int, int]) -> Labels:
    """Return the labels of one patch about a place, background beyond it."""
    network = predictor.package.manifest.network
    sides = (network.rows, network.columns)
    box = []
    for place, side, length in zip(middle, sides, images.shape[2:], strict=True):
        start = min(max(0, place - side // 2), max(0, length - side))
        box.append(slice(start, start + side))
    labels = np.zeros(images.shape[1:], dtype=np.int32)
    labels[:, box[0], box[1]] = predictor.labels(np.ascontiguousarray(images[:, :, box[0], box[1]]))
    return labels
