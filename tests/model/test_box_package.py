"""Packages of detectors: a network with known answers finds its box, and a package that was changed is refused."""

import json

import numpy as np
import pytest
from onnx import helper

from hounsfield.errors import ManifestMismatch, WeightsMismatch
from hounsfield.model.container import SUMS_PART, sums_of
from hounsfield.model.detector import Detector, anchor_boxes
from hounsfield.model.manifest import CARD_PART, MANIFEST_PART, NETWORK_PART
from hounsfield.model.package import open_package, unpack_package, write_package
from tests.model import toys

ROWS, COLUMNS = 32, 48
LEVELS = [{"stride": 8, "sides": [12.0]}, {"stride": 16, "sides": [20.0]}, {"stride": 32, "sides": [40.0]}]
ANCHORS = 4 * 6 + 2 * 3 + 1 * 2
FOUND = 9
"""The anchor about row 12 and column 28."""


def network(anchors=ANCHORS, classes=2, values=4):
    """Return a network that says what is stored, whatever the image: one box of the second class, a third taller."""
    logits, deltas = np.full((1, anchors, classes), -9, np.float32), np.zeros((1, anchors, values), np.float32)
    logits[0, FOUND, classes - 1] = 3
    deltas[0, FOUND, :3] = (0.25, 0, np.log(4 / 3))
    nodes = [
        helper.make_node("ReduceMean", ["images", "plane"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Unsqueeze", ["zero", "last"], ["cell"]),
        helper.make_node("Add", ["cell", "said"], ["logits"]),
        helper.make_node("Add", ["cell", "moved"], ["deltas"]),
    ]
    stored = [
        ("plane", np.array([2, 3], np.int64)),
        ("last", np.array([2], np.int64)),
        ("nothing", np.zeros(1, np.float32)),
        ("said", logits),
        ("moved", deltas),
    ]
    outputs = [("logits", ["batch", anchors, classes]), ("deltas", ["batch", anchors, values])]
    return toys.model_of(nodes, outputs, stored, ROWS, COLUMNS).SerializeToString()


def manifest(**changes):
    form = {"channels": 1, "rows": ROWS, "columns": COLUMNS, "deltas": "deltas", "levels": LEVELS, **changes}
    steps = [{"step": "resize", "rows": ROWS, "columns": COLUMNS}]
    classes = [{"name": "disc"}, {"name": "square"}]
    return toys.manifest(task="detection", network=form, prepare=steps, classes=classes)


@pytest.fixture
def parts(tmp_path):
    """Return the folder of a good package."""
    write_package(tmp_path / "good.model", manifest(), network())
    unpack_package(open_package(tmp_path / "good.model"), tmp_path / "parts")
    return tmp_path / "parts"


@pytest.mark.parametrize("shape", [(ROWS, COLUMNS), (64, 48), (320, 4800)])
def test_a_known_network_finds_its_box_in_the_pixels_of_the_image(parts, shape):
    detector = Detector(open_package(parts), threads=1)
    found = detector.detect_prepared(np.zeros((1, 1, ROWS, COLUMNS), np.float32), shape)
    # the anchor is 12 x 12 about (12, 28): a quarter of a side down, and 16 rows tall
    expected = np.array([7, 22, 23, 34]) * np.tile(np.array(shape) / (ROWS, COLUMNS), 2)
    np.testing.assert_allclose(found.boxes, [expected], rtol=1e-5)
    assert found.labels.tolist() == [1]
    assert found.scores == pytest.approx([1 / (1 + np.exp(-3))], rel=1e-5)
    assert anchor_boxes(detector.interface)[FOUND].tolist() == [6, 22, 18, 34]


@pytest.mark.parametrize("changed", [NETWORK_PART, MANIFEST_PART, CARD_PART])
def test_a_changed_part_is_refused(parts, changed):
    raw = bytearray((parts / changed).read_bytes())
    raw[len(raw) // 2] ^= 1
    (parts / changed).write_bytes(bytes(raw))
    with pytest.raises(WeightsMismatch, match="E504"):
        open_package(parts)


@pytest.mark.parametrize(
    "changes",
    [{"levels": LEVELS[:2]}, {"ratios": [1.0, 2.0]}, {"levels": [{"stride": 8, "sides": [12.0, 20.0]}, *LEVELS[1:]]}],
)
def test_anchors_that_the_network_does_not_answer_for_are_refused(parts, changes, tmp_path):
    with pytest.raises(ManifestMismatch, match="E513"):
        write_package(tmp_path / "bad.model", manifest(**changes), network())
    assert not (tmp_path / "bad.model").exists()
    # nor do they pass where someone writes all digests anew
    document = json.loads((parts / MANIFEST_PART).read_text(encoding="utf-8"))
    document["network"] |= changes
    (parts / MANIFEST_PART).write_text(json.dumps(document), encoding="utf-8")
    names = (MANIFEST_PART, NETWORK_PART, CARD_PART)
    (parts / SUMS_PART).write_bytes(sums_of({name: (parts / name).read_bytes() for name in names}))
    with pytest.raises(ManifestMismatch, match="E513"):
        Detector(open_package(parts), threads=1)


@pytest.mark.parametrize("form", [{"anchors": ANCHORS + 1}, {"classes": 3}, {"values": 5}])
def test_a_network_of_another_form_is_refused(form, tmp_path):
    with pytest.raises(ManifestMismatch, match="E513"):
        write_package(tmp_path / "bad.model", manifest(), network(**form))


def test_a_network_without_the_deltas_is_refused(tmp_path):
    with pytest.raises(ManifestMismatch):
        write_package(tmp_path / "bad.model", manifest(deltas="shifts"), network())
