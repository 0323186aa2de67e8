"""Every check on one volume: what is measured, what is not and why, and that each fault is told by its own check."""

import numpy as np
import pytest

from hounsfield.core.quality import CheckVerdict, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.image.checks import sample_checks
from hounsfield.image.phantoms import BodyPhantom, HeadPhantom, write_ct
from hounsfield.image.quality.criteria import criteria, told_checks
from hounsfield.image.quality.header import StatedFacts, read_stated
from hounsfield.image.quality.judge import judge_volume
from hounsfield.messages import sentence
from tests.image.helpers import change, instance_of
from tests.image.quality.scenes import blurred, body, lungs, named, stack, with_noise, written

SOUND = [0.1, 0.5, 0.9, 1.0, 0.9, 0.5, 0.1]


def sound(sigma: float = 15.0):
    planes = [with_noise(blurred(body(radius=0.3 + 0.004 * index), 0.7), sigma, index) for index in range(8)]
    return stack(planes, spacing_mm=1.2)


def faults(volume, modality="CT", **facts) -> set[str]:
    return {check.name for check in judge_volume(volume, modality, **facts) if check.issue}


def test_a_sound_volume_passes_all():
    checks = judge_volume(sound(), "CT")
    assert {check.name for check in checks} == set(criteria()) - {"noise"}
    assert {check.verdict for check in checks} == {CheckVerdict.PASS, CheckVerdict.NOT_CHECKED}
    assert named(checks, "noise-ct").value == pytest.approx(15, rel=0.15)
    assert named(checks, "blur").value == pytest.approx(0.7, abs=0.3)


def test_phantoms_pass_all():
    assert faults(stack([BodyPhantom().hounsfield()[12].astype(np.float32)])) == set()
    assert faults(stack(list(HeadPhantom().samples().astype(np.float32)), Quantity.ARBITRARY), "MR") == set()


def test_each_fault_is_told_by_its_own_check():
    planes = list(sound().array)
    assert faults(sound(200.0)) == {"noise-ct"}
    assert faults(stack([blurred(image, 4.0) for image in planes])) == {"blur"}
    moved = [np.roll(image, 14, 1) if index > 3 else image for index, image in enumerate(planes)]
    assert faults(stack(moved)) == {"slice-shift"}
    assert faults(stack([body(radius=0.9)] * 6)) >= {"field-of-view"}
    assert faults(stack(planes[:3])) == {"few-slices"}
    assert faults(lungs(SOUND[2:]), is_chest=True) == {"lung-cut"}
    assert faults(lungs(SOUND), is_chest=True) == set()
    assert faults(lungs(SOUND[2:])) == set()


def test_text_is_told_where_it_stands():
    grey = np.full((300, 300), 60, np.uint8)
    grey[40:260, 40:260] = 120
    image = written(grey, "NAME 12345", 22, (50, 6))
    assert "text" in faults(stack([image], Quantity.DISPLAY), "US")
    assert "text" not in faults(stack([grey.astype(np.float32)], Quantity.DISPLAY), "US")


def test_noise_of_other_images_is_a_part_of_their_range():
    image = with_noise(np.where(body() > 0, 1000.0, 0.0).astype(np.float32), 50.0)
    check = named(judge_volume(stack([image], Quantity.ARBITRARY), "MR"), "noise")
    assert check.value == pytest.approx(100 * 50 / (np.percentile(image, 99.5) - np.percentile(image, 0.5)), rel=0.15)
    assert check.unit == "%"
    assert check.verdict is CheckVerdict.PASS


def test_what_cannot_be_measured_says_why():
    tiny = judge_volume(stack([with_noise(body(40), 10.0)], Quantity.DISPLAY), "DX")
    assert named(tiny, "noise").reason == "unchecked-small"
    assert named(tiny, "slice-shift").reason == "unchecked-stack"
    assert named(tiny, "lung-cut").reason == "unchecked-not-ct"
    assert named(judge_volume(sound(), "CT"), "lung-cut").reason == "unchecked-chest"
    assert named(judge_volume(sound(), "PT"), "blur").reason == "unchecked-nuclear"
    for check in tiny:
        for language in ("en", "zh"):
            assert not check.reason or sentence(f"ui.{check.reason}", None, language) != f"ui.{check.reason}"


