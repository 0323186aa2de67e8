"""The layouts of boxes: the same images read from VOC, COCO and YOLO agree; hostile and broken files are refused."""

import json

import numpy as np
import pytest
from monai.data.box_utils import box_area, convert_box_mode

from hounsfield.cases.boxed_layouts import has_boxes, read_boxed
from hounsfield.cases.boxed_writing import write_coco
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import (
    BOXES,
    NAMES,
    SAVERS,
    YAML,
    coco_document,
    contents,
    expected,
    save_coco,
    save_image,
    save_voc,
    save_yolo,
    voc_xml,
)  # fmt: skip
from tests.cases.examples import class_folders, codes


@pytest.mark.parametrize("layout", SAVERS)
def test_every_layout_gives_the_boxes_that_were_drawn(tmp_path, layout):
    data = SAVERS[layout](tmp_path / "data")
    assert has_boxes(data)
    table = read_boxed(data)
    assert table.layout == layout
    assert table.class_names == NAMES
    assert contents(table) == expected()
    assert table.counts() == {"cell": 3, "dot": 3}
    assert table.declared_parts == ("training", "tuning")
    assert table.issues == ()
    assert table.read(table.cases[0]).volume.geometry.shape == (1, 48, 64)


def test_folders_of_classes_have_no_boxes(tmp_path):
    data = class_folders(tmp_path / "data", {"a": 2, "b": 2})
    assert not has_boxes(data)
    with pytest.raises(DatasetError, match="E891"):
        read_boxed(data)


@pytest.mark.parametrize("layout", SAVERS)
def test_what_is_written_as_coco_is_read_back_identically(tmp_path, layout):
    table = read_boxed(SAVERS[layout](tmp_path / "data"))
    files = write_coco(table, tmp_path / "out")
    assert [path.name for path in files] == ["instances_training.json", "instances_tuning.json"]
    again = read_boxed(tmp_path / "out")
    assert contents(again) == contents(table)
    assert [case.image.read_bytes() for case in again.cases] == [case.image.read_bytes() for case in table.cases]


def test_what_is_written_obeys_the_rules_of_coco(tmp_path):
    """The format page of cocodataset.org: unique numbers, references that exist, boxes inside, area of the box."""
    for path in write_coco(read_boxed(save_voc(tmp_path / "data")), tmp_path / "out"):
        document = json.loads(path.read_text(encoding="utf-8"))
        images = {entry["id"]: entry for entry in document["images"]}
        assert len(images) == len(document["images"])
        assert len({entry["id"] for entry in document["annotations"]}) == len(document["annotations"])
        for entry in document["annotations"]:
            x, y, width, height = entry["bbox"]
            image = images[entry["image_id"]]
            assert entry["category_id"] in {row["id"] for row in document["categories"]}
            assert min(width, height) > 0
            assert 0 <= x < x + width <= image["width"]
            assert 0 <= y < y + height <= image["height"]
            assert entry["area"] == width * height
            assert entry["iscrowd"] in (0, 1)


def test_monai_finds_the_same_areas_in_what_is_written(tmp_path):
    path, _ = write_coco(read_boxed(save_voc(tmp_path / "data")), tmp_path / "out")
    rows = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    corners = convert_box_mode(np.array([row["bbox"] for row in rows]), src_mode="xywh", dst_mode="xyxy")
    assert box_area(corners).tolist() == [row["area"] for row in rows]


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path):
    table = read_boxed(save_voc(tmp_path / "data"))
    with pytest.raises(DatasetError, match="E894"):
        write_coco(table, tmp_path / "data")


def test_patients_crowds_difficult_objects_and_text_survive_the_way_through_coco(tmp_path):
    document = coco_document(BOXES)
    document["images"][0] |= {"patient_id": "p1", "device": "B"}
    document["annotations"][0] |= {"iscrowd": 1, "segmentation": {"counts": [4, 5], "size": [48, 64]}}
    document["annotations"][1] |= {"difficult": 1}
    (tmp_path / "data").mkdir()
    (tmp_path / "data/labels.json").write_text(json.dumps(document), encoding="utf-8")
    for seed, name in enumerate(BOXES):
        save_image(tmp_path / "data" / f"{name}.png", seed)
    table = read_boxed(tmp_path / "data")
    case = table.cases[0]
    assert (case.patient, case.split, case.attributes) == ("p1", None, (("device", "B"),))
    assert case.annotation.is_crowd.tolist() == [True, False]
    assert case.annotation.is_ignored.tolist() == [True, True]
    write_coco(table, tmp_path / "out")
    again = read_boxed(tmp_path / "out")
    assert contents(again) == contents(table)
    assert again.cases[0].attributes == case.attributes


def test_voc_that_counts_from_zero_is_read_so_and_says_so(tmp_path):
    table = read_boxed(save_voc(tmp_path / "data", shift=0))
    assert codes(table.issues) == ["Q898"]
    assert contents(table) == expected()


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation><filename>&c;</filename></annotation>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>',
        "<annotation>" + "<a>" * 50,
        "<annotation><object></annotation>",
        "",
        "\0\1\2",
    ],
    ids=["entities", "external", "deep", "torn", "empty", "binary"],
)
def test_a_hostile_or_broken_xml_file_is_left_out_and_named(tmp_path, text):
    data = save_voc(tmp_path / "data")
    (data / "Annotations/bad.xml").write_text(text, encoding="utf-8")
    table = read_boxed(data)
    assert contents(table) == expected()
    assert codes(table.issues) == ["Q895"]
    assert table.issues[0].facts["cases"] == "Annotations/bad.xml"


