"""Noise taken out for the eye by a small network that was trained on noisy images alone."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.compiled import in_threads
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible, PrepareError, WeightsMismatch
from hounsfield.prepare.blind_spot_network import built_in_network, denoised
from hounsfield.prepare.channels import each_channel, finite, some_slices
from hounsfield.prepare.grain import noise_at_distances
from hounsfield.prepare.step import STRICT, Parameters

CONTRAST_PERCENTILES = (0.5, 99.5)
"""Between which samples the contrast is taken, as in training."""

NOISE_RANGE = 5.152
"""Range of normal noise between these percentiles, in standard deviations."""

LARGEST_STRIDE = 3
WHITE, FINE, COARSE = 1.3, 2.0, 5.0
"""Up to which ratio of wide to near noise it counts as white, and is denoised with a stride of 1 and of 2."""


@dataclass(frozen=True, config=STRICT)
class BlindSpot:
    """Make each sample what its neighbours and itself tell together, slice by slice.

    A network tells from the neighbours, blind for the sample itself, what it may be and how surely; the measured value
    counts the more, the less sure that is (``blind_spot_network.denoised``). The noise is estimated first. Noise that
    is alike in neighbouring samples would be taken for the image, so such slices are split into interleaved grids that
    are denoised apart (Zhou et al. 2020, arXiv:1904.03485). Less noise than in training is left as it is.

    Attributes:
        sigma: of the noise, in the unit of the samples; None estimates it.
        stride: distance of the samples that are denoised together; None chooses from 1 to 3 by the noise.
    """

    name: ClassVar[str] = "blind-spot"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma: Annotated[float, Field(gt=0)] | None = None
    stride: Annotated[int, Field(ge=1, le=LARGEST_STRIDE)] | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Estimate noise and contrast, and record the network.

        Raises:
            PrepareError: ``E466``, more noise than in training; ``E467``, the slices are too small; ``E471``,
                the network cannot be read.
            WeightsMismatch: ``E470``, the network is not the one recorded.
        """
        network = built_in_network()
        about, smallest = network.about, network.smallest_side
        planes = volume.array.reshape(-1, *volume.array.shape[-2:])
        suited, estimated = _noise_of(planes)
        sigma = estimated if self.sigma is None else self.sigma
        largest = max(1, min(planes.shape[1:]) // smallest)
        stride = min(suited, largest) if self.stride is None else self.stride
        if min(planes.shape[1:]) < smallest * stride:
            raise PrepareError("E467", found=f"{planes.shape[1]} x {planes.shape[2]}", expected=smallest * stride)
        contrast = _contrast_of(planes, sigma)
        ratio = contrast / sigma if sigma > 0 else np.inf
        if ratio < about.lowest_contrast_to_noise:
            raise PrepareError("E466", found=f"{ratio:.2g}", expected=f"{about.lowest_contrast_to_noise:g}")
        return {
            "sigma": sigma, "contrast": contrast, "stride": stride,
            "is_applied": bool(ratio <= about.highest_contrast_to_noise),
            "network": about.name, "version": about.version, "weights_digest": about.weights_digest,
        }  # fmt: skip

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Denoise; float32.

        Raises:
            WeightsMismatch: ``E469``, the parameters were drawn for another network.
        """
        network = built_in_network()
        if parameters["weights_digest"] != network.about.weights_digest:
            recorded = str(parameters["weights_digest"])[:64]
            raise WeightsMismatch("E469", found=network.about.weights_digest, expected=recorded)
        if not parameters["is_applied"]:
            return each_channel(volume, lambda array: array)
        sigma, stride = np.float32(parameters["sigma"]), int(parameters["stride"])

        def cleaned(array: Samples) -> Samples:
            out = np.empty(array.shape, np.float32)

            def clean(index: int, row: int, column: int) -> None:
                part = index, slice(row, None, stride), slice(column, None, stride)
                middle = np.median(array[part])
                out[part] = denoised(network, (array[part] - middle) / sigma) * sigma + middle

            grid = range(stride)
            in_threads(clean, [(index, row, column) for index in range(len(array)) for row in grid for column in grid])
            return out

        return each_channel(volume, cleaned)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was taken for noise is lost."""
        raise NotInvertible("E403", step=self.name)


def _noise_of(planes: Samples) -> tuple[int, float]:
    """Return the stride that suits the noise, and its standard deviation.

    With noise that neighbours hardly share, all neighbours are worth more than leaving every other out.
    """
    near, _, wide = noise_at_distances(planes)
    ratio = wide / near if near > 0 else 1.0
    stride = 1 if ratio < FINE else 2 if ratio < COARSE else LARGEST_STRIDE
    return stride, near if ratio < WHITE else wide


def _contrast_of(planes: Samples, sigma: float) -> float:
    """Return the range of the samples of a few slices without the outermost, and without what noise adds to it."""
    low, high = np.percentile(finite(some_slices(planes)), CONTRAST_PERCENTILES)
    return float(np.sqrt(max((high - low) ** 2 - (NOISE_RANGE * sigma) ** 2, 0.0)))
