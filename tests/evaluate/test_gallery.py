"""Worst cases, figures and cases one by one: order, pictures, points of the diagrams, and files that are gone."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

from hounsfield.cases.layouts import read_cases
from hounsfield.errors import ModelError
from hounsfield.evaluate.gallery import MAX_EXPLAINED, best_cases, worst_cases
from hounsfield.evaluate.inference import classify
from hounsfield.evaluate.plots import draw_all, reliability_points
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from tests.evaluate.examples import flat, probability, save, write_model

QUICK = EvaluateOptions(resamples=50)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "m.model", ("normal", "pneumonia"))


@pytest.fixture
def data(tmp_path):
    """Twelve of each class, three of them on the wrong side by more and more."""
    for index in range(12):
        save(tmp_path / "normal" / f"{index:02d}.png", flat(70 + index, index))
        save(tmp_path / "pneumonia" / f"{index:02d}.png", flat(180 + index, 50 + index))
    for index, level in enumerate((160, 230, 200)):
        save(tmp_path / "normal" / f"wrong-{level}.png", flat(level, 90 + index))
    return tmp_path


def test_the_most_wrong_comes_first_with_its_own_pixels(model, data):
    table = read_cases(data)
    evaluation = evaluate(model, table, options=QUICK)
    gallery = worst_cases(evaluation, table)
    assert [case.identifier for case in gallery] == [f"normal/wrong-{level}.png" for level in (230, 200, 160)]
    for case in gallery:
        assert (case.reference, case.called) == ("normal", "pneumonia")
        assert case.reference_score == pytest.approx(1 - case.called_score, abs=1e-6)
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(case.picture.partition(",")[2]))), dtype=float)
        assert shown.shape == (160, 160)
        stored = np.asarray(Image.open(data / case.identifier), dtype=float)
        assert np.corrcoef(shown[5::10, 5::10].ravel(), stored.ravel())[0, 1] > 0.99
    assert gallery[0].called_score == pytest.approx(probability(230 / 255), abs=0.01)
    assert len(worst_cases(evaluation, table, limit=1)) == 1


def test_the_surest_right_cases_are_of_every_class(model, data):
    table = read_cases(data)
    evaluation = evaluate(model, table, options=QUICK)
    best = best_cases(evaluation, table, limit=6)
    assert [case.reference for case in best] == ["normal"] * 3 + ["pneumonia"] * 3
    assert all(case.reference == case.called and case.picture for case in best)
    assert [case.identifier for case in best[:3]] == [f"normal/{index:02d}.png" for index in range(3)]
    assert [case.identifier for case in best[3:]] == [f"pneumonia/{index:02d}.png" for index in (11, 10, 9)]


def pixels_of(case):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(case.picture.partition(",")[2]))).convert("RGB"))


def test_an_explanation_is_outlined_where_it_lies(model, data):
    """A map of the lower right quarter: orange along its border, the picture as it was elsewhere."""
    table = read_cases(data)
    evaluation = evaluate(model, table, options=QUICK)
    asked = []

    def explain(volume, class_index):
        asked.append(class_index)
        heat = np.zeros(volume.geometry.shape[1:], dtype=np.float32)
        heat[8:, 8:] = 1
        return heat

    plain, shown = best_cases(evaluation, table, limit=4), best_cases(evaluation, table, limit=4, explain=explain)
    assert asked == [0, 0, 1, 1]
    assert all(case.is_explained for case in shown)
    assert not any(case.is_explained for case in plain)
    is_orange = (pixels_of(shown[0]) == (230, 159, 0)).all(axis=-1)
    assert is_orange[100, 76:84].any()
    assert is_orange[76:84, 100].any()
    assert not is_orange[:70].any()
    assert not is_orange[100:140, 100:140].any()
    assert np.array_equal(pixels_of(shown[0])[:70], pixels_of(plain[0])[:70])


def test_few_cases_are_explained_and_a_model_without_maps_leaves_pictures(model, data):
    table = read_cases(data)
    evaluation = evaluate(model, table, options=QUICK)
    calls = []

    def refuse(volume, class_index):
        calls.append(class_index)
        raise ModelError("E550", model="m")

    gallery = best_cases(evaluation, table, explain=refuse)
    assert len(gallery) == 12
    assert len(calls) == MAX_EXPLAINED
    assert all(case.picture and not case.is_explained for case in gallery)


def test_a_picture_that_is_gone_leaves_its_place_empty(model, data):
    table = read_cases(data)
    evaluation = evaluate(model, table, options=QUICK)
    (data / "normal" / "wrong-230.png").write_bytes(b"gone")
    gallery = worst_cases(evaluation, table)
    assert gallery[0].picture == ""
    assert gallery[1].picture.startswith("data:image/png;base64,")


def test_nothing_wrong_is_an_empty_gallery(model, tmp_path):
    for index in range(8):
        save(tmp_path / "normal" / f"{index}.png", flat(60 + index, index))
        save(tmp_path / "pneumonia" / f"{index}.png", flat(200 + index, 50 + index))
    table = read_cases(tmp_path)
    evaluation = evaluate(model, table, options=QUICK)
    assert worst_cases(evaluation, table) == ()
    drawings = draw_all(evaluation)
    names = {"roc", "precision-recall", "confusion", "reliability", "scores", "thresholds", "decision-curve"}
    assert set(drawings) == names
    for drawing in drawings.values():
        assert drawing.svg().lstrip().startswith("<?xml")
        assert Image.open(io.BytesIO(drawing.png())).size[0] > 300


def test_the_points_of_the_reliability_diagram_are_scikit_learns():
    """Bins of equal mass without ties are quantile bins; each point lies in its own interval."""
    chance = np.random.default_rng(6)
    scores = chance.permutation(np.linspace(0.01, 0.99, 200))
    is_positive = chance.random(200) < scores
    observed, predicted = calibration_curve(is_positive, scores, n_bins=10, strategy="quantile")
    points = reliability_points(is_positive, scores)
    assert [point.observed for point in points] == pytest.approx(observed.tolist())
    assert [point.predicted for point in points] == pytest.approx(predicted.tolist())
    assert all(point.low <= point.observed <= point.high for point in points)


def test_cases_are_scored_alone_and_in_the_order_asked_for(model, data):
    """A case has the same score whichever others are asked for, and however many threads the network has."""
    table = read_cases(data)
    every = classify(model, table, range(len(table)))
    some = classify(model, table, [20, 3, 11], threads=1)
    assert some.indices.tolist() == [20, 3, 11]
    assert np.array_equal(some.probabilities, every.probabilities[[20, 3, 11]])
    assert every.probabilities.sum(axis=1) == pytest.approx(np.ones(len(table)), abs=1e-6)
    assert not every.is_outside.any()
    told: list[tuple[int, int]] = []
    none = classify(model, table, [], progress=lambda done, total: told.append((done, total)))
    assert none.probabilities.shape == (0, 2)
    assert told == []
