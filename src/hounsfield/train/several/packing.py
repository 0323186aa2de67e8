"""Packing of a run of several heads: from kept weights to a package with a calibrated output for each head."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hounsfield.cases.task import LearningTask
from hounsfield.core.prediction import OperatingPoint
from hounsfield.metrics.answers import Answered, measure_answers, median_class
from hounsfield.metrics.confusion import confusion_matrix
from hounsfield.model.interface import HeadsInterface
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.model.several_predictor import SeveralPredictor
from hounsfield.train.assess import RESAMPLES, Assessment, Packed, cut_point, fit_calibration
from hounsfield.train.classification import predict
from hounsfield.train.export import Exported, compare_with_torch, example_images, onnx_bytes
from hounsfield.train.several.parts import SeveralPart, SeveralParts
from hounsfield.train.several.plan import HeadPlan, SeveralPlan
from hounsfield.train.several.statement import ANSWERS, HeadFound, SeveralFacts, several_manifest
from hounsfield.train.several.way import build_several
from hounsfield.train.targets.objective import ordered_log_probabilities
from hounsfield.train.targets.packing import TRIED, fit_label, fit_temperature

Values = npt.NDArray[np.float64]


class HeadOutputs(nn.Module):
    """A network with one output a head: log probabilities of grades, so that softmax is the rest, else its logits."""

    def __init__(self, classifier: Classifier, plan: SeveralPlan) -> None:
        super().__init__()
        self.classifier = classifier
        self.plan = plan

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return an output (image, class) for each head."""
        logits = self.classifier(images)
        return tuple(
            ordered_log_probabilities(logits[:, own]) if head.task is LearningTask.ORDINAL else logits[:, own]
            for head, own in zip(self.plan.heads, self.plan.slices, strict=True)
        )


def rehearse_several(plan: SeveralPlan, facts: SeveralFacts) -> None:
    """Export and check an untrained network, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    settings = replace(plan.network, channels=plan.channels)
    exported = export_several(build_several(plan).classifier.eval(), plan, example_images(settings, 2).round())
    check_network(exported.network, several_manifest(plan, facts, exported.interface))


def pack_several(
    plan: SeveralPlan, parts: SeveralParts, facts: SeveralFacts, weights: dict[str, Tensor], output: Path
) -> Packed:
    """Export the weights, calibrated on the tuning part, measure what was exported, and write the package.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    network = build_several(plan)
    network.load_state_dict(weights)
    classifier = network.classifier.eval()
    temperatures = settle_heads(classifier, plan, parts.tuning)
    exported = export_several(classifier, plan, torch.from_numpy(parts.tuning.inputs[:TRIED]))
    found = tuple(HeadFound(temperature) for temperature in temperatures)
    bare = several_manifest(plan, facts.found((), found), exported.interface)
    predictor = SeveralPredictor(ModelPackage(bare, exported.network, "", bare.identity, ""), threads=1)
    named = {"tuning": parts.tuning, "test": parts.test}
    said = {name: predictor.run(item.inputs) for name, item in named.items() if item}
    found = tuple(
        HeadFound(temperature, head_points(head, wanted, answers, plan, f"{facts.data_name}, tuning part"))
        for head, temperature, wanted, answers in zip(
            plan.heads, temperatures, parts.tuning.values, said["tuning"], strict=True
        )
    )
    assessments = tuple(
        assess_head(name, plan, place, item, said[name][place])
        for name, item in named.items()
        if item
        for place in range(len(plan.heads))
        if item.counts()[place]
    )
    manifest = several_manifest(plan, facts.found(assessments, found), exported.interface)
    identity = write_package(output, manifest, exported.network)
    return Packed(manifest, identity.weights_digest, assessments)


