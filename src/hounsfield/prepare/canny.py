"""Canny's edges: lines one sample wide, where the gradient is greatest along itself, tracked from strong to weak."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from scipy.ndimage import gaussian_filter

from hounsfield.compiled import in_threads
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Samples, Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.channels import finite, some_slices
from hounsfield.prepare.edges import gradient
from hounsfield.prepare.enhance import in_plane_sigmas
from hounsfield.prepare.step import STRICT, Parameters


def canny_edges(
    plane: Samples, sigmas: tuple[float, float], spacing_mm: tuple[float, float], limits: tuple[float, float]
) -> npt.NDArray[np.uint8]:
    """Return 1 on the edges of a (row, column) image, 0 elsewhere (Canny 1986, doi:10.1109/TPAMI.1986.4767851).

    A Gaussian, the Sobel gradient in millimetres, thinning along the gradient with neighbours read between samples,
    and hysteresis over eight neighbours. Edges are not found in the outermost rows and columns.

    Args:
        plane: finite samples.
        sigmas: of the Gaussian along rows and columns, in samples.
        spacing_mm: between rows and between columns.
        limits: least gradient of an edge, and of where an edge begins, in units of the samples to the millimetre.

    Example:
        >>> import numpy as np
        >>> step = np.repeat([[0.0, 9.0]], 8, axis=1) * np.ones((8, 1))
        >>> canny_edges(step, (1, 1), (1, 1), (0.5, 1.0))[4].tolist()
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    """
    from hounsfield.prepare import canny_kernels as kernels

    down, across = _gradient(plane, sigmas, spacing_mm)
    lengths = np.hypot(down, across)
    marks = np.empty(plane.shape, np.uint8)
    kernels.thin((down / np.float32(spacing_mm[0]), across / np.float32(spacing_mm[1])), lengths, limits, marks)
    kernels.track(marks)
    out = np.empty(plane.shape, np.uint8)
    kernels.keep_strong(marks, out)
    return out


def _gradient(
    plane: Samples, sigmas: tuple[float, float], spacing_mm: tuple[float, float]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    smooth = gaussian_filter(plane.astype(np.float64), sigmas, mode="reflect")
    down, across = gradient(smooth, *spacing_mm)
    return down.astype(np.float32), across.astype(np.float32)


@dataclass(frozen=True, config=STRICT)
class Canny:
    """Replace each slice by its edges, 1 on a line one sample wide and 0 elsewhere (Canny 1986).

    Attributes:
        sigma_mm: width of the Gaussian; on a grid without millimetres, in pixels.
        low: least gradient along an edge, in units of the samples to the millimetre; None takes the quantile.
        high: least gradient where an edge begins; None takes the quantile.
        low_quantile: share of the gradients below ``low``.
        high_quantile: share of the gradients below ``high``.
    """

    name: ClassVar[str] = "canny"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=100)] = 1.0
    low: Annotated[float, Field(gt=0)] | None = None
    high: Annotated[float, Field(gt=0)] | None = None
    low_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.8
    high_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.92

    @model_validator(mode="after")
    def _check_order(self) -> "Canny":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        if self.low_quantile > self.high_quantile:
            raise ValueError("low_quantile must not be above high_quantile")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Take the limits that are not given from the gradients.

        Raises:
            PrepareError: ``E405``, no sample is finite.
        """
        if not np.isfinite(volume.array).any():
            raise PrepareError("E405", step=self.name, slice_index=0)
        rows, columns = in_plane_sigmas(volume, self.sigma_mm)
        spacing_mm = (volume.geometry.row_spacing_mm, volume.geometry.column_spacing_mm)
        limits = [self.low, self.high]
        if None in limits:
            planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
            chosen = some_slices(planes)
            lengths = [np.hypot(*_gradient(finite(plane), (rows, columns), spacing_mm)) for plane in chosen]
            found = np.quantile(np.stack(lengths), (self.low_quantile, self.high_quantile))
            limits = [float(at) if limit is None else limit for limit, at in zip(limits, found, strict=True)]
        low, high = (float(limit or 0) for limit in limits)
        return {"sigma_pixels": [rows, columns], "spacing_mm": list(spacing_mm), "limits": [min(low, high), high]}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return the edges as display values, float32."""
        settings = tuple(tuple(parameters[key]) for key in ("sigma_pixels", "spacing_mm", "limits"))
        planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
        found = in_threads(canny_edges, [(finite(plane), *settings) for plane in planes])
        out = np.stack(found).reshape(volume.array.shape).astype(np.float32)
        return volume.with_array(out, quantity=Quantity.DISPLAY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: an edge does not tell the level."""
        raise NotInvertible("E403", step=self.name)
