"""Which slices of a stack are analysed, and that each keeps its source."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.clinical.slices import accepted_run, prediction_of, volume_of
from hounsfield.core.codes import local_concept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.prediction import ModelIdentity, PredictedClass, Prediction
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.trace import Trace
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.model.contract import Gate

GATE = Gate(model="gate", accepts=["brain", "head"], minimum_score=0.6)


def prediction(scores, margin=None) -> Prediction:
    scores = np.asarray(scores, np.float32)
    probabilities = np.stack([scores / 2, scores / 2, 1 - scores])
    classes = tuple(PredictedClass(name, local_concept(name), False) for name in ("brain", "head", "other"))
    return Prediction(
        probabilities[:, 0] if scores.size == 1 else probabilities,
        classes,
        VolumeGeometry((scores.size, 4, 4)),
        Trace(),
        ModelIdentity("gate", "1.0.0", "gate", "00"),
        None if margin is None else np.asarray(margin, np.float32),
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.9], range(1)),
        ([0.1], range(1)),
        ([0.1, 0.9, 0.9, 0.9, 0.1], range(1, 4)),
        ([0.9, 0.9, 0.1, 0.1, 0.1, 0.9], range(2)),
        ([0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1], range(6)),
        ([0.1, 0.1, 0.1, 0.1], range(4)),
        ([0.6, 0.59, 0.1, 0.1, 0.1], range(1)),
        ([0.9] * 7, range(7)),
        ([0.9, 0.1, 0.1, 0.1, 0.9, 0.9], range(4, 6)),
    ],
)
def test_the_longest_run_is_taken(scores, expected):
    assert accepted_run(prediction(scores), GATE) == expected


def test_slices_outside_what_the_gate_learned_are_not_accepted():
    seen = prediction([0.9] * 5, margin=[1.0, -1.0, -1.0, 0.0, 2.0])
    assert accepted_run(seen, GATE) == range(1, 4)


def test_a_part_of_a_prediction_keeps_its_slices():
    seen = prediction([0.1, 0.2, 0.3, 0.4], margin=[1, 2, 3, 4])
    part = prediction_of(seen, range(1, 3))
    assert part.probabilities[2].tolist() == pytest.approx([0.8, 0.7])
    assert part.outside_margin.tolist() == [2, 3]
    assert prediction_of(prediction([0.5]), range(1)).probabilities.shape == (3, 1)


def instance(uid: str, frames: int = 1) -> InstanceRef:
    return InstanceRef(uid, "1.2", Path("x"), "application/dicom", "00", number_of_frames=frames)


def test_a_part_of_a_volume_stays_in_place():
    geometry = VolumeGeometry((5, 2, 3), (4.0, 1.0, 1.0), (10.0, 20.0, 30.0))
    volume = Volume(
        np.arange(30).reshape(5, 2, 3),
        geometry,
        Quantity.ARBITRARY,
        tuple(instance(f"1.{index}") for index in range(5)),
        slice_axis=SliceAxis.SPACE,
    )
    part = volume_of(volume, range(2, 4))
    assert part.array.tolist() == volume.array[2:4].tolist()
    assert part.geometry.origin_mm == (10.0, 20.0, 38.0)
    assert [ref.sop_instance_uid for ref in part.instances] == ["1.2", "1.3"]
    assert part.source_of(1) == (volume.instances[3], 0)
    assert volume_of(volume, range(5)) is volume


def test_a_part_of_one_object_keeps_its_frames():
    volume = Volume(
        np.zeros((3, 5, 2, 3)),
        VolumeGeometry((5, 2, 3)),
        Quantity.DISPLAY,
        (instance("1.9", 5),),
        slice_axis=SliceAxis.TIME,
        frame_times_seconds=(0.0, 0.1, 0.2, 0.3, 0.4),
    )
    part = volume_of(volume, range(3, 5))
    assert part.array.shape == (3, 2, 2, 3)
    assert part.source_of(0) == (volume.instances[0], 3)
    assert part.source_of(1) == (volume.instances[0], 4)
    assert part.frame_times_seconds == (0.3, 0.4)


def test_a_gate_that_lacks_the_accepted_classes_is_a_typed_error():
    from hounsfield.errors import ManifestMismatch

    with pytest.raises(ManifestMismatch) as caught:
        accepted_run(prediction([0.9] * 3), Gate(model="gate", accepts=["knee"], minimum_score=0.5))
    assert caught.value.code == "E530"
