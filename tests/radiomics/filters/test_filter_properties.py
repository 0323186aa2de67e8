"""Filters by their properties: linear, blind to shifts, odd or even, and products of spectra where images repeat."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import pywt
from scipy import ndimage, signal

from hounsfield.radiomics.filters import (
    FilterSettings,
    GaborFilter,
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    SimoncelliFilter,
    WaveletFilter,
    reach,
    respond,
)
from hounsfield.radiomics.filters.settings import Boundary, Pooling
from hounsfield.radiomics.filters.spatial_filters import LAWS

Image = npt.NDArray[np.float64]
EVEN = (1.0, 1.0, 1.0)
UNEVEN = (2.0, 1.0, 0.5)
LINEAR: tuple[FilterSettings, ...] = (
    MeanFilter(size=3),
    MeanFilter(size=5, dimensions=2, boundary=Boundary.ZERO),
    LaplacianOfGaussianFilter(sigma_mm=1.5),
    LaplacianOfGaussianFilter(sigma_mm=1.5, riesz=(1, 0, 1)),
    LawsFilter(kernels="E5L5S5", energy_distance=None, is_rotation_invariant=False),
    LawsFilter(kernels="L3S3", dimensions=2, energy_distance=None, pooling=Pooling.MEAN),
    WaveletFilter(wavelet="coif1", bands="HLL", level=2),
    WaveletFilter(wavelet="db2", bands="LH", dimensions=2, is_rotation_invariant=False),
    SimoncelliFilter(level=2),
    SimoncelliFilter(dimensions=2, riesz=(0, 1), boundary=Boundary.MIRROR),
)
OTHERS: tuple[FilterSettings, ...] = (
    LawsFilter(kernels="E5L5S5", energy_distance=2),
    GaborFilter(sigma_mm=1, wavelength_mm=3, angle_step_degrees=90),
    GaborFilter(sigma_mm=1, wavelength_mm=3, dimensions=2, pooling=Pooling.MAX),
)

NEAR = tuple(one for one in LINEAR if not isinstance(one, SimoncelliFilter) and "riesz" not in one.name)
"""Filters that do not reach the whole image."""


def noise(seed: int, shape: tuple[int, int, int] = (8, 12, 10)) -> Image:
    return np.random.default_rng(seed).normal(0, 10, shape)


def called(one: FilterSettings) -> str:
    return one.name


@pytest.mark.parametrize("one", LINEAR, ids=called)
def test_the_map_of_a_sum_is_the_sum_of_the_maps(one: FilterSettings) -> None:
    first, second = noise(0), noise(1)
    both = respond(3 * first - 0.5 * second, EVEN, one)
    apart = 3 * respond(first, EVEN, one) - 0.5 * respond(second, EVEN, one)
    assert both == pytest.approx(apart, abs=1e-10)
    assert np.abs(both).max() > 0.01


@pytest.mark.parametrize("one", OTHERS, ids=called)
def test_moduli_and_energies_scale_without_their_sign_and_obey_the_triangle(one: FilterSettings) -> None:
    first, second = noise(2), noise(3)
    assert respond(-2.5 * first, EVEN, one) == pytest.approx(2.5 * respond(first, EVEN, one), abs=1e-9)
    assert (respond(first, EVEN, one) >= 0).all()
    over = respond(first + second, EVEN, one) - respond(first, EVEN, one) - respond(second, EVEN, one)
    assert over.max() < 1e-9


@pytest.mark.parametrize("one", [*LINEAR, *OTHERS], ids=called)
@pytest.mark.parametrize("step", [(0, 3, -2), (2, 0, 5)])
def test_a_repeating_image_that_is_shifted_has_a_shifted_map(one: FilterSettings, step: tuple[int, ...]) -> None:
    around = replace(one, boundary=Boundary.PERIODIC)
    image = noise(4)
    found = respond(np.roll(image, step, (0, 1, 2)), UNEVEN, around)
    assert found == pytest.approx(np.roll(respond(image, UNEVEN, around), step, (0, 1, 2)), abs=1e-9)


@pytest.mark.parametrize("one", [*NEAR, *OTHERS], ids=called)
@pytest.mark.parametrize(
    ("boundary", "mode"),
    [
        (Boundary.MIRROR, "symmetric"),
        (Boundary.NEAREST, "edge"),
        (Boundary.ZERO, "constant"),
        (Boundary.PERIODIC, "wrap"),
    ],
)
def test_the_edges_are_those_of_an_image_that_is_padded_first(
    one: FilterSettings, boundary: Boundary, mode: str
) -> None:
    one = replace(one, boundary=boundary)
    # an energy looks at a map that ends where the image does, which padding makes wider
    one = replace(one, energy_distance=None) if isinstance(one, LawsFilter) else one
    # each level of a wavelet meets the edge of the map of the level before
    one = replace(one, level=1) if isinstance(one, WaveletFilter) else one
    image, width = noise(5), 10
    wide = np.pad(image, width, mode=mode)  # type: ignore[call-overload]
    inner = (slice(width, -width),) * 3
    assert respond(image, EVEN, one) == pytest.approx(respond(wide, EVEN, one)[inner], abs=1e-9)


@pytest.mark.parametrize("one", [*NEAR, *OTHERS], ids=called)
def test_what_lies_beyond_the_reach_does_not_count_and_what_lies_at_it_may(one: FilterSettings) -> None:
    one = replace(one, boundary=Boundary.ZERO)
    sides = (17, 37, 37)
    far = reach(one, UNEVEN)
    impulse = np.zeros(sides)
    impulse[8, 18, 18] = 1
    found = np.abs(respond(impulse, UNEVEN, one))
    touched = np.argwhere(found > 1e-6 * found.max()) - (8, 18, 18)
    assert (np.abs(touched).max(axis=0) <= np.array(far)).all()
    # a band of an even kernel, or of a kernel with zeros at its ends, stops short by a little
    assert (np.abs(touched).max(axis=0) >= np.array(far) // 2).all()


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_mean_has_the_spectrum_of_dirichlet(size: int) -> None:
    image = noise(6, (8, 9, 11))
    where = [np.fft.fftfreq(side) for side in image.shape]
    half = size // 2
    lines = [sum(np.cos(2 * np.pi * place * line) for place in range(-half, half + 1)) / size for line in where]
    spectrum = np.fft.fftn(image) * lines[0][:, None, None] * lines[1][:, None] * lines[2]
    found = respond(image, EVEN, MeanFilter(size=size, boundary=Boundary.PERIODIC))
    assert found == pytest.approx(np.fft.ifftn(spectrum).real, abs=1e-10)


@pytest.mark.parametrize("sigma", [1.5, 2.5])
@pytest.mark.parametrize("waves", [(1, 0, 0), (0, 2, 1), (2, 3, 2)])
def test_a_wave_passes_the_laplacian_of_gaussian_by_its_transfer_function(
    sigma: float, waves: tuple[int, int, int]
) -> None:
    """It is -|w|² exp(-s²|w|²/2), to what a kernel cut at six deviations leaves."""
    sides = (24, 30, 36)
    pulses = [2 * np.pi * count / side for count, side in zip(waves, sides, strict=True)]
    phase = sum(np.meshgrid(*(w * np.arange(n) for w, n in zip(pulses, sides, strict=True)), indexing="ij"))
    image = np.cos(np.asarray(phase))
    square = sum(w**2 for w in pulses)
    one = LaplacianOfGaussianFilter(sigma_mm=sigma, cutoff=6, boundary=Boundary.PERIODIC)
    assert respond(image, EVEN, one) == pytest.approx(-square * np.exp(-(sigma**2) * square / 2) * image, abs=1e-5)


def test_a_laplacian_of_gaussian_in_millimetres_is_the_same_on_a_finer_grid() -> None:
    """Told for a voxel: a grid of half the side has maps of a quarter."""
    line = np.exp(-((np.arange(64) - 32.0) ** 2) / 50)
    coarse = line[:, None] * line
    fine_line = np.exp(-((np.arange(127) / 2 - 32.0) ** 2) / 50)
    fine = fine_line[:, None] * fine_line
    one = LaplacianOfGaussianFilter(sigma_mm=3, cutoff=5, dimensions=2)
    first, second = respond(coarse[None], EVEN, one), respond(fine[None], (1.0, 0.5, 0.5), one)
    assert 4 * second[0, ::2, ::2][20:44, 20:44] == pytest.approx(first[0][20:44, 20:44], abs=2e-5)


@pytest.mark.parametrize("names", [("L5", "E5"), ("S5", "W5"), ("R5", "L5"), ("E3", "S3")])
def test_laws_maps_are_those_of_a_planar_convolution(names: tuple[str, str]) -> None:
    right, down = (np.array(LAWS[name], dtype=float) for name in names)
    kernel = np.outer(down / np.linalg.norm(down), right / np.linalg.norm(right))
    one = LawsFilter(
        kernels="".join(names), dimensions=2, energy_distance=None, is_rotation_invariant=False, boundary=Boundary.ZERO
    )
    image = noise(7)
    found = respond(image, EVEN, one)
    assert found[3] == pytest.approx(signal.convolve2d(image[3], kernel, mode="same"), abs=1e-10)


@pytest.mark.parametrize("wavelet", ["haar", "db3", "sym4", "coif1"])
def test_the_bands_of_an_orthogonal_wavelet_share_the_energy_of_the_image(wavelet: str) -> None:
    """|L|² + |H|² = 2 at every frequency, so that 8 bands hold 8 times the energy (Mallat)."""
    image = noise(8, (16, 16, 16))
    bands = [a + b + c for a in "LH" for b in "LH" for c in "LH"]
    settings = {"wavelet": wavelet, "is_rotation_invariant": False, "boundary": Boundary.PERIODIC}
    found = [respond(image, EVEN, WaveletFilter(bands=band, **settings)) for band in bands]  # type: ignore[arg-type]
    assert sum((one**2).sum() for one in found) == pytest.approx(8 * (image**2).sum())
    kernel = np.array(pywt.Wavelet(wavelet).dec_hi)
    assert kernel @ kernel == pytest.approx(1)


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_a_high_band_is_blind_to_as_many_powers_as_its_wavelet_has_moments(moments: int) -> None:
    line = np.arange(40.0)
    one = WaveletFilter(wavelet=f"db{moments}", bands="HL", dimensions=2, is_rotation_invariant=False)
    middle = (0, slice(None), slice(10, 30))
    for power in range(moments):
        image = np.broadcast_to(line**power, (1, 6, 40)).astype(float)
        assert np.abs(respond(image, EVEN, one)[middle]).max() < 1e-6
    seen = respond(np.broadcast_to(line**moments, (1, 6, 40)).astype(float), EVEN, one)[middle]
    assert np.abs(seen).min() > 0.1


@pytest.mark.parametrize("kind", ["laws", "wavelet"])
def test_the_largest_turn_is_never_below_the_mean_of_all(kind: str) -> None:
    image = noise(9)
    made: FilterSettings = LawsFilter(kernels="E5L5S5", energy_distance=None) if kind == "laws" else WaveletFilter()
    largest, mean = (respond(image, EVEN, replace(made, pooling=pooling)) for pooling in (Pooling.MAX, Pooling.MEAN))
    assert (largest >= mean - 1e-12).all()
    assert largest.mean() > mean.mean()


def test_planar_filters_see_one_slice_at_a_time() -> None:
    image = noise(10)
    changed = image.copy()
    changed[3] += 100 * noise(11)[3]
    for one in (
        MeanFilter(dimensions=2),
        LaplacianOfGaussianFilter(dimensions=2),
        LawsFilter(kernels="E5S5", dimensions=2),
        GaborFilter(dimensions=2, sigma_mm=1),
        WaveletFilter(bands="HH", dimensions=2),
        SimoncelliFilter(dimensions=2),
    ):
        before, after = respond(image, EVEN, one), respond(changed, EVEN, one)
        others = [place for place in range(8) if place != 3]
        assert np.array_equal(before[others], after[others])
        assert not np.allclose(before[3], after[3])


def test_a_bigger_mean_of_a_mean_is_the_convolution_of_both() -> None:
    image = noise(12, (9, 14, 14))
    wide = MeanFilter(size=5, boundary=Boundary.PERIODIC)
    narrow = MeanFilter(size=3, boundary=Boundary.PERIODIC)
    twice = respond(respond(image, EVEN, wide), EVEN, narrow)
    line = np.convolve(np.ones(5) / 5, np.ones(3) / 3)
    expected = image
    for axis in range(3):
        expected = ndimage.convolve1d(expected, line, axis, mode="wrap")
    assert twice == pytest.approx(expected, abs=1e-10)
