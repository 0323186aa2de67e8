"""Contract check: does a series fit what a model was made for? Contradictions refuse, gaps in the header are told."""

from collections.abc import Iterator

import numpy as np

from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.model.body_parts import regions_of
from hounsfield.model.contract import AgeRange, InputContract
from hounsfield.model.manifest import Manifest

UNSPOKEN_MODALITIES = ("", "OT", "SC")
"""Modalities that do not say how an image was made."""

COLOUR_SPREAD_FRACTION = 0.12
"""A sample is coloured when its channels differ by more than this part of full scale; JPEG greys stay below."""

_ORDER = (Severity.REJECT, Severity.WARN, Severity.NOTE)


def check_contract(manifest: Manifest, study: Study, series: Series, volume: Volume) -> tuple[QualityIssue, ...]:
    """Return what speaks against giving a series to a model, most severe first; empty when nothing does.

    What the header or the image contradicts is a reject. What the header of a DICOM object leaves open is a warning;
    for a picture, which has no header, one note says so.

    Args:
        manifest: of the model.
        study: whose age counts.
        series: whose header counts.
        volume: as assembled, before it is made ready for display.
    """
    contract, uid = manifest.input, series.series_instance_uid
    found = (
        *_modality(contract, series),
        *_body_part(contract, series),
        *_view(contract, series),
        *_image_type(contract, series),
        *_age(contract.age_years, study, series),
        *_colour(contract, volume),
        *_grid(contract, volume),
    )
    issues = [QualityIssue(issue.code, issue.severity, issue.facts, uid) for issue in found]
    return tuple(sorted(issues, key=lambda issue: _ORDER.index(issue.severity)))


def colour_fraction(volume: Volume) -> float:
    """Return the part of the samples of a volume that are coloured, 0 for grey.

    A sample is coloured when the largest and smallest of its first three channels differ by more than 12 % of full
    scale, which is the largest value of an integer type, and 1 for display samples.
    """
    if not volume.is_colour or volume.array.shape[0] < 3:
        return 0.0
    array = volume.array
    if np.issubdtype(array.dtype, np.integer):
        scale = float(np.iinfo(array.dtype).max)
    else:
        scale = 1.0 if volume.quantity is Quantity.DISPLAY else float(np.abs(array).max()) or 1.0
    coloured = 0
    for index in range(array.shape[1]):
        channels = array[:3, index].astype(np.float32)
        coloured += int((channels.max(axis=0) - channels.min(axis=0) > COLOUR_SPREAD_FRACTION * scale).sum())
    return coloured / int(array[0].size)


def _issue(code: str, severity: Severity, **facts: object) -> QualityIssue:
    return QualityIssue(code, severity, facts)


def _modality(contract: InputContract, series: Series) -> Iterator[QualityIssue]:
    expected = ", ".join(contract.modalities)
    if not series.is_dicom and not contract.allows_pictures:
        yield _issue("Q502", Severity.REJECT)
    elif series.modality in UNSPOKEN_MODALITIES and contract.modalities:
        severity = Severity.WARN if series.is_dicom else Severity.NOTE
        yield _issue("Q501", severity, found=series.modality, expected=expected)
    elif contract.modalities and series.modality not in contract.modalities:
        yield _issue("Q500", Severity.REJECT, found=series.modality, expected=expected)


def _body_part(contract: InputContract, series: Series) -> Iterator[QualityIssue]:
    if not contract.body_parts:
        return
    expected, stated = ", ".join(contract.body_parts), series.body_part_examined.strip()
    regions = regions_of(stated)
    if not stated:
        if series.is_dicom:
            yield _issue("Q504", Severity.WARN, expected=expected)
    elif not regions:
        yield _issue("Q505", Severity.WARN, found=stated[:16], expected=expected)
    elif regions.isdisjoint(contract.body_parts):
        yield _issue("Q503", Severity.REJECT, found=stated[:16], expected=expected)


def _view(contract: InputContract, series: Series) -> Iterator[QualityIssue]:
    if not contract.views:
        return
    expected, stated = ", ".join(contract.views), series.view_position.strip().upper()
    if not stated:
        if series.is_dicom:
            yield _issue("Q507", Severity.WARN, expected=expected)
    elif stated not in contract.views:
        yield _issue("Q506", Severity.REJECT, found=stated[:16], expected=expected)


def _image_type(contract: InputContract, series: Series) -> Iterator[QualityIssue]:
    refused = [value for value in series.image_type if value.strip().upper() in contract.refused_image_types]
    if refused:
        yield _issue("Q514", Severity.REJECT, found=", ".join(refused))


def _age(ages: AgeRange | None, study: Study, series: Series) -> Iterator[QualityIssue]:
    if ages is None or (ages.minimum is None and ages.maximum is None):
        return
    years = study.patient_age_years
    expected = _range(ages)
    if years is None:
        yield _issue("Q509", Severity.WARN if series.is_dicom else Severity.NOTE, expected=expected)
    elif (ages.minimum is not None and years < ages.minimum) or (ages.maximum is not None and years > ages.maximum):
        yield _issue("Q508", Severity.REJECT, found=f"{years:.3g}", expected=expected)


def _range(ages: AgeRange) -> str:
    if ages.maximum is None:
        return f"≥ {ages.minimum:g}"
    return f"≤ {ages.maximum:g}" if ages.minimum is None else f"{ages.minimum:g}–{ages.maximum:g}"


def _colour(contract: InputContract, volume: Volume) -> Iterator[QualityIssue]:
    if contract.allows_colour:
        return
    found = colour_fraction(volume)
    if found > contract.maximum_colour_fraction:
        limit = contract.maximum_colour_fraction * 100
        yield _issue("Q510", Severity.REJECT, found=f"{found * 100:.3g}", expected=f"{limit:.3g}")


def _grid(contract: InputContract, volume: Volume) -> Iterator[QualityIssue]:
    _, rows, columns = volume.geometry.shape
    if rows < contract.minimum_rows or columns < contract.minimum_columns:
        least = f"{contract.minimum_rows} × {contract.minimum_columns}"
        yield _issue("Q511", Severity.REJECT, found=f"{rows} × {columns}", expected=least)
    axis = SliceAxis.SINGLE if volume.geometry.shape[0] == 1 else volume.slice_axis
    if contract.slice_axes and str(axis) not in contract.slice_axes:
        yield _issue("Q512", Severity.REJECT, found=str(axis), expected=", ".join(contract.slice_axes))
    quantity = volume.quantity.name.lower()
    can_be_shown = contract.quantity == "display" and volume.quantity is not Quantity.LABEL
    if quantity != contract.quantity and not can_be_shown:
        yield _issue("Q513", Severity.REJECT, found=quantity, expected=contract.quantity)
