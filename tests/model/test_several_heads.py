"""Packages of several heads: manifests that agree, networks with an output each, answers without torch, refusals."""

import numpy as np
import pytest
from onnx import helper
from pydantic import ValidationError
from scipy.special import expit

from hounsfield.errors import ManifestMismatch, ModelError, OutOfScope
from hounsfield.model.card import model_card
from hounsfield.model.interface import HeadsInterface, NetworkInterface
from hounsfield.model.manifest import makes_answer, read_manifest
from hounsfield.model.network_check import check_network
from hounsfield.model.predictor import Predictor, answers_of, softmax
from hounsfield.model.several_predictor import SeveralPredictor
from tests.model import toys

HEADS = (
    {
        "name": "kind",
        "answer": "class",
        "classes": [{"name": "none", "is_finding": False}, {"name": "mass"}],
        "calibration": {"temperature": 2.0, "method": "temperature"},
    },
    {"name": "size", "answer": "number", "classes": [{"name": "size", "is_finding": False}], "unit": "mm"},
    {"name": "signs", "answer": "labels", "classes": [{"name": "oedema"}, {"name": "bleeding"}]},
)
OUTPUTS = {"kind_logits": 2, "size_value": 1, "signs_logits": 2}


def several(**changes):
    """Return the entries of a manifest of several heads."""
    network = {"rows": toys.ROWS, "columns": toys.COLUMNS, "heads": list(OUTPUTS)}
    heads = [dict(head) for head in HEADS]
    classes = [{"name": head["name"], "is_finding": False} for head in heads]
    return {"answer": "several", "network": network, "heads": heads, "classes": classes, **changes}


def network(outputs=OUTPUTS):
    """Return a network whose outputs are the mean of the image times 1, 2, 3 ... for each class of each head."""
    nodes = [helper.make_node("ReduceMean", ["images", "plane"], ["mean"], keepdims=0)]
    stored = [("plane", np.array([2, 3], np.int64))]
    for name, count in outputs.items():
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}_weights"], [name]))
        stored.append((f"{name}_weights", np.arange(1, count + 1, dtype=np.float32)[None]))
    shapes = [(name, ["batch", count]) for name, count in outputs.items()]
    return toys.model_of(nodes, shapes, stored).SerializeToString()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toys.package(tmp_path_factory.mktemp("heads"), network(), **several())


def test_each_head_answers_in_its_own_way(package):
    predictor = SeveralPredictor(package, threads=1)
    images = np.stack([np.full((1, toys.ROWS, toys.COLUMNS), value, np.float32) for value in (0.5, -1.5)])
    kind, size, signs = predictor.run(images)
    means = np.array([[0.5], [-1.5]])
    np.testing.assert_allclose(kind, softmax(means * [1, 2], 2.0), rtol=1e-6)
    np.testing.assert_allclose(size, means, rtol=1e-6)
    np.testing.assert_allclose(signs, expit(means * [1, 2]), rtol=1e-6)
    answers = predictor.answer(images[1])
    assert [answer.head.name for answer in answers] == ["kind", "size", "signs"]
    np.testing.assert_array_equal(answers[2].values, signs[1])


def test_an_image_of_another_size_is_refused(package):
    with pytest.raises(OutOfScope) as caught:
        SeveralPredictor(package).run(np.zeros((1, 1, 5, 5), np.float32))
    assert caught.value.code == "E520"


def test_a_prediction_of_findings_is_refused_with_its_reason(package):
    with pytest.raises(ModelError) as caught:
        Predictor(package).predict(toys.prepared(np.zeros((1, toys.ROWS, toys.COLUMNS))), None)
    assert caught.value.code == "E934"
    assert "kind, size, signs" in caught.value.text()
    assert all("{" not in caught.value.text(language) for language in ("en", "zh"))


def test_a_model_of_one_answer_is_no_model_of_heads(tmp_path):
    with pytest.raises(ModelError) as caught:
        SeveralPredictor(toys.package(tmp_path))
    assert caught.value.code == "E935"


def test_a_package_of_before_has_no_heads_and_a_manifest_of_heads_comes_back_whole(package):
    document = toys.manifest().model_dump(mode="json")
    del document["heads"]
    before = type(toys.manifest()).model_validate(document)
    assert (before.heads, type(before.network)) == ([], NetworkInterface)
    again = read_manifest(package.manifest.to_json())
    assert again == package.manifest
    assert isinstance(again.network, HeadsInterface)
    assert again.network.outputs == tuple(OUTPUTS)


def test_the_card_tells_each_head(package):
    for words in ("### kind: class, temperature 2", "### size: number, in mm", "### signs: labels", "bleeding"):
        assert words in package.card
    assert "## Classes and operating points" not in package.card
    assert "## Heads" not in model_card(toys.manifest())


def changed_head(place, **changes):
    heads = [dict(head) for head in HEADS]
    heads[place] |= changes
    return {"heads": heads}


@pytest.mark.parametrize(
    "fields",
    [
        {"heads": []},
        {"answer": "class"},
        {"heads": [dict(head) for head in HEADS[:2]]},
        {"classes": [{"name": name} for name in ("size", "kind", "signs")]},
        {"network": {"rows": toys.ROWS, "columns": toys.COLUMNS}},
        {"unit": "mm"},
        changed_head(0, classes=[{"name": "mass"}]),
        changed_head(1, classes=[{"name": "a"}, {"name": "b"}]),
        changed_head(2, unit="mm"),
        changed_head(2, classes=[{"name": "oedema"}, {"name": "oedema"}]),
        changed_head(0, answer="several"),
    ],
)
def test_manifests_that_contradict_themselves_are_refused(fields):
    with pytest.raises(ValidationError):
        toys.manifest(**several(**fields))


@pytest.mark.parametrize(
    "outputs",
    [
        {**OUTPUTS, "kind_logits": 3},
        {"kind_logits": 2, "size_value": 1},
        {"kind_logits": 2, "size_value": 1, "other": 2},
    ],
)
def test_networks_without_the_outputs_of_the_heads_are_refused(outputs):
    with pytest.raises(ManifestMismatch) as caught:
        check_network(network(outputs), toys.manifest(**several()))
    assert caught.value.code == "E513"


def test_an_output_that_is_no_head_does_no_harm():
    check_network(network({**OUTPUTS, "other": 4}), toys.manifest(**several()))


def test_how_many_classes_make_an_answer():
    assert [makes_answer(answer, 1) for answer in ("class", "ordered-class", "labels", "number")] == [
        False, False, True, True,
    ]  # fmt: skip
    assert [makes_answer(answer, 3) for answer in ("class", "ordered-class", "labels", "number")] == [
        True, True, True, False,
    ]  # fmt: skip
    np.testing.assert_array_equal(answers_of("number", np.array([[2.5]], np.float32), 3.0), [[2.5]])
