"""Scores to findings: smoothing along slices, thresholds, and classes that exclude each other."""

import itertools

import numpy as np
import pytest

from hounsfield.core.codes import concept, local_concept
from hounsfield.core.finding import Measurement, Presence, Region
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.identifiers import is_valid_uid
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint, PredictedClass, Prediction
from hounsfield.core.quantities import PERCENT
from hounsfield.core.trace import Trace
from hounsfield.errors import ModelError
from hounsfield.finding.decide import class_scores, decide, not_assessed, present_classes, shown_slice

MODEL = ModelIdentity("model", "1.0.0", "task", "0" * 64)
SITE = concept("brain")
REGION = Region("1.2.3", 1, (np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]),))
SHARE = Measurement(concept("attended-area"), 3.0, PERCENT)


def point(threshold: float) -> OperatingPoint:
    return OperatingPoint(threshold, Interval(0.9, 0.8, 0.95), Interval(0.9, 0.8, 0.95), "tuning part")


def predicted(name: str, threshold: float | None) -> PredictedClass:
    return PredictedClass(
        name, local_concept(name), threshold is not None, None if threshold is None else point(threshold)
    )


def prediction(probabilities, **thresholds: float | None) -> Prediction:
    array = np.asarray(probabilities, dtype=np.float32)
    slices = array.shape[1] if array.ndim == 2 else 1
    classes = tuple(predicted(name, threshold) for name, threshold in thresholds.items())
    return Prediction(array, classes, VolumeGeometry((slices, 4, 4)), Trace(), MODEL)


def presences(findings) -> dict[str, Presence]:
    return {finding.type.meaning: finding.presence for finding in findings}


@pytest.mark.parametrize(
    ("score", "expected"), [(0.5, Presence.PRESENT), (0.4999, Presence.ABSENT), (1.0, Presence.PRESENT)]
)
def test_the_threshold_itself_is_present(score, expected):
    findings = decide(prediction([1 - score, score], nothing=None, disease=0.5), {}, SITE)
    assert presences(findings) == {"disease": expected}
    assert findings[0].score == pytest.approx(score, abs=1e-7)
    assert findings[0].operating_point == point(0.5)
    assert findings[0].model is MODEL
    assert findings[0].site == SITE


def test_a_low_operating_point_speaks_against_the_top_class():
    """Sensitivity was measured at the threshold, so the threshold decides, not which class of two is on top."""
    findings = decide(prediction([0.6, 0.4], nothing=None, disease=0.3), {}, SITE)
    assert presences(findings) == {"disease": Presence.PRESENT}


def test_a_class_that_means_nothing_seen_is_never_a_finding():
    findings = decide(prediction([0.99, 0.01], nothing=None, disease=0.5), {}, SITE)
    assert [finding.type.meaning for finding in findings] == ["disease"]


def test_of_classes_that_exclude_each_other_the_highest_that_passes_is_present():
    both_pass = prediction([0.45, 0.40, 0.10, 0.05], glioma=0.35, meningioma=0.35, pituitary=0.35, notumor=None)
    findings = decide(both_pass, {}, SITE)
    assert presences(findings) == {
        "glioma": Presence.PRESENT,
        "meningioma": Presence.ABSENT,
        "pituitary": Presence.ABSENT,
    }
    assert findings[0].presence is Presence.PRESENT


def test_the_highest_class_is_absent_when_it_misses_its_threshold():
    findings = decide(prediction([0.5, 0.3, 0.2], glioma=0.6, meningioma=0.6, notumor=None), {}, SITE)
    assert set(presences(findings).values()) == {Presence.ABSENT}


def test_a_lower_class_that_passes_speaks_when_the_higher_does_not():
    findings = decide(prediction([0.5, 0.3, 0.2], glioma=0.6, meningioma=0.25, notumor=None), {}, SITE)
    assert presences(findings) == {"meningioma": Presence.PRESENT, "glioma": Presence.ABSENT}


def test_classes_that_do_not_exclude_each_other_may_all_be_present():
    findings = decide(prediction([0.9, 0.8], effusion=0.5, mass=0.5), {}, SITE)
    assert presences(findings) == {"effusion": Presence.PRESENT, "mass": Presence.PRESENT}


def test_slices_are_smoothed_over_three_neighbours_and_the_maximum_counts():
    """Against a plain loop over neighbours."""
    rng = np.random.default_rng(3)
    raw = rng.random(9).astype(np.float32)
    expected = [np.mean(raw[max(0, index - 1) : index + 2], dtype=np.float64) for index in range(9)]
    scores = class_scores(prediction([1 - raw, raw], nothing=None, disease=0.5))
    assert scores[1].score == pytest.approx(max(expected), abs=1e-7)
    assert scores[1].slice_index == int(np.argmax(expected))