def test_entities_in_another_encoding_are_refused_as_well(tmp_path):
    data = save_voc(tmp_path / "data")
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "b">]><annotation>&b;</annotation>'
    (data / "Annotations/bad.xml").write_bytes(text.encode("utf-16"))
    assert codes(read_boxed(data).issues) == ["Q895"]


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "..\\secret.png", "C:\\secret.png"])
def test_no_annotation_reaches_outside_the_data(tmp_path, name):
    save_image(tmp_path / "secret.png", 9)
    document = coco_document(BOXES)
    document["images"][0]["file_name"] = name
    data = tmp_path / "x/data"
    data.mkdir(parents=True)
    (data / "a.json").write_text(json.dumps(document), encoding="utf-8")
    for seed, stem in enumerate(BOXES):
        save_image(data / f"{stem}.png", seed)
    table = read_boxed(data)
    assert set(contents(table)) == {"b", "c"}
    assert codes(table.issues) == ["Q896"]


def test_a_link_out_of_the_data_is_not_followed(tmp_path):
    data = save_coco(tmp_path / "data")
    (data / "train2017/a.png").unlink()
    (data / "train2017/a.png").symlink_to(save_image(tmp_path / "secret.png", 9))
    assert set(contents(read_boxed(data))) == {"b", "c"}


def test_images_without_an_annotation_file_are_named_and_left_out(tmp_path):
    data = save_voc(tmp_path / "data")
    save_image(data / "JPEGImages/d.png", 8)
    (data / "Annotations/e.xml").write_text(voc_xml("e.png", BOXES["a"]), encoding="utf-8")
    issues = {issue.code: issue.facts["cases"] for issue in read_boxed(data).issues}
    assert issues == {"Q896": "Annotations/e.xml", "Q897": "JPEGImages/d.png"}


@pytest.mark.parametrize(
    "yaml",
    [
        YAML,
        "train: ../images/train\nval: ../images/val\nnames: ['cell', \"dot\"]\n",
        "train: images/train\nval: images/val\nnames:\n- cell\n- dot\n",
        "names: {0: cell, 1: dot}\ntrain:\n  - images/train\nval: images/val\n",
        "names: [cell,\n  dot]\npath: /datasets/cells\ntrain: images/train\nval: images/val\n",
    ],
    ids=["numbered", "brackets", "dashes", "braces", "several lines"],
)
def test_the_ways_to_write_data_yaml(tmp_path, yaml):
    assert contents(read_boxed(save_yolo(tmp_path / "data", yaml=yaml))) == expected()


def test_data_yaml_executes_nothing(tmp_path):
    hostile = f"names: !!python/object/apply:os.system ['touch {tmp_path}/done']\ntrain: images/train\n"
    with pytest.raises(DatasetError, match="E893"):
        read_boxed(save_yolo(tmp_path / "data", yaml=hostile))
    assert not (tmp_path / "done").exists()


def test_yolo_polygons_become_boxes_and_bad_lines_are_named(tmp_path):
    data = save_yolo(tmp_path / "data")
    (data / "labels/train/a.txt").write_text("0 0.25 0.25 0.5 0.25 0.5 0.75\n1 0.5\n", encoding="utf-8")
    table = read_boxed(data)
    assert table.cases[0].annotation.boxes.tolist() == [[12, 16, 36, 32]]
    assert codes(table.issues) == ["Q895"]


def test_an_image_without_a_text_file_has_no_objects_in_yolo(tmp_path):
    data = save_yolo(tmp_path / "data")
    (data / "labels/train/a.txt").unlink()
    table = read_boxed(data)
    assert len(table) == 3
    assert len(table.cases[0].annotation) == 0
    assert table.cases[0].annotation.boxes.shape == (0, 4)


@pytest.mark.parametrize("line", ["2 0.5 0.5 0.1 0.1", "-1 0.5 0.5 0.1 0.1"])
def test_a_class_number_without_a_name_is_refused(tmp_path, line):
    data = save_yolo(tmp_path / "data")
    (data / "labels/train/a.txt").write_text(line, encoding="utf-8")
    with pytest.raises(DatasetError, match="E893"):
        read_boxed(data)


def test_an_undeclared_category_is_refused(tmp_path):
    data = save_coco(tmp_path / "data")
    document = coco_document({"a": BOXES["a"]})
    document["annotations"][0]["category_id"] = 5
    (data / "annotations/instances_train2017.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DatasetError, match="E893"):
        read_boxed(data)


@pytest.mark.parametrize("text", ["[]", '{"images": 1, "annotations": [], "categories": []}', "[" * 100_000])
def test_json_that_is_no_coco_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text + ' "images" "annotations" "categories"' if text[0] == "[" else text, encoding="utf-8")
    with pytest.raises(DatasetError, match="E890"):
        read_boxed(path)


def test_classes_of_a_model_are_matched_by_name(tmp_path):
    data = save_voc(tmp_path / "data")
    table = read_boxed(data, ("DOT", "other", "Cell"))
    assert table.counts() == {"DOT": 3, "other": 0, "Cell": 3}
    with pytest.raises(DatasetError, match="E806"):
        read_boxed(data, ("dot",))
