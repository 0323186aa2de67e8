"""Packing: from kept weights to a calibrated, measured model package."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hounsfield.core.prediction import OperatingPoint
from hounsfield.model.manifest import Manifest
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier, PooledClassifier
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.model.predictor import Predictor
from hounsfield.train.assess import (
    Assessment,
    assess,
    assess_classes,
    fit_calibration,
    judge,
    probabilities_of,
    set_operating_points,
    set_rule_points,
)
from hounsfield.train.classification import predict
from hounsfield.train.export import Exported, example_images, export_network
from hounsfield.train.judged import HELD_FILE
from hounsfield.train.outside import FAR, Known, OutsideScore, fit_outside
from hounsfield.train.parts import Part
from hounsfield.train.setup import Task
from hounsfield.train.statement import Made, Rules, findings_of, make_manifest

TRIED = 64
"""Tuning images on which torch and onnxruntime are compared."""


def rehearse(task: Task) -> None:
    """Export and check an untrained network, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    network = build_network(task.plan.network).eval()
    score = _blank_score(network, task.plan.network.class_count) if task.plan.outside else None
    exported = export_network(network, task.plan.network, score, example_images(task.plan.network, 2))
    check_network(exported.network, _manifest(task, exported, 1.0, (None,) * task.plan.network.class_count, ()))


def pack(task: Task, weights: dict[str, Tensor], output: Path) -> tuple[Manifest, str, tuple[Assessment, ...]]:
    """Export the weights, calibrate and measure what was exported, and write the package.

    Returns:
        The manifest, the SHA-256 of the network, and the assessments of the tuning part and of the test part.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    plan, parts = task.plan, task.parts
    network = build_network(plan.network)
    network.load_state_dict(weights)
    network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    temperature = _calibrate(network, parts.tuning)
    tried = torch.from_numpy(parts.tuning.images[:TRIED])
    exported = export_network(network, plan.network, _score(task, network), tried)
    nobody = (None,) * plan.network.class_count
    logits = _Runner(_manifest(task, exported, temperature, nobody, ()), exported)
    on_tuning = logits(parts.tuning)
    probabilities = probabilities_of(on_tuning, temperature)
    are_findings = findings_of(task.recipe, plan.class_names)
    data_set = f"{task.table.name}, tuning part"
    points = set_operating_points(probabilities, parts.tuning, are_findings, plan.cut, data_set)
    rules = set_rule_points(probabilities, parts.tuning, are_findings, data_set)
    assessments = [assess("tuning", probabilities, parts.tuning, points, plan.seed)]
    if parts.test is not None:
        on_test = probabilities_of(logits(parts.test), temperature)
        judged = judge(parts.test, on_test, points)
        task.ledger.write_file(HELD_FILE, judged.as_json())
        assessments.append(assess_classes("test", judged, plan.seed))
    manifest = _manifest(task, exported, temperature, points, tuple(assessments), rules)
    identity = write_package(output, manifest, exported.network)
    return manifest, identity.weights_digest, tuple(assessments)


@torch.no_grad()
def _calibrate(network: Classifier, part: Part) -> float:
    """Fit the calibration on a part, add its bias to the last layer, and return the temperature."""
    logits = predict(network, torch.from_numpy(part.images)).numpy()
    temperature, bias = fit_calibration(logits, part.labels)
    network.last.bias.add_(torch.from_numpy(bias).float())
    return temperature


def _manifest(
    task: Task,
    exported: Exported,
    temperature: float,
    points: tuple[OperatingPoint | None, ...],
    assessments: tuple[Assessment, ...],
    rules: Rules = (),
) -> Manifest:
    made = Made(exported.interface, temperature, points, assessments, task.command, rules)
    return make_manifest(task.plan, task.recipe, task.parts, task.table.name, made)


class _Runner:
    """Runs the exported network as an analysis does."""

    def __init__(self, manifest: Manifest, exported: Exported) -> None:
        package = ModelPackage(manifest, exported.network, "", manifest.identity, "")
        self._predictor = Predictor(package, threads=1)
        self._name = manifest.network.logits

    def __call__(self, part: Part) -> npt.NDArray[np.float32]:
        return self._predictor.run(part.images)[self._name]


def _score(task: Task, network: Classifier) -> OutsideScore | None:
    """Fit the score for unknown kinds of image, for networks with a pooled head."""
    wanted = task.plan.outside
    if wanted is None or not isinstance(network, PooledClassifier):
        return None
    training, tuning = (_known(network, part) for part in (task.parts.training, task.parts.tuning))
    return fit_outside(training, tuning, task.plan.network.class_count, wanted)


@torch.no_grad()
def _known(network: PooledClassifier, part: Part) -> Known:
    batches = torch.split(torch.from_numpy(part.images), 256)
    features = torch.cat([network.everything(batch)[2] for batch in batches])
    return Known(features, torch.from_numpy(part.labels), torch.from_numpy(part.clusters))


def _blank_score(network: Classifier, class_count: int) -> OutsideScore | None:
    if not isinstance(network, PooledClassifier):
        return None
    width = network.linear.in_features
    whitening = torch.eye(width).repeat(class_count, 1, 1)
    foreign = FAR * (1 - torch.eye(class_count))
    return OutsideScore(torch.zeros(class_count, width), whitening, foreign, torch.ones(class_count))
