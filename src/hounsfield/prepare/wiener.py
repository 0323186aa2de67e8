"""Wiener deconvolution: a known blur divided out where it left signal, and left alone where it left noise."""

from dataclasses import asdict
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
from hounsfield.prepare.psf import Blur, psf_of
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.taps import mirrored
from hounsfield.prepare.widths import widths_of

Floats = npt.NDArray[np.float32]
Penalty = Literal["energy", "laplacian"]

LEAST_RATIO, LARGEST_RATIO = 1e-5, 1.0
"""Bounds on the estimated ratio of noise to signal: float32 carries no less, and more leaves no image."""

CAUTION = 4.0
"""Factor of the estimated ratio. On phantoms the best one for the Laplacian was one to ten times noise over signal; too
small a ratio does more harm than too large a one."""

MARGIN = 2
"""How many times the PSF an image is continued by, on either side, before it meets itself."""


def wiener_filter(planes: Samples, psf: Floats, ratio: float, penalty: Penalty = "energy", threads: int = 0) -> Floats:
    """Return slices with a blur divided out: conj(H) / (|H|^2 + ratio |L|^2) times their transform.

    L is 1 for ``energy`` (Wiener 1949 with a constant ratio of noise to signal power; Tikhonov), or the transform of
    the Laplacian for ``laplacian`` (Hunt 1973, doi:10.1109/TC.1973.5009169), which leaves slow changes alone. Slices
    are mirrored and blended into themselves beyond their borders, so that no border rings.

    Args:
        planes: (slice, row, column), finite.
        psf: (row, column), of odd lengths.
        ratio: of noise to signal power, above 0.
        penalty: what the ratio weighs.
        threads: 0 takes the cores of this process.
    """
    from scipy import fft

    sizes = planes.shape[1:]
    shape = tuple(fft.next_fast_len(n + 2 * MARGIN * k, real=True) for n, k in zip(sizes, psf.shape, strict=True))
    inverse = _inverse(psf, (shape[0], shape[1]), ratio, penalty)
    out = np.empty(planes.shape, np.float32)

    def divide(number: int) -> None:
        whole = continued(planes[number].astype(np.float32), (shape[0], shape[1]))
        made = fft.irfft2(fft.rfft2(whole) * inverse, shape)
        out[number] = made[: sizes[0], : sizes[1]]

    in_threads(divide, [(number,) for number in range(len(planes))], threads)
    return out


def continued(plane: Floats, shape: tuple[int, int]) -> Floats:
    """Return a plane continued to a larger shape that can be laid side by side with itself without a step.

    What is new goes from the mirrored end over into the mirrored beginning, weighted by half a cosine.
    """
    for axis, size in enumerate(shape):
        length = plane.shape[axis]
        gap = np.arange(size - length)
        if not gap.size:
            continue
        share = (0.5 - 0.5 * np.cos(np.pi * (gap + 1) / (gap.size + 1))).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        after = plane.take(mirrored(length + gap, length), axis)
        before = plane.take(mirrored(gap - gap.size, length), axis)
        plane = np.concatenate([plane, after + share * (before - after)], axis)
    return plane


def _inverse(psf: Floats, shape: tuple[int, int], ratio: float, penalty: Penalty) -> npt.NDArray[np.complex64]:
    from scipy import fft

    def transfer(kernel: npt.NDArray[np.floating]) -> npt.NDArray[np.complex128]:
        whole = np.zeros(shape)
        rows, columns = kernel.shape
        whole[:rows, :columns] = kernel
        moved: npt.NDArray[np.complex128] = fft.rfft2(np.roll(whole, (-(rows // 2), -(columns // 2)), (0, 1)))
        return moved

    otf = transfer(psf.astype(np.float64))
    laplacian = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])
    weight = 1.0 if penalty == "energy" else np.abs(transfer(laplacian)) ** 2
    return np.asarray(otf.conj() / (np.abs(otf) ** 2 + ratio * weight), dtype=np.complex64)


@dataclass(frozen=True, config=STRICT)
class Wiener:
    """Divide a known blur out of each slice (Wiener 1949).

    Attributes:
        width_mm: standard deviation of the Gaussian, radius of the disk, length of the motion.
        blur: ``gaussian``, ``disk`` or ``motion``.
        angle_degrees: of the motion, from the direction in which columns grow to that in which rows do.
        noise_to_signal: ratio of their powers; None takes four times that of the noise to the spread of the samples,
            which suits ``laplacian``: the power of an image falls with the frequency.
        penalty: ``laplacian`` spares slow changes; ``energy`` is one ratio for all frequencies.
    """

    name: ClassVar[str] = "wiener"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    width_mm: Annotated[float, Field(gt=0, le=50)]
    blur: Blur = "gaussian"
    angle_degrees: Annotated[float, Field(ge=-180, le=180)] = 0.0
    noise_to_signal: Annotated[float, Field(gt=0, le=10)] | None = None
    penalty: Penalty = "laplacian"

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the widths in rows and columns and the mean of the samples, and estimate the ratio if need be."""
        samples = volume.array[np.isfinite(volume.array)]
        level = float(samples.mean(dtype=np.float64)) if samples.size else 0.0
        ratio = self.noise_to_signal
        if ratio is None:
            noise, spread = noise_sigma(volume) ** 2, float(samples.var(dtype=np.float64)) if samples.size else 0.0
            ratio = noise / (spread - noise) if spread > noise else LARGEST_RATIO
            ratio = float(np.clip(CAUTION * ratio, LEAST_RATIO, LARGEST_RATIO))
        return {"widths": widths_of(volume, self.width_mm, is_planar=True)[1:], "ratio": ratio, "level": level}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Sharpen, float32; the level is taken off before and put back after, since the ratio would lower it."""
        rows, columns = parameters["widths"]
        psf = psf_of(self.blur, (rows, columns), self.angle_degrees)
        level = np.float32(parameters["level"])

        def divided(array: Samples) -> Samples:
            return wiener_filter(array - level, psf, parameters["ratio"], self.penalty) + level

        return each_channel(volume, divided)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: noise was raised with the detail."""
        raise NotInvertible("E403", step=self.name)
