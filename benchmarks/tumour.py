"""Lesions from prompts on the soft-tissue sarcomas of ``../shared/data/sarcoma``, beside the radiologists' masks.

``python -m benchmarks.tumour`` puts one click at the middle of each reference mask, and a box about it, to every method
on CT, T1 MR and PET, and prints the Dice score with the masks. The numbers of ``SegmentSettings`` were chosen after a
look at these same six patients, so the figures are optimistic; there is no other set here to hold them against.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.cases.label_maps import read_label_map
from hounsfield.clinical.tumour.growing import nearest
from hounsfield.clinical.tumour.prompt import Method, Place, Prompt
from hounsfield.clinical.tumour.segmenting import SETTINGS, SegmentSettings, segment
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.opening import read_volumes

DATA = Path("../shared/data/sarcoma/nifti")
KINDS = {"CT": Quantity.HOUNSFIELD, "MR_T1": Quantity.ARBITRARY, "PET": Quantity.SUV_BW}
Flags = npt.NDArray[np.bool_]


def cases(data: Path = DATA) -> Iterator[tuple[str, str, Volume, Flags]]:
    """Yield the kind, the patient, the image and the mask of every case."""
    for kind, quantity in KINDS.items():
        for folder in sorted(data.iterdir()):
            volume = read_volumes(folder / f"{kind}_image.nii.gz").volumes[0]
            mask = read_label_map(folder / f"{kind}_mask.nii.gz").array > 0
            yield kind, folder.name, volume.with_array(volume.array, quantity=quantity), mask


def middle(mask: Flags) -> tuple[int, int, int]:
    """Return the voxel of a mask that lies nearest to its centre of mass."""
    one, two, three = (round(float(at)) for at in ndimage.center_of_mass(mask))
    return nearest(mask, (one, two, three))


def prompts(mask: Flags, kind: str) -> dict[str, Prompt]:
    """Return what is asked about a lesion."""
    places = np.argwhere(mask)
    low, high = (Place(tuple(float(at) for at in corner)) for corner in (places.min(0), places.max(0)))
    click, box = (Place(tuple(float(at) for at in middle(mask))),), (low, high)
    asked = {f"{method.value} click": Prompt(method, click) for method in (Method.GROW, Method.WALKER)}
    asked |= {f"{method.value} box": Prompt(method, box=box) for method in (Method.GROW, Method.WALKER)}
    if kind == "PET":
        asked |= {
            f"{name} {100 * part:.0f} %": Prompt(Method.THRESHOLD, (), (), box, fraction=part)
            if name == "box"
            else Prompt(Method.THRESHOLD, click, fraction=part)
            for name in ("click", "box")
            for part in (0.41, 0.5)
        }
    return asked


def dice(one: Flags, other: Flags) -> float:
    """Return the Dice score of two masks."""
    return 2.0 * np.count_nonzero(one & other) / max(1, np.count_nonzero(one) + np.count_nonzero(other))


def main(settings: SegmentSettings = SETTINGS) -> None:
    """Print the table."""
    found: dict[tuple[str, str], list[float]] = {}
    began, longest = time.perf_counter(), 0.0
    for kind, name, volume, mask in cases():
        for asked, prompt in prompts(mask, kind).items():
            started = time.perf_counter()
            try:
                score = dice(segment(volume, prompt, settings).inside, mask)
            except ImageError:
                score = 0.0
            longest = max(longest, time.perf_counter() - started)
            found.setdefault((kind, asked), []).append(score)
        sys.stderr.write(f"{kind} {name}\n")
    sys.stdout.write("kind   prompt         mean  median  each\n")
    for (kind, asked), scores in found.items():
        each = " ".join(f"{score:.2f}" for score in scores)
        sys.stdout.write(f"{kind:<6} {asked:<14} {np.mean(scores):.2f}  {np.median(scores):.2f}    {each}\n")
    sys.stdout.write(f"{time.perf_counter() - began:.0f} s in all, the longest {longest:.1f} s\n")


if __name__ == "__main__":
    main()
