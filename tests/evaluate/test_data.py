"""Evaluations on data as they come: numbers for names, missing classes, groups, and errors that never happen."""

import csv
import io
import json

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from hounsfield.cases.layouts import read_cases
from hounsfield.core.codes import concept_for
from hounsfield.core.prediction import Interval, OperatingPoint, PredictedClass
from hounsfield.errors import DatasetError
from hounsfield.evaluate.mapping import choose_part, map_labels, positive_class
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.evaluate.scoring import HEADLINE, Scored, measure, statistics_of, trials_of
from hounsfield.evaluate.subgroups import subgroup_rows
from hounsfield.evaluate.tables import class_rows
from hounsfield.metrics.weights import value_of
from tests.cases.examples import table_of
from tests.evaluate.examples import brightness_npz, flat, probability, save, write_model

QUICK = EvaluateOptions(resamples=100)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "m.model", ("normal", "pneumonia"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "m.model", ("none", "glioma", "pituitary"))


def classes_of(*names, absent=(0,), pointed=()):
    point = OperatingPoint(0.4, Interval(0.9, 0.8, 1), Interval(0.9, 0.8, 1), "x")
    return tuple(
        PredictedClass(name, concept_for(name), index not in absent, point if index in pointed else None)
        for index, name in enumerate(names)
    )


