"""Copying: whether synthetic images are nearer to the images that were learned from than unseen real ones are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom, mannwhitneyu

from hounsfield.metrics.weights import Floats

NEIGHBOURS = 10
"""Further neighbours that the nearest one is compared with."""
TAIL = 0.05
PERMUTATIONS = 2000
LEVEL = 0.01
"""Below it, adjusted for the two tests that decide, images count as copied."""
_MOST_ELEMENTS = 4_000_000
"""Distances that are held at once."""
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copying:
    """What the nearest training images of synthetic images tell.

    Attributes:
        distances: of each synthetic image to its nearest training image.
        nearest: index of that image.
        held_out_distances: of each unseen real image to its nearest training image.
        relative: ``distances`` divided by the mean distance of the next neighbours; near 0 for a copy.
        held_out_relative: the same of the unseen real images.
        nearer_p: of synthetic images being nearer than unseen ones by rank (Mann-Whitney, one-sided; Meehan 2020). Low
            for copies, and for images that are merely smoother than real ones: it is shown and does not decide.
        relative_p: of so many synthetic images among the least ``TAIL`` of all relative distances (hypergeometric).
        drawn_p: of so many synthetic images whose nearest real image is one of training, not an unseen one
            (permutation of which real images were learned from).
        drawn_share: share of synthetic images whose nearest real image is one of training.
        expected_share: what it is without copying: the training images among the real ones.
    """

    distances: Doubles
    nearest: Indices
    held_out_distances: Doubles
    relative: Doubles
    held_out_relative: Doubles
    nearer_p: float
    relative_p: float
    drawn_p: float
    drawn_share: float
    expected_share: float

    @property
    def is_copying(self) -> bool:
        """Whether images of training come back: by either deciding test, adjusted for there being two."""
        return 2 * min(self.relative_p, self.drawn_p) < LEVEL

    def closest(self, count: int) -> tuple[tuple[int, int], ...]:
        """Return the synthetic images with the least relative distance, each with its nearest training image."""
        order = np.argsort(self.relative, kind="stable")[:count]
        return tuple((int(index), int(self.nearest[index])) for index in order)


def copying(training: Floats, held_out: Floats, synthetic: Floats, seed: int = 0) -> Copying:
    """Compare synthetic images with the training images, as unseen real images are compared with them.

    The distance is Euclidean between vectors (image, value): samples, or features. A copy has one neighbour that is
    nearer than the next ones by far (Carlini 2023, section 4.2), and training images draw synthetic ones to them more
    than unseen images of the same source do.

    Args:
        training: (image, value) what the generator learned from, at least two images.
        held_out: (image, value) real images it never saw.
        synthetic: (image, value) what it made.
        seed: of the permutations.
    """
    # about their middle, as squares of values far from 0 leave no digits for the distances
    middle = np.mean(training, axis=0, dtype=np.float64)
    known, unseen, made = (np.asarray(item, dtype=np.float64) - middle for item in (training, held_out, synthetic))
    distances, relative, nearest = _nearest(known, made)
    held_distances, held_relative, _ = _nearest(known, unseen)
    to_unseen, _, nearest_unseen = _nearest(unseen, made)
    is_drawn = distances <= to_unseen
    return Copying(
        distances,
        nearest,
        held_distances,
        relative,
        held_relative,
        nearer_p=float(mannwhitneyu(distances, held_distances, alternative="less").pvalue),
        relative_p=_tail_p(relative, held_relative),
        drawn_p=_drawn_p(np.where(is_drawn, nearest, len(known) + nearest_unseen), len(known), len(unseen), seed),
        drawn_share=float(is_drawn.mean()),
        expected_share=len(known) / (len(known) + len(unseen)),
    )


def _nearest(known: Doubles, items: Doubles) -> tuple[Doubles, Doubles, Indices]:
    """Return distance, relative distance and index of the nearest neighbour of each item, a block of them at a time."""
    count = min(NEIGHBOURS + 1, len(known))
    lengths = (known**2).sum(1)
    rows = []
    for block in np.array_split(items, -(-len(items) * len(known) // _MOST_ELEMENTS)):
        squares = (block**2).sum(1)[:, None] + lengths[None] - 2 * block @ known.T
        near = np.argpartition(squares, count - 1, axis=1)[:, :count]
        found = np.sqrt(np.clip(np.take_along_axis(squares, near, 1), 0, None))
        order = np.argsort(found, axis=1, kind="stable")
        rows.append((np.take_along_axis(found, order, 1), np.take_along_axis(near, order, 1)[:, 0]))
    distances, nearest = (np.concatenate(part) for part in zip(*rows, strict=True))
    rest = np.maximum(distances[:, 1:].mean(1), np.finfo(np.float64).tiny)
    return distances[:, 0], distances[:, 0] / rest, nearest.astype(np.int64)


def _tail_p(relative: Doubles, held_out: Doubles) -> float:
    """Return how probable so many synthetic images in the tail are, were they drawn like the unseen ones."""
    pooled = np.concatenate([relative, held_out])
    count = max(1, round(TAIL * len(pooled)))
    tail = np.argsort(pooled, kind="stable")[:count]
    found = int((tail < len(relative)).sum())
    return float(hypergeom.sf(found - 1, len(pooled), len(relative), count))


def _drawn_p(nearest: Indices, training: int, held_out: int, seed: int) -> float:
    """Return how often as many synthetic images have their nearest among training when the names of parts are mixed."""
    hits = np.bincount(nearest, minlength=training + held_out)
    observed = int(hits[:training].sum())
    chance = np.random.default_rng(seed)
    sums = np.array([hits[chance.permutation(len(hits))[:training]].sum() for _ in range(PERMUTATIONS)])
    return float((1 + (sums >= observed).sum()) / (1 + PERMUTATIONS))
