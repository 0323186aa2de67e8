"""The mask predictor on networks of one convolution that were made by hand: labels, channels, volumes, refusals."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from hounsfield.errors import HounsfieldError, ModelError, OutOfScope
from hounsfield.metrics.instances import match_objects
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.package import ModelPackage
from tests.model import toys

BANDS = ("background", "dim", "bright")


def network_of(weights: np.ndarray, bias: list[float], sides: tuple[int, ...], after: str = "Identity") -> bytes:
    """Return logits = weights * channels + bias at every sample, (image, label, [slice,] row, column)."""
    labels, channels = weights.shape
    kernel = weights.astype(np.float32).reshape(labels, channels, *(1 for _ in sides))
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["raw"]),
        helper.make_node(after, ["raw"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bands",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", channels, *sides])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels, *sides])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array(bias, np.float32), "bias")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def predictor_of(
    network: bytes, sides: tuple[int, ...], channels: int = 1, names: tuple[str, ...] = BANDS, **masks: object
) -> MaskPredictor:
    slices = sides[0] if len(sides) == 3 else None
    manifest = toys.manifest(
        task="segmentation",
        network={"channels": channels, "slices": slices, "rows": sides[-2], "columns": sides[-1]},
        prepare=[],
        classes=[{"name": name, "is_finding": index > 0} for index, name in enumerate(names)],
        explanation={"method": "none"},
        masks={"channel_names": [f"channel {index}" for index in range(channels)], **masks},
    )
    return MaskPredictor(ModelPackage(manifest, network, "", manifest.identity, ""), threads=1)


def bands(sides: tuple[int, ...] = (8, 8), **masks: object) -> MaskPredictor:
    """Return a model of a piecewise linear choice: below 1 background, 1 to 3 dim, above 3 bright."""
    return predictor_of(network_of(np.array([[0], [1], [2]]), [0, -1, -4], sides), sides, **masks)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 5, 3), (1, 17, 30), (6, 9, 8)])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_pictures_and_stacks_are_labelled_slice_by_slice(shape: tuple[int, int, int], overlap: float) -> None:
    image = np.random.default_rng(0).uniform(-1, 5, (1, *shape)).astype(np.float32)
    found = bands(overlap_fraction=overlap).predict(image)
    assert found.labels.dtype == np.int32
    assert not found.is_objects
    assert np.array_equal(found.labels, np.digitize(image[0], [1, 3]))
    assert found.model.name == "toy"


@pytest.mark.parametrize("shape", [(4, 8, 8), (11, 9, 15), (2, 5, 20), (1, 8, 8)])
def test_volumes_are_labelled_in_patches_of_several_slices(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(1).uniform(-1, 5, (1, *shape)).astype(np.float32)
    assert np.array_equal(bands((4, 8, 8)).predict(image).labels, np.digitize(image[0], [1, 3]))


def test_channels_are_weighed_in_their_order() -> None:
    """The second channel speaks for the first label, the fourth against it."""
    weights = np.array([[0, 0, 0, 0], [0, 1, 0, -1]])
    predictor = predictor_of(network_of(weights, [0, 0], (8, 8)), (8, 8), 4, BANDS[:2])
    images = np.random.default_rng(2).normal(size=(4, 2, 10, 9)).astype(np.float32)
    assert np.array_equal(predictor.predict(images).labels, images[1] > images[3])
    assert np.array_equal(predictor.predict(images[[0, 3, 2, 1]]).labels, images[1] < images[3])


def test_a_patch_gives_the_softmax_of_its_logits_however_large_they_are() -> None:
    predictor = predictor_of(network_of(np.array([[0], [1000]]), [0, 0], (8, 8)), (8, 8), 1, BANDS[:2])
    patch = np.linspace(-3, 3, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    found = predictor.run(patch)
    assert found.shape == (2, 1, 8, 8)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    assert np.array_equal(found[1] > 0.5, patch[0] > 0)
    mild = predictor.run(patch / 1000)
    np.testing.assert_allclose(mild[1], 1 / (1 + np.exp(-patch[0].astype(np.float64))), rtol=1e-3)


def test_of_two_labels_as_probable_the_first_is_called() -> None:
    equal = predictor_of(network_of(np.zeros((3, 1)), [0, 0, 0], (8, 8)), (8, 8))
    assert not equal.predict(np.ones((1, 1, 8, 8), dtype=np.float32)).labels.any()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, np.uint8])
def test_samples_of_other_types_are_answered_alike(dtype: type) -> None:
    image = np.random.default_rng(3).integers(0, 5, (1, 1, 12, 12))
    wanted = bands().predict(image.astype(np.float32)).labels
    assert np.array_equal(bands().predict(image.astype(dtype)).labels, wanted)


def test_objects_are_counted_from_interior_and_border() -> None:
    """Bright samples are border here: two squares that share a border come apart, and a third stands alone."""
    drawn = np.zeros((1, 20, 24), dtype=np.int32)
    drawn[0, 3:10, 2:10], drawn[0, 3:10, 10:18], drawn[0, 13:18, 8:14] = 1, 2, 3
    image = np.where(drawn > 0, 2.0, 0.0).astype(np.float32)
    image[0, 3:10, 9:11] = 5
    found = bands(object_name="nucleus", names=("background", "interior", "border")).predict(image[None])
    assert found.is_objects
    assert np.array_equal(np.unique(found.labels), [0, 1, 2, 3])
    assert match_objects(found.labels, drawn, 0.95).matched == 3


@pytest.mark.parametrize(
    ("shape", "code"),
    [((2, 1, 8, 8), "E520"), ((1, 8, 8), "E520"), ((1, 0, 8, 8), "E520"), ((1, 1, 8, 0), "E520")],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], code: str) -> None:
    with pytest.raises(OutOfScope) as caught:
        bands().predict(np.zeros(shape, dtype=np.float32))
    assert caught.value.code == code


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_sample_that_is_no_number_is_refused(value: float) -> None:
    image = np.zeros((1, 3, 9, 9), dtype=np.float32)
    image[0, 2, 8, 8] = value
    with pytest.raises(OutOfScope) as caught:
        bands().predict(image)
    assert caught.value.code == "E521"
    assert "1" in caught.value.text()


def test_an_answer_that_is_no_number_is_refused_wherever_it_stands() -> None:
    broken = predictor_of(network_of(np.array([[0], [1], [1]]), [1, 0, 0], (8, 8), after="Log"), (8, 8))
    right = np.ones((1, 1, 20, 20), dtype=np.float32)
    assert broken.predict(right).labels.shape == (1, 20, 20)
    right[0, 0, 19, 19] = -1
    with pytest.raises(ModelError) as caught:
        broken.predict(right)
    assert caught.value.code == "E522"


@pytest.mark.parametrize(("labels", "sides"), [(2, (8, 8)), (3, (8, 12)), (3, (4, 8, 8))])
def test_a_network_of_other_labels_or_sides_is_refused(labels: int, sides: tuple[int, ...]) -> None:
    with pytest.raises(HounsfieldError) as caught:
        predictor_of(network_of(np.ones((labels, 1)), [0.0] * labels, sides), (8, 8))
    assert caught.value.code == "E513"