def write_table(folder, rows, header="path,label"):
    """Write pictures of a brightness and their table: rows are (brightness, further cells)."""
    lines = [header]
    for index, (brightness, *cells) in enumerate(rows):
        save(folder / f"{index}.png", flat(brightness, index))
        lines.append(",".join([f"{index}.png", *map(str, cells)]))
    path = folder / "cases.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_numbers_count_the_models_classes_from_0_whichever_occur(three, tmp_path):
    """A test set without class 0 once had its 1 taken for the first class, and its 2 for the second."""
    chance = np.random.default_rng(1)
    lines = ["path,label"]
    for index in range(20):
        label = 1 + index % 2
        picture = chance.normal(100, 6, (9, 9))
        picture[3 * label : 3 * label + 3] += 60
        save(tmp_path / f"{index}.png", np.clip(picture, 0, 255).astype(np.uint8))
        lines.append(f"{index}.png,{label}")
    (tmp_path / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    result = evaluate(three, read_cases(tmp_path / "cases.csv"), options=QUICK)
    assert result.confusion.tolist() == [[0, 0, 0], [0, 10, 0], [0, 0, 10]]
    assert result.measures["accuracy"].value == 1.0
    assert "Q855" in [issue.code for issue in result.issues]


def test_numbers_that_count_from_1_are_refused_and_not_guessed(model, tmp_path):
    table = read_cases(write_table(tmp_path, [(60 + index, 1 + index % 2) for index in range(10)]))
    with pytest.raises(DatasetError) as caught:
        evaluate(model, table)
    assert caught.value.code == "E851"
    assert caught.value.facts["found"] == "2"


def test_the_order_of_the_classes_of_the_data_does_not_matter(model, tmp_path):
    """'pneumonia' sorts before 'sound'; 'sound' is unknown, 'healthy' stands for the class that is no finding."""
    for index in range(12):
        save(tmp_path / "Pneumonia" / f"{index}.png", flat(170 + index, index))
        save(tmp_path / "healthy" / f"{index}.png", flat(70 + index, 50 + index))
    table = read_cases(tmp_path)
    assert {name.lower() for name in table.class_names} == {"healthy", "pneumonia"}
    for names in (("Pneumonia", "healthy"), ("healthy", "Pneumonia")):
        result = evaluate(model, read_cases(tmp_path, names), options=QUICK)
        assert result.measures["auroc"].value == 1.0
        assert result.confusion.tolist() == [[12, 0], [0, 12]]


@pytest.mark.parametrize(
    ("names", "data", "expected"),
    [
        (("normal", "pneumonia"), ("PNEUMONIA", "Normal"), [1, 0]),
        (("no-tumour", "glioma", "meningioma"), ("glioma_tumor", "No Tumor", "meningioma"), [1, 0, 2]),
        (("normal", "pneumonia"), ("no finding", "pneumonia"), [0, 1]),
        (("HER2-", "HER2+"), ("her2+", "her2 -"), [1, 0]),
        (("阴性", "肺炎"), ("肺炎", "阴性"), [1, 0]),
    ],
)
def test_names_are_mapped_to_the_models_classes(names, data, expected):
    table = table_of({str(index): np.zeros((4, 4)) for index in range(len(data))}, list(range(len(data))))
    table = type(table)(table.name, data, table.cases, (), "class-folders", table.reader)
    assert map_labels(table, classes_of(*names)).tolist() == expected


def test_absence_is_not_guessed_when_two_classes_could_be_meant():
    table = table_of({"a": np.zeros((4, 4)), "b": np.zeros((4, 4))}, [0, 1])
    table = type(table)(table.name, ("healthy", "nodule"), table.cases, (), "class-folders", table.reader)
    with pytest.raises(DatasetError) as caught:
        map_labels(table, classes_of("normal", "scar", "nodule", absent=(0, 1)))
    assert caught.value.facts["found"] == "healthy"


@pytest.mark.parametrize(
    ("absent", "pointed", "expected"), [((0,), (), 1), ((1,), (), 0), ((), (0,), 0), ((), (0, 1), 1), ((), (), 1)]
)
def test_what_a_two_class_model_looks_for(absent, pointed, expected):
    assert positive_class(classes_of("a", "b", absent=absent, pointed=pointed)) == expected
    assert positive_class(classes_of("a", "b", "c", absent=absent, pointed=pointed)) is None


def test_parts():
    table = table_of(
        {str(index): np.zeros((2, 2)) for index in range(3)}, [0, 1, 0], None, ["training", "tuning", None]
    )
    assert choose_part(table) == "tuning"
    assert choose_part(table, "training") == "training"
    assert choose_part(table, "all") == "all"
    with pytest.raises(DatasetError) as caught:
        choose_part(table, "test")
    assert caught.value.code == "E852"


def test_cases_without_a_label_are_left_out_and_counted(model, tmp_path):
    rows = [(60 + 10 * index, "normal" if index < 8 else "pneumonia") for index in range(16)]
    table = read_cases(write_table(tmp_path, [*rows, (100, ""), (150, "")]))
    result = evaluate(model, table, options=QUICK)
    assert len(result.cases) == 16
    assert "Q807" in [issue.code for issue in result.issues]
    assert result.as_json()["data"]["cases_in_part"] == 18


def test_copies_and_patients_widen_the_interval(model, tmp_path):
    """Twelve patients with eight images each: the patients are drawn, and the interval says so."""
    chance = np.random.default_rng(7)
    rows = []
    for patient in range(12):
        label = patient % 2
        level = int(np.clip(115 + 25 * label + chance.normal(0, 35), 20, 235))
        rows += [(level + step, "pneumonia" if label else "normal", f"p{patient}") for step in range(8)]
    grouped = evaluate(model, read_cases(write_table(tmp_path / "a", rows, "path,label,patient")), options=QUICK)
    bare = [(level, label) for level, label, _ in rows]
    alone = evaluate(model, read_cases(write_table(tmp_path / "b", bare)), options=QUICK)

    def width(result):
        interval = result.measures["auroc"]
        return interval.high - interval.low

    assert grouped.measures["auroc"].value == alone.measures["auroc"].value
    assert width(grouped) > 1.6 * width(alone)
    assert len({case.group for case in grouped.cases}) == 12


@pytest.fixture(scope="module")
def perfect(model, tmp_path_factory):
    levels = [40 + 2 * index for index in range(15)] + [180 + 2 * index for index in range(25)]
    return evaluate(
        model,
        read_cases(brightness_npz(tmp_path_factory.mktemp("d") / "x.npz", "test", levels, [0] * 15 + [1] * 25)),
        tmp_path_factory.mktemp("out") / "eval",
        QUICK,
    )


def test_no_error_in_forty_cases_is_no_certainty(perfect):
    """Each fraction has the Wilson interval of the cases it rests on; 15 normal ones bear the specificity."""
    expected = {"accuracy": 40, "sensitivity": 25, "specificity": 15, "positive_predictive_value": 25, "auroc": 15}
    for name, trials in {**expected, "f1": 15, "mcc": 15, "balanced_accuracy": 15, "average_precision": 15}.items():
        interval = perfect.measures[name]
        exact = stats.binomtest(trials, trials).proportion_ci(method="wilson")
        assert (interval.value, interval.high) == (1.0, 1.0), name
        assert interval.low == pytest.approx(exact.low), name
    assert all(row.auroc.low < 0.85 for row in perfect.class_rows)


def test_a_perfect_run_is_strict_json_with_an_undefined_slope_as_null(perfect):
    answer = json.loads(json.dumps(perfect.as_json(), allow_nan=False))
    assert answer["calibration"]["slope"] is None
    assert answer["metrics"]["auroc"]["low"] < 0.85
    for name in HEADLINE:
        figure = answer["metrics"][name]
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_every_call_wrong_is_no_certainty_either(tmp_path, model):
    levels = [220 + index for index in range(12)] + [20 + index for index in range(12)]
    table = read_cases(brightness_npz(tmp_path / "x.npz", "test", levels, [0] * 12 + [1] * 12))
    result = evaluate(model, table, options=QUICK)
    for name in ("auroc", "accuracy", "sensitivity", "specificity"):
        interval = result.measures[name]
        assert interval.value == interval.low == 0.0
        assert 0.13 < interval.high < 0.3
    assert result.measures["mcc"].value == -1.0


def scored_of(labels, probabilities, groups=None, positive=None, threshold=0.5):
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    return Scored(labels, np.asarray(probabilities, dtype=float), groups, positive, threshold)


def test_trials_are_counted_in_groups_and_not_in_images():
    probabilities = [[0.9, 0.1]] * 6 + [[0.2, 0.8]] * 4
    scored = scored_of([0] * 6 + [1] * 4, probabilities, [0, 0, 0, 1, 1, 1, 2, 2, 3, 4], positive=1)
    trials = trials_of(scored)
    assert (trials["accuracy"], trials["sensitivity"], trials["specificity"], trials["auroc"]) == (5, 3, 2, 2)
    assert set(trials) <= set(statistics_of(scored))


def test_trials_of_three_classes_are_those_of_the_smallest():
    probabilities = np.eye(3)[[0] * 5 + [1] * 2 + [2] * 3] * 0.8 + 0.2 / 3
    measures = measure(scored_of([0] * 5 + [1] * 2 + [2] * 3, probabilities), 50, 0)
    for name, trials in (("accuracy", 10), ("sensitivity", 2), ("f1", 2), ("auroc", 2)):
        assert measures[name].low == pytest.approx(stats.binomtest(trials, trials).proportion_ci(method="wilson").low)


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_of_four_classes_agrees_with_scikit_learn(seed):
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 4, 200)
    probabilities = chance.dirichlet(np.ones(4), 200)
    probabilities[np.arange(200), labels] += 0.5 * chance.random(200)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    called = probabilities.argmax(axis=1)
    figures = {name: value_of(part, 200) for name, part in statistics_of(scored_of(labels, probabilities)).items()}
    expected = {
        "auroc": oracle.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "average_precision": oracle.average_precision_score(np.eye(4)[labels], probabilities, average="macro"),
        "accuracy": oracle.accuracy_score(labels, called),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, called),
        "f1": oracle.f1_score(labels, called, average="macro"),
        "positive_predictive_value": oracle.precision_score(labels, called, average="macro"),
        "log_loss": oracle.log_loss(labels, probabilities),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_class_rows_add_up():
    chance = np.random.default_rng(3)
    labels = chance.integers(0, 3, 60)
    scored = scored_of(labels, chance.dirichlet(np.ones(3), 60))
    rows = class_rows(scored, classes_of("a", "b", "c"))
    assert [row.cases for row in rows] == np.bincount(labels).tolist()
    assert sum(row.called for row in rows) == 60
    for index, row in enumerate(rows):
        expected = oracle.recall_score(labels, scored.called, labels=[index], average=None)[0]
        assert row.sensitivity.value == pytest.approx(expected)
        assert row.auroc.value == pytest.approx(oracle.roc_auc_score(labels == index, scored.probabilities[:, index]))
        assert row.at_point is None


