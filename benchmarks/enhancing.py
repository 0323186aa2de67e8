"""Contrast enhancement beside OpenCV and scikit-image, each with as many histogram bins as it."""

import numpy as np

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.prepare.sequence import apply_steps, build_steps

SIDE = 1024
CLIP = 0.01
THREADS = 2
OPENCV_BINS = 65536
"""OpenCV takes one bin for each value of 16 bits, and cannot be told otherwise."""
SCIKIT_BINS = 256


def measure_enhancing(rounds: int) -> dict[str, list[Row]]:
    """Return the rows of each job, ours first; ours runs on the cores of this process, scikit-image has no threads."""
    import cv2
    from skimage.exposure import equalize_adapthist

    cv2.setNumThreads(THREADS)
    r, c = np.mgrid[:SIDE, :SIDE]
    shade = 0.5 + 0.3 * np.sin(r / 97) * np.cos(c / 71) + np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE))
    film = np.clip(shade * 65535, 0, 65535).astype(np.uint16)
    volume = Volume(film[None], VolumeGeometry((1, SIDE, SIDE)), Quantity.DISPLAY)

    def ours(bins: int) -> Subject:
        steps = build_steps([{"step": "clahe", "clip": CLIP, "bins": bins}])
        return Subject("hounsfield clahe, to float32", lambda: apply_steps(steps, volume)[0].array[0, 0, 0])

    peer = cv2.createCLAHE(CLIP * OPENCV_BINS, (8, 8))
    scikit = {"clip_limit": CLIP, "nbins": SCIKIT_BINS}
    fine = [ours(OPENCV_BINS), Subject("OpenCV createCLAHE", lambda: peer.apply(film)[0, 0])]
    coarse = [
        ours(SCIKIT_BINS),
        Subject("OpenCV createCLAHE, 65536 bins", fine[1].run),
        Subject("skimage equalize_adapthist", lambda: equalize_adapthist(film, **scikit)[0, 0]),
    ]
    name = f"CLAHE {SIDE} x {SIDE}, 16 bit"
    return {
        f"{name}, {OPENCV_BINS} bins [clahe_same_bins]": measure(fine, rounds),
        f"{name}, {SCIKIT_BINS} bins [clahe]": measure(coarse, rounds),
    }
