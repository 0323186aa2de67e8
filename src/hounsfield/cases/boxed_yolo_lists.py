"""Lists of images of a YOLO data set: text files such as ``train.txt`` with the path of one image a line.

Paths are written by whoever trained on another machine: relative to the list, to the data, or absolute there. Each is
looked for inside the data alone, by its whole path and then without its first folders.

Source: Ultralytics documentation, "Object Detection Datasets Overview", ``train``: a folder, a text file, or a list of
both; a path that starts with ``./`` is relative to the list.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hounsfield.cases.boxed_files import PICTURE_SUFFIXES, inside, read_text

_MOST_FOLDERS = 32
"""Of a path in a list; deeper ones are no paths."""


@dataclass(frozen=True)
class ListedImages:
    """What a list names.

    Attributes:
        images: those that are there, in the order of the list, each once.
        missing: the paths whose image is not in the data, as they are written.
    """

    images: tuple[Path, ...]
    missing: tuple[str, ...]


def read_list(data: Path, path: Path) -> ListedImages:
    """Return the images that a list names; what is no path of a picture is missing too.

    Raises:
        DatasetError: ``E890`` the list cannot be read.
    """
    images: dict[Path, None] = {}
    missing: list[str] = []
    for line in read_text(path).splitlines():
        text = line.strip().strip("'\"")
        if not text:
            continue
        found = _find(data, path.parent, text)
        if found is None:
            missing.append(text)
        else:
            images[found] = None
    return ListedImages(tuple(images), tuple(missing))


def _find(data: Path, beside: Path, text: str) -> Path | None:
    """Return the image of a path: from the folder of the list first, then from the data, whole before shortened."""
    if not text.lower().endswith(PICTURE_SUFFIXES):
        return None
    parts = [part for part in PurePosixPath(text.replace("\\", "/")).parts if part not in ("/", "..")]
    for start in range(min(len(parts), _MOST_FOLDERS)):
        for folder in dict.fromkeys((beside, data)):
            found = inside(data, folder, "/".join(parts[start:]))
            if found is not None and not found.is_symlink():
                return found
    return None
