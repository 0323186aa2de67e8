"""From kept weights to a measured package of a detector, and what it is worth part by part."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from hounsfield.core.boxes import Detections
from hounsfield.errors import SettingsError
from hounsfield.metrics.detection import detection_statistics, match_class
from hounsfield.metrics.detection_candidates import by_overlap, gather_candidates
from hounsfield.metrics.froc import competition_score_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.model.detector import Detector
from hounsfield.model.interface import BoxInterface
from hounsfield.model.manifest import ClassEntry, Manifest
from hounsfield.model.networks.retina import Retina
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.train.assess import Assessment, Packed
from hounsfield.train.detection.parts import BoxPart, BoxParts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.export import compare_with_torch, onnx_bytes
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.statement import (
    bilingual,
    data_counts,
    machine_name,
    metric_entry,
    slug,
    software_versions,
)

RESAMPLES = 500
FOUND_OVERLAP = 0.5


def pack_detector(
    plan: DetectionPlan,
    recipe: Recipe,
    parts: BoxParts,
    data: tuple[str, str],
    weights: dict[str, Tensor],
    output: Path,
) -> Packed:
    """Export the weights, measure what was exported, and write the package.

    Args:
        plan: of the run.
        recipe: with what the model states of itself.
        parts: of the data.
        data: name of the data set, and the command that made the model.
        weights: to keep.
        output: the file to write.

    Returns:
        The package, with the assessments of the tuning and of the test part.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    network = Retina(plan.network)
    network.load_state_dict(weights)
    interface = plan.interface()
    raw = export_detector(network, interface, torch.from_numpy(parts.tuning.images[:2]))
    found = detect_all(raw, manifest_of(plan, recipe, parts, data, (interface, ())), parts.tuning)
    interface = plan.interface(working_score_of(found, parts.tuning, len(plan.class_names)))
    assessments = [assess_boxes("tuning", found, parts.tuning, plan)]
    if parts.test is not None:
        manifest = manifest_of(plan, recipe, parts, data, (interface, ()))
        assessments.append(assess_boxes("test", detect_all(raw, manifest, parts.test), parts.test, plan))
    manifest = manifest_of(plan, recipe, parts, data, (interface, tuple(assessments)))
    identity = write_package(output, manifest, raw)
    return Packed(manifest, identity.weights_digest, tuple(assessments))


def export_detector(network: Retina, interface: BoxInterface, tried: Tensor) -> bytes:
    """Export the raw outputs and compare them with torch.

    Raises:
        HounsfieldError: ``E838``.
    """
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    raw = onnx_bytes(network, interface, torch.zeros(1, *tried.shape[1:]))
    compare_with_torch(network, raw, interface, tried)
    return raw


def detect_all(raw: bytes, manifest: Manifest, part: BoxPart) -> list[Detections]:
    """Run the exported network on the images of a part as an analysis does; boxes in the pixels of the images."""
    detector = Detector(ModelPackage(manifest, raw, "", manifest.identity, ""), threads=1)
    shapes = [(int(rows), int(columns)) for rows, columns in part.shapes]
    return [detector.detect_prepared(image[None], shape) for image, shape in zip(part.images, shapes, strict=True)]


def working_score_of(found: list[Detections], part: BoxPart, class_count: int) -> float:
    """Return the score from which detections have the highest F1, all classes together."""
    references = part.references()
    matches = [match_class(found, references, label, (FOUND_OVERLAP,)) for label in range(class_count)]
    scores = np.concatenate([match.scores[match.is_counted[0]] for match in matches])
    right = np.concatenate([match.is_right[0][match.is_counted[0]] for match in matches])
    total = sum(int(match.objects.sum()) for match in matches)
    if not right.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    # a score takes all detections that have it
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    f1 = 2 * hits[ends] / (ends + 1 + total)
    # rounded down, so that the detection which has the score is shown
    return math.floor(float(ranked[ends[int(np.argmax(f1))]]) * 1e4) / 1e4


def assess_boxes(name: str, found: list[Detections], part: BoxPart, plan: DetectionPlan) -> Assessment:
    """Return mAP50, mAP50:95, the average precision of each class and the CPM, with intervals by group."""
    references = part.references()
    matches = [match_class(found, references, label) for label in range(len(plan.class_names))]
    statistics = detection_statistics(matches, plan.class_names)
    statistics["cpm"] = competition_score_of(gather_candidates(found, references, None, by_overlap(FOUND_OVERLAP)))
    weights = resample_weights(np.zeros(len(part), dtype=np.int64), part.groups, RESAMPLES, plan.seed)
    return Assessment(name, len(part), bootstrap_intervals(statistics, weights, len(part)))


def manifest_of(
    plan: DetectionPlan,
    recipe: Recipe,
    parts: BoxParts,
    data: tuple[str, str],
    made: tuple[BoxInterface, tuple[Assessment, ...]],
) -> Manifest:
    """Return the manifest of a detector.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    facts, (name, command), (interface, assessments) = recipe.model, data, made
    classes = ", ".join(plan.class_names)
    try:
        return Manifest(
            name=slug(plan.name),
            version=facts.version,
            task="detection" if facts.task == "classification" else facts.task,
            purpose=facts.purpose or bilingual("ui.train.purpose-boxes", classes=classes, data=name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=facts.input.model_copy(update={"allows_colour": plan.network.channels == 3}),
            network=interface,
            prepare=list(plan.prepare),
            classes=[ClassEntry(name=machine_name(one, index)) for index, one in enumerate(plan.class_names)],
            data=facts.data.model_copy(update=data_counts(recipe, parts.sizes, name)),
            licence=facts.licence,
            metrics=[
                metric_entry(item, key[:80], value, name) for item in assessments for key, value in item.metrics.items()
            ],
            limits=list(facts.limits) or [bilingual("ui.train.limit.data", count=len(parts.training), data=name)],
            command=facts.command or command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
