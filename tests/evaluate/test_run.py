"""Evaluations from end to end: figures against scikit-learn, parts, names of classes, refused images."""

import json

import numpy as np
import pydicom
import pydicom.data
import pytest
from sklearn import metrics as oracle

from hounsfield.cases.layouts import read_cases
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.model.contract import InputContract
from tests.evaluate.examples import brightness_npz, flat, probability, save, write_model

QUICK = EvaluateOptions(resamples=200)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "m.model", ("normal", "pneumonia"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eighty pictures whose brightness only half tells the label."""
    generator = np.random.default_rng(0)
    labels = [index % 2 for index in range(80)]
    levels = [int(np.clip(105 + 45 * label + generator.normal(0, 35), 12, 243)) for label in labels]
    return brightness_npz(tmp_path_factory.mktemp("data") / "x.npz", "test", levels, labels)


@pytest.fixture(scope="module")
def evaluation(model, data):
    return evaluate(model, read_cases(data), options=QUICK)


def scores_of(data):
    with np.load(data) as stored:
        brightness = stored["test_images"].astype(np.float64).mean(axis=(1, 2)) / 255
        return stored["test_labels"][:, 0] == 1, np.array([probability(value) for value in brightness])


def test_the_scores_are_those_of_the_model(evaluation, data):
    np.testing.assert_allclose(evaluation.scored.scores, scores_of(data)[1], atol=1e-5)


def test_the_figures_agree_with_scikit_learn(evaluation, data):
    reference, scores = scores_of(data)
    called = scores >= 0.6
    expected = {
        "auroc": oracle.roc_auc_score(reference, scores),
        "accuracy": oracle.accuracy_score(reference, called),
        "sensitivity": oracle.recall_score(reference, called),
        "specificity": oracle.recall_score(~reference, ~called),
        "f1": oracle.f1_score(reference, called),
        "brier": oracle.brier_score_loss(reference, scores),
    }
    metrics = evaluation.as_json()["metrics"]
    assert {name: metrics[name]["value"] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_the_json_has_the_agreed_shape(evaluation):
    answer = evaluation.as_json()
    assert list(answer["metrics"]) == ["auroc", "accuracy", "sensitivity", "specificity", "f1", "brier", "ece"]
    assert answer["n"] == 80
    for figure in answer["metrics"].values():
        assert set(figure) == {"value", "low", "high"}
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert answer["positive_class"] == "pneumonia"
    assert answer["threshold"] == 0.6
    assert answer["model"]["weights_digest"]
    assert answer["research_use_only"] is True
    json.dumps(answer, allow_nan=False)


def test_the_parts_of_the_brier_score_add_up(evaluation):
    more, brier = evaluation.as_json()["more"], evaluation.measures["brier"].value
    names = ("reliability_error", "resolution_score", "uncertainty", "within_bins")
    parts = [more[f"brier_{name}"]["value"] for name in names]
    assert parts[0] - parts[1] + parts[2] + parts[3] == pytest.approx(brier, abs=1e-9)


def test_predictive_values_at_another_prevalence(model, data, evaluation):
    """Bayes by hand; at the prevalence of the data they are those of the data."""
    sensitivity, specificity = (evaluation.measures[name].value for name in ("sensitivity", "specificity"))
    assert "positive_predictive_value_at_prevalence" not in evaluation.measures
    rare = evaluate(model, read_cases(data), options=EvaluateOptions(resamples=100, prevalence=0.02))
    found = rare.measures["positive_predictive_value_at_prevalence"]
    expected = 0.02 * sensitivity / (0.02 * sensitivity + 0.98 * (1 - specificity))
    assert found.value == pytest.approx(expected)
    assert found.low <= expected <= found.high
    assert rare.as_json()["provenance"]["prevalence"] == 0.02
    same = evaluate(model, read_cases(data), options=EvaluateOptions(resamples=50, prevalence=0.5)).measures
    for name in ("positive_predictive_value", "negative_predictive_value"):
        assert same[f"{name}_at_prevalence"].value == pytest.approx(same[name].value)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, 5.0, float("nan")])
def test_a_prevalence_that_is_no_fraction(model, data, prevalence):
    with pytest.raises(SettingsError) as caught:
        evaluate(model, read_cases(data), options=EvaluateOptions(prevalence=prevalence))
    assert caught.value.code == "E843"


def test_evaluating_moves_no_operating_point(model, tmp_path):
    """Data on which quite another threshold would be best: the model's own stays, in the package and in the figures."""
    before = model.manifest.to_json()
    levels, labels = [160, 175, 200, 220] * 8, [0, 0, 1, 1] * 8
    shifted = evaluate(model, read_cases(brightness_npz(tmp_path / "x.npz", "test", levels, labels)), options=QUICK)
    assert model.manifest.to_json() == before
    assert shifted.scored.threshold == model.manifest.classes[1].operating_point.threshold == 0.6
    assert shifted.as_json()["threshold"] == 0.6
    assert shifted.measures["auroc"].value == 1.0
    assert shifted.measures["specificity"].value == 0.0
    assert {row.threshold for row in shifted.class_rows} == {None, 0.6}


def test_the_same_seed_gives_the_same_intervals(model, data, evaluation):
    again = evaluate(model, read_cases(data), options=QUICK)
    assert again.as_json()["metrics"] == evaluation.as_json()["metrics"]
    other = evaluate(model, read_cases(data), options=EvaluateOptions(resamples=200, seed=1))
    assert other.measures["auroc"].value == evaluation.measures["auroc"].value
    assert other.measures["auroc"] != evaluation.measures["auroc"]


def test_copies_are_drawn_together(model, tmp_path):
    pictures = np.stack([flat(100 + index % 10 * 8, index % 10) for index in range(40)])
    path = tmp_path / "x.npz"
    np.savez(path, test_images=pictures, test_labels=np.arange(40) % 10 // 5)
    result = evaluate(model, read_cases(path), options=QUICK)
    assert len(np.unique(result.scored.groups)) == 10
    assert "Q801" in [issue.code for issue in result.issues]


def issues_of(result):
    return [issue.code for issue in result.issues]


def test_the_test_part_is_taken_then_tuning_then_everything(model, tmp_path):
    levels, labels = [60, 200, 90, 180] * 6, [0, 1, 0, 1] * 6
    path = brightness_npz(tmp_path / "x.npz", "test", levels, labels)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(
        tmp_path / "both.npz", **arrays, val_images=arrays["test_images"][:8], val_labels=arrays["test_labels"][:8]
    )
    both = evaluate(model, read_cases(tmp_path / "both.npz"), options=QUICK)
    assert both.subject.part == "test"
    assert not {"Q850", "Q851"} & set(issues_of(both))
    chosen = evaluate(model, read_cases(tmp_path / "both.npz"), options=EvaluateOptions(part="tuning", resamples=50))
    assert (chosen.subject.part, len(chosen.cases)) == ("tuning", 8)
    assert "Q851" in issues_of(chosen)
    everything = evaluate(model, read_cases(tmp_path / "both.npz"), options=EvaluateOptions(part="all", resamples=50))
    assert len(everything.cases) == 32
    with pytest.raises(DatasetError) as caught:
        evaluate(model, read_cases(path), options=EvaluateOptions(part="tuning"))
    assert caught.value.code == "E852"


def folders(root, dark, bright, count=12):
    for index in range(count):
        save(root / dark / f"{index}.png", flat(60 + index, index))
        save(root / bright / f"{index}.png", flat(180 + index, 100 + index))
    return root


@pytest.mark.parametrize("names", [("NORMAL", "PNEUMONIA"), ("Pneumo-nia", "normal"), ("healthy", "pneumonia")])
def test_folders_are_matched_by_name(model, tmp_path, names):
    result = evaluate(model, read_cases(folders(tmp_path, *names)), options=QUICK)
    expected = 0.0 if names[1] == "normal" else 1.0
    assert result.measures["auroc"].value == expected
    assert result.subject.part == "all"
    assert "Q850" in issues_of(result)


def test_a_class_the_model_does_not_know(model, tmp_path):
    with pytest.raises(DatasetError) as caught:
        evaluate(model, read_cases(folders(tmp_path, "normal", "fracture")))
    assert caught.value.code == "E851"
    assert "fracture" in caught.value.text()


def test_colour_pictures_are_refused_named_and_counted(model, tmp_path):
    folders(tmp_path, "normal", "pneumonia")
    colour = np.zeros((16, 16, 3), dtype=np.uint8)
    colour[..., 0] = 220
    save(tmp_path / "normal" / "photograph.png", colour)
    result = evaluate(model, read_cases(tmp_path), options=QUICK)
    assert len(result.cases) == 24
    refused = result.as_json()["refused"]
    assert refused["count"] == 1
    assert refused["cases"][0]["identifier"] == "normal/photograph.png"
    assert refused["cases"][0]["code"].startswith("Q5")
    assert "Q852" in issues_of(result)
    assert "normal/photograph.png" in result.as_csv()


def test_a_broken_file_is_refused_too(model, tmp_path):
    folders(tmp_path, "normal", "pneumonia")
    path = tmp_path / "normal" / "3.png"
    path.write_bytes(path.read_bytes()[:40])
    result = evaluate(model, read_cases(tmp_path), options=QUICK)
    assert [name for name, _ in result.refused] == ["normal/3.png"]


def test_no_figures_when_most_images_are_refused(tmp_path):
    strict = write_model(tmp_path / "m.model", ("normal", "pneumonia"), contract=InputContract(minimum_rows=500))
    with pytest.raises(DatasetError) as caught:
        evaluate(strict, read_cases(folders(tmp_path / "data", "normal", "pneumonia")))
    assert caught.value.code == "E853"
    assert caught.value.facts["count"] == 24


def test_one_class_left_is_refused(model, tmp_path):
    path = brightness_npz(tmp_path / "x.npz", "test", [60, 70, 80, 90], [0, 0, 0, 0])
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays, train_images=arrays["test_images"], train_labels=np.array([0, 1, 0, 1]))
    with pytest.raises(DatasetError) as caught:
        evaluate(model, read_cases(path))
    assert caught.value.code == "E850"


def test_no_operating_point_is_said(tmp_path, data):
    plain = write_model(tmp_path / "m.model", ("normal", "pneumonia"), threshold=None)
    result = evaluate(plain, read_cases(data), options=QUICK)
    assert result.as_json()["threshold"] == 0.5
    assert "Q856" in issues_of(result)


def test_three_classes(tmp_path):
    model = write_model(tmp_path / "m.model", ("none", "glioma", "pituitary"), threshold=0.4)
    generator = np.random.default_rng(2)
    images, labels = [], []
    for index in range(90):
        label = index % 3
        picture = generator.normal(110, 10, (9, 9))
        picture[3 * label : 3 * label + 3] += 60 * generator.random()
        images.append(np.clip(picture, 0, 255).astype(np.uint8))
        labels.append(label)
    np.savez(tmp_path / "x.npz", test_images=np.stack(images), test_labels=np.array(labels))
    result = evaluate(model, read_cases(tmp_path / "x.npz"), options=QUICK)
    answer = result.as_json()
    probabilities = result.scored.probabilities
    called = probabilities.argmax(axis=1)
    expected = {
        "auroc": oracle.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "accuracy": oracle.accuracy_score(labels, called),
        "sensitivity": oracle.recall_score(labels, called, average="macro"),
        "f1": oracle.f1_score(labels, called, average="macro"),
        "brier": oracle.brier_score_loss(labels, probabilities, scale_by_half=False),
    }
    assert {name: answer["metrics"][name]["value"] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert (answer["averaging"], answer["positive_class"], answer["threshold"]) == ("macro", None, None)
    assert [row["n"] for row in answer["classes"]] == [30, 30, 30]
    assert "at_operating_point" in answer["classes"][1]
    assert "at_operating_point" not in answer["classes"][0]
    assert answer["confusion_matrix"]["counts"] == oracle.confusion_matrix(labels, called).tolist()


def test_columns_of_a_manifest_make_subgroups(model, tmp_path):
    rows = ["path,label,patient_id,scanner,number"]
    for index in range(48):
        label = index % 2
        save(tmp_path / f"{index}.png", flat(70 + 90 * label + index, index))
        rows.append(f"{index}.png,{('normal', 'pneumonia')[label]},p{index // 4},{'AB'[index // 24]},{index}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    result = evaluate(model, read_cases(tmp_path), options=QUICK)
    assert [(row.column, row.value, row.cases) for row in result.subgroup_rows] == [
        ("scanner", "A", 24), ("scanner", "B", 24),
    ]  # fmt: skip
    assert result.subgroup_rows[0].measures["auroc"].value == 1.0
    assert len(np.unique(result.scored.groups)) == 12
    assert "p3" not in result.as_csv()


def test_dicom_images_go_through_the_same_path(tmp_path):
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"), contract=InputContract(modalities=["CT"]))
    for index in range(6):
        dataset = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{index}"
        dataset.PatientID = f"patient {index}"
        dataset.WindowCenter, dataset.WindowWidth = (-2000, 100) if index % 2 else (4000, 100)
        folder = tmp_path / "data" / ("pneumonia" if index % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        dataset.save_as(folder / f"{index}.dcm")
    result = evaluate(model, read_cases(tmp_path / "data"), options=QUICK)
    assert result.measures["auroc"].value == 1.0
    assert result.scored.scores.max() > 0.9
    assert "patient 1" not in json.dumps(result.as_json()) + result.as_csv()


def test_progress_is_told_to_the_end(model, data):
    told = []
    evaluate(model, read_cases(data), options=QUICK, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (80, 80)
