"""Multi-scale contrast of radiographs: faint detail of every size is lifted, strong contrast is not."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.ndimage import correlate1d

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.scale import per_slice, slice_ranges
from hounsfield.prepare.step import STRICT, Parameters

Floats = npt.NDArray[np.float64]

_KERNEL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
"""The generating kernel of Burt and Adelson (1983) with a = 3/8."""
_SMALLEST = 8
"""Shortest side of the coarsest level."""


@dataclass(frozen=True, config=STRICT)
class MultiscaleXray:
    """Amplify the levels of a Laplacian pyramid by a power below 1 (after Vuylsteke and Schoeters 1994).

    Each slice is scaled to 0..1 and split into the levels of Burt and Adelson (1983). A coefficient x of a level
    becomes M sign(x) (|x| / M)^power with M the largest modulus of that level: the fainter, the more it gains, and the
    largest gain of ``limit`` keeps noise from becoming structure. The sum is scaled to 0..1 again.

    Attributes:
        power: 1 changes nothing; 0.7 is usual.
        limit: the largest factor of a coefficient.
        levels: of the pyramid, at most; fewer in small pictures.
    """

    name: ClassVar[str] = "multiscale-xray"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    power: Annotated[float, Field(gt=0.1, le=1)] = 0.7
    limit: Annotated[float, Field(ge=1, le=20)] = 4.0
    levels: Annotated[int, Field(ge=1, le=12)] = 8

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the range of each slice.

        Raises:
            PrepareError: ``E405``, a slice has no finite sample.
        """
        lows, highs = slice_ranges(volume, self.name)
        return {"low": lows, "high": highs}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return display values from 0 to 1, float32; what is not finite counts as the lowest sample."""
        lows, highs = (per_slice(parameters[key], volume, self.name) for key in ("low", "high"))
        out = np.zeros(volume.array.shape, dtype=np.float32)
        planes, slices = volume.array.reshape(-1, *volume.geometry.shape[1:]), volume.geometry.shape[0]
        for number, (plane, shown) in enumerate(zip(planes, out.reshape(planes.shape), strict=True)):
            low, high = lows[number % slices], highs[number % slices]
            if high > low:
                unit = np.nan_to_num((plane.astype(np.float64) - low) / (high - low), nan=0, posinf=0, neginf=0)
                shown[:] = self._lifted(unit)
        return volume.with_array(out, quantity=Quantity.DISPLAY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: the range of the sum is lost."""
        raise NotInvertible("E403", step=self.name)

    def _lifted(self, unit: Floats) -> Floats:
        details, base = laplacian_pyramid(unit, self.levels)
        lifted = collapse([self._gained(detail) for detail in details], base)
        low, high = float(lifted.min()), float(lifted.max())
        return (lifted - low) / (high - low) if high > low else np.zeros_like(lifted)

    def _gained(self, detail: Floats) -> Floats:
        most = float(np.abs(detail).max())
        if most == 0:
            return detail
        share = np.maximum(np.abs(detail) / most, np.finfo(np.float64).tiny)
        return np.asarray(detail * np.minimum(share ** (self.power - 1), self.limit))


def laplacian_pyramid(picture: Floats, levels: int) -> tuple[list[Floats], Floats]:
    """Return the details of each level, finest first, and what is left of the picture (Burt and Adelson 1983)."""
    details: list[Floats] = []
    while levels > len(details) and min(picture.shape) >= 2 * _SMALLEST:
        smaller = _smoothed(picture)[::2, ::2]
        details.append(picture - _expanded(smaller, picture.shape))
        picture = smaller
    return details, picture


def collapse(details: list[Floats], base: Floats) -> Floats:
    """Return the picture whose levels these are; the inverse of ``laplacian_pyramid``."""
    for detail in reversed(details):
        base = detail + _expanded(base, detail.shape)
    return base


def _smoothed(picture: Floats) -> Floats:
    rows = correlate1d(picture, _KERNEL, axis=0, mode="mirror")
    return np.asarray(correlate1d(rows, _KERNEL, axis=1, mode="mirror"))


def _expanded(picture: Floats, shape: tuple[int, ...]) -> Floats:
    spread = np.zeros(shape)
    spread[::2, ::2] = 4 * picture
    return _smoothed(spread)
