"""Files that steps are given by name: a mask, a reference grid, a learnt standard; what they hold takes their place.

Steps hold JSON values alone, so that a trace replays without the files it was made with; and the room of the steps
reads no images. So names become values here, before the steps are built.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.opening import read_volumes
from hounsfield.prepare.grid import grid_record
from hounsfield.prepare.nyul import read_standard
from hounsfield.prepare.packed import pack_mask

MAXIMUM_STANDARD_BYTES = 1 << 16

Supply = Callable[[Path, str, Limits], dict[str, Any]]


def supply_files(
    specification: Sequence[Mapping[str, Any]], limits: Limits = DEFAULT_LIMITS
) -> list[Mapping[str, Any]]:
    """Return a specification of steps in which the names of files have become what the files hold.

    ``inpaint`` takes ``mask``, a volume of which everything that is not 0 is a hole; ``resample-to`` takes
    ``reference``, a volume whose grid is filled; ``nyul`` takes ``standard``, the JSON that ``Nyul.to_json`` wrote.

    Args:
        specification: as ``parse_steps`` and ``read_steps`` return it.
        limits: bounds on what is read.

    Raises:
        PrepareError: ``E447``, the standard is none; ``E448``, the mask has colour; ``E449``, the file does not hold
            one volume.
        ArchiveError: a file is not there, or nothing in it can be used.
    """
    return [_supplied(item, limits) for item in specification]


def _supplied(item: Mapping[str, Any], limits: Limits) -> Mapping[str, Any]:
    step = item.get("step")
    for name, key, supply in _SUPPLIES:
        if step == name and isinstance(item.get(key), str):
            rest = {setting: value for setting, value in item.items() if setting != key}
            found = supply(Path(item[key]), name, limits)
            # What is said beside the file wins over the file.
            return {**found, **rest}
    return item


def _mask(path: Path, step: str, limits: Limits) -> dict[str, Any]:
    return {"mask": pack_mask(_only_volume(path, step, limits), step)}


def _grid(path: Path, step: str, limits: Limits) -> dict[str, Any]:
    return {"grid": grid_record(_only_volume(path, step, limits).geometry)}


def _standard(path: Path, step: str, limits: Limits) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAXIMUM_STANDARD_BYTES:
            raise PrepareError("E447", step=step, found=f"{path.name}, {size} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PrepareError("E447", step=step, found=path.name) from error
    return read_standard(text).settings()


def _only_volume(path: Path, step: str, limits: Limits) -> Volume:
    volumes = read_volumes(path, limits=limits).volumes
    if len(volumes) != 1:
        raise PrepareError("E449", step=step, found=f"{path.name}: {len(volumes)} volumes", expected="1 volume")
    return volumes[0]


_SUPPLIES: tuple[tuple[str, str, Supply], ...] = (
    ("inpaint", "mask", _mask),
    ("resample-to", "reference", _grid),
    ("nyul", "standard", _standard),
)
"""Step, setting that may be the name of a file, and what makes other settings of it."""
