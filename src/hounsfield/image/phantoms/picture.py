"""A colour Secondary Capture: a picture with a marked corner."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.image.phantoms.writer import DATE, TIME, PhantomIdentity, new_dataset, save, set_pixels

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def colour_chart(rows: int = 96, columns: int = 128) -> npt.NDArray[np.uint8]:
    """Return (row, column, 3): red rises with the column, green with the row, and the first corner is blue."""
    row, column = np.mgrid[0:rows, 0:columns]
    chart = np.zeros((rows, columns, 3), dtype=np.uint8)
    chart[..., 0] = np.rint(column * 255.0 / (columns - 1))
    chart[..., 1] = np.rint(row * 255.0 / (rows - 1))
    chart[: rows // 8, : columns // 8, 2] = 200
    return chart


def write_secondary_capture(
    folder: Path,
    pixels: npt.NDArray[np.uint8] | None = None,
    identity: PhantomIdentity = PhantomIdentity("SC phantom"),  # noqa: B008 (frozen)
) -> Path:
    """Write a Secondary Capture of (row, column) or (row, column, 3) 8-bit pixels."""
    dataset = new_dataset(identity, _SECONDARY_CAPTURE, "OT", "Secondary capture", 1)
    dataset.ConversionType = "SYN"
    dataset.Laterality = ""
    dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = DATE, TIME
    set_pixels(dataset, colour_chart() if pixels is None else pixels)
    return save(dataset, folder, "capture.dcm")
