"""``python -m benchmarks.quality DATA``: false alarms and sensitivity of the image quality checks, by source.

Sources are the unit that is held out: a limit that was set on half of them is tried on the other half, and the other
way round, beside the limit that ships. Sensitivity is measured on the same images after a degradation of known size.
``DATA`` is a folder laid out as the shared data set of the project; a source that is not there is left out.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.image.checks import CLIPPED_PICTURE_FRACTION, CLIPPED_WARN_FRACTION, sample_checks
from hounsfield.image.quality.criteria import criteria
from hounsfield.image.quality.judge import judge_volume
from hounsfield.image.quality.motion import ghost_percent
from hounsfield.image.quality.sample import sample_planes
from hounsfield.opening import read_volumes

SOURCES: Mapping[str, tuple[str, str]] = {
    "body part thumbnails": ("body_part/*/*", "OT"),
    "brain MR slices": ("brain_mri/*/*", "OT"),
    "breast ultrasound": ("breast_ultrasound/*/*", "US"),
    "radiographs of bones": ("fracture_xray/*/*", "DX"),
    "blood cells": ("blood_cells/JPEGImages/*", "OT"),
    "nuclei": ("nuclei/images/*", "OT"),
    "fundus": ("retina_vessels/*.jpg", "OT"),
    "sarcoma CT": ("sarcoma/nifti/*/CT_image.nii.gz", "CT"),
    "sarcoma MR": ("sarcoma/nifti/*/MR_T1_image.nii.gz", "MR"),
    "whole body CT": ("whole_body/example_ct_dicom", "CT"),
    "spinal cord MR": ("spinal_cord/t*/t?.nii.gz", "MR"),
}
CHEST_XRAYS = "chest_xray_pneumonia/pneumoniamnist_trainval.npz"
MEASURED = ("noise", "noise-ct", "blur", "slice-shift", "ghosting", "field-of-view", "text", "clipping")
DEGRADATIONS = {"noise": "noise", "blur": "blur", "shift": "slice-shift", "ghost": "ghosting", "clip": "clipping"}


@dataclass(frozen=True)
class Sample:
    """One volume of a source."""

    source: str
    modality: str
    volume: Volume


def samples(data: Path, most: int) -> Iterator[Sample]:
    """Give up to so many volumes of each source, spread evenly over its files."""
    for source, (pattern, modality) in SOURCES.items():
        paths = sorted(data.glob(pattern))
        for path in paths[:: max(1, len(paths) // most)][:most]:
            try:
                opened = read_volumes(path)
            except HounsfieldError:
                continue
            for volume, series in zip(opened.volumes[:2], opened.series, strict=False):
                is_ct = modality == "CT"  # NIfTI names no unit
                seen = volume.with_array(volume.array, quantity=Quantity.HOUNSFIELD) if is_ct else volume
                yield Sample(source, series.modality or modality, seen)
    if (data / CHEST_XRAYS).is_file():
        with np.load(data / CHEST_XRAYS) as arrays:
            images = arrays[next(name for name in sorted(arrays) if name.endswith("images"))]
        for image in images[:: len(images) // most][:most]:
            shape = (1, image.shape[0], image.shape[1])
            yield Sample("chest X-ray thumbnails", "DX", Volume(image[None], VolumeGeometry(shape), Quantity.DISPLAY))


def measure(sample: Sample) -> dict[str, float]:
    """Return what each check measures; those that are not made are left out."""
    volume = sample.volume
    checks = [*sample_checks(volume)]
    if not any(check.issue and check.issue.severity == "reject" for check in checks):
        checks += judge_volume(volume, sample.modality)
    found = {check.name: check.value for check in checks if check.value is not None and not check.reason}
    if sample.modality == "MR":  # the direction is not in these files: the worse of the two
        ghosts = [ghost_percent(plane, along) for plane in sample_planes(volume, 4) for along in (True, False)]
        values = [value for value in ghosts if value is not None]
        if values:
            found["ghosting"] = float(np.median(values))
    if volume.quantity is Quantity.DISPLAY and "clipping" in found:  # its limit is another: brought to the one scale
        found["clipping"] *= CLIPPED_WARN_FRACTION / CLIPPED_PICTURE_FRACTION
    return {name: value for name, value in found.items() if name in MEASURED}


def shipped_limit(name: str) -> float:
    """Return the limit above which a check raises its issue."""
    return 100 * CLIPPED_WARN_FRACTION if name == "clipping" else float(criteria()[name].above or np.inf)


def degraded(volume: Volume, kind: str) -> Volume:
    """Return the volume with one fault of known size."""
    array = volume.array.astype(np.float32)
    low, high = np.percentile(array[..., ::2, ::2], (0.5, 99.5))
    change: Mapping[str, Callable[[], npt.NDArray[np.float32]]] = {
        "noise": lambda: array + np.random.default_rng(0).normal(0, _sigma(volume, high - low), array.shape),
        "blur": lambda: gaussian_filter(array, (*(0,) * (array.ndim - 2), 4.0, 4.0)),
        "shift": lambda: _shifted(array, volume),
        "ghost": lambda: array + 0.25 * np.roll(array, array.shape[-1] // 2, axis=-1),
        "clip": lambda: np.minimum(array, np.quantile(array, 0.8)),
    }
    return volume.with_array(np.asarray(change[kind](), np.float32))


def _sigma(volume: Volume, span: float) -> float:
    return 200.0 if volume.quantity is Quantity.HOUNSFIELD else 0.2 * span


def _shifted(array: npt.NDArray[np.float32], volume: Volume) -> npt.NDArray[np.float32]:
    """Move the upper half of a stack sideways by 10 mm."""
    moved, middle = array.copy(), array.shape[-3] // 2
    moved[..., middle:, :, :] = np.roll(array[..., middle:, :, :], round(10 / volume.geometry.column_spacing_mm), -1)
    return moved


def false_alarms(values: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, object]]:
    """Return by check: images, share above the shipped limit, by source too, and the share above held-out limits."""
    table = {}
    for name, by_source in values.items():
        limit, together = shipped_limit(name), np.concatenate([by_source[source] for source in by_source])
        shares = {source: float(np.mean(np.asarray(found) > limit)) for source, found in by_source.items()}
        table[name] = {
            "limit": limit,
            "images": len(together),
            "sources": len(by_source),
            "false_alarm_percent": round(100 * float(np.mean(together > limit)), 1),
            "largest_sound_value": round(float(np.quantile(together, 0.99)), 3),
            "sources_with_alarms": {source: round(100 * share, 1) for source, share in shares.items() if share},
            "held_out": _held_out(by_source),
        }
    return table


def _held_out(by_source: Mapping[str, list[float]]) -> list[dict[str, float]]:
    """Set the limit at the 99th percentile of every other source, and count alarms on the rest; then the other way."""
    names = sorted(by_source)
    halves = (names[::2], names[1::2])
    if not halves[1]:
        return []
    found = []
    for set_on, tried_on in (halves, halves[::-1]):
        limit = float(np.quantile(np.concatenate([by_source[name] for name in set_on]), 0.99))
        tried = np.concatenate([by_source[name] for name in tried_on])
        found.append({"limit": round(limit, 3), "false_alarm_percent": round(100 * float(np.mean(tried > limit)), 1)})
    return found


def sensitivity(found: list[Sample]) -> dict[str, dict[str, float]]:
    """Return by degradation the share of the images that raise the alarm, of those that did not before."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for sample in found:
        before = measure(sample)
        for kind, name in DEGRADATIONS.items():
            check = "noise-ct" if name == "noise" and sample.volume.quantity is Quantity.HOUNSFIELD else name
            if check not in before or before[check] > shipped_limit(check):
                continue
            after = measure(Sample(sample.source, sample.modality, degraded(sample.volume, kind)))
            counts[f"{kind}: {check}"].append(after.get(check, 0.0) > shipped_limit(check))
    return {
        kind: {"images": len(hits), "found_percent": round(100 * float(np.mean(hits)), 1)}
        for kind, hits in sorted(counts.items())
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--most", type=int, default=12, help="volumes of each source")
    parser.add_argument("--degraded", type=int, default=3, help="volumes of each source that are degraded")
    arguments = parser.parse_args()
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    chosen: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples(arguments.data, arguments.most):
        for name, value in measure(sample).items():
            values[name][sample.source].append(value)
        if len(chosen[sample.source]) < arguments.degraded:
            chosen[sample.source].append(sample)
    print(json.dumps({"false_alarms": false_alarms(values)}, indent=1))
    print(json.dumps({"sensitivity": sensitivity([one for found in chosen.values() for one in found])}, indent=1))


if __name__ == "__main__":
    main()
