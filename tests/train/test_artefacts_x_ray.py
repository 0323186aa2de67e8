"""Artefacts of X-rays: noise against counted photons of numpy, and shutters that leave the open field as it is."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import ValidationError  # noqa: E402

from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise  # noqa: E402
from hounsfield.train.augment import augment  # noqa: E402


def at(seed):
    return torch.Generator().manual_seed(seed)


def noisy(level, photons, attenuation=4.0):
    kind = DoseNoise(probability=1, photons=(photons, photons), attenuation=attenuation)
    return augment(torch.full((1, 1, 300, 300), level), [kind], at(0)) - level


@pytest.mark.parametrize("level", [0.2, 0.5, 0.7])
def test_noise_is_that_of_counted_photons(level):
    counted = np.random.default_rng(1).poisson(2e4 * math.exp(-4 * level), 90_000)
    expected = -np.log(counted / 2e4) / 4
    found = noisy(level, 2e4)
    assert float(found.std()) == pytest.approx(expected.std(), rel=0.03)
    assert float(found.mean()) == pytest.approx(0, abs=3 * expected.std() / 300)


def test_four_times_the_dose_is_half_the_noise():
    assert float(noisy(0.5, 1e4).std() / noisy(0.5, 4e4).std()) == pytest.approx(2, rel=1e-3)


def test_dense_places_are_noisier_by_beers_law():
    ratio = float(noisy(0.6, 1e5).std() / noisy(0.2, 1e5).std())
    assert ratio == pytest.approx(math.exp(4 * 0.4 / 2), rel=1e-2)


def test_doses_are_drawn_evenly_in_their_logarithm():
    kind = DoseNoise(photons=(1e3, 1e5))
    photons = kind.draw(torch.zeros(5000, 1, 2, 2), at(0))["photons"]
    assert float(photons.min()) >= 999
    assert float(photons.max()) <= 100_100
    assert float((photons < 1e4).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_impossible_doses_are_refused():
    for wrong in ({"photons": (0, 10)}, {"attenuation": 0}, {"dose": 1}):
        with pytest.raises(ValidationError):
            DoseNoise(**wrong)


def test_shutters_are_where_they_were_drawn():
    images = torch.full((1, 2, 50, 100), 0.6)
    found = Collimation().apply(images, {"reach": torch.tensor([[0.1, 0.2, 0.05, 0.0]])})
    expected = torch.zeros_like(images)
    expected[:, :, 5:40, 5:] = 0.6
    assert torch.equal(found, expected)


def test_shutters_come_from_each_side_by_itself():
    images = torch.ones(4000, 1, 40, 40)
    kind = Collimation(probability=0.25, reach=0.4)
    changed = augment(images, [kind], at(0))
    sides = [changed[:, 0, 0, 20], changed[:, 0, -1, 20], changed[:, 0, 20, 0], changed[:, 0, 20, -1]]
    closed = torch.stack(sides) == 0
    # a shutter that comes in less than half a pixel leaves no trace
    expected = 0.25 * (1 - 0.5 / (0.4 * 40))
    for side in closed:
        assert float(side.float().mean()) == pytest.approx(expected, abs=0.025)
    both = float((closed[0] & closed[2]).float().mean())
    assert both == pytest.approx(expected**2, abs=0.015)
    assert float(changed[:, :, 17:23, 17:23].min()) == 1


def test_shutters_do_not_meet():
    with pytest.raises(ValidationError):
        Collimation(reach=0.5)
