"""Draws: what every kind of augmentation of batches is made of, strict settings and numbers drawn for each image."""

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Drawn = dict[str, Tensor]
Range = tuple[float, float]
Probability = Annotated[float, Field(ge=0, le=1)]


class Kind(BaseModel):
    """Settings of a kind of augmentation; a misspelt one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def even(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Return numbers (image,) drawn evenly between two ends."""
    return torch.rand(count, generator=generator) * (high - low) + low


def happens(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Return 1 for the images (image,) in which something happens, 0 for the others."""
    return (torch.rand(count, generator=generator) < probability).float()


def either_sign(count: int, generator: torch.Generator) -> Tensor:
    """Return 1 or -1 for each image (image,), as often."""
    return 1 - 2 * happens(count, 0.5, generator)


def by_image(values: Tensor) -> Tensor:
    """Return numbers (image,) shaped to be multiplied with images (image, channel, row, column)."""
    return values.view(-1, 1, 1, 1)
