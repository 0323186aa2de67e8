"""What a cross-validation writes, of planted answers: every number by hand, names that cannot break a page."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.fold_ground import Ground  # noqa: E402
from hounsfield.train.fold_page import Told, as_document, cases_csv, folds_page  # noqa: E402
from hounsfield.train.folded import CrossValidation, Figure, FoldFigures  # noqa: E402
from hounsfield.train.judged import Judged, JudgedClasses, JudgedMasks, pool_classes, pool_masks  # noqa: E402
from hounsfield.train.plan import Plan  # noqa: E402

NAN = float("nan")
HOSTILE = '<script>alert("x")</script>'


def ground(names: tuple[str, ...], class_names: tuple[str, ...]) -> Ground:
    network = NetworkSettings(name="article", class_count=2, channels=1, rows=28, columns=28)
    plan = Plan(name="t", class_names=("a", "b"), prepare=(), network=network)
    chosen = ({"test": (0, 1)}, {"test": (2,)})
    return Ground("data", plan, class_names, names, tuple(range(len(names))), chosen, 3.0)


def classes() -> list[JudgedClasses]:
    first = JudgedClasses(
        ("one", HOSTILE), np.array([0, 1]), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 0]), 1
    )
    second = JudgedClasses(("three",), np.array([2]), np.array([1]), np.array([[0.25, 0.75]]), np.array([1]), 1)
    return [first, second]


def masks() -> list[JudgedMasks]:
    figures = {"dice": np.array([0.9, 0.4]), "dice rare": np.array([NAN, 0.3])}
    second = JudgedMasks(("three",), np.array([2]), {"dice": np.array([0.6])})
    return [JudgedMasks(("one", "two"), np.array([0, 1]), figures), second]


def result(metrics: dict[str, Figure]) -> CrossValidation:
    folds = tuple(FoldFigures(number, 1, metrics, Path(f"fold-{number}.model"), "ab", 2.0) for number in (1, 2))
    between = {name: (item.value, 0.25) for name, item in metrics.items()}
    return CrossValidation(Path("r.html"), Path("r.json"), Path("r.csv"), "data", 3, 3, metrics, between, folds, 4.0)


def told_of(judged: list[JudgedClasses] | list[JudgedMasks]) -> Told:
    answers: list[Judged] = list(judged)
    only = [item for item in answers if isinstance(item, JudgedClasses)]
    pooled: Judged = (
        pool_classes(only) if only else pool_masks([item for item in answers if isinstance(item, JudgedMasks)])
    )
    names = tuple(name for item in answers for name in item.identifiers)
    return Told(ground(names, ("normal", "ill")), pooled, answers, "hounsfield crossvalidate")


def test_a_row_for_each_case_of_classes() -> None:
    rows = list(csv.DictReader(io.StringIO(cases_csv(told_of(classes())))))
    assert [row["case"] for row in rows] == ["one", HOSTILE, "three"]
    assert [row["fold"] for row in rows] == ["1", "1", "2"]
    assert [row["reference"] for row in rows] == ["normal", "ill", "ill"]
    assert [row["called"] for row in rows] == ["normal", "normal", "ill"]
    assert [row["probability ill"] for row in rows] == ["0.100000", "0.200000", "0.750000"]


def test_a_row_for_each_case_of_masks_with_blanks_where_a_fold_has_no_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(cases_csv(told_of(masks())))))
    assert [row["dice"] for row in rows] == ["0.900000", "0.400000", "0.600000"]
    assert [row["dice rare"] for row in rows] == ["", "0.300000", ""]


def test_the_document_has_null_where_a_figure_is_not_known() -> None:
    values = as_document(result({"auroc": Figure(0.5, 0.25, NAN), "f1": Figure(NAN, NAN, NAN)}), told_of(classes()))
    again = json.loads(json.dumps(values, allow_nan=False))
    assert again["pooled"]["auroc"] == {"value": 0.5, "low": 0.25, "high": None}
    assert again["pooled"]["f1"] == {"value": None, "low": None, "high": None}
    assert [fold["fold"] for fold in again["folds"]] == [1, 2]
    assert again["between"]["auroc"] == {"mean": 0.5, "deviation": 0.25}
    assert again["seconds"] == 4.0


def test_names_cannot_break_the_page() -> None:
    page = folds_page(result({"auroc": Figure(0.5, 0.25, 0.75)}), told_of(classes()))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "0.5000 [0.2500, 0.7500]" in page
    assert "0.5000 ± 0.2500" in page


def test_the_hardest_case_is_the_one_called_wrongly_with_the_most_certainty() -> None:
    page = folds_page(result({"auroc": Figure(0.5, 0.25, 0.75)}), told_of(classes()))
    hardest = page[page.rindex("<h2>") :]
    assert "&lt;script&gt;" in hardest
    assert "0.800" in hardest
    assert "three" not in hardest, "it was called rightly"


def test_the_hardest_masks_are_the_worst_first() -> None:
    page = folds_page(result({"dice": Figure(0.6, 0.4, 0.9)}), told_of(masks()))
    hardest = page[page.rindex("<h2>") :]
    places = [hardest.index(f"<td>{name}</td>") for name in ("two", "three", "one")]
    assert places == sorted(places)
    assert "<svg" not in page, "masks have no confusion matrix"


@pytest.mark.parametrize(("seed", "is_same"), [(0, True), (1, False)])
def test_the_digest_of_a_ground_is_that_of_plan_and_folds(seed: int, is_same: bool) -> None:
    first = ground(("a", "b", "c"), ("normal", "ill"))
    plan = first.plan.model_copy(update={"seed": seed})
    other = Ground("renamed", plan, ("normal", "ill"), ("a", "b", "c"), (9, 9, 9), first.chosen, 99.0)
    assert (other.digest == first.digest) is is_same
    assert first.held_back(1) == ("a", "b")
    assert first.held_back(2) == ("c",)
