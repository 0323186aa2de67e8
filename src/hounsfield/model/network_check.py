"""Network check: an ONNX model is looked at before any session is made from it.

Taken is a plain feed-forward graph of the ``ai.onnx`` domain: no external data, no functions, no subgraphs, operators
of an allow-list, bounded sizes, and the input and outputs that the manifest names. Every size is settled for one image
by shape inference, so a network cannot ask for more memory than the limits.
"""

import math
from collections.abc import Iterator, Sequence

import onnx
from onnx import TensorProto

from hounsfield.errors import ManifestMismatch, ModelError
from hounsfield.model.interface import BoxInterface, GeneratorInterface, HeadsInterface, SequenceInterface
from hounsfield.model.manifest import Manifest
from hounsfield.model.operators import ALLOWED

MAXIMUM_NODES = 20_000
MAXIMUM_TENSOR_ELEMENTS = 32 << 20
"""Most elements of one tensor for one image: 128 MiB of float32."""

MAXIMUM_TOTAL_ELEMENTS = 1 << 30
"""Most elements of all tensors for one image together."""

MINIMUM_OPSET = 7
MAXIMUM_WINDOW = 1 << 16
"""Largest value of a size-like attribute (kernel, stride, pad, dilation) of a layer."""

_DATA_TYPES = frozenset(
    {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
        TensorProto.DOUBLE,
        TensorProto.INT64,
        TensorProto.INT32,
        TensorProto.INT8,
        TensorProto.UINT8,
        TensorProto.BOOL,
    }
)
_INTEGER_LIMITED = frozenset(
    {"kernel_shape", "strides", "pads", "dilations", "output_padding", "output_shape", "group"}
)


def check_network(network: bytes, manifest: Manifest) -> None:
    """Check the network of a package.

    Raises:
        ModelError: ``E510`` it is no valid ONNX model, ``E511`` it holds something that is not allowed, ``E512`` it is
            too large or its sizes cannot be settled.
        ManifestMismatch: ``E513`` an input or output is not as the manifest says.
    """
    model = _parse(network)
    _check_model(model)
    for node in model.graph.node:
        _check_node(node)
    _check_tensors(model)
    _check_input(model, manifest)
    _check_outputs(_inferred(model, manifest), manifest)


def _parse(network: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(network)
    except Exception as error:
        # the parser's own error class shares no base with others
        raise ModelError("E510", found=str(error)[:200]) from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError("E510", found="no graph")
    return model


def _check_model(model: onnx.ModelProto) -> None:
    """Refuse whatever stands beside the graph, and foreign operator sets."""
    graph = model.graph
    for what, is_there in (
        ("functions", bool(model.functions)),
        ("training information", bool(model.training_info)),
        ("a sparse initialiser", bool(graph.sparse_initializer)),
        ("a runtime configuration", any(item.key == "ort_config" for item in model.metadata_props)),
        (f"{len(graph.node)} nodes", len(graph.node) > MAXIMUM_NODES),
    ):
        if is_there:
            raise ModelError("E511", found=what)
    domains = [(item.domain, item.version) for item in model.opset_import]
    latest = onnx.defs.onnx_opset_version()
    for domain, version in domains:
        if domain not in ("", "ai.onnx") or not MINIMUM_OPSET <= version <= latest:
            raise ModelError("E511", found=f"operator set '{domain[:60]}' {version}")
    if len(domains) != 1:
        raise ModelError("E511", found=f"{len(domains)} operator sets")


def _check_node(node: onnx.NodeProto) -> None:
    if node.domain not in ("", "ai.onnx") or node.op_type not in ALLOWED:
        raise ModelError("E511", found=f"operator '{node.domain[:60]}:{node.op_type[:60]}'")
    for attribute in node.attribute:
        is_graph = attribute.HasField("g") or bool(attribute.graphs) or bool(attribute.ref_attr_name)
        is_sparse = attribute.HasField("sparse_tensor") or bool(attribute.sparse_tensors)
        is_other = attribute.HasField("tp") or bool(attribute.type_protos)
        if is_graph or is_sparse or is_other:
            raise ModelError("E511", found=f"attribute '{attribute.name[:60]}' of {node.op_type}")
        values = [*attribute.ints, attribute.i] if attribute.name in _INTEGER_LIMITED else []
        if any(abs(value) > MAXIMUM_WINDOW for value in values):
            raise ModelError("E512", found=f"{attribute.name} of {node.op_type}")


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _check_tensors(model: onnx.ModelProto) -> None:
    """Refuse stored tensors outside the file, of unfit types, or that claim more elements than they hold."""
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
            raise ModelError("E511", found=f"external data of '{tensor.name[:60]}'")
        if tensor.data_type not in _DATA_TYPES:
            raise ModelError("E511", found=f"type {tensor.data_type} of '{tensor.name[:60]}'")
        claimed, held = _count(tensor.dims, tensor.name), _held(tensor)
        if claimed != held:
            raise ModelError("E512", found=f"'{tensor.name[:60]}' claims {claimed} elements and holds {held}")


def _held(tensor: TensorProto) -> int:
    """Return how many elements the bytes of a tensor make."""
    if tensor.HasField("raw_data"):
        item_bytes = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        return len(tensor.raw_data) // item_bytes if len(tensor.raw_data) % item_bytes == 0 else -1
    return len(getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type)))


