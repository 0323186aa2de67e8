"""Turned grids: where each place of a batch is sampled from, for matrices in normalised coordinates."""

import torch
from torch import Tensor


def turned_grid(matrices: Tensor, rows: int, columns: int) -> Tensor:
    """Return the grids (image, row, column, 2) of matrices (image, 2, 3), as ``affine_grid`` of torch without corners.

    A place is moved by what its row gives plus what its column gives: two sums a place. ``affine_grid`` multiplies a
    matrix for every place, which takes ten times as long and more than the sampling itself. Columns, then rows, each
    -1..1 between the outer edges of the image; the two lie apart in memory, as they are made and read.
    """
    across = matrices[:, :, 0, None] * centres(columns)
    down = matrices[:, :, 1, None] * centres(rows) + matrices[:, :, 2, None]
    return (down[:, :, :, None] + across[:, :, None, :]).permute(0, 2, 3, 1)


def centres(count: int) -> Tensor:
    """Return the centres of pixels along a side whose edges are at -1 and 1."""
    return (2 * torch.arange(count, dtype=torch.float32) + 1) / count - 1
