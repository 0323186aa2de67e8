"""The rule that makes objects of labels is the best of those tried on the tuning part."""

from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch")

from hounsfield.metrics.instances import match_objects
from hounsfield.model.instances import decode_instances, with_borders
from hounsfield.train.segmentation.object_rule import ObjectRule, choose_rule


@dataclass
class Told:
    """A predictor that answers with labels given beforehand, and a case that holds its place among them."""

    answers: list[np.ndarray]

    def labels(self, images: np.ndarray) -> np.ndarray:
        return self.answers[int(images.flat[0])]


@dataclass
class Case:
    images: np.ndarray
    objects: np.ndarray | None


def discs(centres: list[tuple[int, int]], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:48, :48]
    found = np.zeros((1, 48, 48), dtype=np.int32)
    for number, (row, column) in enumerate(centres, start=1):
        found[0][np.hypot(rows - row, columns - column) < radius] = number
    return found


def rule_for(pairs: list[tuple[np.ndarray, np.ndarray | None]]) -> ObjectRule:
    cases = [Case(np.array([float(index)]), objects) for index, (_, objects) in enumerate(pairs)]
    return choose_rule(Told([labels for labels, _ in pairs]), cases)  # type: ignore[arg-type]


def test_specks_are_dropped_where_the_reference_has_none() -> None:
    objects = discs([(12, 12), (34, 30)], 8)
    learned = with_borders(objects)
    learned[0, ::9, 45] = 1
    rule = rule_for([(learned, objects)])
    assert rule.least_samples > 1
    assert match_objects(decode_instances(learned, rule.least_samples, rule.smoothing_samples), objects).f1_score == 1


def test_joined_objects_are_cut_where_the_reference_tells_them_apart() -> None:
    objects = discs([(16, 16), (16, 31)], 8)
    joined = with_borders((objects > 0).astype(np.int32))
    assert match_objects(decode_instances(joined), objects).f1_score < 1
    rule = rule_for([(joined, objects)])
    assert rule.smoothing_samples > 0
    assert match_objects(decode_instances(joined, rule.least_samples, rule.smoothing_samples), objects).f1_score == 1


def test_where_nothing_helps_the_plainest_rule_is_taken() -> None:
    objects = discs([(12, 12), (34, 30)], 8)
    assert rule_for([(with_borders(objects), objects)]) == ObjectRule()


@pytest.mark.parametrize("objects", [None, np.zeros((1, 48, 48), dtype=np.int32)])
def test_without_objects_nothing_is_chosen(objects: np.ndarray | None) -> None:
    assert rule_for([(np.zeros((1, 48, 48), dtype=np.int32), objects)]) == ObjectRule()
    assert rule_for([]) == ObjectRule()
