"""Reading: ask a task's model about a volume: contract, gate, preparing, network, map, findings."""

from dataclasses import dataclass, replace

import numpy as np

from hounsfield.clinical.desk import Asked, Desk, predict
from hounsfield.clinical.slices import accepted_run, prediction_of, volume_of
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.clinical.task import Task
from hounsfield.core.finding import Finding, Measurement, Region
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.report import KeyImage
from hounsfield.core.volume import Volume
from hounsfield.errors import OutOfScope
from hounsfield.explain.attribution import attribute
from hounsfield.explain.outline import outline
from hounsfield.explain.source import heat_on_source
from hounsfield.finding.decide import class_scores, decide, not_assessed, present_classes, shown_slice
from hounsfield.finding.measure import measure_region
from hounsfield.image.display import to_display, to_greyscale_pixels
from hounsfield.model.contract_check import check_contract
from hounsfield.model.gate import accepted_scores, gate_issues
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.manifest import Manifest
from hounsfield.model.predictor import Predictor

OUTLINE_LEVEL = 0.5
"""Part of the map's maximum that the outline runs along."""


@dataclass(frozen=True)
class Admission:
    """What a model's contract and gate say about an input.

    Attributes:
        issues: what speaks against it.
        models: the gate, where one was asked.
        source: the slices that the gate let through.
        score: what the gate gave to what it accepts; None where it was not asked.
    """

    issues: tuple[QualityIssue, ...]
    models: tuple[ModelIdentity, ...]
    source: Volume
    score: float | None = None


def read_task(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Ask the model of a task about a volume that could be read.

    Raises:
        ModelError: a model is missing or not fit.
        PrepareError: a step cannot be applied.
    """
    predictor = desk.predictor(task.model)
    manifest = predictor.package.manifest
    models: tuple[ModelIdentity, ...] = (predictor.package.identity,)
    admission = admit(manifest, desk, subject)
    issues, source, models = admission.issues, admission.source, (*models, *admission.models)
    if has_reject(issues):
        findings = not_assessed(manifest.predicted_classes, task.site, predictor.package.identity)
        middle = key_image(source, source.geometry.shape[0] // 2)
        return Reading(findings, issues, models, (middle,), limits_of(manifest))
    findings, image = _answer(task, predictor, source)
    count = source.geometry.shape[0]
    if count > 1 and not isinstance(manifest.network, SequenceInterface):
        issues += (QualityIssue("Q953", Severity.WARN, {"found": count}, subject.series.series_instance_uid),)
    return Reading(findings, issues, models, (image,), limits_of(manifest))


def admit(manifest: Manifest, desk: Desk, subject: Subject) -> Admission:
    """Hold an input against a model's contract, then show it to the model's gate.

    Raises:
        OutOfScope: ``E520``, there is no volume.
        ModelError: the gate is missing or not fit.
        PrepareError: a step cannot be applied.
    """
    if subject.volume is None:
        raise OutOfScope("E520", uid=subject.series.series_instance_uid, found=None, expected="a volume")
    issues = check_contract(manifest, subject.study, subject.series, subject.volume)
    if has_reject(issues) or manifest.input.gate is None:
        return Admission(issues, (), subject.volume)
    gate = desk.predictor(manifest.input.gate.model)
    return _through_gate(gate, manifest, subject.volume, issues)


def _through_gate(gate: Predictor, manifest: Manifest, source: Volume, told: tuple[QualityIssue, ...]) -> Admission:
    """Return the slices that the gate lets through, with what it says about them."""
    contract = manifest.input
    seen = predict(gate, to_display(source)).prediction
    slices = accepted_run(seen, contract.gate) if contract.gate else range(source.geometry.shape[0])
    issues = gate_issues(prediction_of(seen, slices), contract)
    count = source.geometry.shape[0]
    if not has_reject(issues) and len(slices) < count:
        accepts = " / ".join(contract.gate.accepts) if contract.gate else ""
        issues += (QualityIssue("Q952", Severity.NOTE, {"used": len(slices), "found": count, "expected": accepts}),)
    seen = prediction_of(seen, slices)
    score = float(np.median(accepted_scores(seen, contract.gate))) if contract.gate else None
    return Admission((*told, *issues), (gate.package.identity,), volume_of(source, slices), score)


def _answer(task: Task, predictor: Predictor, source: Volume) -> tuple[tuple[Finding, ...], KeyImage]:
    is_display = predictor.package.manifest.input.quantity == "display"
    asked = predict(predictor, to_display(source) if is_display else source)
    prediction = asked.prediction
    regions: dict[str, Region] = {}
    measured: dict[str, tuple[Measurement, ...]] = {}
    image: KeyImage | None = None
    for name in present_classes(prediction):
        index = [entry.name for entry in prediction.classes].index(name)
        image, region = _mapped(predictor, asked, source, index)
        if region is not None:
            regions[name] = region
            measured[name] = measure_region(region, source)
    shown = image or key_image(source, shown_slice(prediction))
    return decide(prediction, regions, task.site, None, measured), shown


def _mapped(predictor: Predictor, asked: Asked, source: Volume, class_index: int) -> tuple[KeyImage, Region | None]:
    """Return the slice that speaks loudest for a class with its map, and the outline of the map."""
    slice_index = class_scores(asked.prediction)[class_index].slice_index
    if predictor.package.manifest.explanation.method == "none":
        return key_image(source, slice_index), None
    prepared = asked.prepared[slice_index]
    on_model = attribute(predictor, prepared, 0, class_index)
    heat = heat_on_source(on_model, prepared, asked.slices[slice_index].trace).array[0]
    image = key_image(source, slice_index)
    polygons = outline(heat, OUTLINE_LEVEL)
    return replace(image, heat=heat), Region(
        image.sop_instance_uid, image.frame_number, polygons, slice_index
    ) if polygons else None


def key_image(volume: Volume, slice_index: int) -> KeyImage:
    """Return a slice as it is looked at, with the instance it comes from."""
    found = volume.source_of(slice_index)
    uid, frame_index = (found[0].sop_instance_uid, found[1]) if found else ("", slice_index)
    geometry = volume.geometry
    ratio = geometry.row_spacing_mm / geometry.column_spacing_mm
    return KeyImage(to_greyscale_pixels(volume, slice_index), None, uid, frame_index + 1, ratio)


def limits_of(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return what a model does not know, as (English, Chinese) sentences."""
    return tuple((limit.en, limit.zh) for limit in manifest.limits)
