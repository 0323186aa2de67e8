"""Wavelet shrinkage: noise is spread over all coefficients, the image over a few, so small ones are taken back to 0."""

from dataclasses import asdict
from dataclasses import dataclass as plain_dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.compiled import in_threads
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.channels import each_channel
from hounsfield.prepare.denoise import noise_sigma
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.widths import is_within_slices

Floats = npt.NDArray[np.float32]
Rule = Literal["bayes", "visu"]
Family = Literal["haar", "db2", "db3", "db4", "sym4", "sym8", "coif1", "coif2"]

COARSEST_LEFT = 3
"""Levels of the deepest decomposition that are not made: their few coefficients carry the image."""


@plain_dataclass(frozen=True)
class Shrinkage:
    """How coefficients are shrunk.

    Attributes:
        wavelet: orthogonal wavelet, as PyWavelets names it.
        levels: of the decomposition.
        sigma: standard deviation of the noise.
        rule: ``bayes`` takes the threshold of each band from its variance (BayesShrink: Chang, Yu and Vetterli 2000,
            doi:10.1109/83.862633: s^2 / sqrt(max(m - s^2, 0)), m the mean square of the band); ``visu`` takes
            s sqrt(2 ln n) for all n samples (VisuShrink: Donoho and Johnstone 1994, doi:10.1093/biomet/81.3.425).
        shifts: largest shift of cycle spinning (Coifman and Donoho 1995, doi:10.1007/978-1-4612-2544-7_9): the mean
            over all shifts up to it along each axis; 0 for none.
    """

    wavelet: str
    levels: int
    sigma: float
    rule: Rule = "bayes"
    shifts: int = 0


def shrink(samples: Floats, shrinkage: Shrinkage) -> Floats:
    """Return an array of two or three axes with its wavelet coefficients softly thresholded.

    Args:
        samples: finite.
        shrinkage: how.
    """
    shifts = list(product(range(shrinkage.shifts + 1), repeat=samples.ndim))
    axes = tuple(range(samples.ndim))
    total = np.zeros(samples.shape, np.float32)
    for shift in shifts:
        made = _shrink(np.roll(samples, shift, axes) if any(shift) else samples, shrinkage)
        total += np.roll(made, tuple(-by for by in shift), axes) if any(shift) else made
    return total / np.float32(len(shifts))


def levels_for(shape: tuple[int, ...], wavelet: str) -> int:
    """Return how many levels to make of an array; 0 where an axis is too short for one."""
    import pywt

    deepest = int(pywt.dwtn_max_level(shape, wavelet))
    return max(deepest - COARSEST_LEFT, min(deepest, 1))


def _shrink(samples: Floats, shrinkage: Shrinkage) -> Floats:
    import pywt

    coefficients = pywt.wavedecn(samples, shrinkage.wavelet, level=shrinkage.levels)
    universal = shrinkage.sigma * np.sqrt(2 * np.log(samples.size))
    for bands in coefficients[1:]:
        for name, band in bands.items():
            threshold = universal if shrinkage.rule == "visu" else _bayes_threshold(band, shrinkage.sigma)
            if threshold > 0:  # of an empty band it is 0, and PyWavelets would divide by it
                bands[name] = pywt.threshold(band, threshold, mode="soft").astype(np.float32)
    made: Floats = pywt.waverecn(coefficients, shrinkage.wavelet)
    return made[tuple(slice(0, size) for size in samples.shape)]  # of an odd length it makes one sample more


def _bayes_threshold(band: Floats, sigma: float) -> float:
    signal = float(np.mean(np.square(band, dtype=np.float64))) - sigma**2
    largest = float(np.abs(band).max(initial=0.0))
    return min(sigma**2 / np.sqrt(signal), largest) if signal > 0 else largest


@dataclass(frozen=True, config=STRICT)
class Wavelet:
    """Shrink the wavelet coefficients of noise (BayesShrink or VisuShrink, soft threshold).

    Attributes:
        wavelet: which wavelet.
        rule: ``bayes`` fits each band; ``visu`` takes one threshold for all, smoother and with less detail.
        sigma: of the noise, in the unit of the samples; None estimates it.
        shifts: cycle spinning: largest shift along each axis, 0 for none; the work grows with its square or cube.
        is_planar: work within each slice alone; done too where there are too few slices to transform.
    """

    name: ClassVar[str] = "wavelet"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    wavelet: Family = "sym4"
    rule: Rule = "bayes"
    sigma: Annotated[float, Field(gt=0)] | None = None
    shifts: Annotated[int, Field(ge=0, le=7)] = 1
    is_planar: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Estimate the noise where it is not given, and settle the levels."""
        shape = volume.geometry.shape
        is_planar = is_within_slices(volume, self.is_planar) or levels_for(shape, self.wavelet) == 0
        return {
            "sigma": noise_sigma(volume) if self.sigma is None else self.sigma,
            "levels": levels_for(shape[1:] if is_planar else shape, self.wavelet), "is_planar": is_planar,
        }  # fmt: skip

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Shrink; float32. Without noise, or in an image too small for one level, nothing is done."""
        if not parameters["sigma"] > 0 or parameters["levels"] < 1:
            return each_channel(volume, lambda array: array)
        shrinkage = Shrinkage(self.wavelet, parameters["levels"], parameters["sigma"], self.rule, self.shifts)

        def shrunk(array: Samples) -> Samples:
            if not parameters["is_planar"]:
                return shrink(array, shrinkage)
            return np.stack(in_threads(shrink, [(plane, shrinkage) for plane in array]))

        return each_channel(volume, shrunk)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was shrunk is lost."""
        raise NotInvertible("E403", step=self.name)
