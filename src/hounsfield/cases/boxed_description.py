"""What a data set with boxes is, in numbers: classes and parts, boxes of an image, sizes of boxes by class."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.description import UNDECLARED
from hounsfield.core.boxes import sides


@dataclass(frozen=True)
class Spread:
    """Least, quartiles and most of a number."""

    least: float
    lower: float
    median: float
    upper: float
    most: float


@dataclass(frozen=True)
class BoxDescription:
    """What a data set with boxes is.

    Attributes:
        parts: boxes of each class, for each declared part.
        images: images of each part.
        empty: images without a box.
        boxes_an_image: how many boxes an image has.
        box_sides: by class, the square root of the area of its boxes in pixels.
        ratios: by class, rows divided by columns of its boxes.
        crowds: boxes that stand for many objects.
        difficult: boxes that need not be found.
        sizes: images of each size in pixels (rows x columns), the commonest first.
    """

    parts: dict[str, dict[str, int]]
    images: dict[str, int]
    empty: int
    boxes_an_image: Spread
    box_sides: dict[str, Spread]
    ratios: dict[str, Spread]
    crowds: int
    difficult: int
    sizes: dict[str, int]


def describe_boxes(table: BoxTable, shapes: npt.NDArray[np.int64]) -> BoxDescription:
    """Return what a data set is; ``shapes`` (case, 2) are rows and columns as the examination found them."""
    parts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case in table.cases:
        names = [table.class_names[label] for label in case.annotation.labels]
        parts[case.split or UNDECLARED].update(names)
    annotations = [case.annotation for case in table.cases]
    proper = [annotation.proper() for annotation in annotations]
    labels = np.concatenate([item.labels for item in proper])
    lengths = sides(np.concatenate([item.boxes for item in proper]))
    roots, ratios = np.sqrt(lengths.prod(axis=1)), lengths[:, -2] / lengths[:, -1]
    named = [(index, name) for index, name in enumerate(table.class_names) if (labels == index).any()]
    tally = Counter(f"{rows} x {columns}" if rows else "unknown" for rows, columns in shapes.tolist())
    return BoxDescription(
        {part: dict(sorted(counts.items())) for part, counts in sorted(parts.items())},
        dict(sorted(Counter(case.split or UNDECLARED for case in table.cases).items())),
        sum(not len(annotation) for annotation in annotations),
        spread(np.array([len(annotation) for annotation in annotations])),
        {name: spread(roots[labels == index]) for index, name in named},
        {name: spread(ratios[labels == index]) for index, name in named},
        int(sum(annotation.is_crowd.sum() for annotation in annotations)),
        int(sum(annotation.is_difficult.sum() for annotation in annotations)),
        dict(sorted(tally.items(), key=lambda item: (-item[1], item[0]))),
    )


def spread(values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Spread:
    """Return least, quartiles and most of at least one number."""
    return Spread(*(round(float(value), 3) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))
