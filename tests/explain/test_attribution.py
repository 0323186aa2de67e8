"""Attribution on networks whose answer is known: sign, place, scale and repeatability."""

import numpy as np
import pytest
from skimage.transform import resize as skimage_resize

from hounsfield.errors import ModelError, OutOfScope
from hounsfield.explain.attribution import BATCH, attribute, attribution
from hounsfield.model.predictor import Predictor
from tests.model import toys

CAM = {"network": {"rows": 12, "columns": 16, "activation_maps": "maps"}, "explanation": {"method": "cam"}}
OCCLUSION = {"explanation": {"method": "occlusion", "patch_fraction": 0.25, "stride_fraction": 0.1}}


def spots():
    """Return a slice of 0.5 with one bright and one dark spot."""
    image = np.full((12, 16), 0.5)
    image[2:5, 3:6] = 1.0
    image[7:10, 10:13] = 0.0
    return toys.prepared(image[None])


def cam(folder, weights=(-3.0, 5.0), bias=(1.0, -1.0)):
    return Predictor(toys.package(folder, toys.cam_network(weights, bias), **CAM))


def occlusion(folder, **changes):
    return Predictor(toys.package(folder, **{**OCCLUSION, **changes}))


@pytest.fixture(params=["cam", "occlusion"])
def predictor(request, tmp_path):
    return {"cam": cam, "occlusion": occlusion}[request.param](tmp_path)


def test_high_supports_the_class(predictor):
    """Both networks find the second class where it is bright, so bright must be hot for it and dark must not."""
    heat = attribute(predictor, spots(), 0, 1)
    assert heat[3, 4] > 0.9
    assert heat[8, 11] < heat[3, 4] / 2


def test_what_supports_one_class_speaks_against_the_other(tmp_path):
    predictor = occlusion(tmp_path)
    bright, dark = attribute(predictor, spots(), 0, 1), attribute(predictor, spots(), 0, 0)
    assert dark[8, 11] > 0.9
    assert dark[3, 4] == 0
    assert bright[8, 11] == 0


def test_the_map_is_on_the_model_grid_in_0_to_1(predictor):
    heat = attribute(predictor, spots(), 0, 1)
    assert heat.shape == (12, 16)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() == 1


def test_cam_is_the_weights_times_the_image_in_closed_form(tmp_path):
    """The maps are weight * image, so class against other is (5 - -3) * image."""
    found = attribution(cam(tmp_path), spots(), 0, 1)
    assert found.method == "cam"
    assert found.raw_maximum == pytest.approx(8.0)
    np.testing.assert_allclose(found.heat, spots().array[0], atol=1e-6)


def test_cam_sums_to_the_difference_of_the_logits(tmp_path):
    predictor = cam(tmp_path)
    found = attribution(predictor, spots(), 0, 1)
    logits = predictor.run(predictor.images_of(spots()))["logits"][0]
    assert found.heat.mean() * found.raw_maximum == pytest.approx(logits[1] - logits[0] + 2.0, rel=1e-5)


def test_a_class_nothing_speaks_for_has_an_empty_map(tmp_path):
    found = attribution(cam(tmp_path), spots(), 0, 0)
    assert found.raw_maximum <= 0
    assert (found.heat == 0).all()


