"""Phantoms with a known truth: figures that follow from what was done to them, on the page and as JSON alike."""

import json
import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from hounsfield.cli import main
from hounsfield.errors import SettingsError
from hounsfield.image.phantoms.known import known_phantom, phantom_names
from hounsfield.opening import read_volumes
from hounsfield.prepare.notation import parse_steps, read_trace
from hounsfield.prepare.sequence import build_steps
from hounsfield.trying import Degradation, Trial, known_figures, try_steps

RISE_PER_SIGMA = 2 * 1.2815515655446004


def steps(text):
    return build_steps(parse_steps(text))


def run(capfd, *words):
    code = main(["prepare", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


@pytest.mark.parametrize("name", phantom_names())
def test_the_truth_is_what_it_says(name):
    known = known_phantom(name)
    for ball in (known.edge, known.detail):
        away = ball.distances_mm(known.truth)
        inside = known.truth.array[away < 0.8 * ball.radius_mm]
        around = known.truth.array[(away > 1.2 * ball.radius_mm) & (away < ball.around_mm)]
        assert inside.size > 500
        assert around.size > 500
        # The head has a texture of 3 % and a shading of its own.
        assert inside.std() <= 0.08 * abs(inside.mean())
        assert abs(inside.mean() - around.mean()) >= 50
    # Something of either ball is seen on the slice that the page shows.
    middle = known.truth.geometry.shape[0] // 2
    assert (known.edge.distances_mm(known.truth)[middle] < known.edge.radius_mm).any()


@pytest.mark.parametrize("blur_mm", [1.2, 1.6, 2.0])
def test_the_edge_rises_as_far_as_it_was_blurred(blur_mm):
    known = known_phantom("body")
    blurred = Degradation(blur_mm=blur_mm).applied(known.truth)
    (rise, _) = known_figures(known, [blurred])
    assert rise.values[0] == pytest.approx(RISE_PER_SIGMA * blur_mm, rel=0.06)


@pytest.mark.parametrize("noise", [10.0, 25.0])
def test_contrast_to_noise_is_that_of_the_noise(noise):
    """Muscle lies 50 Hounsfield units above water."""
    known = known_phantom("body")
    (_, contrast) = known_figures(known, [Degradation(noise=noise, seed=3).applied(known.truth), known.truth])
    assert contrast.values[0] == pytest.approx(50 / noise, rel=0.06)
    assert contrast.values[1] == float("inf")


def test_degrading_is_seeded_and_is_what_scipy_does():
    truth = known_phantom("body").truth
    first, again, other = (Degradation(20.0, 1.0, seed).applied(truth) for seed in (5, 5, 6))
    assert first.array.tobytes() == again.array.tobytes()
    assert first.array.tobytes() != other.array.tobytes()
    assert first.array.dtype == np.float32
    widths = [1.0 / spacing for spacing in truth.geometry.spacing_mm]
    apart = first.array - gaussian_filter(truth.array.astype(np.float64), widths, mode="nearest")
    assert apart.std() == pytest.approx(20.0, rel=0.01)
    assert abs(apart.mean()) < 0.2
    np.testing.assert_array_equal(Degradation().applied(truth).array, truth.array)


def test_denoising_gains_and_blurring_costs(tmp_path):
    """Each figure moves the way it must, by the two errors that a filter can make."""
    noisy = Trial("body", Degradation(noise=25.0))
    denoised = try_steps(noisy, tmp_path / "a.nrrd", steps("nlm")).comparison.values()
    assert denoised["psnr"]["pair-after"] > denoised["psnr"]["pair-before"] + 3
    assert denoised["ssim"]["pair-after"] > denoised["ssim"]["pair-before"] + 0.1
    assert denoised["contrast"]["after"] > 3 * denoised["contrast"]["before"]
    assert denoised["rise"]["after"] < denoised["rise"]["before"] + 0.5
    smeared = try_steps(noisy, tmp_path / "b.nrrd", steps("gaussian:sigma_mm=2")).comparison.values()
    assert smeared["contrast"]["after"] > 3 * smeared["contrast"]["before"]
    assert smeared["rise"]["after"] == pytest.approx(RISE_PER_SIGMA * 2, rel=0.1)
    blurred = Trial("body", Degradation(noise=1.0, blur_mm=1.2))
    sharp = try_steps(blurred, tmp_path / "c.nrrd", steps("richardson-lucy:sigma_mm=1.2")).comparison.values()
    assert sharp["rise"]["after"] < 0.8 * sharp["rise"]["before"]


def test_figures_are_those_of_skimage(tmp_path):
    tried = try_steps(Trial("head", Degradation(noise=30.0)), tmp_path / "a.nrrd", steps("median"))
    shown = tried.comparison.shown
    assert tried.comparison.values()["psnr"]["pair-after"] == pytest.approx(
        peak_signal_noise_ratio(shown["reference"], shown["after"], data_range=1.0)
    )


def test_the_verb_writes_a_page_with_the_same_figures(capfd, tmp_path):
    out = tmp_path / "out.nii.gz"
    words = ("--phantom", "body", "--noise", 20, "--blur", 1, "--seed", 4, "--steps", "median;orient:to=RAS", out)
    code, data = run(capfd, *words)
    assert code == 0
    assert data["enhanced_by"] == ["median"]
    assert [path.rsplit("/", 1)[-1] for path in data["files"]] == [
        "out.nii.gz",
        "out.nii.gz.trace.json",
        "out.nii.gz.before-after.html",
    ]
    page = (tmp_path / "out.nii.gz.before-after.html").read_text(encoding="utf-8")
    assert "noise = 20 Hounsfield unit, blur = 1 mm, seed = 4" in page
    assert "真值已知的体模" in page
    assert "not a medical device" in page
    for name, digits in (("rise", 2), ("contrast", 2), ("psnr", 3), ("ssim", 3)):
        for value in data["figures"][name].values():
            assert value is None or f"<td>{value:.{digits}f}</td>" in page
    assert len(re.findall("data:image/png", page)) == 6
    (volume,) = read_volumes(out).volumes
    assert volume.enhanced_by == ("median",)


def test_the_same_trial_gives_the_same_bytes_and_its_trace_replays(tmp_path):
    trial = Trial("body", Degradation(noise=20.0, seed=9))
    for name in ("a.nii", "b.nii"):
        try_steps(trial, tmp_path / name, steps("median"))
    try_steps(trial, tmp_path / "c.nii", read_trace(tmp_path / "a.nii.trace.json"))
    assert len({(tmp_path / name).read_bytes() for name in ("a.nii", "b.nii", "c.nii")}) == 1


def test_another_grid_is_held_against_the_truth_there(tmp_path):
    tried = try_steps(Trial("body", Degradation(noise=5.0)), tmp_path / "a.nrrd", steps("resample:spacing_mm=2"))
    figures = tried.comparison.values()
    assert figures["psnr"]["pair-after"] > 20
    assert figures["psnr"]["pair-before"] is None
    assert figures["contrast"]["after"] > figures["contrast"]["before"]


def test_a_folder_becomes_dicom(capfd, tmp_path):
    code, data = run(capfd, "--phantom", "head", "--noise", 5, "--steps", "gaussian:sigma_mm=1", tmp_path / "series")
    assert code == 0
    assert len([path for path in data["files"] if path.endswith(".dcm")]) == data["shape"][0]
    (volume,) = read_volumes(tmp_path / "series").volumes
    assert volume.enhanced_by == ("gaussian",)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--phantom", "leg", "out.nii"), "E450"),
        (("--phantom", "body", "in.nii", "out.nii"), "E451"),
        (("out.nii",), "E451"),
        (("in.nii", "out.nii", "--noise", "3"), "E451"),
        (("--phantom", "body", "--volume", "1", "out.nii"), "E451"),
        (("--phantom", "body", "--noise", "-3", "out.nii"), "E452"),
        (("--phantom", "body", "--blur", "99", "out.nii"), "E452"),
        (("--phantom", "body", "out.png"), "E343"),
    ],
)
def test_what_is_refused(capfd, tmp_path, monkeypatch, words, code):
    monkeypatch.chdir(tmp_path)
    found, data = run(capfd, *words, "--steps", "median")
    assert found == 2
    assert data["error"]["code"] == code
    assert list(tmp_path.iterdir()) == []


def test_a_phantom_of_no_name():
    with pytest.raises(SettingsError, match="E450"):
        Trial("").known()
    with pytest.raises(SettingsError, match="E452"):
        Degradation(seed=-1)
