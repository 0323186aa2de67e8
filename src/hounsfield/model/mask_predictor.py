"""Mask predictor: runs the network of a package over whole images with a sliding window, without torch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import ModelIdentity
from hounsfield.errors import ModelError, OutOfScope
from hounsfield.model.instances import decode_instances
from hounsfield.model.network_check import check_network
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import open_session
from hounsfield.model.window import Floats, slide


@dataclass(frozen=True)
class GridLabels:
    """What a model says of every sample of the grid it saw.

    Attributes:
        labels: (slice, row, column) index of the manifest's class; numbers of objects where the model tells them apart.
        is_objects: which of the two.
        model: who said it.
    """

    labels: npt.NDArray[np.int32]
    is_objects: bool
    model: ModelIdentity


class MaskPredictor:
    """A checked network of masks, ready to run.

    Args:
        package: an opened package whose manifest has ``masks``.
        threads: patches that are answered at a time; 0 takes the cores of this process.

    Attributes:
        package: the package.

    Raises:
        ModelError: ``E510`` to ``E512``, the network is not fit, or the runtime does not take it; ``E860``, the model
            answers with a class an image.
        ManifestMismatch: ``E513``, the network is not the one the manifest speaks of.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        self.package = package
        masks = package.manifest.masks
        if masks is None:
            raise ModelError("E860", model=package.identity.name, found=package.manifest.task)
        self.masks = masks
        check_network(package.network, package.manifest)
        self._threads = threads
        # one thread a patch: threads within an operator wait for each other at every layer
        self._session = open_session(package.network, 1)

    def predict(self, images: Floats) -> GridLabels:
        """Return the label of every sample, or the number of the object it belongs to.

        The probabilities of as many slices as a patch has are held at a time.

        Args:
            images: (channel, slice, row, column) as the preparing steps give them.

        Raises:
            OutOfScope: ``E520``, other channels than the network takes; ``E521``, NaN or infinite samples.
            ModelError: ``E522``, an output is not finite.
        """
        labels = self.labels(images)
        if self.masks.object_name is None:
            return GridLabels(labels, False, self.package.identity)
        rule = self.masks.least_samples, self.masks.smoothing_samples
        return GridLabels(decode_instances(labels, *rule), True, self.package.identity)

    def labels(self, images: Floats) -> npt.NDArray[np.int32]:
        """Return the likeliest of the network's own labels for every sample: of objects, interior and border.

        Raises:
            OutOfScope: ``E520``, ``E521`` as ``predict``.
            ModelError: ``E522``, an output is not finite.
        """
        network, classes = self.package.manifest.network, len(self.package.manifest.classes)
        if images.ndim != 4 or images.shape[0] != network.channels or 0 in images.shape:
            raise OutOfScope("E520", found=images.shape, expected=(network.channels, "slices", "rows", "columns"))
        if not np.isfinite(images).all():
            raise OutOfScope("E521", found=int((~np.isfinite(images)).sum()))
        patch = (network.slices or 1, network.rows, network.columns)
        labels = np.zeros(images.shape[1:], dtype=np.int32)
        given = images.astype(np.float32, copy=False)
        fraction = self.masks.overlap_fraction
        for start, probabilities in slide(given, patch, fraction, classes, self.run, self._threads):
            labels[start : start + probabilities.shape[1]] = probabilities.argmax(0)
        return labels

    def run(self, patch: Floats) -> Floats:
        """Return probabilities (label, slice, row, column) of one patch (channel, slice, row, column).

        Raises:
            ModelError: ``E522``, an output is not finite; ``E523``, the runtime failed.
        """
        network = self.package.manifest.network
        feed = patch[None] if network.slices is not None else patch[:, 0][None]
        try:
            (output,) = self._session.run([network.logits], {network.input: np.ascontiguousarray(feed)})
        except Exception as error:
            # the runtime's errors share no class of their own
            raise ModelError("E523", found=type(error).__name__) from error
        logits = np.asarray(output, dtype=np.float32)[0]
        if not np.isfinite(logits).all():
            raise ModelError("E522", model=self.package.identity.name, output=network.logits)
        powers = np.exp(logits - logits.max(axis=0, keepdims=True))
        probabilities = np.asarray(powers / powers.sum(axis=0, keepdims=True), dtype=np.float32)
        return probabilities if network.slices is not None else probabilities[:, None]
