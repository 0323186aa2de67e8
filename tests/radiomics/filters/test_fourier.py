"""Simoncelli wavelets and Riesz transforms: bands, waves whose answer is known, and identities of the transform."""

import itertools
from math import factorial, prod

import numpy as np
import numpy.typing as npt
import pytest
from scipy import fft

from hounsfield.radiomics.filters import LaplacianOfGaussianFilter, SimoncelliFilter, respond
from hounsfield.radiomics.filters.fourier import manual_frequencies, simoncelli
from hounsfield.radiomics.filters.settings import Boundary

Map = npt.NDArray[np.float64]
EVEN = (1.0, 1.0, 1.0)


def noise(seed: int, shape: tuple[int, int, int] = (15, 18, 17)) -> Map:
    return np.random.default_rng(seed).normal(0, 50, shape)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_takes_two_octaves(level: int) -> None:
    top = 2.0 ** (1 - level)
    assert simoncelli(np.array([top / 2]), level) == pytest.approx(1)
    assert simoncelli(np.array([top, top / 4, top * 1.01, top / 4.04, 0.0]), level) == pytest.approx(0, abs=1e-12)


def test_neighbouring_levels_share_the_energy_of_every_frequency() -> None:
    where = np.linspace(0.06, 0.5, 200)
    energy = sum(simoncelli(where, level) ** 2 for level in range(1, 8))
    assert energy == pytest.approx(1)


def test_a_wave_at_the_middle_of_the_band_passes_whole_and_others_do_not() -> None:
    columns = np.arange(64)
    for frequency, wanted in ((0.5, 1.0), (0.125, 0.0), (0.25, 0.0)):
        wave = np.broadcast_to(np.cos(np.pi * frequency * columns), (8, 8, 64))
        found = respond(np.ascontiguousarray(wave), EVEN, SimoncelliFilter(level=1, boundary=Boundary.MIRROR))
        middle = found[4, 4, 16:48]
        assert middle == pytest.approx(wanted * wave[4, 4, 16:48], abs=0.03)


