"""Small changes of image and mask that a good feature does not mind: turned, moved, noisier, drawn otherwise.

After Zwanenburg et al. 2019 (Sci Rep 9:614), which measures the robustness of a feature by such changes where no image
was taken twice.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.radiomics.filters import WaveletFilter, respond
from hounsfield.radiomics.region import Inside, Samples, Spacing
from hounsfield.radiomics.supervoxels import around, redrawn

MARGIN_MM = 30.0
"""Of image about the mask that is kept, so that the neighbourhoods of features and filters hold image."""
NORMAL_QUARTILE = 0.6744897501960817
"""Median of the absolute values of a normal distribution of deviation 1."""


@dataclass(frozen=True)
class PerturbationSettings:
    """How far the changes go.

    Attributes:
        angle_degrees: largest angle about the axis across the slices, either way.
        shift_fraction: largest part of a voxel that the image moves along every axis, either way.
        growth_fraction: largest part of its volume that the mask gains or loses.
        adds_noise: whether noise as strong as that of the image is added.
        redraws: whether the mask is drawn anew along supervoxels.
    """

    angle_degrees: float = 10.0
    shift_fraction: float = 0.5
    growth_fraction: float = 0.15
    adds_noise: bool = True
    redraws: bool = True


@dataclass(frozen=True)
class Perturbation:
    """One change, as it was drawn; applying it again gives the same image and mask.

    Attributes:
        angle_degrees: about the axis across the slices, through the middle of the region.
        shift_fractions: of a voxel, along slices, rows and columns.
        growth_fraction: of the volume of the mask; below 0 it shrinks.
        noise_seed: of the noise; None adds none.
        contour_seed: of the contour drawn along supervoxels; None leaves the mask.
    """

    angle_degrees: float = 0.0
    shift_fractions: tuple[float, float, float] = (0.0, 0.0, 0.0)
    growth_fraction: float = 0.0
    noise_seed: int | None = None
    contour_seed: int | None = None

    @classmethod
    def drawn(cls, settings: PerturbationSettings, chance: np.random.Generator) -> "Perturbation":
        """Draw one."""
        angle, first, second, third, growth = (float(value) for value in chance.uniform(-1, 1, 5))
        far = settings.shift_fraction
        seed, contour = (int(value) for value in chance.integers(2**31, size=2))
        return cls(
            angle * settings.angle_degrees,
            (first * far, second * far, third * far),
            growth * settings.growth_fraction,
            seed if settings.adds_noise else None,
            contour if settings.redraws else None,
        )

    def apply(self, volume: Volume, mask: Mask, label: int | None = None) -> tuple[Volume, Mask]:
        """Return the changed image and mask, cut to ``MARGIN_MM`` about the region, whose label becomes 1.

        Noise comes first, then the turn and the shift of both, then the mask grows or shrinks and is drawn anew, as
        in the chains of Zwanenburg et al.

        Args:
            volume: grey.
            mask: on the same grid.
            label: that is the region; None takes every value above 0 together.

        Raises:
            ImageError: ``E963``, the mask is empty; ``E981``, nothing of it is left.
        """
        inside = mask.array > 0 if label is None else mask.array == label
        if not inside.any():
            raise ImageError("E963", found="any label" if label is None else f"label {label}")
        own = volume.geometry
        spacing = (own.slice_spacing_mm, own.row_spacing_mm, own.column_spacing_mm)
        box = around(inside, spacing, MARGIN_MM)
        samples, inside = np.asarray(volume.array[box], dtype=np.float64), inside[box]
        if self.noise_seed is not None:
            chance = np.random.default_rng(self.noise_seed)
            samples = samples + chance.normal(0, noise_deviation(samples), samples.shape)
        samples, inside = self._moved(samples, inside, spacing)
        inside = grown(inside, spacing, self.growth_fraction)
        if not inside.any():
            raise ImageError("E981", found=f"{self.growth_fraction:.3g}")
        if self.contour_seed is not None:
            inside = redrawn(samples, inside, spacing, np.random.default_rng(self.contour_seed))
        cut = own.cropped((box[0].start, box[1].start, box[2].start), samples.shape)
        return volume.with_array(samples, geometry=cut), Mask(inside.astype(np.uint8), cut, {})

    def _moved(self, samples: Samples, inside: Inside, spacing_mm: Spacing) -> tuple[Samples, Inside]:
        """Return image and mask turned and shifted, by splines and linearly, as features interpolate them."""
        if not self.angle_degrees and not any(self.shift_fractions):
            return samples, inside
        turn = np.deg2rad(self.angle_degrees)
        rotation = np.array([
            [1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]
        ])  # fmt: skip
        scale = np.diag(spacing_mm)
        matrix = np.linalg.inv(scale) @ rotation @ scale
        middle = np.array(ndimage.center_of_mass(inside))
        shifts = [far if side > 1 else 0.0 for far, side in zip(self.shift_fractions, inside.shape, strict=True)]
        offset = middle - matrix @ (middle + shifts)
        there = ndimage.affine_transform(samples, matrix, offset, order=3, mode="nearest")
        part = ndimage.affine_transform(inside.astype(np.float64), matrix, offset, order=1)
        return np.asarray(there), np.asarray(part >= 0.5 - 1e-9)


def noise_deviation(samples: Samples) -> float:
    """Return the deviation of the noise of an image (Chang et al. 2000; Donoho and Johnstone 1994).

    It is the median absolute value of the finest diagonal wavelet band of each slice over that of a normal
    distribution.

    Args:
        samples: (slice, row, column).
    """
    diagonal = WaveletFilter(dimensions=2, wavelet="coif1", bands="HH", is_rotation_invariant=False)
    return float(np.median(np.abs(respond(samples, (1.0, 1.0, 1.0), diagonal))) / NORMAL_QUARTILE)


def grown(inside: Inside, spacing_mm: Spacing, fraction: float) -> Inside:
    """Return a mask with a larger or smaller volume: the voxels nearest to its inside count.

    Args:
        inside: (slice, row, column).
        spacing_mm: of slices, rows and columns.
        fraction: of the volume that it gains; below 0 it loses.
    """
    count = round(int(inside.sum()) * (1 + fraction))
    if not fraction or not inside.any():
        return inside
    outside = ndimage.distance_transform_edt(~inside, spacing_mm)
    # what lies beyond a single slice is not known to be outside
    depth = ndimage.distance_transform_edt(np.pad(inside, [(int(side > 1),) * 2 for side in inside.shape]), spacing_mm)
    depth = depth[tuple(slice(1, -1) if side > 1 else slice(None) for side in inside.shape)]
    order = np.argsort((outside - depth).ravel(), kind="stable")
    found = np.zeros(inside.size, dtype=np.bool_)
    found[order[:count]] = True
    return found.reshape(inside.shape)
