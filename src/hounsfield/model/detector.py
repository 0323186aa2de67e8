"""Detector: from the raw outputs of a network for boxes to detections on the image that came in, in numpy alone."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.boxes import Boxes, Detections, are_proper, clipped, suppress_by_class
from hounsfield.core.volume import Volume
from hounsfield.errors import ManifestMismatch
from hounsfield.model.interface import BoxInterface
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Predictor

LARGEST_GROWTH = 4.135
"""Largest logarithm of a side against that of its anchor, log(1000 / 16) as in Detectron: no output overflows."""
_CANDIDATES = 1000
"""Best pairs of anchor and class that are looked at, as in RetinaNet (Lin 2017, section 4)."""


def anchor_boxes(interface: BoxInterface) -> Boxes:
    """Return the anchors (anchor, 4) of a network in pixels of its input, in the order of its outputs.

    The anchors of a place lie about its middle, half a stride from its upper left corner.
    """
    levels = []
    for level in interface.levels:
        rows = (np.arange(-(-interface.rows // level.stride)) + 0.5) * level.stride
        columns = (np.arange(-(-interface.columns // level.stride)) + 0.5) * level.stride
        shapes = np.array(
            [[side * ratio**0.5, side / ratio**0.5] for side in level.sides for ratio in interface.ratios]
        )
        centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 1, 2)
        halves = shapes[None] / 2
        levels.append(np.concatenate([centres - halves, centres + halves], axis=2).reshape(-1, 4))
    return np.concatenate(levels)


def decode_boxes(deltas: npt.NDArray[np.floating], anchors: Boxes) -> Boxes:
    """Return the boxes (anchor, 4) that deltas (anchor, 4) make of anchors (Girshick 2014, appendix C)."""
    lengths = anchors[:, 2:] - anchors[:, :2]
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2].astype(np.float64) * lengths
    halves = lengths * np.exp(np.minimum(deltas[:, 2:].astype(np.float64), LARGEST_GROWTH)) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def detections_of(
    logits: npt.NDArray[np.floating], deltas: npt.NDArray[np.floating], anchors: Boxes, interface: BoxInterface
) -> Detections:
    """Return the detections on one image, in pixels of the network's input.

    Args:
        logits: (anchor, class).
        deltas: (anchor, 4).
        anchors: (anchor, 4), as ``anchor_boxes`` returns them.
        interface: with the rules of decoding.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))
    places, labels = np.nonzero(scores >= interface.least_score)
    values = scores[places, labels]
    best = np.argsort(-values, kind="stable")[:_CANDIDATES]
    places, labels, values = places[best], labels[best].astype(np.int64), values[best]
    boxes = clipped(decode_boxes(deltas[places], anchors[places]), (interface.rows, interface.columns))
    found = Detections(boxes, labels, values).select(are_proper(boxes))
    return suppress_by_class(found, interface.largest_overlap, interface.most)


class Detector:
    """A package whose network finds objects, ready to run.

    Raises:
        ManifestMismatch: ``E513``, the package is of another kind.
        ModelError: as ``Predictor``.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        """Check the network and make its session."""
        interface = package.manifest.network
        if not isinstance(interface, BoxInterface):
            raise ManifestMismatch("E513", part="network", found="no boxes", expected="deltas")
        self.interface = interface
        self.predictor = Predictor(package, threads)
        self._anchors = anchor_boxes(interface)

    def detect(self, prepared: Volume, shape: tuple[int, int]) -> Detections:
        """Return the detections on a prepared picture in pixels of the image that it was made of.

        Args:
            prepared: one slice on the grid of the model; the preparing steps resize the whole image and cut nothing.
            shape: rows and columns of the image before it was prepared.

        Raises:
            OutOfScope: ``E520``, ``E521``, the picture does not fit.
            ModelError: ``E522``, an output is not finite.
        """
        images = self.predictor.images_of(prepared)
        return self.detect_prepared(images[:1], shape)

    def detect_prepared(self, images: npt.NDArray[np.float32], shape: tuple[int, int]) -> Detections:
        """Return the detections on one image (1, channel, row, column) of the model's grid, as ``detect``."""
        outputs = self.predictor.run(images)
        logits, deltas = outputs[self.interface.logits][0], outputs[self.interface.deltas][0]
        found = detections_of(logits, deltas, self._anchors, self.interface)
        scale = np.array([shape[0] / self.interface.rows, shape[1] / self.interface.columns] * 2)
        return Detections(found.boxes * scale, found.labels, found.scores)
