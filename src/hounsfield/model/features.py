"""Features: what the last layer of a classifier sees of an image, taken out of the network of a package.

They stand where Inception-v3 stands in the published Fréchet and kernel distances. Figures made with them compare with
others of the same package alone.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx

from hounsfield.errors import ModelError
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Predictor, open_session

Features = npt.NDArray[np.float32]
_LAST_LAYERS = frozenset({"Gemm", "MatMul"})


class FeatureNetwork:
    """The network of a classifier up to its last layer.

    Args:
        package: an opened package of a classifier.
        threads: threads within one operator; 0 takes the cores of the machine.

    Attributes:
        package: the package.

    Raises:
        ModelError: ``E923``, the network has no last linear layer to take features before; what ``Predictor`` raises.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        Predictor(package, threads)  # refuses what is no classifier, with its reason
        self.package = package
        network, self._names = _cut(package)
        self._session = open_session(network, threads)

    def of(self, images: Features) -> Features:
        """Return the features (image, feature) of images (image, channel, row, column) on the model's grid.

        Raises:
            ModelError: ``E522``, a feature is not finite.
        """
        name = self.package.manifest.network.input
        rows = []
        for image in images.astype(np.float32, copy=False):
            outputs = self._session.run(self._names, {name: np.ascontiguousarray(image[None])})
            row = np.concatenate([np.asarray(output, dtype=np.float32).ravel() for output in outputs])
            if not np.isfinite(row).all():
                raise ModelError("E522", model=self.package.identity.name, output="features")
            rows.append(row)
        return np.stack(rows)


def _cut(package: ModelPackage) -> tuple[bytes, list[str]]:
    """Return the network with what its last linear layers take as outputs, and their names."""
    model = onnx.load_model_from_string(package.network)
    names = sorted(set(_before_last_layers(model.graph, package.manifest.network.logits)))
    if not names:
        raise ModelError("E923", model=package.identity.name)
    kept = {value.name for value in model.graph.output}
    for name in names:
        if name not in kept:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return model.SerializeToString(), names


def _before_last_layers(graph: onnx.GraphProto, output: str) -> Iterator[str]:
    """Give what the linear layers nearest to an output take, on every way back from it."""
    makers = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name for tensor in graph.initializer}
    stack, seen = [output], {output}
    while stack:
        node = makers.get(stack.pop())
        if node is None:
            continue
        if node.op_type in _LAST_LAYERS:
            yield node.input[0]
            continue
        further = [name for name in node.input if name not in stored and name not in seen]
        seen.update(further)
        stack.extend(further)
