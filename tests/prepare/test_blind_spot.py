"""The step blind-spot against phantoms whose truth is known, beside the steps without a network."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scipy import ndimage
from skimage.data import shepp_logan_phantom
from skimage.metrics import peak_signal_noise_ratio

from hounsfield import compiled
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, NotInvertible, PrepareError, WeightsMismatch
from hounsfield.prepare.blind_spot import BlindSpot
from hounsfield.prepare.denoise import Gaussian, Median
from hounsfield.prepare.notation import parse_steps
from hounsfield.prepare.sequence import apply_steps, build_steps, replay_trace


def discs() -> np.ndarray:
    """Return a scene of discs, an edge and a wave, in Hounsfield units; no image like it was learned from."""
    r, c = np.mgrid[:112, :120]
    scene = -1000.0 + 1040.0 * (((r - 56) / 48) ** 2 + ((c - 60) / 55) ** 2 < 1)
    for row, column, radius, value in ((40, 40, 12, 60), (70, 75, 9, -80), (60, 45, 3, 150), (35, 80, 2, 200)):
        scene[(r - row) ** 2 + (c - column) ** 2 < radius**2] = value
    return (scene + 25 * np.sin(r / 11) * (scene > -500)).astype(np.float32)


def phantom() -> np.ndarray:
    return (1000 * shepp_logan_phantom()[::3, ::3]).astype(np.float32)


def volume_of(array: np.ndarray) -> Volume:
    array = array if array.ndim > 2 else array[None]
    return Volume(array, VolumeGeometry(array.shape[-3:], (3.0, 0.8, 0.8)), Quantity.ARBITRARY)


def noisy_of(truth: np.ndarray, sigma: float, grain: float = 0.0, seed: int = 11) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, truth.shape)
    noise = ndimage.gaussian_filter(noise, grain) if grain else noise
    return (truth + sigma * noise / noise.std()).astype(np.float32)


def psnr(truth: np.ndarray, found: np.ndarray) -> float:
    return float(peak_signal_noise_ratio(truth, found.reshape(truth.shape), data_range=float(np.ptp(truth))))


def after(step: object, array: np.ndarray) -> np.ndarray:
    return apply_steps((step,), volume_of(array))[0].array[0]


@pytest.mark.parametrize("sigma", [15.0, 40.0, 100.0])
@pytest.mark.parametrize("truth", [discs(), phantom()], ids=["discs", "shepp-logan"])
def test_it_gains_more_than_any_gaussian_or_median(truth: np.ndarray, sigma: float):
    noisy = noisy_of(truth, sigma)
    gained = psnr(truth, after(BlindSpot(), noisy)) - psnr(truth, noisy)
    peers = [Gaussian(sigma_mm=width) for width in (0.3, 0.4, 0.6, 0.8, 1.2)] + [Median(), Median(size=5)]
    best = max(psnr(truth, after(step, noisy)) for step in peers) - psnr(truth, noisy)
    assert gained > 5.0
    assert gained > best + 0.5


def test_noise_alike_in_neighbours_is_denoised_in_interleaved_grids():
    truth = discs()
    noisy = noisy_of(truth, 40.0, grain=0.8)
    drawn = BlindSpot().draw(volume_of(noisy), np.random.default_rng(0))
    assert drawn["stride"] > 1
    assert drawn["sigma"] == pytest.approx(40.0, rel=0.15)
    assert psnr(truth, after(BlindSpot(), noisy)) > psnr(truth, noisy) + 2.0
    assert psnr(truth, after(BlindSpot(), noisy)) > psnr(truth, after(BlindSpot(stride=1), noisy)) + 0.5
    assert BlindSpot().draw(volume_of(noisy_of(truth, 40.0)), np.random.default_rng(0))["stride"] == 1


def test_scale_and_offset_of_the_samples_do_not_matter():
    noisy = noisy_of(discs(), 40.0)
    one, other = after(BlindSpot(), noisy), after(BlindSpot(), noisy / 512 + 7)
    assert np.allclose((other - 7) * 512, one, atol=0.5)


def test_the_trace_names_the_network_and_replays_to_the_same_bytes():
    noisy = volume_of(np.stack([noisy_of(discs(), 40.0, seed=seed) for seed in (1, 2)]))
    first, trace = apply_steps(build_steps(parse_steps("blind-spot")), noisy)
    drawn = json.loads(trace.to_json())[0]["parameters"]["drawn"]
    assert (drawn["network"], len(drawn["weights_digest"])) == ("blind-spot", 64)
    assert replay_trace(trace, noisy).array.tobytes() == first.array.tobytes()
    assert first.enhanced_by == ("blind-spot",)
    with pytest.raises(EnhancedPixels, match="E460"):
        first.require_measurable()
    with pytest.raises(NotInvertible, match="E403"):
        BlindSpot().invert(first, drawn)
    with pytest.raises(WeightsMismatch, match="E469"):
        BlindSpot().apply(noisy, {**drawn, "weights_digest": "0" * 64})


def test_neither_threads_nor_other_slices_matter(monkeypatch: pytest.MonkeyPatch):
    stack = np.stack([noisy_of(discs(), 40.0, seed=seed) for seed in (1, 2, 3)])
    drawn = BlindSpot().draw(volume_of(stack), np.random.default_rng(0))
    expected = BlindSpot().apply(volume_of(stack), drawn).array
    monkeypatch.setattr(compiled, "core_count", lambda: 1)
    assert BlindSpot().apply(volume_of(stack), drawn).array.tobytes() == expected.tobytes()
    assert BlindSpot().apply(volume_of(stack[1]), drawn).array.tobytes() == expected[1].tobytes()


def test_too_much_noise_is_refused_and_too_little_is_left():
    noise = np.random.default_rng(2).normal(0, 10, (64, 64)).astype(np.float32)
    with pytest.raises(PrepareError, match="E466"):
        after(BlindSpot(), noise)
    with pytest.raises(PrepareError, match="E466"):
        after(BlindSpot(sigma=900.0), noisy_of(discs(), 40.0))
    clean, trace = apply_steps((BlindSpot(),), volume_of(discs()))
    assert trace.steps[0].parameters["drawn"]["is_applied"] is False
    assert np.array_equal(clean.array[0], discs())
    quiet = noisy_of(discs(), 1.0)
    assert np.array_equal(after(BlindSpot(), quiet), quiet)


@pytest.mark.parametrize(("shape", "stride"), [((16, 64), None), ((64, 40), 3)])
def test_small_slices_are_refused(shape: tuple[int, int], stride: int | None):
    with pytest.raises(PrepareError, match="E467"):
        after(BlindSpot(stride=stride), noisy_of(discs(), 40.0)[30 : 30 + shape[0], 30 : 30 + shape[1]])
    assert np.isfinite(after(BlindSpot(), noisy_of(discs(), 40.0)[30:47, 20:100])).all()


def test_integers_colour_and_samples_without_value():
    noisy = noisy_of(discs(), 40.0)
    whole = after(BlindSpot(), noisy.astype(np.int16))
    assert whole.dtype == np.float32
    assert np.allclose(whole, after(BlindSpot(), noisy), atol=5)
    colour = Volume(np.stack([noisy[None]] * 3), volume_of(noisy).geometry, Quantity.DISPLAY)
    assert np.array_equal(apply_steps((BlindSpot(),), colour)[0].array[2, 0], after(BlindSpot(), noisy))
    noisy[3, 4] = np.nan
    found = after(BlindSpot(), noisy)
    assert np.isnan(found[3, 4])
    assert np.isfinite(found).sum() == noisy.size - 1
    with pytest.raises(PrepareError, match="E405"):
        after(BlindSpot(), np.full((64, 64), np.nan, np.float32))


def test_memory_is_bounded_and_torch_is_not_needed():
    """Whole, the features of this slice would take 32 x 4 MB a layer; in tiles, far less."""
    program = """
        import resource, sys
        sys.modules["torch"] = None
        import numpy as np
        from hounsfield.core.geometry import VolumeGeometry
        from hounsfield.core.quantities import Quantity
        from hounsfield.core.volume import Volume
        from hounsfield.prepare.blind_spot import BlindSpot

        def volume(side):
            array = np.random.default_rng(0).normal(0, 1, (1, side, side)).astype(np.float32)
            array[:, side // 2 :] += 20
            return Volume(array, VolumeGeometry(array.shape, (1, 1, 1)), Quantity.ARBITRARY)

        def peak(side):
            made = volume(side)
            BlindSpot().apply(made, BlindSpot().draw(made, np.random.default_rng(0)))
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        print(peak(256), peak(1024))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=120
    )
    small, large = map(float, done.stdout.split())
    assert large - small < 100
