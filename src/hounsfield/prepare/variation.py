"""Total variation denoising: the image closest to the data among those that change as little as is asked."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.channels import each_channel
from hounsfield.prepare.denoise import noise_sigma
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.widths import is_within_slices

Floats = npt.NDArray[np.float32]


def least_variation(
    data: Samples, weight: float, factors: tuple[float, float, float], iterations: int, threads: int = 0
) -> Floats:
    """Return the u that makes |u - data|^2 / 2 + weight * sum |grad u| least (Rudin, Osher and Fatemi 1992).

    The dual of Chambolle 2004 (doi:10.1023/B:JMIV.0000011325.36760.1e): u = data + weight * div p with |p| <= 1;
    solved by projected gradients with Nesterov's momentum (Beck and Teboulle 2009, doi:10.1109/TIP.2009.2028250), step
    1 / (4 weight * sum of squared factors). Forward differences, isotropic, 0 across the faces. Beside the output it
    holds two volumes for each axis that is looked along.

    Args:
        data: (slice, row, column), finite.
        weight: in the unit of the samples; above 0.
        factors: of the differences along slices, rows and columns: the least spacing over the spacing of the axis;
            0 along slices works within each.
        iterations: the error of the minimum falls with their square.
        threads: 0 takes the cores of this process.

    Example:
        >>> import numpy as np
        >>> flat = least_variation(np.array([[[0.0, 1.0], [1.0, 0.0]]]), 10.0, (0, 1, 1), 100)
        >>> bool(np.allclose(flat, 0.5, atol=1e-3))
        True
    """
    from hounsfield.prepare import variation_kernels as kernels

    samples = np.ascontiguousarray(data, dtype=np.float32)
    image = samples.copy()
    flow = np.zeros((3 if factors[0] > 0 else 2, *samples.shape), np.float32)
    ahead = np.zeros_like(flow)
    step = 1 / (4 * weight * sum(factor**2 for factor in factors))
    settings = np.array([weight, step, 0.0, factors[2], factors[1], factors[0]], np.float32)
    parts = spans(samples.shape[1], threads or core_count())
    pace = 1.0
    for _ in range(iterations):
        next_pace = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        settings[2] = (pace - 1) / next_pace
        pace = next_pace
        in_threads(kernels.add_divergence, [(samples, ahead, settings, image, part) for part in parts], threads)
        in_threads(kernels.ascend, [(image, (flow, ahead), settings, part) for part in parts], threads)
    in_threads(kernels.add_divergence, [(samples, flow, settings, image, part) for part in parts], threads)
    return image


@dataclass(frozen=True, config=STRICT)
class TotalVariation:
    """Find the image with the least total variation near the data (Rudin, Osher and Fatemi 1992; Chambolle 2004).

    Flat regions become flat and edges stay, at the price of steps in what was a slope, and of contrast: thin things
    lose some of theirs.

    Attributes:
        strength: weight of the variation, in standard deviations of the noise.
        sigma: of the noise, in the unit of the samples; None estimates it.
        iterations: of the solver.
        is_planar: work within each slice alone.
    """

    name: ClassVar[str] = "total-variation"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    strength: Annotated[float, Field(gt=0, le=20)] = 1.0
    sigma: Annotated[float, Field(gt=0)] | None = None
    iterations: Annotated[int, Field(ge=1, le=1000)] = 50
    is_planar: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Estimate the noise where it is not given, and weigh the axes by their spacing."""
        sigma = noise_sigma(volume) if self.sigma is None else self.sigma
        spacings = volume.geometry.spacing_mm
        is_planar = is_within_slices(volume, self.is_planar)
        least = min(spacings[1:] if is_planar else spacings)
        factors = [least / spacing for spacing in spacings]
        return {"weight": self.strength * sigma, "factors": [0.0, *factors[1:]] if is_planar else factors}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Solve; float32. Without noise nothing is done."""
        weight, (slices, rows, columns) = parameters["weight"], parameters["factors"]
        if not weight > 0:
            return each_channel(volume, lambda array: array)

        def solved(array: Samples) -> Samples:
            factors = (slices, rows, columns)
            if slices > 0 or len(array) == 1:
                return least_variation(array, weight, factors, self.iterations)
            calls = [(plane[None], weight, factors, self.iterations, 1) for plane in array]
            return np.concatenate(in_threads(least_variation, calls))

        return each_channel(volume, solved)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was flattened is lost."""
        raise NotInvertible("E403", step=self.name)