def test_subgroups_are_the_figures_of_their_cases_alone():
    chance = np.random.default_rng(2)
    labels = chance.integers(0, 2, 120)
    scores = np.clip(0.3 + 0.3 * labels + chance.normal(0, 0.2, 120), 0.01, 0.99)
    scored = scored_of(labels, np.stack([1 - scores, scores], axis=1), positive=1)
    sites = np.array(["north", "south", "west"])[chance.integers(0, 3, 120)]
    attributes = [(("Site", str(site)), ("Row", str(row)), ("Same", "x")) for row, site in enumerate(sites)]
    attributes[0] = (*attributes[0][1:],)
    rows = subgroup_rows(scored, attributes, 50, 0)
    assert [(row.column, row.value) for row in rows] == [
        ("Site", "-"), ("Site", "north"), ("Site", "south"), ("Site", "west"),
    ]  # fmt: skip
    assert rows[0].cases == 1
    assert rows[0].measures is None
    for row in rows[1:]:
        keep = sites == row.value
        keep[0] = False
        assert row.cases == keep.sum()
        assert row.measures["auroc"].value == pytest.approx(oracle.roc_auc_score(labels[keep], scores[keep]))


def test_sixteen_bits_and_grey_as_colour_are_scored_like_grey(model, tmp_path):
    """The same twelve pictures as grey, as RGB and with 257 times the values in 16 bits give the same scores."""
    for index in range(12):
        grey = flat(70 + 9 * index, index)
        grey[0, 0], grey[0, 1] = 0, 255
        name = "normal" if index < 6 else "pneumonia"
        save(tmp_path / "grey" / name / f"{index}.png", grey)
        save(tmp_path / "rgb" / name / f"{index}.png", np.stack([grey] * 3, axis=-1))
        save(tmp_path / "deep" / name / f"{index}.png", grey.astype(np.uint16) * 257)
    scores = {}
    for kind in ("grey", "rgb", "deep"):
        result = evaluate(model, read_cases(tmp_path / kind), options=QUICK)
        assert result.refused == ()
        scores[kind] = result.scored.scores
    np.testing.assert_allclose(scores["rgb"], scores["grey"], atol=0.01)
    assert stats.spearmanr(scores["deep"], scores["grey"]).statistic > 0.9


