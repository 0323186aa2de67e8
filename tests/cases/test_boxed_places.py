"""Where the layouts keep their images and parts: every usual arrangement is understood."""

import json

import pytest

from hounsfield.cases.boxed_coco import coco_files
from hounsfield.cases.boxed_layouts import has_boxes, read_boxed
from hounsfield.cases.boxed_voc import is_voc
from hounsfield.cases.boxed_yolo import yolo_sheet
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import BOXES, coco_document, save_coco, save_image, save_voc, save_yolo, voc_xml

ONE = {"a": BOXES["a"]}


def save_one(root, json_name, image_name, file_name="a.png"):
    document = coco_document(ONE)
    document["images"][0]["file_name"] = file_name
    path = root / json_name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    save_image(root / image_name, 1)
    return root


@pytest.mark.parametrize(
    ("json_name", "image_name", "file_name", "part"),
    [
        ("labels.json", "a.png", "a.png", None),
        ("labels.json", "images/a.png", "a.png", None),
        ("annotations/instances_val2017.json", "val2017/a.png", "a.png", "tuning"),
        ("annotations/instances_test.json", "images/test/a.png", "a.png", "test"),
        ("annotations/instances_all.json", "images/a.png", "a.png", None),
        ("train/_annotations.coco.json", "train/a.png", "a.png", "training"),
        ("valid/_annotations.coco.json", "valid/a.png", "a.png", "tuning"),
        ("annotations.json", "deep/er/a.png", "deep/er/a.png", None),
    ],
)
def test_coco_finds_its_images_and_part(tmp_path, json_name, image_name, file_name, part):
    table = read_boxed(save_one(tmp_path / "data", json_name, image_name, file_name))
    assert [case.identifier for case in table.cases] == [image_name]
    assert table.cases[0].split == part


def test_an_instance_file_by_itself_is_a_data_set(tmp_path):
    data = save_one(tmp_path / "data", "labels.json", "a.png")
    assert has_boxes(data / "labels.json")
    assert len(read_boxed(data / "labels.json")) == 1


def test_other_json_is_no_instance_file(tmp_path):
    data = save_coco(tmp_path / "data")
    (data / "settings.json").write_text('{"images": []}', encoding="utf-8")
    assert [path.name for path in coco_files(data)] == ["instances_train2017.json", "instances_val2017.json"]


def test_keys_are_found_across_the_blocks_of_a_large_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        '{"images": [], "pad": "' + "x" * (2**20 - 30) + '", "annotations": [], "categories": []}', encoding="utf-8"
    )
    assert coco_files(path) == (path,)


def test_parts_of_coco_share_their_categories_by_name(tmp_path):
    data = save_coco(tmp_path / "data")
    path = data / "annotations/instances_val2017.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["categories"] = [{"id": 1, "name": "dot"}, {"id": 2, "name": "cell"}]
    for entry in document["annotations"]:
        entry["category_id"] = {3: 2, 10: 1}[entry["category_id"]]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_boxed(data).counts() == {"cell": 3, "dot": 3}


def test_a_heading_above_other_categories_is_no_class(tmp_path):
    data = save_one(tmp_path / "data", "labels.json", "a.png")
    document = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    document["categories"].insert(0, {"id": 0, "name": "blood", "supercategory": "none"})
    for entry in document["categories"][1:]:
        entry["supercategory"] = "blood"
    (data / "labels.json").write_text(json.dumps(document), encoding="utf-8")
    assert read_boxed(data).class_names == ("cell", "dot")


def test_annotations_of_no_image_are_named(tmp_path):
    data = save_one(tmp_path / "data", "labels.json", "a.png")
    document = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    document["annotations"][0]["image_id"] = 999
    (data / "labels.json").write_text(json.dumps(document), encoding="utf-8")
    table = read_boxed(data)
    assert len(table.cases[0].annotation) == 1
    assert [(issue.code, issue.facts["count"]) for issue in table.issues] == [("Q895", 1)]


@pytest.mark.parametrize("box", [None, [], [1, 2, 3], "1 2 3 4", [1, 2, "x", 4], {"x": 1}])
def test_a_box_that_is_none_stays_to_be_named(tmp_path, box):
    data = save_one(tmp_path / "data", "labels.json", "a.png")
    document = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    document["annotations"][0]["bbox"] = box
    (data / "labels.json").write_text(json.dumps(document), encoding="utf-8")
    annotation = read_boxed(data).cases[0].annotation
    assert len(annotation) == 2
    assert len(annotation.proper()) == 1


