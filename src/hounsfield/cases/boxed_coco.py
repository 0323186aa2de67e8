"""COCO instances: one JSON file a part. Boxes are [x, y, width, height] in pixels from the corner of the image.

Segmentations, whatever their form (polygons, RLE), are passed over: a box table needs none of them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hounsfield.cases.boxed import AnnotationDraft, BoxedCase, BoxTable, number_of
from hounsfield.cases.boxed_files import MAX_BOXES, MAX_JSON_BYTES, inside, read_bounded, relative_name
from hounsfield.cases.names import part_of, readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_BLOCK = 1 << 20
_NOT_PARTS = frozenset({"instances", "annotations", "coco", "person", "keypoints", "captions", "all"})


@dataclass
class _Draft:
    """Cases of one or more COCO files while they are read."""

    data: Path
    names: dict[str, int] = field(default_factory=dict)
    cases: dict[str, BoxedCase] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    box_count: int = 0


def coco_files(data: Path) -> tuple[Path, ...]:
    """Return the instance files of a folder: in it, one level down, two in ``annotations``; or the file itself."""
    if data.is_file():
        return (data,) if data.suffix.lower() == ".json" and _has_keys(data) else ()
    found = [
        path
        for pattern in ("*.json", "annotations/*.json", "*/*.json", "[aA]nnotations/*/*.json")
        for path in sorted(data.glob(pattern))
    ]
    return tuple(path for path in dict.fromkeys(found) if not path.is_symlink() and _has_keys(path))


def read_coco(data: Path, files: tuple[Path, ...] | None = None) -> BoxTable:
    """Return the cases of COCO instance files; several files are parts of one data set.

    An image may carry ``patient_id``, ``split`` and further text fields, and an annotation ``difficult``: they are
    kept. A file named after a part (``instances_train2017.json``) or in a folder of such a name declares it.

    Raises:
        DatasetError: ``E890`` a file is no COCO file, ``E892`` no image is there, ``E893`` a category is not declared.
    """
    draft = _Draft(data if data.is_dir() else data.parent)
    for path in coco_files(data) if files is None else files:
        _read_file(draft, path)
    if not draft.cases:
        raise DatasetError("E892", path=data.name, count=len(draft.missing), cases=summary(draft.missing, 5))
    ordered = tuple(draft.cases[key] for key in sorted(draft.cases))
    return BoxTable(readable(data.name), tuple(draft.names), ordered, tuple(_issues(draft)), "coco")


def _has_keys(path: Path) -> bool:
    """Tell whether a file names all three keys somewhere; nothing is parsed."""
    wanted, rest = set(_KEYS), b""
    try:
        with path.open("rb") as stream:
            while wanted and (block := stream.read(_BLOCK)):
                wanted -= {key for key in wanted if key in rest + block}
                rest = block[-16:]
    except OSError:
        return False
    return not wanted


def _read_file(draft: _Draft, path: Path) -> None:
    document = _parse(path)
    categories = _categories(draft, path, document)
    annotations: dict[object, AnnotationDraft] = {}
    for entry in _rows(document, "annotations", path):
        number, label = _key(entry.get("image_id")), categories.get(_key(entry.get("category_id")))
        if label is None:
            raise DatasetError("E893", path=path.name, found=readable(str(entry.get("category_id")))[:40])
        box = entry.get("bbox")
        x, y, width, height = map(number_of, box if isinstance(box, list) and len(box) == 4 else [None] * 4)
        flags = (_is_set(entry, "iscrowd"), _is_set(entry, "difficult"))
        annotations.setdefault(number, AnnotationDraft()).add((y, x, y + height, x + width), label, *flags)
        draft.box_count += 1
        if draft.box_count > MAX_BOXES:
            raise DatasetError("E890", path=path.name, reason=f"more than {MAX_BOXES} boxes")
    part = _part(draft.data, path)
    seen: set[object] = set()
    for entry in _rows(document, "images", path):
        _once(seen, "id", _key(entry.get("id")), path)
        name = str(entry.get("file_name", ""))
        drawn = annotations.pop(_key(entry.get("id")), AnnotationDraft())
        image = _image(draft.data, path, name)
        if image is None:
            draft.missing.append(readable(name)[:200])
            continue
        identifier = relative_name(draft.data, image)
        _once(seen, "file_name", identifier, path)
        declared = part_of(str(entry.get("split", ""))) or part
        patient = entry.get("patient_id")
        draft.cases[identifier] = BoxedCase(
            identifier,
            image,
            drawn.finish(),
            readable(str(patient)) if patient is not None else None,
            declared,
            _more(entry),
        )
    draft.strange += [f"{path.name}: image_id {str(number)[:40]}" for number in annotations]


def _parse(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(read_bounded(path, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise DatasetError("E890", path=path.name, reason=str(error)[:80]) from error
    if not isinstance(document, dict):
        raise DatasetError("E890", path=path.name, reason="no object")
    return document


def _once(seen: set[object], field_name: str, value: object, path: Path) -> None:
    """Refuse an image that is listed twice: the boxes of one of the two would be lost without a word."""
    if (field_name, value) in seen:
        raise DatasetError("E890", path=path.name, reason=f"{field_name} {str(value)[:60]} twice")
    seen.add((field_name, value))


def _rows(document: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    rows = document.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError("E890", path=path.name, reason=key)
    return rows


def _categories(draft: _Draft, path: Path, document: Mapping[str, Any]) -> dict[object, int]:
    """Return the label of each category number; a category that no box has, above others, is a heading of theirs."""
    rows = _rows(document, "categories", path)
    above = {row.get("supercategory") for row in rows}
    used = {_key(row.get("category_id")) for row in _rows(document, "annotations", path)}
    kept = [row for row in rows if _key(row.get("id")) in used or str(row.get("name")) not in above]
    return {
        _key(row.get("id")): draft.names.setdefault(readable(str(row.get("name", row.get("id")))), len(draft.names))
        for row in kept
    }


def _key(value: object) -> object:
    return value if isinstance(value, (int, str)) else repr(value)[:40]


def _is_set(entry: Mapping[str, Any], key: str) -> bool:
    return entry.get(key) in (1, True, "1")


def _image(data: Path, path: Path, name: str) -> Path | None:
    """Return the file of an image: beside the JSON, below the data, in a folder of the part, or in one of a class."""
    part = re.sub(r"^(instances|person_keypoints|captions)_", "", path.stem)
    folders = [path.parent, data, data / "images", data / part, data / "images" / part, path.parent / "images"]
    folders += [folder for folder in sorted((data / "images").glob("*")) if folder.is_dir()]  # as FracAtlas has them
    return next((found for folder in folders if (found := inside(data, folder, name))), None)


def _part(data: Path, path: Path) -> str | None:
    words = [word for word in re.split(r"[^A-Za-z]+", path.stem) if word.lower() not in _NOT_PARTS]
    relative = path.relative_to(data).parts[:-1] if path.is_relative_to(data) else ()
    return next((part for word in (*words, *relative) if (part := part_of(word))), None)


def _more(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the text fields of an image that COCO does not define."""
    known = {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"}
    known |= {"patient_id", "split"}
    return tuple(sorted((key, value) for key, value in entry.items() if key not in known and isinstance(value, str)))


def _issues(draft: _Draft) -> Iterator[QualityIssue]:
    if draft.missing:
        yield QualityIssue("Q896", Severity.WARN, {"count": len(draft.missing), "cases": summary(draft.missing)})
    if draft.strange:
        yield QualityIssue("Q895", Severity.WARN, {"count": len(draft.strange), "cases": summary(draft.strange)})
