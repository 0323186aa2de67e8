"""Resample-to: read a volume at the samples of another grid, however it lies in the patient."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from scipy.ndimage import spline_filter

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Samples, SliceAxis, Volume
from hounsfield.errors import HounsfieldError, PrepareError
from hounsfield.prepare.block import require_holds
from hounsfield.prepare.grid import grid_record, recorded_grid
from hounsfield.prepare.regrid import READ_AS_THEY_ARE
from hounsfield.prepare.resample import Method
from hounsfield.prepare.sources import with_mixed_slices
from hounsfield.prepare.step import MAXIMUM_SAMPLES, STRICT, Parameters
from hounsfield.prepare.taps import POSITION_DIGITS

Floats = npt.NDArray[np.float64]


def resample_to(
    volume: Volume, target: VolumeGeometry, method: Method = "linear", outside: float | None = None
) -> Volume:
    """Return a volume read at the samples of another grid, which may be turned against it in any way.

    Args:
        volume: grey or colour; labels (``Quantity.LABEL``) always take the nearest sample and keep their type.
        target: the grid to fill, in the same frame of reference: patient coordinates are taken as they are.
        method: ``linear`` (trilinear), ``cubic`` (the interpolating cubic B-spline, mirrored at the ends) or
            ``nearest``.
        outside: value where the volume does not reach (more than half a sample beyond its outermost centres, as ITK
            has it); None takes the background of the quantity: -1000 for Hounsfield units, else 0.

    Returns:
        The target's grid; float32, or the type of the volume for ``nearest``.

    Raises:
        PrepareError: ``E407`` for a grid of too many samples, ``E440`` for a volume through time, ``E441`` for an
            ``outside`` that the samples cannot hold, ``E443`` for a grid in another frame of reference.

    Example:
        >>> from hounsfield.core.geometry import VolumeGeometry
        >>> from hounsfield.core.quantities import Quantity
        >>> from hounsfield.core.volume import Volume
        >>> ramp = Volume(np.arange(8.0).reshape(1, 1, 8), VolumeGeometry((1, 1, 8)), Quantity.ARBITRARY)
        >>> between = VolumeGeometry((1, 1, 3), origin_mm=(2.5, 0.0, 0.0))
        >>> resample_to(ramp, between).array.ravel().tolist()
        [2.5, 3.5, 4.5]
    """
    _require(volume, target)
    way: Method = "nearest" if volume.quantity is Quantity.LABEL else method
    value = volume.quantity.background if outside is None else outside
    if way == "nearest":
        require_holds(volume.array, value, ResampleTo.name)
    array = _each_channel(volume.array, _places(volume.geometry, target), (target.shape, way, value))
    made = volume.with_array(array, geometry=target, instances=(), frame_indices=(), frame_times_seconds=())
    return with_mixed_slices(made, volume)


@dataclass(frozen=True, config=STRICT)
class ResampleTo:
    """Read a volume at the samples of a given grid; see ``resample_to``.

    Undoing reads the result at the samples of the source: the place is exact, the samples are those of the grid
    between, and what it did not reach is background.

    Attributes:
        grid: the grid to fill, as ``grid.grid_record`` writes it. On the command line ``reference=PATH`` takes the
            grid of the volume in a file.
        method: ``linear``, ``cubic`` or ``nearest``; labels always take the nearest sample.
        outside: value where the source does not reach, None for the background of the quantity.
    """

    name: ClassVar[str] = "resample-to"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    grid: Annotated[dict[str, Any], Field(min_length=1)]
    method: Method = "linear"
    outside: float | None = None

    @field_validator("grid")
    @classmethod
    def _check_grid(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return grid_record(recorded_grid(value))
        except (KeyError, TypeError, IndexError, HounsfieldError) as error:
            raise ValueError("not a grid: shape, spacing_mm, origin_mm and direction are needed") from error

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record both grids.

        Raises:
            PrepareError: as ``resample_to``.
        """
        _require(volume, recorded_grid(self.grid))
        return {
            "method": self.method,
            "outside": self.outside,
            "target": self.grid,
            "source": grid_record(volume.geometry),
        }

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Fill the recorded grid."""
        return resample_to(volume, recorded_grid(parameters["target"]), parameters["method"], parameters["outside"])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Fill the source grid.

        Raises:
            PrepareError: ``E445``, the volume does not lie on the recorded grid.
        """
        require_same_grid(volume.geometry, recorded_grid(parameters["target"]), self.name)
        return resample_to(volume, recorded_grid(parameters["source"]), parameters["method"], parameters["outside"])


