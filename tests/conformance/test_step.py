"""Every built-in step keeps the Step protocol."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import grid_record
from hounsfield.prepare.registry import BUILT_IN
from tests.conformance.step import check_step
from tests.prepare.volumes import smooth, volume_of

SETTINGS = {
    "crop": {"rows": [3, 20], "above": 0.2, "margin_mm": 1.0},
    "orient": {"to": "RAS"},
    "pad": {"rows": 70, "margin_mm": 2.0},
    "resample-to": {"grid": grid_record(volume_of(np.zeros((4, 20, 30))).geometry), "method": "cubic"},
    "missing-slices": {"slices": [0]},
    "flip": {"axis": "columns", "probability": 0.5},
    "gamma": {"gamma": 0.7},
    "n4": {"levels": 2, "iterations": 5},
    "nyul": {"percentiles": [1.0, 50.0, 99.0], "landmarks": [0.0, 45.0, 100.0]},
    "gaussian": {"sigma_mm": 1.5},
    "richardson-lucy": {"sigma_mm": 1.5, "iterations": 2},
    "resample": {"spacing_mm": 1.3},
    "rescale": {"minimum": 0.0, "maximum": 2.0},
    "resize": {"rows": 20, "columns": 50},
    "wiener": {"width_mm": 1.0},
    "window": {"center": 0.5, "width": 0.5},
}


def body():
    """Return a stack with a body on an empty background."""
    r, c = np.mgrid[:60, :48]
    inside = (((r - 28) / 20) ** 2 + ((c - 26) / 14) ** 2 <= 1) * (0.5 + 0.4 * np.sin(r / 5) * np.cos(c / 4))
    return volume_of(np.stack([inside, inside * 0.8]).astype(np.float32))


def blurred(slices):
    """Return discs that a Gaussian of 0.8 mm blurred."""
    r, c = np.mgrid[:90, :140]
    discs = sum(
        ((r * 0.7 - y) ** 2 + (c * 0.4 - x) ** 2 < radius**2) * 1.0 for y, x, radius in ((20, 18, 9), (44, 36, 12))
    )
    return volume_of(np.stack([gaussian_filter(discs, (0.8 / 0.7, 0.8 / 0.4))] * slices).astype(np.float32))


@pytest.mark.parametrize("volume", [smooth(), smooth(slices=1), body()], ids=["stack", "single", "body"])
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_step(name, volume):
    if name == "missing-slices" and volume.geometry.shape[0] == 1:
        with pytest.raises(PrepareError, match="E468"):
            BUILT_IN[name](slices=[0]).draw(volume, np.random.default_rng(0))
        return
    if name == "blind-deblur":
        with pytest.raises(PrepareError, match="E42"):
            BUILT_IN[name]().draw(volume, np.random.default_rng(0))
        volume = blurred(volume.geometry.shape[0])
    settings = SETTINGS.get(name, {})
    check_step(lambda **changes: BUILT_IN[name](**{**settings, **changes}), volume)
