"""Damaged and hostile files of COCO, YOLO and VOC: a typed error, or a table that says what it lacks."""

import json
import random

import numpy as np
import pytest

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.boxed_layouts import has_boxes, read_boxed
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import (
    BOXES,
    SAVERS,
    YAML,
    coco_document,
    contents,
    expected,
    save_coco,
    save_image,
    save_voc,
    save_yolo,
)
from tests.cases.examples import codes

DECLARATIONS = {
    "coco": "annotations/instances_train2017.json",
    "yolo": "data.yaml",
    "voc": "Annotations/a.xml",
}
CODES = {"E890", "E891", "E892", "E893"}
TRAIN = DECLARATIONS["coco"]


def changed(tmp_path, change):
    """Return a COCO data set whose training document was changed: by a function, or into other text."""
    data = save_coco(tmp_path / "data")
    document = json.loads((data / TRAIN).read_text(encoding="utf-8"))
    text = change(document)
    (data / TRAIN).write_text(text if isinstance(text, str) else json.dumps(document), encoding="utf-8")
    return data


def refused(data) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        read_boxed(data)
    for language in ("en", "zh"):
        caught.value.text(language).encode("utf-8")
    return caught.value


def outcome_of(data) -> BoxTable | str:
    """Return the table, or the code of the typed error; every other error passes through and fails the test."""
    try:
        return read_boxed(data)
    except DatasetError as error:
        return error.code


def is_sound(table) -> bool:
    """Tell whether what a table says fits together, whatever file it came from."""
    names = [case.identifier for case in table.cases]
    labels = np.concatenate([case.annotation.labels for case in table.cases])
    is_inside = all(0 <= label < len(table.class_names) for label in labels)
    has_files = all(case.image.is_file() for case in table.cases)
    return names == sorted(set(names)) and is_inside and has_files and sum(table.counts().values()) == len(labels)


@pytest.mark.parametrize("layout", sorted(SAVERS))
@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.6, 0.85, 0.99])
def test_a_cut_declaration_ends_typed_or_in_a_sound_table(tmp_path, layout, share):
    data = SAVERS[layout](tmp_path / "data")
    path = data / DECLARATIONS[layout]
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    outcome = outcome_of(data)
    if isinstance(outcome, str):
        assert outcome in CODES
    else:
        assert is_sound(outcome)
        assert contents(outcome) != expected() or share > 0.9


@pytest.mark.parametrize("layout", sorted(SAVERS))
@pytest.mark.parametrize("seed", range(8))
def test_changed_bytes_never_end_in_another_error(tmp_path, layout, seed):
    data = SAVERS[layout](tmp_path / "data")
    chance = random.Random(seed)
    for path in sorted(data.rglob("*")):
        if path.suffix in (".json", ".yaml", ".txt", ".xml"):
            raw = bytearray(path.read_bytes())
            for _ in range(3):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            path.write_bytes(raw)
    outcome = outcome_of(data)
    assert outcome in CODES if isinstance(outcome, str) else is_sound(outcome)


@pytest.mark.parametrize("layout", ["coco", "yolo"])
def test_a_declaration_in_place_of_another_is_none(tmp_path, layout):
    other = {"coco": "yolo", "yolo": "voc"}[layout]
    data, foreign = SAVERS[layout](tmp_path / "data"), SAVERS[other](tmp_path / "foreign")
    raw = (foreign / DECLARATIONS[other]).read_bytes()
    for path in [path for path in data.rglob("*") if path.suffix in (".json", ".yaml")]:
        path.write_bytes(raw)
    assert not has_boxes(data)
    assert refused(data).code == "E891"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("images", {"id": 1}),
        ("images", "a.png"),
        ("images", [None]),
        ("annotations", [[1, 2, 3, 4]]),
        ("annotations", 7),
        ("categories", ["cell", "dot"]),
        ("categories", True),
    ],
)
def test_a_list_of_coco_of_another_type_is_named(tmp_path, key, value):
    error = refused(changed(tmp_path, lambda document: document.update({key: value})))
    assert error.code == "E890"
    assert key in error.text()


@pytest.mark.parametrize("value", [None, [], {"id": 3}, 3.5, "3", -3, 10**30, "\ud800"])
def test_a_category_number_that_is_none_is_undeclared(tmp_path, value):
    data = changed(tmp_path, lambda document: document["annotations"][0].update(category_id=value))
    assert refused(data).code == "E893"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "1e300", '"12,5"', "[4]", "9" * 200])
def test_an_edge_beyond_every_image_is_no_coordinate(tmp_path, number):
    text = json.dumps(coco_document({"a": BOXES["a"]})).replace('"bbox": [8,', f'"bbox": [{number},')
    data = changed(tmp_path, lambda _: text)
    annotation = next(case for case in read_boxed(data).cases if case.image.stem == "a").annotation
    assert (len(annotation), len(annotation.proper())) == (2, 1)
    assert np.isnan(annotation.boxes[0]).any()


def test_a_number_of_more_digits_than_python_reads_is_refused(tmp_path):
    data = changed(tmp_path, lambda document: json.dumps(document).replace('"width": 64', '"width": ' + "6" * 5000, 1))
    assert refused(data).code == "E890"


def test_of_a_key_twice_in_an_object_the_last_counts(tmp_path):
    data = changed(tmp_path, lambda document: json.dumps(document).replace('"name": "dot"', '"name": "x", "name": "y"'))
    assert read_boxed(data).class_names == ("cell", "y", "dot")


