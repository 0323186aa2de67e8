"""The run of slices that is analysed, against a search of all runs; and what is cut out of a volume keeps its place."""

import itertools

import numpy as np
import pytest

from hounsfield.clinical.slices import BRIDGED_SLICES, accepted_run, prediction_of, volume_of
from hounsfield.core.codes import local_concept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.prediction import ModelIdentity, PredictedClass, Prediction
from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image.phantoms import Pose, pose_geometry
from hounsfield.model.contract import Gate

NAMES = ("brain", "head", "other")
GATE = Gate(model="gate", accepts=["brain", "head"], minimum_score=0.6)


def seen(scores: np.ndarray, share: np.ndarray, margin: np.ndarray | None = None) -> Prediction:
    """Return what a gate said: ``scores`` for what is accepted, of which ``share`` is brain."""
    probabilities = np.stack([scores * share, scores * (1 - share), 1 - scores]).astype(np.float32)
    classes = tuple(PredictedClass(name, local_concept(name), False) for name in NAMES)
    identity = ModelIdentity("gate", "1.0.0", "gate", "00")
    geometry = VolumeGeometry((len(scores), 4, 4))
    return Prediction(probabilities, classes, geometry, Trace(), identity, margin)


def is_run(flags: list[bool], first: int, last: int) -> bool:
    """Tell whether slices form a run: accepted ends, and never more refused ones in a row than are bridged."""
    gaps = [len(list(group)) for is_in, group in itertools.groupby(flags[first : last + 1]) if not is_in]
    return flags[first] and flags[last] and max(gaps, default=0) <= BRIDGED_SLICES


def searched(flags: list[bool]) -> range:
    """Return the first of the longest runs, from among all pairs of ends."""
    pairs = itertools.combinations_with_replacement(range(len(flags)), 2)
    runs = [range(first, last + 1) for first, last in pairs if is_run(flags, first, last)]
    return max(runs, key=len, default=range(len(flags)))


@pytest.mark.parametrize("density", [0.0, 0.15, 0.3, 0.5, 0.8, 1.0])
def test_the_run_is_that_of_a_search(density: float):
    chance = np.random.default_rng(int(100 * density))
    for _ in range(60):
        count = int(chance.integers(2, 24))
        flags = chance.random(count) < density
        scores = np.where(flags, chance.uniform(0.65, 0.99, count), chance.uniform(0.01, 0.55, count))
        found = accepted_run(seen(scores, chance.random(count)), GATE)
        assert found == searched(flags.tolist())


def test_a_slice_passes_only_by_score_and_margin_together():
    chance = np.random.default_rng(3)
    for _ in range(60):
        scores, margin = chance.uniform(0.3, 0.9, 12), chance.normal(-0.5, 1, 12).astype(np.float32)
        scores[np.abs(scores - 0.6) < 0.01] = 0.7
        flags = (scores > 0.6) & (margin <= 0)
        assert accepted_run(seen(scores, chance.random(12), margin), GATE) == searched(flags.tolist())


def test_a_stack_turned_round_gives_a_run_as_long():
    chance = np.random.default_rng(8)
    for _ in range(40):
        scores, share = chance.choice([0.2, 0.9], 15), chance.random(15)
        forth, back = accepted_run(seen(scores, share), GATE), accepted_run(seen(scores[::-1], share[::-1]), GATE)
        assert len(forth) == len(back)


@pytest.mark.parametrize("slices", [range(8), range(1), range(7, 8), range(2, 6)])
def test_what_is_cut_out_of_a_volume_lies_where_it_lay(slices: range):
    geometry = pose_geometry((8, 5, 6), (3.0, 1.1, 0.9), Pose("coronal", (11.0, -7.0, 23.0), (40.0, -3.0, 12.0)))
    array = np.random.default_rng(2).normal(size=geometry.shape).astype(np.float32)
    part = volume_of(Volume(array, geometry, Quantity.ARBITRARY, slice_axis=SliceAxis.SPACE), slices)
    indices = np.indices(part.geometry.shape).reshape(3, -1).T
    whole = geometry.to_index(part.geometry.to_patient(indices))
    np.testing.assert_allclose(whole - indices, np.tile([slices.start, 0, 0], (len(indices), 1)), atol=1e-9)
    np.testing.assert_array_equal(part.array, array[slices.start : slices.stop])


@pytest.mark.parametrize("slices", [range(9), range(4, 5), range(3, 9)])
def test_what_is_cut_out_of_a_prediction_is_that_of_its_slices(slices: range):
    chance = np.random.default_rng(5)
    whole = seen(chance.random(9), chance.random(9), chance.normal(size=9).astype(np.float32))
    part = prediction_of(whole, slices)
    np.testing.assert_array_equal(part.probabilities, whole.probabilities[:, slices.start : slices.stop])
    assert part.outside_margin is not None
    assert whole.outside_margin is not None
    np.testing.assert_array_equal(part.outside_margin, whole.outside_margin[slices.start : slices.stop])
    assert (part.classes, part.model, part.geometry) == (whole.classes, whole.model, whole.geometry)
