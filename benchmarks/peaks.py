"""What a run of learning holds at its peak, measured in a process of its own, beside what was estimated for it.

``python -m benchmarks.peaks classes NETWORK SIDE BATCH`` (or ``targets``), ``masks WIDTHxSIDE[xSLICES] BATCH``,
``boxes SIDE BATCH`` prints one line of JSON in MB: ``program`` (what the process holds before there are data),
``measured`` (how much more at its peak, over two epochs with their checkpoints) and ``estimated``.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MB = 2**20
SIZES = (
    *(f"classes {form}" for form in ("article 28 64", "article 64 32", "article 128 16", "lenet 32 64", "lenet 64 64")),
    *(f"classes {form}" for form in ("alexnet 64 32", "alexnet 128 16", "vgg11 64 8", "vgg13 64 8", "vgg16 64 8")),
    *(
        f"classes {form}"
        for form in ("vgg19 64 8", "resnet18 64 8", "resnet18 128 4", "resnet34 64 4", "resnet50 64 4")
    ),
    *(f"classes small-residual {form}" for form in ("64 16", "64 64", "128 16", "128 32")),
    *(
        f"classes {form}"
        for form in ("densenet121 64 8", "densenet121 128 4", "densenet169 64 8", "small-densenet 64 16")
    ),
    *(f"classes efficientnet-b{form}" for form in ("0 64 8", "1 64 8", "2 64 8", "3 64 4")),
    *("targets small-residual 64 32", "targets article 64 32"),
    *("masks 16x192 8", "masks 16x128 4", "masks 8x64x32 2", "masks 16x64x16 2", "boxes 256 4", "boxes 384 2"),
)
"""Every network of the catalogue, and the others, as they are planned for two cores."""
SMALL = {
    "classes": "classes article 64 2",
    "targets": "targets article 64 2",
    "masks": "masks 2x64 1",
    "boxes": "boxes 160 1",
}


@dataclass(frozen=True)
class Subject:
    """A run: what it is estimated to take, and how it is made, so that its data count."""

    estimated_bytes: int
    way: Callable[[], Any]


def classes(name: str, side: int, batch: int, is_number: bool = False) -> Subject:
    """Return a run of classes, or of a number, on images of noise."""
    from hounsfield.cases.task import LearningTask
    from hounsfield.train.classification import Classification
    from hounsfield.train.fingerprint import Fingerprint
    from hounsfield.train.memory import estimate_memory
    from hounsfield.train.options import TrainOptions
    from hounsfield.train.parts import Part, Parts
    from hounsfield.train.planner import make_plan
    from hounsfield.train.recipe import Recipe
    from hounsfield.train.targets.parts import TargetPart, TargetParts
    from hounsfield.train.targets.plan import TargetPlan
    from hounsfield.train.targets.way import Targets

    options = TrainOptions(network=name, size=side, batch_size=batch, epochs=2, name="peak")
    found = Fingerprint(3 * batch, (batch, 2 * batch), side, True, False)
    plan = make_plan(options, Recipe(), found, ("a", "b"), 1)

    def part(count: int) -> Part:
        images = np.random.default_rng(count).random((count, 1, side, side), dtype=np.float32)
        labels = np.arange(count, dtype=np.int64) % 2
        return Part(images, labels, np.arange(count), tuple(map(str, range(count))), np.zeros(count, np.int64))

    def of_classes() -> Any:
        return Classification(plan, Parts(part(batch), part(2 * batch), None))

    def of_number() -> Any:
        own = {**plan.model_dump(), "task": LearningTask.REGRESSION}
        own["network"]["class_count"] = 1
        parts = [TargetPart(item, item.labels[:, None].astype(np.float64)) for item in (part(batch), part(2 * batch))]
        return Targets(TargetPlan.model_validate(own), TargetParts(*parts, None))

    estimate = estimate_memory(plan.network, 3 * batch, batch)
    return Subject(estimate.total_bytes, of_number if is_number else of_classes)


def masks(width: int, side: int, slices: int, batch: int) -> Subject:
    """Return a run of masks; one slice makes it planar."""
    from hounsfield.model.networks.mask_catalogue import UNetSettings
    from hounsfield.train.plan import Optimisation
    from hounsfield.train.segmentation.patches import PreparedCase, PreparedParts
    from hounsfield.train.segmentation.plan import SegmentationPlan
    from hounsfield.train.segmentation.setup import estimate_mask_memory
    from hounsfield.train.segmentation.way import Segmentation

    widths = tuple(width * factor for factor in (1, 2, 4, 8))
    strides = () if slices == 1 else (2, 2, 1)
    network = UNetSettings("unet", 3, 1, (slices, side, side), widths, strides, supervised=2)
    learning = Optimisation(epochs=2, batch_size=batch)
    plan = SegmentationPlan(
        name="peak", learning=learning, label_names=("none", "a", "b"), prepare=(), channel_names=("image",),
        network=network, batches_per_epoch=2,
    )  # fmt: skip
    shape, count = (slices, side, side), 6

    def case(index: int) -> PreparedCase:
        chance = np.random.default_rng(index)
        images = chance.random((1, *shape)).astype(np.float16)
        return PreparedCase(str(index), index, images, chance.integers(0, 3, shape).astype(np.uint8))

    def way() -> Any:
        cases = tuple(map(case, range(count)))
        return Segmentation(plan, PreparedParts(cases[:4], cases[4:]))

    return Subject(estimate_mask_memory(plan, shape, count).total_bytes, way)


def boxes(side: int, batch: int) -> Subject:
    """Return a run of boxes."""
    from hounsfield.cases.boxed import Annotation
    from hounsfield.model.interface import AnchorLevel
    from hounsfield.model.networks.retina import RetinaSettings
    from hounsfield.train.detection.parts import BoxPart, BoxParts
    from hounsfield.train.detection.plan import DetectionPlan
    from hounsfield.train.detection.planner import estimate_detection
    from hounsfield.train.detection.way import Detection
    from hounsfield.train.plan import Optimisation

    network = RetinaSettings(class_count=2, rows=side, columns=side)
    levels = tuple(AnchorLevel(stride=stride, sides=(4.0 * stride,)) for stride in (8, 16, 32))
    learning = Optimisation(epochs=2, batch_size=batch)
    plan = DetectionPlan(
        name="peak", class_names=("a", "b"), prepare=(), network=network, levels=levels, learning=learning
    )

    def part(count: int) -> BoxPart:
        images = np.random.default_rng(count).random((count, 3, side, side), dtype=np.float32)
        drawn = np.array([[20.0, 20, 52, 52], [80, 90, 130, 150]])
        own = Annotation(drawn, np.array([0, 1]), np.zeros(2, bool), np.zeros(2, bool))
        names = tuple(map(str, range(count)))
        return BoxPart(images, (own,) * count, np.full((count, 2), side), np.arange(count), names)

    def way() -> Any:
        return Detection(plan, BoxParts(part(2 * batch), part(8), None))

    return Subject(estimate_detection(plan, 2 * batch + 8).total_bytes, way)


def subject_of(kind: str, *words: str) -> Subject:
    """Return the run that words name."""
    if kind == "masks":
        sides = [int(word) for word in words[0].split("x")]
        return masks(sides[0], sides[1], sides[2] if len(sides) > 2 else 1, int(words[1]))
    if kind == "boxes":
        return boxes(int(words[0]), int(words[1]))
    return classes(words[0], int(words[1]), int(words[2]), is_number=kind == "targets")


def measure_here(kind: str, *words: str) -> dict[str, float]:
    """Measure a run in this process; all the code it needs is loaded by a small run of its kind first."""
    from hounsfield.train.chance import settled
    from hounsfield.train.events import silent
    from hounsfield.train.loop import Loop

    with settled(1), tempfile.TemporaryDirectory() as folder:
        given = subject_of(kind, *words)
        Loop(subject_of(*SMALL[kind].split()).way(), Path(folder) / "small", silent).run()
        program = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        Loop(given.way(), Path(folder) / "large", silent).run()
        held = status("VmHWM") - program
    return {
        "program": round(program / MB, 1), "measured": round(held / MB, 1),
        "estimated": round(given.estimated_bytes / MB, 1), "ratio": round(given.estimated_bytes / held, 3),
    }  # fmt: skip


def status(key: str) -> int:
    """Return a figure of this process in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(key + ":")))


def measure_apart(words: str) -> dict[str, float]:
    """Measure a run in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peaks", *words.split()], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def measure_peaks() -> dict[str, dict[str, float]]:
    """Measure every run of ``SIZES``, one after the other."""
    return {words: measure_apart(words) for words in SIZES}


if __name__ == "__main__":
    print(json.dumps(measure_here(*sys.argv[1:])))
