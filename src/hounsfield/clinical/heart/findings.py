"""Findings of short-axis MR: both ventricles, the muscle and the segments of its wall, outlined in both phases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers
from hounsfield.clinical.heart.cycle import Cycle, thickening_percent
from hounsfield.clinical.heart.wall import WallMeasures
from hounsfield.core.codes import CodedConcept
from hounsfield.core.finding import Finding, Measurement, Presence, Region
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quantities import MILLILITRE, MILLIMETRE, PERCENT, Unit
from hounsfield.core.volume import Volume
from hounsfield.explain.outline import outline
from hounsfield.model.manifest import Manifest

SMALLEST_OUTLINE = 2e-5
"""Of the image: a cavity near the apex is small and no speck."""


@dataclass(frozen=True)
class Beat:
    """A cycle with the volumes that it was found in, and who found it.

    Attributes:
        cycle: chambers of each phase.
        volumes: the images of the phases, in the same order.
        model: who drew the borders.
        error: bias and limits of the ejection fraction that the model states, (lower, upper) in points; None unknown.
    """

    cycle: Cycle
    volumes: tuple[Volume, ...]
    model: ModelIdentity
    error: tuple[float, float] | None = None

    def uid(self, name: str) -> str:
        """Return the tracking UID of one of its findings: the same input gives the same."""
        first = self.volumes[0].instances[0].sop_instance_uid if self.volumes[0].instances else ""
        return derived_uid(self.model.weights_digest, first, name)


def stated_error(manifest: Manifest) -> tuple[float, float] | None:
    """Return the limits of agreement of the ejection fraction that a model states of itself, None where it does not."""
    found = {metric.name: metric.value for metric in manifest.metrics}
    low, high = (found.get(f"ejection fraction, {side} limit of agreement (points)") for side in ("lower", "upper"))
    return None if low is None or high is None else (low, high)


def chamber_findings(beat: Beat) -> tuple[Finding, ...]:
    """Return the left ventricle, its muscle and the right ventricle; what was not found is not assessed."""
    cycle = beat.cycle
    mass = cycle.mass_g()
    muscle = () if mass is None else (Measurement(words.LV_MASS, mass, words.GRAM),)
    return (
        _finding(beat, LEFT, (words.LEFT_MEASURES, words.LEFT_VENTRICLE), _left(beat)),
        _finding(beat, MUSCLE, (words.MUSCLE_MEASURES, words.LEFT_VENTRICLE), muscle),
        _finding(beat, RIGHT, (words.RIGHT_MEASURES, words.RIGHT_VENTRICLE), _right(cycle)),
    )


def _left(beat: Beat) -> tuple[Measurement, ...]:
    first, last = beat.cycle.volumes_ml(LEFT)
    fraction = beat.cycle.ejection_percent(LEFT)
    values = [(words.LV_EDV, first, MILLILITRE)]
    if beat.cycle.is_moving:
        values += [(words.LV_ESV, last, MILLILITRE), (words.STROKE_VOLUME, beat.cycle.stroke_ml(LEFT), MILLILITRE)]
    found = _measurements(values)
    return found if fraction is None else (Measurement(words.LV_EF_MR, fraction, PERCENT, _interval(beat)), *found)


def _interval(beat: Beat) -> Interval | None:
    """Return where 95 % of the references lay about such a fraction, by the model's stated limits of agreement."""
    value = beat.cycle.ejection_percent(LEFT)
    if value is None or beat.error is None:
        return None
    low, high = beat.error  # of predicted minus reference
    return Interval(value, max(0.0, value - high), min(100.0, value - low))


def _right(cycle: Cycle) -> tuple[Measurement, ...]:
    if not cycle.has_seen(RIGHT):
        return ()
    first, last = cycle.volumes_ml(RIGHT)
    values: list[tuple[CodedConcept, float | None, Unit]] = [(words.RV_EDV, first, MILLILITRE)]
    if cycle.is_moving:
        values.append((words.RV_ESV, last, MILLILITRE))
        values.append((words.RV_STROKE_VOLUME, cycle.stroke_ml(RIGHT), MILLILITRE))
        values.append((words.RV_EF_MR, cycle.ejection_percent(RIGHT), PERCENT))
    return _measurements(values)


def _measurements(values: Sequence[tuple[CodedConcept, float | None, Unit]]) -> tuple[Measurement, ...]:
    return tuple(Measurement(word, value, unit) for word, value, unit in values if value is not None)


def _finding(
    beat: Beat, label: int, word: tuple[CodedConcept, CodedConcept], measurements: tuple[Measurement, ...]
) -> Finding:
    regions: list[Region] = []
    for index in dict.fromkeys((beat.cycle.diastole, beat.cycle.systole)):
        regions += outlines(beat.volumes[index], beat.cycle.phases[index], label)
    seen = beat.cycle.has_seen(label)
    return Finding(
        tracking_uid=beat.uid(word[0].value),
        type=word[0],
        site=word[1],
        presence=Presence.PRESENT if seen else Presence.NOT_ASSESSED,
        score=None,
        model=beat.model,
        region=regions[0] if regions else None,
        measurements=measurements,
        outlines=tuple(regions[1:]),
    )


def outlines(volume: Volume, phase: Chambers, label: int) -> list[Region]:
    """Return the outline of a label on each slice of a phase, the slice where it is largest first."""
    found: list[tuple[int, Region]] = []
    for index, plane in enumerate(phase.labels):
        inside = plane == label if label != MUSCLE else plane >= MUSCLE
        polygons = outline(inside.astype(np.float32), 0.5, SMALLEST_OUTLINE) if inside.any() else ()
        if not polygons:
            continue
        source = volume.source_of(index)
        uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", index)
        found.append((int(inside.sum()), Region(uid, frame + 1, polygons, index, is_measured=True)))
    return [region for _, region in sorted(found, key=lambda item: -item[0])]


def wall_findings(beat: Beat, diastole: WallMeasures, systole: WallMeasures) -> tuple[Finding, ...]:
    """Return one finding for each of segments 1 to 16, with its thickness and thickening; those not measured say so."""
    thickening = thickening_percent(diastole, systole) if beat.cycle.is_moving else (None,) * len(words.SEGMENTS)
    found = []
    for number, site in enumerate(words.SEGMENTS, 1):
        values: list[tuple[CodedConcept, float | None, Unit]] = [
            (words.WALL_THICKNESS, diastole.thickness_mm[number - 1], MILLIMETRE)
        ]
        if beat.cycle.is_moving:
            values.append((words.END_SYSTOLIC_THICKNESS, systole.thickness_mm[number - 1], MILLIMETRE))
            values.append((words.THICKENING, thickening[number - 1], PERCENT))
        measurements = _measurements(values)
        presence = Presence.PRESENT if measurements else Presence.NOT_ASSESSED
        found.append(
            Finding(
                beat.uid(f"segment {number}"),
                words.SEGMENT_MEASURES,
                site,
                presence,
                None,
                beat.model,
                measurements=measurements,
                number=number,
            )
        )
    return tuple(found)
