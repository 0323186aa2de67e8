"""Desk: the models an analysis works with, each opened once."""

from collections.abc import Sequence
from pathlib import Path

from hounsfield.core.prediction import Prediction
from hounsfield.core.volume import Volume
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Predictor
from hounsfield.model.registry import find_model
from hounsfield.prepare.sequence import apply_steps, build_steps


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

    def predictor(self, name: str) -> Predictor:
        """Return the predictor of a model by its name or file.

        Raises:
            ModelError: there is no such model, or it is not fit.
        """
        if name not in self._predictors:
            self._predictors[name] = Predictor(find_model(name, self._folders), self._threads)
        return self._predictors[name]

    def package(self, name: str) -> ModelPackage:
        """Return the package of a model by its name or file."""
        return self.predictor(name).package


def predict(predictor: Predictor, volume: Volume) -> tuple[Prediction, Volume]:
    """Prepare a volume as the model's manifest says and ask the model; return its answer and the prepared volume."""
    prepared, trace = apply_steps(build_steps(predictor.package.manifest.prepare), volume)
    return predictor.predict(prepared, trace), prepared
