"""Elastic deformation: images and masks are bent by one smooth field of displacements, a cubic B-spline."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hounsfield.train.draws import Drawn, Kind, Probability, even
from hounsfield.train.turned import turned_grid

LARGEST_SHARE = 0.4
"""Displacement divided by the spacing of control points; below 0.48 a cubic B-spline does not fold (Choi 2000)."""


class Elastic(Kind):
    """Bend some images by a smooth field, the same for every channel and slice of an image (Rueckert 1999).

    Attributes:
        probability: share of images that are bent.
        spans: spans of the spline along a side; more make finer waves.
        strength: largest displacement of a control point as a share of a span; ``LARGEST_SHARE`` at most.
        outside: what lies outside the image: ``zeros``, or the ``border`` continued.
    """

    kind: Literal["elastic"] = "elastic"
    probability: Probability = 0.3
    spans: Annotated[int, Field(ge=1, le=32)] = 4
    strength: Annotated[float, Field(ge=0, le=LARGEST_SHARE)] = 0.25
    outside: Literal["zeros", "border"] = "border"

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the control points (image, 2, row, column): displacements along columns, then rows, in spans."""
        count, points = len(images), self.spans + 3
        size = even(count, 0.0, self.strength, generator) * (torch.rand(count, generator=generator) < self.probability)
        shape = (count, 2, points, points)
        return {"points": (2 * torch.rand(shape, generator=generator) - 1) * size.view(-1, 1, 1, 1)}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Sample each image on its bent grid, linearly."""
        return self._sampled(images, drawn, "bilinear")

    def apply_to_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        """Sample masks (image, slice, row, column) of integers on the same grids, each place its nearest label."""
        return self._sampled(masks.float(), drawn, "nearest").to(masks.dtype)

    def _sampled(self, images: Tensor, drawn: Drawn, method: str) -> Tensor:
        is_bent = drawn["points"].flatten(1).any(1)
        if not bool(is_bent.any()):
            return images
        picked, points = images[is_bent], drawn["points"][is_bent]
        rows, columns = picked.shape[-2:]
        changed = images.clone()
        moved = turned_grid(torch.eye(2, 3)[None], rows, columns)
        moved = moved + displacement(points, rows, columns).permute(0, 2, 3, 1) * (2 / self.spans)
        changed[is_bent] = functional.grid_sample(picked, moved, method, self.outside, align_corners=False)
        return changed


def displacement(points: Tensor, rows: int, columns: int) -> Tensor:
    """Return the cubic B-spline field (image, 2, row, column) of control points (image, 2, n + 3, n + 3).

    It lies within the range of the control points, as the weights of a place are positive and add up to one.
    """
    down, across = (_weights(count, points.shape[-1] - 3) for count in (rows, columns))
    return down @ points @ across.T


def _weights(count: int, spans: int) -> Tensor:
    """Return the weights (place, control point) of a uniform cubic B-spline at the centres of ``count`` pixels."""
    place = (torch.arange(count, dtype=torch.float64) + 0.5) * (spans / count)
    first = place.floor().clamp(max=spans - 1)
    t = place - first
    basis = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    weights = torch.zeros(count, spans + 3, dtype=torch.float64)
    for offset, values in enumerate(basis):
        weights[torch.arange(count), first.long() + offset] = values / 6
    return weights.float()
