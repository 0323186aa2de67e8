"""Lists of images of YOLO: every way to write a path finds the same image, none leads out, twice named is said."""

import pytest

from hounsfield.cases.boxed_files import MAX_TEXT_BYTES
from hounsfield.cases.boxed_layouts import has_boxes, read_boxed
from hounsfield.cases.boxed_yolo_lists import read_list
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import PARTS, contents, expected, save_image, save_yolo
from tests.cases.examples import codes

YAML = "train: train.txt\nval: val.txt\nnames: [cell, dot]\n"
WAYS = {
    "from the data": "images/{part}/{name}.png",
    "from the list": "./images/{part}/{name}.png",
    "absolute elsewhere": "/home/someone/cells/images/{part}/{name}.png",
    "windows": "D:\\cells\\images\\{part}\\{name}.png",
    "darknet": "data/images/{part}/{name}.png",
    "above": "../cells/images/{part}/{name}.png",
    "quoted": "'images/{part}/{name}.png'",
}


def lists(root, way=WAYS["from the data"], end="\n", yaml=YAML):
    data = save_yolo(root, yaml=yaml)
    for part in set(PARTS.values()):
        lines = [way.format(part=part, name=name) for name in PARTS if PARTS[name] == part]
        (data / f"{part}.txt").write_text(end.join(lines) + end, encoding="utf-8", newline="")
    return data


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"], ids=["lines", "windows lines", "blank lines"])
def test_lists_give_what_folders_give(tmp_path, way, end):
    data = lists(tmp_path / "data", way, end)
    assert has_boxes(data)
    table = read_boxed(data)
    assert contents(table) == expected()
    assert table.declared_parts == ("training", "tuning")
    assert table.issues == ()


def test_a_list_and_a_folder_may_stand_beside_each_other(tmp_path):
    data = lists(tmp_path / "data", yaml="train:\n  - train.txt\nval: images/val\nnames: [cell, dot]\n")
    assert contents(read_boxed(data)) == expected()


def test_a_list_in_a_folder_names_what_lies_beside_it(tmp_path):
    data = save_yolo(tmp_path / "data", yaml="train: images/train/all.txt\nnames: [cell, dot]\n")
    (data / "images/train/all.txt").write_text("a.png\n./c.png\n", encoding="utf-8")
    found = contents(read_boxed(data))
    assert found == {name: row for name, row in expected().items() if name in ("a", "c")}


def test_what_a_list_names_in_vain_is_said(tmp_path):
    data = lists(tmp_path / "data")
    with (data / "train.txt").open("a", encoding="utf-8") as stream:
        stream.write("images/train/gone.png\nREADME\n")
    table = read_boxed(data)
    assert contents(table) == expected()
    assert codes(table.issues) == ["Q896"]
    assert dict(table.issues[0].facts) == {"count": 2, "cases": "images/train/gone.png, README"}


def test_an_image_of_two_lists_counts_in_training_and_is_said(tmp_path):
    """A model must not be judged by what it learned from: the tuning part loses the image, not the training part."""
    data = lists(tmp_path / "data")
    with (data / "val.txt").open("a", encoding="utf-8") as stream:
        stream.write("images/train/a.png\n")
    table = read_boxed(data)
    assert contents(table) == expected()
    assert codes(table.issues) == ["Q620"]
    assert dict(table.issues[0].facts) == {"count": 1, "cases": "images/train/a.png"}


def test_an_image_twice_in_one_list_is_one_image(tmp_path):
    data = lists(tmp_path / "data")
    with (data / "train.txt").open("a", encoding="utf-8") as stream:
        stream.write("images/train/a.png\n./images/train/a.png\n")
    table = read_boxed(data)
    assert contents(table) == expected()
    assert table.issues == ()


def test_one_folder_for_training_and_tuning_is_said(tmp_path):
    data = save_yolo(tmp_path / "data", yaml="train: images/train\nval: images/train\nnames: [cell, dot]\n")
    table = read_boxed(data)
    assert {case.split for case in table.cases} == {"training"}
    assert [(issue.code, issue.facts["count"]) for issue in table.issues] == [("Q620", 2)]


@pytest.mark.parametrize(
    "line",
    ["../secret/a.png", "/../secret/a.png", "images/../../secret/a.png", "linked/a.png", "images/train/link.png",
     "x/" * 400 + "a.png", "a\0.png", "con:/a.png", "..", "."],
)  # fmt: skip
def test_no_line_of_a_list_leads_out_of_the_data(tmp_path, line):
    data = save_yolo(tmp_path / "data", yaml="train: train.txt\nnames: [cell, dot]\n")
    secret = save_image(tmp_path / "secret/a.png", 1)
    (data / "linked").symlink_to(secret.parent)
    (data / "images/train/link.png").symlink_to(secret)
    (data / "train.txt").write_text(line + "\n", encoding="utf-8")
    found = read_list(data, data / "train.txt")
    assert found.images == ()
    assert len(found.missing) == 1
    with pytest.raises(DatasetError, match="E892") as caught:
        read_boxed(data)
    assert caught.value.facts["count"] == 1


def test_a_list_outside_the_data_is_not_read(tmp_path):
    data = lists(tmp_path / "data", yaml="train: ../outside.txt\nval: val.txt\nnames: [cell, dot]\n")
    (tmp_path / "outside.txt").write_text("images/train/a.png\n", encoding="utf-8")
    assert set(contents(read_boxed(data))) == {"b"}


def test_a_list_beyond_all_size_is_refused(tmp_path):
    data = lists(tmp_path / "data")
    (data / "train.txt").write_bytes(b"images/train/a.png\n" * (MAX_TEXT_BYTES // 19 + 2))
    with pytest.raises(DatasetError, match="E890"):
        read_boxed(data)


def test_an_empty_list_holds_nothing(tmp_path):
    data = lists(tmp_path / "data")
    (data / "train.txt").write_text("\n \n", encoding="utf-8")
    assert set(contents(read_boxed(data))) == {"b"}
