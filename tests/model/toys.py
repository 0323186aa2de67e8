"""Tiny networks with known answers, and packages of them."""

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import Volume
from hounsfield.model.manifest import Manifest
from hounsfield.model.package import open_package, write_package

ROWS, COLUMNS = 12, 16


def settings(**changes):
    """Return the entries of a small valid manifest."""
    entries = {
        "name": "toy",
        "version": "1.2.0",
        "task": "toy-task",
        "purpose": {"en": "Tells bright from dark.", "zh": "区分明暗。"},
        "created": "2026-03-01T12:00:00+00:00",
        "input": {},
        "network": {"rows": ROWS, "columns": COLUMNS},
        "prepare": [{"step": "resize", "rows": ROWS, "columns": COLUMNS}],
        "classes": [
            {"name": "no-pneumonia", "is_finding": False},
            {
                "name": "pneumonia",
                "operating_point": {
                    "threshold": 0.4,
                    "sensitivity": {"value": 0.9, "low": 0.85, "high": 0.95},
                    "specificity": {"value": 0.8, "low": 0.7, "high": 0.9},
                    "data_set": "toy tuning",
                },
            },
        ],
        "data": {"sources": [{"name": "toy data", "licence": "CC0-1.0", "images": 10}], "training": 8, "tuning": 2},
        "licence": "CC0-1.0",
        "metrics": [{"name": "auroc", "value": 0.97, "low": 0.95, "high": 0.99, "data_set": "toy test", "n": 100}],
        "limits": [{"en": "Knows only | bright and dark.", "zh": "只认识明与暗。"}],
        "command": "hounsfield train DATA -o toy.model --seed 7",
        "seed": 7,
        "software": {"hounsfield": "0.1.0"},
    }
    return {**entries, **changes}


def manifest(**changes):
    """Return a small valid manifest."""
    return Manifest.model_validate(settings(**changes))


def model_of(nodes, outputs, stored=(), rows=ROWS, columns=COLUMNS, batch="batch", opset=20, domain=""):
    """Return an ONNX model with one input ``images``; ``outputs`` are (name, shape)."""
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 1, rows, columns])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, opset)], ir_version=10)


def mean_nodes(weights=(-8.0, 8.0), bias=(4.0, -4.0)):
    """Return nodes and stored tensors of logits = weights * mean + bias: above a mean of 0.5 the second class wins."""
    nodes = [
        helper.make_node("ReduceMean", ["images", "plane"], ["mean"], keepdims=0),
        helper.make_node("Gemm", ["mean", "weights", "bias"], ["logits"]),
    ]
    stored = [
        ("plane", np.array([2, 3], np.int64)),
        ("weights", np.array([weights], np.float32)),
        ("bias", np.array(bias, np.float32)),
    ]
    return nodes, stored


def mean_network(**changes):
    """Return the bytes of the network that looks at the mean alone."""
    nodes, stored = mean_nodes()
    return model_of(nodes, [("logits", ["batch", 2])], stored, **changes).SerializeToString()


def cam_network(weights=(-3.0, 5.0), bias=(1.0, -1.0)):
    """Return a network whose maps are weights * image and whose logits are their means plus a bias."""
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["maps"]),
        helper.make_node("ReduceMean", ["maps", "plane"], ["means"], keepdims=0),
        helper.make_node("Add", ["means", "bias"], ["logits"]),
    ]
    stored = [
        ("weights", np.array(weights, np.float32).reshape(2, 1, 1, 1)),
        ("plane", np.array([2, 3], np.int64)),
        ("bias", np.array(bias, np.float32)),
    ]
    outputs = [("logits", ["batch", 2]), ("maps", ["batch", 2, ROWS, COLUMNS])]
    return model_of(nodes, outputs, stored).SerializeToString()


def outside_network(per_class=False):
    """Return the mean network with a second output: the mean, or the mean and three times the mean for two classes."""
    nodes, stored = mean_nodes()
    stored.append(("scale", np.array([[1.0, 3.0]] if per_class else [[1.0]], np.float32)))
    nodes.append(helper.make_node("MatMul", ["mean", "scale"], ["distance"]))
    outputs = [("logits", ["batch", 2]), ("distance", ["batch", 2 if per_class else 1])]
    return model_of(nodes, outputs, stored).SerializeToString()


def log_network():
    """Return a network that answers NaN below 0 and minus infinity at 0."""
    nodes, stored = mean_nodes(weights=(1.0, 1.0), bias=(0.0, 0.0))
    nodes[1].output[0] = "raw"
    nodes.append(helper.make_node("Log", ["raw"], ["logits"]))
    return model_of(nodes, [("logits", ["batch", 2])], stored).SerializeToString()


def deep_network(seed=0):
    """Return a small convolutional network with random weights: convolutions, pooling and two dense layers."""
    chance = np.random.default_rng(seed)

    def weights(*shape):
        return (chance.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["images", "c1", "b1"], ["x1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["x1"], ["x2"]),
        helper.make_node("MaxPool", ["x2"], ["x3"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["x3", "c2", "b2"], ["x4"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["x4"], ["x5"]),
        helper.make_node("Flatten", ["x5"], ["x6"]),
        helper.make_node("Gemm", ["x6", "d1"], ["x7"], transB=1),
        helper.make_node("Relu", ["x7"], ["x8"]),
        helper.make_node("Gemm", ["x8", "d2"], ["logits"], transB=1),
    ]
    stored = [
        ("c1", weights(32, 1, 3, 3)),
        ("b1", weights(32)),
        ("c2", weights(64, 32, 3, 3)),
        ("b2", weights(64)),
        ("d1", weights(128, 64 * 16 * 16)),
        ("d2", weights(2, 128)),
    ]
    return model_of(nodes, [("logits", ["batch", 2])], stored, rows=32, columns=32).SerializeToString()


def package(folder, raw=None, /, **changes):
    """Write and open a package."""
    path = folder / "toy.model"
    write_package(path, manifest(**changes), mean_network() if raw is None else raw)
    return open_package(path)


def reload(raw):
    """Return the ONNX model of some bytes, to change it."""
    return onnx.load_model_from_string(raw)


def prepared(array):
    """Return samples (slice, row, column) as a display volume."""
    array = np.asarray(array, dtype=np.float32)
    return Volume(array, VolumeGeometry(array.shape[-3:], (1.0, 0.5, 0.5)), Quantity.DISPLAY)


def series_of(modality="DX", media_type="application/dicom", **changes):
    """Return a series of one instance."""
    digest = hashlib.sha256(b"x").hexdigest()
    instance = InstanceRef("1.2.3.4", "1.2.840.10008.5.1.4.1.1.1.1", None, media_type, digest)
    return Series("1.2.3", "1.2", modality, (instance,), **changes)


def study_of(series, **changes):
    """Return a study of one series."""
    return Study("1.2", (series,), **changes)
