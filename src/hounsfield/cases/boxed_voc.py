"""Pascal VOC: one XML file an image. Parsed without entities and document types, bounded in size, depth and boxes.

VOC counts pixels from 1 and both ends belong to the box (VOC2012 development kit, section 3.2): xmin 1 is the left edge
of the image, xmax 640 the right one of an image of 640 columns. A data set that holds a 0 counts from 0 (a common
export of tools) and is read so as a whole; the table says it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hounsfield.cases.boxed import Annotation, AnnotationDraft, BoxedCase, BoxTable, number_of
from hounsfield.cases.boxed_files import (
    MAX_BOXES,
    PICTURE_SUFFIXES,
    files_under,
    inside,
    read_bounded,
    read_text,
    relative_name,
)
from hounsfield.cases.names import part_of, readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

MAX_DEPTH = 16
IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "imgs")
_TRUE = ("1", "true", "yes")


@dataclass(frozen=True)
class _Object:
    name: str
    edges: tuple[float, float, float, float]
    is_difficult: bool


@dataclass(frozen=True)
class _Sheet:
    """One XML file: which image it speaks of, and its objects (xmin, ymin, xmax, ymax)."""

    path: Path
    filename: str
    objects: tuple[_Object, ...]


def is_voc(data: Path) -> bool:
    """Tell whether a folder holds VOC annotations: the first XML file says so."""
    first = next(files_under(data, ".xml"), None)
    if first is None:
        return False
    try:
        return _parse(first).tag == "annotation"
    except DatasetError:
        return True


def read_voc(data: Path) -> BoxTable:
    """Return the cases of a folder of VOC annotations.

    Images are looked for beside the XML file and in ``JPEGImages`` and ``images`` next to its folder. Parts come from
    ``ImageSets/Main/{train,val,test}.txt`` or from folders of such names.

    Raises:
        DatasetError: ``E890`` every annotation is broken, ``E892`` no image of an annotation is there.
    """
    sheets, broken = _sheets(data)
    names = tuple(sorted({item.name for sheet in sheets for item in sheet.objects}))
    has_zero = any(min(item.edges[:2]) == 0 for sheet in sheets for item in sheet.objects)
    listed = _listed_parts(data)
    cases: dict[str, BoxedCase] = {}
    missing = []
    for sheet in sheets:
        image = _image(data, sheet)
        if image is None:
            missing.append(relative_name(data, sheet.path))
            continue
        identifier = relative_name(data, image)
        part = listed.get(sheet.path.stem) or _part(data, sheet.path)
        cases[identifier] = BoxedCase(identifier, image, _annotation(sheet, names, has_zero), split=part)
    if not cases:
        raise DatasetError("E892", path=data.name, count=len(missing), cases=summary(missing, 5))
    ordered = tuple(cases[key] for key in sorted(cases))
    issues = (*_issues(broken, missing, has_zero), *_bare(data, ordered))
    return BoxTable(readable(data.name), names, ordered, issues, "voc")


def _sheets(data: Path) -> tuple[list[_Sheet], list[str]]:
    sheets, broken, count = [], [], 0
    for path in files_under(data, ".xml"):
        try:
            sheet = _sheet(path, _parse(path))
        except DatasetError:
            broken.append(relative_name(data, path))
            continue
        if sheet is None:
            continue
        sheets.append(sheet)
        count += len(sheet.objects)
        if count > MAX_BOXES:
            raise DatasetError("E890", path=data.name, reason=f"more than {MAX_BOXES} boxes")
    if not sheets:
        raise DatasetError("E890", path=data.name, reason=summary(broken, 5) or "no annotation")
    return sheets, broken


def _parse(path: Path) -> Element:
    """Return the tree of a file; a document type, with which entities come, is refused before it is read.

    Raises:
        DatasetError: ``E890``.
    """
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise DatasetError("E890", path=path.name, reason="document type")

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise DatasetError("E890", path=path.name, reason="too deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_bounded(path), True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DatasetError("E890", path=path.name, reason=str(error)[:80]) from error


def _sheet(path: Path, root: Element) -> _Sheet | None:
    if root.tag != "annotation":
        return None
    objects = []
    for entry in root.findall("object"):
        box = entry.find("bndbox")
        edges = [number_of(None if box is None else box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax")]
        name = (entry.findtext("name") or "").strip() or "?"
        is_difficult = (entry.findtext("difficult") or "").strip().lower() in _TRUE
        objects.append(_Object(name, (edges[0], edges[1], edges[2], edges[3]), is_difficult))
    return _Sheet(path, (root.findtext("filename") or "").strip(), tuple(objects))


def _annotation(sheet: _Sheet, names: tuple[str, ...], has_zero: bool) -> Annotation:
    """Return the boxes with their edges: counted from 1, the lower ends lie one pixel lower, the upper ones stay."""
    shift = 0.0 if has_zero else 1.0
    draft = AnnotationDraft()
    for item in sheet.objects:
        left, top, right, bottom = item.edges
        box = (top - shift, left - shift, bottom, right)
        if right <= left or bottom <= top:
            # a point in this way of counting would be one pixel wide: it is a slip of the hand, and named as such
            box = (top - shift, left - shift, bottom - shift, right - shift)
        draft.add(box, names.index(item.name), False, item.is_difficult)
    return draft.finish()


def _image(data: Path, sheet: _Sheet) -> Path | None:
    name = sheet.filename.replace("\\", "/").rsplit("/", 1)[-1]
    stem = sheet.path.stem
    names = [name, *(stem + suffix for suffix in PICTURE_SUFFIXES)]
    here = sheet.path.parent
    folders = [here] if here == data else [here, *(here.parent / folder for folder in IMAGE_FOLDERS), here.parent]
    if here != data and here.parent != data:
        # Annotations/train/x.xml beside JPEGImages/train/x.jpg
        folders += [here.parent.parent / folder / here.name for folder in IMAGE_FOLDERS]
    for wanted in names:
        for folder in folders:
            found = inside(data, folder, wanted) if wanted else None
            if found:
                return found
    return None


def _listed_parts(data: Path) -> dict[str, str]:
    parts: dict[str, str] = {}
    for path in sorted(data.glob("ImageSets/Main/*.txt")):
        part = part_of(path.stem) if path.stem.lower() in ("train", "val", "test") else None
        if part:
            parts |= {line.split()[0]: part for line in read_text(path).splitlines() if line.split()}
    return parts


def _part(data: Path, path: Path) -> str | None:
    found = (part_of(folder) for folder in path.relative_to(data).parts[:-1])
    return next((part for part in found if part), None)


def _issues(broken: list[str], missing: list[str], has_zero: bool) -> Iterator[QualityIssue]:
    if broken:
        yield QualityIssue("Q895", Severity.WARN, {"count": len(broken), "cases": summary(broken)})
    if missing:
        yield QualityIssue("Q896", Severity.WARN, {"count": len(missing), "cases": summary(missing)})
    if has_zero:
        yield QualityIssue("Q898", Severity.NOTE, {})


def _bare(data: Path, cases: tuple[BoxedCase, ...]) -> Iterator[QualityIssue]:
    """Say which images have no annotation file: whether nothing is on them is not known, so they are left out."""
    known = {case.image for case in cases}
    folders = {case.image.parent for case in cases}
    bare = sorted(
        relative_name(data, path)
        for folder in folders
        for path in folder.iterdir()
        if path.name.lower().endswith(PICTURE_SUFFIXES) and not path.name.startswith(".") and path not in known
    )
    if bare:
        yield QualityIssue("Q897", Severity.WARN, {"count": len(bare), "cases": summary(bare)})
