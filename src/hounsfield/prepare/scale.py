"""Scaling of samples: percentile-scale, window, rescale and z-score."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Samples, Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.statistics import robust_samples
from hounsfield.prepare.step import STRICT, Parameters

Over = Literal["slice", "volume"]
Percentage = Annotated[float, Field(ge=0, le=100)]


@dataclass(frozen=True, config=STRICT)
class PercentileScale:
    """Map the low and high percentile of each slice, or of the volume, to 0 and 1, and clip.

    The percentiles are of ``statistics.robust_samples``: flat edges and burned-in markers do not count. A slice without
    any contrast becomes 0.

    Attributes:
        low_percentile: becomes 0.
        high_percentile: becomes 1.
        over: ``slice``: each has its own, as each image had in training; ``volume``: all have those of the samples of
            all slices together, so that slices stay comparable.
    """

    name: ClassVar[str] = "percentile-scale"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    low_percentile: Percentage = 0.5
    high_percentile: Percentage = 99.5
    over: Over = "slice"

    @model_validator(mode="after")
    def _check_order(self) -> "PercentileScale":
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the two levels for each slice.

        Raises:
            PrepareError: ``E405``, a slice, or the volume, has no finite sample.
        """
        count = volume.geometry.shape[0]
        planes = [volume.array[..., index, :, :] for index in range(count)]
        if self.over == "volume":
            levels = [self._levels(np.concatenate([robust_samples(plane) for plane in planes]), 0)] * count
        else:
            levels = [self._levels(robust_samples(plane), index) for index, plane in enumerate(planes)]
        return {"low": [low for low, _ in levels], "high": [high for _, high in levels]}

    def _levels(self, samples: npt.NDArray[np.float32], index: int) -> tuple[float, float]:
        if not samples.size:
            raise PrepareError("E405", step=self.name, slice_index=index)
        low, high = np.percentile(samples, [self.low_percentile, self.high_percentile])
        return float(low), float(high)

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Scale and clip to 0..1, float32."""
        low = per_slice(parameters["low"], volume, self.name)
        width = per_slice(parameters["high"], volume, self.name) - low
        return _mapped(volume, low, np.where(width > 0, width, np.inf), Quantity.DISPLAY, is_clipped=True)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was clipped is lost."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class Window:
    """Show a window of the quantity as 0..1, and clip (LINEAR_EXACT, PS3.3 C.11.2.1.3.2).

    Attributes:
        center: value shown as half.
        width: from the value shown as 0 to the one shown as 1.
    """

    name: ClassVar[str] = "window"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    center: float
    width: Annotated[float, Field(gt=0)]

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the window."""
        return {"center": self.center, "width": self.width}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Scale and clip to 0..1, float32."""
        low = parameters["center"] - parameters["width"] / 2
        return _mapped(volume, low, parameters["width"], Quantity.DISPLAY, is_clipped=True)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was clipped is lost."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class Rescale:
    """Map ``minimum`` to 0 and ``maximum`` to 1 without clipping; undone up to float32 rounding.

    Attributes:
        minimum: what becomes 0.
        maximum: what becomes 1.
    """

    name: ClassVar[str] = "rescale"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = False

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _check_order(self) -> "Rescale":
        if self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the range and the quantity to come back to."""
        return {"minimum": self.minimum, "maximum": self.maximum, "quantity": volume.quantity.name.lower()}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Scale, float32."""
        is_display = volume.quantity is Quantity.DISPLAY
        quantity = Quantity.DISPLAY if is_display else Quantity.ARBITRARY
        return _mapped(volume, parameters["minimum"], parameters["maximum"] - parameters["minimum"], quantity)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Scale back."""
        low, width = parameters["minimum"], parameters["maximum"] - parameters["minimum"]
        return _mapped(volume, -low / width, 1 / width, Quantity.named(parameters["quantity"]))


