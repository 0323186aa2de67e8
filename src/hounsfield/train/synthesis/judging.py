"""Judging: what synthetic images are worth beside real ones that the generator never saw, and whether it copies."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.metrics.copying import Copying, copying
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.synthesis import frechet_distance_interval, kernel_distance_interval, manifolds
from hounsfield.model.generator import Generator, Images
from hounsfield.train.assess import Assessment
from hounsfield.train.parts import Part, Parts
from hounsfield.train.synthesis.space import FeatureSpace

MOST_JUDGED = 500
"""Real images, and synthetic ones, that the distances are taken between."""
MOST_KNOWN = 3000
"""Training images whose features are looked through for copies; their samples are looked through all."""
_SAMPLED_SIDE = 32
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """What is said of a generator.

    Attributes:
        part: of the data that it is compared with: ``test``, or ``tuning`` where there is no test part.
        count: real images, and as many synthetic ones of the same classes.
        metrics: by name, with intervals; those ending in ``_of_real`` compare real training images with the same part,
            which is what a perfect generator would reach.
        copying_samples: nearest training images by their samples.
        copying_features: nearest training images by features.
        synthetic: the images (image, channel, row, column) that were judged.
        labels: (image,) class of each.
    """

    part: str
    count: int
    metrics: dict[str, Interval]
    copying_samples: Copying
    copying_features: Copying
    synthetic: Images
    labels: Labels

    @property
    def is_copying(self) -> bool:
        """Whether training images come back, by samples or by features."""
        return self.copying_samples.is_copying or self.copying_features.is_copying

    @property
    def issues(self) -> tuple[QualityIssue, ...]:
        """What has to be said."""
        if not self.is_copying:
            return ()
        worst = min((self.copying_samples, self.copying_features), key=lambda item: min(item.relative_p, item.drawn_p))
        p = min(worst.relative_p, worst.drawn_p)
        facts = {"p": f"{p:.2g}", "share": f"{worst.drawn_share:.2f}", "expected": f"{worst.expected_share:.2f}"}
        return (QualityIssue("Q920", Severity.WARN, facts),)

    def assessment(self) -> Assessment:
        """Return the metrics as every run states them."""
        return Assessment(self.part, self.count, self.metrics)


def judge(generator: Generator, parts: Parts, space: FeatureSpace, seed: int) -> Judgement:
    """Judge a generator against the test part, or the tuning part where there is none.

    Args:
        generator: of the classes of the parts.
        parts: what it learned from, and what was held back.
        space: of features.
        seed: of the images that are made.
    """
    held, name = (parts.test, "test") if parts.test is not None else (parts.tuning, "tuning")
    picked = spread(len(held), MOST_JUDGED)
    labels = held.labels[picked]
    made = draw_like(generator, labels, seed)
    alike = like(parts.training, labels, seed)
    known = np.union1d(spread(len(parts.training), MOST_KNOWN), alike)
    real, synthetic = space.of(held.images[picked]), space.of(made)
    features = space.of(parts.training.images[known])
    own = features[np.searchsorted(known, alike)]
    metrics = {
        "kernel_distance": kernel_distance_interval(real, synthetic),
        "kernel_distance_of_real": kernel_distance_interval(real, own),
        "frechet_distance": frechet_distance_interval(real, synthetic),
        "frechet_distance_of_real": frechet_distance_interval(real, own),
    }
    by_samples = copying(samples(parts.training.images), samples(held.images[picked]), samples(made), seed)
    by_features = copying(features, real, synthetic, seed)
    by_features = replace(by_features, nearest=known[by_features.nearest])
    metrics |= _shares(real, synthetic) | {"nearest_is_training": wilson(by_samples.drawn_share * len(made), len(made))}
    return Judgement(name, len(picked), metrics, by_samples, by_features, made, labels)


def spread(count: int, most: int) -> Labels:
    """Return at most so many indices, evenly over all."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def draw_like(generator: Generator, labels: Labels, seed: int) -> Images:
    """Return one synthetic image for each label, in the order of the labels."""
    first = generator.draw(int(labels[0]), 1, seed)
    made = np.zeros((len(labels), *first.shape[1:]), dtype=np.float32)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        made[own] = generator.draw(int(label), len(own), seed)
    return made


def like(part: Part, labels: Labels, seed: int) -> Labels:
    """Return indices of a part with as many cases of each class as the labels have, as far as there are so many."""
    chance = np.random.default_rng([seed, 1])
    picked = []
    for label in np.unique(labels):
        own = np.flatnonzero(part.labels == label)
        picked.append(chance.permutation(own)[: int((labels == label).sum())])
    return np.sort(np.concatenate(picked))


def samples(images: Images) -> npt.NDArray[np.float64]:
    """Return the samples of images as vectors (image, value), sides above 32 averaged down by whole factors."""
    factor = max(1, images.shape[-1] // _SAMPLED_SIDE)
    count, channels, rows, columns = images.shape
    whole = images[:, :, : rows // factor * factor, : columns // factor * factor]
    blocks = whole.reshape(count, channels, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean((3, 5)).reshape(count, -1), dtype=np.float64)


def _shares(real: Images, synthetic: Images) -> dict[str, Interval]:
    found, count = manifolds(real, synthetic), len(real)
    return {name: wilson(getattr(found, name) * count, count) for name in ("precision", "recall", "coverage")}
