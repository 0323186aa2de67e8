"""Findings of the tumour task: each lesion with its measures and outlines, and the sum of diameters."""

import numpy as np

from hounsfield.clinical.rules.response import is_measurable, recist_node
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.lesion_file import LesionEntry
from hounsfield.clinical.tumour.lesions import Measured
from hounsfield.clinical.tumour.measure import Flags, LesionMeasures, outlines_of
from hounsfield.clinical.tumour.suv import Uptake
from hounsfield.core.codes import CodedConcept, concept, concept_names, local_concept
from hounsfield.core.finding import Finding, Measurement, Presence, QualitativeEvaluation, Region
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quantities import MILLILITRE, MILLIMETRE, Quantity, Unit, mm3_to_ml
from hounsfield.core.volume import Volume


def lesion_finding(
    volume: Volume,
    numbered: tuple[int, LesionEntry],
    measured: Measured,
    site: CodedConcept,
    model: ModelIdentity,
) -> Finding:
    """Return a lesion with its measures, its outlines, and whether RECIST 1.1 can measure it."""
    number, entry = numbered
    measures = measured.measures
    regions = _regions(volume, measured.lesion.inside, measures) if measured.lesion.inside is not None else ()
    first = volume.instances[0].sop_instance_uid if volume.instances else ""
    centre = ",".join(f"{value:.1f}" for value in measures.centre_mm)
    is_sized = volume.quantity is not Quantity.SUV_BW
    return Finding(
        tracking_uid=derived_uid(model.weights_digest, first, centre),
        type=concept("lesion"),
        site=site_of(entry.organ, site),
        presence=Presence.PRESENT,
        score=None,
        model=model,
        region=regions[0] if regions else None,
        outlines=regions[1:],
        measurements=(*_size(volume, measures), *(_uptake(measured.uptake) if measured.uptake else ())),
        evaluations=(_measurability(volume, entry, measures),) if is_sized else (),
        number=number,
    )


def missing_finding(numbered: tuple[int, LesionEntry], site: CodedConcept, model: ModelIdentity, uid: str) -> Finding:
    """Return a lesion that was not measured; one that the reader says is gone is absent, others are not assessed."""
    number, entry = numbered
    presence = Presence.ABSENT if entry.state == "gone" else Presence.NOT_ASSESSED
    tracking = derived_uid(model.weights_digest, uid, entry.name, str(number))
    return Finding(tracking, concept("lesion"), site_of(entry.organ, site), presence, None, model, number=number)


def sum_finding(total_mm: float, first: Finding, uid: str) -> Finding:
    """Return the sum of diameters as a finding of its own, which a later report reads again."""
    return Finding(
        derived_uid(first.model.weights_digest, uid, "sum"),
        words.SUM,
        concept("entire-body"),
        Presence.PRESENT,
        None,
        first.model,
        measurements=(Measurement(words.SUM, total_mm, MILLIMETRE),),
    )


def site_of(organ: str, site: CodedConcept) -> CodedConcept:
    """Return the concept of an organ, or one of our own scheme for a word the table does not have."""
    if not organ:
        return site
    return concept(organ) if organ in concept_names() else local_concept(organ)


def _measurability(volume: Volume, entry: LesionEntry, measures: LesionMeasures) -> QualitativeEvaluation:
    if entry.is_node:
        return QualitativeEvaluation(words.SIZE, words.SIZES[recist_node(measures.axes.short_mm)])
    thickness = volume.geometry.slice_spacing_mm
    key = "measurable" if is_measurable(measures.axes.long_mm, thickness) else "non-measurable"
    return QualitativeEvaluation(words.SIZE, words.SIZES[key])


def _size(volume: Volume, measures: LesionMeasures) -> tuple[Measurement, ...]:
    unit = volume.quantity.unit
    return (
        Measurement(concept("long-axis"), measures.axes.long_mm, MILLIMETRE),
        Measurement(concept("short-axis"), measures.axes.short_mm, MILLIMETRE),
        Measurement(concept("volume"), mm3_to_ml(measures.volume_mm3), MILLILITRE),
        Measurement(words.MEAN, measures.mean, unit),
        Measurement(words.DEVIATION, measures.deviation, unit),
    )


def _uptake(uptake: Uptake) -> tuple[Measurement, ...]:
    unit = uptake.kind.unit
    found = [
        Measurement(words.SUV_MAX, uptake.highest, unit),
        Measurement(words.SUV_MEAN, uptake.mean, unit),
        Measurement(words.SUV_PEAK, uptake.peak, unit),
    ]
    glycolysis: Unit = words.GLYCOLYSIS[unit.code.split("{", maxsplit=1)[0]]
    for name, metabolic in (("fixed", uptake.fixed), ("above", uptake.above), ("liver", uptake.liver)):
        if metabolic is not None:
            volume_word, total_word = words.VOLUMES[name]
            found.append(Measurement(volume_word, metabolic.volume_ml, MILLILITRE))
            found.append(Measurement(total_word, metabolic.glycolysis, glycolysis))
    return tuple(found)


def _regions(volume: Volume, inside: Flags, measures: LesionMeasures) -> tuple[Region, ...]:
    """Return the outlines on every slice, that of the long axis first."""
    regions = []
    for index in (int(at) for at in np.flatnonzero(inside.any(axis=(1, 2)))):
        source = volume.source_of(index)
        uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", index)
        regions.append(Region(uid, frame + 1, outlines_of(inside[index]), index, is_measured=True))
    middle = measures.axes.slice_index
    return tuple(sorted(regions, key=lambda region: abs(region.slice_index - middle)))
