"""Hounsfield: medical images from a folder of scans to a finding a doctor can check.

Research software, not a medical device: every result needs a doctor's eyes.

The public names below are loaded when they are first used, so importing the package costs nothing.

Example:
    >>> import hounsfield
    >>> hounsfield.VolumeGeometry(shape=(10, 64, 64), spacing_mm=(5.0, 0.7, 0.7)).voxel_volume_mm3
    2.4499999999999997
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hounsfield.archive.local import open_source
    from hounsfield.cases.layouts import read_cases
    from hounsfield.converting import convert
    from hounsfield.core.finding import Finding, Measurement, Presence
    from hounsfield.core.geometry import VolumeGeometry
    from hounsfield.core.prediction import ModelIdentity, Prediction
    from hounsfield.core.quality import QualityIssue
    from hounsfield.core.report import Report
    from hounsfield.core.study import Series, Study
    from hounsfield.core.trace import Trace
    from hounsfield.core.volume import Mask, Volume
    from hounsfield.errors import HounsfieldError
    from hounsfield.evaluate.run import evaluate
    from hounsfield.image.assemble import assemble
    from hounsfield.model.registry import find_model
    from hounsfield.opening import read_volumes
    from hounsfield.pipeline import analyse, check
    from hounsfield.preparing import prepare_volume
    from hounsfield.train.run import train
    from hounsfield.train.synthesis.run import synthesise

_HOMES = {
    "Finding": "core.finding",
    "HounsfieldError": "errors",
    "Mask": "core.volume",
    "Measurement": "core.finding",
    "ModelIdentity": "core.prediction",
    "Prediction": "core.prediction",
    "Presence": "core.finding",
    "QualityIssue": "core.quality",
    "Report": "core.report",
    "Series": "core.study",
    "Study": "core.study",
    "Trace": "core.trace",
    "Volume": "core.volume",
    "VolumeGeometry": "core.geometry",
    "analyse": "pipeline",
    "assemble": "image.assemble",
    "check": "pipeline",
    "convert": "converting",
    "evaluate": "evaluate.run",
    "find_model": "model.registry",
    "open_source": "archive.local",
    "prepare_volume": "preparing",
    "read_cases": "cases.layouts",
    "read_volumes": "opening",
    "synthesise": "train.synthesis.run",
    "train": "train.run",
}

__all__ = [
    "Finding",
    "HounsfieldError",
    "Mask",
    "Measurement",
    "ModelIdentity",
    "Prediction",
    "Presence",
    "QualityIssue",
    "Report",
    "Series",
    "Study",
    "Trace",
    "Volume",
    "VolumeGeometry",
    "analyse",
    "assemble",
    "check",
    "convert",
    "evaluate",
    "find_model",
    "open_source",
    "prepare_volume",
    "read_cases",
    "read_volumes",
    "synthesise",
    "train",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hounsfield' has no attribute {name!r}")
    return getattr(import_module(f"hounsfield.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
