"""Siemens mosaics written by hand: a CSA header, and slices side by side in one picture."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.image.phantoms.writer import (
    PhantomIdentity,
    decimal,
    new_dataset,
    orientation,
    save,
    set_pixels,
    spacing,
)

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
Tags = Mapping[str, tuple[str, Sequence[str]]]


def csa_header(tags: Tags) -> bytes:
    """Return a CSA header in the form SV10: names with their type and texts, filled up to six items as scanners do."""
    parts = [b"SV10\4\3\2\1", struct.pack("<II", len(tags), 77)]
    for name, (vr, values) in tags.items():
        texts = [value.encode() + b"\0" for value in values]
        items = [*texts, *([b""] * max(0, 6 - len(texts)))]
        parts.append(struct.pack("<64si4siii", name.encode(), len(values), vr.encode(), 6, len(items), 77))
        for item in items:
            size = len(item)
            parts.append(struct.pack("<4i", size, size, 77, size) + item + b"\0" * (-size % 4))
    return b"".join(parts)


@dataclass(frozen=True)
class Plan:
    """How a mosaic is written.

    Attributes:
        runs_back: slices follow each other against the normal of the orientation.
        has_csa: whether the CSA header is there.
        has_count: whether (0019,100A) is there.
        time: Acquisition Time and number of the volume in a run.
    """

    runs_back: bool = False
    has_csa: bool = True
    has_count: bool = False
    time: int = 0


def write_mosaic(folder: Path, geometry: VolumeGeometry, samples: np.ndarray, plan: Plan = Plan()) -> Path:
    """Write samples (slice, row, column) on a grid as one mosaic."""
    count, rows, columns = samples.shape
    tiles = int(np.ceil(np.sqrt(count)))
    picture = np.zeros((tiles * rows, tiles * columns), dtype=np.uint16)
    matrix = np.asarray(geometry.direction)
    for index in range(count):
        row, column = index // tiles * rows, index % tiles * columns
        source = count - 1 - index if plan.runs_back else index
        picture[row : row + rows, column : column + columns] = samples[source]
    first = geometry.to_patient([[count - 1 if plan.runs_back else 0, 0, 0]])[0]
    down, across = (
        (tiles - 1) * rows / 2 * geometry.row_spacing_mm,
        (tiles - 1) * columns / 2 * geometry.column_spacing_mm,
    )
    corner = first - matrix[:, 1] * down - matrix[:, 2] * across
    dataset = new_dataset(PhantomIdentity("mosaic"), MR_IMAGE, "MR", "epi", 1 + plan.time)
    dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS", "Prisma"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.FrameOfReferenceUID = geometry.frame_of_reference_uid
    dataset.ImageOrientationPatient = orientation(geometry)
    dataset.ImagePositionPatient = [decimal(value) for value in corner]
    dataset.PixelSpacing = spacing(geometry)
    dataset.SliceThickness = decimal(geometry.slice_spacing_mm - 0.25)
    dataset.SpacingBetweenSlices = decimal(geometry.slice_spacing_mm)
    dataset.AcquisitionTime = f"1015{plan.time:02d}"
    dataset.AcquisitionNumber = 1 + plan.time
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.MRAcquisitionType = "EP", "SK", "2D"
    dataset.EchoTime, dataset.RepetitionTime, dataset.EchoTrainLength = "30", "2000", "1"
    set_private(dataset, geometry, count, plan)
    set_pixels(dataset, picture, 12)
    return save(dataset, folder, f"{9 - plan.time}.dcm")


def set_private(dataset: Dataset, geometry: VolumeGeometry, count: int, plan: Plan) -> None:
    """Write the private elements of a mosaic."""
    normal = np.asarray(geometry.direction)[:, 0] * (-1 if plan.runs_back else 1)
    if plan.has_csa:
        tags: Tags = {
            "EchoLinePosition": ("IS", ["32"]),
            "NumberOfImagesInMosaic": ("US", [f"{count}      "]),
            "AcquisitionMatrixText": ("SH", [f"{geometry.shape[1]}*{geometry.shape[2]}"]),
            "SliceNormalVector": ("FD", [f"{value:.8f}" for value in normal]),
            "PhaseEncodingDirectionPositive": ("IS", ["1"]),
            "Empty": ("LO", []),
        }
        dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", csa_header(tags))
    if plan.has_count:
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
