"""Two models on the same cases: figures against scikit-learn, verdicts on known models, refusals, the page."""

import csv
import io
import json
import re

import numpy as np
import pytest
from sklearn import metrics as oracle

from hounsfield.cases.layouts import read_cases
from hounsfield.errors import DatasetError
from hounsfield.evaluate.compare import COMPARED, compare, compare_evaluations
from hounsfield.evaluate.compare_result import comparison_csv, comparison_json, draw_comparison, write_comparison
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.metrics.delong import compare_auroc
from tests.evaluate.examples import flat, save, write_model

QUICK = EvaluateOptions(resamples=300)
NAMES = ("normal", "pneumonia")


def pictures(count=100, noise=70, seed=0):
    """Return pictures whose mean brightness tells the label well, and whose upper rows tell it badly."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = []
    for index, label in enumerate(labels):
        level = 105 + 45 * label + chance.normal(0, 22)
        picture = flat(int(np.clip(level, 10, 245)), index).astype(float)
        picture[:4] += chance.normal(0, noise)
        # a coarse pattern of its own, so that no picture looks like a copy of another
        pattern = chance.normal(0, 30, (8, 8))
        picture += np.kron(pattern - pattern.mean(axis=1, keepdims=True), np.ones((2, 2)))
        images.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(images), labels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.npz"
    images, labels = pictures()
    np.savez(path, test_images=images, test_labels=labels)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model that looks at the whole picture, and one that looks at its noisy upper quarter."""
    folder = tmp_path_factory.mktemp("model")
    return write_model(folder / "a.model", NAMES, 0.5), write_model(folder / "b.model", NAMES, 0.6, seen_rows=2)


@pytest.fixture(scope="module")
def comparison(models, data):
    return compare(*models, read_cases(data), QUICK)


def row_of(comparison, name):
    return next(row for row in comparison.rows if row.name == name)


def test_the_figures_of_both_models_agree_with_scikit_learn(comparison):
    one, two = comparison.first_scored, comparison.second_scored
    for side, scored, threshold in (("first", one, 0.5), ("second", two, 0.6)):
        expected = {
            "auroc": oracle.roc_auc_score(scored.is_positive, scored.scores),
            "average_precision": oracle.average_precision_score(scored.is_positive, scored.scores),
            "accuracy": oracle.accuracy_score(scored.is_positive, scored.scores >= threshold),
            "brier": oracle.brier_score_loss(scored.is_positive, scored.scores),
        }
        found = {name: getattr(row_of(comparison, name), side).value for name in expected}
        assert found == pytest.approx(expected, abs=1e-6)


def test_differences_are_differences_and_lie_in_their_intervals(comparison):
    assert tuple(row.name for row in comparison.rows) == COMPARED
    for row in comparison.rows:
        assert row.difference.value == pytest.approx(row.first.value - row.second.value, abs=1e-9), row.name
        assert row.difference.low <= row.difference.value <= row.difference.high, row.name
        assert 0 < row.p_value <= row.p_adjusted <= 1, row.name


def test_a_model_that_sees_less_is_told_apart(comparison):
    row = row_of(comparison, "auroc")
    expected = compare_auroc(
        comparison.first_scored.is_positive, comparison.first_scored.scores, comparison.second_scored.scores
    )
    assert (row.test, row.p_value) == ("delong", expected.p_value)
    assert row.is_significant
    assert row.difference.low > 0
    assert row_of(comparison, "brier").difference.high < 0
    accuracy = row_of(comparison, "accuracy")
    assert accuracy.test == "permutation"
    assert accuracy.p_value == pytest.approx(comparison.mcnemar.p_value, abs=0.03)


def test_mcnemar_counts_the_cases_called_apart(comparison):
    one, two = (scored.called == scored.labels for scored in (comparison.first_scored, comparison.second_scored))
    assert comparison.mcnemar.only_first == int((one & ~two).sum())
    assert comparison.mcnemar.only_second == int((~one & two).sum())
    assert comparison.mcnemar.p_value < 0.05
    assert not comparison.has_groups


def test_a_model_and_itself_never_differ(models, data):
    same = compare(models[0], models[0], read_cases(data), EvaluateOptions(resamples=100))
    assert "Q857" in [issue.code for issue in same.issues]
    for row in same.rows:
        assert (row.difference.value, row.difference.low, row.difference.high) == (0, 0, 0), row.name
        assert row.p_adjusted == 1
        assert not row.is_significant
    assert same.mcnemar.p_value == 1


def test_exchanging_the_models_turns_the_signs(models, data, comparison):
    turned = compare(models[1], models[0], read_cases(data), QUICK)
    for row, other in zip(comparison.rows, turned.rows, strict=True):
        assert other.difference.value == pytest.approx(-row.difference.value, abs=1e-9)
        assert other.p_value == pytest.approx(row.p_value, abs=1e-6)