def export_several(classifier: Classifier, plan: SeveralPlan, tried: Tensor) -> Exported:
    """Return a network in evaluation mode as ONNX with an output for each head, compared with torch on some images.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    interface = HeadsInterface(
        channels=plan.channels,
        rows=plan.network.rows,
        columns=plan.network.columns,
        heads=tuple(head.key for head in plan.heads),
    )
    module = HeadOutputs(classifier, plan).eval()
    raw = onnx_bytes(module, interface, torch.zeros(1, *tried.shape[1:]))
    return Exported(raw, interface, compare_with_torch(module, raw, interface, tried))


@torch.no_grad()
def settle_heads(classifier: Classifier, plan: SeveralPlan, tuning: SeveralPart) -> tuple[float, ...]:
    """Bring the last layer to what a person reads, head by head, and return the temperature of each head.

    Numbers are scaled back to their unit, labels get Platt's slope and bias, classes a bias and a temperature, grades a
    temperature, each by the tuning cases of which the head was assessed; nothing is fitted where there are none.
    """
    logits = predict(classifier, torch.from_numpy(tuning.inputs))
    temperatures = []
    for head, own, wanted in zip(plan.heads, plan.slices, tuning.values, strict=True):
        slope, bias, temperature = _settled(head, logits[:, own], wanted)
        classifier.last.weight[own].mul_(torch.from_numpy(slope).float()[:, None])
        classifier.last.bias[own].mul_(torch.from_numpy(slope).float()).add_(torch.from_numpy(bias).float())
        temperatures.append(temperature)
    return tuple(temperatures)


def _settled(head: HeadPlan, logits: Tensor, wanted: Values) -> tuple[Values, Values, float]:
    """Return slope and bias of each output of a head, and its temperature."""
    count = head.output_count
    slope, bias = np.ones(count), np.zeros(count)
    known = np.isfinite(wanted).any(axis=1)
    said, targets = logits[torch.from_numpy(known)], wanted[known]
    if head.task is LearningTask.REGRESSION:
        return slope * head.scale, bias + head.centre, 1.0
    if head.task is LearningTask.MULTI_LABEL:
        fits = [fit_label(one, column) for one, column in zip(said.double().numpy().T, targets.T, strict=True)]
        return np.array([fit[0] for fit in fits]), np.array([fit[1] for fit in fits]), 1.0
    labels = targets[:, 0].astype(np.int64)
    if head.task is LearningTask.ORDINAL:
        return slope, bias, fit_temperature(ordered_log_probabilities(said.double()).numpy(), labels)
    temperature, fitted = fit_calibration(said.numpy(), labels)
    return slope, fitted, temperature


def head_points(
    head: HeadPlan, wanted: Values, said: Values, plan: SeveralPlan, data_set: str
) -> tuple[OperatingPoint | None, ...]:
    """Return the operating point of each class or label that has both outcomes in the tuning part, None for others."""
    if head.task in (LearningTask.REGRESSION, LearningTask.ORDINAL):
        return (None,) * len(head.class_names)
    points: list[OperatingPoint | None] = []
    for index in range(len(head.class_names)):
        column = wanted[:, index] if head.task is LearningTask.MULTI_LABEL else wanted[:, 0]
        known = np.isfinite(column)
        present = column[known] == (1 if head.task is LearningTask.MULTI_LABEL else index)
        has_both = present.any() and not present.all()
        points.append(cut_point(present, said[known, index], plan.cut, data_set) if has_both else None)
    return tuple(points)


def assess_head(name: str, plan: SeveralPlan, place: int, item: SeveralPart, said: Values) -> Assessment:
    """Return what a head is worth on the cases of a part of which it was assessed, with intervals drawn by group."""
    head = plan.heads[place]
    answered = Answered(ANSWERS[head.task], head.class_names, item.values[place], said)
    metrics = measure_answers(answered, item.part.groups, RESAMPLES, plan.seed)
    known = answered.is_assessed
    confusion = None
    if head.task in (LearningTask.CLASSIFICATION, LearningTask.ORDINAL):
        answers = said[known]
        called = median_class(answers) if head.task is LearningTask.ORDINAL else answers.argmax(axis=1)
        confusion = confusion_matrix(item.values[place][known, 0].astype(np.int64), called, len(head.class_names))
    return Assessment(name, int(known.sum()), metrics, confusion, head.name)
