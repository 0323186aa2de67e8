"""Series that hold several volumes: echoes, b-values, phases, time points; each volume has its own grey values."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from hounsfield.image.phantoms import HeadPhantom, pose_geometry, write_enhanced_mr, write_head
from hounsfield.image.phantoms.writer import PhantomIdentity
from tests.image.helpers import change

Edit = Callable[[Dataset, int], None]
SHAPE = (4, 12, 14)
GEOMETRY = pose_geometry(SHAPE, (20.0, 10.0, 9.0))


def volume_of(number: int) -> np.ndarray:
    """Return the samples of the volume of a number: every slice has its own grey, every volume its own hundred."""
    levels = 100 * (number + 1) + np.arange(SHAPE[0])
    samples = np.broadcast_to(levels[:, None, None], SHAPE).astype(np.uint16).copy()
    samples[:, :2, :3] += 50  # an image of one value alone would be no image to some readers
    return samples


def write_classic(folder: Path, name: str, edits: Sequence[Edit], order: str = "blocks") -> Path:
    """Write one series of single-frame MR objects, volume after volume, or slice after slice."""
    count = len(edits)
    for number, edit in enumerate(edits):
        for path in write_head(folder / f"{number}", HeadPhantom(GEOMETRY), PhantomIdentity(name)):
            index = int(path.stem.split("_")[-1])

            def shape(dataset: Dataset, number: int = number, index: int = index, edit: Edit = edit) -> None:
                dataset.PixelData = volume_of(number)[index].astype("<u2").tobytes()
                uid = f"{dataset.SOPInstanceUID[:50]}.{number + 1}.{index}"
                dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
                is_block = order == "blocks"
                dataset.InstanceNumber = 1 + (number * SHAPE[0] + index if is_block else index * count + number)
                edit(dataset, index)

            change(path, shape)
    return folder


def write_multi_frame(
    folder: Path, name: str, edits: Sequence[Edit], order: str = "volumes", has_index: bool = False
) -> Path:
    """Write one Enhanced MR object with the frames of all volumes; an edit changes the groups of one frame.

    Frames are stored volume by volume, slice by slice, or shuffled so that their numbers say nothing; the first value
    of the dimension index, where there is one, counts volumes.
    """
    path = write_enhanced_mr(folder, HeadPhantom(GEOMETRY), PhantomIdentity(name))
    dataset = pydicom.dcmread(path)
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    groups.sort(key=lambda group: float(group.PlanePositionSequence[0].ImagePositionPatient[2]))
    pairs = [(number, index) for number in range(len(edits)) for index in range(SHAPE[0])]
    if order == "slices":
        pairs.sort(key=lambda pair: pair[::-1])
    if order == "shuffled":
        pairs = [pairs[place] for place in np.random.default_rng(len(pairs)).permutation(len(pairs))]
    if has_index:
        first = copy.deepcopy(dataset.DimensionIndexSequence[1])
        first.DimensionIndexPointer = 0x00209128
        dataset.DimensionIndexSequence.insert(0, first)
    frames, pixels = [], []
    for number, index in pairs:
        group = copy.deepcopy(groups[index])
        content = group.FrameContentSequence[0]
        content.InStackPositionNumber = index + 1
        if has_index:
            content.DimensionIndexValues = [number + 1, 1, index + 1]
        edits[number](group, index)
        frames.append(group)
        pixels.append(volume_of(number)[index])
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = np.stack(pixels).astype("<u2").tobytes()
    dataset.save_as(path)
    return folder


def sets(**values: object) -> Edit:
    """Return an edit that sets attributes."""

    def edit(dataset: Dataset, index: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def item(**values: object) -> Dataset:
    """Return an item of a sequence."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def diffusion(b_value: float, direction: Sequence[float] | None = None) -> Dataset:
    """Return an item of the MR Diffusion macro (PS3.3 C.8.13.5.9)."""
    found = item(DiffusionBValue=b_value, DiffusionDirectionality="DIRECTIONAL" if direction else "NONE")
    if direction:
        found.DiffusionGradientDirectionSequence = [item(DiffusionGradientOrientation=list(direction))]
    return found


def content(**values: object) -> Edit:
    """Return an edit of the Frame Content macro."""

    def edit(group: Dataset, index: int) -> None:
        for keyword, value in values.items():
            setattr(group.FrameContentSequence[0], keyword, value)

    return edit
