"""Measures of masks beside their peers: labelled components, and overlap with surface distances, on 300 x 512 x 512."""

import numpy as np
import numpy.typing as npt

from benchmarks.side_by_side import Row, Subject, measure, show
from hounsfield.metrics.components import label_components
from hounsfield.metrics.distances import directed_hausdorff_mm, pooled_surface_distance_mm
from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score
from hounsfield.metrics.surface import surface_distances

Mask = npt.NDArray[np.bool_]

SHAPE = (300, 512, 512)
SPACING = (1.25, 0.7, 0.7)
CONNECTIVITY = 26


def nodules(count: int, seed: int, shift: int = 0) -> Mask:
    """Return spheres of 4 to 15 mm; a shift moves and grows each a little, as a second reader does."""
    chance = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.bool_)
    for _ in range(count):
        centre = chance.uniform((30, 60, 60), (270, 450, 450)) + shift * chance.uniform(-2, 2, 3)
        _draw(mask, centre, np.full(3, chance.uniform(2, 7.5) + 0.4 * shift) / SPACING)
    return mask


def lungs(shift: int = 0) -> Mask:
    """Return two large ellipsoids; a shift moves and grows them."""
    mask = np.zeros(SHAPE, np.bool_)
    for column in (160, 350):
        centre = np.array((150.0, 256.0, column)) + shift * np.array((1.0, 2.0, -1.0))
        _draw(mask, centre, np.array((120.0, 140.0, 75.0)) + shift * 2)
    return mask


def _draw(mask: Mask, centre: npt.NDArray[np.float64], radii: npt.NDArray[np.float64]) -> None:
    low = np.maximum(np.floor(centre - radii).astype(int), 0)
    high = np.minimum(np.ceil(centre + radii).astype(int) + 1, mask.shape)
    part = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    axes = np.ogrid[part]
    squares = [((axis - at) / radius) ** 2 for axis, at, radius in zip(axes, centre, radii, strict=True)]
    mask[part] |= squares[0] + squares[1] + squares[2] <= 1


def _labels(mask: Mask, rounds: int) -> list[Row]:
    import cc3d

    def ours() -> object:
        return label_components(mask, CONNECTIVITY).voxels.size

    def by_cc3d() -> object:
        labels, count = cc3d.connected_components(mask, connectivity=CONNECTIVITY, return_N=True)
        cc3d.statistics(labels)
        return count

    return measure([Subject("hounsfield", ours), Subject("cc3d with statistics", by_cc3d)], rounds)


def _distances(first: Mask, second: Mask, rounds: int) -> list[Row]:
    import torch
    from monai.metrics import DiceMetric, compute_average_surface_distance, compute_hausdorff_distance

    one, two = (torch.from_numpy(mask)[None, None] for mask in (first, second))

    def ours() -> object:
        pair = pair_masks(first, second)
        found = surface_distances(pair, SPACING)
        return dice_score(pair), directed_hausdorff_mm(found), pooled_surface_distance_mm(found)

    def by_monai() -> object:
        options = {"include_background": True, "spacing": list(SPACING)}
        return (
            DiceMetric()(one, two),
            compute_hausdorff_distance(one, two, percentile=95, **options),
            compute_average_surface_distance(one, two, symmetric=True, **options),
        )

    return measure([Subject("hounsfield", ours), Subject("MONAI", by_monai)], rounds)


def measure_measuring(rounds: int) -> dict[str, list[Row]]:
    """Return a table for each job; the first row of each is ours."""
    return {
        "labels, volume, box, centroid: 60 nodules": _labels(nodules(60, 1), rounds),
        "labels, volume, box, centroid: lungs": _labels(lungs(), rounds),
        "Dice, HD95, ASSD: 10 nodules": _distances(nodules(10, 2), nodules(10, 2, 1), rounds),
        "Dice, HD95, ASSD: lungs": _distances(lungs(), lungs(1), rounds),
    }


if __name__ == "__main__":
    for title, rows in measure_measuring(3).items():
        show(title, rows)
