"""Registration: find the alignment of an earlier volume with a later one, rigid, then deformable.

Rigid: Mattes mutual information over a pyramid (Mattes, IEEE Trans Med Imaging 2003;22:120). Deformable: demons of
symmetric forces on what is left (Vercauteren, NeuroImage 2009;45:S61). Both by SimpleITK, which is given our own
arrays: its readers never see a file.
"""

from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.change.alignment import Alignment, Displacements, rigid_alignment
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ImageError, SettingsError
from hounsfield.prepare.resample import Resample

LEAST_SAMPLES = 8
"""Samples that every axis of a volume has at least: less is no volume that can be turned in space."""


NOWHERE = -1.0e6
"""Stands where a moved volume has no sample; far below every sample."""


@dataclass(frozen=True)
class Registering:
    """How volumes are registered; recorded with the result.

    Attributes:
        spacing_mm: of the grid both are brought to where they are finer.
        stiffness_mm: standard deviation of the Gaussian that keeps the deformation smooth.
        bins: of the joint histogram.
        sampled: share of the samples that the metric looks at.
        rigid_steps: most steps of the rigid search on each level.
        bending_steps: steps of the deformation on each coarse level, half as many on the finest.
        hounsfield: range that Hounsfield units are cut to: contrast, metal and the table beyond say nothing.
        seed: of the samples.
        threads: for the metric.
    """

    spacing_mm: float = 2.5
    stiffness_mm: float = 8.0
    bins: int = 40
    sampled: float = 0.2
    rigid_steps: int = 120
    bending_steps: int = 40
    hounsfield: tuple[float, float] = (-1000.0, 600.0)
    seed: int = 7
    threads: int = 2

    def parameters(self) -> dict[str, Any]:
        """Return the parameters for the record."""
        return asdict(self)


DEFAULT_REGISTERING = Registering()


def simple_itk() -> ModuleType:
    """Return the library that registers.

    Raises:
        SettingsError: ``E231``, the extra ``registration`` is not installed.
    """
    try:
        import SimpleITK as library  # noqa: N813 - the name of the library
    except ImportError as error:
        raise SettingsError("E231", reason=str(error)) from error
    return library


def require_registrable(volume: Volume) -> None:
    """Refuse what has no three directions in the patient.

    Raises:
        ImageError: ``E233``, a picture, a cine, colour, or a stack of few slices.
    """
    shape = volume.geometry.shape
    if volume.is_colour or volume.slice_axis is SliceAxis.TIME or min(shape) < LEAST_SAMPLES:
        raise ImageError("E233", found=" × ".join(map(str, shape)), expected=LEAST_SAMPLES)


def register_rigid(earlier: Volume, later: Volume, how: Registering = DEFAULT_REGISTERING) -> Alignment:
    """Find the rigid motion between two volumes of one patient.

    Three starts are tried (as they lie, centres of the boxes, centres of the mass), and the best is followed.

    Raises:
        SettingsError: ``E231``, SimpleITK is not installed.
        ImageError: ``E233`` what is no volume, ``E232`` the search failed.
    """
    library = simple_itk()
    fixed, moving = (_image(library, volume, how) for volume in (later, earlier))
    try:
        return _rigid_of(library, _rigid(library, fixed, moving, how))
    except RuntimeError as error:
        raise ImageError("E232", reason=_last_line(error)) from error


def register_deformable(
    earlier: Volume, later: Volume, rigid: Alignment, how: Registering = DEFAULT_REGISTERING
) -> Alignment:
    """Find the deformation that is left over after a rigid motion.

    It is so stiff that it follows breath and posture, and does not undo the growth of a nodule.

    Raises:
        SettingsError: ``E231``, SimpleITK is not installed.
        ImageError: ``E233`` what is no volume, ``E232`` the search failed.
    """
    library = simple_itk()
    fixed, moving = (_image(library, volume, how) for volume in (later, earlier))
    if later.quantity is not Quantity.HOUNSFIELD:  # demons compare values, and only those of CT mean the same twice
        moving = library.HistogramMatching(moving, fixed)
    try:
        bending = _bending(library, fixed, moving, rigid, how)
        return Alignment(rigid.matrix, _displacements(library, bending, later.geometry, rigid, how))
    except RuntimeError as error:
        raise ImageError("E232", reason=_last_line(error)) from error


def _image(library: ModuleType, volume: Volume, how: Registering) -> Any:
    """Return a volume as the library holds it, on a grid that is no finer than it need be."""
    require_registrable(volume)
    coarse = coarsened(volume, how.spacing_mm)
    samples = np.asarray(coarse.array, np.float32)
    if volume.quantity is Quantity.HOUNSFIELD:
        samples = np.clip(samples, *how.hounsfield)
    image = library.GetImageFromArray(samples)
    geometry = coarse.geometry
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(np.asarray(geometry.direction)[:, ::-1].ravel().tolist())
    return image


def coarsened(volume: Volume, spacing_mm: float) -> Volume:
    """Return a volume on a grid of at least a spacing along every axis, smoothed where samples were left out."""
    own = volume.geometry.spacing_mm
    asked = [max(spacing_mm, step) for step in own]
    if min(own) >= spacing_mm:
        return volume
    step = Resample(slice_mm=asked[0], row_mm=asked[1], column_mm=asked[2], is_smoothed=True)
    return step.apply(volume, step.draw(volume, np.random.default_rng(0)))