def require_same_grid(geometry: VolumeGeometry, other: VolumeGeometry, step: str, tolerance: float = 1e-3) -> None:
    """Refuse grids whose voxels do not lie at the same places.

    Args:
        geometry: one grid.
        other: another.
        step: that needs them to be one.
        tolerance: how far corners may lie apart, in parts of a voxel.

    Raises:
        PrepareError: ``E445``.
    """
    corners = np.array([[0, 0, 0], geometry.shape, [0, geometry.shape[1], 0], [0, 0, geometry.shape[2]]])
    apart = np.abs(other.to_index(geometry.to_patient(corners)) - corners).max()
    if geometry.shape != other.shape or apart > tolerance:
        raise PrepareError("E445", step=step, found=_told(other), expected=_told(geometry))


def _told(geometry: VolumeGeometry) -> str:
    spacing, origin = ([round(value, 3) for value in triple] for triple in (geometry.spacing_mm, geometry.origin_mm))
    return f"{list(geometry.shape)}, {spacing} mm, {origin} mm"


def _require(volume: Volume, target: VolumeGeometry) -> None:
    if volume.slice_axis is SliceAxis.TIME:
        raise PrepareError("E440", step=ResampleTo.name)
    channels = 3 if volume.is_colour else 1
    if int(np.prod(target.shape, dtype=object)) * channels > MAXIMUM_SAMPLES:
        raise PrepareError("E407", step=ResampleTo.name, found=target.shape, expected=MAXIMUM_SAMPLES)
    one, other = volume.geometry.frame_of_reference_uid, target.frame_of_reference_uid
    if one and other and one != other:
        raise PrepareError("E443", step=ResampleTo.name, found=other, expected=one)


def _places(source: VolumeGeometry, target: VolumeGeometry) -> Floats:
    """Return the (3, 4) matrix from an index of the target to the place in the source."""
    affine = source.patient_to_index @ target.index_to_patient
    # A place on a sample must not miss it by rounding: the nearest one would be another.
    affine[:3, :3] = affine[:3, :3].round(POSITION_DIGITS + 3)
    affine[:3, 3] = affine[:3, 3].round(POSITION_DIGITS)
    return np.ascontiguousarray(affine[:3])


def _each_channel(array: Samples, places: Floats, terms: tuple[tuple[int, int, int], Method, float]) -> Samples:
    if array.ndim == 4:
        return np.stack([_each_channel(channel, places, terms) for channel in array])
    shape, method, outside = terms
    if method == "nearest":
        return _nearest(array, places, shape, outside)
    from hounsfield.prepare.oblique_kernels import cubic_places, linear_places

    is_taken = array.dtype.name in READ_AS_THEY_ARE and array.dtype.isnative
    source = np.ascontiguousarray(array, dtype=array.dtype if is_taken else np.float32)
    if method == "cubic":
        source = _coefficients(source)
    out = np.empty(shape, dtype=np.float32)
    runs = spans(shape[0], core_count())
    write = cubic_places if method == "cubic" else linear_places
    in_threads(write, [(source, places, outside, out, run) for run in runs])
    return out


def _coefficients(source: Samples) -> Samples:
    """Return the coefficients of the cubic spline; along an axis of one sample they are the samples."""
    shape = [count for count in source.shape if count > 1]
    found = spline_filter(source.reshape(shape), order=3, output=np.float32, mode="mirror") if shape else source
    return np.asarray(found, dtype=np.float32).reshape(source.shape)


def _nearest(array: Samples, places: Floats, shape: tuple[int, int, int], outside: float) -> Samples:
    from hounsfield.prepare.oblique_kernels import nearest_places

    source = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    is_half = source.dtype == np.float16  # which the compiler does not know
    source = source.astype(np.float32) if is_half else source
    out = np.empty(shape, dtype=source.dtype)
    value = np.array([outside], dtype=source.dtype)
    in_threads(nearest_places, [(source, places, value, out, run) for run in spans(shape[0], core_count())])
    return out.astype(array.dtype, copy=False)
