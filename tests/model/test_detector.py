"""Decoding of a detector's outputs: anchors and boxes against MONAI and torch, suppression, and scale."""

import numpy as np
import pytest
import torch
from monai.apps.detection.utils.anchor_utils import AnchorGenerator
from monai.apps.detection.utils.box_coder import BoxCoder
from pydantic import ValidationError

from hounsfield.model.detector import anchor_boxes, decode_boxes, detections_of
from hounsfield.model.interface import AnchorLevel, BoxInterface, NetworkInterface
from hounsfield.train.detection.targets import decode

LEVELS = (AnchorLevel(stride=8, sides=(10.0,)), AnchorLevel(stride=16, sides=(24.0, 30.0)))


def interface(**more):
    return BoxInterface(**{"channels": 3, "rows": 64, "columns": 80, "deltas": "deltas", "levels": LEVELS, **more})


def logit(score):
    return np.log(score / (1 - score))


def outputs(scores, classes=2):
    """Return logits and deltas of all anchors; ``scores`` are by (anchor, class)."""
    count = interface().anchor_count
    logits = np.full((count, classes), -20.0, dtype=np.float32)
    for (anchor, label), score in scores.items():
        logits[anchor, label] = logit(score)
    return logits, np.zeros((count, 4), dtype=np.float32)


def test_there_is_one_anchor_for_each_place_side_and_ratio():
    assert interface().anchor_count == 8 * 10 + 4 * 5 * 2
    assert interface(ratios=(0.5, 1.0, 2.0)).anchor_count == 3 * (80 + 40)
    assert anchor_boxes(interface()).shape == (120, 4)
    # sides that the stride does not divide have a place more
    assert interface(rows=65, columns=81).anchor_count == 9 * 11 + 5 * 6 * 2


def test_anchors_lie_about_the_middle_of_their_place():
    anchors = anchor_boxes(interface())
    assert anchors[0].tolist() == [-1, -1, 9, 9]
    assert anchors[1].tolist() == [-1, 7, 9, 17]
    assert anchors[10].tolist() == [7, -1, 17, 9]
    assert anchors[80].tolist() == [-4, -4, 20, 20]
    assert anchors[81].tolist() == [-7, -7, 23, 23]


def test_a_ratio_keeps_the_area():
    anchors = anchor_boxes(interface(ratios=(4.0,), levels=(AnchorLevel(stride=16, sides=(10.0,)),)))
    lengths = anchors[:, 2:] - anchors[:, :2]
    assert np.allclose(lengths, [20, 5])


def test_places_step_as_monais_anchors_do():
    generator = AnchorGenerator(sizes=((10,),), aspect_ratios=((1.0,),))
    expected = generator([torch.zeros(1, 3, 64, 80)][0], [torch.zeros(1, 8, 8, 10)])[0].numpy()
    found = anchor_boxes(interface(levels=LEVELS[:1]))
    # MONAI's first anchor lies about the corner of the image, ours about the middle of the place
    assert np.allclose(found - found[0], expected - expected[0])


def test_boxes_are_decoded_as_monai_and_torch_do():
    chance = np.random.default_rng(0)
    anchors = anchor_boxes(interface())
    deltas = chance.normal(0, 0.5, (len(anchors), 4)).astype(np.float32)
    found = decode_boxes(deltas, anchors)
    expected = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(torch.from_numpy(deltas), torch.from_numpy(anchors).float())
    assert np.allclose(found, expected.numpy(), atol=1e-3)
    ours = decode(torch.from_numpy(deltas), torch.from_numpy(anchors).float(), 4.135)
    assert np.allclose(found, ours.numpy(), atol=1e-3)


def test_no_delta_is_the_anchor_and_a_large_one_stays_finite():
    anchors = anchor_boxes(interface())[:2]
    assert np.allclose(decode_boxes(np.zeros((2, 4)), anchors), anchors)
    assert np.isfinite(decode_boxes(np.full((2, 4), 1000.0), anchors)).all()


def test_detections_come_best_first_and_inside_the_image():
    found = detections_of(*outputs({(0, 1): 0.7, (35, 0): 0.9}), anchor_boxes(interface()), interface())
    assert found.labels.tolist() == [0, 1]
    assert np.allclose(found.scores, [0.9, 0.7])
    assert found.boxes[1].tolist() == [0, 0, 9, 9]


def test_what_is_below_the_least_score_is_dropped():
    made = outputs({(0, 1): 0.04, (35, 0): 0.06})
    assert len(detections_of(*made, anchor_boxes(interface()), interface())) == 1
    assert len(detections_of(*made, anchor_boxes(interface()), interface(least_score=0.01))) == 2
    assert len(detections_of(*made, anchor_boxes(interface()), interface(least_score=0.5))) == 0


def test_overlapping_detections_of_one_class_are_one_and_of_two_classes_two():
    anchors = anchor_boxes(interface())
    same = detections_of(*outputs({(102, 0): 0.9, (103, 0): 0.8}), anchors, interface())
    assert np.allclose(same.scores, [0.9])
    other = detections_of(*outputs({(102, 0): 0.9, (103, 1): 0.8}), anchors, interface())
    assert other.labels.tolist() == [0, 1]


def test_at_most_so_many_detections_stay():
    scores = {(place, 0): 0.5 + place / 1000 for place in range(0, 80, 2)}
    found = detections_of(*outputs(scores), anchor_boxes(interface()), interface(most=5))
    assert len(found) == 5
    assert found.scores[0] == pytest.approx(0.578)


@pytest.mark.parametrize(
    "more",
    [{"levels": ()}, {"ratios": ()}, {"ratios": (0.0,)}, {"least_score": 2}, {"most": 0}, {"strange": 1}],
)
def test_an_interface_that_cannot_be_is_refused(more):
    with pytest.raises(ValidationError):
        interface(**more)


def test_interfaces_name_the_outputs_they_ask_for():
    assert interface().outputs == ("logits", "deltas")
    assert NetworkInterface(rows=8, columns=8).outputs == ("logits",)
    assert NetworkInterface(rows=8, columns=8, activation_maps="m", outside="o").outputs == ("logits", "m", "o")
