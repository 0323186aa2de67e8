"""A model whose answer is known: it compares the brightness of picture parts, and data made for it."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from hounsfield.model.contract import InputContract
from hounsfield.model.interface import NetworkInterface
from hounsfield.model.manifest import ClassEntry, Manifest, OperatingPointEntry
from hounsfield.model.package import ModelPackage, open_package, write_package
from hounsfield.model.statements import Bilingual, DataStatement, IntervalEntry

SIDE = 8
GAIN = 8.0


def network(class_count: int, seen_rows: int = SIDE) -> bytes:
    """Return a network whose logit of class k is ``GAIN`` times the mean of band k of rows; of two classes 0 is 0.

    Of two classes it looks at the first rows alone if they are fewer.
    """
    weights = np.zeros((SIDE * SIDE, class_count), dtype=np.float32)
    bias = np.zeros(class_count, dtype=np.float32)
    if class_count == 2:
        weights[: seen_rows * SIDE, 1] = GAIN / (seen_rows * SIDE)
        bias[1] = -GAIN / 2
    else:
        for index, rows in enumerate(np.array_split(np.arange(SIDE), class_count)):
            band = np.zeros((SIDE, SIDE), dtype=np.float32)
            band[rows] = GAIN / (len(rows) * SIDE)
            weights[:, index] = band.ravel()
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", class_count])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


def class_entry(name: str, is_finding: bool, threshold: float | None) -> ClassEntry:
    if threshold is None:
        return ClassEntry(name=name, is_finding=is_finding)
    interval = IntervalEntry(value=0.9, low=0.8, high=0.95)
    point = OperatingPointEntry(threshold=threshold, sensitivity=interval, specificity=interval, data_set="made up")
    return ClassEntry(name=name, is_finding=is_finding, operating_point=point)


def write_model(
    path: Path,
    names: tuple[str, ...],
    threshold: float | None = 0.6,
    contract: InputContract | None = None,
    seen_rows: int = SIDE,
) -> ModelPackage:
    """Write a package; the first class is no finding, the others are, each with the threshold."""
    classes = [class_entry(name, index > 0, threshold if index else None) for index, name in enumerate(names)]
    manifest = Manifest(
        name="brightness",
        version="1.2.3",
        task="chest-xray",
        purpose=Bilingual(en="to test", zh="测试"),
        created="2026-01-01T00:00:00Z",
        input=contract or InputContract(),
        network=NetworkInterface(rows=SIDE, columns=SIDE),
        prepare=[{"step": "grey"}, {"step": "resize", "rows": SIDE, "columns": SIDE}],
        classes=classes,
        data=DataStatement(),
        licence="CC0-1.0",
        limits=[Bilingual(en="It knows <b>brightness</b> only.", zh="它只认识亮度。")],
    )
    write_package(path, manifest, network(len(names), seen_rows))
    return open_package(path)


def probability(brightness: float) -> float:
    """Return what the two-class model says about a flat picture of a brightness 0..1."""
    return float(1 / (1 + np.exp(-GAIN * (brightness - 0.5))))


def flat(brightness: int, seed: int = 0) -> np.ndarray:
    """Return a picture (16, 16) of a mean brightness 0..255 whose texture no other seed shares."""
    texture = np.random.default_rng(seed).normal(0, 6, (16, 16))
    return np.clip(np.rint(texture - texture.mean() + brightness), 0, 255).astype(np.uint8)


def brightness_npz(path: Path, part: str, levels: list[int], labels: list[int]) -> Path:
    pictures = np.stack([flat(level, index) for index, level in enumerate(levels)])
    np.savez(path, **{f"{part}_images": pictures, f"{part}_labels": np.array(labels)[:, np.newaxis]})
    return path


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
