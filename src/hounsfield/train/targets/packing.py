"""Packing of a run on targets: from kept weights to a calibrated, measured model package."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize, minimize_scalar
from torch import Tensor, nn

from hounsfield.cases.task import LearningTask
from hounsfield.core.prediction import OperatingPoint
from hounsfield.metrics.answers import measure_labels, measure_number, measure_ordered, median_class
from hounsfield.metrics.confusion import confusion_matrix
from hounsfield.model.interface import NetworkInterface
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.model.predictor import Predictor
from hounsfield.train.assess import RESAMPLES, TEMPERATURES, Assessment, Packed, cut_point
from hounsfield.train.classification import predict
from hounsfield.train.export import Exported, compare_with_torch, example_images, export_network, onnx_bytes
from hounsfield.train.targets.objective import ordered_log_probabilities
from hounsfield.train.targets.parts import TargetPart, TargetParts
from hounsfield.train.targets.plan import TargetPlan
from hounsfield.train.targets.statement import TargetFacts, target_manifest

TRIED = 64
"""Tuning images on which torch and onnxruntime are compared."""
LEAST_TO_CALIBRATE = 10
"""Cases of the rarer outcome of a label below which its calibration is left as it is."""
Values = npt.NDArray[np.float64]


class OrderedHead(nn.Module):
    """A network of steps whose logits are the log probabilities of its ordered classes, so that softmax is the rest."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Return log probabilities (image, class)."""
        return ordered_log_probabilities(self.classifier(images))


def rehearse_targets(plan: TargetPlan, facts: TargetFacts) -> None:
    """Export and check an untrained network, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    exported = export_targets(build_network(plan.network).eval(), plan, example_images(plan.network, 2))
    check_network(exported.network, target_manifest(plan, facts, exported.interface))


def pack_targets(
    plan: TargetPlan, parts: TargetParts, facts: TargetFacts, weights: dict[str, Tensor], output: Path
) -> Packed:
    """Export the weights, calibrated on the tuning part, measure what was exported, and write the package.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    network = build_network(plan.network)
    network.load_state_dict(weights)
    network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    temperature = settle_outputs(network, plan, parts.tuning)
    exported = export_targets(network, plan, torch.from_numpy(parts.tuning.part.images[:TRIED]))
    bare = target_manifest(plan, facts, exported.interface, temperature)
    predictor = Predictor(ModelPackage(bare, exported.network, "", bare.identity, ""), threads=1)
    said = {"tuning": answers_to(predictor, parts.tuning)}
    if parts.test is not None:
        said["test"] = answers_to(predictor, parts.test)
    points = set_label_points(said["tuning"], parts.tuning, plan, facts.data_name)
    named = {"tuning": parts.tuning, "test": parts.test}
    assessments = tuple(assess_targets(name, plan, item, said[name]) for name, item in named.items() if item)
    manifest = target_manifest(plan, facts.found(assessments, points), exported.interface, temperature)
    identity = write_package(output, manifest, exported.network)
    return Packed(manifest, identity.weights_digest, assessments)