def _count(dims: Sequence[int], name: str) -> int:
    count = math.prod(dims)
    if any(dim < 0 for dim in dims) or count > MAXIMUM_TENSOR_ELEMENTS:
        raise ModelError("E512", found=f"'{name[:60]}' with shape {tuple(dims)[:8]}")
    return count


def _check_input(model: onnx.ModelProto, manifest: Manifest) -> None:
    """Demand one input of the manifest's name, type and size."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    wanted = manifest.network
    expected = _input_shape(manifest)
    if len(inputs) != 1 or inputs[0].name != wanted.input:
        raise ManifestMismatch("E513", part="input", found=[value.name[:60] for value in inputs], expected=wanted.input)
    kind = inputs[0].type.tensor_type
    dims = kind.shape.dim
    found = tuple(dim.dim_value for dim in dims[1:])
    is_batch = len(dims) == 1 + len(expected) and (bool(dims[0].dim_param) or dims[0].dim_value in (0, 1))
    if isinstance(wanted, SequenceInterface):
        is_batch = is_batch and bool(dims[1].dim_param)  # any number of frames
    if kind.elem_type != TensorProto.FLOAT or not is_batch or found != expected:
        raise ManifestMismatch("E513", part=wanted.input, found=found, expected=expected)


def _input_shape(manifest: Manifest) -> tuple[int, ...]:
    """Return the shape of one image: channel, slice where there are slices, row, column; or what else is taken."""
    network = manifest.network
    if isinstance(network, GeneratorInterface):
        return network.input_shape(len(manifest.classes))
    if isinstance(network, SequenceInterface):
        return (0, network.channels, network.rows, network.columns)
    slices = () if network.slices is None else (network.slices,)
    return (network.channels, *slices, network.rows, network.columns)


def _inferred(model: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """Return the model with every size settled for one image, or for the longest sequence.

    Sizes that the file states itself are dropped first, so that they cannot hide what inference finds.
    """
    one = onnx.ModelProto()
    one.CopyFrom(model)
    one.graph.ClearField("value_info")
    for value in one.graph.input:
        if value.type.tensor_type.shape.dim and value.name == _data_input(model):
            value.type.tensor_type.shape.dim[0].dim_value = 1
            if isinstance(manifest.network, SequenceInterface):
                value.type.tensor_type.shape.dim[1].dim_value = manifest.network.most_frames
    for value in one.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(one, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise ModelError("E510", found=str(error).strip()[:200]) from error
    sizes = {value.name: value for value in (*inferred.graph.value_info, *inferred.graph.output)}
    total = 0
    for node in inferred.graph.node:
        for name in filter(None, node.output):
            total += _settled(sizes.get(name), name, node.op_type)
    if total > MAXIMUM_TOTAL_ELEMENTS:
        raise ModelError("E512", found=f"{total} elements in all")
    return inferred


def _data_input(model: onnx.ModelProto) -> str:
    stored = {tensor.name for tensor in model.graph.initializer}
    return next(str(value.name) for value in model.graph.input if value.name not in stored)


def _settled(value: onnx.ValueInfoProto | None, name: str, operator: str) -> int:
    """Return the number of elements of a node's output."""
    kind = None if value is None else value.type.tensor_type
    is_known = kind is not None and kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim)
    if kind is None or not is_known or kind.elem_type not in _DATA_TYPES:
        raise ModelError("E512", found=f"the size of '{name[:60]}' ({operator}) cannot be settled")
    return _count([dim.dim_value for dim in kind.shape.dim], name)


