"""Point spread functions of known blurs, as planes of samples whose sum is 1 and whose middle is the origin."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from hounsfield.prepare.lucy import gaussian_taps

Floats = npt.NDArray[np.float32]
Blur = Literal["gaussian", "disk", "motion"]

FINENESS = 16
"""Points along each side of a sample that the area of a disk, and the length of a line, is counted with."""


def psf_of(blur: Blur, widths: tuple[float, float], angle_degrees: float = 0.0) -> Floats:
    """Return a point spread function, (row, column), both of odd length.

    Args:
        blur: ``gaussian``; ``disk``, of a lens or a focal spot out of focus; ``motion``, along a straight line.
        widths: in rows and in columns: standard deviation of the Gaussian, radius of the disk, length of the motion.
        angle_degrees: of the motion, from the direction in which columns grow to that in which rows do.

    Example:
        >>> (6 * psf_of("motion", (3.0, 3.0))).round().tolist()
        [[2.0, 2.0, 2.0]]
    """
    if blur == "gaussian":
        rows, columns = (_unfolded(gaussian_taps(width)) for width in widths)
        return np.asarray(rows[:, None] * columns, dtype=np.float32)
    if blur == "disk":
        return _disk(*widths)
    turn = np.radians(angle_degrees)
    return _line(widths[0] * float(np.sin(turn)), widths[1] * float(np.cos(turn)))


def _unfolded(taps: Floats) -> Floats:
    return np.concatenate([taps[:0:-1], taps])


def _disk(row_radius: float, column_radius: float) -> Floats:
    """Return the share of each sample's square that an ellipse covers."""
    axes = []
    for radius in (row_radius, column_radius):
        half = max(int(np.ceil(radius - 0.5)), 0)
        points = np.arange((2 * half + 1) * FINENESS) / FINENESS - half - 0.5 + 0.5 / FINENESS
        axes.append(points / max(radius, 1e-6))
    inside = (axes[0][:, None] ** 2 + axes[1] ** 2 <= 1).astype(np.float64)
    covered = inside.reshape(len(axes[0]) // FINENESS, FINENESS, -1, FINENESS).sum(axis=(1, 3))
    if not covered.any():
        return np.ones((1, 1), np.float32)
    return np.asarray(covered / covered.sum(), dtype=np.float32)


def _line(rows: float, columns: float) -> Floats:
    """Return the share of a line of this extent through the origin that lies nearest to each sample."""
    count = max(int(np.ceil(max(abs(rows), abs(columns)) * FINENESS)), 1)
    along = (np.arange(count) + 0.5) / count - 0.5
    places = np.rint(np.stack([along * rows, along * columns])).astype(np.intp)
    half = np.abs(places).max(axis=1)
    psf = np.zeros(2 * half + 1)
    np.add.at(psf, tuple(places + half[:, None]), 1.0)
    psf += psf[::-1, ::-1]  # a line through the origin is the same both ways; rounding of halves is not
    return np.asarray(psf / psf.sum(), dtype=np.float32)