def export_targets(network: Classifier, plan: TargetPlan, tried: Tensor) -> Exported:
    """Return a network in evaluation mode as ONNX, compared with torch on some images.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    if plan.task is not LearningTask.ORDINAL:
        return export_network(network, plan.network, None, tried)
    module = OrderedHead(network).eval()
    interface = NetworkInterface(
        channels=3 if plan.network.channels == 3 else 1, rows=plan.network.rows, columns=plan.network.columns
    )
    raw = onnx_bytes(module, interface, torch.zeros(1, *tried.shape[1:]), plan.network)
    return Exported(raw, interface, compare_with_torch(module, raw, interface, tried))


@torch.no_grad()
def settle_outputs(network: Classifier, plan: TargetPlan, tuning: TargetPart) -> float:
    """Bring the last layer to what a person reads, and return the temperature of the probabilities.

    A number is scaled back to its unit. Each label is calibrated by Platt's method (1999): slope and bias of its logit
    with the least log loss on the tuning part. Both are folded into the last linear layer, so that an activation map
    still means the logit. Ordered classes get a temperature (Guo 2017).
    """
    if plan.task is LearningTask.REGRESSION:
        slopes, biases = np.array([plan.target_scale]), np.array([plan.target_centre])
    else:
        logits = predict(network, torch.from_numpy(tuning.part.images)).double()
        if plan.task is LearningTask.ORDINAL:
            return fit_temperature(ordered_log_probabilities(logits).numpy(), tuning.values[:, 0].astype(np.int64))
        fits = [fit_label(said, column) for said, column in zip(logits.numpy().T, tuning.values.T, strict=True)]
        slopes, biases = (np.array([fit[place] for fit in fits]) for place in (0, 1))
    slope = torch.from_numpy(slopes).float()
    network.last.weight.mul_(slope[:, None])
    network.last.bias.mul_(slope).add_(torch.from_numpy(biases).float())
    return 1.0


def fit_label(logits: Values, targets: Values) -> tuple[float, float]:
    """Return slope and bias of the logits (case,) of a label with the least log loss on targets (case,), NaN unknown.

    The wanted probabilities are Platt's, (n + 1) / (n + 2) and 1 / (n + 2), and the slope has a log-normal prior about
    one. With few cases of either outcome both stay as they are.
    """
    known = np.isfinite(targets)
    present, said = targets[known] == 1, logits[known]
    counts = np.bincount(present.astype(int), minlength=2)
    if counts.min() < LEAST_TO_CALIBRATE:
        return 1.0, 0.0
    wanted = np.where(present, (counts[1] + 1) / (counts[1] + 2), 1 / (counts[0] + 2))

    def loss(values: Values) -> float:
        scaled = said * np.exp(values[0]) + values[1]
        return float(np.mean(np.logaddexp(0, scaled) - wanted * scaled) + values[0] ** 2 / (2 * len(said)))

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-3.0, 3.0), (-20.0, 20.0)])
    return round(float(np.exp(best.x[0])), 6), round(float(best.x[1]), 6)


def fit_temperature(log_probabilities: Values, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature of log probabilities (case, class) with the least log loss."""

    def loss(value: float) -> float:
        scaled = log_probabilities * np.exp(-value)
        scaled = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        return -float(scaled[np.arange(len(labels)), labels].mean()) + value**2 / (2 * len(labels))

    low, high = (float(np.log(value)) for value in TEMPERATURES)
    return round(float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)), 4)


def answers_to(predictor: Predictor, item: TargetPart) -> Values:
    """Return what the exported network says: probabilities (case, class or label), or the number (case, 1)."""
    manifest = predictor.package.manifest
    return predictor.answers(predictor.run(item.part.images)[manifest.network.logits])


def set_label_points(
    said: Values, tuning: TargetPart, plan: TargetPlan, data_name: str
) -> tuple[OperatingPoint | None, ...]:
    """Return the operating point of each label that has both outcomes in the tuning part, None for the others."""
    points: list[OperatingPoint | None] = []
    for index in range(len(plan.class_names)):
        if plan.task is not LearningTask.MULTI_LABEL:
            points.append(None)
            continue
        known = np.isfinite(tuning.values[:, index])
        present, scores = tuning.values[known, index] == 1, said[known, index]
        if present.all() or not present.any():
            points.append(None)
            continue
        points.append(cut_point(present, scores, plan.cut, f"{data_name}, tuning part"))
    return tuple(points)


def assess_targets(name: str, plan: TargetPlan, item: TargetPart, said: Values) -> Assessment:
    """Return the metrics of a part, with intervals drawn by group."""
    groups, count = item.part.groups, len(item.part)
    if plan.task is LearningTask.MULTI_LABEL:
        return Assessment(
            name, count, measure_labels(plan.class_names, item.values, said, groups, RESAMPLES, plan.seed)
        )
    if plan.task is LearningTask.REGRESSION:
        metrics = measure_number(item.values[:, 0], said[:, 0], groups, RESAMPLES, plan.seed)
        return Assessment(name, count, metrics)
    labels = item.values[:, 0].astype(np.int64)
    metrics = measure_ordered(labels, said, groups, RESAMPLES, plan.seed)
    return Assessment(name, count, metrics, confusion_matrix(labels, median_class(said), said.shape[1]))