def test_one_noisy_slice_does_not_speak_for_the_study():
    raw = np.array([0.0, 0.0, 0.9, 0.0, 0.0])
    findings = decide(prediction([1 - raw, raw], nothing=None, disease=0.5), {}, SITE)
    assert presences(findings) == {"disease": Presence.ABSENT}
    assert findings[0].score == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(("raw", "expected"), [([0.8], 0.8), ([0.8, 0.4], 0.6), ([0.9, 0.1, 0.1], 0.5)])
def test_ends_take_the_neighbours_there_are(raw, expected):
    array = np.array(raw)
    assert class_scores(prediction([1 - array, array], nothing=None, disease=0.5))[1].score == pytest.approx(expected)


def test_the_shown_slice_is_that_of_the_highest_finding():
    disease = np.array([0.1, 0.1, 0.1, 0.6, 0.7, 0.8, 0.1, 0.1])
    assert shown_slice(prediction([1 - disease, disease], nothing=None, disease=0.9)) == 4
    assert shown_slice(prediction([[1.0, 1.0]], nothing=None)) == 0


def test_one_slice_can_be_read_alone():
    disease = np.array([0.9, 0.9, 0.9, 0.0, 0.0])
    said = prediction([1 - disease, disease], nothing=None, disease=0.5)
    assert present_classes(said, 4) == ()
    assert present_classes(said) == ("disease",)
    assert class_scores(said, 4)[1].slice_index == 4
    with pytest.raises(ModelError) as caught:
        decide(said, {}, SITE, slice_index=5)
    assert caught.value.code == "E902"


def test_outline_and_measurements_belong_to_what_is_present():
    said = prediction([0.7, 0.2, 0.1], glioma=0.5, meningioma=0.5, notumor=None)
    regions = {"glioma": REGION, "meningioma": REGION}
    measurements = {"glioma": (SHARE,), "meningioma": (SHARE,)}
    present, absent = decide(said, regions, SITE, measurements=measurements)
    assert present.region is REGION
    assert present.measurements == (SHARE,)
    assert absent.region is None
    assert absent.measurements == ()


def test_each_finding_has_a_tracking_uid_of_its_own():
    findings = decide(prediction([0.9, 0.8], effusion=0.5, mass=0.5), {}, SITE)
    uids = {finding.tracking_uid for finding in findings}
    assert len(uids) == 2
    assert all(is_valid_uid(uid) for uid in uids)


def test_a_refused_input_has_findings_that_were_not_assessed():
    findings = not_assessed((predicted("disease", 0.5), predicted("nothing", None)), SITE, MODEL)
    (finding,) = findings
    assert finding.presence is Presence.NOT_ASSESSED
    assert finding.score is None
    assert finding.region is None
    assert finding.type.meaning == "disease"


@pytest.mark.parametrize(
    "probabilities",
    [
        [np.nan, 0.5],
        [np.inf, 0.0],
        [-0.1, 1.1],
        [1.5, 0.2],
        [0.2],
        [[0.2], [0.3], [0.5]],
        np.zeros((2, 0)),
        np.zeros((2, 1, 1)),
    ],
)
def test_what_is_no_probability_is_refused(probabilities):
    array = np.asarray(probabilities, dtype=np.float32)
    classes = (predicted("nothing", None), predicted("disease", 0.5))
    said = Prediction(array, classes, VolumeGeometry((1, 4, 4)), Trace(), MODEL)
    with pytest.raises(ModelError) as caught:
        decide(said, {}, SITE)
    assert caught.value.code == "E900"
    assert "model" in caught.value.text()


def test_a_rounding_error_above_one_is_no_fault():
    findings = decide(prediction([0.0, 1.0000001], nothing=None, disease=0.5), {}, SITE)
    assert findings[0].score == 1.0


def test_a_finding_without_an_operating_point_cannot_be_read():
    classes = (PredictedClass("disease", local_concept("disease")),)
    said = Prediction(np.array([0.4], dtype=np.float32), classes, VolumeGeometry((1, 4, 4)), Trace(), MODEL)
    with pytest.raises(ModelError) as caught:
        decide(said, {}, SITE)
    assert caught.value.code == "E901"
    assert "disease" in caught.value.text("zh")


def test_the_order_of_classes_does_not_matter():
    thresholds = {"glioma": 0.35, "meningioma": 0.35, "notumor": None}
    scores = {"glioma": 0.3, "meningioma": 0.5, "notumor": 0.2}
    answers = set()
    for order in itertools.permutations(thresholds):
        said = prediction([scores[name] for name in order], **{name: thresholds[name] for name in order})
        answers.add(tuple((item.type.meaning, item.presence) for item in decide(said, {}, SITE)))
    assert answers == {(("meningioma", Presence.PRESENT), ("glioma", Presence.ABSENT))}
