"""Restoring steps from the command line on a CT of known content: gains against the truth, traces that replay."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hounsfield.cli import main
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import EnhancedPixels
from hounsfield.image.write import write_volume
from hounsfield.metrics.fidelity import psnr_score, ssim_score
from hounsfield.prepare.notation import parse_steps
from hounsfield.prepare.sequence import apply_steps, build_steps, replay_trace

GEOMETRY = VolumeGeometry((6, 72, 80), (2.0, 0.8, 0.7))
NOISE_HU = 25.0
DENOISING = {
    "bilateral": 5.0,
    "bilateral:is_planar=false,sigma_mm=1.5": 5.0,
    "wavelet": 2.5,
    "wavelet:rule=visu,shifts=2": 0.5,  # its one threshold rounds the edges of bone
    "total-variation": 6.0,
    "total-variation:is_planar=false": 6.0,
}


def truth():
    """Return water with bone, fat and air in it, in Hounsfield units."""
    s, r, c = np.meshgrid(*(np.arange(n) for n in GEOMETRY.shape), indexing="ij")
    body = np.where((r - 36) ** 2 / 900 + (c - 40) ** 2 / 1100 < 1, 40.0, -1000.0)
    body[(r - 30) ** 2 + (c - 34) ** 2 < 60 + 4 * s] = 600
    body[(r - 45) ** 2 + (c - 52) ** 2 < 80] = -100
    return gaussian_filter(body, (0, 0.6, 0.6))


def ct(noise=NOISE_HU):
    samples = truth() + np.random.default_rng(9).normal(0, noise, GEOMETRY.shape)
    return Volume(samples.round().astype(np.int16), GEOMETRY, Quantity.HOUNSFIELD, slice_axis=SliceAxis.SPACE)


@pytest.mark.parametrize("line", sorted(DENOISING))
def test_a_ct_comes_closer_to_the_truth_and_keeps_its_levels(line):
    before = ct()
    after, trace = apply_steps(build_steps(parse_steps(line)), before)
    gain = psnr_score(truth(), after.array, 1600) - psnr_score(truth(), before.array, 1600)
    assert gain > DENOISING[line]
    assert after.quantity is Quantity.HOUNSFIELD
    assert after.array.mean() == pytest.approx(before.array.mean(), abs=2)
    assert ssim_score(truth()[3], after.array[3], 1600) > ssim_score(truth()[3], before.array[3].astype(float), 1600)
    with pytest.raises(EnhancedPixels):
        after.require_measurable()
    again = replay_trace(Trace.from_json(trace.to_json()), before)
    assert again.array.tobytes() == after.array.tobytes()


@pytest.mark.parametrize("line", sorted(DENOISING))
def test_twice_the_contrast_is_twice_the_result(line):
    before = replace(ct(), array=ct().array.astype(np.float32))
    doubled = before.with_array(before.array * 2 + 100)
    steps = build_steps(parse_steps(line))
    one, two = apply_steps(steps, before)[0], apply_steps(steps, doubled)[0]
    assert np.abs(two.array - 100 - 2 * one.array).max() < 0.5


def test_the_command_line_writes_what_python_makes(tmp_path, capsys):
    source, output = tmp_path / "ct.nii.gz", tmp_path / "after.nii.gz"
    write_volume(ct(), source, "CT of known content")
    line = "bilateral:sigma_mm=1.0;canny:low=40,high=120"
    assert main(["prepare", str(source), str(output), "--steps", line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["enhanced_by"] == ["bilateral", "canny"]
    assert told["shape"] == list(GEOMETRY.shape)
    assert (tmp_path / "after.nii.gz.before-after.html").stat().st_size > 10_000
    recorded = Trace.from_json((tmp_path / "after.nii.gz.trace.json").read_text(encoding="utf-8"))
    assert [step.name for step in recorded.steps] == ["bilateral", "canny"]
