"""Evaluation of a detector: figures that are known, images that are refused, and a page with boxes."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.cli import main
from hounsfield.core.boxes import Detections
from hounsfield.errors import DatasetError, ManifestMismatch
from hounsfield.evaluate import boxes as evaluation
from hounsfield.evaluate.box_page import FOUND_COLOUR, REFERENCE_COLOUR, draw_boxes
from hounsfield.evaluate.boxes import evaluate_boxes
from hounsfield.evaluate.run import EvaluateOptions
from hounsfield.metrics.detection import Reference
from hounsfield.model.detector import Detector
from hounsfield.model.package import open_package
from hounsfield.train.options import TrainOptions
from hounsfield.train.run import train
from tests.train.discs import save_discs

RECIPE = "[network]\nwidths = [8, 8, 12, 12]\npyramid_width = 8\nhead_depth = 1\n"
QUICK = EvaluateOptions(resamples=20, threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set and a detector that has hardly learned anything."""
    root = tmp_path_factory.mktemp("boxes")
    (root / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    save_discs(root / "data", 14)
    torch.manual_seed(0)
    train(root / "data", root / "m.model", TrainOptions(epochs=1, threads=1, recipe=root / "recipe.toml"))
    return root


@pytest.fixture
def seer(folder, monkeypatch):
    """Let the detector say what is annotated, so that the figures are known."""
    table = read_boxed(folder / "data")
    answers = iter(case.annotation for case in table.cases)

    def detect(self, prepared, shape):
        truth = next(answers)
        return Detections(truth.boxes, truth.labels, np.full(len(truth), 0.9))

    monkeypatch.setattr(Detector, "detect", detect)
    return table


def test_one_who_says_what_is_annotated_has_every_point(folder, seer):
    result = evaluate_boxes(open_package(folder / "m.model"), seer, options=QUICK)
    for name in ("map50", "map", "ap50 disc", "ap50 square", "cpm", "sensitivity_at_8"):
        assert result.measures[name].value == pytest.approx(1)
    assert [value for _, value in result.cases] == [1.0] * 14
    assert result.part == "all"
    assert "Q850" in [issue.code for issue in result.issues]


def test_what_is_written_is_what_was_measured(folder, seer, tmp_path):
    result = evaluate_boxes(open_package(folder / "m.model"), seer, tmp_path / "out", QUICK)
    written = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    assert written["metrics"]["map50"]["value"] == result.measures["map50"].value
    assert written["n"] == 14
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "JPEGImages/00.png" in page
    assert page.count("data:image/png") == 8
    assert "medical device" in page
    assert "http" not in page


def test_boxes_are_drawn_where_they_are(folder):
    table = read_boxed(folder / "data")
    none = np.zeros(1, dtype=bool)
    reference = Reference(np.array([[10.0, 20, 30, 40]]), np.zeros(1, np.int64), none, none)
    found = Detections(np.array([[40.0, 50, 60, 70], [0, 0, 5, 5]]), np.zeros(2, np.int64), np.array([0.9, 0.1]))
    drawn = draw_boxes(table, 0, found, reference, (0.5, 0.5))
    picture = Image.open(io.BytesIO(base64.b64decode(drawn.picture.split(",")[1])))
    assert picture.getpixel((20, 10)) == REFERENCE_COLOUR
    assert picture.getpixel((39, 29)) == REFERENCE_COLOUR
    assert picture.getpixel((50, 40)) == FOUND_COLOUR
    assert picture.getpixel((0, 0)) != FOUND_COLOUR


def test_images_that_cannot_be_read_are_named(folder, tmp_path):
    data = save_discs(tmp_path / "data", 6)
    (data / "JPEGImages/02.png").write_bytes(b"no picture")
    result = evaluate_boxes(open_package(folder / "m.model"), read_boxed(data), options=QUICK)
    assert [name for name, _ in result.refused] == ["JPEGImages/02.png"]
    assert "Q852" in [issue.code for issue in result.issues]
    for number in (0, 1, 3):
        (data / f"JPEGImages/0{number}.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="E853"):
        evaluate_boxes(open_package(folder / "m.model"), read_boxed(data), options=QUICK)


def with_input(package, **changes):
    contract = package.manifest.input.model_copy(update=changes)
    return replace(package, manifest=package.manifest.model_copy(update={"input": contract}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"allows_pictures": False}, "Q502"), ({"minimum_rows": 65}, "Q511"), ({"minimum_columns": 81}, "Q511"),
     ({"quantity": "hounsfield"}, "Q513"), ({"maximum_colour_fraction": 0.001, "allows_colour": False}, "Q510")],
)  # fmt: skip
def test_what_the_contract_refuses_is_not_answered(folder, changes, code):
    """All pictures are alike, so all are refused, as a classifier refuses them."""
    with pytest.raises(DatasetError) as caught:
        evaluate_boxes(with_input(open_package(folder / "m.model"), **changes), read_boxed(folder / "data"))
    assert (caught.value.code, caught.value.facts["count"], caught.value.facts["total"]) == ("E853", 14, 14)
    table = read_boxed(folder / "data")
    package = with_input(open_package(folder / "m.model"), **changes)
    said = [reason.code for _, reason in evaluation._detect(Detector(package, 1), table, [0, 1], 1, None)[1]]
    assert said == [code, code]


def test_one_image_that_the_contract_refuses_is_named(folder, tmp_path):
    data = save_discs(tmp_path / "data", 6)
    small = Image.open(data / "JPEGImages/03.png").crop((0, 0, 80, 40))
    small.save(data / "JPEGImages/03.png")
    package = with_input(open_package(folder / "m.model"), minimum_rows=50)
    result = evaluate_boxes(package, read_boxed(data), options=QUICK)
    assert [(name, reason.code) for name, reason in result.refused] == [("JPEGImages/03.png", "Q511")]
    assert result.as_json()["refused"][0]["code"] == "Q511"
    assert len(result.cases) == 5


def test_a_part_that_is_not_there_is_refused(folder):
    with pytest.raises(DatasetError, match="E852"):
        evaluate_boxes(
            open_package(folder / "m.model"), read_boxed(folder / "data"), options=EvaluateOptions(part="test")
        )


def test_a_classifier_finds_no_boxes(folder):
    from hounsfield.model.registry import find_model

    with pytest.raises(ManifestMismatch, match="E513"):
        evaluate_boxes(find_model("body-part"), read_boxed(folder / "data"), options=QUICK)


def test_the_f1_of_an_image_by_hand():
    none = np.zeros(2, dtype=bool)
    truth = Reference(np.array([[0.0, 0, 9, 9], [20, 20, 29, 29]]), np.array([0, 1]), none, none)
    said = Detections(truth.boxes, np.array([0, 0]), np.array([0.9, 0.8]))
    assert evaluation._f1(said, truth, 0.5) == pytest.approx(0.5)
    assert evaluation._f1(said, truth, 0.85) == pytest.approx(2 / 3)
    nothing = truth.boxes[:0]
    empty = Reference(nothing, np.zeros(0, np.int64), none[:0], none[:0])
    assert evaluation._f1(Detections(nothing, np.zeros(0, np.int64), np.zeros(0)), empty, 0.5) == 1


def test_the_verb_answers(folder, capfd):
    assert main(["evaluate", str(folder / "m.model"), str(folder / "data"), "--json", "--quiet", "--threads", "1"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["n"] == 14
    assert 0 <= told["metrics"]["map50"]["value"] <= 1
