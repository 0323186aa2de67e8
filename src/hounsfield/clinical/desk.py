"""Desk: the models an analysis works with, each opened once, and the way a volume is put to one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hounsfield.core.prediction import Prediction
from hounsfield.core.volume import Volume
from hounsfield.model.detector import Detector
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Predictor
from hounsfield.model.registry import find_model
from hounsfield.prepare.grid import one_slice
from hounsfield.prepare.sequence import apply_steps, build_steps


def model_names(model: str | None) -> tuple[str, ...]:
    """Return the models that a name stands for: a file as it is, else the names between commas."""
    if not model:
        return ()
    if Path(model).exists():
        return (model,)
    return tuple(name.strip() for name in model.split(",") if name.strip())


class Desk:
    """Keeps opened models.

    Args:
        folders: folders with model packages, beside the starters.
        threads: threads for running networks; 0 takes the cores of the machine.
    """

    def __init__(self, folders: Sequence[Path] = (), threads: int = 0) -> None:
        self._folders = tuple(folders)
        self._threads = threads
        self._predictors: dict[str, Predictor] = {}
        self._detectors: dict[str, Detector] = {}
        self._mask_predictors: dict[str, MaskPredictor] = {}

    def predictor(self, name: str) -> Predictor:
        """Return the predictor of a model by its name or file.

        Raises:
            ModelError: there is no such model, or it is not fit.
        """
        if name not in self._predictors:
            self._predictors[name] = Predictor(find_model(name, self._folders), self._threads)
        return self._predictors[name]

    def mask_predictor(self, name: str) -> MaskPredictor:
        """Return the predictor of a model of masks by its name or file.

        Raises:
            ModelError: there is no such model, it is not fit, or it answers with a class an image.
        """
        if name not in self._mask_predictors:
            self._mask_predictors[name] = MaskPredictor(find_model(name, self._folders), self._threads)
        return self._mask_predictors[name]

    def detector(self, name: str) -> Detector:
        """Return the detector of a model by its name or file.

        Raises:
            ModelError: there is no such model, it is not fit, or it finds no boxes.
        """
        if name not in self._detectors:
            self._detectors[name] = Detector(self.package(name), self._threads)
        return self._detectors[name]

    def package(self, name: str) -> ModelPackage:
        """Return the package of a model by its name or file."""
        return self.predictor(name).package


@dataclass(frozen=True)
class Asked:
    """A model's answer about a volume, with what it saw of each slice.

    Attributes:
        prediction: probabilities (class,) for one slice, (class, slice) for more; grid and trace are the first slice's.
        slices: the prediction of each slice alone, with its own grid and trace.
        prepared: each slice as the model saw it, (1, row, column).
    """

    prediction: Prediction
    slices: tuple[Prediction, ...]
    prepared: tuple[Volume, ...]


def predict(predictor: Predictor, volume: Volume) -> Asked:
    """Put each slice of a volume to a model, prepared alone as the images it was trained on were.

    A model of sequences sees all slices together, in their order.

    Raises:
        PrepareError: a step of the manifest cannot be applied.
        ModelError: the network does not take a slice, or its output is not finite.
    """
    steps = build_steps(predictor.package.manifest.prepare)
    if isinstance(predictor.package.manifest.network, SequenceInterface):
        frames, trace = apply_steps(steps, volume)
        whole = predictor.predict(frames, trace)
        return Asked(whole, (whole,), (frames,))
    predictions, prepared = [], []
    for index in range(volume.geometry.shape[0]):
        seen, trace = apply_steps(steps, one_slice(volume, index))
        predictions.append(predictor.predict(seen, trace))
        prepared.append(seen)
    return Asked(_together(predictions), tuple(predictions), tuple(prepared))


def _together(slices: Sequence[Prediction]) -> Prediction:
    if len(slices) == 1:
        return slices[0]
    margins = [item.outside_margin for item in slices if item.outside_margin is not None]
    return replace(
        slices[0],
        probabilities=np.stack([item.probabilities for item in slices], axis=1),
        outside_margin=np.concatenate(margins) if len(margins) == len(slices) else None,
    )
