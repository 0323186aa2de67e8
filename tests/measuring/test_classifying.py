"""Classes from features: the model against scikit-learn, the folds against leaks, the figures against chance."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from hounsfield.cli import main
from hounsfield.errors import DatasetError
from hounsfield.measuring.classifying import STRENGTHS, classify, fit_logistic, grouped_folds
from hounsfield.measuring.feature_table import FeatureTable


def sample(count=120, features=6, classes=3, signal=1.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    values = generator.normal(size=(count, features))
    values[np.arange(count), labels] += signal
    return values, labels


def table_of(values, labels, groups=None) -> FeatureTable:
    groups = range(len(labels)) if groups is None else groups
    about = tuple((f"type-{label}", f"patient-{group}") for label, group in zip(labels, groups, strict=True))
    tags = tuple(f"deep_{place:03d}" for place in range(values.shape[1]))
    return FeatureTable("table.csv", ("type", "patient"), about, tags, np.asarray(values, float), 0, "ab" * 32)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("strength", [0.003, 0.1, 3.0])
def test_the_model_is_the_ridge_of_scikit_learn(classes, strength):
    values, labels = sample(classes=classes)
    scaled = StandardScaler().fit(values - np.median(values, axis=0))
    theirs = LogisticRegression(C=1 / (strength * len(labels)), tol=1e-10, max_iter=5000)
    if classes == 2:  # scikit-learn has one weight where we have two that differ by it: half the penalty
        theirs.set_params(C=2 / (strength * len(labels)))
    design = (values - np.median(values, axis=0)) / scaled.scale_
    theirs.fit(design, labels)
    ours = fit_logistic(values, labels, classes, strength)
    np.testing.assert_allclose(ours.probabilities(values), theirs.predict_proba(design), atol=2e-3)


def test_what_is_not_defined_counts_as_the_median():
    values, labels = sample()
    values[::7, 2] = np.nan
    model = fit_logistic(values, labels, 3, 0.1)
    filled = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    np.testing.assert_allclose(model.probabilities(values), model.probabilities(filled))
    values[:, 3] = np.nan
    assert np.isfinite(fit_logistic(values, labels, 3, 0.1).probabilities(values)).all()
    values[:, 4] = 5.0
    assert np.isfinite(fit_logistic(values, labels, 3, 0.1).weights).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_in_two_folds_and_classes_are_spread(seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 40, 300)
    labels = groups % 3
    fold = grouped_folds(labels, groups, 5, seed)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    counts = np.array([np.bincount(labels[fold == held], minlength=3) for held in range(5)])
    assert counts.min() > 0
    assert counts.max() < 3 * counts.mean()


def test_figures_are_those_of_the_held_out_probabilities():
    values, labels = sample(150, signal=1.5)
    found = classify(table_of(values, labels), "type")
    assert found.classes == ("type-0", "type-1", "type-2")
    assert found.metrics["accuracy"].value == pytest.approx(accuracy_score(labels, found.probabilities.argmax(1)))
    macro = roc_auc_score(labels, found.probabilities, multi_class="ovr")
    assert found.metrics["auroc"].value == pytest.approx(macro, abs=1e-6)
    assert found.metrics["auroc"].low < macro < found.metrics["auroc"].high
    assert macro > 0.75
    assert set(found.strengths) <= set(STRENGTHS)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)


def test_features_without_signal_are_worth_nothing():
    values, labels = sample(150, features=30, signal=0.0)
    interval = classify(table_of(values, labels, np.arange(150)), "type", "patient").metrics["auroc"]
    assert interval.low < 0.5 < interval.high


def test_what_only_tells_patients_apart_is_found_out_by_groups():
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(24), 8)
    labels = groups % 2
    values = generator.normal(size=(24, 12))[groups] + 0.05 * generator.normal(size=(192, 12))
    alone = classify(table_of(values, labels), "type").metrics["auroc"].value
    grouped = classify(table_of(values, labels, groups), "type", "patient").metrics["auroc"]
    assert alone > 0.9  # slices of one patient on both sides: a model that knows faces, not diseases
    assert grouped.value < 0.75
    assert grouped.high - grouped.low > 0.1


@pytest.mark.parametrize(
    ("labels", "groups"), [([0] * 9, range(9)), ([0] * 6 + [1] * 3, [0, 1, 2, 3, 4, 5, 6, 6, 7]), ([0, 1], [0, 1])]
)
def test_too_few_classes_or_groups_are_refused(labels, groups):
    with pytest.raises(DatasetError) as told:
        classify(table_of(np.zeros((len(labels), 2)), labels, groups), "type", "patient")
    assert told.value.code == "E251"


def test_a_column_that_is_not_there_is_refused():
    values, labels = sample(30)
    for columns in (("kind", None), ("type", "person")):
        with pytest.raises(DatasetError, match="E711"):
            classify(table_of(values, labels), *columns)


def written(folder, count=60):
    values, labels = sample(count, signal=2.0)
    rows = ["id,type,patient," + ",".join(f"f{place}" for place in range(values.shape[1]))]
    rows += [
        f"{row},kind {label},p{row // 2},{','.join(f'{value:.6f}' for value in line)}"
        for row, (line, label) in enumerate(zip(values, labels, strict=True))
    ]
    path = folder / "features.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_verb_tells_classes_groups_and_intervals(tmp_path, capfd):
    path = written(tmp_path)
    assert main(["features", str(path), "--classify", "type", "--group", "patient", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)["classified"]
    assert told["groups"] == 30
    assert sum(told["classes"].values()) == 60
    assert told["metrics"]["auroc"]["low"] <= told["metrics"]["auroc"]["value"] <= told["metrics"]["auroc"]["high"]
    assert main(["features", str(path), "--classify", "type", "--language", "zh"]) == 0
    assert "组: 60" in capfd.readouterr().out


@pytest.mark.parametrize("words", [("--group", "patient"), ("--classify", "type", "--harmonise", "patient")])
def test_options_that_do_not_go_together_are_refused(words, tmp_path, capfd):
    assert main(["features", str(written(tmp_path)), *words, "--json"]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E714"
