"""Deblurring steps from the command line, on a CT that a known Gaussian blurred."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hounsfield.cli import main
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image.write import write_volume
from hounsfield.metrics.fidelity import psnr_score
from hounsfield.prepare.notation import parse_steps
from hounsfield.prepare.sequence import apply_steps, build_steps

GEOMETRY = VolumeGeometry((3, 150, 160), (2.0, 0.8, 0.8))
SIGMA_MM = 1.4


def ct(sigma_mm, noise_hu=2.0):
    """Return organs on a table in air, in Hounsfield units."""
    r, c = np.mgrid[:150, :160]
    picture = np.where((r - 75) ** 2 / 60**2 + (c - 80) ** 2 / 70**2 < 1, 40.0, -200.0)
    for row, column, radius, level in ((60, 50, 18, 300), (85, 105, 22, -100), (100, 60, 12, 240)):
        picture[(r - row) ** 2 + (c - column) ** 2 < radius**2] = level
    planes = np.stack([gaussian_filter(picture, sigma_mm / 0.8, mode="nearest")] * 3)
    planes += np.random.default_rng(1).normal(0, noise_hu, planes.shape)
    return Volume(planes.round().astype(np.int16), GEOMETRY, Quantity.HOUNSFIELD, slice_axis=SliceAxis.SPACE)


@pytest.mark.parametrize(
    "line", ["wiener:width_mm=1.4", "richardson-lucy:sigma_mm=1.4,iterations=30", "blind-deblur:iterations=30"]
)
def test_a_blurred_ct_comes_closer_to_the_sharp_one(line):
    sharp, before = ct(0.3, 0.0).array, ct(SIGMA_MM)
    after, _ = apply_steps(build_steps(parse_steps(line)), before)
    assert psnr_score(sharp, after.array, 500) > psnr_score(sharp, before.array, 500) + 1.5
    assert after.quantity is Quantity.HOUNSFIELD
    assert after.array.mean() == pytest.approx(before.array.mean(), abs=2)
    assert len(after.enhanced_by) == 1


def test_the_trace_tells_the_width_that_was_estimated(tmp_path, capsys):
    source, output = tmp_path / "ct.nii.gz", tmp_path / "after.nii.gz"
    write_volume(ct(SIGMA_MM), source, "CT of known content")
    assert main(["prepare", str(source), str(output), "--steps", "blind-deblur", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["enhanced_by"] == ["blind-deblur"]
    trace = Trace.from_json((tmp_path / "after.nii.gz.trace.json").read_text(encoding="utf-8"))
    estimate = trace.steps[0].parameters["drawn"]["estimate"]
    assert estimate["sigma_mm"] == pytest.approx(SIGMA_MM, rel=0.06)
    again = tmp_path / "again.nii.gz"
    replay = ["prepare", str(source), str(again), "--trace", str(tmp_path / "after.nii.gz.trace.json"), "--json"]
    assert main(replay) == 0
    assert again.stat().st_size == pytest.approx(output.stat().st_size, rel=0.01)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sharp_ct_is_refused_and_nothing_is_written(tmp_path, capsys, language):
    source, output = tmp_path / "ct.nii.gz", tmp_path / "after.nii.gz"
    write_volume(ct(0.05, 0.0), source, "CT of known content")
    words = ["prepare", str(source), str(output), "--steps", "blind-deblur", "--language", language]
    assert main(words) != 0
    told = capsys.readouterr()
    assert "E421" in told.err + told.out
    assert not output.exists()
