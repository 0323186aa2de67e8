"""Maps for the pictures of an evaluation: on the grid of the image, for the class asked for, none without a method."""

import numpy as np
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.cli.explaining import explainer
from hounsfield.model.registry import find_model
from tests.evaluate.examples import brightness_npz, write_model


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    path = brightness_npz(tmp_path_factory.mktemp("data") / "x.npz", "test", [90, 160], [0, 1])
    table = read_cases(path)
    return table.read_volume(table.cases[1])


def test_a_starter_is_explained_on_the_grid_of_the_image(volume):
    explain = explainer(find_model("chest-xray-pneumonia"), threads=1)
    maps = [explain(volume, index) for index in (0, 1)]
    for heat in maps:
        assert heat.shape == volume.geometry.shape[1:] == (16, 16)
        assert 0 <= heat.min() <= heat.max() <= 1 + 1e-6
    assert not np.allclose(*maps)


def test_a_model_without_maps_has_no_explainer(tmp_path):
    assert explainer(write_model(tmp_path / "m.model", ("normal", "pneumonia"))) is None
