"""Toy models for the tasks: what a map must show is known, because logits are means of the picture itself."""

from pathlib import Path

from hounsfield.clinical.desk import Desk
from hounsfield.model.package import write_package
from tests.model import toys

CHEST, BRAIN, GATE = "chest-xray-pneumonia", "brain-mri-tumour", "body-part"
_POINT = {
    "threshold": 0.5,
    "sensitivity": {"value": 0.9, "low": 0.85, "high": 0.95},
    "specificity": {"value": 0.8, "low": 0.7, "high": 0.9},
    "data_set": "toy tuning",
}
GREY = [{"step": "resize", "rows": toys.ROWS, "columns": toys.COLUMNS}]


def finding_model(folder: Path, name: str, task: str, **contract: object) -> None:
    """A model whose map is the picture: the brighter a place, the more it speaks for the second class."""
    manifest = toys.manifest(
        name=name,
        task=task,
        input=contract,
        network={"rows": toys.ROWS, "columns": toys.COLUMNS, "activation_maps": "maps"},
        explanation={"method": "cam"},
        prepare=GREY,
        classes=[{"name": "no-pneumonia", "is_finding": False}, {"name": "pneumonia", "operating_point": _POINT}],
    )
    write_package(folder / f"{name}.model", manifest, toys.cam_network(weights=(-8.0, 8.0), bias=(1.0, -1.0)))


def gate_model(folder: Path, dark: str = "other", bright: str = "chest-xray") -> None:
    """A gate that takes pictures with a mean above 0.5 for ``bright`` and all others for ``dark``."""
    manifest = toys.manifest(
        name=GATE,
        task="gate",
        prepare=GREY,
        classes=[{"name": dark, "is_finding": False}, {"name": bright, "is_finding": False}],
    )
    write_package(folder / f"{GATE}.model", manifest, toys.mean_network())


def desk_of(folder: Path) -> Desk:
    return Desk((folder,), threads=1)
