"""Single filters: impulses give back their kernels, constants give nothing, and other implementations agree."""

import itertools
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
import pywt
from pydantic import ValidationError
from scipy import ndimage, signal
from skimage.filters import gabor_kernel as skimage_gabor

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
from hounsfield.radiomics.filters.gabor import gabor_kernel
from hounsfield.radiomics.filters.respond import is_standardised
from hounsfield.radiomics.filters.settings import Boundary, Pooling
from hounsfield.radiomics.filters.spatial_filters import LAWS, laws_kernel

Map = npt.NDArray[np.float64]
EVEN = (1.0, 1.0, 1.0)
SCIPY = {"zero": "constant", "nearest": "nearest", "periodic": "grid-wrap", "mirror": "reflect"}


def impulse(side: int = 21) -> Map:
    samples = np.zeros((side, side, side))
    samples[side // 2, side // 2, side // 2] = 1
    return samples


def noise(seed: int, shape: tuple[int, int, int] = (11, 14, 13)) -> Map:
    return np.random.default_rng(seed).normal(0, 50, shape)


def every_filter(dimensions: int) -> list[FilterSettings]:
    return [
        MeanFilter(dimensions=dimensions, size=3),
        LaplacianOfGaussianFilter(dimensions=dimensions, sigma_mm=0.9),
        LawsFilter(dimensions=dimensions, kernels="L5E3S3"[: 2 * dimensions], energy_distance=2),
        LawsFilter(dimensions=dimensions, kernels="E5W5R5"[: 2 * dimensions], energy_distance=None),
        GaborFilter(dimensions=dimensions, sigma_mm=1.1, wavelength_mm=3, angle_step_degrees=45),
        WaveletFilter(dimensions=dimensions, bands="LHH"[:dimensions]),
        WaveletFilter(dimensions=dimensions, wavelet="haar", bands="HLL"[:dimensions], level=2),
        SimoncelliFilter(dimensions=dimensions),
    ]


@pytest.fixture(params=[one for dimensions in (2, 3) for one in every_filter(dimensions)], ids=lambda one: one.name)
def one(request: pytest.FixtureRequest) -> FilterSettings:
    found: FilterSettings = request.param
    return found


def test_the_boundary_conditions_are_those_of_the_manual() -> None:
    line = np.array([1.0, 2.0, 3.0, 5.0]).reshape(1, 1, 4)
    beyond = {Boundary.ZERO: 0.0, Boundary.NEAREST: 1.0, Boundary.PERIODIC: 5.0, Boundary.MIRROR: 1.0}
    for boundary, outside in beyond.items():
        plane = np.repeat(line, 3, axis=1)
        found = respond(plane, EVEN, MeanFilter(size=3, dimensions=2, boundary=boundary))
        rows = 2 / 3 if boundary is Boundary.ZERO else 1.0
        assert found[0, 0, 0] == pytest.approx((outside + 1 + 2) / 3 * rows)


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_mean_is_that_of_scipy(boundary: Boundary, dimensions: int) -> None:
    samples = noise(0)
    kernel = np.ones((5,) * dimensions) / 5**dimensions
    kernel = kernel.reshape((1,) * (3 - dimensions) + kernel.shape)
    wanted = ndimage.convolve(samples, kernel, mode=SCIPY[boundary])
    found = respond(samples, EVEN, MeanFilter(size=5, dimensions=dimensions, boundary=boundary))
    assert found == pytest.approx(wanted)


def test_constants_pass_means_and_nothing_else(one: FilterSettings) -> None:
    found = respond(np.full((17, 18, 19), 7.0), EVEN, one)
    if isinstance(one, MeanFilter):
        assert found == pytest.approx(7.0)
    elif isinstance(one, GaborFilter):  # whose kernel holds some of the lowest frequency: the integral of the wave
        passed = 2 * np.pi * one.sigma_mm**2 / one.aspect * np.exp(-2 * (np.pi * one.sigma_mm / one.wavelength_mm) ** 2)
        assert found == pytest.approx(7 * passed, rel=0.05)
    elif isinstance(one, LaplacianOfGaussianFilter):
        assert np.abs(found).max() < 0.02 * 7  # the manual cuts these kernels and leaves their sum as it comes
    else:
        assert found == pytest.approx(0.0, abs=1e-9)


def test_a_checkerboard_gives_maps_as_symmetric_as_itself() -> None:
    board = np.indices((12, 12, 12)).sum(0) // 3 % 2 * 255.0
    for settings in every_filter(3):
        found = respond(board, EVEN, settings)
        if not isinstance(settings, WaveletFilter):
            assert found == pytest.approx(found.transpose(2, 1, 0), abs=1e-8), settings.name


def test_pooled_filters_turn_with_the_image(one: FilterSettings) -> None:
    # an even number of voxels would move the middle of kernels that have none: an odd one keeps it
    samples = noise(1, (15, 15, 15))
    for first, second in ((1, 2),) if one.dimensions == 2 else ((0, 1), (1, 2), (0, 2)):
        there = respond(np.ascontiguousarray(np.rot90(samples, axes=(first, second))), EVEN, one)
        back = np.rot90(there, -1, axes=(first, second))
        wanted = respond(samples, EVEN, one)
        assert back == pytest.approx(wanted, abs=1e-6 * np.abs(wanted).max())


def test_a_filter_that_is_not_pooled_knows_its_direction() -> None:
    samples = noise(2, (9, 9, 9))
    settings = LawsFilter(kernels="L3E3S3", energy_distance=None, is_rotation_invariant=False)
    turned = np.rot90(respond(np.ascontiguousarray(np.rot90(samples)), EVEN, settings), -1)
    assert np.abs(turned - respond(samples, EVEN, settings)).max() > 10


def test_a_map_is_the_same_whether_the_image_is_cut_or_whole(one: FilterSettings) -> None:
    samples = noise(3, (40, 46, 44))
    wanted = (slice(18, 22), slice(20, 25), slice(21, 24))
    spacing = (1.0, 0.8, 0.8)
    whole = respond(samples, spacing, one)[wanted]
    assert respond(samples, spacing, one, wanted) == pytest.approx(whole, abs=1e-9)
    fars = reach(one, spacing)
    if None in fars:
        assert isinstance(one, SimoncelliFilter)
        return
    lows = [max(0, part.start - far) for part, far in zip(wanted, fars, strict=True)]
    cut = tuple(slice(low, part.stop + far) for low, part, far in zip(lows, wanted, fars, strict=True))
    inner = tuple(slice(part.start - low, part.stop - low) for part, low in zip(wanted, lows, strict=True))
    small = respond(np.ascontiguousarray(samples[cut]), spacing, one, inner)
    assert small == pytest.approx(whole, abs=1e-9)
    # one voxel less on every side is too little, or the reach says too much
    less = tuple(
        slice(low + (far > 0), part.stop + far - (far > 0)) for low, part, far in zip(lows, wanted, fars, strict=True)
    )
    inner = tuple(slice(part.start - at.start, part.stop - at.start) for part, at in zip(wanted, less, strict=True))
    short = respond(np.ascontiguousarray(samples[less]), spacing, one, inner)
    if not isinstance(one, GaborFilter | WaveletFilter):  # which reach less far along some axes than along others
        assert np.abs(short - whole).max() > 1e-9


def test_a_periodic_filter_needs_the_whole_image() -> None:
    assert reach(MeanFilter(boundary=Boundary.PERIODIC), EVEN) == (None, None, None)
    assert reach(MeanFilter(boundary=Boundary.PERIODIC, dimensions=2), EVEN) == (0, None, None)
    assert reach(LawsFilter(), EVEN) == (9, 9, 9)


def test_the_laplacian_of_gaussian_is_the_manual_s_kernel() -> None:
    sigma = 1.5
    found = respond(impulse(), EVEN, LaplacianOfGaussianFilter(sigma_mm=sigma))
    places = np.indices(found.shape) - 10
    squares = (places**2).sum(0)
    wanted = -1 / sigma**2 * (2 * np.pi * sigma**2) ** -1.5 * (3 - squares / sigma**2) * np.exp(-squares / 2 / sigma**2)
    inside = np.abs(places).max(0) <= 6  # four standard deviations
    assert found == pytest.approx(np.where(inside, wanted, 0), abs=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_laplacian_of_gaussian_is_near_scipy_s(dimensions: int) -> None:
    samples = noise(4, (12, 30, 31))
    sigmas = (0, 2, 2) if dimensions == 2 else (2, 2, 2)
    found = respond(samples, EVEN, LaplacianOfGaussianFilter(sigma_mm=2, dimensions=dimensions))
    if dimensions == 3:
        wanted = ndimage.gaussian_laplace(samples, sigmas)
    else:
        wanted = np.stack([ndimage.gaussian_laplace(plane, 2) for plane in samples])
    assert found == pytest.approx(wanted, abs=0.01 * np.abs(wanted).max())


def test_the_laplacian_of_gaussian_of_a_parabola_is_its_curvature() -> None:
    rows = (np.arange(61) - 30.0) ** 2
    samples = np.broadcast_to(rows, (61, 61, 61))
    found = respond(samples, (1.0, 1.0, 1.0), LaplacianOfGaussianFilter(sigma_mm=2.5, cutoff=8))
    assert found[30, 30, 30] == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_laws_kernels_have_unit_norm_and_only_levels_a_sum(name: str) -> None:
    kernel = np.array(laws_kernel(name))
    assert np.linalg.norm(kernel) == pytest.approx(1)
    assert len(kernel) == int(name[1])
    assert bool(abs(kernel.sum()) > 1) is name.startswith("L")
    assert kernel == pytest.approx(kernel[::-1] * (-1 if name[0] in "EW" else 1))


def test_longer_laws_kernels_are_products_of_the_short_ones() -> None:
    made = {"L5": ("L3", "L3"), "E5": ("L3", "E3"), "R5": ("S3", "S3"), "W5": ("E3", "S3")}
    for name, pair in made.items():
        product = np.convolve(*(LAWS[one] for one in pair))
        assert list(product) in (list(LAWS[name]), [-value for value in LAWS[name]])


def test_laws_kernels_lie_along_columns_then_rows_then_slices() -> None:
    settings = LawsFilter(kernels="L3E3S3", energy_distance=None, is_rotation_invariant=False)
    found = respond(impulse(9), EVEN, settings)
    columns, rows, slices = (np.array(laws_kernel(name)) for name in ("L3", "E3", "S3"))
    wanted = slices[:, None, None] * rows[:, None] * columns
    assert found[3:6, 3:6, 3:6] == pytest.approx(wanted)
    assert np.count_nonzero(found) == np.count_nonzero(wanted)


def turned_images(samples: Map, dimensions: int) -> list[tuple[Map, Callable[[Map], Map]]]:
    """Every turn of an image by 90 degrees, and what turns it back."""
    found = []
    for order in itertools.permutations(range(3)):
        if dimensions == 2 and order[0] != 0:
            continue
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) < 0 or (dimensions == 2 and signs[0] < 0):
                continue
            flips = [axis for axis in range(3) if signs[axis] < 0]
            there = np.flip(samples.transpose(order), flips)

            def back(array: Map, order: tuple[int, ...] = order, flips: list[int] = flips) -> Map:
                return np.flip(array, flips).transpose(np.argsort(order))

            found.append((np.ascontiguousarray(there), back))
    return found


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize(("dimensions", "parts"), [
    (2, "L5E5"), (3, "L5E5E5"), (3, "E3W5R5"), (3, "E3E3E3"), (3, "L3S3S5"), (2, "S5W5"),
    (3, "LLH"), (3, "HHH"), (3, "LHL"), (2, "HL"), (2, "LL"),
])  # fmt: skip
def test_pooling_is_that_of_the_image_turned_every_way(dimensions: int, parts: str, pooling: Pooling) -> None:
    samples = noise(5, (9, 10, 12))
    if parts.isalpha():
        filters = [
            WaveletFilter(dimensions=dimensions, bands=parts, level=2, is_rotation_invariant=turns, pooling=pooling)
            for turns in (True, False)
        ]
    else:
        filters = [
            LawsFilter(
                dimensions=dimensions, kernels=parts, energy_distance=None, is_rotation_invariant=turns, pooling=pooling
            )
            for turns in (True, False)
        ]
    pooled, single = filters
    maps = [back(respond(there, EVEN, single)) for there, back in turned_images(samples, dimensions)]
    assert len(maps) == (4 if dimensions == 2 else 24)
    wanted = np.mean(maps, axis=0) if pooling is Pooling.MEAN else np.max(maps, axis=0)
    assert respond(samples, EVEN, pooled) == pytest.approx(wanted, abs=1e-8)


def test_energy_is_the_mean_of_absolute_values_about_a_voxel() -> None:
    samples = noise(6)
    plain = LawsFilter(kernels="E5L5S5", energy_distance=None)
    energy = LawsFilter(kernels="E5L5S5", energy_distance=3)
    wanted = ndimage.convolve(np.abs(respond(samples, EVEN, plain)), np.full((7, 7, 7), 7.0**-3), mode="reflect")
    assert respond(samples, EVEN, energy) == pytest.approx(wanted)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db3", "coif1"])
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("bands", ["LLH", "HLL", "HHL", "HHH", "LLL"])
def test_wavelets_are_the_stationary_ones_of_pywavelets(wavelet: str, level: int, bands: str) -> None:
    samples = noise(7, (16, 16, 16))
    settings = WaveletFilter(
        wavelet=wavelet, bands=bands, level=level, is_rotation_invariant=False, boundary=Boundary.PERIODIC
    )
    found = respond(samples, EVEN, settings)
    bank = pywt.swtn(samples, wavelet, level=level)
    key = "".join("a" if band == "L" else "d" for band in bands[::-1])
    wanted = bank[0][key]
    shifts = range(-12, 13)
    # both are one convolution up to where the kernel has its middle, the same along each axis
    assert any(np.allclose(np.roll(wanted, (shift,) * 3, (0, 1, 2)), found, atol=1e-8) for shift in shifts)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 200.0])
