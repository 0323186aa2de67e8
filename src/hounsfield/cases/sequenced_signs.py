"""Signs that a data set can be nothing but sequences: films, and arrays that tell the frames of each case."""

import zipfile
from itertools import islice
from pathlib import Path

from hounsfield.archive.kinds import identify
from hounsfield.archive.window import FileWindow
from hounsfield.cases.folders import walk
from hounsfield.cases.manifest import find_table, read_rows
from hounsfield.cases.media import image_kind
from hounsfield.cases.medmnist import FAULTS, PART_KEYS, array_header, packed_arrays, pairs_of

FILMS = ("video/avi", "video/mp4")
COLOUR_AXES = 5
"""Axes of images that can be nothing but films in colour."""

LOOKED_AT = 50
"""Files that are looked at to tell films from images."""


def is_sequenced(data: Path) -> bool:
    """Tell whether a layout can be nothing but sequences: films (AVI, MP4), or arrays that say so.

    A folder of pictures, a volume or an array of four axes may as well be images of their own; they are sequences when
    that is asked for.
    """
    path = packed_arrays(data)
    if path is not None:
        return can_only_be_sequences(path)
    table = find_table(data)
    if table is not None:
        rows, header = read_rows(table, ("path",))
        named = [table.parent / row[header.known["path"]] for row in rows[:LOOKED_AT]]
        there = [path for path in named if path.is_file()]
        return bool(there) and all(map(is_film, there))
    return data.is_dir() and holds_films_alone(data)


def can_only_be_sequences(path: Path) -> bool:
    """Tell whether an npz tells the frames of each case, or holds films in colour; four axes may be volumes as well."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
            found = pairs_of(names)
            is_told = any(side_key(part, "lengths") in names for part in found)
            axes = [len(array_header(archive, images)[0]) for images, _ in found.values()]
    except FAULTS:
        return False
    return is_told or COLOUR_AXES in axes


def holds_films_alone(data: Path) -> bool:
    """Tell whether a folder holds films and no other images; where the first image is no film, nothing more is read."""
    names = (path for path in data.rglob("*") if path.is_file() and not path.name.startswith("."))
    for path in islice(names, LOOKED_AT):
        if image_kind(path) is not None:
            return False
        if is_film(path):
            return not walk(data).images
    return False


def is_film(path: Path) -> bool:
    """Tell by its first bytes whether a file is an AVI or MP4 film."""
    try:
        with path.open("rb") as stream:
            return identify(FileWindow(stream.fileno(), path.stat().st_size)).media_type in FILMS
    except OSError:
        return False


def side_key(part: str, what: str) -> str:
    """Return the name of an array that tells something of each case of a part, such as ``train_lengths``."""
    return f"{PART_KEYS[part]}_{what}" if part else what
