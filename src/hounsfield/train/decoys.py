"""Decoys: images broken so that nothing of their kind is left in them, taught as a class of unknown things.

Two ways, drawn for each image: its tiles are shuffled, or a small part of it is enlarged to the whole. A network that
tells kinds of image apart then has to look at the whole of an image, not at its texture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.train.plan import DecoyPlan
from hounsfield.train.turned import turned_grid


@torch.no_grad()
def break_some(
    images: Tensor, labels: Tensor, plan: DecoyPlan, class_names: Sequence[str], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return a batch in which some images are broken and carry the label of the decoys.

    Args:
        images: (image, channel, row, column).
        labels: (image,).
        plan: how many, and which classes are spared.
        class_names: what labels count.
        generator: of every drawn number.
    """
    decoy = class_names.index(plan.as_class)
    spared = torch.tensor([decoy, *(class_names.index(name) for name in plan.spared)])
    is_drawn = torch.rand(len(images), generator=generator) < plan.probability
    chosen = torch.nonzero(is_drawn & ~torch.isin(labels, spared)).flatten()
    if not len(chosen):
        return images, labels
    images, labels = images.clone(), labels.clone()
    labels[chosen] = decoy
    half = len(chosen) // 2
    tiles = int(torch.randint(plan.tiles[0], plan.tiles[1] + 1, (1,), generator=generator))
    if half:
        images[chosen[:half]] = shuffle_tiles(images[chosen[:half]], tiles, generator)
    images[chosen[half:]] = enlarge_part(images[chosen[half:]], plan.part, generator)
    return images, labels


def shuffle_tiles(images: Tensor, tiles: int, generator: torch.Generator) -> Tensor:
    """Return images cut into ``tiles`` x ``tiles`` tiles, put together in another order, the same for the batch."""
    count, channels, rows, columns = images.shape
    height, width = rows // tiles, columns // tiles
    cut = images[:, :, : height * tiles, : width * tiles].reshape(count, channels, tiles, height, tiles, width)
    cut = cut.permute(0, 1, 2, 4, 3, 5).reshape(count, channels, tiles * tiles, height, width)
    cut = cut[:, :, torch.randperm(tiles * tiles, generator=generator)]
    cut = cut.view(count, channels, tiles, tiles, height, width).permute(0, 1, 2, 4, 3, 5)
    whole = cut.reshape(count, channels, height * tiles, width * tiles)
    return functional.interpolate(whole, (rows, columns), mode="bilinear", align_corners=False)


def enlarge_part(images: Tensor, part: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Return a drawn part of each image, of a share of its sides, enlarged to the whole."""
    count = len(images)
    share = torch.rand(count, generator=generator) * (part[1] - part[0]) + part[0]
    centre = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - share)[:, None] * 0.8
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = share
    matrix[:, :, 2] = centre
    grid = turned_grid(matrix, *images.shape[-2:])
    return functional.grid_sample(images, grid, align_corners=False)
