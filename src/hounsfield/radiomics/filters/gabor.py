"""Gabor filters: plane waves under a Gaussian, plane by plane, the modulus of whose response counts (IBSI Q88H)."""

import numpy as np
import numpy.typing as npt
from scipy import fft

from hounsfield.radiomics.filters.separable import Map
from hounsfield.radiomics.filters.settings import Boundary, GaborFilter, Pooling

Spacing = tuple[float, float, float]
Box = tuple[slice, slice, slice]
Plane = tuple[float, float]

CUTOFF = 5.0
"""Standard deviations at which the kernel ends; the Gaussian has fallen below 4e-6 there."""
FAINT = 1e-7
"""Part of a spectrum's largest value below which it counts as nothing."""
PADDING = {
    Boundary.ZERO: "constant",
    Boundary.NEAREST: "edge",
    Boundary.PERIODIC: "wrap",
    Boundary.MIRROR: "symmetric",
}
"""What NumPy calls the boundary conditions."""


def gabor_map(samples: Map, spacing_mm: Spacing, one: GaborFilter, wanted: Box) -> Map:
    """Return the modulus of the response in a box, pooled over the angles and, in 3 dimensions, the three planes."""
    across = (0,) if one.dimensions == 2 else (0, 1, 2)
    total = np.zeros([part.stop - part.start for part in wanted])
    angles = pooled_angles(one)
    for axis in across:
        rows, columns = (place for place in range(3) if place != axis)
        plane = _PlaneFilter(one, (spacing_mm[rows], spacing_mm[columns]), (wanted[rows], wanted[columns]), angles)
        into = np.moveaxis(total, axis, 0)
        for place, image in enumerate(np.moveaxis(samples, axis, 0)[wanted[axis]]):
            plane.add(into[place], image)
    return total / (len(across) * len(angles)) if one.pooling is Pooling.MEAN else total


def pooled_angles(one: GaborFilter) -> list[float]:
    """Return the angles in degrees; of two that lie half a turn apart, whose moduli are equal, one stands."""
    if one.angle_step_degrees is None:
        return [one.angle_degrees]
    count = round(360 / one.angle_step_degrees)
    count = count // 2 if count % 2 == 0 else count
    return [one.angle_degrees + one.angle_step_degrees * turn for turn in range(count)]


def gabor_radii(one: GaborFilter, plane_mm: Plane) -> tuple[int, int]:
    """Return the voxels that a kernel of any angle reaches along the two axes of its plane."""
    widest = CUTOFF * one.sigma_mm * max(1.0, 1 / one.aspect)
    first, second = (int(np.ceil(widest / side)) for side in plane_mm)
    return first, second


def gabor_kernel(one: GaborFilter, plane_mm: Plane, angle_degrees: float) -> npt.NDArray[np.complex128]:
    """Return the kernel in a plane, first axis down, second to the right, turned clockwise by an angle.

    Args:
        one: its width, wavelength and aspect.
        plane_mm: spacing of the two axes.
        angle_degrees: of the wave.
    """
    down, right = (
        side * np.arange(-reach, reach + 1) for side, reach in zip(plane_mm, gabor_radii(one, plane_mm), strict=True)
    )
    turn = np.deg2rad(angle_degrees)
    along = right * np.cos(turn) + down[:, None] * np.sin(turn)
    across = right * np.sin(turn) - down[:, None] * np.cos(turn)
    envelope = np.exp(-(along**2 + (one.aspect * across) ** 2) / (2 * one.sigma_mm**2))
    return np.asarray(envelope * np.exp(2j * np.pi * along / one.wavelength_mm))


class _PlaneFilter:
    """The kernels of one plane, ready to be laid on one image after another."""

    def __init__(self, one: GaborFilter, plane_mm: Plane, wanted: tuple[slice, slice], angles: list[float]) -> None:
        self.one, self.wanted = one, wanted
        self.radii = gabor_radii(one, plane_mm)
        self.shape = [part.stop - part.start for part in wanted]
        self.sides = [fft.next_fast_len(side + 2 * far) for side, far in zip(self.shape, self.radii, strict=True)]
        self.transfers = [self._transfer(gabor_kernel(one, plane_mm, angle)) for angle in angles]

    def _transfer(self, kernel: npt.NDArray[np.complex128]) -> tuple[npt.NDArray[np.intp], Map]:
        """Return the columns of the spectrum that a kernel lets through, and its spectrum there, which is real."""
        wide = np.zeros(self.sides, dtype=np.complex128)
        wide[: kernel.shape[0], : kernel.shape[1]] = kernel
        wide = np.roll(wide, [-far for far in self.radii], axis=(0, 1))
        spectrum = fft.fft2(wide).real
        strongest = np.abs(spectrum).max(axis=0)
        kept = np.flatnonzero(strongest > FAINT * strongest.max())
        return kept, np.ascontiguousarray(spectrum[:, kept])

    def add(self, into: Map, image: Map) -> None:
        """Add the moduli of one plane, or take the larger ones."""
        spectrum = fft.fft2(self._surroundings(image), self.sides)
        rows, columns = (slice(far, far + side) for far, side in zip(self.radii, self.shape, strict=True))
        for kept, transfer in self.transfers:
            lines = fft.ifft(spectrum[:, kept] * transfer, axis=0)[rows]
            wide = np.zeros((self.shape[0], self.sides[1]), dtype=np.complex128)
            wide[:, kept] = lines
            response = fft.ifft(wide, axis=1, overwrite_x=True)[:, columns]
            modulus = np.sqrt(response.real**2 + response.imag**2)
            if self.one.pooling is Pooling.MEAN:
                into += modulus
            else:
                np.maximum(into, modulus, out=into)

    def _surroundings(self, image: Map) -> Map:
        """Return what is wanted of a plane and what the kernels reach about it, beyond its edges by the boundary."""
        missing = [
            (max(0, far - part.start), max(0, part.stop + far - side))
            for part, far, side in zip(self.wanted, self.radii, image.shape, strict=True)
        ]
        if any(any(pair) for pair in missing):
            image = np.pad(image, missing, mode=PADDING[self.one.boundary])  # type: ignore[call-overload]
        rows, columns = (
            slice(part.start - far + low, part.stop + far + low)
            for part, far, (low, _) in zip(self.wanted, self.radii, missing, strict=True)
        )
        return image[rows, columns]
