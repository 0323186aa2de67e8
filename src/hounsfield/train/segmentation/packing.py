"""Packing of a segmentation: from kept weights to a measured model package."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from hounsfield.errors import SettingsError
from hounsfield.metrics.instances import match_objects
from hounsfield.model.interface import MaskOutput, NetworkInterface, NoExplanation
from hounsfield.model.manifest import ClassEntry, Manifest
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.unet import UNet, build_unet
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.train.assess import Assessment, Packed, assess_masks
from hounsfield.train.chance import generator_at
from hounsfield.train.export import compare_with_torch, onnx_bytes
from hounsfield.train.judged import HELD_FILE, JudgedMasks
from hounsfield.train.parts import PartSizes
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.segmentation.object_rule import ObjectRule, choose_rule
from hounsfield.train.segmentation.patches import PreparedCase
from hounsfield.train.segmentation.plan import SegmentationPlan
from hounsfield.train.segmentation.setup import MaskTask
from hounsfield.train.segmentation.way import label_dice
from hounsfield.train.statement import (
    bilingual,
    concept_entry,
    data_counts,
    data_limits,
    machine_name,
    metric_entry,
    slug,
    software_versions,
)
from hounsfield.train.transfer.statement import origin_limits, with_origin


@dataclass(frozen=True)
class MaskFacts:
    """What a manifest states beside plan and recipe."""

    data_name: str
    sizes: PartSizes
    command: str
    assessments: tuple[Assessment, ...] = ()
    rule: ObjectRule = field(default_factory=ObjectRule)


def rehearse_masks(plan: SegmentationPlan, recipe: Recipe) -> None:
    """Export and check an untrained network, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    facts = MaskFacts("", PartSizes(0, 0, 0), "")
    check_network(export_unet(build_unet(plan.network).eval(), plan), mask_manifest(plan, recipe, facts))


def pack_masks(task: MaskTask, weights: dict[str, Tensor], output: Path) -> Packed:
    """Export the weights, measure what was exported, and write the package.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    plan, parts = task.plan, task.parts
    network = build_unet(plan.network)
    network.load_state_dict(weights)
    exported = export_unet(network.eval(), plan)
    facts = MaskFacts(task.table.name, parts.sizes, task.command)
    manifest = mask_manifest(plan, task.recipe, facts)
    predictor = MaskPredictor(ModelPackage(manifest, exported, "", manifest.identity, ""), threads=1)
    if plan.is_instances:
        facts = replace(facts, rule=choose_rule(predictor, parts.tuning))
        manifest = mask_manifest(plan, task.recipe, facts)
        predictor = MaskPredictor(ModelPackage(manifest, exported, "", manifest.identity, ""), threads=1)
    named = {"tuning": parts.tuning, "test": parts.test}
    judged = {name: judge_masks(cases, predictor, plan) for name, cases in named.items() if cases}
    if "test" in judged:
        task.ledger.write_file(HELD_FILE, judged["test"].as_json())
    assessments = tuple(assess_masks(name, masks, plan.seed) for name, masks in judged.items())
    manifest = mask_manifest(plan, task.recipe, replace(facts, assessments=assessments))
    identity = write_package(output, manifest, exported)
    return Packed(manifest, identity.weights_digest, assessments)


def export_unet(network: UNet, plan: SegmentationPlan) -> bytes:
    """Return a network in evaluation mode as ONNX for its patch, compared with torch on even noise.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    interface = interface_of(plan)
    sides = plan.network.patch[1:] if plan.network.is_planar else plan.network.patch
    tried = torch.rand((1, plan.network.channels, *sides), generator=generator_at(0, "example"))
    exported = onnx_bytes(network, interface, torch.zeros_like(tried), plan.network)
    compare_with_torch(network, exported, interface, tried)
    return exported


def interface_of(plan: SegmentationPlan) -> NetworkInterface:
    """Return the input and output of the exported network."""
    slices, rows, columns = plan.network.patch
    return NetworkInterface(
        channels=plan.network.channels, slices=None if plan.network.is_planar else slices, rows=rows, columns=columns
    )


def mask_manifest(plan: SegmentationPlan, recipe: Recipe, facts: MaskFacts) -> Manifest:
    """Return the manifest of a segmentation.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    stated = recipe.model
    names = ", ".join(plan.label_names[1:])
    quantity = {"quantity": plan.quantity, "allows_colour": plan.network.channels == 3}
    try:
        return Manifest(
            name=slug(plan.name),
            version=stated.version,
            task="segmentation" if stated.task == "classification" else stated.task,
            purpose=stated.purpose or bilingual("ui.train.mask-purpose", labels=names, data=facts.data_name or "-"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=stated.input.model_copy(update=quantity),
            network=interface_of(plan),
            prepare=list(plan.prepare),
            classes=_classes(plan, recipe),
            explanation=NoExplanation(),
            masks=MaskOutput(
                overlap_fraction=plan.overlap_fraction,
                channel_names=list(plan.channel_names),
                spacing_mm=plan.spacing_mm,
                object_name=machine_name(plan.label_names[1], 1) if plan.is_instances else None,
                least_samples=facts.rule.least_samples,
                smoothing_samples=facts.rule.smoothing_samples,
            ),
            data=with_origin(
                stated.data.model_copy(update=data_counts(recipe, facts.sizes, facts.data_name or "-")), plan.transfer
            ),
            licence=stated.licence,
            metrics=[
                metric_entry(item, name, interval, facts.data_name)
                for item in facts.assessments
                for name, interval in item.metrics.items()
            ],
            limits=[
                *stated.limits,
                *data_limits(facts.sizes, facts.data_name, has_own=bool(stated.limits)),
                *origin_limits(plan.transfer),
            ],
            command=stated.command or facts.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _classes(plan: SegmentationPlan, recipe: Recipe) -> list[ClassEntry]:
    facts = {entry.name: entry for entry in recipe.classes}
    return [
        ClassEntry(
            name=machine_name(name, index),
            concept=None if plan.is_instances else concept_entry(facts.get(name)),
            is_finding=index > 0,
        )
        for index, name in enumerate(plan.learned_names)
    ]


def judge_masks(cases: tuple[PreparedCase, ...], predictor: MaskPredictor, plan: SegmentationPlan) -> JudgedMasks:
    """Return Dice of each label and their mean, or Dice of foreground and F1 of objects, of each case.

    On the grid of the network; ``evaluate`` measures on that of the images.
    """
    figures: dict[str, list[float]] = {}
    for case in cases:
        labels = predictor.predict(case.images.astype(np.float32)).labels
        if case.objects is not None:
            found = {"dice": float(label_dice(_is(labels), _is(case.objects), 2)[0])}
            found["f1_50"] = match_objects(labels, case.objects).f1_score
        else:
            scores = label_dice(labels.astype(np.uint8), case.mask, len(plan.label_names))
            named = {f"dice {name}": score for name, score in zip(plan.label_names[1:], scores, strict=True)}
            found = {"dice": float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")}
            found |= named if len(named) > 1 else {}
        for name, value in found.items():
            figures.setdefault(name, []).append(value)
    return JudgedMasks(
        tuple(case.identifier for case in cases),
        np.array([case.group for case in cases], dtype=np.int64),
        {name: np.array(values) for name, values in figures.items()},
    )


def _is(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    return (labels > 0).astype(np.uint8)