def test_gabor_kernels_are_those_of_scikit_image(angle: float) -> None:
    one = GaborFilter(sigma_mm=3.0, wavelength_mm=4.0, aspect=1.5, angle_degrees=angle, angle_step_degrees=None)
    found = gabor_kernel(one, (1.0, 1.0), angle)
    other = skimage_gabor(1 / 4.0, theta=np.deg2rad(angle), sigma_x=3.0, sigma_y=2.0, n_stds=5)
    rows, columns = (min(a, b) // 2 for a, b in zip(found.shape, other.shape, strict=True))
    ours, theirs = (
        kernel[
            kernel.shape[0] // 2 - rows : kernel.shape[0] // 2 + rows + 1,
            kernel.shape[1] // 2 - columns : kernel.shape[1] // 2 + columns + 1,
        ]
        for kernel in (found, other)
    )
    assert ours / ours[rows, columns] == pytest.approx(theirs / theirs[rows, columns], abs=1e-9)


def test_a_gabor_map_is_the_modulus_of_the_convolution() -> None:
    samples = noise(8, (3, 25, 22))
    one = GaborFilter(sigma_mm=2, wavelength_mm=3, aspect=0.8, angle_degrees=20, angle_step_degrees=None, dimensions=2)
    kernel = gabor_kernel(one, (0.9, 1.1), 20)
    high, wide = (side // 2 for side in kernel.shape)
    padded = np.pad(samples, ((0, 0), (high, high), (wide, wide)), mode="symmetric")
    wanted = np.stack([np.abs(signal.convolve(plane, kernel, mode="valid")) for plane in padded])
    assert respond(samples, (2.0, 0.9, 1.1), one) == pytest.approx(wanted, rel=1e-5, abs=1e-5 * wanted.max())


@pytest.mark.parametrize("pooling", Pooling)
def test_gabor_maps_are_pooled_over_every_angle_and_plane(pooling: Pooling) -> None:
    samples = noise(9, (12, 13, 14))
    one = GaborFilter(sigma_mm=1.2, wavelength_mm=2.5, angle_step_degrees=72, pooling=pooling)
    single = []
    for axis in range(3):
        for turn in range(5):
            angle = GaborFilter(
                sigma_mm=1.2, wavelength_mm=2.5, angle_degrees=72.0 * turn, angle_step_degrees=None, dimensions=2
            )
            flat = np.ascontiguousarray(np.moveaxis(samples, axis, 0))
            single.append(np.moveaxis(respond(flat, EVEN, angle), 0, axis))
    wanted = np.mean(single, axis=0) if pooling is Pooling.MEAN else np.max(single, axis=0)
    assert respond(samples, EVEN, one) == pytest.approx(wanted, rel=1e-5)


def test_a_wave_is_found_by_its_own_gabor_filter() -> None:
    rows, columns = np.indices((40, 40))
    wave = np.cos(2 * np.pi * (columns * np.cos(np.pi / 6) + rows * np.sin(np.pi / 6)) / 5)[None]
    answers = {
        angle: respond(
            wave,
            EVEN,
            GaborFilter(4, "mirror")
            if False
            else GaborFilter(
                dimensions=2, sigma_mm=4, wavelength_mm=5, aspect=1, angle_degrees=angle, angle_step_degrees=None
            ),
        )[0, 20, 20]
        for angle in (0.0, 30.0, 60.0, 90.0, 150.0)
    }
    assert max(answers, key=lambda angle: answers[angle]) == 30.0
    assert answers[30.0] == pytest.approx(np.pi * 4**2, rel=0.01)  # half the integral of the Gaussian


@pytest.mark.parametrize(("name", "shape"), [("sphere", "sphere"), ("checkerboard", "checkerboard")])
def test_the_digital_phantoms_of_phase_1_answer_with_their_symmetry(shared_data: Path, name: str, shape: str) -> None:
    path = shared_data / "ibsi" / "ibsi_2_digital_phantom" / "nifti" / name / "image" / f"{shape}.nii.gz"
    samples = np.asarray(nib.load(path).dataobj, dtype=np.float64)
    assert samples.shape == (64, 64, 64)
    centre = samples[20:44, 20:44, 20:44]
    for settings in (
        MeanFilter(size=15),
        LaplacianOfGaussianFilter(sigma_mm=5.0),
        SimoncelliFilter(level=2, boundary=Boundary.MIRROR),
    ):
        found = respond(np.ascontiguousarray(centre), (2.0, 2.0, 2.0), settings)
        # of order of axes nothing may hang, as long as the phantom itself does not change with it
        if np.array_equal(centre, centre.transpose(2, 1, 0)):
            assert found == pytest.approx(found.transpose(2, 1, 0), abs=1e-9 * np.abs(found).max())
        assert np.ptp(found) > 0
    assert np.array_equal(centre, centre.transpose(2, 1, 0))


def test_the_impulse_phantom_gives_back_the_mean(shared_data: Path) -> None:
    path = shared_data / "ibsi" / "ibsi_2_digital_phantom" / "nifti" / "impulse" / "image" / "impulse.nii.gz"
    samples = np.asarray(nib.load(path).dataobj, dtype=np.float64)
    found = respond(samples, (2.0, 2.0, 2.0), MeanFilter(size=15, dimensions=2, boundary=Boundary.ZERO))
    assert np.count_nonzero(np.abs(found) > 1e-9) == 15 * 15
    assert found.max() == pytest.approx(samples.max() / 225)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MeanFilter(size=4),
        lambda: LawsFilter(kernels="L5E5"),
        lambda: LawsFilter(kernels="L5E5", dimensions=3),
        lambda: LawsFilter(kernels="W3L5E5"),
        lambda: WaveletFilter(bands="LH"),
        lambda: WaveletFilter(wavelet="db39"),
        lambda: WaveletFilter(level=0),
        lambda: GaborFilter(angle_step_degrees=50),
        lambda: SimoncelliFilter(riesz=(1, 0)),
        lambda: SimoncelliFilter(riesz=(0, 0, 0)),
        lambda: LaplacianOfGaussianFilter(sigma_mm=0),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: Callable[[], FilterSettings]) -> None:
    with pytest.raises(ValidationError):
        wrong()


def test_names_tell_filters_apart() -> None:
    names = [one.name for dimensions in (2, 3) for one in every_filter(dimensions)]
    assert len(set(names)) == len(names)
    assert MeanFilter().name == "mean_5_3D"
    assert MeanFilter(boundary=Boundary.ZERO, dimensions=2).name == "mean_5_2D_zero"
    assert LaplacianOfGaussianFilter(cutoff=3).name == "log_1.5mm_cut_3_3D"
    assert SimoncelliFilter(riesz=(1, 0, 0)).name == "simoncelli_level_1_riesz_100_3D"
    assert SimoncelliFilter(boundary=Boundary.MIRROR).name == "simoncelli_level_1_3D_mirror"


def test_only_what_the_manual_has_values_for_is_standardised() -> None:
    flat = (3.0, 0.977, 0.977)
    assert is_standardised(MeanFilter(), EVEN)
    assert not is_standardised(MeanFilter(), flat)
    assert is_standardised(MeanFilter(dimensions=2), flat)
    assert is_standardised(SimoncelliFilter(), EVEN)
    assert not is_standardised(SimoncelliFilter(boundary=Boundary.MIRROR), EVEN)
    assert not is_standardised(SimoncelliFilter(riesz=(0, 1, 0)), EVEN)
    assert not is_standardised(LaplacianOfGaussianFilter(riesz=(0, 1, 1)), EVEN)
