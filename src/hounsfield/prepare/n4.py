"""N4: take the slow shading of the coil off an MR scan (Tustison and others 2010, IEEE Trans Med Imaging 29:1310).

The logarithm of a scan is that of the tissue plus that of the field. The field blurs the histogram; each round sharpens
the histogram by a Wiener filter, takes the difference between the scan and its sharpened self for the field, smooths
it by a B-spline (``lattice``) and adds it up; each level halves the spacing of the control points.
"""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.lattice import Basis, Floats, basis_of, field_of, fit_lattice, refined
from hounsfield.prepare.sharpen import sharpened
from hounsfield.prepare.statistics import otsu_level
from hounsfield.prepare.step import STRICT, Parameters

FEWEST_SAMPLES = 64
"""Samples of tissue, after shrinking, below which no field is looked for."""
_LEAST_SIDE = 32
"""No axis is shrunk below this number of samples."""

Axes = tuple[Basis, Basis, Basis]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, config=STRICT)
class N4:
    """Divide a scan by the smooth field that blurs its histogram. The defaults are those of ITK.

    The field is scaled so that the mean of its logarithm over the tissue is 0. Undone up to rounding, as the control
    points are recorded; but the samples are no longer those of the scanner, so the volume counts as enhanced.

    Attributes:
        levels: each has half the spacing of control points of the one before, from one interval an axis on.
        iterations: the most rounds of a level.
        convergence: a level ends when the field changes by less, as a coefficient of variation.
        shrink: the field is looked for in every n-th sample of each axis, where at least 32 are left.
        fwhm: width of the field's own histogram, in logarithms.
        wiener_noise: constant of the Wiener filter.
        above: tissue is what exceeds this value; None takes Otsu's level of the positive samples.
    """

    name: ClassVar[str] = "n4"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    levels: Annotated[int, Field(ge=1, le=5)] = 4
    iterations: Annotated[int, Field(ge=1, le=500)] = 50
    convergence: Annotated[float, Field(ge=0, le=1)] = 0.001
    shrink: Annotated[int, Field(ge=1, le=16)] = 4
    fwhm: Annotated[float, Field(gt=0, le=2)] = 0.15
    wiener_noise: Annotated[float, Field(gt=0, le=1)] = 0.01
    above: Annotated[float, Field(ge=0)] | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the field.

        Raises:
            PrepareError: ``E440`` for a volume through time, ``E446`` for one without positive samples of any contrast,
                ``E448`` for colour.
        """
        if volume.slice_axis is SliceAxis.TIME:
            raise PrepareError("E440", step=self.name)
        if volume.is_colour:
            raise PrepareError("E448", step=self.name)
        places = [self._places(count) for count in volume.geometry.shape]
        few = volume.array[np.ix_(*places)].astype(np.float64)
        positive = few[np.isfinite(few) & (few > 0)]
        if positive.size < FEWEST_SAMPLES or positive.max() <= positive.min():
            raise PrepareError("E446", step=self.name)
        level = otsu_level(positive) if self.above is None else self.above
        is_tissue = np.isfinite(few) & (few > max(level, 0.0))
        if is_tissue.sum() < FEWEST_SAMPLES:
            raise PrepareError("E446", step=self.name)
        logarithm = np.log(np.where(is_tissue, few, 1.0))
        lattice = self._search(logarithm, is_tissue, places, volume.geometry.shape)
        return {"lattice": lattice.tolist(), "above": level}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Divide by the field, float32."""
        return _times_field(volume, parameters, -1.0)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Multiply by the field."""
        return _times_field(volume, parameters, 1.0)

    def _places(self, count: int) -> npt.NDArray[np.intp]:
        step = min(self.shrink, max(1, count // _LEAST_SIDE))
        return np.arange((count - 1) % step // 2, count, step)

    def _search(
        self,
        logarithm: Floats,
        is_tissue: Flags,
        places: list[npt.NDArray[np.intp]],
        shape: tuple[int, int, int],
    ) -> Floats:
        """Return the control points of the logarithm of the field."""
        lattice: Floats = np.zeros([1 if count == 1 else 4 for count in shape])
        field: Floats = np.zeros_like(logarithm)
        for level in range(self.levels):
            lattice = lattice if level == 0 else refined(lattice)
            axes = _axes(places, shape, 1 << level)
            field = field_of(lattice, axes)
            for _ in range(self.iterations):
                corrected = logarithm - field
                residual = np.zeros_like(corrected)
                tissue = corrected[is_tissue]
                residual[is_tissue] = tissue - sharpened(tissue, self.fwhm, self.wiener_noise)
                step = fit_lattice(residual, is_tissue, axes)
                change = field_of(step, axes)
                lattice, field = lattice + step, field + change
                ratio = np.exp(change[is_tissue])
                if ratio.std() / ratio.mean() < self.convergence:
                    break
        # All splines at a place add up to 1: a constant of the lattice is one of the field.
        return np.asarray(lattice - field[is_tissue].mean())


def bias_field(parameters: Parameters, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Return the field that a volume of this shape is divided by, from the drawn parameters of ``N4``."""
    lattice = np.asarray(parameters["lattice"], dtype=np.float64)
    return np.exp(field_of(lattice, _whole_axes(lattice, shape))).astype(np.float32)


def _axes(places: list[npt.NDArray[np.intp]], shape: tuple[int, int, int], elements: int) -> Axes:
    found = [basis_of(at, count, elements) for at, count in zip(places, shape, strict=True)]
    return found[0], found[1], found[2]


def _whole_axes(lattice: Floats, shape: tuple[int, int, int]) -> Axes:
    elements = max(1, max(lattice.shape) - 3)
    return _axes([np.arange(count) for count in shape], shape, elements)


def _times_field(volume: Volume, parameters: Parameters, power: float) -> Volume:
    """Return the samples times a power of the field, slice by slice."""
    lattice = np.asarray(parameters["lattice"], dtype=np.float64)
    slices, rows, columns = _whole_axes(lattice, volume.geometry.shape)
    if [axis.values.shape[1] for axis in (slices, rows, columns)] != list(lattice.shape):
        raise PrepareError("E406", step=N4.name, found=volume.geometry.shape, expected=lattice.shape)
    out = np.empty(volume.array.shape, dtype=np.float32)
    for index in range(volume.geometry.shape[0]):
        one = Basis(slices.values[index : index + 1])
        field = field_of(lattice, (one, rows, columns))[0]
        out[index] = volume.array[index] * np.exp(power * field)
    return volume.with_array(out)
