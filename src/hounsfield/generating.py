"""Generating: a folder of synthetic images from a generator, marked so that none is taken for a patient's."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.errors import SettingsError
from hounsfield.image.saving import whole_folder
from hounsfield.image.synthetic import synthetic_png
from hounsfield.model.generator import Generator, Images
from hounsfield.model.package import ModelPackage

MANIFEST_FILE = "manifest.csv"
MOST_IMAGES = 100_000
COLUMNS = ("path", "label", "split", "synthetic", "generator", "weights_digest", "seed", "number")


@dataclass(frozen=True)
class Generated:
    """A folder of synthetic images.

    Attributes:
        folder: where they are.
        manifest: the CSV that names them: path, label, the part ``training``, ``synthetic`` yes, and what made each.
        counts: images of each class.
    """

    folder: Path
    manifest: Path
    counts: dict[str, int]


def generate(
    package: ModelPackage, folder: Path, count: int, class_names: tuple[str, ...] = (), seed: int = 0, threads: int = 0
) -> Generated:
    """Write synthetic images as PNG files of 8 bits, and a manifest that ``hounsfield train`` takes.

    Every file says in its text chunks that it is synthetic and what made it; the manifest declares them as training
    cases, so that none comes into a tuning or test part. The same arguments give the same bytes, and image k of a class
    is the same however many there are.

    Args:
        package: of a generator.
        folder: new or empty.
        count: images of each class.
        class_names: classes that are wanted; all of the generator's when empty.
        seed: of the noise.
        threads: of arithmetic; 0 takes the cores of the machine.

    Raises:
        ModelError: ``E921``, the model is no generator of noise.
        OutOfScope: ``E922``, it makes no such class.
        SettingsError: ``E926``, the count is not possible; ``E340``, the folder holds something already.
    """
    generator = Generator(package, threads)
    wanted = class_names or generator.class_names
    labels = [generator.label_of(name) for name in dict.fromkeys(wanted)]
    if not 1 <= count * len(labels) <= MOST_IMAGES:
        raise SettingsError("E926", found=count * len(labels), expected=MOST_IMAGES)
    rows: list[tuple[object, ...]] = []
    identity = package.identity
    with whole_folder(folder) as target:
        for label in labels:
            name = generator.class_names[label]
            place = f"{label:03d}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-') or 'class'}"
            (target / place).mkdir()
            for number, image in enumerate(generator.draw(label, count, seed), start=1):
                path = f"{place}/synthetic-{number:06d}.png"
                (target / path).write_bytes(_png(image, package, name, seed, number))
                rows.append((path, name, "training", "yes", identity.name, identity.weights_digest, seed, number))
        (target / MANIFEST_FILE).write_text(_csv(rows), encoding="utf-8")
    counts = {generator.class_names[label]: count for label in labels}
    return Generated(folder, folder / MANIFEST_FILE, counts)


def pixels_of(image: Images) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return an image (channel, row, column) in 0..1 as pixels of 8 bits, (row, column) or (row, column, 3)."""
    pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)


def _png(image: Images, package: ModelPackage, name: str, seed: int, number: int) -> bytes:
    identity = package.identity
    facts = {
        "Software": "Hounsfield",
        "Title": f"Synthetic image {number} of class {name}",
        "Source": f"{identity.name} {identity.version}, weights SHA-256 {identity.weights_digest}",
        "Seed": str(seed),
        "Class": name,
    }
    return synthetic_png(pixels_of(image), facts)


def _csv(rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()
