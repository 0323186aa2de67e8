"""Bilateral filter: the mean of samples that are near in place and near in value, so that edges stay."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.compiled import in_threads, spans
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.channels import each_channel
from hounsfield.prepare.denoise import noise_sigma
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.taps import mirrored
from hounsfield.prepare.widths import widths_of

REACH = 2.0
"""Radius of the neighbourhood in spatial standard deviations."""

LARGEST_RADIUS = 12
"""Samples; a wider neighbourhood is cut, for the work grows with its square or its cube."""

TILE_ROWS = 32
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def bilateral_filter(
    volume: Samples, neighbours: tuple[Counts, Floats], range_sigma: float, out: Floats, threads: int = 0
) -> None:
    """Fill ``out`` with the bilateral mean of (slice, row, column) samples, mirrored at their faces.

    Tomasi and Manduchi 1998 (doi:10.1109/ICCV.1998.710815): weights exp(-d^2 / 2 sd^2 - (I - I')^2 / 2 sr^2).
    Exponentials have a relative error below 1e-4; weights below 2e-9 are set to it.

    Args:
        volume: finite samples, any real type.
        neighbours: offsets (neighbour, axis) and their weights, as ``neighbourhood`` makes them.
        range_sigma: sr, in the unit of the samples.
        out: float32 of the same shape.
        threads: 0 takes the cores of this process.

    Example:
        >>> import numpy as np
        >>> step = np.repeat([[0.0, 9.0]], 4, axis=1)[None].astype(np.float32)
        >>> out = np.empty_like(step)
        >>> bilateral_filter(step, neighbourhood((0, 1, 1)), 0.5, out)
        >>> out[0, 0].round(3).tolist() == step[0, 0].tolist()
        True
    """
    from hounsfield.prepare.bilateral_kernels import mean_of_near_and_alike

    offsets, nearness = neighbours
    margins = np.abs(offsets).max(axis=0, initial=0)
    scale = np.float32(1 / (2 * range_sigma**2))

    def fill(s: tuple[int, int], r: tuple[int, int]) -> None:
        places = [
            mirrored(np.arange(start - margin, stop + margin), size)
            for (start, stop), margin, size in zip((s, r, (0, volume.shape[2])), margins, volume.shape, strict=True)
        ]
        tile = np.ascontiguousarray(volume[np.ix_(*places)], dtype=np.float32)
        mean_of_near_and_alike(tile, offsets, nearness, scale, out[s[0] : s[1], r[0] : r[1]])

    slices = spans(volume.shape[0], -(-volume.shape[0] // (8 if margins[0] else 1)))
    rows = spans(volume.shape[1], -(-volume.shape[1] // TILE_ROWS))
    in_threads(fill, [(s, r) for s in slices for r in rows], threads)


def neighbourhood(sigmas: tuple[float, float, float]) -> tuple[Counts, Floats]:
    """Return the offsets within ``REACH`` of a sample, without itself, and their Gaussian weights.

    Args:
        sigmas: spatial standard deviations in samples along slices, rows and columns; 0 does not look along an axis.
    """
    radii = [min(max(round(REACH * sigma), 1), LARGEST_RADIUS) if sigma > 0 else 0 for sigma in sigmas]
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in radii), indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.sqrt(((steps / np.where(np.array(radii) > 0, radii, 1)) ** 2).sum(axis=1))
    steps = steps[(lengths <= 1 + 1e-9) & (lengths > 0)]
    distances = ((steps / np.where(np.array(sigmas) > 0, sigmas, 1)) ** 2).sum(axis=1)
    return np.ascontiguousarray(steps, dtype=np.int64), np.exp(-distances / 2).astype(np.float32)


@dataclass(frozen=True, config=STRICT)
class Bilateral:
    """Average what is near and alike (Tomasi and Manduchi 1998): noise falls, edges above it stay.

    Attributes:
        sigma_mm: how near, the standard deviation of the Gaussian over places; beyond two of them nothing counts.
        strength: how alike, in standard deviations of the noise.
        sigma: of the noise, in the unit of the samples; None estimates it.
        is_planar: look within each slice alone.
    """

    name: ClassVar[str] = "bilateral"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=100)] = 1.5
    strength: Annotated[float, Field(gt=0, le=20)] = 2.5
    sigma: Annotated[float, Field(gt=0)] | None = None
    is_planar: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Estimate the noise where it is not given."""
        sigma = noise_sigma(volume) if self.sigma is None else self.sigma
        return {
            "spatial_sigma": widths_of(volume, self.sigma_mm, self.is_planar), "range_sigma": self.strength * sigma,
        }  # fmt: skip

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Average; float32. Without noise nothing is done."""
        slices, rows, columns = parameters["spatial_sigma"]
        if not parameters["range_sigma"] > 0:
            return each_channel(volume, lambda array: array)
        neighbours = neighbourhood((slices, rows, columns))

        def averaged(array: Samples) -> Samples:
            out = np.empty(array.shape, dtype=np.float32)
            bilateral_filter(array, neighbours, parameters["range_sigma"], out)
            return out

        return each_channel(volume, averaged)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was averaged is lost."""
        raise NotInvertible("E403", step=self.name)
