"""A drawn bone with a known fracture, and toy models whose answer about it is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.subject import Subject
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import Volume
from hounsfield.model.package import write_package
from tests.model import test_box_package as boxes
from tests.model import toys

SHAPE = (96, 128)
POINT = {
    "threshold": 0.5,
    "sensitivity": {"value": 0.9, "low": 0.85, "high": 0.95},
    "specificity": {"value": 0.8, "low": 0.7, "high": 0.9},
    "data_set": "toy tuning",
}


def bone(gap=(48, 80), width=10.0, angle_degrees=20.0, is_broken=True) -> np.ndarray:
    """A shaft along the columns in soft tissue, with the dense band of an impacted fracture about a place."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    image = np.full(SHAPE, 0.25)
    depth = np.abs(rows - SHAPE[0] / 2)
    image[depth < 20] = 0.35
    image[(depth >= 14) & (depth < 20)] = 0.45
    if is_broken:
        angle = np.deg2rad(angle_degrees)
        across = (columns - gap[1]) * np.cos(angle) + (rows - gap[0]) * np.sin(angle)
        image[(np.abs(across) < width / 2) & (depth < 20)] = 1.0
    return image.astype(np.float32)


def radiograph(image=None, **header) -> Subject:
    """The subject of a radiograph; further keywords are of its series."""
    pixels = bone() if image is None else image
    age = header.pop("age", None)
    instance = InstanceRef("1.2.3.4", "1.2.840.10008.5.1.4.1.1.1.1", Path("drawn.dcm"), "application/dicom", "ab" * 32)
    series = Series("1.2.3", "1.2", header.pop("modality", "DX"), (instance,), **header)
    geometry = VolumeGeometry((1, *pixels.shape), (1.0, 0.2, 0.2), calibration=Calibration.DETECTOR)
    volume = Volume(pixels[None], geometry, Quantity.DISPLAY, (instance,))
    return Subject(Study("1.2", (series,)), series, volume, facts=PatientFacts(age_years=age))


def classifier(folder: Path, points=(0.2, 0.8), classes=("none", "fracture"), **contract) -> str:
    """A model whose map is the picture: the brighter a place, the more it speaks for a fracture.

    A drawn bone with its band has a score of about 0.88, without it of 0.12.
    """
    rules = {}
    if points is not None:
        names = zip(("rule_out", "rule_in"), points, strict=True)
        rules = {name: {**POINT, "threshold": threshold} for name, threshold in names}
    manifest = toys.manifest(
        name="toy-fracture",
        task="classification",
        input=contract,
        network={"rows": toys.ROWS, "columns": toys.COLUMNS, "activation_maps": "maps"},
        explanation={"method": "cam"},
        prepare=[{"step": "resize", "rows": toys.ROWS, "columns": toys.COLUMNS}],
        classes=[{"name": classes[0], "is_finding": False}, {"name": classes[1], "operating_point": POINT, **rules}],
    )
    middle = 100.0 * float(bone().mean() + bone(is_broken=False).mean()) / 2
    network = toys.cam_network(weights=(-100.0, 100.0), bias=(middle, -middle))
    write_package(folder / "toy-fracture.model", manifest, network)
    return str(folder / "toy-fracture.model")


def detector(folder: Path, working_score=0.5) -> str:
    """A model that draws one box, whatever it sees: rows 7 to 23 and columns 22 to 34 of 32 x 48."""
    manifest = boxes.manifest(working_score=working_score)
    entries = manifest.model_dump(mode="json")
    entries |= {"name": "toy-boxes", "classes": [{"name": "metal", "is_finding": False}, {"name": "fracture"}]}
    entries["parts"] = {}
    write_package(folder / "toy-boxes.model", type(manifest).model_validate(entries), boxes.network())
    return str(folder / "toy-boxes.model")


def desk(folder: Path) -> Desk:
    return Desk((folder,), threads=1)


def task(model: str):
    from hounsfield.clinical.fracture.reader import TASK

    return replace(TASK, model=model)
