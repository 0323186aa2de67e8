"""Non-local means as a plain function: each sample becomes the mean of those around it whose patches look alike.

Buades, Coll and Morel 2005 (doi:10.1137/040616024), with twice the noise variance taken off the distance of patches
(Buades 2011, doi:10.5201/ipol.2011.bcm_nlm). Patches are mirrored at the edge; partners lie inside the image.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_threads, spans
from hounsfield.core.volume import Samples
from hounsfield.prepare.taps import mirrored

TILE_SLICES, TILE_ROWS = 8, 32
"""Part of an image that one call of the kernel fills; its sums stay in the cache of the core."""


@dataclass(frozen=True)
class Likeness:
    """Which samples are compared, and how alike is alike.

    Attributes:
        patch_radius: of the patches, in slices, and in rows and columns; 0 slices compares within a slice.
        search_radius: of the samples that are looked at, in slices, and in rows and columns.
        h: distance of patches (root of the mean squared difference) at which the weight falls to 1/e.
        sigma: standard deviation of the noise; twice its square is taken off the squared distance.
        is_gaussian: patches weigh their centre more, by a Gaussian of a quarter of the width less one.
    """

    patch_radius: tuple[int, int]
    search_radius: tuple[int, int]
    h: float
    sigma: float = 0.0
    is_gaussian: bool = False


def non_local_means(volume: Samples, likeness: Likeness, out: npt.NDArray[np.float32], threads: int = 0) -> None:
    """Fill ``out`` with the non-local means of a (slice, row, column) array of finite samples.

    Threads share the image tile by tile; the result does not depend on their number. Beside the output, each thread
    holds one tile with its margins and the sum of its weights.

    Args:
        volume: (slice, row, column), any real type.
        likeness: what is compared.
        out: float32 of the same shape.
        threads: 0 takes the cores of this process.

    Example:
        >>> import numpy as np
        >>> image, out = np.ones((1, 8, 8), np.float32), np.empty((1, 8, 8), np.float32)
        >>> non_local_means(image, Likeness((0, 2), (0, 6), h=0.1), out)
        >>> bool(np.allclose(out, 1))
        True
    """
    slices = spans(volume.shape[0], -(-volume.shape[0] // (TILE_SLICES if likeness.search_radius[0] else 1)))
    rows = spans(volume.shape[1], -(-volume.shape[1] // TILE_ROWS))
    calls = [(volume, likeness, (*s, *r), out) for s in slices for r in rows]
    in_threads(_fill, calls, threads)


def _fill(volume: Samples, likeness: Likeness, part: tuple[int, int, int, int], out: npt.NDArray[np.float32]) -> None:
    """Fill the slices and rows of a part of the output."""
    from hounsfield.prepare.nlm_kernels import mean_of_alike

    margins = [patch + search for patch, search in zip(likeness.patch_radius, likeness.search_radius, strict=True)]
    s = mirrored(np.arange(part[0] - margins[0], part[1] + margins[0]), volume.shape[0])
    r = mirrored(np.arange(part[2] - margins[1], part[3] + margins[1]), volume.shape[1])
    c = mirrored(np.arange(-likeness.patch_radius[1], volume.shape[2] + likeness.patch_radius[1]), volume.shape[2])
    tile = volume[np.ix_(s, r, c)].astype(np.float32)
    box = np.array(
        [
            [first - at, first - at + size, first, first + length]
            for first, at, size, length in (
                (margins[0], part[0], volume.shape[0], part[1] - part[0]),
                (margins[1], part[2], volume.shape[1], part[3] - part[2]),
            )
        ],
        np.int64,
    )
    taps = (_taps(likeness.patch_radius[0], likeness), _taps(likeness.patch_radius[1], likeness))
    noise = np.array([2 * likeness.sigma**2, 1 / max(likeness.h, 1e-12) ** 2], np.float32)
    search = np.array(likeness.search_radius, np.int64)
    mean_of_alike(tile, taps, search, box, noise, out[part[0] : part[1], part[2] : part[3]])


def _taps(radius: int, likeness: Likeness) -> npt.NDArray[np.float32]:
    """Return the weights of a patch along one axis; their sum is 1."""
    steps = np.arange(-radius, radius + 1)
    width = max(radius / 2, 0.5)
    taps = np.exp(-(steps**2) / (2 * width**2)) if likeness.is_gaussian else np.ones(steps.size)
    return np.asarray(taps / taps.sum(), dtype=np.float32)
