"""Writing a data set with boxes as COCO: a folder of images, and one instance file a part, that others read."""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from hounsfield.cases.boxed import BoxedCase, BoxTable
from hounsfield.core.boxes import extents
from hounsfield.errors import DatasetError

UNDECLARED = "all"


def write_coco(table: BoxTable, output: Path) -> tuple[Path, ...]:
    """Write ``images`` and ``annotations/instances_<part>.json`` into a new or empty folder; return the JSON files.

    Image files are copied as they are. Boxes that enclose nothing are left out, because COCO asks for a positive width
    and height; all others keep their edges (whole numbers exactly,
    fractions to the last bits). ``patient_id`` and ``difficult``, which COCO does not define, are
    written as further fields, as COCO permits.

    Raises:
        DatasetError: ``E894``, the folder holds something; ``E895``, an image's size cannot be told.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DatasetError("E894", path=output.name)
    parts: defaultdict[str, list[BoxedCase]] = defaultdict(list)
    for case in table.cases:
        parts[case.split or UNDECLARED].append(case)
    (output / "annotations").mkdir(parents=True, exist_ok=True)
    names = _names(table.cases)
    written = []
    for part, cases in sorted(parts.items()):
        document = _document(table, cases, names)
        for case in cases:
            target = output / "images" / names[case.identifier]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(case.image, target)
        path = output / "annotations" / f"instances_{part}.json"
        path.write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
        written.append(path)
    return tuple(written)


def _document(table: BoxTable, cases: list[BoxedCase], names: dict[str, str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    images = []
    for number, case in enumerate(cases, 1):
        images.append(_image(case, number, names[case.identifier]))
        kept = case.annotation.proper()
        for box, area, label, crowd, hard in zip(
            kept.boxes.tolist(),
            extents(kept.boxes).tolist(),
            kept.labels.tolist(),
            kept.is_crowd.tolist(),
            kept.is_difficult.tolist(),
            strict=True,
        ):
            top, left, bottom, right = box
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": label + 1}
            entry |= {"bbox": [left, top, right - left, bottom - top], "area": area, "iscrowd": int(crowd)}
            annotations.append(entry | ({"difficult": 1} if hard else {}))
    categories = [{"id": index + 1, "name": name, "supercategory": ""} for index, name in enumerate(table.class_names)]
    info = {"description": table.name, "version": "1.0"}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def _image(case: BoxedCase, number: int, name: str) -> dict[str, Any]:
    try:
        with Image.open(case.image) as picture:
            width, height = picture.size
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DatasetError("E895", case=case.identifier) from error
    entry: dict[str, Any] = {"id": number, "file_name": name, "width": width, "height": height}
    if case.patient is not None:
        entry["patient_id"] = case.patient
    return dict(case.attributes) | entry


def _names(cases: Sequence[BoxedCase]) -> dict[str, str]:
    """Return the path of each image below ``images`` by its identifier.

    A folder of that name at its beginning is not repeated. Backslash and colon, which other systems read as signs of a
    path, become underscores. Of names that agree then, the later ones are numbered.
    """
    taken: set[str] = set()
    names = {}
    for case in cases:
        plain = PurePosixPath(re.sub(r"[\\:]", "_", case.identifier.removeprefix("images/")))
        name, number = plain, 2
        while str(name) in taken:
            name, number = plain.with_name(f"{plain.stem}_{number}{plain.suffix}"), number + 1
        taken.add(str(name))
        names[case.identifier] = str(name)
    return names
