"""Generating: a folder of synthetic images from a generator, marked so that none is taken for a patient's."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.archive.local import open_source
from hounsfield.core.volume import Volume, middle_slice
from hounsfield.errors import ImageError, ModelError, SettingsError
from hounsfield.image.assemble import assemble
from hounsfield.image.display import to_display
from hounsfield.image.saving import whole_folder
from hounsfield.image.synthetic import synthetic_png
from hounsfield.model.generator import Generator, Images
from hounsfield.model.package import ModelPackage
from hounsfield.prepare.sequence import apply_steps, build_steps

MANIFEST_FILE = "manifest.csv"
MOST_IMAGES = 100_000
_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".nii", ".nii.gz", ".nrrd")
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
        ModelError: ``E921`` the model is no generator, ``E623`` it makes images from images.
        OutOfScope: ``E922``, it makes no such class.
        SettingsError: ``E926``, the count is not possible; ``E340``, the folder holds something already.
    """
    generator = Generator(package, threads)
    if generator.takes_images:
        raise ModelError("E623", model=package.identity.name, expected="images", found="-")
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


def generate_from(package: ModelPackage, source: Path, folder: Path, threads: int = 0) -> Generated:
    """Write the image that a generator makes of each image of a file or folder, marked as synthetic.

    The image given is prepared as those were that the generator learned from; of a volume the middle slice counts.

    Args:
        package: of a generator of images from images.
        source: an image file, or a folder of them.
        folder: new or empty.
        threads: of arithmetic; 0 takes the cores of the machine.

    Raises:
        ModelError: ``E921`` the model is no generator, ``E623`` it makes images from classes.
        ImageError: ``E624``, there is no image.
        SettingsError: ``E340``, the folder holds something already.
        HounsfieldError: an image cannot be read or prepared.
    """
    generator = Generator(package, threads)
    if not generator.takes_images:
        raise ModelError("E623", model=package.identity.name, expected="noise", found=source.name)
    steps, identity = build_steps(package.manifest.prepare), package.identity
    files = [source] if source.is_file() else _images_below(source)
    rows: list[tuple[object, ...]] = []
    with whole_folder(folder) as target:
        for number, path in enumerate(files, start=1):
            prepared, _ = apply_steps(steps, to_display(middle_slice(_read(path))))
            image = generator.run(prepared.array[None].astype(np.float32))[0]
            name = f"synthetic-{number:06d}.png"
            (target / name).write_bytes(_png(image, package, "image", 0, number))
            given = path.name if source.is_file() else path.relative_to(source).as_posix()
            rows.append((name, "image", "training", "yes", identity.name, identity.weights_digest, 0, number, given))
        (target / MANIFEST_FILE).write_text(_csv(rows, (*COLUMNS, "source")), encoding="utf-8")
    return Generated(folder, folder / MANIFEST_FILE, {"image": len(rows)})


def _images_below(source: Path) -> list[Path]:
    found = sorted(path for path in source.rglob("*") if path.name.lower().endswith(_ENDINGS) and path.is_file())
    if not found:
        raise ImageError("E624", path=source.name)
    return found


def _read(path: Path) -> Volume:
    """Return the first volume of a file."""
    with open_source(path) as archive:
        for study in archive.studies:
            for series in study.series:
                volumes = assemble(series).volumes if any(one.number_of_frames for one in series.instances) else ()
                if volumes:
                    return volumes[0]
    raise ImageError("E624", path=path.name)


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


def _csv(rows: list[tuple[object, ...]], columns: tuple[str, ...] = COLUMNS) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
