"""Build the data set of the gate ``body-part`` from the example data: pictures by kind, and a manifest.

    python starters/build_body_part.py ../shared/data FOLDER

The kinds are those of MedNIST, brain MRI, breast ultrasound, fundus photographs, microscopy, and ``other``: patterns,
photographs, and slices of bodies that are none of these. The column ``source`` tells what a kind is made of, the column
``patient_id`` what belongs together (the slices of one volume, the crops of one photograph, the eyes of one child).
"""

import csv
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from patterns import PATTERNS  # this folder is no package

LONGEST = 192
SEED = 0
CHEST_OF_CHILDREN = 1400
CROPS_OF_A_PHOTOGRAPH = 40
SLICES_OF_A_VOLUME = 14
CT_WINDOWS = ((40, 400), (-500, 1500), (300, 1500))
MEDNIST = ("AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT")
PHOTOGRAPHS = {
    "skimage": ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
                "gravel.png", "hubble_deep_field.jpg", "moon.png", "page.png", "rocket.jpg", "text.png"),
    "sklearn": ("china.jpg", "flower.jpg"),
}  # fmt: skip
FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}

Pixels = npt.NDArray[np.float32]


class Example(NamedTuple):
    """A picture with its kind, its source and what it belongs to."""

    kind: str
    source: str
    patient: str
    pixels: Pixels


def grey(path: Path) -> Pixels:
    """Return a picture file as grey values in 0..1."""
    return np.asarray(Image.open(path).convert("L"), np.float32) / 255


def mednist(data: Path) -> Iterator[Example]:
    """Give the six kinds of MedNIST."""
    for kind in MEDNIST:
        for path in sorted((data / "body_part" / kind).iterdir()):
            yield Example(kind, f"mednist-{kind}", "", grey(path))


def brains(data: Path) -> Iterator[Example]:
    """Give the brain slices, each folder a source."""
    for folder in sorted((data / "brain_mri").iterdir()):
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                yield Example("BrainMRI", f"brain-{folder.name}", "", grey(path))


def chests_of_children(data: Path, chance: np.random.Generator) -> Iterator[Example]:
    """Give a part of the chest radiographs of children."""
    (path,) = sorted((data / "chest_xray_pneumonia").glob("*.npz"))
    with np.load(path, allow_pickle=False) as arrays:
        images = arrays["train_images"]
    for index in np.sort(chance.permutation(len(images))[:CHEST_OF_CHILDREN]):
        yield Example("CXR", "kermany-children", "", images[index].astype(np.float32) / 255)


def other_kinds(data: Path) -> Iterator[Example]:
    """Give breast ultrasound, fundus photographs and microscopy."""
    for path in sorted((data / "breast_ultrasound").glob("*/*")):
        yield Example("BreastUS", "busi", "", grey(path))
    for path in sorted((data / "retina_vessels").rglob("*.jpg")):
        child = "".join(letter for letter in path.stem if letter.isdigit())[:2]
        yield Example("Fundus", "chase-db1", f"chase-{child}", grey(path))
    for path in sorted((data / "blood_cells").rglob("*.jp*g")):
        yield Example("Microscopy", "bccd", "", grey(path))
    for path in sorted((data / "nuclei").rglob("*.png")):
        if "label" not in str(path.relative_to(data)):
            yield Example("Microscopy", "dsb-2018", "", grey(path))


def bodies(data: Path, chance: np.random.Generator) -> Iterator[Example]:
    """Give slices of volumes of thighs, trunks and whole bodies in three directions, as ``other``."""
    sarcoma = data / "sarcoma" / "nifti"
    for patient in ("STS_001", "STS_002", "STS_003"):
        for kind in ("CT", "MR_T1", "PET"):
            path = sarcoma / patient / f"{kind}_image.nii.gz"
            for pixels in slices_of(path, kind == "CT", chance):
                yield Example("other", f"sarcoma-{kind}", patient, pixels)
    for name in ("example_ct", "example_ct_sm", "example_mr_sm"):
        path = data / "whole_body" / f"{name}.nii.gz"
        if path.is_file():
            for pixels in slices_of(path, "_ct" in name, chance):
                yield Example("other", "totalsegmentator", name, pixels)


