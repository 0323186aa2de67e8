"""What the logits of a package mean: one class, ordered classes, labels that do not exclude each other, a number."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit

from hounsfield.model.manifest import Manifest, read_manifest
from hounsfield.model.predictor import Predictor, softmax
from tests.model import toys

ENTRY = {"name": "ejection fraction", "is_finding": False}


def changed(**fields):
    document = toys.manifest().model_dump() | {"out_of_distribution": None} | fields
    return Manifest.model_validate(document)


def speaking(manifest):
    """A predictor of which only the meaning of its logits is asked."""
    predictor = Predictor.__new__(Predictor)
    predictor.package = type("Package", (), {"manifest": manifest, "identity": manifest.identity})()
    return predictor


def test_packages_of_before_answer_with_a_class():
    document = toys.manifest().model_dump(mode="json")
    del document["answer"], document["unit"]
    assert Manifest.model_validate(document).answer == "class"


@pytest.mark.parametrize("answer", ["class", "ordered-class"])
def test_classes_exclude_each_other(answer):
    logits = np.array([[2.0, -1.0], [0.5, 0.7]], dtype=np.float32)
    manifest = changed(answer=answer)
    said = speaking(manifest).answers(logits)
    np.testing.assert_array_equal(said, softmax(logits, manifest.calibration.temperature).astype(np.float64))
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-6)


def test_labels_have_probabilities_of_their_own():
    logits = np.array([[2.0, 3.0], [-40.0, 0.0]], dtype=np.float32)
    manifest = changed(answer="labels")
    said = speaking(manifest).answers(logits)
    np.testing.assert_allclose(said, expit(logits.astype(np.float64) / manifest.calibration.temperature))
    assert said[0].sum() > 1.5


def test_a_number_is_said_as_it_is():
    manifest = changed(answer="number", classes=[ENTRY], unit="%")
    np.testing.assert_array_equal(speaking(manifest).answers(np.array([[61.25]], dtype=np.float32)), [[61.25]])
    assert read_manifest(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": "number"},
        {"answer": "class", "classes": [ENTRY]},
        {"answer": "ordered-class", "classes": [ENTRY]},
        {"answer": "labels", "unit": "mm"},
        {"answer": "class", "unit": "mm"},
        {"answer": "labels", "classes": []},
        {"answer": "text"},
        {"answer": "number", "classes": [ENTRY], "unit": "x" * 65},
    ],
)
def test_answers_that_contradict_the_classes_are_refused(fields):
    with pytest.raises(ValidationError):
        changed(**fields)


def test_one_label_alone_is_possible():
    assert len(changed(answer="labels", classes=[ENTRY]).classes) == 1


def test_the_score_for_unknown_kinds_of_image_needs_classes():
    score = {"score": "energy", "threshold": 1.0}
    assert changed(out_of_distribution=score).out_of_distribution.score == "energy"
    with pytest.raises(ValidationError):
        changed(answer="labels", out_of_distribution=score)
