"""Predictors: known answers, torch as oracle, and the same bytes whatever comes along."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from scipy import special

from hounsfield.core.trace import Trace
from hounsfield.errors import ModelError, OutOfScope
from hounsfield.model.predictor import Predictor, runtime_description, softmax
from tests.model import toys

TRACE = Trace().followed_by("grey", {"settings": {}, "drawn": {"channels": 0}})


def images(count, seed=0, rows=32, columns=32):
    return np.random.default_rng(seed).random((count, 1, rows, columns)).astype(np.float32)


@pytest.fixture
def deep(tmp_path):
    return toys.package(tmp_path, toys.deep_network(), network={"rows": 32, "columns": 32})


def test_a_known_network_gives_the_known_answer(tmp_path):
    stack = np.stack([np.full((12, 16), 0.9), np.full((12, 16), 0.2)])
    found = Predictor(toys.package(tmp_path)).predict(toys.prepared(stack), TRACE)
    means = np.array([0.9, 0.2])
    expected = special.softmax(np.stack([4 - 8 * means, 8 * means - 4]), axis=0)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    assert found.probabilities.dtype == np.float32
    assert found.trace == TRACE
    assert found.geometry == toys.prepared(stack).geometry
    assert [entry.name for entry in found.classes] == ["no-pneumonia", "pneumonia"]
    assert found.model.weights_digest == toys.package(tmp_path).identity.weights_digest
    assert found.outside_margin is None


def test_one_slice_gives_one_answer_a_class(tmp_path):
    found = Predictor(toys.package(tmp_path)).predict(toys.prepared(np.ones((1, 12, 16))), TRACE)
    assert found.probabilities.shape == (2,)
    assert found.probabilities.sum() == pytest.approx(1)


def test_the_temperature_divides_the_logits(tmp_path):
    volume = toys.prepared(np.full((1, 12, 16), 0.9))
    package = toys.package(tmp_path, calibration={"temperature": 4.0, "method": "temperature"})
    expected = special.softmax(np.array([-3.2, 3.2]) / 4)
    np.testing.assert_allclose(Predictor(package).predict(volume, TRACE).probabilities, expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 7.0])
def test_softmax_is_scipys_and_never_overflows(temperature):
    logits = np.array([[1.0, -2.0, 0.5], [1000.0, -1000.0, 0.0], [-1e30, 0.0, 1.0]])
    expected = special.softmax(logits / temperature, axis=1)
    np.testing.assert_allclose(softmax(logits, temperature), expected, rtol=1e-6, atol=1e-30)


def test_batches_give_the_bytes_of_single_images(deep):
    predictor = Predictor(deep)
    stack = images(8)
    whole = predictor.run(stack)["logits"]
    for size in (1, 2, 3, 8):
        pieces = [predictor.run(stack[start : start + size])["logits"] for start in range(0, 8, size)]
        assert np.concatenate(pieces).tobytes() == whole.tobytes()


def test_neighbours_do_not_matter(deep):
    predictor, stack = Predictor(deep), images(6)
    for order in ([5, 4, 3, 2, 1, 0], [2, 2, 2], [3]):
        expected = predictor.run(stack)["logits"][order]
        assert predictor.run(stack[order])["logits"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_do_not_matter(deep, threads):
    assert (
        Predictor(deep, threads).run(images(4))["logits"].tobytes()
        == Predictor(deep).run(images(4))["logits"].tobytes()
    )


def test_twenty_repeats_and_new_sessions_give_the_same_bytes(deep):
    predictor = Predictor(deep)
    first = predictor.run(images(2))["logits"].tobytes()
    assert all(predictor.run(images(2))["logits"].tobytes() == first for _ in range(20))
    assert all(Predictor(deep).run(images(2))["logits"].tobytes() == first for _ in range(3))


def test_a_restart_gives_the_same_bytes(deep, tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from hounsfield.model.package import open_package; from hounsfield.model.predictor import Predictor;"
        "image = np.random.default_rng(0).random((2, 1, 32, 32)).astype(np.float32);"
        f"out = Predictor(open_package(Path({str(tmp_path / 'toy.model')!r}))).run(image)['logits'];"
        "sys.stdout.write(out.tobytes().hex())"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8").stdout
    assert found == Predictor(deep).run(images(2))["logits"].tobytes().hex()


@pytest.mark.torch
def test_the_runtime_agrees_with_torch(deep):
    import onnx
    import torch
    from torch.nn import functional

    weights = {
        item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy())
        for item in toys.reload(deep.network).graph.initializer
    }
    x = torch.from_numpy(images(3))
    x = functional.max_pool2d(functional.conv2d(x, weights["c1"], weights["b1"], padding=1).relu(), 2)
    x = functional.conv2d(x, weights["c2"], weights["b2"], padding=1).relu().flatten(1)
    expected = functional.linear(functional.linear(x, weights["d1"]).relu(), weights["d2"])
    np.testing.assert_allclose(Predictor(deep).run(images(3))["logits"], expected.numpy(), atol=1e-5)


def test_maps_come_with_the_logits(tmp_path):
    package = toys.package(tmp_path, toys.cam_network(), network={"rows": 12, "columns": 16, "activation_maps": "maps"})
    stack = images(3, rows=12, columns=16)
    found = Predictor(package).run(stack)
    np.testing.assert_allclose(found["maps"], stack * np.array([-3, 5]).reshape(1, 2, 1, 1), rtol=1e-6)
    np.testing.assert_allclose(found["logits"], found["maps"].mean(axis=(2, 3)) + np.array([1, -1]), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 12, 17), (1, 13, 16), (3, 1, 12, 16), (2, 1, 12, 16)])
def test_another_size_is_out_of_scope(tmp_path, shape):
    with pytest.raises(OutOfScope) as caught:
        Predictor(toys.package(tmp_path)).predict(toys.prepared(np.zeros(shape)), TRACE)
    assert caught.value.code == "E520"


@pytest.mark.parametrize("shape", [(0, 1, 12, 16), (12, 16), (1, 1, 1, 12, 16)])
def test_images_of_another_form_are_out_of_scope(tmp_path, shape):
    with pytest.raises(OutOfScope):
        Predictor(toys.package(tmp_path)).run(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_never_reach_the_network(tmp_path, value):
    array = np.zeros((2, 12, 16))
    array[1, 3, 4] = value
    with pytest.raises(OutOfScope) as caught:
        Predictor(toys.package(tmp_path)).predict(toys.prepared(array), TRACE)
    assert caught.value.code == "E521"


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_an_answer_that_is_not_finite_is_an_error_and_never_a_result(tmp_path, value):
    predictor = Predictor(toys.package(tmp_path, toys.log_network()))
    predictor.predict(toys.prepared(np.full((1, 12, 16), 0.5)), TRACE)
    with pytest.raises(ModelError) as caught:
        predictor.predict(toys.prepared(np.full((1, 12, 16), value)), TRACE)
    assert caught.value.code == "E522"


def test_an_outside_output_is_cut_at_its_threshold(tmp_path):
    package = toys.package(
        tmp_path,
        toys.outside_network(),
        network={"rows": 12, "columns": 16, "outside": "distance"},
        out_of_distribution={"score": "output", "threshold": 0.6},
    )
    stack = np.stack([np.full((12, 16), 0.9), np.full((12, 16), 0.2)])
    found = Predictor(package).predict(toys.prepared(stack), TRACE).outside_margin
    np.testing.assert_allclose(found, [0.3, -0.4], atol=1e-6)


def test_each_class_may_have_its_own_distance_and_threshold(tmp_path):
    package = toys.package(
        tmp_path,
        toys.outside_network(per_class=True),
        network={"rows": 12, "columns": 16, "outside": "distance"},
        out_of_distribution={"score": "output", "threshold": 0.1, "class_thresholds": {"pneumonia": 3.0}},
    )
    stack = np.stack([np.full((12, 16), 0.9), np.full((12, 16), 0.2)])
    found = Predictor(package).predict(toys.prepared(stack), TRACE).outside_margin
    np.testing.assert_allclose(found, [0.9 * 3 - 3.0, 0.2 - 0.1], atol=1e-6)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("energy", lambda logits: -special.logsumexp(logits, axis=1)),
        ("max-logit", lambda logits: logits.max(axis=1)),
        ("max-probability", lambda logits: special.softmax(logits / 2, axis=1).max(axis=1)),
    ],
)
@pytest.mark.parametrize("side", ["above", "below"])
def test_scores_from_the_logits_are_scipys(tmp_path, score, expected, side):
    package = toys.package(
        tmp_path,
        calibration={"temperature": 2.0},
        out_of_distribution={"score": score, "threshold": 0.25, "outside_is": side},
    )
    means = np.array([0.9, 0.5, 0.1])
    stack = np.repeat(np.repeat(means[:, None, None], 12, axis=1), 16, axis=2)
    found = Predictor(package).predict(toys.prepared(stack), TRACE).outside_margin
    logits = np.stack([4 - 8 * means, 8 * means - 4], axis=1)
    sign = 1 if side == "above" else -1
    np.testing.assert_allclose(found, sign * (expected(logits) - 0.25), atol=1e-5)


def test_the_runtime_is_named_for_provenance():
    assert runtime_description() == f"onnxruntime {onnxruntime.__version__} CPU"
