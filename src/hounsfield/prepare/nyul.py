"""Nyul: bring the grey values of MR scans to a learnt standard scale, after Nyúl, Udupa and Zhang (2000).

Landmarks are percentiles of the samples of the foreground. Learning maps each scan linearly so that its first and last
landmark meet 0 and 100, and takes the mean of every landmark; a scan is then mapped piecewise linearly from its own
landmarks to those means (IEEE Trans Med Imaging 19:143; the foreground is what exceeds the mean, as there).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.step import STRICT, Parameters

DECILES = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)
"""The landmarks of the second method of the article, with ends that leave out 1 % at each side."""

SCALE = (0.0, 100.0)
"""Where the first and the last landmark lie on the standard scale."""

Floats = npt.NDArray[np.float64]
Percentage = Annotated[float, Field(ge=0, le=100)]
Landmarks = Annotated[list[float], Field(min_length=2, max_length=101)]


@dataclass(frozen=True, config=STRICT)
class Nyul:
    """Map the landmarks of a scan to those of a standard, piecewise linearly; beyond the ends the last slope goes on.

    Nothing is clipped and the order of values is kept, so it is undone up to rounding; but distances between values
    change, so the volume counts as enhanced.

    Attributes:
        landmarks: the standard, rising; ``learn_standard`` makes it. On the command line ``standard=PATH`` takes both
            lists from the JSON file of a standard.
        percentiles: of the foreground that the landmarks belong to.
        above: the foreground is what exceeds this value; None takes the mean of the finite samples.
    """

    name: ClassVar[str] = "nyul"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    landmarks: Landmarks
    percentiles: Annotated[list[Percentage], Field(min_length=2, max_length=101)] = Field(
        default_factory=lambda: list(DECILES)
    )
    above: float | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "Nyul":
        if len(self.landmarks) != len(self.percentiles):
            raise ValueError("there must be one landmark for each percentile")
        if min(np.diff(self.landmarks)) <= 0 or min(np.diff(self.percentiles)) <= 0:
            raise ValueError("landmarks and percentiles must rise")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the standard as JSON text; ``read_standard`` reads it back unchanged."""
        return json.dumps(self.settings(), indent=1)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the landmarks of the volume; those that fall together with the one before are left out.

        Raises:
            PrepareError: ``E446``, the foreground has no contrast.
        """
        found = _landmarks(volume, self.percentiles, self.above)
        kept = [0, *(index for index in range(1, len(found)) if found[index] > found[:index].max())]
        return {
            "from": [float(found[index]) for index in kept],
            "to": [self.landmarks[index] for index in kept],
            "quantity": volume.quantity.name.lower(),
        }

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Map to the standard scale, float32."""
        array = _mapped(volume, parameters["from"], parameters["to"])
        return volume.with_array(array, quantity=Quantity.ARBITRARY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Map back."""
        array = _mapped(volume, parameters["to"], parameters["from"])
        return volume.with_array(array, quantity=Quantity.named(parameters["quantity"]), presentation=Presentation())


def learn_standard(
    volumes: Iterable[Volume], percentiles: Sequence[float] = DECILES, above: float | None = None
) -> Nyul:
    """Learn a standard from scans of one protocol and body part, one at a time, and return the step that applies it.

    Args:
        volumes: at least one.
        percentiles: rising, of the foreground.
        above: the foreground is what exceeds this value; None takes the mean of each scan.

    Raises:
        PrepareError: ``E446``, there is no scan, or the foreground of one has no contrast.

    Example:
        >>> from hounsfield.core.geometry import VolumeGeometry
        >>> ramp = np.arange(1000.0, dtype=np.float32).reshape(1, 1, 1000)
        >>> scan = Volume(ramp, VolumeGeometry((1, 1, 1000)), Quantity.ARBITRARY)
        >>> learn_standard([scan], percentiles=(0, 50, 100), above=-1).landmarks
        [0.0, 50.0, 100.0]
    """
    low, high = SCALE
    total, count = np.zeros(len(percentiles)), 0
    for volume in volumes:
        found = _landmarks(volume, percentiles, above)
        total += low + (found - found[0]) * ((high - low) / (found[-1] - found[0]))
        count += 1
    if not count:
        raise PrepareError("E446", step=Nyul.name)
    mean = total / count
    if min(np.diff(mean)) <= 0:
        raise PrepareError("E446", step=Nyul.name)
    return Nyul([float(value) for value in mean], [float(value) for value in percentiles], above)


def read_standard(text: str) -> Nyul:
    """Read a standard that ``Nyul.to_json`` wrote.

    Raises:
        PrepareError: ``E447``, it is none.
    """
    try:
        return Nyul(**json.loads(text))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise PrepareError("E447", step=Nyul.name, found=str(error).split("\n")[0][:120]) from error


def _landmarks(volume: Volume, percentiles: Sequence[float], above: float | None) -> Floats:
    samples = volume.array[np.isfinite(volume.array)].astype(np.float64)
    if not samples.size:
        raise PrepareError("E446", step=Nyul.name)
    samples = samples[samples > (samples.mean() if above is None else above)]
    if not samples.size:
        raise PrepareError("E446", step=Nyul.name)
    found: Floats = np.percentile(samples, percentiles)
    if found[-1] <= found[0]:
        raise PrepareError("E446", step=Nyul.name)
    return found


def _mapped(volume: Volume, source: Sequence[float], target: Sequence[float]) -> npt.NDArray[np.float32]:
    """Return the samples on another scale, slice by slice, so that a long stack takes little memory."""
    x, y = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    slopes = np.diff(y) / np.diff(x)
    out = np.empty(volume.array.shape, dtype=np.float32)
    for index in range(volume.geometry.shape[0]):
        samples = volume.array[..., index, :, :].astype(np.float64)
        below, beyond = np.minimum(samples - x[0], 0), np.maximum(samples - x[-1], 0)
        out[..., index, :, :] = np.interp(samples, x, y) + slopes[0] * below + slopes[-1] * beyond
    return out
