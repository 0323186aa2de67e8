"""Maps on the source grid: the hot spot lies where the network found it."""

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.explain.attribution import attribute
from hounsfield.explain.outline import outline
from hounsfield.explain.source import heat_on_source
from hounsfield.model.predictor import Predictor
from hounsfield.prepare.sequence import apply_steps, build_steps
from tests.model import toys

STEPS = [
    {"step": "grey"},
    {"step": "percentile-scale"},
    {"step": "crop-foreground", "threshold": 0.1, "margin_fraction": 0.05},
    {"step": "pad-square"},
    {"step": "resize", "rows": 48, "columns": 48},
]


def film(slices=1):
    """Return films with a body off the centre and a lesion in it at rows 150..180, columns 210..250."""
    r, c = np.mgrid[:300, :400]
    body = (((r - 160) / 110) ** 2 + ((c - 220) / 90) ** 2 <= 1) * 0.3
    body[150:180, 210:250] = 1.0
    array = np.repeat(body[None], slices, axis=0).astype(np.float32)
    return Volume(array, VolumeGeometry(array.shape, (5.0, 0.2, 0.15), (3.0, 4.0, 5.0)), Quantity.DISPLAY)


def predictor(folder):
    network = toys.reload(toys.cam_network())
    for value in (network.graph.input[0], network.graph.output[1]):
        for dimension in value.type.tensor_type.shape.dim[2:]:
            dimension.dim_value = 48
    entries = {
        "network": {"rows": 48, "columns": 48, "activation_maps": "maps"},
        "explanation": {"method": "cam"},
        "prepare": STEPS,
    }
    return Predictor(toys.package(folder, network.SerializeToString(), **entries))


def test_the_outline_goes_around_the_lesion(tmp_path):
    """From a film through the model's own steps to an outline in the film's pixels."""
    prepared, trace = apply_steps(build_steps(STEPS), film())
    heat = attribute(predictor(tmp_path), prepared, 0, 1)
    found = heat_on_source(heat, prepared, trace)
    assert found.geometry == film().geometry
    assert found.array.shape == (1, 300, 400)
    (polygon,) = outline(found.array[0], 0.65)
    model_pixel = prepared.geometry.row_spacing_mm / 0.2
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    np.testing.assert_allclose([low[0], high[0]], [210, 250], atol=model_pixel)
    np.testing.assert_allclose([low[1], high[1]], [150, 180], atol=model_pixel)


def test_what_was_cut_off_is_cold(tmp_path):
    prepared, trace = apply_steps(build_steps(STEPS), film())
    found = heat_on_source(np.ones((48, 48), np.float32), prepared, trace).array[0]
    assert found[0, 0] == 0
    assert found[160, 220] == pytest.approx(1)
    assert 0.2 < found.mean() < 0.9


def test_the_map_of_a_slice_of_a_stack_lies_on_that_slice(tmp_path):
    stack = film(slices=4)
    prepared, trace = apply_steps(build_steps(STEPS), stack)
    heat = attribute(predictor(tmp_path), prepared, 2, 1)
    found = heat_on_source(heat, prepared, trace, slice_index=2)
    assert found.geometry.shape == (1, 300, 400)
    np.testing.assert_allclose(
        found.geometry.to_patient([[0, 7, 9]]), stack.geometry.to_patient([[2, 7, 9]]), atol=1e-6
    )
    alone, alone_trace = apply_steps(build_steps(STEPS), film())
    np.testing.assert_array_equal(found.array, heat_on_source(heat, alone, alone_trace).array)


def test_a_map_is_no_display_image(tmp_path):
    prepared, trace = apply_steps(build_steps(STEPS), film())
    assert heat_on_source(np.zeros((48, 48), np.float32), prepared, trace).quantity is Quantity.ARBITRARY