@dataclass(frozen=True, config=STRICT)
class ZScore:
    """Take a mean off and divide by a standard deviation (of the finite samples, n in the divisor).

    A slice without any contrast becomes 0; any other is undone up to float32 rounding.

    Attributes:
        over: ``slice``: each has its own mean and deviation; ``volume``: all have those of all slices together.
        above: only samples above this value count for them, such as 0 to leave the background of MR out; None takes
            all.
    """

    name: ClassVar[str] = "z-score"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = False

    over: Over = "slice"
    above: float | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the mean and deviation for each slice.

        Raises:
            PrepareError: ``E405``, a slice, or the volume, has no finite sample that counts.
        """
        count = volume.geometry.shape[0]
        if self.over == "volume":
            moments = [self._moments(volume.array, 0)] * count
        else:
            moments = [self._moments(volume.array[..., index, :, :], index) for index in range(count)]
        return {
            "mean": [mean for mean, _ in moments],
            "deviation": [deviation for _, deviation in moments],
            "quantity": volume.quantity.name.lower(),
        }

    def _moments(self, array: Samples, index: int) -> tuple[float, float]:
        counts = np.isfinite(array) if self.above is None else np.isfinite(array) & (array > self.above)
        samples = array[counts].astype(np.float64)
        if not samples.size:
            raise PrepareError("E405", step=self.name, slice_index=index)
        return float(samples.mean()), float(samples.std()) if np.ptp(samples) > 0 else 0.0

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Standardise, float32."""
        mean = per_slice(parameters["mean"], volume, self.name)
        deviation = per_slice(parameters["deviation"], volume, self.name)
        return _mapped(volume, mean, np.where(deviation > 0, deviation, np.inf), Quantity.ARBITRARY)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Scale back."""
        mean = per_slice(parameters["mean"], volume, self.name)
        deviation = per_slice(parameters["deviation"], volume, self.name)
        out = np.empty(volume.array.shape, dtype=np.float32)
        for index in range(volume.geometry.shape[0]):
            out[..., index, :, :] = volume.array[..., index, :, :].astype(np.float64) * deviation[index] + mean[index]
        return _with_samples(volume, out, Quantity.named(parameters["quantity"]))


def _mapped(
    volume: Volume, low: npt.ArrayLike, width: npt.ArrayLike, quantity: Quantity, is_clipped: bool = False
) -> Volume:
    """Return (sample - low) / width, float32; computed in float64 slice by slice, so a long stack takes little memory.

    ``low`` and ``width`` are one value, or one a slice.
    """
    slices = volume.geometry.shape[0]
    lows = np.broadcast_to(np.asarray(low, dtype=np.float64), slices)
    widths = np.broadcast_to(np.asarray(width, dtype=np.float64), slices)
    out = np.empty(volume.array.shape, dtype=np.float32)
    for index in range(slices):
        scaled = (volume.array[..., index, :, :].astype(np.float64) - lows[index]) / widths[index]
        out[..., index, :, :] = np.clip(scaled, 0, 1) if is_clipped else scaled
    return _with_samples(volume, out, quantity)


def slice_ranges(volume: Volume, step: str) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest finite sample of each slice.

    Raises:
        PrepareError: ``E405``, a slice has no finite sample.
    """
    lows, highs = [], []
    for index in range(volume.geometry.shape[0]):
        samples = volume.array[..., index, :, :]
        if samples.dtype.kind == "f":
            samples = samples[np.isfinite(samples)]
        if not samples.size:
            raise PrepareError("E405", step=step, slice_index=index)
        lows.append(float(samples.min()))
        highs.append(float(samples.max()))
    return lows, highs


def per_slice(values: Sequence[float], volume: Volume, step: str) -> npt.NDArray[np.float64]:
    """Return the recorded values, one a slice."""
    if len(values) != volume.geometry.shape[0]:
        raise PrepareError("E406", step=step, found=volume.geometry.shape[0], expected=len(values))
    return np.asarray(values, dtype=np.float64)


def _with_samples(volume: Volume, samples: Samples, quantity: Quantity) -> Volume:
    return volume.with_array(samples, quantity=quantity, presentation=Presentation())
