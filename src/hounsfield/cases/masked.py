"""Segmentation data: the table of images with masks, and the door that recognises the layout of a folder."""

from pathlib import Path

from hounsfield.cases.masked_pairs import has_pairs, pairs_number_objects, read_pairs
from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskReader, MaskTable
from hounsfield.errors import DatasetError

__all__ = ["MaskReader", "MaskTable", "MaskedCase", "MaskedImage", "is_masked", "numbers_objects", "read_masked"]


def is_masked(data: Path) -> bool:
    """Tell whether a folder holds images with masks, in a layout that ``read_masked`` takes; it decodes little."""
    return has_pairs(Path(data))


def numbers_objects(data: Path) -> bool:
    """Tell whether the masks of a folder for which ``is_masked`` holds number objects; a few masks are read."""
    return pairs_number_objects(Path(data))


def read_masked(data: Path) -> MaskTable:
    """Return the cases of a segmentation data set, whatever supported layout it has.

    Args:
        data: a folder with images and masks in two folders of the same stems, or beside each other
            (``x.jpg`` and ``x_mask.png``), or npz files with an image and a label array.

    Raises:
        DatasetError: ``E800`` nothing there, ``E880`` no image has a mask; and those of each layout.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    return read_pairs(data)
