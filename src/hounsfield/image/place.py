"""Where one frame lies and what its spacing is worth, before frames are stacked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hounsfield.core.geometry import Calibration, Triple
from hounsfield.image.attributes import FrameAttributes, numbers_of

Pair = tuple[float, float]
Cosines = tuple[float, float, float, float, float, float]

PROJECTION_MODALITIES = frozenset(("CR", "DX", "MG", "XA", "RF", "RG", "PX", "IO", "DR", "XC"))
_CENTIMETRES = 3
_COSINE_TOLERANCE = 1e-2


@dataclass(frozen=True)
class FramePlace:
    """The plane of a frame.

    Attributes:
        position_mm: centre of the first pixel, x, y, z in LPS, None where not given.
        cosines: Image Orientation: direction of a row (rising column), then of a column (rising row).
        spacing_mm: between rows, between columns; None where not given.
        thickness_mm: nominal slice thickness or spacing, only used for a slice that stands alone.
        aspect: row spacing divided by column spacing where only that is known.
        calibration: what a millimetre is worth.
        is_in_patient: false where the place is one in the transducer's volume, whose sides are not the patient's.
    """

    position_mm: Triple | None = None
    cosines: Cosines | None = None
    spacing_mm: Pair | None = None
    thickness_mm: float | None = None
    aspect: float = 1.0
    calibration: Calibration = Calibration.NONE
    is_in_patient: bool = True

    @property
    def is_placed(self) -> bool:
        """Whether the frame has a place in the patient."""
        return self.position_mm is not None and self.cosines is not None

    @cached_property
    def normal(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Unit normal of the plane: row direction x column direction."""
        cosines = np.asarray(self.cosines or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
        across = np.cross(cosines[:3], cosines[3:])
        normal = np.asarray(across / np.linalg.norm(across), dtype=np.float64)
        normal.flags.writeable = False
        return normal


def read_place(attributes: FrameAttributes, modality: str, frame_index: int) -> FramePlace:
    """Read the plane of a frame from the attributes that its kind of object keeps it in."""
    spacing, calibration = _read_spacing(attributes, modality)
    cosines, position = _read_plane(attributes, frame_index)
    is_in_patient = cosines is not None or not attributes.numbers("ImageOrientationVolume")
    if not is_in_patient:
        # Enhanced ultrasound volumes lie in a frame of their own (PS3.3 C.7.6.16.2.21 and C.7.6.16.2.22).
        cosines, position = _placed(
            attributes.numbers("ImageOrientationVolume"), attributes.numbers("ImagePositionVolume"), 0.0
        )
    aspect = attributes.numbers("PixelAspectRatio")
    is_aspect = len(aspect) == 2 and min(aspect) > 0
    between = attributes.number("SpacingBetweenSlices")
    thickness = abs(between) if between else attributes.number("SliceThickness")
    return FramePlace(
        position_mm=position,
        cosines=cosines,
        spacing_mm=spacing,
        thickness_mm=thickness if thickness and thickness > 0 else None,
        aspect=aspect[0] / aspect[1] if is_aspect else 1.0,
        calibration=calibration,
        is_in_patient=is_in_patient,
    )


def _read_plane(attributes: FrameAttributes, frame_index: int) -> tuple[Cosines | None, Triple | None]:
    """Return orientation and position; NM keeps them with its detector, RT Dose as offsets of its frames."""
    orientation = attributes.numbers("ImageOrientationPatient")
    position = attributes.numbers("ImagePositionPatient")
    step = 0.0
    if not orientation and "RECON TOMO" in attributes.text("ImageType"):
        for detector in attributes.sequence("DetectorInformationSequence")[:1]:
            orientation = numbers_of(detector.get("ImageOrientationPatient"))
            position = numbers_of(detector.get("ImagePositionPatient"))
            step = frame_index * (attributes.number("SpacingBetweenSlices") or 0.0)
    offsets = attributes.numbers("GridFrameOffsetVector")
    if frame_index < len(offsets):
        step = offsets[frame_index] - offsets[0]
    return _placed(orientation, position, step)


def _placed(
    orientation: tuple[float, ...], position: tuple[float, ...], step: float
) -> tuple[Cosines | None, Triple | None]:
    """Return a valid orientation and the position a step along its normal, or neither."""
    cosines = _valid_cosines(orientation)
    if cosines is None or len(position) != 3 or not np.isfinite(position).all():
        return None, None
    moved = np.asarray(position) + step * FramePlace(cosines=cosines).normal
    return cosines, (float(moved[0]), float(moved[1]), float(moved[2]))


def _valid_cosines(values: tuple[float, ...]) -> Cosines | None:
    """Return two unit vectors at right angles, None for anything else (zeros are common in secondary captures)."""
    if len(values) != 6 or not np.isfinite(values).all():
        return None
    row, column = np.asarray(values[:3]), np.asarray(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > _COSINE_TOLERANCE:
        return None
    row, column = row / lengths[0], column / lengths[1]
    if abs(float(row @ column)) > _COSINE_TOLERANCE:
        return None
    return (*(float(value) for value in row), *(float(value) for value in column))  # type: ignore[return-value]


def _read_spacing(attributes: FrameAttributes, modality: str) -> tuple[Pair | None, Calibration]:
    """Return (row spacing, column spacing) and what it is worth (PS3.3 10.7.1)."""
    spacing = _pair(attributes.numbers("PixelSpacing"))
    # Only reconstructed planes have a Pixel Measures macro: those of tomosynthesis and rotational angiography.
    if modality in PROJECTION_MODALITIES and not attributes.sequence("PixelMeasuresSequence"):
        return _read_projection(attributes, spacing)
    if modality in ("US", "IVUS", "BDUS"):
        region = _read_ultrasound_region(attributes)
        if region is not None:
            return region, Calibration.PATIENT
    if spacing is not None:
        is_localizer = "LOCALIZER" in attributes.text("ImageType") and modality == "CT"
        return spacing, Calibration.DETECTOR if is_localizer else Calibration.PATIENT
    scanned = _pair(attributes.numbers("NominalScannedPixelSpacing"))
    return scanned, Calibration.DETECTOR if scanned else Calibration.NONE


def _read_projection(attributes: FrameAttributes, spacing: Pair | None) -> tuple[Pair | None, Calibration]:
    """Prefer a calibrated spacing, then the detector's divided by the magnification, then the detector's."""
    imager = _pair(attributes.numbers("ImagerPixelSpacing"))
    is_calibrated = attributes.text("PixelSpacingCalibrationType").upper() in ("GEOMETRY", "FIDUCIAL")
    if spacing is not None and (is_calibrated or (imager is not None and not np.allclose(spacing, imager, rtol=1e-4))):
        return spacing, Calibration.PATIENT
    magnification = attributes.number("EstimatedRadiographicMagnificationFactor")
    if imager is not None and magnification is not None and magnification >= 1.0:
        return (imager[0] / magnification, imager[1] / magnification), Calibration.PATIENT
    found = imager or spacing or _pair(attributes.numbers("NominalScannedPixelSpacing"))
    return found, Calibration.DETECTOR if found else Calibration.NONE


def _read_ultrasound_region(attributes: FrameAttributes) -> Pair | None:
    """Return the spacing of the two-dimensional tissue regions when all agree (PS3.3 C.8.5.5)."""
    found: set[Pair] = set()
    for region in attributes.sequence("SequenceOfUltrasoundRegions"):
        units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
        if region.get("RegionSpatialFormat") == 1 and units == (_CENTIMETRES, _CENTIMETRES):
            deltas = (region.get("PhysicalDeltaY") or 0.0, region.get("PhysicalDeltaX") or 0.0)
            found.add((round(abs(deltas[0]) * 10, 6), round(abs(deltas[1]) * 10, 6)))
    return _pair(next(iter(found))) if len(found) == 1 else None


def _pair(values: tuple[float, ...]) -> Pair | None:
    is_valid = len(values) == 2 and np.isfinite(values).all() and min(values) > 0
    return (values[0], values[1]) if is_valid else None
