"""How alike two pictures are: PSNR, SSIM, correlation of gradients; and the noise and sharpness of one."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve, gaussian_filter, sobel

Picture = npt.NDArray[np.floating]

SIGMA, WINDOW, K1, K2 = 1.5, 11, 0.01, 0.03
"""The constants of Wang et al. 2004."""
_NOISE_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])


def psnr_score(reference: Picture, picture: Picture, data_range: float) -> float:
    """Return the peak signal-to-noise ratio in decibels, 10 log10(range^2 / mean square error); infinite when equal."""
    error = float(np.mean((np.asarray(reference, np.float64) - picture) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def ssim_score(reference: Picture, picture: Picture, data_range: float) -> float:
    """Return the mean structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004) of (row, column) pictures.

    Gaussian weights of 1.5 pixels in a window of 11; the border of 5 pixels, where the window is not whole, does not
    count. NaN for pictures smaller than the window.
    """
    one, other = np.asarray(reference, np.float64), np.asarray(picture, np.float64)
    border = WINDOW // 2
    if min(one.shape) < WINDOW:
        return float("nan")

    def mean(values: Picture) -> npt.NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, SIGMA, radius=border, mode="reflect"))

    mean_one, mean_other = mean(one), mean(other)
    variance_one, variance_other = mean(one * one) - mean_one**2, mean(other * other) - mean_other**2
    covariance = mean(one * other) - mean_one * mean_other
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    above = (2 * mean_one * mean_other + c1) * (2 * covariance + c2)
    below = (mean_one**2 + mean_other**2 + c1) * (variance_one + variance_other + c2)
    return float((above / below)[border:-border, border:-border].mean())


def gradient_correlation_score(reference: Picture, picture: Picture) -> float:
    """Return Pearson's correlation of the lengths of the Sobel gradients: 1 where edges lie and weigh alike."""
    one, other = _gradient(reference).ravel(), _gradient(picture).ravel()
    if one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def noise_deviation(picture: Picture) -> float:
    """Return the standard deviation of white noise in a (row, column) picture, after Immerkaer (1996).

    Sqrt(pi / 2) / 6 of the mean modulus of the difference of two Laplacians; texture adds to it.
    """
    answer = convolve(np.asarray(picture, np.float64), _NOISE_MASK, mode="nearest")[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(answer).mean()) if answer.size else float("nan")


def edge_strength(picture: Picture) -> float:
    """Return the 99th percentile of the gradient, per pixel: sharper edges, higher; noise adds to it."""
    return float(np.percentile(_gradient(picture), 99))


def _gradient(picture: Picture) -> npt.NDArray[np.float64]:
    samples = np.asarray(picture, np.float64)
    return np.asarray(np.hypot(sobel(samples, 0, mode="reflect"), sobel(samples, 1, mode="reflect")) / 8)
