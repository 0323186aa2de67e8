"""Tiny data with masks and a known answer: bright discs on noise, as pictures or short stacks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskTable
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.model.networks.mask_catalogue import UNetSettings
from hounsfield.train.augment import Affine, Noise
from hounsfield.train.plan import Optimisation
from hounsfield.train.segmentation.patches import PreparedCase, PreparedParts
from hounsfield.train.segmentation.plan import SegmentationPlan

Shape = tuple[int, int, int]
FLAT: Shape = (1, 48, 40)
DEEP: Shape = (12, 32, 32)


def scene(seed: int, shape: Shape = FLAT, count: int = 2) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return an image (slice, row, column) of 0..255 and numbered objects: one disc (or ball) in each part of it."""
    chance = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"))
    objects = np.zeros(shape, dtype=np.uint8)
    for number in range(1, count + 1):
        radius = chance.uniform(5, 7)
        left = (number - 1) * shape[2] // count
        centre = [shape[0] // 2, chance.uniform(radius, shape[1] - radius), left + shape[2] / (2 * count)]
        distance = sum((axis - middle) ** 2 for axis, middle in zip(grid, centre, strict=True))
        objects[distance <= radius**2] = number
    image = chance.normal(60, 20, shape) + 100 * (objects > 0)
    return np.clip(image, 0, 255).astype(np.uint8), objects


@dataclass(frozen=True)
class SceneReader:
    """Makes the image and mask of a case from its number."""

    shape: Shape = FLAT
    is_instances: bool = False
    spacing_mm: tuple[float, float, float] | None = None

    def read(self, case: MaskedCase) -> MaskedImage:
        image, objects = scene(int(case.identifier), self.shape)
        calibration = Calibration.PATIENT if self.spacing_mm else Calibration.NONE
        grid = VolumeGeometry(self.shape, self.spacing_mm or (1.0, 1.0, 1.0), calibration=calibration)
        array = objects if self.is_instances else (objects > 0).astype(np.uint8)
        labels = {int(number): concept_for("disc") for number in np.unique(array) if number}
        return MaskedImage((Volume(image, grid, Quantity.ARBITRARY),), Mask(array, grid, labels))


def table(count: int = 12, reader: SceneReader = SceneReader()) -> MaskTable:
    """Return a table of such cases; two cases in a row are one patient."""
    cases = tuple(
        MaskedCase(str(index), (Path(f"{index}.png"),), Path(f"{index}_mask.png"), patient=str(index // 2))
        for index in range(count)
    )
    return MaskTable("discs", ("background", "disc"), ("grey",), cases, (), "pairs", reader, reader.is_instances)


def prepared(count: int, first: int = 0, shape: Shape = FLAT) -> tuple[PreparedCase, ...]:
    """Return cases on the grid of the network."""
    found = []
    for seed in range(first, first + count):
        image, objects = scene(seed, shape)
        mask = (objects > 0).astype(np.uint8)
        found.append(PreparedCase(str(seed), seed, (image[None] / 255).astype(np.float16), mask))
    return tuple(found)


def parts(shape: Shape = FLAT) -> PreparedParts:
    """Return parts of such cases."""
    return PreparedParts(prepared(6, 0, shape), prepared(2, 100, shape), prepared(2, 200, shape))


def plan(patch: Shape = (1, 32, 32), epochs: int = 2, name: str = "unet", **more: object) -> SegmentationPlan:
    """Return a plan that learns such discs in seconds."""
    strides = () if patch[0] == 1 else (2, 1)
    network = UNetSettings(name, 2, 1, patch, (8, 12, 16), strides, depth=1, supervised=2, centre=0.3, scale=4.0)
    values: dict[str, object] = {
        "name": "discs", "label_names": ("background", "disc"), "prepare": (), "channel_names": ("grey",),
        "network": network, "augment": (Affine(rotation_degrees=10, flip_probability=0.5), Noise()),
        "learning": Optimisation(epochs=epochs, batch_size=4, learning_rate=5e-3, average_decay=0.9),
        "batches_per_epoch": 6,
    }  # fmt: skip
    return SegmentationPlan.model_validate({**values, **more})


def write_pairs(folder: Path, count: int = 12, is_instances: bool = False) -> Path:
    """Write ``images`` and ``masks`` (or ``labels`` of numbered objects) as PNG files, and return the folder."""
    for seed in range(count):
        image, objects = scene(seed)
        for name, array in (("images", image), ("labels" if is_instances else "masks", objects)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            values = array[0] if name != "masks" else (array[0] > 0) * np.uint8(255)
            Image.fromarray(values).save(folder / name / f"case{seed:02d}.png")
    return folder