def _check_outputs(inferred: onnx.ModelProto, manifest: Manifest) -> None:
    """Demand the outputs that the manifest names, with the sizes that follow from its classes."""
    network = manifest.network
    found = {
        value.name: (value.type.tensor_type.elem_type, [dim.dim_value for dim in value.type.tensor_type.shape.dim])
        for value in inferred.graph.output
    }
    wanted = set(network.outputs)
    if not wanted <= set(found):
        raise ManifestMismatch("E513", part="outputs", found=sorted(found)[:8], expected=sorted(wanted))
    for name in wanted:
        if found[name][0] != TensorProto.FLOAT:
            raise ManifestMismatch("E513", part=name, found=f"type {found[name][0]}", expected="float32")
    shapes = {name: shape for name, (_, shape) in found.items()}
    if isinstance(network, BoxInterface):
        _check_boxes(network, len(manifest.classes), shapes)
    elif isinstance(network, HeadsInterface):
        _check_heads(network, manifest, shapes)
    else:
        _check_classes(manifest, shapes)


def _check_classes(manifest: Manifest, shapes: dict[str, list[int]]) -> None:
    """Demand logits of the classes, and maps and a score that fit them."""
    network, classes = manifest.network, len(manifest.classes)
    expected = [1, classes] if manifest.masks is None else [1, classes, *_input_shape(manifest)[1:]]
    if isinstance(network, GeneratorInterface):
        expected = [1, network.channels, network.rows, network.columns]
    if shapes[network.logits] != expected:
        raise ManifestMismatch("E513", part=network.logits, found=shapes[network.logits], expected=expected)
    if network.activation_maps:
        shape = shapes[network.activation_maps]
        if len(shape) != 4 or shape[:2] != [1, classes]:
            raise ManifestMismatch("E513", part=network.activation_maps, found=shape, expected=[1, classes, "r", "c"])
    if network.outside and shapes[network.outside] not in ([1], [1, 1], [1, classes]):
        raise ManifestMismatch("E513", part=network.outside, found=shapes[network.outside], expected=[1])


def _check_heads(network: HeadsInterface, manifest: Manifest, shapes: dict[str, list[int]]) -> None:
    """Demand an output of its own for each head, with its classes."""
    for name, head in zip(network.heads, manifest.heads, strict=True):
        expected = [1, len(head.classes)]
        if shapes[name] != expected:
            raise ManifestMismatch("E513", part=name, found=shapes[name], expected=expected)


def _check_boxes(network: BoxInterface, classes: int, shapes: dict[str, list[int]]) -> None:
    """Demand a row for each anchor: the logits of the classes, and four deltas."""
    for name, last in ((network.logits, classes), (network.deltas, 4)):
        expected = [1, network.anchor_count, last]
        if shapes[name] != expected:
            raise ManifestMismatch("E513", part=name, found=shapes[name], expected=expected)
