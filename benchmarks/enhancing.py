"""Contrast enhancement beside OpenCV and scikit-image."""

import numpy as np

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.prepare.sequence import apply_steps, build_steps

SIDE = 1024
CLIP = 0.01
THREADS = 2


def measure_enhancing(rounds: int) -> dict[str, list[Row]]:
    """Return the rows of each job, ours first."""
    import cv2
    from skimage.exposure import equalize_adapthist

    cv2.setNumThreads(THREADS)
    r, c = np.mgrid[:SIDE, :SIDE]
    shade = 0.5 + 0.3 * np.sin(r / 97) * np.cos(c / 71) + np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE))
    film = np.clip(shade * 65535, 0, 65535).astype(np.uint16)
    volume = Volume(film[None], VolumeGeometry((1, SIDE, SIDE)), Quantity.DISPLAY)
    steps = build_steps([{"step": "clahe", "clip": CLIP}])
    peer = cv2.createCLAHE(CLIP * 256, (8, 8))
    subjects = [
        Subject("hounsfield clahe, 16 bit to float32", lambda: apply_steps(steps, volume)[0].array[0, 0, 0]),
        Subject("OpenCV createCLAHE 16 bit", lambda: peer.apply(film)[0, 0]),
        Subject("skimage equalize_adapthist", lambda: equalize_adapthist(film, clip_limit=CLIP)[0, 0]),
    ]
    return {f"CLAHE {SIDE} x {SIDE}, 16 bit": measure(subjects, rounds)}
