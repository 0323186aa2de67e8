"""Features: what the last layer takes, so that the last layer applied to them by hand gives the logits."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hounsfield.errors import ModelError
from hounsfield.model.features import FeatureNetwork
from hounsfield.model.predictor import Predictor
from hounsfield.model.registry import find_model
from tests.model import toys
from tests.model.generators import generator


def pictures(count, rows, columns):
    return np.random.default_rng(0).random((count, 1, rows, columns), dtype=np.float32)


def test_features_of_the_mean_network_are_the_mean(tmp_path):
    images = pictures(5, toys.ROWS, toys.COLUMNS)
    found = FeatureNetwork(toys.package(tmp_path)).of(images)
    np.testing.assert_allclose(found, images.mean((2, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", ["body-part", "chest-xray-pneumonia"])
def test_features_of_a_starter_times_its_last_layer_are_its_logits(name):
    package = find_model(name)
    side = package.manifest.network.rows
    images = pictures(3, side, side)
    stored = {
        item.name: numpy_helper.to_array(item)
        for item in onnx.load_model_from_string(package.network).graph.initializer
    }
    weight, bias = (stored[f"classifier.linear.{part}"].astype(np.float64) for part in ("weight", "bias"))
    found = FeatureNetwork(package, threads=1).of(images)
    assert found.shape == (3, weight.shape[1])
    expected = Predictor(package, threads=1).run(images)["logits"]
    np.testing.assert_allclose(found @ weight.T + bias, expected, rtol=1e-4, atol=1e-4)


def test_of_two_linear_layers_the_last_counts(tmp_path):
    network = {"rows": 32, "columns": 32}
    package = toys.package(tmp_path, toys.deep_network(), network=network)
    images = pictures(4, 32, 32)
    found = FeatureNetwork(package).of(images)
    assert found.shape == (4, 128)
    stored = {item.name: numpy_helper.to_array(item) for item in toys.reload(package.network).graph.initializer}
    expected = Predictor(package, threads=1).run(images)["logits"]
    np.testing.assert_allclose(found @ stored["d2"].T, expected, atol=1e-5)
    assert (found >= 0).all()


def test_an_image_has_the_same_features_whatever_comes_with_it(tmp_path):
    network = FeatureNetwork(toys.package(tmp_path))
    images = pictures(6, toys.ROWS, toys.COLUMNS)
    assert np.array_equal(network.of(images)[3], network.of(images[3:4])[0])


def test_a_network_without_a_linear_layer_has_none(tmp_path):
    changes = {"network": {"rows": toys.ROWS, "columns": toys.COLUMNS, "activation_maps": "maps"}}
    with pytest.raises(ModelError, match="E923"):
        FeatureNetwork(toys.package(tmp_path, toys.cam_network(), **changes))


def test_a_generator_has_none(tmp_path):
    with pytest.raises(ModelError, match="E920"):
        FeatureNetwork(generator(tmp_path))


def test_features_that_are_no_numbers_are_refused(tmp_path):
    network = FeatureNetwork(toys.package(tmp_path))
    images = pictures(2, toys.ROWS, toys.COLUMNS)
    images[1, 0, 0, 0] = np.inf
    with pytest.raises(ModelError, match="E522"):
        network.of(images)
