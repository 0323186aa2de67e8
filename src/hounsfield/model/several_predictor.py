"""Predictor of several heads: one answer for each head of an image, without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.errors import ModelError, OutOfScope
from hounsfield.model.manifest import HeadEntry, Manifest
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Images, Predictor, answers_of


@dataclass(frozen=True)
class CaseAnswer:
    """What a model says of a case: an answer for each head, and the series that it has not been given."""

    heads: tuple["HeadAnswer", ...]
    not_given: tuple[str, ...]


@dataclass(frozen=True)
class HeadAnswer:
    """What a model says of an image for one head: probabilities (class,) in the order of its classes, or the number."""

    head: HeadEntry
    values: npt.NDArray[np.float64]


def with_planes(series: Sequence[Images | None], sides: tuple[int, int]) -> Images:
    """Return series (row, column) as channels, 0 where missing, and a plane for each of whether it was given.

    Raises:
        OutOfScope: ``E520`` an image of another size, ``E521`` samples that are not finite.
    """
    for own in series:
        if own is not None and own.shape != sides:
            raise OutOfScope("E520", found=own.shape, expected=sides)
        if own is not None and not np.isfinite(own).all():
            raise OutOfScope("E521", found=int((~np.isfinite(own)).sum()))
    images = [np.zeros(sides, np.float32) if own is None else own for own in series]
    planes = [np.full(sides, own is not None, np.float32) for own in series]
    return np.stack([*images, *planes]).astype(np.float32)


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

    def answer_case(self, given: Mapping[str, Images | None]) -> CaseAnswer:
        """Return what each head says of a case of several series, of which some may be missing.

        Args:
            given: prepared image (row, column) of each series by name; None, or no entry, where it was not given.

        Raises:
            OutOfScope: ``E520`` an image of another size, ``E521`` samples that are not finite, ``E938`` an unknown
                series, none at all, or a required one that is missing.
        """
        contract = self.package.manifest.input
        names = [entry.name for entry in contract.series]
        missing = tuple(name for name in names if given.get(name) is None)
        needed = [entry.name for entry in contract.series if entry.required and entry.name in missing]
        strange = [name for name in given if name not in names]
        if strange or needed or len(missing) == len(names):
            found = ", ".join(name for name in given if given[name] is not None) or "0"
            raise OutOfScope("E938", found=found, expected=", ".join(needed or names))
        network = self.package.manifest.network
        image = with_planes([given.get(name) for name in names], (network.rows, network.columns))
        return CaseAnswer(self.answer(image), missing)

    def answer(self, image: Images) -> tuple[HeadAnswer, ...]:
        """Return what each head says of one image (channel, row, column); as ``run``."""
        heads = self.package.manifest.heads
        return tuple(HeadAnswer(head, said[0]) for head, said in zip(heads, self.run(image[None]), strict=True))