def test_a_coarse_map_is_enlarged_as_skimage_does(tmp_path):
    from onnx import helper

    model = toys.reload(toys.cam_network())
    model.graph.node[0].input[0] = "small"
    pool = helper.make_node("AveragePool", ["images"], ["small"], kernel_shape=[4, 4], strides=[4, 4])
    model.graph.node.insert(0, pool)
    for dimension, value in zip(model.graph.output[1].type.tensor_type.shape.dim[2:], (3, 4), strict=True):
        dimension.dim_value = value
    predictor = Predictor(toys.package(tmp_path, model.SerializeToString(), **CAM))
    volume = toys.prepared(np.random.default_rng(0).random((1, 12, 16)))
    small = volume.array[0].reshape(3, 4, 4, 4).mean(axis=(1, 3))
    expected = skimage_resize(small, (12, 16), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(attribute(predictor, volume, 0, 1), expected / expected.max(), atol=1e-5)


def test_occlusion_is_the_fall_of_the_log_odds_in_closed_form(tmp_path):
    """The log-odds are 16 * (mean - 0.5); a patch of the mean takes 16 * (patch - mean) * its share of the image."""
    changes = {"explanation": {"method": "occlusion", "patch_fraction": 0.5, "stride_fraction": 0.5}}
    image = np.full((12, 16), 0.5)
    image[:6, :8] = 1.0
    found = attribution(occlusion(tmp_path, **changes), toys.prepared(image[None]), 0, 1)
    assert found.method == "occlusion"
    assert found.raw_maximum == pytest.approx(16 * (1.0 - image.mean()) / 4, rel=1e-4)
    np.testing.assert_allclose(found.heat[:6, :8], 1, atol=1e-5)
    assert (found.heat[6:] == 0).all()


def test_every_pixel_is_covered(tmp_path):
    for patch, stride in ((0.02, 0.02), (0.5, 0.02), (0.02, 0.5), (0.3, 0.17)):
        changes = {"explanation": {"method": "occlusion", "patch_fraction": patch, "stride_fraction": stride}}
        volume = toys.prepared(np.random.default_rng(1).random((1, 12, 16)))
        assert np.isfinite(attribute(occlusion(tmp_path, **changes), volume, 0, 1)).all()


def test_no_more_images_are_held_than_a_batch(tmp_path, monkeypatch):
    predictor, sizes = occlusion(tmp_path), []
    run = predictor.run
    monkeypatch.setattr(predictor, "run", lambda images: sizes.append(len(images)) or run(images))
    attribute(predictor, spots(), 0, 1)
    assert max(sizes) <= BATCH
    assert sum(sizes) > BATCH


def test_the_number_of_patches_is_bounded(tmp_path, monkeypatch):
    from hounsfield.explain import attribution as module

    monkeypatch.setattr(module, "MAXIMUM_PATCHES", 50)
    changes = {"explanation": {"method": "occlusion", "patch_fraction": 0.5, "stride_fraction": 0.02}}
    predictor, sizes = occlusion(tmp_path, **changes), []
    run = predictor.run
    monkeypatch.setattr(predictor, "run", lambda images: sizes.append(len(images)) or run(images))
    assert np.isfinite(attribute(predictor, spots(), 0, 1)).all()
    assert sum(sizes) <= 51


def test_the_same_image_gives_the_same_bytes(predictor):
    first = attribute(predictor, spots(), 0, 1).tobytes()
    assert all(attribute(predictor, spots(), 0, 1).tobytes() == first for _ in range(3))


def test_a_slice_of_a_stack_is_explained_as_it_is_alone(predictor):
    stack = toys.prepared(np.concatenate([np.zeros((1, 12, 16)), spots().array]))
    assert attribute(predictor, stack, 1, 1).tobytes() == attribute(predictor, spots(), 0, 1).tobytes()


def test_the_image_is_left_as_it_was(predictor):
    volume = spots()
    before = volume.array.tobytes()
    attribute(predictor, volume, 0, 1)
    assert volume.array.tobytes() == before


def test_a_constant_image_has_an_empty_map_by_occlusion(tmp_path):
    found = attribution(occlusion(tmp_path), toys.prepared(np.full((1, 12, 16), 0.25)), 0, 1)
    assert found.raw_maximum == pytest.approx(0, abs=1e-5)
    assert np.isfinite(found.heat).all()


def test_a_model_without_maps_says_so(tmp_path):
    predictor = Predictor(toys.package(tmp_path))
    with pytest.raises(ModelError) as caught:
        attribute(predictor, spots(), 0, 1)
    assert caught.value.code == "E550"


@pytest.mark.parametrize(("slice_index", "class_index"), [(1, 0), (-1, 0), (0, 2), (0, -1)])
def test_a_slice_or_class_that_is_not_there_is_refused(predictor, slice_index, class_index):
    with pytest.raises(ModelError) as caught:
        attribute(predictor, spots(), slice_index, class_index)
    assert caught.value.code == "E551"


def test_an_image_of_another_size_is_refused(predictor):
    with pytest.raises(OutOfScope):
        attribute(predictor, toys.prepared(np.zeros((1, 20, 20))), 0, 1)
