"""Segmentation data: the table of images with masks, and the door that recognises the layout of a folder."""

from pathlib import Path

from hounsfield.cases.masked_bids import is_bids, read_bids
from hounsfield.cases.masked_dicom import has_dicom_masks, read_dicom_masks
from hounsfield.cases.masked_nnunet import is_declared, read_declared
from hounsfield.cases.masked_pairs import has_pairs, pairs_number_objects, read_pairs
from hounsfield.cases.masked_structures import has_structures, read_structures
from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskReader, MaskTable
from hounsfield.errors import DatasetError

__all__ = ["MaskReader", "MaskTable", "MaskedCase", "MaskedImage", "is_masked", "numbers_objects", "read_masked"]


def is_masked(data: Path) -> bool:
    """Tell whether a folder holds images with masks, in a layout that ``read_masked`` takes; it decodes little."""
    data = Path(data)
    return data.is_dir() and (_names_labels(data) or has_pairs(data) or has_dicom_masks(data))


def numbers_objects(data: Path) -> bool:
    """Tell whether the masks of a folder for which ``is_masked`` holds number objects; a few masks are read."""
    data = Path(data)
    return not _names_labels(data) and has_pairs(data) and pairs_number_objects(data)


def _names_labels(data: Path) -> bool:
    """Tell whether a layout says what its labels are called."""
    return is_declared(data) or is_bids(data) or has_structures(data)


def read_masked(data: Path) -> MaskTable:
    """Return the cases of a segmentation data set, whatever supported layout it has.

    Args:
        data: a folder with images and masks in two folders of the same stems, or beside each other
            (``x.jpg`` and ``x_mask.png``), or npz files with an image and a label array; an nnU-Net (version 1 or 2) or
            Decathlon folder; BIDS with masks among the derivatives; a folder a subject with an image and, in
            ``segmentations``, a file a structure, as TotalSegmentator; DICOM series with segmentations or structure
            sets.

    Raises:
        DatasetError: ``E800`` nothing there, ``E880`` no image has a mask, ``E884`` a wrong ``dataset.json``; and
            those of each layout.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    if is_declared(data):
        return read_declared(data)
    if is_bids(data):
        return read_bids(data)
    if has_structures(data):
        return read_structures(data)
    return read_dicom_masks(data) if not has_pairs(data) and has_dicom_masks(data) else read_pairs(data)
