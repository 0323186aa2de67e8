"""Gates: only what the contract accepts goes through."""

import numpy as np
import pytest

from hounsfield.core.codes import local_concept
from hounsfield.core.prediction import ModelIdentity, PredictedClass, Prediction
from hounsfield.core.quality import Severity
from hounsfield.core.trace import Trace
from hounsfield.errors import ManifestMismatch
from hounsfield.model.contract import InputContract
from hounsfield.model.gate import gate_issues
from tests.model import toys

NAMES = ("chest-xray", "chest-xray-child", "hand", "other")


def contract(**changes):
    gate = {"model": "body-part", "accepts": ["chest-xray", "chest-xray-child"], "minimum_score": 0.6, **changes}
    return InputContract.model_validate({"gate": gate})


def prediction(probabilities, margin=None, model="body-part"):
    """Return a gate's answer; probabilities are (class,) or (class, slice)."""
    return Prediction(
        np.asarray(probabilities, dtype=np.float32),
        tuple(PredictedClass(name, local_concept(name), is_finding=False) for name in NAMES),
        toys.prepared(np.zeros((1, 4, 4))).geometry,
        Trace(),
        ModelIdentity(model, "1.0.0", "gate", "0" * 64),
        None if margin is None else np.asarray(margin, dtype=np.float32),
    )


def codes(*arguments, **changes):
    found = gate_issues(prediction(*arguments), contract(**changes))
    assert all(issue.severity is Severity.REJECT for issue in found)
    assert all("?" not in issue.text("en") and issue.text("zh") != issue.code for issue in found)
    return [issue.code for issue in found]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.9, 0.0, 0.1, 0.0], []),
        ([0.4, 0.3, 0.2, 0.1], []),
        ([0.3, 0.2, 0.5, 0.0], ["Q520"]),
        ([0.0, 0.0, 0.0, 1.0], ["Q520"]),
        ([0.25, 0.25, 0.25, 0.25], ["Q520"]),
        ([np.nan, np.nan, np.nan, np.nan], ["Q520"]),
    ],
)
def test_accepted_probabilities_are_added_up(probabilities, expected):
    assert codes(probabilities) == expected


def test_the_refusal_says_what_the_image_looks_like():
    (issue,) = gate_issues(prediction([0.1, 0.0, 0.85, 0.05]), contract())
    assert issue.facts["found"] == "hand"
    assert issue.facts["score"] == "0.85"
    assert issue.facts["accepted_score"] == "0.1"
    assert "hand" in issue.text("en")


def test_an_image_outside_every_kind_is_refused_however_sure_the_gate_is():
    assert codes([1.0, 0.0, 0.0, 0.0], [0.01]) == ["Q521"]
    assert codes([1.0, 0.0, 0.0, 0.0], [-0.01]) == []
    assert codes([0.0, 0.0, 1.0, 0.0], [2.0]) == ["Q521", "Q520"]


def test_the_ends_of_a_stack_do_not_decide():
    middle = np.array([0.9, 0.05, 0.05, 0.0])
    end = np.array([0.0, 0.0, 0.0, 1.0])
    assert codes(np.stack([end, middle, middle, middle, end], axis=1), [3, -1, -1, -1, 3]) == []
    assert codes(np.stack([end, end, middle, end, end], axis=1)) == ["Q520"]


def test_without_a_gate_everything_goes_through():
    assert gate_issues(prediction([0.0, 0.0, 0.0, 1.0]), InputContract()) == ()


def test_the_answer_of_another_model_is_no_gate():
    with pytest.raises(ManifestMismatch) as caught:
        gate_issues(prediction([1.0, 0, 0, 0], None, "other-model"), contract())
    assert caught.value.code == "E530"
    with pytest.raises(ManifestMismatch):
        gate_issues(prediction([1.0, 0, 0, 0]), contract(accepts=["mri"]))
