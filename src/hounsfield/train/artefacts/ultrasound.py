"""Artefacts of ultrasound: speckle, the shadow behind what sound does not pass, and gain that is wrong for a depth."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hounsfield.train.draws import Drawn, Kind, Probability, Range, by_image, even, happens

SOFT_EDGE = 0.15
"""Share of the width of a shadow over which each of its sides fades."""


class Speckle(Kind):
    """Multiply by 1 + noise whose grains are some pixels wide (Loupas 1989).

    Attributes:
        probability: share of images with speckle.
        deviation: range of the deviation of the noise.
        grain_pixels: side of a grain.
    """

    kind: Literal["speckle"] = "speckle"
    probability: Probability = 0.5
    deviation: Range = (0.05, 0.25)
    grain_pixels: Annotated[int, Field(ge=1, le=16)] = 2

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the noise: means over squares of independent numbers, brought back to their deviation."""
        count, grain = len(images), self.grain_pixels
        size = even(count, *self.deviation, generator) * happens(count, self.probability, generator)
        rows, columns = (side + grain - 1 for side in images.shape[-2:])
        noise = torch.randn(count, 1, rows, columns, generator=generator)
        return {"noise": functional.avg_pool2d(noise, grain, stride=1) * grain * by_image(size)}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Multiply; what is black stays black."""
        return (images * (1 + drawn["noise"])).clamp(0, 1)


class Shadow(Kind):
    """Darken a sector below a depth, as bone, stones and gas do; its sides are rays from where the beams start.

    Attributes:
        probability: share of images with a shadow.
        strength: range of the share of the signal that is lost, at most all of it.
        width: range of the width at the bottom of the image, as a share of its columns.
        depth: range of the depth from which it is dark, as a share of the rows.
        apex: range of how far above the image the rays meet, in rows of the image; large values are a linear probe.
    """

    kind: Literal["shadow"] = "shadow"
    probability: Probability = 0.2
    strength: tuple[Probability, Probability] = (0.4, 0.9)
    width: Range = (0.06, 0.25)
    depth: Range = (0.1, 0.7)
    apex: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (0.2, 3.0)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the sector of each image."""
        count = len(images)
        return {
            "strength": even(count, *self.strength, generator) * happens(count, self.probability, generator),
            "width": even(count, *self.width, generator),
            "depth": even(count, *self.depth, generator),
            "apex": even(count, *self.apex, generator),
            "place": even(count, -0.5, 0.5, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Multiply inside the sector; its two sides fade over ``SOFT_EDGE`` of its width."""
        if not bool((drawn["strength"] > 0).any()):
            return images
        rows, columns = (((torch.arange(side) + 0.5) / side) for side in images.shape[-2:])
        row, column = rows.view(1, 1, -1, 1), columns.view(1, 1, 1, -1) - 0.5
        apex, half = by_image(drawn["apex"]), by_image(drawn["width"]) / 2
        # where the ray through a place meets the bottom of the image
        at_bottom = column * (1 + apex) / (row + apex)
        within = (half - (at_bottom - by_image(drawn["place"])).abs()) / (2 * half * SOFT_EDGE)
        inside = within.clamp(0, 1) * (row >= by_image(drawn["depth"]))
        return images * (1 - by_image(drawn["strength"]) * inside)


class DepthGain(Kind):
    """Brighten or darken with depth: on a display of decibels, attenuation that is not made up for is a straight line.

    Black stays black, so the ground around the fan does.

    Attributes:
        probability: share of images that are changed.
        gain: largest change of the brightness of the whole image.
        slope: largest change from the top to the bottom.
    """

    kind: Literal["depth-gain"] = "depth-gain"
    probability: Probability = 0.5
    gain: Annotated[float, Field(ge=0, le=1)] = 0.1
    slope: Annotated[float, Field(ge=0, le=1)] = 0.3

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw gain and slope of each image."""
        count = len(images)
        is_changed = happens(count, self.probability, generator)
        return {
            "gain": even(count, -self.gain, self.gain, generator) * is_changed,
            "slope": even(count, -self.slope, self.slope, generator) * is_changed,
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Add a straight line down the rows, 0 in the middle apart from the gain."""
        rows = images.shape[-2]
        depth = ((torch.arange(rows) + 0.5) / rows - 0.5).view(1, 1, -1, 1)
        added = by_image(drawn["gain"]) + by_image(drawn["slope"]) * depth
        return torch.where(images > 0, (images + added).clamp(0, 1), images)
