"""Small data sets with boxes, the same in each layout: two classes, three images, parts."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.cases.examples import picture

SHAPE = (48, 64)
"""Rows and columns of every image."""

BOXES = {
    "a": [("cell", (4, 8, 20, 28)), ("dot", (30, 40, 36, 46))],
    "b": [("cell", (0, 0, 48, 64))],
    "c": [("dot", (1, 2, 9, 12)), ("dot", (20, 20, 28, 30)), ("cell", (10, 30, 40, 60))],
}
"""Edges (row, column, row, column) of the objects of each image."""

PARTS = {"a": "train", "b": "val", "c": "train"}
NAMES = ("cell", "dot")


def image(seed: int) -> Image.Image:
    return Image.fromarray(picture(seed, 64)[: SHAPE[0]])


def save_image(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image(seed).save(path)
    return path


def voc_xml(name: str, objects, shift: int = 1, difficult: int = 0) -> str:
    parts = [f"<annotation><filename>{name}</filename><size><width>64</width><height>48</height></size>"]
    for label, (top, left, bottom, right) in objects:
        edges = f"<xmin>{left + shift}</xmin><ymin>{top + shift}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        parts.append(f"<object><name>{label}</name><difficult>{difficult}</difficult><bndbox>{edges}</bndbox></object>")
    return "".join([*parts, "</annotation>"])


def save_voc(root: Path, boxes=BOXES, shift: int = 1) -> Path:
    (root / "Annotations").mkdir(parents=True)
    (root / "ImageSets/Main").mkdir(parents=True)
    for seed, (name, objects) in enumerate(boxes.items()):
        save_image(root / "JPEGImages" / f"{name}.png", seed)
        (root / "Annotations" / f"{name}.xml").write_text(voc_xml(f"{name}.png", objects, shift), encoding="utf-8")
    for part in set(PARTS.values()):
        names = [name for name in boxes if PARTS.get(name) == part]
        (root / "ImageSets/Main" / f"{part}.txt").write_text("\n".join(names), encoding="utf-8")
    return root


def coco_document(boxes, start: int = 0) -> dict:
    images, annotations = [], []
    for number, (name, objects) in enumerate(boxes.items()):
        images.append({"id": 100 + number, "file_name": f"{name}.png", "width": 64, "height": 48})
        for label, (top, left, bottom, right) in objects:
            entry = {
                "id": start + len(annotations),
                "image_id": 100 + number,
                "category_id": 7 * NAMES.index(label) + 3,
            }
            entry |= {"bbox": [left, top, right - left, bottom - top], "area": 1, "iscrowd": 0}
            entry["segmentation"] = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
            annotations.append(entry)
    categories = [{"id": 3, "name": "cell"}, {"id": 10, "name": "dot"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def save_coco(root: Path, boxes=BOXES) -> Path:
    (root / "annotations").mkdir(parents=True)
    for seed, name in enumerate(boxes):
        save_image(root / f"{PARTS[name]}2017" / f"{name}.png", seed)
    for part in ("train", "val"):
        document = coco_document({name: objects for name, objects in boxes.items() if PARTS[name] == part})
        (root / "annotations" / f"instances_{part}2017.json").write_text(json.dumps(document), encoding="utf-8")
    return root


YAML = "path: .\ntrain: images/train  # comment\nval: images/val\nnc: 2\nnames:\n  0: cell\n  1: 'dot'\n"


def save_yolo(root: Path, boxes=BOXES, yaml: str = YAML) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text(yaml, encoding="utf-8")
    for seed, (name, objects) in enumerate(boxes.items()):
        save_image(root / "images" / PARTS[name] / f"{name}.png", seed)
        rows = []
        for label, (top, left, bottom, right) in objects:
            centre = ((left + right) / 128, (top + bottom) / 96, (right - left) / 64, (bottom - top) / 48)
            rows.append(f"{NAMES.index(label)} " + " ".join(f"{value:.10f}" for value in centre))
        path = root / "labels" / PARTS[name] / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(rows), encoding="utf-8")
    return root


SAVERS = {"voc": save_voc, "coco": save_coco, "yolo": save_yolo}


def contents(table) -> dict[str, tuple]:
    """Return what a table holds of each image by its bare name, in an order of its own."""
    found = {}
    for case in table.cases:
        kept = case.annotation
        rows = sorted(
            (table.class_names[label], tuple(np.round(box, 6)), bool(crowd), bool(hard))
            for box, label, crowd, hard in zip(kept.boxes, kept.labels, kept.is_crowd, kept.is_difficult, strict=True)
        )
        found[Path(case.identifier).stem] = (case.split, case.patient, tuple(rows))
    return found


def expected() -> dict[str, tuple]:
    parts = {"train": "training", "val": "tuning"}
    return {
        name: (parts[PARTS[name]], None, tuple(sorted((label, box, False, False) for label, box in objects)))
        for name, objects in BOXES.items()
    }
