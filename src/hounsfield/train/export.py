"""From weights to ONNX: the same bytes for the same weights, and the same answers as torch."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from hounsfield.errors import HounsfieldError
from hounsfield.model.interface import NetworkInterface, SequenceInterface
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import Classifier, PooledClassifier
from hounsfield.train.chance import generator_at
from hounsfield.train.outside import OutsideScore

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
"""Largest absolute difference between torch and onnxruntime, in logits of ordinary size (relative above one)."""


@dataclass(frozen=True)
class Exported:
    """A network as ONNX, with what a manifest says of it.

    Attributes:
        network: the bytes of ``network.onnx``.
        interface: its input and outputs.
        largest_difference: between the logits of torch and onnxruntime on the images it was tried with.
    """

    network: bytes
    interface: NetworkInterface
    largest_difference: float


class _WithMap(nn.Module):
    """Gives logits, class activation maps and, where it is fitted, the outside score."""

    def __init__(self, classifier: PooledClassifier, outside: OutsideScore | None) -> None:
        super().__init__()
        self.classifier = classifier
        self.outside = outside

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        logits, maps, features = self.classifier.everything(images)
        return (logits, maps) if self.outside is None else (logits, maps, self.outside.of(features, logits))


def export_network(
    classifier: Classifier, settings: NetworkSettings, outside: OutsideScore | None, tried: Tensor
) -> Exported:
    """Export a network and compare it with torch.

    Args:
        classifier: in evaluation mode.
        settings: its form.
        outside: the score for unknown kinds of image, for networks with a pooled head.
        tried: images (image, channel, row, column) that both are run on.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    has_map = isinstance(classifier, PooledClassifier)
    interface = NetworkInterface(
        channels=3 if settings.channels == 3 else 1,
        rows=settings.rows,
        columns=settings.columns,
        activation_maps="activation_maps" if has_map else None,
        outside="outside" if has_map and outside is not None else None,
    )
    module = _WithMap(classifier, outside) if isinstance(classifier, PooledClassifier) else classifier
    network = onnx_bytes(module.eval(), interface, torch.zeros(1, *tried.shape[1:]))
    return Exported(network, interface, compare_with_torch(module, network, interface, tried))


def example_images(settings: NetworkSettings, count: int = 4) -> Tensor:
    """Return images of even noise, the same every time, to try an export with."""
    shape = (count, settings.channels, settings.rows, settings.columns)
    return torch.rand(shape, generator=generator_at(0, "example"))


def onnx_bytes(module: nn.Module, interface: NetworkInterface, image: Tensor) -> bytes:
    """Trace with the TorchScript exporter: the newer one writes local paths and is twenty times slower.

    Args:
        module: in evaluation mode.
        interface: names of its input and outputs.
        image: one image (1, channel, ...) of the size it takes, or one sequence (1, frame, channel, row, column).
    """
    outputs = list(interface.outputs)
    stream = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (image,),
            stream,  # type: ignore[arg-type]  # the stub forgets what this exporter takes
            input_names=[interface.input],
            output_names=outputs,
            dynamic_axes=_open_axes(interface),
            opset_version=OPSET,
            dynamo=False,
        )
    return repeatable_bytes(stream.getvalue())


def _open_axes(interface: NetworkInterface) -> dict[str, dict[int, str]]:
    """Return the axes of any length: the images of a batch, or the frames of a sequence."""
    if isinstance(interface, SequenceInterface):
        return {interface.input: {1: "frame"}}
    return {name: {0: "image"} for name in (interface.input, *interface.outputs)}


def repeatable_bytes(exported: bytes) -> bytes:
    """Return an exported network without what differs from machine to machine: versions, and where its code lies."""
    model = onnx.load_model_from_string(exported)
    model.producer_version = ""
    for node in model.graph.node:
        node.doc_string = ""
    return bytes(model.SerializeToString(deterministic=True))


@torch.no_grad()
def compare_with_torch(module: nn.Module, network: bytes, interface: NetworkInterface, tried: Tensor) -> float:
    """Return the largest difference between torch and onnxruntime on some images.

    Raises:
        HounsfieldError: ``E838``, it is too large.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    given = module(tried)
    expected = given if isinstance(given, tuple) else (given,)
    found = session.run(None, {interface.input: tried.numpy()})
    largest = 0.0
    for one, other in zip(expected, found, strict=True):
        scale = max(1.0, float(one.abs().max()))
        largest = max(largest, float(np.abs(one.numpy() - other).max()) / scale)
    if not largest < LARGEST_DIFFERENCE:
        raise HounsfieldError("E838", found=f"{largest:.2g}", expected=f"{LARGEST_DIFFERENCE:g}")
    return largest