def test_other_classes_are_refused(models, data, tmp_path):
    stranger = write_model(tmp_path / "c.model", ("normal", "fracture"))
    with pytest.raises(DatasetError) as caught:
        compare(models[0], stranger, read_cases(data))
    assert caught.value.code == "E844"
    assert "fracture" in caught.value.text()
    third = write_model(tmp_path / "d.model", ("normal", "pneumonia", "tuberculosis"))
    with pytest.raises(DatasetError, match="E844"):
        compare(models[0], third, read_cases(data))
    turned = write_model(tmp_path / "e.model", ("pneumonia", "normal"))
    with pytest.raises(DatasetError, match="E845"):
        compare(models[0], turned, read_cases(data))


def test_classes_in_another_order_are_the_same_classes(tmp_path, data):
    """Three classes, the second model has them turned round: its probabilities are set in the order of the first."""
    chance = np.random.default_rng(1)
    images = chance.integers(40, 200, (60, 16, 16)).astype(np.uint8)
    labels = np.arange(60) % 3
    for index, label in enumerate(labels):
        images[index, 5 * label : 5 * label + 6] = np.clip(images[index, 5 * label : 5 * label + 6] + 55.0, 0, 255)
    names = ("a", "b", "c")
    for index, label in enumerate(labels):
        save(tmp_path / "data" / names[label] / f"{index}.png", images[index])
    first = write_model(tmp_path / "a.model", names)
    second = write_model(tmp_path / "b.model", names[::-1])
    found = compare(first, second, read_cases(tmp_path / "data"), EvaluateOptions(resamples=60))
    assert found.first_scored.labels.tolist() == found.second_scored.labels.tolist()
    own = evaluate(second, read_cases(tmp_path / "data"), options=EvaluateOptions(resamples=20))
    assert np.array_equal(found.second_scored.probabilities, own.scored.probabilities[:, ::-1])
    assert row_of(found, "accuracy").second.value == pytest.approx(own.measures["accuracy"].value)
    assert row_of(found, "auroc").test == "permutation"
    assert set(draw_comparison(found)) == {f"{kind}-{n}" for kind in ("roc", "precision-recall") for n in (1, 2, 3)}


def test_cases_that_one_model_refused_are_left_out_and_counted(models, data, comparison):
    second = comparison.second
    short = compare_evaluations(comparison.first, without_first(second), QUICK)
    assert len(short.cases) == len(comparison.cases) - 1
    assert "Q858" in [issue.code for issue in short.issues]
    assert short.cases[0].identifier == comparison.cases[1].identifier


def without_first(evaluation):
    from dataclasses import replace

    keep = np.arange(len(evaluation.cases)) > 0
    return replace(evaluation, cases=evaluation.cases[1:], scored=evaluation.scored.subset(keep))


def test_no_common_cases_are_refused(comparison):
    from dataclasses import replace

    nobody = replace(comparison.second, cases=())
    with pytest.raises(DatasetError, match="E846"):
        compare_evaluations(comparison.first, nobody, QUICK)


def test_patients_are_kept_together(models, tmp_path):
    images, labels = pictures(40, seed=3)
    rows = ["path,label,patient_id"]
    for index, picture in enumerate(images):
        save(tmp_path / f"{index}.png", picture)
        rows.append(f"{index}.png,{NAMES[labels[index]]},p{index // 4}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    found = compare(*models, read_cases(tmp_path), EvaluateOptions(resamples=50))
    assert found.has_groups
    assert comparison_json(found)["mcnemar"]["cases_are_independent"] is False


def test_the_json_has_the_stated_shape(comparison):
    answer = comparison_json(comparison)
    json.dumps(answer, allow_nan=False)
    assert list(answer["measures"]) == list(COMPARED)
    assert set(answer["measures"]["auroc"]) == {
        "a", "b", "difference", "p_value", "p_adjusted", "is_significant", "test",
    }  # fmt: skip
    assert (answer["models"]["a"]["threshold"], answer["models"]["b"]["threshold"]) == (0.5, 0.6)
    assert answer["n"] == 100
    assert answer["research_use_only"] is True


def test_the_table_has_both_calls_of_each_case(comparison):
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert len(rows) == 100
    apart = [row for row in rows if row["a_is_right"] != row["b_is_right"]]
    assert len(apart) == comparison.mcnemar.only_first + comparison.mcnemar.only_second
    scores = [float(row["b_probability_pneumonia"]) for row in rows]
    np.testing.assert_allclose(scores, comparison.second_scored.scores, atol=1e-6)


def test_the_folder_is_whole_and_the_page_speaks_both_languages(comparison, tmp_path):
    write_comparison(comparison, tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    plots = {f"plots/{name}.{suffix}" for name in ("roc", "precision-recall") for suffix in ("svg", "png")}
    assert names == plots | {"comparison.json", "predictions.csv", "report.html", "hounsfield-run.json"}
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.count('data-lang="en"') == text.count('data-lang="zh"') > 40
    assert "ui.evaluate" not in text
    for words in ("Not a medical device", "不是医疗器械", "no difference shown", "McNemar"):
        assert words in text
    assert not re.search(r"url\(|@import|https?://", re.sub(r"data:[^\"]*", "", text))


def test_progress_runs_once_over_both_models(models, data):
    told = []
    compare(*models, read_cases(data), EvaluateOptions(resamples=20), lambda done, total: told.append((done, total)))
    assert told[0] == (1, 200)
    assert told[-1] == (200, 200)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
