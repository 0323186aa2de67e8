"""Picture: a slice of the current examination, the prior as it was registered to it, and their difference."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from hounsfield.clinical.change.alignment import Alignment
from hounsfield.clinical.change.lesion import Point
from hounsfield.clinical.change.trust import moved_samples
from hounsfield.core.conclusion import Wording
from hounsfield.core.report import Chart
from hounsfield.core.volume import Volume
from hounsfield.image.display import to_greyscale_pixels

MOST_ROWS = 3
DIFFERENCE_PERCENTILE = 99.5


def shown_slices(points_mm: Sequence[Point], later: Volume) -> tuple[int, ...]:
    """Return the slices of the current volume that points lie on, at most three; the middle one without any."""
    count = later.geometry.shape[0]
    if not points_mm:
        return (count // 2,)
    index = np.rint(later.geometry.to_index(points_mm)[:, 0]).astype(int)
    return tuple(dict.fromkeys(int(one) for one in np.clip(index, 0, count - 1)))[:MOST_ROWS]


def moved_slice(earlier: Volume, later: Volume, alignment: Alignment, index: int) -> Volume:
    """Return the prior on one slice of the current grid."""
    _, rows, columns = later.geometry.shape
    plane = later.geometry.cropped((index, 0, 0), (1, rows, columns))
    samples, _ = moved_samples(earlier, plane, alignment)
    return Volume(samples, plane, earlier.quantity, presentation=later.presentation)


def difference(earlier: Volume, later: Volume, alignment: Alignment, index: int) -> np.ndarray[Any, Any]:
    """Return current minus registered prior on one slice (row, column), 0 where the prior does not reach."""
    _, rows, columns = later.geometry.shape
    plane = later.geometry.cropped((index, 0, 0), (1, rows, columns))
    samples, inside = moved_samples(earlier, plane, alignment)
    return np.where(inside[0], np.asarray(later.array[index], np.float32) - samples[0], 0.0).astype(np.float32)


def comparison_chart(
    earlier: Volume, later: Volume, alignment: Alignment, slices: Sequence[int], dates: tuple[str, str]
) -> Chart:
    """Return the picture: one row a slice, current left, registered prior in the middle, difference right.

    Args:
        earlier: the prior.
        later: the current examination.
        alignment: later to earlier.
        slices: of the current volume.
        dates: of the prior and of the current examination.
    """
    from matplotlib.figure import Figure

    ratio = later.geometry.row_spacing_mm / later.geometry.column_spacing_mm
    figure = Figure(figsize=(9.0, 3.2 * len(slices)), layout="constrained")
    grid = np.atleast_2d(figure.subplots(len(slices), 3, squeeze=False))
    for axes, index in zip(grid, slices, strict=True):
        change = difference(earlier, later, alignment, index)
        most = max(float(np.percentile(np.abs(change), DIFFERENCE_PERCENTILE)), 1e-6)
        current = to_greyscale_pixels(later, index)
        prior = to_greyscale_pixels(moved_slice(earlier, later, alignment, index), 0)
        axes[0].imshow(current, cmap="gray", vmin=0, vmax=255, aspect=ratio)
        axes[1].imshow(prior, cmap="gray", vmin=0, vmax=255, aspect=ratio)
        axes[2].imshow(change, cmap="RdBu_r", vmin=-most, vmax=most, aspect=ratio)
        titles = (f"{dates[1]} [{index + 1}]", f"{dates[0]} (registered)", "difference")
        for one, title in zip(axes, titles, strict=True):
            one.set_title(title, fontsize=9)
            one.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return Chart(
        Wording(f"Current and prior of {dates[0]}", f"本次检查与{dates[0]}的既往检查"),
        buffer.getvalue(),
        Wording(
            f"{len(slices)} slices: the current examination, the prior registered to it, and current minus prior: red "
            "is brighter now, blue was brighter then. What moved between the two shows as well as what changed.",
            f"{len(slices)}个层面：本次检查、配准后的既往检查，以及两者之差：红色为现在更亮，蓝色为以前更亮。位移与变化都会显示。",
        ),
    )
