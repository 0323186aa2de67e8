"""From weights to ONNX: the same bytes for the same weights, and the same answers as torch."""

import io
import json
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hounsfield.errors import HounsfieldError
from hounsfield.model.interface import NetworkInterface, SequenceInterface
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import Classifier, PooledClassifier
from hounsfield.model.networks.mask_catalogue import UNetSettings
from hounsfield.train.chance import generator_at
from hounsfield.train.outside import OutsideScore

OPSET = 17
FORM_KEY = "hounsfield.network"
"""Name under which a network carries its settings, so that its weights can be learned on."""
SAME_KEY = "hounsfield.same"
"""Name under which it carries which weight stands for another one of the same values."""
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
    network = onnx_bytes(module.eval(), interface, torch.zeros(1, *tried.shape[1:]), settings)
    return Exported(network, interface, compare_with_torch(module, network, interface, tried))


def example_images(settings: NetworkSettings, count: int = 4) -> Tensor:
    """Return images of even noise, the same every time, to try an export with."""
    shape = (count, settings.channels, settings.rows, settings.columns)
    return torch.rand(shape, generator=generator_at(0, "example"))


def onnx_bytes(
    module: nn.Module,
    interface: NetworkInterface,
    image: Tensor,
    settings: NetworkSettings | UNetSettings | None = None,
) -> bytes:
    """Trace with the TorchScript exporter: the newer one writes local paths and is twenty times slower.

    Every weight keeps its name and its bits: normalisation is not folded into the convolutions before it, which
    onnxruntime does on loading, so that a run can start from the weights of a package.

    Args:
        module: in evaluation mode.
        interface: names of its input and outputs.
        image: one image (1, channel, ...) of the size it takes, or one sequence (1, frame, channel, row, column).
        settings: of the network, which it carries along, with the names of its weights; None leaves both out.
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
            training=torch.onnx.TrainingMode.EVAL if settings is None else torch.onnx.TrainingMode.PRESERVE,
        )
    exported = stream.getvalue()
    return repeatable_bytes(exported if settings is None else _with_form(exported, settings, module))


def _with_form(exported: bytes, settings: NetworkSettings | UNetSettings, module: nn.Module) -> bytes:
    """Return a network that carries its settings, and the names of weights that the exporter held once for several."""
    model = onnx.load_model_from_string(exported)
    held = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    same: dict[str, str] = {}
    for name, tensor in module.state_dict().items():
        if name not in held and tensor.dtype.is_floating_point:
            twin = next((other for other, values in held.items() if np.array_equal(values, tensor.numpy())), None)
            same |= {name: twin} if twin is not None else {}
    model.metadata_props.add(key=FORM_KEY, value=json.dumps(asdict(settings), sort_keys=True))
    model.metadata_props.add(key=SAME_KEY, value=json.dumps(same, sort_keys=True))
    return bytes(model.SerializeToString(deterministic=True))


def named_weights(network: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """Return every weight of an exported network by the name it has in torch."""
    model = onnx.load_model_from_string(network)
    held = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    same: dict[str, str] = next((json.loads(item.value) for item in model.metadata_props if item.key == SAME_KEY), {})
    held |= {name: held[twin] for name, twin in same.items() if twin in held}
    # networks with several outputs are exported inside a module of this name
    return {name.removeprefix("classifier."): values for name, values in held.items()}


def form_of(network: bytes) -> dict[str, Any] | None:
    """Return the settings that an exported network carries, None where it carries none."""
    found = (item.value for item in onnx.load_model_from_string(network).metadata_props if item.key == FORM_KEY)
    return next((json.loads(value) for value in found), None)


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
