"""Augmentation of a batch of pictures with their boxes: mirrored, enlarged, shifted, and lit otherwise.

Geometry stays parallel to the axes, so a box stays a box exactly. What is drawn is settled before anything is applied.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from hounsfield.train.turned import turned_grid

Probability = Annotated[float, Field(ge=0, le=1)]
Range = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


@dataclass(frozen=True)
class Objects:
    """The objects of one picture: boxes (n, 4) in pixels of the grid, labels (n,), and which are ignored (n,)."""

    boxes: Tensor
    labels: Tensor
    is_ignored: Tensor


@dataclass(frozen=True)
class Placement:
    """Where each picture comes to lie: out = scale x in + shift, (image, 2) for rows, columns; middle 0, edges 1."""

    scale: Tensor
    shift: Tensor


class BoxAugmentation(BaseModel):
    """How pictures and boxes are changed.

    Attributes:
        flip_probability: share mirrored left to right.
        upside_down_probability: share mirrored top to bottom.
        zoom: range of magnification, drawn evenly in its logarithm.
        stretch: largest natural logarithm of the stretch of columns against rows.
        shift_fraction: largest shift as a share of the side.
        gamma: range of exponents, drawn evenly in their logarithm.
        colour: largest change of the strength of each channel.
        brightness: largest shift of all samples.
        least_visible: share of a box that must stay in the picture for it to be looked for; below it, it is ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip_probability: Probability = 0.5
    upside_down_probability: Probability = 0.5
    zoom: Range = (0.75, 1.35)
    stretch: float = Field(0.1, ge=0, le=1)
    shift_fraction: float = Field(0.15, ge=0, le=0.5)
    gamma: Range = (0.75, 1.33)
    colour: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.08, ge=0, le=1)
    least_visible: float = Field(0.4, ge=0, le=1)

    def draw(self, count: int, generator: torch.Generator) -> Placement:
        """Draw where each picture comes to lie."""
        zoom = torch.exp(_even((count, 1), math.log(self.zoom[0]), math.log(self.zoom[1]), generator))
        stretch = torch.exp(_even((count, 1), -self.stretch / 2, self.stretch / 2, generator))
        odds = torch.tensor([self.upside_down_probability, self.flip_probability])
        mirror = 1 - 2 * (torch.rand(count, 2, generator=generator) < odds).float()
        shift = _even((count, 2), -2 * self.shift_fraction, 2 * self.shift_fraction, generator)
        return Placement(torch.cat([zoom / stretch, zoom * stretch], 1) * mirror, shift)

    def light(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply another exposure to pictures (image, channel, row, column) in 0..1."""
        count, channels = images.shape[:2]
        gamma = torch.exp(_even((count, 1, 1, 1), math.log(self.gamma[0]), math.log(self.gamma[1]), generator))
        gain = _even((count, channels, 1, 1), 1 - self.colour, 1 + self.colour, generator)
        offset = _even((count, 1, 1, 1), -self.brightness, self.brightness, generator)
        return (images.clamp(0, 1).pow(gamma) * gain + offset).clamp(0, 1)

    def place_objects(self, objects: Objects, scale: Tensor, shift: Tensor, shape: tuple[int, int]) -> Objects:
        """Move the boxes of one picture along, cut at its edges; those mostly outside are ignored or dropped."""
        half = torch.tensor(shape, dtype=torch.float32) / 2
        corners = objects.boxes.view(-1, 2, 2)
        moved = ((corners / half - 1) * scale + shift + 1) * half
        whole = torch.cat([moved.amin(1), moved.amax(1)], 1)
        kept = torch.minimum(whole.clamp(min=0), torch.cat([half, half]) * 2)
        seen = (kept[:, 2:] - kept[:, :2]).prod(1) / (whole[:, 2:] - whole[:, :2]).prod(1).clamp(min=1e-6)
        is_there = ((kept[:, 2:] - kept[:, :2]) >= 1).all(1)
        is_ignored = objects.is_ignored | (seen < self.least_visible)
        return Objects(kept[is_there], objects.labels[is_there], is_ignored[is_there])


def place_images(images: Tensor, placement: Placement) -> Tensor:
    """Sample pictures where they come to lie, linearly; beyond them lies 0."""
    count = len(images)
    matrix = torch.zeros(count, 2, 3)
    # the grid asks for columns first, and for the place in the source of each place of the result
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 / placement.scale[:, 1], 1 / placement.scale[:, 0]
    matrix[:, 0, 2] = -placement.shift[:, 1] / placement.scale[:, 1]
    matrix[:, 1, 2] = -placement.shift[:, 0] / placement.scale[:, 0]
    grid = turned_grid(matrix, *images.shape[-2:])
    return functional.grid_sample(images, grid, "bilinear", "zeros", align_corners=False)


def _even(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low
