"""Findings of a chest CT: the lungs, and each nodule with its measures, outlines and words."""

import numpy as np

from hounsfield.clinical.chest_ct import words
from hounsfield.clinical.chest_ct.lungs import Lung, Lungs
from hounsfield.clinical.chest_ct.measure import NoduleMeasures, polygons_at
from hounsfield.clinical.chest_ct.nodule import Nodule
from hounsfield.core.codes import CodedConcept, concept
from hounsfield.core.finding import Finding, Laterality, Measurement, Presence, QualitativeEvaluation, Region
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quantities import CUBIC_MILLIMETRE, FRACTION, MILLILITRE, MILLIMETRE, PERCENT, Quantity, Unit
from hounsfield.core.volume import Volume

HU = Quantity.HOUNSFIELD.unit
EMPHYSEMA_HU = -950.0
REPEATABILITY_MM = 1.5
"""Half width of the interval of an axis: repeat readings of one nodule differ so far (reference sheet, 8.6)."""


def lung_finding(volume: Volume, lungs: Lungs, lung: Lung, model: ModelIdentity) -> Finding:
    """Return the volume of a lung and its share below -950 HU (the emphysema index, LAA-950)."""
    measurements = (
        Measurement(words.LUNG_VOLUME, lungs.volume_ml(lung), MILLILITRE),
        Measurement(words.EMPHYSEMA, emphysema_percent(volume, lungs, lung), PERCENT),
    )
    uid = derived_uid(model.weights_digest, str(volume.geometry), lung.side.value)
    return Finding(
        uid, words.LUNG, concept("lung"), Presence.PRESENT, None, model, lung.side, measurements=measurements
    )


def emphysema_percent(volume: Volume, lungs: Lungs, lung: Lung) -> float:
    """Return the share of aerated voxels of a lung below -950 HU in percent, at full resolution."""
    factors, low, total = lungs.factors, 0, 0
    for index in range(lung.mask.shape[0]):
        if not lung.mask[index].any():
            continue
        inside = lung.mask[index].repeat(factors[1], 0).repeat(factors[2], 1)
        part = volume.array[index * factors[0] : (index + 1) * factors[0], : inside.shape[0], : inside.shape[1]]
        values = part[:, inside]
        low += int(np.count_nonzero(values < EMPHYSEMA_HU))
        total += values.size
    return 100.0 * low / max(total, 1)


def height_third(lung: Lung, block: int, *, is_head_last: bool) -> CodedConcept:
    """Return which third of the height of its lung a block lies in."""
    found = np.flatnonzero(lung.closed.any(axis=(1, 2)))
    share = (block - found[0]) / max(1, found[-1] - found[0])
    return words.THIRDS[min(2, int(3 * (share if is_head_last else 1 - share)))]


def nodule_regions(volume: Volume, nodule: Nodule, measures: NoduleMeasures) -> tuple[Region, ...]:
    """Return the outlines of a nodule on every slice it lies on, that of the long axis first."""
    regions = []
    lines = nodule.lines[0]
    for index in range(max(0, int(np.ceil(lines[0]))), min(volume.geometry.shape[0] - 1, int(lines[-1])) + 1):
        source = volume.source_of(index)
        plane = int(np.argmin(np.abs(lines - index)))
        polygons = polygons_at(nodule, nodule.inside, nodule.level_hu, plane)[:1]
        if not polygons:
            continue
        uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", index)
        drawn = tuple(polygon[:, ::-1] + 0.5 for polygon in polygons)
        regions.append(Region(uid, frame + 1, drawn, index, is_measured=True))
    return tuple(sorted(regions, key=lambda region: abs(region.slice_index - measures.plane_index)))


def nodule_measurements(measures: NoduleMeasures, slice_mm: float) -> tuple[Measurement, ...]:
    """Return the measures of a nodule, the axes with their interval."""
    half = REPEATABILITY_MM + max(0.0, slice_mm - 1.5) / 2

    def number(word: CodedConcept, value: float, unit: Unit) -> Measurement:
        return Measurement(word, float(value), unit)

    def axis(word: CodedConcept, value: float) -> Measurement:
        return Measurement(word, value, MILLIMETRE, Interval(value, max(0.0, value - half), value + half))

    found = [
        axis(concept("long-axis"), measures.long_axis_mm),
        axis(concept("short-axis"), measures.short_axis_mm),
        axis(words.MEAN_DIAMETER, measures.mean_diameter_mm),
        number(concept("volume"), measures.volume_mm3, CUBIC_MILLIMETRE),
        number(words.MASS, measures.mass_mg, words.MILLIGRAM),
        number(words.MEAN_ATTENUATION, measures.mean_hu, HU),
    ]
    if measures.solid_long_axis_mm and measures.type.value == "part-solid":
        found.append(axis(words.SOLID_AXIS, measures.solid_long_axis_mm))
        found.append(number(words.SOLID_VOLUME, measures.solid_volume_mm3, CUBIC_MILLIMETRE))
    shares = (
        (words.SPHERICITY, measures.sphericity),
        (words.SPICULATION, measures.spiculation),
        (words.PLEURAL, measures.pleural_share),
        (words.CALCIFIED, measures.calcified_share),
        (words.FAT, measures.fat_share),
    )
    return (*found, *(number(word, value, FRACTION) for word, value in shares))


def nodule_finding(
    volume: Volume,
    place: tuple[Laterality, CodedConcept],
    nodule: Nodule,
    measures: NoduleMeasures,
    model: ModelIdentity,
) -> Finding:
    """Return a nodule; the caller adds its number and score."""
    side, third = place
    regions = nodule_regions(volume, nodule, measures)
    middle = ",".join(f"{line.mean():.1f}" for line in nodule.lines)
    first = volume.instances[0].sop_instance_uid if volume.instances else ""
    return Finding(
        derived_uid(model.weights_digest, first, middle),
        concept("nodule"),
        concept("lung"),
        Presence.PRESENT,
        None,
        model,
        side,
        region=regions[0] if regions else None,
        outlines=regions[1:],
        measurements=nodule_measurements(measures, volume.geometry.slice_spacing_mm),
        evaluations=(
            QualitativeEvaluation(words.ATTENUATION, words.TYPES[measures.type]),
            QualitativeEvaluation(words.HEIGHT, third),
        ),
    )
