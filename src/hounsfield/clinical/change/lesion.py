"""Lesion and Examination: what is compared between studies, in patient millimetres."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import ImageError

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Lesion:
    """One measured lesion.

    Attributes:
        tracking_uid: of the finding.
        centre_mm: x, y, z of its centre in the patient frame of its own study.
        volume_mm3: its volume.
        longest_diameter_mm: None when it was not measured.
        nodule_type: ``solid``, ``part-solid``, ``non-solid``, or empty.
    """

    tracking_uid: str
    centre_mm: Point
    volume_mm3: float
    longest_diameter_mm: float | None = None
    nodule_type: str = ""

    @property
    def radius_mm(self) -> float:
        """Radius of the sphere of the same volume."""
        return float((3.0 * self.volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0))


@dataclass(frozen=True)
class Examination:
    """The lesions of one study, when it was made and what part of the body it shows.

    Attributes:
        study_date: DICOM DA, such as ``20260301``.
        lesions: what was measured.
        geometry: of the volume they were measured on.
        kernel: convolution kernel; empty when it is not known.
        software: what measured, with its version.
    """

    study_date: str
    lesions: tuple[Lesion, ...]
    geometry: VolumeGeometry
    kernel: str = ""
    software: str = ""

    def shows(self, points_mm: npt.ArrayLike, margin_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which points (n, 3) in patient millimetres lie within the volume, at least a margin from its border."""
        index = np.atleast_2d(self.geometry.to_index(np.asarray(points_mm, np.float64)))
        spacing = (self.geometry.slice_spacing_mm, self.geometry.row_spacing_mm, self.geometry.column_spacing_mm)
        margin = margin_mm / np.asarray(spacing)
        last = np.asarray(self.geometry.shape) - 1
        return np.asarray(np.all((index >= margin - 0.5) & (index <= last - margin + 0.5), axis=1))


def days_between(earlier: Examination, later: Examination) -> int | None:
    """Return the days from one examination to a later one; None where a date is not known.

    Raises:
        ImageError: ``E230``, the later examination is the earlier one.
    """
    dates = []
    for examination in (earlier, later):
        try:
            dates.append(datetime.strptime(examination.study_date, "%Y%m%d"))  # noqa: DTZ007 - a date alone
        except ValueError:
            return None
    days = (dates[1] - dates[0]).days
    if days < 0:
        raise ImageError("E230", found=later.study_date, expected=earlier.study_date)
    return days
