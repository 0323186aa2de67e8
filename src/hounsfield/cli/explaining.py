"""What a model looked at in the image of a case, for an evaluation's pictures: ``evaluate`` knows no ``explain``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.core.volume import Volume
    from hounsfield.evaluate.gallery import Explain
    from hounsfield.model.package import ModelPackage


def explainer(package: "ModelPackage", threads: int = 0) -> "Explain | None":
    """Return what maps the middle slice of an image onto what speaks for a class; None for a model without maps."""
    import numpy as np

    from hounsfield.evaluate.inference import start_volume
    from hounsfield.explain.attribution import attribute
    from hounsfield.explain.source import heat_on_source
    from hounsfield.model.predictor import Predictor
    from hounsfield.prepare.sequence import apply_steps, build_steps

    if package.manifest.explanation.method == "none":
        return None
    predictor, steps = Predictor(package, threads), build_steps(package.manifest.prepare)

    def explain(volume: "Volume", class_index: int) -> "npt.NDArray[np.float32]":
        prepared, trace = apply_steps(steps, start_volume(package.manifest, volume))
        middle = prepared.geometry.shape[0] // 2
        heat = attribute(predictor, prepared, middle, class_index)
        return np.asarray(heat_on_source(heat, prepared, trace, middle).array[0], dtype=np.float32)

    return explain
