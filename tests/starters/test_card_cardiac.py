"""The card of the cardiac starter: ejection fractions of planted volumes, and agreement by hand."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hounsfield.errors import DatasetError
from tests.house.progress import PACKAGE


@pytest.fixture(scope="module")
def card():
    path = PACKAGE.parents[1] / "starters" / "card_cardiac.py"
    spec = importlib.util.spec_from_file_location("card_cardiac", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["card_cardiac"] = module
    spec.loader.exec_module(module)
    return module


def mask_of(voxels: int):
    array = np.zeros((2, 10, 10), np.uint8)
    array.ravel()[:voxels] = 3
    array.ravel()[voxels : voxels + 5] = 2
    return SimpleNamespace(array=array)


def table_of(volumes: dict[str, tuple[int, int]], failing: str = ""):
    """Return a table whose image of a case is its reference and what the model will find of it."""
    names = list(volumes)

    def read_all(indices):
        for index in indices:
            reference, found = volumes[names[index]]
            image = SimpleNamespace(mask=mask_of(reference), volumes=found)
            yield index, DatasetError("E862", part="test", found=0, expected=1) if names[index] == failing else image

    return SimpleNamespace(cases=[SimpleNamespace(identifier=name) for name in names], read_all=read_all)


@pytest.mark.parametrize(("diastole", "systole", "percent"), [(100, 40, 60), (80, 80, 0), (50, 0, 100), (50, 60, -20)])
def test_the_ejection_fraction_is_a_share_of_the_filled_heart(card, diastole, systole, percent):
    assert card.ejection_percent(diastole, systole) == pytest.approx(percent)


def test_the_earlier_frame_is_the_filled_heart_whatever_the_order_of_files(card, monkeypatch):
    monkeypatch.setattr(card, "find_mask", lambda predictor, found: mask_of(found))
    table = table_of({"p2_frame10": (30, 45), "p1_frame01": (100, 90), "p2_frame2": (60, 90), "p1_frame12": (40, 45)})
    first, second = card.hearts_of(table, [0, 1, 2, 3], None)
    assert (first.patient, first.reference, first.predicted) == ("p1", 60.0, 50.0)
    assert (second.patient, second.reference, second.predicted) == ("p2", 50.0, 50.0)


def test_a_patient_with_one_frame_has_no_ejection_fraction(card, monkeypatch):
    monkeypatch.setattr(card, "find_mask", lambda predictor, found: mask_of(found))
    table = table_of({"p1_frame01": (100, 90), "p2_frame01": (60, 90), "p2_frame02": (40, 45)})
    assert [heart.patient for heart in card.hearts_of(table, [0, 1, 2], None)] == ["p2"]


def test_an_image_that_cannot_be_read_is_no_heart(card, monkeypatch):
    monkeypatch.setattr(card, "find_mask", lambda predictor, found: mask_of(found))
    with pytest.raises(DatasetError):
        card.hearts_of(table_of({"p1_frame01": (100, 90)}, failing="p1_frame01"), [0], None)


def test_agreement_is_that_of_bland_and_altman_by_hand(card):
    reference, predicted = [60.0, 50.0, 40.0, 30.0], [58.0, 51.0, 36.0, 29.0]
    hearts = [card.Heart(f"p{i}", *pair) for i, pair in enumerate(zip(reference, predicted, strict=True))]
    found = {item.name: item for item in card.metrics_of(hearts, [0, 1, 2, 3])}
    differences = np.array(predicted) - np.array(reference)
    bias, spread = differences.mean(), differences.std(ddof=1)
    assert found["ejection fraction, mean absolute error (points)"].value == pytest.approx(2.0)
    assert found["ejection fraction, bias (points)"].value == pytest.approx(bias, abs=1e-4)
    lower = found["ejection fraction, lower limit of agreement (points)"].value
    assert lower == pytest.approx(bias - 1.959964 * spread, abs=1e-3)
    assert all(item.n == 4 and item.low <= item.value <= item.high for item in found.values())


def test_a_second_measurement_replaces_the_first(card):
    entry = SimpleNamespace(name="dice", value=0.9)
    old = SimpleNamespace(name="ejection fraction, bias (points)", value=3.0)
    manifest = SimpleNamespace(metrics=[entry, old])
    manifest.model_copy = lambda update: SimpleNamespace(**update)
    new = SimpleNamespace(name=old.name, value=1.0)
    assert card.with_metrics(manifest, [new]).metrics == [entry, new]
