"""The examination of boxes: planted faults are found and named, and none in a clean set."""

import json

import numpy as np
import pytest

from hounsfield.cases.boxed_description import describe_boxes
from hounsfield.cases.boxed_guard import examine_boxes, split_boxed
from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.cli import main
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import save_image, save_voc, voc_xml

CELL, DOT = ("cell", (4, 8, 20, 28)), ("dot", (30, 40, 36, 46))


@pytest.fixture
def clean(tmp_path):
    """Thirty images, each with a cell and a dot."""
    return save_voc(tmp_path / "data", {f"i{index:02d}": [CELL, DOT] for index in range(30)})


def found_in(data) -> dict[str, str]:
    issues = examine_boxes(read_boxed(data)).issues
    return {issue.code: str(issue.facts.get("cases", issue.facts.get("found"))) for issue in issues}


def annotate(data, name, objects):
    (data / "Annotations" / f"{name}.xml").write_text(voc_xml(f"{name}.png", objects), encoding="utf-8")


def test_a_clean_set_has_no_issue(clean):
    assert found_in(clean) == {}


@pytest.mark.parametrize(
    ("objects", "code", "cases"),
    [
        ([CELL, ("dot", (30, 40, 36, 90))], "Q890", "JPEGImages/i03.png #2"),
        ([CELL, ("dot", (36, 40, 30, 46))], "Q891", "JPEGImages/i03.png #2"),
        ([CELL, ("dot", (30, 40, 30, 46))], "Q891", "JPEGImages/i03.png #2"),
        ([CELL, ("dot", (30, 40, float("nan"), 46))], "Q891", "JPEGImages/i03.png #2"),
        ([CELL, DOT, ("dot", (30, 40, 36, 46))], "Q892", "JPEGImages/i03.png #2 = #3"),
        ([CELL, DOT, ("cell", (30, 40, 36, 46))], "Q899", "JPEGImages/i03.png #2 = #3"),
        ([], "Q894", "JPEGImages/i03.png"),
    ],
    ids=["outside", "inverted", "empty", "no number", "twice", "two classes", "no box"],
)
def test_a_planted_fault_is_found_and_named(clean, objects, code, cases):
    annotate(clean, "i03", objects)
    assert found_in(clean) == {code: cases}


def test_one_pixel_outside_is_a_way_of_counting(clean):
    annotate(clean, "i03", [CELL, ("dot", (30, 40, 36, 65))])
    assert found_in(clean) == {}


def test_a_copy_that_is_annotated_unlike_is_found(clean):
    save_image(clean / "JPEGImages/copy.png", 3)
    annotate(clean, "copy", [CELL, DOT])
    assert set(found_in(clean)) == {"Q801"}
    annotate(clean, "copy", [CELL, ("dot", (2, 2, 8, 8))])
    found = found_in(clean)
    assert set(found) == {"Q801", "Q893"}
    assert "JPEGImages/copy.png = JPEGImages/i03.png" in found["Q893"]


def test_a_copy_in_another_part_is_found(clean):
    save_image(clean / "JPEGImages/copy.png", 3)
    annotate(clean, "copy", [CELL, DOT])
    (clean / "ImageSets/Main/train.txt").write_text("copy", encoding="utf-8")
    (clean / "ImageSets/Main/test.txt").write_text("i03", encoding="utf-8")
    assert set(found_in(clean)) == {"Q801", "Q803"}


def test_unreadable_images_are_named_and_many_are_refused(clean):
    (clean / "JPEGImages/i03.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert found_in(clean) == {"Q805": "JPEGImages/i03.png"}
    for name in ("i04", "i05", "i06"):
        (clean / f"JPEGImages/{name}.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DatasetError, match="E805"):
        examine_boxes(read_boxed(clean))


def test_rare_and_unequal_classes_are_said(clean):
    for index in range(20):
        annotate(clean, f"i{index:02d}", [CELL, ("cell", (22, 30, 40, 50))])
    assert found_in(clean) == {"Q812": "cell 50, dot 10", "Q870": "dot 10"}


def test_the_description_counts_and_measures(clean):
    table = read_boxed(clean)
    found = examine_boxes(table)
    described = describe_boxes(table, found.shapes)
    assert described.parts == {"undeclared": {"cell": 30, "dot": 30}}
    assert described.sizes == {"48 x 64": 30}
    assert described.boxes_an_image.median == 2
    assert described.box_sides["dot"].median == 6
    assert described.box_sides["cell"].median == round(float(np.sqrt(16 * 20)), 3)
    assert described.ratios["cell"].median == 0.8


def test_parts_share_the_rare_class_and_hold_no_copy_twice(clean):
    for index in range(20):
        annotate(clean, f"i{index:02d}", [CELL])
    save_image(clean / "JPEGImages/copy.png", 25)
    annotate(clean, "copy", [CELL, DOT])
    table = read_boxed(clean)
    found = examine_boxes(table)
    parts = split_boxed(table, found.images.groups, {"training": 0.6, "tuning": 0.2, "test": 0.2}, 0)
    dots = [part for part, case in zip(parts, table.cases, strict=True) if 1 in case.annotation.labels]
    assert {part: dots.count(part) for part in set(dots)} == {"training": 7, "tuning": 2, "test": 2}
    of = dict(zip([case.identifier for case in table.cases], parts, strict=True))
    assert of["JPEGImages/copy.png"] == of["JPEGImages/i25.png"]
    assert parts == split_boxed(table, found.images.groups, {"training": 0.6, "tuning": 0.2, "test": 0.2}, 0)


def test_the_verb_describes_examines_and_converts(clean, tmp_path, capfd):
    annotate(clean, "i03", [CELL, ("dot", (36, 40, 30, 46))])
    assert main(["data", str(clean), "--json", "--quiet", "--strict"]) == 3
    told = json.loads(capfd.readouterr().out)
    assert told["layout"] == "voc"
    assert [issue["code"] for issue in told["issues"]] == ["Q891"]
    assert told["box_sides"]["dot"]["median"] == 6
    assert main(["data", str(clean), "--to", "coco", "-o", str(tmp_path / "out"), "--json", "--quiet"]) == 0
    assert json.loads(capfd.readouterr().out)["boxes"] == 59
    assert read_boxed(tmp_path / "out").counts() == {"cell": 30, "dot": 29}
    assert main(["data", str(tmp_path / "out"), "--quiet", "--language", "zh"]) == 0
    assert "标注框" in capfd.readouterr().out


@pytest.mark.parametrize("words", [["--to", "coco"], ["--to", "voc", "-o", "out"]])
def test_a_conversion_that_there_is_none_of_is_refused(clean, words, capfd):
    assert main(["data", str(clean), *words, "--quiet"]) == 2
    assert "E896" in capfd.readouterr().err