@pytest.mark.parametrize("shape", [(9, 11, 13), (8, 11, 13), (9, 10, 12), (8, 10, 12)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_periodic_map_is_the_real_part_of_the_manual_s_product(
    shape: tuple[int, int, int], dimensions: int
) -> None:
    samples = noise(0, shape)
    axes = tuple(range(3 - dimensions, 3))
    lines = [fft.ifftshift(np.linspace(-1, 1, shape[axis])) for axis in axes]
    distance = np.sqrt(sum(part**2 for part in np.meshgrid(*lines, indexing="ij")))
    wanted = fft.ifftn(fft.fftn(samples, axes=axes) * simoncelli(distance, 1), axes=axes).real
    assert respond(samples, EVEN, SimoncelliFilter(dimensions=dimensions)) == pytest.approx(wanted, abs=1e-9)


def test_the_manual_s_frequencies_end_at_both_ends() -> None:
    there, back = manual_frequencies((6, 5))
    assert there[0].ravel() == pytest.approx([0.2, 0.6, 1, -1, -0.6, -0.2])
    assert back[0].ravel() == pytest.approx([0.2, -0.2, -0.6, -1, 1, 0.6])
    assert there[1].ravel() == pytest.approx([0, 0.5, 1])
    assert back[1].ravel() == pytest.approx([0, -0.5, -1])


@pytest.mark.parametrize("order", [None, (1, 0, 0), (0, 2, 1), (1, 1, 1), (0, 3, 0)])
def test_a_mirrored_map_is_the_periodic_one_of_the_image_and_its_mirror_image(order: tuple[int, ...] | None) -> None:
    samples = noise(1, (8, 9, 10))
    wide = np.pad(samples, [(0, side) for side in samples.shape], mode="symmetric")
    one = LaplacianOfGaussianFilter(sigma_mm=1.2, riesz=order)
    other = LaplacianOfGaussianFilter(sigma_mm=1.2, riesz=order, boundary=Boundary.PERIODIC)
    found, wanted = respond(samples, EVEN, one), respond(wide, EVEN, other)
    assert found == pytest.approx(wanted[:8, :9, :10], abs=1e-8)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_riesz_transform_of_a_wave_is_a_quarter_of_a_wave_later(dimensions: int) -> None:
    columns = 2 * np.pi * np.arange(32) / 32 * 8
    wave = np.ascontiguousarray(np.broadcast_to(np.cos(columns), (6, 6, 32)))
    order = (0,) * (dimensions - 1) + (1,)
    across = (1,) + (0,) * (dimensions - 1)
    base = LaplacianOfGaussianFilter(sigma_mm=1.5, dimensions=dimensions, boundary=Boundary.PERIODIC)
    along = LaplacianOfGaussianFilter(sigma_mm=1.5, dimensions=dimensions, boundary=Boundary.PERIODIC, riesz=order)
    aside = LaplacianOfGaussianFilter(sigma_mm=1.5, dimensions=dimensions, boundary=Boundary.PERIODIC, riesz=across)
    plain = respond(wave, EVEN, base)
    assert respond(wave, EVEN, along) == pytest.approx(np.roll(plain, 1, axis=2), abs=1e-9)  # a period is four voxels
    assert respond(wave, EVEN, aside) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_riesz_maps_of_an_order_hold_the_energy_of_the_filter(total: int, dimensions: int) -> None:
    # odd sides have no Nyquist frequency, whose direction is not known; the band leaves out the middle
    samples = noise(2, (9, 11, 13))
    orders = [order for order in itertools.product(range(total + 1), repeat=dimensions) if sum(order) == total]
    assert sum(factorial(total) // prod(factorial(one) for one in order) for order in orders) == dimensions**total
    energy = sum(
        (respond(samples, EVEN, SimoncelliFilter(level=2, dimensions=dimensions, riesz=order)) ** 2).sum()
        for order in orders
    )
    plain = respond(samples, EVEN, SimoncelliFilter(level=2, dimensions=dimensions))
    assert energy == pytest.approx((plain**2).sum(), rel=1e-9)


def test_the_riesz_transform_is_odd_where_its_order_is() -> None:
    samples = noise(3, (10, 10, 10))
    one = SimoncelliFilter(riesz=(1, 0, 0), boundary=Boundary.MIRROR)
    turned = respond(np.ascontiguousarray(samples[::-1]), EVEN, one)[::-1]
    assert turned == pytest.approx(-respond(samples, EVEN, one), abs=1e-9)
    even = SimoncelliFilter(riesz=(2, 0, 0), boundary=Boundary.MIRROR)
    turned = respond(np.ascontiguousarray(samples[::-1]), EVEN, even)[::-1]
    assert turned == pytest.approx(respond(samples, EVEN, even), abs=1e-9)


def test_axes_of_the_riesz_transform_are_those_of_the_array() -> None:
    samples = noise(4, (11, 11, 11))
    first = respond(samples, EVEN, SimoncelliFilter(riesz=(1, 0, 0)))
    last = respond(np.ascontiguousarray(samples.transpose(2, 1, 0)), EVEN, SimoncelliFilter(riesz=(0, 0, 1)))
    assert last.transpose(2, 1, 0) == pytest.approx(first, abs=1e-9)


@pytest.mark.parametrize("boundary", [Boundary.ZERO, Boundary.NEAREST])
def test_beyond_the_edges_stands_what_the_boundary_says(boundary: Boundary) -> None:
    samples = noise(5, (12, 12, 13))
    mode = "constant" if boundary is Boundary.ZERO else "edge"
    wide = np.pad(samples, 9, mode=mode)
    one = LaplacianOfGaussianFilter(sigma_mm=0.5, riesz=(0, 1, 0), boundary=boundary)
    far = LaplacianOfGaussianFilter(sigma_mm=0.5, riesz=(0, 1, 0), boundary=Boundary.MIRROR)
    found, wanted = respond(samples, EVEN, one), respond(wide, EVEN, far)[9:-9, 9:-9, 9:-9]
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.998
    assert np.abs(found - wanted).max() < 0.3 * np.abs(respond(samples, EVEN, far) - wanted).max()
    # a cube in nothing has edges, which a constant image has not
    constant = respond(np.full((12, 12, 12), 5.0), EVEN, SimoncelliFilter(boundary=boundary))
    assert bool(np.abs(constant).max() < 1e-9) is (boundary is Boundary.NEAREST)


def test_the_riesz_transform_of_a_thin_image_is_finite() -> None:
    assert np.isfinite(respond(noise(6, (1, 9, 9)), EVEN, SimoncelliFilter(riesz=(1, 1, 0)))).all()
    assert np.isfinite(respond(noise(6, (1, 9, 9)), EVEN, SimoncelliFilter(boundary=Boundary.MIRROR))).all()
