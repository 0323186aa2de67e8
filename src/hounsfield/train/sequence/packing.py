"""Packing of a run on sequences: from kept weights to a calibrated, measured model package."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hounsfield.core.prediction import OperatingPoint
from hounsfield.errors import HounsfieldError
from hounsfield.metrics.answers import measure_number
from hounsfield.model.manifest import Manifest
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.sequence import SequenceClassifier, build_sequence_network
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.model.predictor import Predictor
from hounsfield.train.assess import RESAMPLES, Assessment, Packed, assess, fit_calibration, set_operating_points
from hounsfield.train.export import LARGEST_DIFFERENCE, Exported, compare_with_torch, example_images, onnx_bytes
from hounsfield.train.sequence.parts import SequencePart, SequenceParts
from hounsfield.train.sequence.plan import SequencePlan
from hounsfield.train.sequence.statement import Measured, SequenceFacts, interface_of, sequence_manifest
from hounsfield.train.sequence.way import predict_sequences
from hounsfield.train.statement import findings_of

TRIED = 8
"""Tuning sequences on which torch and onnxruntime are compared."""


class OneSequence(nn.Module):
    """A network of sequences as it is exported: one sequence (1, frame, channel, row, column), without any padding."""

    def __init__(self, network: SequenceClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits (1, output)."""
        return self.network.of_one(frames[0])


def rehearse_sequences(plan: SequencePlan, facts: SequenceFacts) -> None:
    """Export and check an untrained network, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    network = build_sequence_network(plan.network, plan.sequence).eval()
    images = example_images(plan.network, min(3, plan.most_frames))
    exported = export_sequences(network, plan, [images, images[:1]])
    check_network(exported.network, sequence_manifest(plan, facts))


def pack_sequences(
    plan: SequencePlan, parts: SequenceParts, facts: SequenceFacts, weights: dict[str, Tensor], output: Path
) -> Packed:
    """Export the weights, calibrated on the tuning part, measure what was exported, and write the package.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
        ModelError: a package does not take this network.
    """
    network = build_sequence_network(plan.network, plan.sequence)
    network.load_state_dict(weights)
    network.eval()
    temperature = settle_answer(network, plan, parts.tuning)
    tried = [torch.from_numpy(parts.tuning.frames(index)) for index in range(min(TRIED, len(parts.tuning)))]
    exported = export_sequences(network, plan, tried)
    bare = sequence_manifest(plan, facts, Measured(temperature))
    predictor = Predictor(ModelPackage(bare, exported.network, "", bare.identity, ""), threads=1)
    said = {"tuning": answers_to(predictor, parts.tuning)}
    if parts.test is not None:
        said["test"] = answers_to(predictor, parts.test)
    points: tuple[OperatingPoint | None, ...] = ()
    if not plan.is_number:
        data_set = f"{facts.data.table.name}, tuning part"
        are_findings = findings_of(facts.recipe, plan.class_names)
        points = set_operating_points(said["tuning"], parts.tuning, are_findings, plan.cut, data_set)
    assessments = tuple(
        _assess(name, plan, part, said[name], points)
        for name, part in (("tuning", parts.tuning), ("test", parts.test))
        if part is not None
    )
    manifest: Manifest = sequence_manifest(plan, facts, Measured(temperature, points, assessments))
    identity = write_package(output, manifest, exported.network)
    return Packed(manifest, identity.weights_digest, assessments)


def export_sequences(network: SequenceClassifier, plan: SequencePlan, tried: list[Tensor]) -> Exported:
    """Return a network in evaluation mode as ONNX for sequences of any length, compared with torch.

    Compared are the exported network and torch, sequence by sequence, and torch on the same sequences in one padded
    batch: an answer depends on nothing but its own frames.

    Args:
        network: in evaluation mode.
        plan: its form.
        tried: frames (frame, channel, row, column) of some sequences.

    Raises:
        HounsfieldError: ``E838``, two of the three disagree.
    """
    interface, module = interface_of(plan), OneSequence(network).eval()
    raw = onnx_bytes(module, interface, tried[0][None])
    largest = max(compare_with_torch(module, raw, interface, frames[None]) for frames in tried)
    with torch.no_grad():
        together = network(torch.cat(tried), torch.tensor([len(frames) for frames in tried]))
        alone = torch.cat([module(frames[None]) for frames in tried])
    apart = float((together - alone).abs().max()) / max(1.0, float(alone.abs().max()))
    if not apart < LARGEST_DIFFERENCE:
        raise HounsfieldError("E838", found=f"{apart:.2g}", expected=f"{LARGEST_DIFFERENCE:g}")
    return Exported(raw, interface, max(largest, apart))


@torch.no_grad()
def settle_answer(network: SequenceClassifier, plan: SequencePlan, tuning: SequencePart) -> float:
    """Bring the last layer to what a person reads, and return the temperature of the probabilities.

    Classes get the bias of ``fit_calibration``; a number is scaled back to its unit.
    """
    if plan.is_number:
        network.last.weight.mul_(plan.target_scale)
        network.last.bias.mul_(plan.target_scale).add_(plan.target_centre)
        return 1.0
    logits = predict_sequences(network, tuning).numpy()
    temperature, bias = fit_calibration(logits, tuning.labels)
    network.last.bias.add_(torch.from_numpy(bias).float())
    return temperature


def answers_to(predictor: Predictor, part: SequencePart) -> npt.NDArray[np.float64]:
    """Return what the exported network says of each sequence: probabilities (case, class), or the number (case, 1)."""
    name = predictor.package.manifest.network.logits
    logits = [predictor.run(part.frames(index))[name] for index in range(len(part))]
    return predictor.answers(np.concatenate(logits))


def _assess(
    name: str,
    plan: SequencePlan,
    part: SequencePart,
    said: npt.NDArray[np.float64],
    points: tuple[OperatingPoint | None, ...],
) -> Assessment:
    """Return the metrics of a part, with intervals drawn by group."""
    if not plan.is_number:
        return assess(name, said, part, points, plan.seed)
    metrics = measure_number(part.values, said[:, 0], part.groups, RESAMPLES, plan.seed)
    return Assessment(name, len(part), metrics)
