"""Predictor of several heads: one answer for each head of an image, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.errors import ModelError
from hounsfield.model.manifest import HeadEntry, Manifest
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Images, Predictor, answers_of


@dataclass(frozen=True)
class HeadAnswer:
    """What a model says of an image for one head: probabilities (class,) in the order of its classes, or the number."""

    head: HeadEntry
    values: npt.NDArray[np.float64]


def head_answers(manifest: Manifest, outputs: Mapping[str, Images]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return what each head says (image, class), in order of the heads, from the outputs of the network by name."""
    return tuple(
        answers_of(head.answer, outputs[name], head.calibration.temperature)
        for head, name in zip(manifest.heads, manifest.network.outputs, strict=True)
    )


class SeveralPredictor:
    """A checked network of several heads, ready to run.

    Args:
        package: an opened package.
        threads: threads within one operator; 0 takes the cores of the machine.

    Raises:
        ModelError: ``E935``, the model does not answer with several heads; those of ``Predictor``.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        if not package.manifest.heads:
            raise ModelError("E935", model=package.identity.name, found=package.manifest.answer)
        self.package = package
        self.predictor = Predictor(package, threads)

    def run(self, images: Images) -> tuple[npt.NDArray[np.float64], ...]:
        """Return what each head says of images (image, channel, row, column): (image, class), in order of the heads.

        Raises:
            OutOfScope: ``E520``, the images have another size than the network takes.
            ModelError: ``E522``, an output is not finite.
        """
        return head_answers(self.package.manifest, self.predictor.run(images))

    def answer(self, image: Images) -> tuple[HeadAnswer, ...]:
        """Return what each head says of one image (channel, row, column); as ``run``."""
        heads = self.package.manifest.heads
        return tuple(HeadAnswer(head, said[0]) for head, said in zip(heads, self.run(image[None]), strict=True))
