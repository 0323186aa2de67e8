"""What the blind-spot network is trained with: parts without a common patient, noise of 1, and a loss without truth."""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

STARTERS = Path(__file__).resolve().parents[2] / "starters"
FLAT = np.full((300, 300), 50.0, np.float32)


@pytest.fixture(scope="module")
def data():
    """Return the module of images and noise; the folder of scripts is no package."""
    sys.path.insert(0, str(STARTERS))
    try:
        import blind_spot_data

        yield blind_spot_data
    finally:
        sys.path.remove(str(STARTERS))


@pytest.fixture(scope="module")
def training(data):
    pytest.importorskip("torch", reason="training needs the train extra")
    import train_blind_spot

    return train_blind_spot


def test_no_patient_and_no_file_is_in_two_parts(data):
    for one, other in combinations((data.TRAINING, data.TUNING, data.TEST), 2):
        assert not set(data.SARCOMA[one]) & set(data.SARCOMA[other])
        assert not {path for _, path in data.PARTS[one]} & {path for _, path in data.PARTS[other]}


def test_nothing_is_learned_from_data_that_forbid_it(data):
    learned = [path for _, path in (*data.PARTS[data.TRAINING], *data.PARTS[data.TUNING])]
    for barred in ("fracture_xray", "cardiac_mri", "body_part", "ibsi"):
        assert not [path for path in learned if path.startswith(barred)]


@pytest.mark.parametrize("name", ["gaussian", "poisson", "rician"])
def test_noise_has_a_deviation_of_one(data, name):
    clean = FLAT.copy()
    clean[:, 0] = 0
    noise = (data.NOISES[name](clean, np.random.default_rng(0)) - clean)[:, 1:]
    assert noise.std() == pytest.approx(1.0, abs=0.02)


def test_noise_of_counts_grows_with_the_signal(data):
    clean = np.repeat(np.array([[0.0, 100.0]], np.float32), 200, axis=1).repeat(200, axis=0)
    noise = data.poisson(clean, np.random.default_rng(0)) - clean
    dark, bright = noise[:, :200].var(), noise[:, 200:].var()
    assert bright / dark == pytest.approx(112.5 / 12.5, rel=0.05)
    assert (dark + bright) / 2 == pytest.approx(1.0, abs=0.03)


def test_rician_noise_has_the_distribution_of_scipy(data):
    clean = FLAT * 0 + 3
    clean[0, 0] = 0
    drawn = data.rician(clean, np.random.default_rng(0)).ravel()[1:]
    assert drawn.mean() == pytest.approx(stats.rice(3.0).mean(), abs=0.01)
    assert drawn.std() == pytest.approx(stats.rice(3.0).std(), abs=0.01)


def test_dead_leaves_are_the_same_for_the_same_chance(data):
    one, other, third = (data.dead_leaves(40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (40, 40)
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)
    assert np.ptp(one) > 0.2


def test_reducing_takes_means_of_blocks(data):
    assert np.array_equal(data.reduced(np.arange(12, dtype=np.float32).reshape(3, 4), 2), [[2.5, 4.5]])


@pytest.mark.torch
def test_phases_side_by_side_are_the_same_network(training):
    torch = training.torch
    torch.manual_seed(1)
    network = training.BlindSpotNetwork()
    torch.nn.init.normal_(network.last.weight, std=0.3)
    noisy = torch.randn(2, 1, 40, 34)
    with torch.no_grad():
        for one, other in zip(network(noisy), network.in_phases(noisy), strict=True):
            assert one.shape == other.shape == (2, 1, 12, 6)
            assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.torch
def test_training_is_repeatable_and_exports_what_it_trained(data, training):
    torch = training.torch
    pixels = np.random.default_rng(0).random((120, 120)).astype(np.float32)
    shown = [data.Picture("CT", "made up", pixels)]
    one, other = (training.train(shown, shown, 2) for _ in range(2))
    assert one[1] == other[1]
    raw = training.onnx_bytes(one[0])
    assert raw == training.onnx_bytes(other[0])
    import onnxruntime

    noisy = np.random.default_rng(1).normal(0, 3, (1, 1, 40, 37)).astype(np.float32)
    found = onnxruntime.InferenceSession(raw).run(None, {"noisy": noisy})
    with torch.no_grad():
        for told, expected in zip(found, one[0](torch.from_numpy(noisy)), strict=True):
            assert np.allclose(told, expected.numpy(), atol=1e-4)
