"""Artefacts of X-rays: noise by dose, and the edges of the collimator."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from hounsfield.train.draws import Drawn, Kind, Probability, by_image, even, happens

Positive = Annotated[float, Field(gt=0)]


class DoseNoise(Kind):
    """Noise of counted photons: bright, dense places let few through and are noisier (Beer's law, Poisson counts).

    With n photons before the patient and a line integral of ``attenuation`` at white, a place of brightness v lets
    n exp(-attenuation v) through, so that the deviation of v is exp(attenuation v / 2) / (attenuation sqrt(n)).

    Attributes:
        probability: share of images with noise.
        photons: range of the photons of a pixel before the patient, drawn evenly in their logarithm.
        attenuation: line integral of the attenuation at white.
    """

    kind: Literal["dose-noise"] = "dose-noise"
    probability: Probability = 0.5
    photons: tuple[Positive, Positive] = (3e3, 1e5)
    attenuation: Positive = 4.0

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the dose of each image, and normal numbers for its pixels."""
        count = len(images)
        low, high = (torch.tensor(value).log() for value in self.photons)
        photons = torch.exp(even(count, float(low), float(high), generator))
        noise = torch.randn(images.shape, generator=generator)
        return {"noise": noise * by_image(happens(count, self.probability, generator)), "photons": photons}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Add the noise of each place."""
        scale = torch.exp(images * (self.attenuation / 2)) / self.attenuation
        return (images + drawn["noise"] * scale / by_image(drawn["photons"]).sqrt()).clamp(0, 1)


class Collimation(Kind):
    """Black edges, as the shutters of the collimator leave them.

    Attributes:
        probability: share of images with a shutter at a side; each side is drawn by itself.
        reach: furthest that a shutter comes in, as a share of the side.
    """

    kind: Literal["collimation"] = "collimation"
    probability: Probability = 0.1
    reach: Annotated[float, Field(ge=0, lt=0.5)] = 0.12

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw how far each shutter comes in (image, 4): from the top, the bottom, the left and the right."""
        count = 4 * len(images)
        reach = even(count, 0.0, self.reach, generator) * happens(count, self.probability, generator)
        return {"reach": reach.view(-1, 4)}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Write the shutters."""
        top, bottom, left, right = (by_image(side) for side in drawn["reach"].unbind(1))
        rows, columns = ((torch.arange(side) + 0.5) / side for side in images.shape[-2:])
        row, column = rows.view(1, 1, -1, 1), columns.view(1, 1, 1, -1)
        is_open = (row >= top) & (row <= 1 - bottom) & (column >= left) & (column <= 1 - right)
        return images * is_open
