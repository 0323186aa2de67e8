"""Figures of boxes, masks and targets: their words give the figures, and what nothing defines is not drawn."""

import base64
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from hounsfield.cases.layouts import read_cases
from hounsfield.core.boxes import Detections
from hounsfield.core.prediction import Interval
from hounsfield.evaluate.box_page import box_page
from hounsfield.evaluate.box_plots import box_figures
from hounsfield.evaluate.figure_block import figures_block, write_figures
from hounsfield.evaluate.mask_cases import MeasuredCase
from hounsfield.evaluate.mask_plots import MOST_COLUMNS, mask_figures
from hounsfield.evaluate.target_cases import SHOWN, case_errors, cases_block, target_pictures
from hounsfield.evaluate.target_plots import MOST_LABELS, label_figures, number_figures, ordered_figures
from hounsfield.metrics.detection import Reference
from hounsfield.metrics.froc import RATES
from tests.evaluate.examples import save

NAN = float("nan")
EVIL = "<img src=x onerror=alert(1)>"


def reference_of(boxes: list[tuple[float, ...]], labels: list[int]) -> Reference:
    none = np.zeros(len(labels), dtype=bool)
    return Reference(np.array(boxes, dtype=float).reshape(-1, 4), np.array(labels, dtype=np.int64), none, none)


def detections_of(boxes: list[tuple[float, ...]], labels: list[int], scores: list[float]) -> Detections:
    return Detections(
        np.array(boxes, dtype=float).reshape(-1, 4), np.array(labels, dtype=np.int64), np.array(scores, dtype=float)
    )


SMALL, MIDDLE, LARGE = (0.0, 0.0, 4.0, 4.0), (10.0, 10.0, 20.0, 20.0), (30.0, 30.0, 70.0, 70.0)
ELSEWHERE = (80.0, 80.0, 90.0, 90.0)


@cache
def drawn_boxes() -> dict:
    """Two images: the large and the middle object are found, the small one is not; one false positive."""
    truth = [reference_of([SMALL, LARGE], [0, 0]), reference_of([MIDDLE], [1])]
    found = [detections_of([LARGE, ELSEWHERE], [0, 0], [0.9, 0.6]), detections_of([MIDDLE], [1], [0.2])]
    return box_figures(found, truth, ("cell", "platelet"), 0.5)


def test_froc_tells_the_sensitivity_at_each_rate() -> None:
    """With one false positive for two images two of three are found, before it one; between, the rule is linear."""
    facts = dict(pair.split(": ") for pair in drawn_boxes()["froc"].facts.split("; "))
    assert set(facts) == {f"{rate:g}" for rate in RATES}
    assert [facts["0.5"], facts["8"]] == ["0.667", "0.667"]
    assert float(facts["0.125"]) == pytest.approx(1 / 3 + 1 / 12, abs=1e-3)


def test_precision_recall_tells_the_area_of_each_class() -> None:
    """COCO takes 101 recalls: 51 of them are reached by the one of two cells, at precision 1."""
    assert drawn_boxes()["precision-recall"].facts == f"cell {51 / 101:.3f}; platelet 1.000"


def test_sizes_are_thirds_and_count_what_has_the_working_score() -> None:
    small, middle, large = drawn_boxes()["sizes"].facts.split("; ")
    assert small.startswith("small 4-4 px: 0.000 (0.000")
    assert middle.startswith("medium 10-10 px: 0.000")  # it was found below the working score
    assert large.startswith("large 40-40 px: 1.000")


def test_equal_sizes_are_one_third() -> None:
    truth = [reference_of([MIDDLE, (*LARGE[:2], 40.0, 40.0)], [0, 0])]
    figures = box_figures([detections_of([MIDDLE], [0], [0.9])], truth, ("cell",), 0.5)
    assert figures["sizes"].facts.startswith("small 10-10 px: 0.500")
    assert ";" not in figures["sizes"].facts


def test_images_without_objects_have_no_figures() -> None:
    assert box_figures([detections_of([MIDDLE], [0], [0.9])], [reference_of([], [])], ("cell",), 0.5) == {}
    none = box_figures([detections_of([], [], [])], [reference_of([MIDDLE], [0])], ("cell",), 0.5)
    assert none["precision-recall"].facts == "cell 0.000"
    assert set(none) == {"froc", "precision-recall", "sizes"}


def case_of(name: str, **figures: float) -> MeasuredCase:
    return MeasuredCase(name, None, {key.replace("_", " "): value for key, value in figures.items()}, True)


def test_a_strip_tells_median_and_quartiles_of_each_label() -> None:
    cases = [case_of(str(index), dice=0.5, dice_LV=value, dice_RV=NAN) for index, value in enumerate((0.2, 0.4, 0.9))]
    assert mask_figures(cases)["cases"].facts == "mean 0.500 (0.500 – 0.500); LV 0.400 (0.300 – 0.650)"


def test_one_label_is_drawn_once_and_objects_have_their_own_column() -> None:
    assert mask_figures([case_of("a", dice=0.7, dice_lesion=0.7)])["cases"].facts.startswith("lesion 0.700")
    objects = mask_figures([MeasuredCase("a", None, {"dice": 0.8, "f1_50": 0.25}, True)])["cases"].facts
    assert objects == "Dice 0.800 (0.800 – 0.800); F1 of objects 0.250 (0.250 – 0.250)"