def _method(library: ModuleType, how: Registering) -> Any:
    method = library.ImageRegistrationMethod()
    method.SetNumberOfThreads(how.threads)
    method.SetMetricAsMattesMutualInformation(how.bins)
    method.SetInterpolator(library.sitkLinear)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(how.sampled, how.seed)
    return method


def _rigid(library: ModuleType, fixed: Any, moving: Any, how: Registering) -> Any:
    method = _method(library, how)
    start = min(_starts(library, fixed, moving), key=lambda one: _metric(method, one, fixed, moving))
    method.SetInitialTransform(start, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, how.rigid_steps, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2 * how.spacing_mm, how.spacing_mm, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method.Execute(fixed, moving)


def _starts(library: ModuleType, fixed: Any, moving: Any) -> list[Any]:
    """Return the motions that the search may start from: none, boxes onto each other, masses onto each other."""
    way = library.CenteredTransformInitializerFilter
    kinds = (way.GEOMETRY, way.MOMENTS)
    centred = [library.CenteredTransformInitializer(fixed, moving, library.Euler3DTransform(), one) for one in kinds]
    starts = [library.Euler3DTransform(one) for one in centred]
    still = library.Euler3DTransform()
    still.SetCenter(starts[0].GetCenter())
    return [still, *starts]


def _metric(method: Any, start: Any, fixed: Any, moving: Any) -> float:
    method.SetInitialTransform(start, inPlace=False)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:  # the boxes do not meet
        return float("inf")


def _rigid_of(library: ModuleType, found: Any) -> Alignment:
    """Return the motion of the library's transform: x -> A (x - c) + c + t."""
    motion = library.Euler3DTransform(found.GetNthTransform(0) if hasattr(found, "GetNthTransform") else found)
    rotation = np.asarray(motion.GetMatrix()).reshape(3, 3)
    centre, shift = np.asarray(motion.GetCenter()), np.asarray(motion.GetTranslation())
    return rigid_alignment(rotation, centre + shift - rotation @ centre)


def _bending(library: ModuleType, fixed: Any, moving: Any, rigid: Alignment, how: Registering) -> Any:
    """Return the displacement field of the fixed grid that is left over after the motion, coarse levels first."""
    matrix = np.asarray(rigid.matrix)
    motion = library.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())
    warped = _filled(library, fixed, moving, motion)
    field = None
    for shrink in (4, 2, 1):
        target, source = (_shrunk(library, one, shrink, how) for one in (fixed, warped))
        demons = library.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfThreads(how.threads)
        demons.SetNumberOfIterations(how.bending_steps if shrink > 1 else how.bending_steps // 2)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations([max(1.0, how.stiffness_mm / step) for step in target.GetSpacing()])
        if field is None:
            field = demons.Execute(target, source)
        else:
            still = library.Transform()
            field = demons.Execute(target, source, library.Resample(field, target, still, library.sitkLinear))
    bent = library.DisplacementFieldTransform(library.Cast(field, library.sitkVectorFloat64))
    return library.CompositeTransform([motion, bent])


def _filled(library: ModuleType, fixed: Any, moving: Any, motion: Any) -> Any:
    """Return the moved volume; where it does not reach it is as the fixed one, so that nothing pulls there."""
    warped = library.Resample(moving, fixed, motion, library.sitkLinear, NOWHERE)
    is_there = library.Greater(warped, NOWHERE / 2)
    inside = library.Cast(is_there, library.sitkFloat32)
    return warped * inside + fixed * (1.0 - inside)


def _shrunk(library: ModuleType, image: Any, shrink: int, how: Registering) -> Any:
    factors = [max(1, min(shrink, size // LEAST_SAMPLES)) for size in image.GetSize()]
    if max(factors) == 1:
        return image
    return library.Shrink(library.SmoothingRecursiveGaussian(image, shrink * how.spacing_mm / 2), factors)


def _displacements(
    library: ModuleType, found: Any, later: VolumeGeometry, rigid: Alignment, how: Registering
) -> Displacements:
    """Return what the deformation adds to the motion, on a grid as coarse as it is smooth."""
    extent = np.asarray(later.shape) * later.spacing_mm
    counts = np.maximum(2, np.minimum(later.shape, np.ceil(extent / (how.stiffness_mm)))).astype(int)
    grid = later.resized((int(counts[0]), int(counts[1]), int(counts[2])))
    field: npt.NDArray[np.float64] = library.GetArrayFromImage(
        library.TransformToDisplacementField(
            found,
            library.sitkVectorFloat64,
            [int(one) for one in counts[::-1]],
            grid.origin_mm,
            grid.spacing_mm[::-1],
            np.asarray(grid.direction)[:, ::-1].ravel().tolist(),
        )
    )
    places = grid.to_patient(np.indices(grid.shape).reshape(3, -1).T)
    whole = places + field.reshape(-1, 3)
    left = (whole - rigid.to_earlier(places)).reshape(field.shape)
    return Displacements(grid, left.astype(np.float32))


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
