"""Nyul's standard scale: closed cases, and the published algorithm written again as TorchIO has it."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.prepare.nyul import DECILES, Nyul, learn_standard, read_standard
from hounsfield.prepare.sequence import apply_steps, invert_trace
from tests.prepare.volumes import volume_of


def head(gain=1.0, offset=0.0, gamma=1.0, seed=0):
    """Return a scan of background and three tissues, as a scanner of its own gain, offset and curve shows it."""
    chance = np.random.default_rng(seed)
    tissue = np.zeros((4, 40, 40))
    tissue[:, 5:35, 5:35] = 300
    tissue[:, 10:30, 10:30] = 500
    tissue[:, 15:25, 15:25] = 800
    array = np.abs(tissue + chance.normal(0, 12, tissue.shape))
    return volume_of((1000 * (array / 1000) ** gamma * gain + offset).astype(np.float32), Quantity.ARBITRARY)


def trained_as_torchio(arrays, percentiles):
    """Return the mean landmarks on 0..100 as ``torchio.transforms.preprocessing.intensity`` trains them."""
    rows = []
    for array in arrays:
        values = array[array > array.mean()]
        rows.append(np.percentile(values, percentiles))
    database = np.vstack(rows)
    slope = 100.0 / (database[:, -1] - database[:, 0])
    intercept = -slope * database[:, 0]
    return (database * slope[:, None] + intercept[:, None]).mean(axis=0)


def normalised_as_torchio(array, landmarks, percentiles):
    """Return the samples on the standard scale: slopes of the segments, those at the ends going on."""
    own = np.percentile(array[array > array.mean()], percentiles)
    slopes = np.diff(landmarks) / np.diff(own)
    intercepts = landmarks[:-1] - slopes * own[:-1]
    segment = np.digitize(array, own[1:-1], right=False)
    return slopes[segment] * array + intercepts[segment]


def test_learning_and_mapping_are_those_of_torchio():
    scans = [head(), head(2.0, 50.0, seed=1), head(0.4, 10.0, 1.3, seed=2)]
    step = learn_standard(scans)
    np.testing.assert_allclose(step.landmarks, trained_as_torchio([scan.array for scan in scans], DECILES), rtol=1e-5)
    for scan in (scans[2], head(3.0, -40.0, 0.8, seed=5)):
        found, _ = apply_steps([step], scan)
        expected = normalised_as_torchio(scan.array.astype(np.float64), np.asarray(step.landmarks), DECILES)
        np.testing.assert_allclose(found.array, expected, atol=2e-3)
        assert found.quantity is Quantity.ARBITRARY
        assert found.enhanced_by == ("nyul",)


def test_scans_that_differ_by_gain_and_offset_become_one():
    """Whatever is linear in a scanner cancels: the same head lands on the same samples."""
    step = learn_standard([head(seed=3)])
    first, _ = apply_steps([step], head(1.0, 0.0))
    for gain, offset in ((2.5, 0.0), (0.03, 7.0), (4.0, 1000.0)):
        other, _ = apply_steps([step], head(gain, offset))
        np.testing.assert_allclose(other.array, first.array, atol=0.02)


def test_tissues_agree_across_curves_that_are_not_linear():
    scans = [head(gain, offset, gamma) for gain, offset, gamma in ((1, 0, 1), (2, 30, 1.4), (0.5, 5, 0.7), (1, 0, 1.2))]
    step = learn_standard(scans)
    middle = (slice(None), slice(11, 14), slice(11, 29))
    after = [np.median(apply_steps([step], scan)[0].array[middle]) for scan in scans]
    # The best that one gain and offset a scan can do: first and last landmark brought together.
    ends = [np.percentile(scan.array[scan.array > scan.array.mean()], [1, 99]) for scan in scans]
    before = [
        100 * (np.median(scan.array[middle]) - low) / (high - low)
        for scan, (low, high) in zip(scans, ends, strict=True)
    ]
    assert np.std(after) < 0.25 * np.std(before)


def test_a_closed_case():
    """Samples 0..1000, landmarks at 0, 50 and 100 %: 0..500 goes to 0..20, 500..1000 to 20..100, and beyond."""
    ramp = volume_of(np.arange(1001, dtype=np.float32).reshape(1, 7, 143), Quantity.ARBITRARY)
    step = Nyul([0.0, 20.0, 100.0], [0.0, 50.0, 100.0], above=-1.0)
    drawn = step.draw(ramp, np.random.default_rng(0))
    assert drawn["from"] == [0.0, 500.0, 1000.0]
    wide = volume_of(np.array([[[-50, 0, 250, 500, 750, 1000, 1100]]], np.float32), Quantity.ARBITRARY)
    np.testing.assert_allclose(step.apply(wide, drawn).array[0, 0], [-2, 0, 10, 20, 60, 100, 116], atol=1e-5)


def test_undone_up_to_rounding():
    scan = head(2.0, 30.0, 1.2)
    found, trace = apply_steps([learn_standard([head()])], scan)
    back = invert_trace(trace, found)
    np.testing.assert_allclose(back.array, scan.array, rtol=1e-4, atol=0.01)
    assert back.quantity is scan.quantity


def test_a_standard_is_saved_and_read():
    step = learn_standard([head(), head(2.0)], percentiles=(2, 25, 50, 75, 98), above=100.0)
    again = read_standard(step.to_json())
    assert again == step
    assert json.loads(step.to_json())["percentiles"] == [2, 25, 50, 75, 98]
    for text in (
        "",
        "[]",
        '{"landmarks": [1, 0]}',
        '{"landmarks": [0, 1], "percentiles": [1, 99], "x": 1}',
        "[" * 9999,
    ):
        with pytest.raises(PrepareError, match="E447"):
            read_standard(text)


def test_landmarks_that_fall_together_are_left_out():
    """A scan of few grey values has several percentiles at one of them; the map stays one to one."""
    few = volume_of(np.repeat([0, 1, 1, 1, 1, 5, 9], 49).reshape(1, 7, 49).astype(np.int16), Quantity.ARBITRARY)
    found, trace = apply_steps([Nyul(list(DECILES), above=0.0)], few)
    assert trace.steps[0].parameters["drawn"]["from"] == sorted(set(trace.steps[0].parameters["drawn"]["from"]))
    np.testing.assert_allclose(invert_trace(trace, found).array, few.array, atol=1e-4)


def test_what_is_refused():
    flat = volume_of(np.full((2, 8, 8), 3.0, np.float32))
    for volume in (flat, flat.with_array(np.full((2, 8, 8), np.nan, np.float32))):
        with pytest.raises(PrepareError, match="E446"):
            learn_standard([volume])
        with pytest.raises(PrepareError, match="E446"):
            apply_steps([Nyul([0.0, 1.0], [1.0, 99.0])], volume)
    with pytest.raises(PrepareError, match="E446"):
        learn_standard([])
    for landmarks, percentiles in (([0.0, 1.0], [1.0, 50.0, 99.0]), ([1.0, 0.0], [1.0, 99.0]), ([0.0], [1.0])):
        with pytest.raises(ValidationError):
            Nyul(landmarks, percentiles)