def test_nothing_defined_is_not_drawn_and_many_labels_are_cut() -> None:
    assert mask_figures([case_of("a", dice=NAN, dice_x=NAN)]) == {}
    many = MeasuredCase("a", None, {"dice": 0.5, **{f"dice {index}": 0.5 for index in range(30)}}, True)
    assert mask_figures([many])["cases"].facts.count(";") == MOST_COLUMNS - 1


def labels_and_answers(count: int = 80, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    reference = (chance.random((count, labels)) < 0.4).astype(float)
    said = np.clip(reference * 0.3 + chance.random((count, labels)) * 0.7, 0, 1)
    reference[chance.random(reference.shape) < 0.2] = NAN
    return reference, said


def test_areas_of_labels_are_scikit_learns_over_what_was_assessed() -> None:
    reference, said = labels_and_answers()
    figures = label_figures(("a", "b", "c"), reference, said)
    for name, measure in (("roc", roc_auc_score), ("precision-recall", average_precision_score)):
        told = dict(pair.rsplit(" ", 1) for pair in figures[name].facts.split("; "))
        for index, label in enumerate("abc"):
            known = np.isfinite(reference[:, index])
            assert float(told[label]) == pytest.approx(measure(reference[known, index], said[known, index]), abs=6e-4)
    assert {"reliability-1", "reliability-2", "reliability-3"} <= set(figures)


def test_labels_of_one_outcome_are_left_out_and_many_are_cut() -> None:
    reference, said = labels_and_answers(labels=12)
    assert label_figures(["x"], np.ones((5, 1)), said[:5, :1]) == {}
    figures = label_figures([str(index) for index in range(12)], reference, said)
    assert figures["roc"].facts.count(";") == MOST_LABELS - 1


def test_limits_of_agreement_are_those_of_bland_and_altman() -> None:
    reference = np.array([10.0, 20, 30, 40, 50])
    said = reference + np.array([1.0, 3, 1, 3, 2])
    facts = number_figures("age (years)", reference, said, np.arange(5), 50, 0)["differences"].facts
    half = 1.96 * np.std(said - reference, ddof=1)
    found = [float(part.split(" (")[0].split(" ")[-1]) for part in facts.split("; ")]
    assert found == pytest.approx([2, 2 - half, 2 + half], abs=2e-3)
    assert number_figures("x", reference[:1], said[:1], np.arange(1), 50, 0) == {}


def test_ordered_classes_are_counted_by_their_median() -> None:
    said = np.array([[0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    facts = ordered_figures(("low", "mid", "high"), np.array([0, 0, 2]), said)["confusion"].facts
    assert facts == "low: 1, 1, 0; mid: 0, 0, 0; high: 0, 0, 1"


def test_errors_of_cases_follow_the_answer() -> None:
    assert case_errors("number", np.array([[3.0], [5.0]]), np.array([[1.0], [5.5]])).tolist() == [2.0, 0.5]
    labels = case_errors("labels", np.array([[1, NAN], [NAN, NAN]]), np.array([[0.75, 0.9], [0.5, 0.5]]))
    assert labels.tolist() == [0.25, 0.0]
    said = np.array([[0.1, 0.1, 0.8], [0.9, 0.1, 0.0]])
    assert case_errors("ordered-class", np.array([[0.0], [0.0]]), said).tolist() == [2.0, 0.0]


class Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attrs))


def test_a_page_embeds_each_figure_with_its_words_and_loads_nothing() -> None:
    page = box_page(EVIL, 2, {"map50": Interval(0.5, 0.4, 0.6)}, [], [], drawn_boxes())
    images = Images()
    images.feed(page)
    assert [one["src"].split(",")[0] for one in images.found] == ["data:image/svg+xml;base64"] * 3
    for one, figure in zip(images.found, drawn_boxes().values(), strict=True):
        assert figure.facts in (one["alt"] or "")
        assert base64.b64decode((one["src"] or "").split(",")[1]).startswith(b"<?xml")
    assert EVIL not in page
    assert "假阳性" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)


def test_names_of_other_scripts_and_formulas_are_drawn_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    reference, said = labels_and_answers(labels=2)
    figures = label_figures(("肿块", "$x_"), reference, said)
    del figures["roc"], figures["precision-recall"]
    figures |= number_figures("年龄 ($岁)", reference[:, 0][:4] * 0 + 1, said[:4, 0], np.arange(4), 20, 0)
    assert "肿块" in figures_block(figures)
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


def test_figures_are_files_too(tmp_path) -> None:
    figures = drawn_boxes()
    write_figures(figures, tmp_path)
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(
        f"{name}.{kind}" for name in figures for kind in ("png", "svg")
    )
    assert figures_block({}) == ""


def test_the_worst_cases_come_first_and_the_best_last(tmp_path) -> None:
    for index in range(10):
        save(tmp_path / ("a" if index % 2 else "b") / f"{index}.png", np.full((8, 8), 20 * index, np.uint8))
    table = read_cases(tmp_path)
    names = tuple(case.identifier for case in table.cases)
    reference, said = np.zeros((10, 1)), np.arange(10.0)[:, None]
    pictures = target_pictures(table, names, ("age",), reference, said, case_errors("number", reference, said))
    assert [one.error for one in pictures] == [9, 8, 7, 6, 3, 2, 1, 0]
    assert len(pictures) == 2 * SHOWN
    assert pictures[0].facts == "age 0 → 9"
    assert all(one.picture.startswith("data:image/png") for one in pictures)
    assert cases_block(pictures).count("<figure>") == 8
    assert cases_block(()) == ""
