"""Public sets of fractures in the layouts they are published in, drawn here with boxes that are known."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.boxed_layouts import has_boxes, read_boxed
from hounsfield.cases.layouts import read_cases
from hounsfield.errors import DatasetError

GRAZ = [
    *("boneanomaly", "bonelesion", "foreignbody", "fracture", "metal"),
    *("periostealreaction", "pronatorsign", "softtissue", "text"),
]
WIDTH, HEIGHT = 48, 64


def picture(path, seed=0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH), dtype=np.uint8)).save(path)


@pytest.fixture
def atlas(tmp_path):
    """FracAtlas: images by class, COCO two folders down, an empty YOLO file for each image without a fracture."""
    data = tmp_path / "FracAtlas"
    for number in range(6):
        folder = "Fractured" if number < 3 else "Non_fractured"
        picture(data / "images" / folder / f"IMG{number:07d}.jpg", number)
    box = {"category_id": 0, "bbox": [5, 6, 10, 12], "area": 120, "iscrowd": 0}
    sides = {"width": WIDTH, "height": HEIGHT}
    document = {
        "images": [{"id": number, "file_name": f"IMG{number:07d}.jpg", **sides} for number in range(3)],
        "annotations": [{"id": number, "image_id": number, **box} for number in range(3)],
        "categories": [{"id": 0, "name": "fractured"}],
    }
    (data / "Annotations" / "COCO JSON").mkdir(parents=True)
    path = data / "Annotations" / "COCO JSON" / "COCO_fracture_masks.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    (data / "Annotations" / "YOLO").mkdir()
    with (data / "dataset.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["image_id", "hand", "leg", "fractured", "fracture_count"])
        rows.writerows([f"IMG{number:07d}.jpg", 1, 0, int(number < 3), int(number < 3)] for number in range(6))
    return data


@pytest.fixture(params=["meta.yaml", "data.yaml"])
def graz(tmp_path, request):
    """GRAZPEDWRI-DX: YOLO labels beside the images, and a sheet with nine classes."""
    data = tmp_path / "graz"
    (data / "labels").mkdir(parents=True)
    for number in range(4):
        name = f"0001_{number:010d}_01_WRI-L1_M014"
        picture(data / "images" / f"{name}.png", number)
        (data / "labels" / f"{name}.txt").write_text("3 0.5 0.5 0.25 0.125\n8 0.1 0.1 0.1 0.1\n", encoding="utf-8")
    sheet = f"path: .\ntrain: images\nval: images\nnc: 9\nnames: {GRAZ}\n"
    (data / request.param).write_text(sheet, encoding="utf-8")
    return data


def test_frac_atlas_is_read_with_its_boxes(atlas):
    assert has_boxes(atlas)
    table = read_boxed(atlas)
    assert table.class_names == ("fractured",)
    assert [case.identifier for case in table.cases] == [f"images/Fractured/IMG{number:07d}.jpg" for number in range(3)]
    for case in table.cases:
        np.testing.assert_allclose(case.annotation.boxes, [[6, 5, 18, 15]])
    assert table.issues == ()


def test_frac_atlas_is_read_as_classes_of_folders(atlas):
    table = read_cases(atlas / "images")
    assert sorted(table.class_names) == ["Fractured", "Non_fractured"]
    assert len(table.cases) == 6


def test_an_image_of_frac_atlas_that_is_gone_is_told(atlas):
    (atlas / "images" / "Fractured" / "IMG0000001.jpg").unlink()
    table = read_boxed(atlas)
    assert len(table.cases) == 2
    assert [issue.code for issue in table.issues] == ["Q896"]


def test_a_json_below_annotations_that_is_no_coco_is_passed_over(atlas):
    (atlas / "Annotations" / "COCO JSON" / "other.json").write_text("{}", encoding="utf-8")
    assert len(read_boxed(atlas).cases) == 3
    (atlas / "Annotations" / "COCO JSON" / "COCO_fracture_masks.json").unlink()
    with pytest.raises(DatasetError, match="E891"):
        read_boxed(atlas)


def test_graz_is_read_with_its_nine_classes(graz):
    table = read_boxed(graz)
    assert list(table.class_names) == GRAZ
    assert table.counts()["fracture"] == table.counts()["text"] == 4
    first = table.cases[0].annotation
    np.testing.assert_allclose(first.boxes[0], [HEIGHT * 0.4375, WIDTH * 0.375, HEIGHT * 0.5625, WIDTH * 0.625])
