"""Measurement groups of the structured report after TID 1500: one a finding, with its outline as TID 1410 wants it."""

from collections.abc import Iterator

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sr.codedict import codes

from hounsfield.core.codes import concept
from hounsfield.core.finding import Finding, Laterality, Presence, Region
from hounsfield.core.prediction import Interval
from hounsfield.core.quantities import FRACTION, Unit
from hounsfield.core.report import Report
from hounsfield.report.document import MANUFACTURER, code_of
from hounsfield.report.header import SourceHeaders, frame_numbers

Group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations | hd.sr.MeasurementsAndQualitativeEvaluations
Polygon = npt.NDArray[np.float64]

LONGEST_OUTLINE = 4000
"""Points of one SCOORD: Graphic Data is FL, whose length has 16 bits in Explicit VR (PS3.5 section 7.1.2)."""

_PRESENCE = {
    Presence.PRESENT: "present",
    Presence.ABSENT: "absent",
    Presence.NOT_ASSESSED: "not-assessed",
}
_LATERALITY = {Laterality.LEFT: "left", Laterality.RIGHT: "right", Laterality.BILATERAL: "bilateral"}


def measurement_groups(report: Report, headers: SourceHeaders) -> list[Group]:
    """Return the groups of all findings, in their order.

    A finding whose outline has several parts gets a further group for each part after the largest, with the same
    tracking UID and nothing but the outline, because TID 1410 allows one region a group.
    """
    return [group for finding in report.findings for group in _groups(report, finding, headers)]


def _groups(report: Report, finding: Finding, headers: SourceHeaders) -> Iterator[Group]:
    tracking = hd.sr.TrackingIdentifier(
        uid=finding.tracking_uid, identifier=f"{report.task or 'task'}: {finding.name()}"[:64]
    )
    presence = code_of(concept(_PRESENCE[finding.presence]))
    outlines = [outline for region in finding.regions for outline in _outlines(region, headers)]
    evaluations = [hd.sr.QualitativeEvaluation(codes.DCM.PresenceOfProperty, presence), *_evaluations(finding)]
    if not outlines:
        yield hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking,
            finding_type=code_of(finding.type),
            finding_sites=[_site(finding)],
            algorithm_id=_algorithm(finding),
            measurements=_measurements(finding),
            qualitative_evaluations=evaluations,
            source_images=_source_images(report, finding, headers),
        )
    for index, outline in enumerate(outlines):
        yield hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking,
            referenced_region=outline,
            finding_type=code_of(finding.type),
            finding_sites=[_site(finding)],
            algorithm_id=_algorithm(finding),
            measurements=_measurements(finding) if index == 0 else None,
            qualitative_evaluations=evaluations if index == 0 else None,
        )


def _evaluations(finding: Finding) -> list[hd.sr.QualitativeEvaluation]:
    return [hd.sr.QualitativeEvaluation(code_of(item.concept), code_of(item.value)) for item in finding.evaluations]


def _site(finding: Finding) -> hd.sr.FindingSite:
    side = _LATERALITY.get(finding.laterality)
    return hd.sr.FindingSite(code_of(finding.site), laterality=code_of(concept(side)) if side else None)


def _algorithm(finding: Finding) -> hd.sr.AlgorithmIdentification:
    model, point = finding.model, finding.operating_point
    parameters = [f"task: {model.task}", f"weights SHA-256: {model.weights_digest}"]
    if point is not None:
        parameters += [
            f"operating threshold: {point.threshold:.6g}",
            f"sensitivity at threshold: {_interval(point.sensitivity)}",
            f"specificity at threshold: {_interval(point.specificity)}",
            f"threshold set on: {point.data_set}",
        ]
    return hd.sr.AlgorithmIdentification(
        name=model.name, version=model.version, parameters=parameters, manufacturer=MANUFACTURER
    )


def _interval(interval: Interval) -> str:
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f}, level {interval.level:g})"


def _measurements(finding: Finding) -> list[hd.sr.Measurement]:
    items = []
    if finding.score is not None:
        items.append(hd.sr.Measurement(code_of(concept("probability")), finding.score, _unit(FRACTION)))
    if finding.operating_point is not None:
        threshold = finding.operating_point.threshold
        items.append(hd.sr.Measurement(code_of(concept("threshold-value")), threshold, _unit(FRACTION)))
    items += [
        hd.sr.Measurement(code_of(measurement.concept), measurement.value, _unit(measurement.unit))
        for measurement in finding.measurements
    ]
    return items


def _unit(unit: Unit) -> hd.sr.CodedConcept:
    return hd.sr.CodedConcept(unit.code, "UCUM", unit.meaning)


def _outlines(region: Region | None, headers: SourceHeaders) -> list[hd.sr.ImageRegion]:
    """Return the outlines as closed polylines on the source frame, the largest first."""
    header = headers.of(region.sop_instance_uid) if region else None
    if region is None or header is None:
        return []
    polygons = sorted((polygon for polygon in region.polygons if len(polygon) >= 3), key=_area, reverse=True)
    frames = frame_numbers(header, region.frame_number)
    source = hd.sr.SourceImageForRegion(header.SOPClassUID, header.SOPInstanceUID, frames)
    return [_outline(_closed(polygon, header), source) for polygon in polygons]


def _outline(points: Polygon, source: hd.sr.SourceImageForRegion) -> hd.sr.ImageRegion:
    """Return an outline; made from its parts, because highdicom's constructor does not know retired image classes."""
    item = hd.sr.ScoordContentItem(
        name=codes.DCM.ImageRegion,
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=points,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )
    item.ContentSequence = hd.sr.ContentSequence([source])
    return hd.sr.ImageRegion.from_dataset(item)


def _area(polygon: Polygon) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _closed(polygon: Polygon, header: Dataset) -> Polygon:
    """Return a polygon whose last point is its first, within the image, and short enough for the encoding."""
    step = -(-len(polygon) // LONGEST_OUTLINE)
    points = polygon[::step]
    if "Rows" in header and "Columns" in header:
        points = np.clip(points, 0.0, (float(header.Columns), float(header.Rows)))
    return points if np.array_equal(points[0], points[-1]) else np.vstack([points, points[:1]])


def _source_images(
    report: Report, finding: Finding, headers: SourceHeaders
) -> list[hd.sr.SourceImageForMeasurementGroup]:
    """Return what was looked at: the key images, or every image where nothing was shown."""
    shown = {(image.sop_instance_uid, image.frame_number): None for image in report.key_images}
    if finding.region is not None:
        shown = {(finding.region.sop_instance_uid, finding.region.frame_number): None}
    items = []
    for uid, frame_number in shown or {(header.SOPInstanceUID, 1): None for header in headers.instances}:
        header = headers.of(uid)
        if header is not None:
            frames = frame_numbers(header, frame_number)
            items.append(hd.sr.SourceImageForMeasurementGroup(header.SOPClassUID, header.SOPInstanceUID, frames))
    return items
