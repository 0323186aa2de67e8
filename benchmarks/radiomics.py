"""``make bench-radiomics``: extraction beside pyradiomics, MIRP and nyxus on balls of 5 k, 50 k and 1 M voxels.

The peers need other versions of numpy and pandas than we do, so each runs in an environment of its own and is asked
through a pipe, in turn with us. pyradiomics knows fewer features than we do: beside it stand ours without those it
lacks, and all of ours.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from benchmarks.images import write
from benchmarks.side_by_side import Row, Subject, measure, show
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.radiomics import RadiomicsSettings, extract
from hounsfield.radiomics.settings import Family

ENVIRONMENTS = Path(__file__).parents[1] / "build" / "peers"
RESULTS = Path(__file__).with_name("results") / "radiomics.json"
PEERS = {"pyradiomics": "pyradiomics", "mirp": "mirp", "nyxus": "mirp"}
"""Peer and the environment it lies in."""
SIZES = {"5k": 5_000, "50k": 50_000, "1m": 1_000_000}
SLOW = {("mirp", "1m")}
"""MIRP takes minutes there."""
ROUNDS = 5

EVERYTHING = RadiomicsSettings(name="everything")
AS_PYRADIOMICS = replace(
    EVERYTHING,
    name="as-pyradiomics",
    families=(
        *(Family.MORPHOLOGY, Family.INTENSITY_STATISTICS, Family.INTENSITY_HISTOGRAM),
        *(Family.GLCM, Family.GLRLM, Family.GLSZM, Family.NGTDM, Family.NGLDM),
    ),
    aggregations=("3D, averaged", "3D"),
    leaves_out=(
        *("morph_moran_i", "morph_geary_c", "morph_vol_dens_ombb", "morph_area_dens_ombb"),
        *("morph_vol_dens_mvee", "morph_area_dens_mvee"),
    ),
)
"""The families of pyradiomics, its one way of merging, and none of the solids that it does not measure."""


class Peer:
    """A peer that waits in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        """Start it."""
        python = ENVIRONMENTS / PEERS[name] / "bin" / "python"
        program = str(Path(__file__).with_name("radiomics_peer.py"))
        self.peak_mb = 0.0
        self._process = subprocess.Popen(
            [python, "-P", program, name, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def __call__(self) -> float | None:
        """Extract once and return the volume it found."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the peer has no pipes")
        print("extract", file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        self.peak_mb = answer["peak_mb"]
        value = answer["value"]
        return None if value is None else float(value)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def lesion(voxels: int) -> tuple[Volume, Mask]:
    """Return a ball of smooth noise in an image a little larger."""
    radius = (3 * voxels / 4 / np.pi) ** (1 / 3)
    axis = np.arange(2 * int(radius + 2) + 1) - int(radius + 2)
    inside = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 <= radius**2
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=inside.shape), 1)
    samples = np.rint(noise * 800 + 1000).astype(np.int16)
    geometry = VolumeGeometry(inside.shape)
    return Volume(samples, geometry, Quantity.ARBITRARY), Mask(inside.astype(np.uint8), geometry, {})


def save(volume: Volume, mask: Mask, folder: Path) -> None:
    """Write image and mask as every peer takes them."""
    for name, array in (("image", volume.array), ("mask", mask.array)):
        np.save(folder / f"{name}.npy", array)
        nib.save(nib.Nifti1Image(array.T.astype(np.int16), np.eye(4)), folder / f"{name}.nii.gz")


def measure_size(size: str, folder: Path) -> list[Row]:
    """Measure one size: ours as pyradiomics does it, ours with everything, then the peers that are installed."""
    volume, mask = lesion(SIZES[size])
    save(volume, mask, folder)
    installed = [name for name in PEERS if (ENVIRONMENTS / PEERS[name]).is_dir() and (name, size) not in SLOW]
    peers = {name: Peer(name, folder) for name in installed}
    try:
        subjects = [
            Subject("hounsfield", lambda: extract(volume, mask, AS_PYRADIOMICS).value("morph_volume")),
            Subject("hounsfield everything", lambda: extract(volume, mask, EVERYTHING).value("morph_volume")),
            *(Subject(name, peer) for name, peer in peers.items()),
        ]
        rows = measure(subjects, ROUNDS)
    finally:
        for peer in peers.values():
            peer.close()
    return [replace(row, peak_mb=peers[row.name].peak_mb) if row.name in peers else row for row in rows]


def main(sizes: list[str]) -> None:
    """Measure the sizes that are named, all of them without a name."""
    tables = {}
    for size in sizes or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            title = f"radiomic features of {SIZES[size]} voxels [radiomics_{size}]"
            tables[title] = measure_size(size, Path(folder))
            show(title, tables[title])
    missing = [name for name in PEERS if not (ENVIRONMENTS / PEERS[name]).is_dir()]
    if missing:
        print(f"\nNot installed, so not measured: {', '.join(missing)} (make bench-radiomics installs them)")
    write(tables, RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