@pytest.mark.parametrize("folder", ["JPEGImages", "images", "Images"])
def test_voc_finds_images_next_to_its_annotations(tmp_path, folder):
    data = save_voc(tmp_path / "data")
    (data / "JPEGImages").rename(data / folder)
    assert [case.identifier for case in read_boxed(data).cases] == [f"{folder}/{name}.png" for name in "abc"]


@pytest.mark.parametrize(
    ("folder", "part"), [("train", "training"), ("valid", "tuning"), ("test", "test"), ("x", None)]
)
def test_voc_beside_its_images_takes_the_part_from_the_folder(tmp_path, folder, part):
    save_image(tmp_path / "data" / folder / "a.png", 1)
    (tmp_path / "data" / folder / "a.xml").write_text(voc_xml("a.png", BOXES["a"]), encoding="utf-8")
    table = read_boxed(tmp_path / "data")
    assert table.cases[0].identifier == f"{folder}/a.png"
    assert table.cases[0].split == part


@pytest.mark.parametrize("name", ["a.jpg", "", "/home/someone/a.tif", "C:\\pictures\\a.bmp"])
def test_voc_falls_back_to_the_name_of_its_file(tmp_path, name):
    data = save_voc(tmp_path / "data", ONE)
    (data / "Annotations/a.xml").write_text(voc_xml(name, BOXES["a"]), encoding="utf-8")
    assert read_boxed(data).cases[0].identifier == "JPEGImages/a.png"


def test_difficult_objects_of_voc_are_ignored_ones(tmp_path):
    data = save_voc(tmp_path / "data", ONE)
    (data / "Annotations/a.xml").write_text(voc_xml("a.png", BOXES["a"], difficult=1), encoding="utf-8")
    assert read_boxed(data).cases[0].annotation.is_difficult.tolist() == [True, True]


def test_xml_of_another_kind_is_no_annotation(tmp_path):
    (tmp_path / "a.xml").write_text("<study/>", encoding="utf-8")
    assert not is_voc(tmp_path)
    assert not has_boxes(tmp_path)


@pytest.mark.parametrize("saved", [save_voc, save_coco, save_yolo])
def test_a_data_set_without_its_images_is_refused(tmp_path, saved):
    data = saved(tmp_path / "data")
    for path in sorted(data.rglob("*.png")):
        path.unlink()
    with pytest.raises(DatasetError, match="E892"):
        read_boxed(data)


def test_a_data_set_without_a_box_is_refused(tmp_path):
    data = save_voc(tmp_path / "data", {"a": []})
    with pytest.raises(DatasetError, match="E891"):
        read_boxed(data)


def test_nothing_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="E800"):
        read_boxed(tmp_path / "missing")


def test_yaml_of_another_kind_is_no_sheet(tmp_path):
    (tmp_path / "settings.yaml").write_text("learning_rate: 1\n", encoding="utf-8")
    assert yolo_sheet(tmp_path) is None


def test_yolo_labels_may_lie_beside_their_images(tmp_path):
    data = save_yolo(tmp_path / "data")
    for path in sorted((data / "labels").rglob("*.txt")):
        path.rename(data / "images" / path.parent.name / path.name)
    assert read_boxed(data).counts() == {"cell": 3, "dot": 3}


def test_yolo_boxes_of_a_broken_image_stay_to_be_named(tmp_path):
    data = save_yolo(tmp_path / "data")
    (data / "images/train/a.png").write_bytes(b"no picture")
    annotation = read_boxed(data).cases[0].annotation
    assert len(annotation) == 2
    assert len(annotation.proper()) == 0


@pytest.mark.parametrize("yaml", ["names: []\ntrain: images/train\n", "names:\ntrain: images/train\n"])
def test_yolo_without_names_is_refused(tmp_path, yaml):
    with pytest.raises(DatasetError, match="E890"):
        read_boxed(save_yolo(tmp_path / "data", yaml=yaml))


def test_no_folder_of_yolo_leads_out_of_the_data(tmp_path):
    save_image(tmp_path / "secret/a.png", 1)
    yaml = "path: ..\ntrain: ../secret\nval: images/val\nnames: [cell, dot]\n"
    table = read_boxed(save_yolo(tmp_path / "data", yaml=yaml))
    assert [case.identifier for case in table.cases] == ["images/val/b.png"]
