"""Resampling a CT of 300 x 512 x 512 to 1 mm, beside SimpleITK, torch and MONAI."""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.prepare.resample import Resample

GRID = VolumeGeometry((300, 512, 512), (1.25, 0.703125, 0.703125))


def measure_resampling(rounds: int) -> dict[str, list[Row]]:
    """Measure every job, ours first in each."""
    array = np.random.default_rng(0).integers(-1000, 2000, GRID.shape).astype(np.int16)
    volume = Volume(array, GRID, Quantity.HOUNSFIELD)
    floats = array.astype(np.float32)
    linear, cubic = Resample(spacing_mm=1.0), Resample(spacing_mm=1.0, method="cubic")
    drawn = {step.method: step.draw(volume, np.random.default_rng(0)) for step in (linear, cubic)}
    shape = tuple(drawn["linear"]["target"]["shape"])
    return {
        f"300 x 512 x 512 int16 to {' x '.join(map(str, shape))}, trilinear [resample]": measure(
            [
                Subject("hounsfield", lambda: linear.apply(volume, drawn["linear"]).array.shape),
                Subject("SimpleITK", _simpleitk(array, drawn["linear"]["target"], "sitkLinear")),
                Subject("torch", lambda: _by_torch(array, shape)),
                Subject("torch, source float already", lambda: _by_torch(floats, shape)),
                Subject("MONAI", lambda: _by_monai(array)),
            ],
            rounds,
        ),
        "the same, cubic B-spline [resample_cubic]": measure(
            [
                Subject("hounsfield", lambda: cubic.apply(volume, drawn["cubic"]).array.shape),
                Subject("SimpleITK", _simpleitk(array, drawn["cubic"]["target"], "sitkBSpline3")),
            ],
            max(2, rounds // 2),
        ),
    }


def _simpleitk(array: np.ndarray, target: dict[str, list[float]], interpolator: str) -> Callable[[], tuple[int, ...]]:
    """Return SimpleITK's resampling alone: its image is made beforehand, and nothing is copied out of the result."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(GRID.spacing_mm[::-1])
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetSize([int(count) for count in target["shape"][::-1]])
    resampler.SetOutputSpacing(target["spacing_mm"][::-1])
    resampler.SetOutputOrigin(target["origin_mm"])
    resampler.SetInterpolator(getattr(SimpleITK, interpolator))
    resampler.SetOutputPixelType(SimpleITK.sitkFloat32)
    return lambda: resampler.Execute(image).GetSize()[::-1]


def _by_torch(array: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    import torch

    source = torch.from_numpy(array)[None, None].float()
    made = torch.nn.functional.interpolate(source, size=shape, mode="trilinear", align_corners=False)
    return tuple(made.shape)


def _by_monai(array: np.ndarray) -> tuple[int, ...]:
    import torch
    from monai.data import MetaTensor
    from monai.transforms import Spacing

    affine = torch.diag(torch.tensor([*GRID.spacing_mm, 1.0], dtype=torch.float64))
    image = MetaTensor(torch.from_numpy(array)[None].float(), affine=affine)
    return tuple(Spacing(pixdim=(1.0, 1.0, 1.0), mode="bilinear")(image).shape)
