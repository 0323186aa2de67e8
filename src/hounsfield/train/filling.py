"""Filling: synthetic images for the rare classes of a training part; tuning and test part are never touched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.names import plain
from hounsfield.cases.seen import SeenImages, read_seen
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError
from hounsfield.model.generator import Generator, Images, picture_of
from hounsfield.model.registry import find_model, run_folder_of
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import SyntheticPlan

MOST_TIMES = 3
"""Synthetic images of a class for each real one, at most."""
Prepare = Callable[[Volume], Images]


@dataclass(frozen=True)
class Filler:
    """A generator that may fill a data set.

    Attributes:
        generator: of the classes.
        seen: what it was learned from and chosen on, None where its run folder does not say.
    """

    generator: Generator
    seen: SeenImages | None

    def plan(self, class_names: Sequence[str], counts: Sequence[int], seed: int) -> SyntheticPlan:
        """Return how many images fill each class up to the largest one, at most ``MOST_TIMES`` the real ones.

        Args:
            class_names: of the data.
            counts: training cases of each class.
            seed: of the noise.

        Raises:
            DatasetError: ``E927``, a class that is to be filled is none of the generator's.
        """
        most = max(counts)
        wanted = tuple(min(most - count, MOST_TIMES * count) for count in counts)
        known = {plain(name) for name in self.generator.class_names}
        unknown = [name for name, count in zip(class_names, wanted, strict=True) if count and plain(name) not in known]
        identity = self.generator.package.identity
        if unknown:
            expected = ", ".join(self.generator.class_names)
            raise DatasetError("E927", model=identity.name, found=", ".join(unknown), expected=expected)
        return SyntheticPlan(generator=identity.name, weights_digest=identity.weights_digest, counts=wanted, seed=seed)

    def check(self, digests: Mapping[str, Sequence[str]]) -> tuple[QualityIssue, ...]:
        """Refuse a generator that has seen images which are held back here: it may give them to the training part.

        Args:
            digests: of the images of each part.

        Raises:
            DatasetError: ``E928``, with their number.
        """
        name = self.generator.package.identity.name
        if self.seen is None:
            return (QualityIssue("Q921", Severity.WARN, {"model": name}),)
        learned, chosen = self.seen.of("training"), self.seen.of("tuning")
        tuning = learned & set(digests.get("tuning", ()))
        test = (learned | chosen) & set(digests.get("test", ()))
        if tuning or test:
            raise DatasetError("E928", model=name, tuning=len(tuning), test=len(test))
        return ()


def open_filler(name_or_path: str, threads: int) -> Filler:
    """Open a generator by name or file, with what its run folder says that it has seen.

    Raises:
        ModelError: there is none, or it is no generator of noise (``E921``).
    """
    generator = Generator(find_model(name_or_path), threads)
    folder = run_folder_of(Path(name_or_path))
    return Filler(generator, None if folder is None else read_seen(folder))


def fill(parts: Parts, filler: Filler, plan: SyntheticPlan, class_names: Sequence[str], prepare: Prepare) -> Parts:
    """Return parts whose training part has the synthetic images that a plan wants behind its own.

    Args:
        parts: of real images.
        filler: the generator.
        plan: images of each class.
        class_names: of the data, in the order of the plan.
        prepare: brings a picture onto the grid of the model, as it does the real ones.

    Raises:
        PrepareError: a preparing step cannot be applied.
    """
    known = {plain(name): index for index, name in enumerate(filler.generator.class_names)}
    images: list[Images] = []
    labels: list[int] = []
    names: list[str] = []
    for label, (name, count) in enumerate(zip(class_names, plan.counts, strict=True)):
        if not count:
            continue
        drawn = filler.generator.draw(known[plain(name)], count, plan.seed)
        images += [prepare(picture_of(image)) for image in drawn]
        labels += [label] * count
        names += [f"synthetic/{plan.weights_digest[:12]}/{name}/{number}" for number in range(1, count + 1)]
    if not images:
        return parts
    return Parts(_followed(parts.training, np.stack(images), labels, names), parts.tuning, parts.test)


def _followed(part: Part, images: Images, labels: Sequence[int], names: Sequence[str]) -> Part:
    """Return a part with more cases behind its own, each a group of its own."""
    first = int(part.groups.max()) + 1
    groups = np.arange(first, first + len(names), dtype=np.int64)
    return Part(
        np.concatenate([part.images, images.astype(np.float32)]),
        np.concatenate([part.labels, np.array(labels, dtype=np.int64)]),
        np.concatenate([part.groups, groups]),
        (*part.identifiers, *names),
        np.concatenate([part.clusters, np.full(len(names), -1, dtype=np.int64)]),
    )