def test_nothing_is_rejected():
    """Noise, blur and coverage are warnings; only what cannot be read at all is stopped (section 9.1)."""
    ruined = stack([blurred(with_noise(body(radius=0.9), 500.0), 6.0)] * 2)
    assert {check.issue.severity for check in judge_volume(ruined, "CT") if check.issue} == {Severity.WARN}


@pytest.mark.parametrize("name", sorted(criteria()))
def test_every_row_of_the_table_has_words_and_judges(name):
    criterion = criteria()[name]
    for language in ("en", "zh"):
        for key in (f"ui.check-{name}", f"ui.check-{name}-source"):
            assert sentence(key, None, language) != key
    if criterion.above is None and criterion.below is None:
        assert criterion.decide(Severity.WARN).verdict is CheckVerdict.WARN
        assert criterion.decide(None).verdict is CheckVerdict.PASS
        return
    limit = criterion.above if criterion.above is not None else criterion.below
    worse, better = (1.1, 0.9) if criterion.above is not None else (0.9, 1.1)
    assert criterion.judge(limit).issue is None
    assert criterion.judge(better * limit).verdict is CheckVerdict.PASS
    check = criterion.judge(worse * limit, "1.2.3", slice=4, following=5)
    assert check.verdict is CheckVerdict.WARN
    assert check.issue.uid == "1.2.3"
    for language in ("en", "zh"):
        assert "?" not in check.issue.text(language)
        assert str(check.issue.facts["value"]) in check.issue.text(language)


def test_what_reading_told_becomes_checks():
    missing = QualityIssue("Q300", Severity.REJECT, {"count": 3, "gaps": 1, "median_mm": 1.2})
    checks = told_checks((missing, QualityIssue("Q100", Severity.NOTE, {})), sound())
    assert named(checks, "missing-slices").verdict is CheckVerdict.REJECT
    assert (named(checks, "missing-slices").value, named(checks, "missing-slices").threshold) == (3, "> 0")
    assert {check.verdict for check in checks if check.name != "missing-slices"} == {CheckVerdict.PASS}


def test_limits_of_slices_follow_the_grid():
    """One per cent of a step of 1.2 mm is 0.012 mm, so 0.01 mm is the limit; half of a pixel of 0.8 mm is 0.4 mm."""
    volume = sound()
    off = QualityIssue("Q302", Severity.WARN, {"median_mm": 1.2, "worst_mm": 0.05})
    checks = told_checks((off,), volume)
    pixel = min(volume.geometry.spacing_mm[1:])
    assert (named(checks, "uneven-slices").value, named(checks, "uneven-slices").threshold) == (0.05, "> 0.01")
    assert named(checks, "displaced-slices").threshold == f"> {pixel / 2:.3g}"
    assert named(checks, "one-series").value == 1


def test_checks_after_a_stop_were_not_made():
    checks = sample_checks(stack([np.zeros((96, 96), np.float32)]))
    assert named(checks, "levels").issue.code == "Q312"
    assert named(checks, "finite").verdict is CheckVerdict.PASS
    assert named(checks, "clipping").reason == "unchecked-rejected"


def test_what_does_not_apply_is_not_passed():
    image = stack([with_noise(body(), 10.0)], Quantity.DISPLAY)
    for name in ("missing-slices", "uneven-slices", "displaced-slices"):
        assert named(told_checks((), image), name).reason == "unchecked-stack"
    assert named(sample_checks(image), "rescale").reason == "unchecked-not-ct"
    assert named(sample_checks(image), "clipping").verdict is CheckVerdict.PASS


def test_samples_are_told_with_value_and_limit():
    values = {check.name: (check.value, check.threshold) for check in sample_checks(sound())}
    assert values["finite"] == (0, "> 0")
    assert values["levels"][0] > 3
    assert values["size"] == (min(sound().geometry.shape[1:]), "< 64")
    assert 0 < values["clipping"][0] < 2
    assert values["clipping"][1] == "> 2"
    array = np.sort(sound().array, axis=None)
    assert values["rescale"][0] == pytest.approx(array[array.size // 100], abs=15)


def test_the_header_states_what_it_states(tmp_path):
    path = write_ct(tmp_path / "ct")[0]
    assert read_stated(instance_of(path)).phase_encoding == ""
    change(path, lambda dataset: setattr(dataset, "BurnedInAnnotation", "YES"))
    change(path, lambda dataset: setattr(dataset, "InPlanePhaseEncodingDirection", "COL"))
    assert read_stated(instance_of(path)) == StatedFacts("COL", "YES")
    assert read_stated(None) == StatedFacts()
