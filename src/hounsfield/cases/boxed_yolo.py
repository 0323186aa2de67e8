"""YOLO: ``data.yaml`` with names and folders or lists, and one text file an image: class, centre, size as shares of it.

The YAML is read by a reader of its few keys that builds text, numbers, lists and one level of a mapping, and nothing
else: no tags, no anchors, no objects, no includes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from hounsfield.cases.boxed import Annotation, AnnotationDraft, BoxedCase, BoxTable, number_of
from hounsfield.cases.boxed_files import PICTURE_SUFFIXES, files_under, read_text, relative_name
from hounsfield.cases.boxed_yolo_lists import read_list
from hounsfield.cases.names import part_of, readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

MAX_CLASSES = 10_000
_PART_KEYS = ("train", "val", "valid", "test")
_LINE = re.compile(
    r"^(?P<indent>\s*)(?:(?P<dash>-)\s+)?(?:(?P<key>[\w.-]+|'[^']*'|\"[^\"]*\")\s*:(?:\s+|$))?(?P<value>.*)$"
)


@dataclass
class _Sheet:
    """What ``data.yaml`` says."""

    path: str = ""
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def yolo_sheet(data: Path) -> Path | None:
    """Return the YAML file of a YOLO data set in a folder, or None."""
    found = sorted(path for pattern in ("*.yaml", "*.yml") for path in data.glob(pattern) if path.is_file())
    return next((path for path in found if re.search(r"^names\s*:", read_text(path), re.MULTILINE)), None)


def read_yolo(data: Path) -> BoxTable:
    """Return the cases of a YOLO data set.

    A part is a folder of images, or a text file that lists them. An image has its labels in the folder of the same path
    in which ``images`` is ``labels``, or beside it. An image without a text file, or with an empty one, has no objects:
    that is how YOLO says so. An image that two parts name counts in the first, and is said.

    Raises:
        DatasetError: ``E890`` the YAML file cannot be used, ``E892`` no image is there, ``E893`` a class number
            without a name.
    """
    sheet_path = yolo_sheet(data)
    if sheet_path is None:
        raise DatasetError("E890", path=data.name, reason="no data.yaml")
    sheet = _read_sheet(sheet_path)
    if not sheet.names or len(sheet.names) > MAX_CLASSES:
        raise DatasetError("E890", path=sheet_path.name, reason=f"names: {len(sheet.names)}")
    cases: dict[str, BoxedCase] = {}
    draft = _Draft()
    for part, image in _images(data, sheet, draft.missing):
        identifier = relative_name(data, image)
        if identifier in cases:
            draft.shared += [identifier] if cases[identifier].split != part else []
            continue
        annotation = _annotation(_label_file(data, image), image, sheet.names, draft.broken)
        cases[identifier] = BoxedCase(identifier, image, annotation, split=part)
    if not cases:
        named = draft.missing or [text for paths in sheet.parts.values() for text in paths]
        raise DatasetError("E892", path=data.name, count=len(draft.missing), cases=summary(named))
    ordered = tuple(cases[key] for key in sorted(cases))
    return BoxTable(readable(data.name), sheet.names, ordered, tuple(draft.issues()), "yolo")


@dataclass
class _Draft:
    """What is to be said of the data, while they are read."""

    broken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)

    def issues(self) -> Iterator[QualityIssue]:
        """Yield an issue for each kind of thing that was met."""
        for code, found in (("Q895", self.broken), ("Q896", self.missing), ("Q620", self.shared)):
            if found:
                yield QualityIssue(code, Severity.WARN, {"count": len(found), "cases": summary(found)})


def _read_sheet(path: Path) -> _Sheet:
    """Read the few keys that matter: ``path``, ``train``, ``val``, ``test``, ``names``; others are passed over."""
    values: dict[str, list[str]] = {}
    keyed: dict[str, str] = {}
    key = ""
    for line in _unfolded(read_text(path)):
        found = _LINE.match(line)
        if found is None or not line.strip():
            continue
        name, value = _bare(found["key"] or ""), found["value"].strip()
        is_top = not found["indent"] and not found["dash"]
        if is_top:
            key = name
            values[key] = _items(value)
        elif key == "names" and name:
            keyed[name] = _bare(value)
        elif key and found["dash"]:
            values[key].append(_bare(value))
    return _Sheet(
        next(iter(values.get("path", [])), ""),
        {part: tuple(values[part]) for part in _PART_KEYS if values.get(part)},
        _numbered(keyed) if keyed else tuple(_without_numbers(values.get("names", []))),
    )


def _unfolded(text: str) -> Iterator[str]:
    """Yield lines without comments; a list or mapping in brackets over several lines becomes one."""
    held = ""
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw)
        held = f"{held} {line.strip()}" if held else line
        if held.count("[") > held.count("]") or held.count("{") > held.count("}"):
            continue
        yield held
        held = ""


def _items(value: str) -> list[str]:
    if value[:1] in "[{" and value[-1:] in "]}" and value:
        found = re.findall(r"(?:[^,'\"]|'[^']*'|\"[^\"]*\")+", value[1:-1])
        return [_bare(item) for item in found if item.strip()]
    return [_bare(value)] if value else []


def _without_numbers(items: list[str]) -> Iterator[str]:
    """Yield names of ``{0: cell, 1: platelet}`` and of plain lists alike."""
    for item in items:
        found = re.match(r"^\d+\s*:\s+(.*)$", item)
        yield _bare(found[1]) if found else item


def _numbered(keyed: dict[str, str]) -> tuple[str, ...]:
    numbers = {int(key): name for key, name in keyed.items() if re.fullmatch(r"\d{1,5}", key)}
    return tuple(numbers.get(index, str(index)) for index in range(max(numbers, default=-1) + 1))


def _bare(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _images(data: Path, sheet: _Sheet, missing: list[str]) -> Iterator[tuple[str | None, Path]]:
    """Yield each image with its part; those that a list names in vain are added to ``missing``."""
    for part, place in _places(data, sheet):
        if place.is_dir():
            for suffix in PICTURE_SUFFIXES:
                for image in files_under(place, suffix):
                    yield part, image
            continue
        listed = read_list(data, place)
        missing += [readable(text)[:200] for text in listed.missing]
        for image in listed.images:
            yield part, image


def _places(data: Path, sheet: _Sheet) -> Iterator[tuple[str | None, Path]]:
    """Yield each part with its folder of images or list; a path that leads out of the data is looked for inside it."""
    for key, paths in sheet.parts.items():
        for path in paths:
            bare = re.sub(r"^(\.{1,2}/|/)+", "", path.replace("\\", "/"))
            tried = (data / sheet.path / bare, data / bare) if not Path(sheet.path).is_absolute() else (data / bare,)
            for place in tried:
                if ".." not in place.parts and _is_inside(data, place):
                    yield part_of(key), place
                    break


def _is_inside(data: Path, place: Path) -> bool:
    """Tell whether a folder, or a text file, is there and inside the data."""
    try:
        is_there = place.is_dir() or (place.suffix.lower() == ".txt" and place.is_file())
        return is_there and place.resolve().is_relative_to(data.resolve())
    except OSError:
        # a name that is too long for the file system
        return False


def _label_file(data: Path, image: Path) -> Path | None:
    parts = list(image.relative_to(data).parts)
    stem = re.sub(r"(\.nii)?\.[^.]+$", "", parts[-1])
    places = [index for index, part in enumerate(parts[:-1]) if part.lower() == "images"]
    swapped = parts[:-1]
    if places:
        swapped = [*parts[: places[-1]], "labels", *parts[places[-1] + 1 : -1]]
    for folder in (swapped, parts[:-1]):
        found = data.joinpath(*folder, stem + ".txt")
        if found.is_file() and not found.is_symlink():
            return found
    return None


def _annotation(label: Path | None, image: Path, names: tuple[str, ...], broken: list[str]) -> Annotation:
    """Return the boxes of a text file in pixels; a polygon (more than four numbers) becomes the box around it."""
    draft = AnnotationDraft()
    lines = [line.split() for line in read_text(label).splitlines() if line.strip()] if label else []
    if not lines or label is None:
        return draft.finish()
    rows, columns = _shape(image)
    for fields in lines:
        index = int(fields[0]) if re.fullmatch(r"\d{1,6}", fields[0]) else -1
        if len(fields) < 5:
            broken.append(f"{label.name}: {' '.join(fields)[:40]}")
            continue
        if not 0 <= index < len(names):
            raise DatasetError("E893", path=label.name, found=fields[0][:40])
        numbers = [number_of(value) for value in fields[1:]]
        if len(numbers) >= 6 and len(numbers) % 2 == 0:
            across, down = numbers[::2], numbers[1::2]
            edges = (min(down), min(across), max(down), max(across))
        else:
            x, y, width, height = numbers[:4]
            edges = (y - height / 2, x - width / 2, y + height / 2, x + width / 2)
        draft.add((edges[0] * rows, edges[1] * columns, edges[2] * rows, edges[3] * columns), index)
    return draft.finish()


def _shape(image: Path) -> tuple[float, float]:
    """Return rows and columns; of an image without a readable header NaN, whose boxes nobody can place."""
    try:
        with Image.open(image) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return float("nan"), float("nan")
