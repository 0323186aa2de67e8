"""The table of steps: built-in ones here, others through entry points of the group ``hounsfield.steps``."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from hounsfield.errors import PrepareError
from hounsfield.prepare.bilateral import Bilateral
from hounsfield.prepare.blind import BlindDeblur
from hounsfield.prepare.blind_spot import BlindSpot
from hounsfield.prepare.canny import Canny
from hounsfield.prepare.clahe import Clahe
from hounsfield.prepare.crop import Crop
from hounsfield.prepare.deblur import RichardsonLucy
from hounsfield.prepare.denoise import Gaussian, Median, NonLocalMeans
from hounsfield.prepare.edges import LaplacianOfGaussian, Sobel
from hounsfield.prepare.enhance import Gamma, Unsharp
from hounsfield.prepare.foreground import CropForeground
from hounsfield.prepare.frames import SampleFrames
from hounsfield.prepare.grey import Grey
from hounsfield.prepare.multiscale import MultiscaleXray
from hounsfield.prepare.n4 import N4
from hounsfield.prepare.nyul import Nyul
from hounsfield.prepare.orient import Orient
from hounsfield.prepare.pad import Pad
from hounsfield.prepare.repair import DeadLines, Inpaint, MissingSlices
from hounsfield.prepare.resample import Resample
from hounsfield.prepare.resample_to import ResampleTo
from hounsfield.prepare.resize import Resize
from hounsfield.prepare.scale import PercentileScale, Rescale, Window, ZScore
from hounsfield.prepare.square import CentreCropSquare, PadSquare
from hounsfield.prepare.step import Step
from hounsfield.prepare.turn import Flip, Rotate90
from hounsfield.prepare.variation import TotalVariation
from hounsfield.prepare.wavelet import Wavelet
from hounsfield.prepare.wiener import Wiener

GROUP = "hounsfield.steps"

BUILT_IN: Mapping[str, type[Step]] = MappingProxyType(
    {
        step.name: step
        for step in (
            Bilateral,
            BlindSpot,
            BlindDeblur,
            Canny,
            CentreCropSquare,
            Clahe,
            Crop,
            CropForeground,
            DeadLines,
            Flip,
            Gamma,
            Gaussian,
            Grey,
            Inpaint,
            LaplacianOfGaussian,
            Median,
            MissingSlices,
            MultiscaleXray,
            N4,
            NonLocalMeans,
            Nyul,
            Orient,
            Pad,
            PadSquare,
            PercentileScale,
            Resample,
            ResampleTo,
            Rescale,
            Resize,
            RichardsonLucy,
            Rotate90,
            SampleFrames,
            Sobel,
            TotalVariation,
            Unsharp,
            Wavelet,
            Wiener,
            Window,
            ZScore,
        )
    }
)
"""Name and class of every built-in step."""


def step_names() -> tuple[str, ...]:
    """Return the names of all steps that can be used here, sorted; nothing foreign is loaded."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def step_class(name: str) -> type[Step]:
    """Return the class of a step. An entry point cannot take the name of a built-in step.

    Raises:
        PrepareError: ``E401``, no step has this name; ``E409``, an installed step does not keep the protocol.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise PrepareError("E401", found=name[:80], expected=", ".join(step_names()))
    found: Any = next(iter(points)).load()
    wanted = ("name", "is_geometric", "changes_appearance", "settings", "draw", "apply", "invert")
    is_step = isinstance(found, type) and all(hasattr(found, attribute) for attribute in wanted)
    if not is_step or getattr(found, "name", "") != name:
        raise PrepareError("E409", step=name)
    kept: type[Step] = found
    return kept
