"""Turned grids: those of torch's ``affine_grid``, made faster, and the places that they name by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from hounsfield.train.turned import centres, turned_grid

SHAPES = [(1, 1), (1, 7), (5, 3), (16, 16), (33, 20)]


def matrices(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 2, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize("count", [1, 4])
def test_a_grid_is_that_of_torch(rows: int, columns: int, count: int) -> None:
    wanted = functional.affine_grid(matrices(count), [count, 1, rows, columns], align_corners=False)
    torch.testing.assert_close(turned_grid(matrices(count), rows, columns), wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_samples_are_those_of_a_grid_that_lies_together_in_memory(method: str) -> None:
    images = torch.rand(3, 2, 12, 17, generator=torch.Generator().manual_seed(1))
    grid = turned_grid(matrices(3, 2), 12, 17)
    assert not grid.is_contiguous()
    own = functional.grid_sample(images, grid, method, align_corners=False)
    assert torch.equal(own, functional.grid_sample(images, grid.contiguous(), method, align_corners=False))


def test_centres_lie_half_a_pixel_inside_the_edges() -> None:
    np.testing.assert_allclose(centres(4), [-0.75, -0.25, 0.25, 0.75])
    assert centres(1).tolist() == [0.0]


@pytest.mark.parametrize("degrees", [0, 90, 180, 37])
def test_a_place_is_named_columns_first(degrees: float) -> None:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    grid = turned_grid(torch.tensor([[[cosine, -sine, 0.1], [sine, cosine, -0.2]]]), 6, 8)
    row, column = 4, 1
    y, x = (2 * row + 1) / 6 - 1, (2 * column + 1) / 8 - 1
    wanted = [cosine * x - sine * y + 0.1, sine * x + cosine * y - 0.2]
    np.testing.assert_allclose(grid[0, row, column], wanted, atol=1e-6)


def test_one_matrix_serves_whatever_is_added_to_it() -> None:
    still = turned_grid(torch.eye(2, 3)[None], 5, 4)
    assert still.shape == (1, 5, 4, 2)
    image = torch.rand(1, 1, 5, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(functional.grid_sample(image, still, align_corners=False), image, atol=1e-6, rtol=1e-6)