@pytest.mark.parametrize("entry", [{"id": 999, "file_name": "a.png"}, {"id": 100, "file_name": "c.png"}])
def test_an_image_listed_twice_is_refused_because_boxes_of_one_would_be_lost(tmp_path, entry):
    data = changed(tmp_path, lambda document: document["images"].append(entry))
    error = refused(data)
    assert error.code == "E890"
    assert "twice" in error.text()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a.png/", "a\0.png", "\ud800.png", "n" * 5000, "a.png\n", ["a.png"], 5]
)
def test_a_name_that_is_no_file_is_a_missing_image(tmp_path, name):
    data = changed(tmp_path, lambda document: document["images"][0].update(file_name=name))
    table = read_boxed(data)
    if name == "a.png/":
        assert contents(table) == expected()
        return
    assert set(contents(table)) == {"b", "c"}
    assert "Q896" in codes(table.issues)
    for issue in table.issues:
        issue.text().encode("utf-8")


def test_halves_of_surrogate_pairs_become_text_that_can_be_written(tmp_path):
    def change(document):
        document["categories"][1]["name"] = "do\udfff"
        document["images"][0]["patient_id"] = "\ud800"

    table = read_boxed(changed(tmp_path, change))
    assert table.class_names[1] == "do\\udfff"
    assert {case.patient for case in table.cases} == {None, "\\ud800"}


@pytest.mark.parametrize("name", ["ce\nll", "\x1b[31mcell", "ce\u202ell", "-", "∅", "'; DROP TABLE cells"])
def test_a_class_of_any_name_is_a_class(tmp_path, name):
    table = read_boxed(changed(tmp_path, lambda document: document["categories"][0].update(name=name)))
    assert table.counts()[name] == 2


@pytest.mark.parametrize(
    "line",
    [
        "0 nan 0.5 0.1 0.1",
        "0 1e400 0.5 0.1 0.1",
        "0 0.5 0.5 x 0.1",
        "0 0.5 0.5 -0.1 0.1",
        "0 0.5 0.5 0 0",
        "1 a b c d e f",
    ],
)
def test_a_line_of_yolo_without_a_box_stays_to_be_named(tmp_path, line):
    data = save_yolo(tmp_path / "data")
    (data / "labels/train/a.txt").write_text(f"{line}\n1 0.5 0.5 0.25 0.25\n", encoding="utf-8")
    annotation = read_boxed(data).cases[0].annotation
    assert (len(annotation), len(annotation.proper())) == (2, 1)


@pytest.mark.parametrize("number", ["", "x", "1.0", "²", "0x1", "1234567", "--1"])
def test_a_class_of_yolo_that_is_no_number_is_refused(tmp_path, number):
    data = save_yolo(tmp_path / "data")
    (data / "labels/train/a.txt").write_text(f"{number or '?'} 0.5 0.5 0.1 0.1", encoding="utf-8")
    assert refused(data).code == "E893"


@pytest.mark.parametrize("folder", ["n" * 5000, "images/../../x", "/etc", "C:\\images", "ima\0ges", "data.yaml", "*"])
def test_a_folder_of_yolo_that_is_none_holds_no_images(tmp_path, folder):
    data = save_yolo(tmp_path / "data", yaml=YAML.replace("images/train", folder))
    save_image(tmp_path / "x/secret.png", 5)
    assert [case.identifier for case in read_boxed(data).cases] == ["images/val/b.png"]


@pytest.mark.parametrize("names", ["names:\n  99999: cell", "names: [" + "a," * 10_001 + "]", "names: {}"])
def test_more_classes_than_a_data_set_has_are_refused(tmp_path, names):
    yaml = f"train: images/train\nval: images/val\n{names}\n"
    assert refused(save_yolo(tmp_path / "data", yaml=yaml)).code == "E890"


def test_links_between_label_files_and_secrets_are_not_read(tmp_path):
    data = save_yolo(tmp_path / "data")
    (tmp_path / "secret.txt").write_text("1 0.5 0.5 0.1 0.1\n" * 9, encoding="utf-8")
    label = data / "labels/train/a.txt"
    label.unlink()
    label.symlink_to(tmp_path / "secret.txt")
    assert len(read_boxed(data).cases[0].annotation) == 0


@pytest.mark.parametrize("box", ["", "<bndbox/>", "<bndbox><xmin>1</xmin></bndbox>", "<bndbox>1 1 64 48</bndbox>"])
def test_an_object_of_voc_without_edges_stays_to_be_named(tmp_path, box):
    data = save_voc(tmp_path / "data")
    text = f"<annotation><filename>a.png</filename><object><name>cell</name>{box}</object></annotation>"
    (data / "Annotations/a.xml").write_text(text, encoding="utf-8")
    annotation = read_boxed(data).cases[0].annotation
    assert (len(annotation), len(annotation.proper())) == (1, 0)


def test_an_annotation_larger_than_any_is_left_out_and_named(tmp_path):
    data = save_voc(tmp_path / "data")
    with (data / "Annotations/a.xml").open("ab") as stream:
        stream.truncate(8 * 2**20 + 1)
    table = read_boxed(data)
    assert "a" not in contents(table)
    assert codes(table.issues) == ["Q895", "Q897"]


def test_broken_annotations_alone_are_refused(tmp_path):
    data = save_voc(tmp_path / "data")
    for path in (data / "Annotations").iterdir():
        path.write_bytes(path.read_bytes()[:-20])
    assert refused(data).code == "E890"
