"""Boxes: what a detector finds on a radiograph, each box a finding with its outline."""

from collections.abc import Sequence

import numpy as np

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.fracture import words
from hounsfield.core.boxes import Detections
from hounsfield.core.codes import CodedConcept
from hounsfield.core.finding import Finding, Presence, QualitativeEvaluation, Region
from hounsfield.core.identifiers import new_uid
from hounsfield.core.prediction import PredictedClass
from hounsfield.core.volume import Volume
from hounsfield.image.display import to_display
from hounsfield.model.detector import Detector
from hounsfield.prepare.grid import one_slice
from hounsfield.prepare.sequence import apply_steps, build_steps

MOST_BOXES = 20


def find_boxes(volume: Volume, desk: Desk, name: str) -> Detections:
    """Return the detections of a model on the first frame, at its working score or above, in pixels of the image.

    Raises:
        ModelError: the model is missing or not fit.
        PrepareError: a step cannot be applied.
    """
    detector: Detector = desk.detector(name)
    picture = one_slice(volume, 0)
    seen, _ = apply_steps(build_steps(desk.package(name).manifest.prepare), to_display(picture))
    found = detector.detect(seen, (picture.geometry.shape[1], picture.geometry.shape[2]))
    return found.select(found.scores >= detector.interface.working_score)


def box_findings(
    found: Detections, volume: Volume, classes: Sequence[PredictedClass], site: CodedConcept, desk: Desk, name: str
) -> tuple[Finding, ...]:
    """Return a finding for each box, best first; without a box each class is not assessed, never absent.

    A detector is cut at one working score and has no sensitivity of a whole image, so its silence rules nothing out.
    """
    model = desk.package(name).identity
    drawn = QualitativeEvaluation(words.LOCALISATION, words.BOX)
    findings = [
        Finding(
            tracking_uid=new_uid(),
            type=classes[int(label)].concept,
            site=site,
            presence=Presence.PRESENT,
            score=float(score),
            model=model,
            region=region_of(box, volume),
            evaluations=(drawn,),
            number=number if len(found) > 1 else None,
        )
        for number, (box, label, score) in enumerate(
            zip(found.boxes[:MOST_BOXES], found.labels, found.scores, strict=False), 1
        )
        if classes[int(label)].is_finding
    ]
    if findings:
        return tuple(findings)
    return tuple(
        Finding(new_uid(), entry.concept, site, Presence.NOT_ASSESSED, None, model)
        for entry in classes
        if entry.is_finding
    )


def region_of(box: np.ndarray[tuple[int, ...], np.dtype[np.float64]], volume: Volume) -> Region:
    """Return a box (row, column, row, column) as a closed outline of column and row on the first frame."""
    top, left, bottom, right = (float(edge) for edge in box)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    source = volume.source_of(0)
    uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", 0)
    return Region(uid, frame + 1, (corners,), 0)
