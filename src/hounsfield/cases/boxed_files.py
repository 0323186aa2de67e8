"""Files of a data set with boxes: bounded walks and reads that never leave the folder of the data."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hounsfield.errors import DatasetError

MAX_FILES = 500_000
MAX_TEXT_BYTES = 8 * 2**20
"""Of one XML, YAML or label file; the largest annotation of Pascal VOC has 40 kB."""
MAX_JSON_BYTES = 1024 * 2**20
"""Of one COCO file; the instances of COCO 2017 have 448 MB."""
MAX_BOXES = 10_000_000

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".dcm", ".nii.gz", ".nii", ".nrrd")


def files_under(data: Path, suffix: str) -> Iterator[Path]:
    """Yield files with a suffix in an order that does not depend on the machine; links and hidden ones are passed over.

    Raises:
        DatasetError: ``E819`` more files than a data set may hold.
    """
    count = 0
    for folder, subfolders, names in os.walk(data, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise DatasetError("E819", path=data.name, expected=MAX_FILES)
            path = Path(folder, name)
            if name.lower().endswith(suffix) and not name.startswith(".") and not path.is_symlink():
                yield path


def read_bounded(path: Path, limit: int = MAX_TEXT_BYTES) -> bytes:
    """Return the bytes of a file.

    Raises:
        DatasetError: ``E890`` it cannot be read, or is larger than such a file can be.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise DatasetError("E890", path=path.name, reason=error.strerror or type(error).__name__) from error
    if len(raw) > limit:
        raise DatasetError("E890", path=path.name, reason=f"more than {limit} bytes")
    return raw


def read_text(path: Path) -> str:
    """Return a text file of at most 8 MB; bytes that are no UTF-8 are replaced.

    Raises:
        DatasetError: ``E890``.
    """
    return read_bounded(path).decode("utf-8-sig", "replace")


def inside(data: Path, folder: Path, relative: str) -> Path | None:
    """Return the file that a source names relative to one of its folders, or None: never one outside the data."""
    name = PurePosixPath(relative.replace("\\", "/"))
    if name.is_absolute() or not name.parts or ".." in name.parts or "\0" in relative or ":" in name.parts[0]:
        return None
    try:
        path = folder.joinpath(*name.parts)
        if path.is_file() and path.resolve().is_relative_to(data.resolve()):
            return path
    except OSError:
        return None
    return None


def relative_name(data: Path, path: Path) -> str:
    """Return the path of a file below the data, with slashes on every machine."""
    return path.relative_to(data).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
