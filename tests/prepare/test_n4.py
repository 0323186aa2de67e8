"""N4: a known shading is found as well as SimpleITK finds it, and its parts do what the articles say."""

import json

import numpy as np
import pytest
import SimpleITK
from scipy.interpolate import BSpline
from scipy.ndimage import binary_erosion, gaussian_filter
from skimage.filters import threshold_otsu

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.lattice import basis_of, field_of, fit_lattice, refined
from hounsfield.prepare.n4 import N4, bias_field
from hounsfield.prepare.sequence import apply_steps, invert_trace
from hounsfield.prepare.sharpen import sharpened
from hounsfield.prepare.statistics import otsu_level

SHAPE = (32, 80, 72)


@pytest.fixture(scope="module")
def shaded():
    """Return a head of three tissues under a shading, the tissue of each voxel, and the shading."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, count) for count in SHAPE], indexing="ij")
    away = np.sqrt((z / 0.9) ** 2 + (y / 0.85) ** 2 + (x / 0.8) ** 2)
    tissue = np.zeros(SHAPE, dtype=int)
    tissue[away < 1] = 1
    tissue[away < 0.85] = 2
    tissue[away < 0.6 + 0.08 * np.sin(6 * np.arctan2(y, x))] = 3
    clean = gaussian_filter(np.array([0.0, 250.0, 500.0, 750.0])[tissue], 0.6)
    shading = np.exp(0.35 * (0.8 * x - 0.5 * y * z + 0.6 * x * x - 0.4 * y + 0.3 * np.sin(2 * z)))
    chance = np.random.default_rng(0)
    noise = [chance.normal(0, 6, SHAPE) for _ in range(2)]
    array = np.hypot(clean * shading + noise[0], noise[1]).astype(np.float32)
    volume = Volume(array, VolumeGeometry(SHAPE, (2.0, 1.0, 1.0)), Quantity.ARBITRARY, slice_axis=SliceAxis.SPACE)
    return volume, tissue, shading


def by_simpleitk(volume, shrink, above):
    """Return the field that SimpleITK finds in the same samples of the same mask."""
    image = SimpleITK.GetImageFromArray(volume.array)
    image.SetSpacing(volume.geometry.spacing_mm[::-1])
    factors = [min(shrink, max(1, count // 32)) for count in volume.geometry.shape][::-1]
    small = SimpleITK.Shrink(image, factors)
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([50] * 4)
    corrector.SetConvergenceThreshold(0.001)
    corrector.Execute(small, SimpleITK.Cast(small > above, SimpleITK.sitkUInt8))
    return np.exp(SimpleITK.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)))


def variation(array, where):
    """Return the coefficient of variation within a tissue, away from its edges."""
    core = binary_erosion(where, iterations=2)
    return array[core].std() / array[core].mean()


def test_a_tissue_becomes_as_even_as_with_simpleitk(shaded):
    volume, tissue, shading = shaded
    found, trace = apply_steps([N4()], volume)
    drawn = trace.steps[0].parameters["drawn"]
    theirs = by_simpleitk(volume, 4, drawn["above"])
    ours = bias_field(drawn, SHAPE)
    for kind in (2, 3):
        before = variation(volume.array, tissue == kind)
        after, expected = variation(found.array, tissue == kind), variation(volume.array / theirs, tissue == kind)
        assert after < 0.3 * before
        assert after < 1.2 * expected

    def error(field):
        inside = tissue > 1
        apart = np.log(field[inside]) - np.log(shading[inside])
        return apart.std()

    assert error(ours) < 1.15 * error(theirs)
    assert error(ours) < 0.55 * error(np.ones(SHAPE))


def test_the_mean_logarithm_over_the_tissue_stays(shaded):
    volume, _, _ = shaded
    drawn = N4(shrink=2).draw(volume, np.random.default_rng(0))
    field = bias_field(drawn, SHAPE)
    assert abs(np.log(field[volume.array > drawn["above"]]).mean()) < 0.01


def test_undone_up_to_rounding_through_json(shaded):
    volume, _, _ = shaded
    found, trace = apply_steps([N4(levels=2, iterations=10)], volume)
    again = Trace.from_json(trace.to_json())
    back = invert_trace(again, found)
    np.testing.assert_allclose(back.array, volume.array, rtol=1e-5)
    assert found.enhanced_by == ("n4",)
    assert len(json.dumps(trace.to_json())) < 20_000


def test_on_the_same_samples_the_field_is_that_of_simpleitk(shaded):
    """Round for round the same arithmetic: the fields differ by less than a thousandth where they differ at all."""
    array = np.ascontiguousarray(shaded[0].array[::2, ::2, ::2])
    small = Volume(array, VolumeGeometry(array.shape), Quantity.ARBITRARY)
    drawn = N4(shrink=1).draw(small, np.random.default_rng(0))
    ours, theirs = bias_field(drawn, array.shape), by_simpleitk(small, 1, drawn["above"])
    tissue = array > drawn["above"]
    apart = np.log(ours[tissue]) - np.log(theirs[tissue])
    assert apart.std() < 1e-3
    assert np.log(ours[tissue]).std() > 0.05


def test_one_slice_has_a_field_of_its_plane(shaded):
    volume, tissue, _ = shaded
    middle = SHAPE[0] // 2
    one = Volume(volume.array[middle : middle + 1], VolumeGeometry((1, *SHAPE[1:])), Quantity.ARBITRARY)
    found, trace = apply_steps([N4(shrink=1)], one)
    assert np.shape(trace.steps[0].parameters["drawn"]["lattice"])[0] == 1
    kind = tissue[middle] == 3
    assert variation(found.array[0], kind) < 0.4 * variation(one.array[0], kind)


def test_what_is_refused(shaded):
    volume, _, _ = shaded
    for array in (np.zeros(SHAPE, np.float32), np.full(SHAPE, 5.0, np.float32), -volume.array):
        with pytest.raises(PrepareError, match="E446"):
            apply_steps([N4()], volume.with_array(array))
    with pytest.raises(PrepareError, match="E446"):
        apply_steps([N4(above=1e9)], volume)
    with pytest.raises(PrepareError, match="E448"):
        apply_steps([N4()], volume.with_array(np.stack([volume.array] * 3)))
    with pytest.raises(PrepareError, match="E440"):
        apply_steps([N4()], volume.with_array(volume.array, slice_axis=SliceAxis.TIME))


def test_the_basis_is_that_of_scipy():
    knots = np.arange(-3, 8, dtype=float)
    at = np.linspace(0, 20, 21)
    found = basis_of(at, 21, 4).values
    expected = BSpline.design_matrix(np.clip(at * 4 / 20, 0, 4 - 1e-12), knots, 3).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_a_refined_lattice_is_the_same_field():
    chance = np.random.default_rng(1)
    lattice = chance.normal(size=(5, 4, 1))
    places = [np.linspace(0, 30, 13), np.linspace(0, 30, 17), np.zeros(1)]
    counts = [31, 31, 1]
    coarse, fine = (
        tuple(basis_of(at, count, elements) for at, count, elements in zip(places, counts, sides, strict=True))
        for sides in ((2, 1, 1), (4, 2, 2))
    )
    np.testing.assert_allclose(field_of(refined(lattice), fine), field_of(lattice, coarse), atol=1e-12)


def test_the_fit_is_the_sum_of_the_article():
    """Every control point by the double loop over samples and their 64 neighbours (Lee 1997, equation 5)."""
    chance = np.random.default_rng(2)
    shape = (4, 5, 6)
    samples, known = chance.normal(size=shape), chance.random(shape) > 0.3
    axes = tuple(basis_of(np.arange(count), count, 2) for count in shape)
    above, below = np.zeros((5, 5, 5)), np.zeros((5, 5, 5))
    for index in np.argwhere(known):
        weights = np.einsum("a,b,c->abc", *(axis.values[place] for axis, place in zip(axes, index, strict=True)))
        points = weights * samples[tuple(index)] / (weights**2).sum()
        above += weights**2 * points
        below += weights**2
    expected = np.where(below > 0, above / np.where(below > 0, below, 1), 0)
    np.testing.assert_allclose(fit_lattice(samples, known, axes), expected, atol=1e-9)


def test_sharpening_undoes_a_blur_of_the_histogram():
    """Two tissues under a shading of 15 %: each sample goes nearer to its tissue, in the mean."""
    chance = np.random.default_rng(3)
    true = np.log(np.where(chance.random(20_000) < 0.4, 300.0, 600.0))
    measured = true + chance.normal(0, 0.15 / 2.3548, true.shape)
    found = sharpened(measured, 0.15, 0.01)
    assert np.abs(found - true).mean() < 0.6 * np.abs(measured - true).mean()
    np.testing.assert_array_equal(sharpened(np.full(9, 2.0), 0.15, 0.01), np.full(9, 2.0))


def sharpened_bin_by_bin(samples, fwhm, noise, bins=200):
    """Return the sharpened samples by the loops of ``itkN4BiasFieldCorrectionImageFilter.hxx``, written again."""
    low, high = samples.min(), samples.max()
    slope = (high - low) / (bins - 1)
    histogram = np.zeros(bins)
    for sample in samples:
        place = (sample - low) / slope
        index = int(np.floor(place))
        if place == index:
            histogram[index] += 1
        elif index < bins - 1:
            histogram[index] += 1 - (place - index)
            histogram[index + 1] += place - index
    padded = 2 ** (int(np.ceil(np.log2(bins))) + 1)
    offset = (padded - bins) // 2
    spread = np.zeros(padded)
    spread[offset : offset + bins] = histogram
    scaled = fwhm / slope
    factor, scale = 4 * np.log(2) / scaled**2, 2 * np.sqrt(np.log(2) / np.pi) / scaled
    kernel = np.zeros(padded)
    kernel[0] = scale
    for bin_ in range(1, padded // 2):
        kernel[bin_] = kernel[padded - bin_] = scale * np.exp(-(bin_**2) * factor)
    kernel[padded // 2] = scale * np.exp(-0.25 * padded**2 * factor)
    blur = np.fft.fft(kernel)
    wiener = np.conj(blur) / (np.conj(blur) * blur + noise)
    true = np.maximum(np.fft.ifft(np.fft.fft(spread) * wiener.real).real, 0)
    values = low + (np.arange(padded) - offset) * slope
    expected = np.fft.ifft(np.fft.fft(values * true) * blur).real / np.fft.ifft(np.fft.fft(true) * blur).real
    expected = expected[offset : offset + bins]
    found = []
    for sample in samples:
        place = (sample - low) / slope
        index = int(np.floor(place))
        if index < bins - 1:
            found.append(expected[index] + (expected[index + 1] - expected[index]) * (place - index))
        else:
            found.append(expected[-1])
    return np.array(found)


@pytest.mark.parametrize("fwhm", [0.05, 0.15, 0.4])
def test_sharpening_is_that_of_itk(fwhm):
    chance = np.random.default_rng(4)
    measured = np.log(np.where(chance.random(3000) < 0.3, 200.0, 500.0)) + chance.normal(0, 0.08, 3000)
    np.testing.assert_allclose(sharpened(measured, fwhm, 0.01), sharpened_bin_by_bin(measured, fwhm, 0.01), atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_otsu_is_that_of_skimage(seed):
    chance = np.random.default_rng(seed)
    samples = np.concatenate([chance.normal(50, 20, 4000), chance.normal(300, 60, 900 * (seed + 1))])
    assert otsu_level(samples) == pytest.approx(threshold_otsu(samples, nbins=256), abs=2.5)
