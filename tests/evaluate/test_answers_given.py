"""Labels, numbers and ordered classes, evaluated with a network whose answers are known: files agree, refusals."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit
from sklearn import metrics as oracle

from hounsfield.cases.targets import read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from hounsfield.evaluate.page import html_text, interval_text
from hounsfield.evaluate.run import EvaluateOptions
from hounsfield.evaluate.targets import evaluate_targets, read_targets_for
from hounsfield.messages import label
from hounsfield.metrics.answers import median_class
from hounsfield.model.package import open_package, write_package
from tests.evaluate.examples import GAIN, SIDE, class_entry, flat, network, write_model

QUICK = EvaluateOptions(resamples=40, threads=1)
GRADES = ("mild", "medium", "severe")
COUNT = 48


def answering(path, answer, names, unit=""):
    """Write a package whose logits are ``GAIN`` times the mean brightness of each band of rows, with an answer."""
    manifest = write_model(path.with_suffix(".base"), GRADES).manifest
    classes = [class_entry(name, True, None) for name in names]
    changed = manifest.model_copy(update={"answer": answer, "unit": unit, "classes": classes, "parts": {}})
    write_package(path, changed, network(len(names)))
    return open_package(path)


def bands(count, seed=0):
    """Return pictures (case, row, column) of three bands of rows, and the brightness (case, band) of each in 0..1."""
    levels = np.random.default_rng(seed).integers(30, 220, (count, 3))
    rows = np.array_split(np.arange(SIDE), 3)
    pictures = np.stack([flat(128, index).astype(float) - 128 for index in range(count)])
    for index, own in enumerate(levels):
        for level, part in zip(own, rows, strict=True):
            pictures[index, 2 * part[0] : 2 * part[-1] + 2] += level
    return np.clip(pictures, 0, 255).astype(np.uint8), levels / 255


def write_data(folder, columns, rows, splits=None, seed=0):
    folder.mkdir(parents=True)
    pictures, levels = bands(len(rows), seed)
    lines = [["path", "patient_id", *(["split"] if splits else []), *columns]]
    for index, (picture, row) in enumerate(zip(pictures, rows, strict=True)):
        Image.fromarray(picture).save(folder / f"{index}.png")
        lines.append([f"{index}.png", f"p{index // 2}", *([splits[index]] if splits else []), *row])
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    return folder, levels


def some_labels():
    present = np.random.default_rng(1).random((COUNT, 3)) < 0.5
    rows = present.astype(int).astype(str)
    rows[np.random.default_rng(2).random((COUNT, 3)) < 0.2] = ""
    rows[5] = ""
    return rows.tolist()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def labels(root):
    names = ("upper", "=middle", "lower & left")
    package = answering(root / "labels.model", "labels", names)
    data, levels = write_data(root / "labels", names, some_labels())
    found = evaluate_targets(package, read_targets_for(package.manifest, data), root / "out", QUICK)
    return found, levels


def rows_of(found):
    return list(csv.DictReader(io.StringIO(found.as_csv())))


def test_the_probability_of_a_label_is_its_own(labels):
    """The logistic function of each logit: they need not add up to one. A case without any label is not asked."""
    found, levels = labels
    asked = [int(name.split(".")[0]) for name in found.identifiers]
    assert asked == [index for index in range(COUNT) if index != 5]
    np.testing.assert_allclose(found.said, expit(GAIN * levels[asked]), atol=0.02)
    assert (found.said.sum(axis=1) > 1).any()


def test_figures_of_labels_are_those_of_scikit_learn_on_the_written_table(labels):
    found, _ = labels
    rows = rows_of(found)
    names = [(f"reference {name}", f"model {name}", name) for name in found.names]
    areas = []
    for reference, model, name in names:
        known = [row for row in rows if row[reference]]
        truth, said = [int(row[reference]) for row in known], [float(row[model]) for row in known]
        areas.append(oracle.roc_auc_score(truth, said))
        assert found.measures[f"auroc {name}"].value == pytest.approx(areas[-1], abs=1e-4)
        assert found.measures[f"brier {name}"].value == pytest.approx(oracle.brier_score_loss(truth, said), abs=1e-5)
    assert found.measures["auroc"].value == pytest.approx(np.mean(areas), abs=1e-4)


def test_the_file_the_answer_and_the_page_say_the_same(labels, root):
    found, _ = labels
    stored = json.loads((root / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(found.as_json()))
    assert (root / "out" / "predictions.csv").read_text(encoding="utf-8") == found.as_csv()
    page = (root / "out" / "report.html").read_text(encoding="utf-8")
    assert set(stored["metrics"]) == set(found.measures)
    for name, item in found.measures.items():
        assert f"<tr><th>{html_text(name.replace('_', ' '))}</th><td>{interval_text(item)}</td></tr>" in page
    for issue in found.issues:
        assert html_text(issue.text("en")) in page
        assert html_text(issue.text("zh")) in page
    assert "lower & left" not in page
    assert html_text(label("evaluate-part-all", "zh")) in page


def test_no_order_of_the_columns_changes_a_figure(labels, root):
    found, _ = labels
    rows = [[row[2], row[0], row[1]] for row in some_labels()]
    data, _ = write_data(root / "turned", ("lower & left", "upper", "=middle"), rows)
    package = open_package(root / "labels.model")
    turned = evaluate_targets(package, read_targets_for(package.manifest, data), options=QUICK)
    assert turned.names == found.names
    np.testing.assert_array_equal(turned.reference, found.reference)
    assert turned.measures == found.measures


def test_a_number_is_the_answer_itself_and_blank_cells_are_not_asked(root):
    _, levels = bands(COUNT)
    wanted = (GAIN * levels.mean(axis=1)).round(1) + 0.5
    rows = [["" if index % 8 == 3 else f"{value:.1f}"] for index, value in enumerate(wanted)]
    package = answering(root / "height.model", "number", ("height",), "mm")
    data, _ = write_data(root / "height", ("height",), rows)
    found = evaluate_targets(package, read_targets_for(package.manifest, data), options=QUICK)
    assert len(found.identifiers) == COUNT - COUNT // 8
    errors = found.said[:, 0] - found.reference[:, 0]
    assert found.measures["mean_error"].value == pytest.approx(errors.mean())
    assert found.measures["r_squared"].value == pytest.approx(oracle.r2_score(found.reference, found.said))
    limits = [found.measures[f"{side}_limit_of_agreement"].value for side in ("lower", "upper")]
    assert np.mean(limits) == pytest.approx(errors.mean())
    assert (found.as_json()["unit"], found.as_json()["targets"]) == ("mm", ["height"])
    assert [float(row["model height"]) for row in rows_of(found)] == pytest.approx(found.said[:, 0], rel=1e-5)


def test_ordered_classes_are_called_by_the_median(root):
    package = answering(root / "grade.model", "ordered-class", GRADES)
    grades = np.random.default_rng(4).integers(0, 3, COUNT)
    data, _ = write_data(root / "grade", ("label",), [[GRADES[grade]] for grade in grades])
    found = evaluate_targets(package, read_targets_for(package.manifest, data), options=QUICK)
    np.testing.assert_array_equal(found.reference[:, 0], grades)
    np.testing.assert_allclose(found.said.sum(axis=1), 1, atol=1e-6)
    called = median_class(found.said)
    assert (called != found.said.argmax(axis=1)).any()
    kappa = oracle.cohen_kappa_score(grades, called, weights="quadratic")
    assert found.measures["weighted_kappa"].value == pytest.approx(kappa)
    assert found.measures["accuracy"].value == pytest.approx((grades == called).mean())
    assert list(rows_of(found)[0]) == ["identifier", "reference", *(f"model {name}" for name in GRADES)]


def numbered(root, name, value_of, splits):
    package = answering(root / f"{name}.model", "number", ("height",))
    data, _ = write_data(root / name, ("height",), [[value_of(index)] for index in range(len(splits))], splits)
    return package, data


def test_parts_are_chosen_and_told(root):
    splits = ["train"] * 16 + ["val"] * 16
    package, data = numbered(root, "parts", lambda index: f"{index}.5", splits)
    targets = read_targets_for(package.manifest, data)
    tuning = evaluate_targets(package, targets, options=QUICK)
    assert (tuning.part, len(tuning.identifiers)) == ("tuning", 16)
    assert "Q851" in [issue.code for issue in tuning.issues]
    every = evaluate_targets(package, targets, options=EvaluateOptions("all", 20, threads=1))
    assert (every.part, len(every.identifiers)) == ("all", 32)
    with pytest.raises(DatasetError) as caught:
        evaluate_targets(package, targets, options=EvaluateOptions("test", 20))
    assert caught.value.code == "E852"
    assert "training, tuning, all" in caught.value.text()


def test_a_part_of_which_nothing_was_assessed_is_refused_with_words(root):
    """It once ended in an error of the arithmetic: there was no case to draw."""
    splits = ["train"] * 12 + ["test"] * 12
    package, data = numbered(root, "blank", lambda index: f"{index}.5" if index < 12 else "", splits)
    with pytest.raises(DatasetError) as caught:
        evaluate_targets(package, read_targets_for(package.manifest, data), options=QUICK)
    assert caught.value.code == "E854"
    for language in ("en", "zh"):
        assert "test" in caught.value.text(language)
        assert "manifest" in caught.value.text(language)


def test_broken_pictures_are_named_and_too_many_of_them_end_it(root):
    package, data = numbered(root, "broken", lambda index: f"{index}.5", ["test"] * 16)
    targets = read_targets_for(package.manifest, data)
    for index in range(3):
        (data / f"{index}.png").write_bytes(b"no picture")
    found = evaluate_targets(package, targets, options=QUICK)
    assert [name for name, _ in found.refused] == ["0.png", "1.png", "2.png"]
    assert "Q852" in [issue.code for issue in found.issues]
    assert found.as_json()["n"] == 13 == len(rows_of(found))
    for index in range(9):
        (data / f"{index}.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError) as caught:
        evaluate_targets(package, targets, options=QUICK)
    assert caught.value.code == "E853"
    assert "0.png" in caught.value.text()


def test_a_word_among_numbers_is_refused_by_its_code(root):
    package, data = numbered(root, "word", lambda index: "tall" if index == 3 else f"{index}.5", ["test"] * 8)
    with pytest.raises(DatasetError) as caught:
        read_targets_for(package.manifest, data)
    assert caught.value.code == "E858"
    with pytest.raises(DatasetError) as caught:
        read_targets(data, LearningTask.ORDINAL)
    assert caught.value.code.startswith("E8")
