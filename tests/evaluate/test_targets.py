"""Evaluation of labels, numbers and ordered classes: what the files hold, what was not assessed, other data."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.evaluate.run import EvaluateOptions  # noqa: E402
from hounsfield.evaluate.targets import evaluate_targets, read_targets_for  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.train.targets import LABELS, pictures, write_labels, write_manifest, write_numbers  # noqa: E402

QUICK = TrainOptions(epochs=4, batch_size=16, threads=1, learning_rate=3e-3, network="article")
FEW = EvaluateOptions(resamples=100, threads=1)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    train(write_labels(folder / "data"), folder / "labels.model", QUICK)
    return folder


def test_the_verb_writes_figures_answers_and_a_page(labels, tmp_path, capsys):
    code = main(["evaluate", str(labels / "labels.model"), str(labels / "data"), "-o", str(tmp_path / "out"), "--json"])
    assert code == 0
    said = json.loads(capsys.readouterr().out)
    assert 130 < said["n"] <= 150  # a case of which nothing was assessed is not answered
    assert said["answer"] == "labels"
    assert 0.4 < said["metrics"]["auroc"]["value"] <= 1
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert stored["metrics"] == said["metrics"]
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (labels / "data" / "manifest.csv").open(encoding="utf-8") as stream:
        known = {row["path"]: row for row in csv.DictReader(stream)}
    assert len(rows) == said["n"]
    assert all(row[f"reference {name}"] == known[row["identifier"]][name] for row in rows for name in LABELS)
    assert all(0 <= float(row[f"model {name}"]) <= 1 for row in rows for name in LABELS)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "auroc nodule" in page
    assert "Q850" in page


def test_targets_say_where_the_data_come_from_and_name_copies_of_training_images(labels):
    package = open_package(labels / "labels.model")
    targets = read_targets_for(package.manifest, labels / "data")
    options = replace(FEW, run_folder=labels / "labels.model.run")
    found = evaluate_targets(package, targets, options=options)
    assert found.origin.is_checked
    written = found.as_json()
    assert written["origin"]["test"] == "internal"
    assert len(written["origin"]["copies_of_training_images"]) == package.manifest.data.training
    assert {"Q862", "Q861"} <= {issue.code for issue in found.issues}
    unchecked = evaluate_targets(package, targets, options=FEW)
    assert not unchecked.origin.is_checked
    assert not {"Q862", "Q861"} & {issue.code for issue in unchecked.issues}


def test_targets_are_measured_by_column(labels):
    package = open_package(labels / "labels.model")
    targets = read_targets_for(package.manifest, labels / "data")
    cases = tuple(
        replace(case, attributes=(("site", "north" if index % 2 else "south"),))
        for index, case in enumerate(targets.table.cases)
    )
    found = evaluate_targets(package, replace(targets, table=replace(targets.table, cases=cases)), options=FEW)
    rows = {row.value: row for row in found.subgroups}
    assert set(rows) == {"north", "south"}
    known = np.isfinite(found.reference)
    errors = np.where(known, np.abs(found.said - np.nan_to_num(found.reference)), 0).sum(1) / known.sum(1)
    north = {case.identifier for case in cases if case.attributes[0][1] == "north"}
    is_north = np.array([name in north for name in found.identifiers])
    assert rows["north"].measures["error"].value == pytest.approx(errors[is_north].mean())
    assert rows["south"].cases == int((~is_north).sum())


def test_labels_that_other_data_have_not_are_not_assessed(labels, tmp_path):
    images, present = pictures(60, 5)
    rows = [[int(row[2]), int(row[0])] for row in present]
    data = write_manifest(tmp_path / "other", images, ("Mass", "Effusion"), rows)
    package = open_package(labels / "labels.model")
    targets = read_targets_for(package.manifest, data)
    np.testing.assert_array_equal(targets.values[:, 0], present[:, 0])
    np.testing.assert_array_equal(targets.values[:, 2], present[:, 2])
    assert np.isnan(targets.values[:, 1]).all()
    found = evaluate_targets(package, targets, options=FEW)
    assert "auroc mass" in found.measures
    assert "auroc nodule" not in found.measures


def test_data_without_any_of_the_labels_are_refused(labels, tmp_path):
    images, _ = pictures(30)
    data = write_manifest(
        tmp_path / "other", images, ("hernia", "cyst"), [[index % 2, index % 3 == 0] for index in range(30)]
    )
    with pytest.raises(DatasetError) as caught:
        read_targets_for(open_package(labels / "labels.model").manifest, data)
    assert caught.value.code == "E851"


def test_a_number_is_measured_in_its_unit(tmp_path):
    data = write_numbers(tmp_path / "data", 120)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('unit = "mm"\n', encoding="utf-8")
    train(data, tmp_path / "height.model", replace(QUICK, epochs=8, recipe=recipe))
    package = open_package(tmp_path / "height.model")
    assert package.manifest.unit == "mm"
    targets = read_targets_for(package.manifest, data)
    found = evaluate_targets(package, targets, tmp_path / "out", FEW)
    errors = np.abs(found.said[:, 0] - found.reference[:, 0])
    assert found.measures["mean_absolute_error"].value == pytest.approx(errors.mean())
    assert errors.mean() < np.abs(targets.values - targets.values.mean()).mean()
    assert "(mm)" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