def slices_of(path: Path, is_ct: bool, chance: np.random.Generator) -> Iterator[Pixels]:
    """Give drawn slices of a volume in its three directions, with square pixels; CT through three windows."""
    image = nib.as_closest_canonical(nib.load(path))
    volume = np.asarray(image.dataobj, np.float32)
    spacing = np.asarray(image.header.get_zooms()[:3], float)
    for axis in range(3):
        count = volume.shape[axis]
        inner = np.arange(round(0.1 * count), round(0.9 * count))
        for index in chance.permutation(inner)[:SLICES_OF_A_VOLUME]:
            plane = np.rot90(np.take(volume, int(index), axis))
            ratio = np.delete(spacing, axis)[::-1]
            plane = resized(plane, *(np.array(plane.shape) * ratio / ratio.min()).round().astype(int))
            if plane.std() < 1e-6 or (plane > np.percentile(plane, 99.5) * 0.1).mean() < 0.05:
                continue
            if not is_ct:
                yield stretched(plane)
                continue
            for centre, width in CT_WINDOWS:
                yield np.clip((plane - (centre - width / 2)) / width, 0, 1)


def photographs(chance: np.random.Generator) -> Iterator[Example]:
    """Give crops of the photographs that scikit-image and scikit-learn install."""
    for package, names in PHOTOGRAPHS.items():
        found = find_spec(package)
        if found is None or found.origin is None:
            raise SystemExit(f"{package} is needed for its photographs: pip install 'hounsfield[dev]'")
        for name in names:
            path = Path(found.origin).parent / FOLDERS[package] / name
            if not path.is_file():
                continue
            pixels = grey(path)
            for _ in range(CROPS_OF_A_PHOTOGRAPH):
                side = int(min(pixels.shape) * chance.uniform(0.25, 1))
                row, column = (int(chance.integers(0, length - side + 1)) for length in pixels.shape)
                yield Example("other", "photographs", name, pixels[row : row + side, column : column + side])


def patterns(chance: np.random.Generator) -> Iterator[Example]:
    """Give the patterns."""
    for name, (draw, count) in PATTERNS.items():
        for _ in range(count):
            pixels = draw(chance)
            yield Example("other", f"pattern-{name}", "", pixels if name == "blanks" else stretched(pixels))


def stretched(pixels: Pixels) -> Pixels:
    """Return a picture stretched from its 0.5 to its 99.5 percentile."""
    low, high = np.percentile(pixels, [0.5, 99.5])
    return np.clip((pixels - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def resized(pixels: Pixels, rows: int, columns: int) -> Pixels:
    """Return a picture with another number of rows and columns."""
    how = Image.Resampling.BOX if rows * columns < pixels.size else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize((int(columns), int(rows)), how), np.float32)


def small(pixels: Pixels) -> Pixels:
    """Return a picture whose longer side is at most ``LONGEST``."""
    scale = LONGEST / max(pixels.shape)
    return pixels if scale >= 1 else resized(pixels, *(max(8, round(side * scale)) for side in pixels.shape))


def all_examples(data: Path) -> Iterator[Example]:
    """Give every picture of the data set, the same ones each time."""
    chance = np.random.default_rng(SEED)
    yield from mednist(data)
    yield from brains(data)
    yield from chests_of_children(data, chance)
    yield from other_kinds(data)
    yield from bodies(data, chance)
    yield from photographs(chance)
    yield from patterns(chance)


def main(data: Path, output: Path) -> None:
    """Write the pictures and the manifest."""
    output.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    with (output / "cases.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "patient_id", "source"])
        for example in all_examples(data):
            number = counts.setdefault(example.source, 0)
            counts[example.source] += 1
            path = Path(example.kind) / f"{example.source}-{number:05d}.png"
            (output / example.kind).mkdir(exist_ok=True)
            pixels = np.rint(small(example.pixels) * 255).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(output / path)
            writer.writerow([path.as_posix(), example.kind, example.patient, example.source])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
