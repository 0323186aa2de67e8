"""Denoising and deblurring beside OpenCV, scikit-image and scipy; two threads each, where they have any.

scikit-image has none of its own; where it calls scipy's transforms, those are given two. Nobody's arrays are made or
padded outside the clock unless all subjects take the same one.
"""

import numpy as np

from benchmarks.side_by_side import Row, Subject, measure, show
from hounsfield.prepare.bilateral import bilateral_filter, neighbourhood
from hounsfield.prepare.lucy import deconvolve, deconvolve_gaussian, gaussian_taps
from hounsfield.prepare.nlm import Likeness, non_local_means
from hounsfield.prepare.variation import least_variation

THREADS = 2
NOISE = 20.0
TV_ITERATIONS = 40


def measure_restoring(rounds: int) -> dict[str, list[Row]]:
    """Return the rows of each job, ours first."""
    deblurred = measure(_richardson_lucy(), rounds)
    return {
        "nlm_2d": measure(_nlm_2d(), rounds),
        "nlm_3d": measure(_nlm_3d(), rounds),
        "richardson_lucy": deblurred,
        "richardson_lucy_any_psf": deblurred[1:],
        "bilateral": measure(_bilateral(), rounds),
        "total_variation": measure(_total_variation(), rounds),
    }


def _noisy(shape: tuple[int, ...]) -> np.ndarray:
    slope = np.arange(shape[-1], dtype=np.float64) / 2 + np.arange(shape[-2])[:, None] / 4
    return (slope + np.random.default_rng(0).normal(0, NOISE, shape)).astype(np.float32)


def _bilateral() -> list[Subject]:
    """Return who denoises a slice of 512 x 512 by a disc of 7 samples; scikit-image takes the square around it."""
    import cv2
    from skimage.restoration import denoise_bilateral

    cv2.setNumThreads(THREADS)
    image = _noisy((512, 512))
    image -= image.min()
    neighbours, out = neighbourhood((0, 1.5, 1.5)), np.empty((1, 512, 512), np.float32)
    settings = {"win_size": 7, "sigma_color": 2.5 * NOISE, "sigma_spatial": 1.5}
    return [
        Subject("hounsfield, float32", lambda: bilateral_filter(image[None], neighbours, 2.5 * NOISE, out, THREADS)),
        Subject("OpenCV, float32", lambda: cv2.bilateralFilter(image, 7, 2.5 * NOISE, 1.5)),
        Subject("scikit-image", lambda: denoise_bilateral(image, **settings)),
    ]


def _total_variation() -> list[Subject]:
    """Return who denoises a slice of 512 x 512; in our iterations we come nearer to the minimum."""
    from skimage.restoration import denoise_tv_chambolle

    image = _noisy((512, 512))
    return [
        Subject("hounsfield, float32", lambda: least_variation(image[None], NOISE, (0, 1, 1), TV_ITERATIONS, THREADS)),
        Subject("scikit-image", lambda: denoise_tv_chambolle(image, NOISE)),
    ]


def _nlm_2d() -> list[Subject]:
    """Return who denoises a slice of 512 x 512, patch 5, search 13."""
    import cv2
    from skimage.restoration import denoise_nl_means

    cv2.setNumThreads(THREADS)
    chance = np.random.default_rng(0)
    image = (np.add.outer(np.arange(512), np.arange(512)) / 4 + chance.normal(0, NOISE, (512, 512))).astype(np.float32)
    out = np.empty((1, 512, 512), np.float32)
    likeness = Likeness((0, 2), (0, 6), h=0.8 * NOISE, sigma=NOISE)
    low, fine = np.clip(image, 0, 255).astype(np.uint8), np.clip(image * 100, 0, 65535).astype(np.uint16)
    settings = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * NOISE, "sigma": NOISE, "preserve_range": True}
    return [
        Subject("hounsfield, float32", lambda: non_local_means(image[None], likeness, out, THREADS)),
        Subject("OpenCV, 8 bit, L2", lambda: cv2.fastNlMeansDenoising(low, None, NOISE, 5, 13)),
        Subject(
            "OpenCV, 16 bit, L1",
            lambda: cv2.fastNlMeansDenoising(fine, [NOISE * 100], None, 5, 13, cv2.NORM_L1),
        ),
        Subject("scikit-image, fast mode", lambda: denoise_nl_means(image, **settings)),
    ]


def _nlm_3d() -> list[Subject]:
    """Return who denoises half a million voxels, patch 3, search 7."""
    from skimage.restoration import denoise_nl_means

    chance = np.random.default_rng(0)
    volume = (np.arange(128) + chance.normal(0, NOISE, (32, 128, 128))).astype(np.float32)
    out = np.empty_like(volume)
    likeness = Likeness((1, 1), (3, 3), h=0.8 * NOISE, sigma=NOISE)
    settings = {"patch_size": 3, "patch_distance": 3, "h": 0.8 * NOISE, "sigma": NOISE, "preserve_range": True}
    return [
        Subject("hounsfield, float32", lambda: non_local_means(volume, likeness, out, THREADS)),
        Subject("scikit-image, fast mode", lambda: denoise_nl_means(volume, **settings)),
    ]


def _richardson_lucy() -> list[Subject]:
    """Return who deblurs 64 x 256 x 256 by a Gaussian of 13 samples a side, 10 iterations."""
    from scipy import fft
    from skimage.restoration import richardson_lucy

    data = (np.random.default_rng(0).random((64, 256, 256)) + 0.5).astype(np.float32)
    taps = gaussian_taps(1.5)
    line = np.concatenate([taps[:0:-1], taps])
    psf = line[:, None, None] * line[None, :, None] * line

    def by_scipy() -> float:
        shape = [fft.next_fast_len(n + 12, real=True) for n in data.shape]
        kernel = np.zeros(shape, np.float32)
        kernel[:13, :13, :13] = psf
        otf = fft.rfftn(np.roll(kernel, (-6, -6, -6), (0, 1, 2)), workers=THREADS)
        adjoint = otf.conj()
        padded = np.pad(data, [(0, n - k) for n, k in zip(shape, data.shape, strict=True)], mode="wrap")
        estimate = np.full(shape, 0.5, np.float32)
        for _ in range(10):
            blurred = fft.irfftn(fft.rfftn(estimate, workers=THREADS) * otf, shape, workers=THREADS)
            ratio = padded / np.maximum(blurred, 1e-12)
            estimate *= fft.irfftn(fft.rfftn(ratio, workers=THREADS) * adjoint, shape, workers=THREADS)
        return float(estimate.mean())

    def by_scikit_image() -> np.ndarray:
        with fft.set_workers(THREADS):
            return richardson_lucy(data, psf, num_iter=10, clip=False)

    return [
        Subject("hounsfield, Gaussian", lambda: deconvolve_gaussian(data, (taps, taps, taps), 10, threads=THREADS)),
        Subject("hounsfield, any PSF", lambda: deconvolve(data, psf, 10, threads=THREADS)),
        Subject("scipy.fft, one OTF", by_scipy),
        Subject("scikit-image", by_scikit_image),
    ]


if __name__ == "__main__":
    for title, rows in measure_restoring(3).items():
        show(title, rows)