def test_a_case_at_the_threshold_is_called(tmp_path):
    """The score of a flat picture of 128 is known; a threshold of exactly this score calls it, one above does not."""
    scores = np.array([[1 - p, p] for p in (probability(0.4), probability(0.5), probability(0.6))])
    scored = scored_of([0, 1, 1], scores, positive=1, threshold=float(scores[1, 1]))
    assert scored.called.tolist() == [0, 1, 1]
    above = scored_of([0, 1, 1], scores, positive=1, threshold=float(np.nextafter(scores[1, 1], 1)))
    assert above.called.tolist() == [0, 0, 1]


def test_no_cell_of_the_table_is_a_formula(tmp_path):
    """Names of classes come from a model that somebody sent, file names from data that somebody sent."""
    model = write_model(tmp_path / "m.model", ("-absent", "=HYPERLINK(1)"))
    for index in range(10):
        save(tmp_path / "data" / "-absent" / f"@{index}.png", flat(60 + index, index))
        save(tmp_path / "data" / "=HYPERLINK(1)" / f"\t={index}.png", flat(180 + index, 50 + index))
    result = evaluate(model, read_cases(tmp_path / "data"), options=QUICK)
    rows = list(csv.reader(io.StringIO(result.as_csv())))
    assert len(rows) == 21
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row)
    assert "'=HYPERLINK(1)" in rows[1] or "'-absent" in rows[1]
