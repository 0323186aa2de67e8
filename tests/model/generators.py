"""Toy generators with a known answer: the image of a class is flat, at a grey that noise moves a little."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from hounsfield.model.package import open_package, write_package
from tests.model.toys import manifest

SIDE, LATENT = 8, 3
GREYS = (0.25, 0.75)
LEVERAGE = 0.02
"""Grey that one unit of the first number of noise adds."""
NETWORK = {
    "input": "codes",
    "logits": "synthetic",
    "rows": SIDE,
    "columns": SIDE,
    "latent": LATENT,
    "kind": "generator",
}
CLASSES = [{"name": "dark", "is_finding": False}, {"name": "bright", "is_finding": False}]


def flat_network(width=LATENT + 2, side=SIDE, slope=LEVERAGE):
    """Return codes (image, latent + class) times a vector, as a flat image."""
    weights = np.zeros((width, 1), np.float32)
    weights[0, 0], weights[-2:, 0] = slope, GREYS
    nodes = [
        helper.make_node("MatMul", ["codes", "weights"], ["grey"]),
        helper.make_node("Reshape", ["grey", "shape"], ["pixel"]),
        helper.make_node("Mul", ["pixel", "plane"], ["synthetic"]),
    ]
    stored = [
        ("weights", weights),
        ("shape", np.array([-1, 1, 1, 1], np.int64)),
        ("plane", np.ones((1, 1, side, side), np.float32)),
    ]
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["image", width])],
        [helper.make_tensor_value_info("synthetic", TensorProto.FLOAT, ["image", 1, side, side])],
        [numpy_helper.from_array(value, name) for name, value in stored],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def entries(**changes):
    """Return the entries of its manifest that differ from a classifier's."""
    return {"network": NETWORK, "classes": CLASSES, "answer": "image", "prepare": [], "metrics": [], **changes}


def generator(folder, raw=None, **changes):
    """Write and open the package of a toy generator."""
    path = folder / "flat.model"
    write_package(path, manifest(**entries(**changes)), flat_network() if raw is None else raw)
    return open_package(path)
