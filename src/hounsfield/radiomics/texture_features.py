"""The texture families as vectors of features, for every way of merging slices and directions (IBSI 3.6 to 3.11)."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.radiomics.run_formulas import dependence_energy, describe_runs
from hounsfield.radiomics.texture import Counted, NeighbourCounts, TextureRegion, counted, gathered
from hounsfield.radiomics.tone_formulas import describe_tones

Vector = npt.NDArray[np.float64]
Found = dict[tuple[str, str], Vector]
"""(family, aggregation) -> its features in the order of the catalogue."""

DIRECTED = ("2D, averaged", "2D, slice-merged", "2.5D, direction-merged", "2.5D, merged", "3D, averaged", "3D, merged")
UNDIRECTED = ("2D", "2.5D", "3D")


def texture_features(region: TextureRegion, aggregations: Iterable[str], families: Iterable[str]) -> Found:
    """Return the features of the families asked for, merged in the ways asked for.

    Args:
        region: framed levels.
        aggregations: names of ``DIRECTED`` and ``UNDIRECTED``; those that a family does not have are passed over.
        families: of ``glcm``, ``glrlm``, ``glszm``, ``gldzm``, ``ngtdm``, ``ngldm``.
    """
    wanted, kinds = set(aggregations), set(families)
    found: Found = {}
    if kinds & {"glcm", "glrlm", "ngtdm", "ngldm"}:
        if any(name.startswith("2") for name in wanted):
            found |= _planar(list(region.neighbours_by_slice()), region.level_count)
        if any(name.startswith("3") for name in wanted):
            found |= _spatial(region.neighbours(), region.level_count)
    if kinds & {"glszm", "gldzm"}:
        if any(name.startswith("2") for name in wanted):
            found |= _planar_zones(list(region.zones_by_slice()))
        if any(name.startswith("3") for name in wanted):
            found |= _zone_features("3D", region.zones())
    return {key: value for key, value in found.items() if key[0] in kinds and key[1] in wanted}


def _planar(slices: Sequence[NeighbourCounts], level_count: int) -> Found:
    merged = _sum(slices)
    by_direction, whole = _described(merged, level_count)
    each = [_described(one, level_count) for one in slices]
    found: Found = {}
    for family in ("glcm", "glrlm"):
        found[family, "2D, averaged"] = _mean([vector for one, _ in each for vector in one[family]])
        found[family, "2D, slice-merged"] = _mean([one[family] for _, one in each])
        found[family, "2.5D, direction-merged"] = _mean(by_direction[family])
        found[family, "2.5D, merged"] = whole[family]
    for family, describe in _PLAIN.items():
        found[family, "2D"] = _mean([describe(one) for one in slices])
        found[family, "2.5D"] = describe(merged)
    return found


def _spatial(counts: NeighbourCounts, level_count: int) -> Found:
    by_direction, whole = _described(counts, level_count)
    found: Found = {}
    for family in ("glcm", "glrlm"):
        found[family, "3D, averaged"] = _mean(by_direction[family])
        found[family, "3D, merged"] = whole[family]
    return found | {(family, "3D"): describe(counts) for family, describe in _PLAIN.items()}


def _described(counts: NeighbourCounts, level_count: int) -> tuple[Mapping[str, list[Vector]], Mapping[str, Vector]]:
    """Return the features of pairs and runs for each direction, and of all directions merged."""
    voxels, directions = counts.voxel_count, len(counts.pairs)
    by_direction = {
        "glcm": [_pairs(matrix, level_count) for matrix in counts.pairs],
        "glrlm": [describe_runs(counted(matrix, voxels)) for matrix in counts.runs],
    }
    whole = {
        "glcm": _pairs(counts.pairs.sum(0), level_count),
        "glrlm": describe_runs(counted(counts.runs.sum(0), voxels * directions)),
    }
    return by_direction, whole


def _pairs(matrix: npt.NDArray[np.int64], level_count: int) -> Vector:
    from hounsfield.radiomics.matrix_kernels import FEATURES, describe_pairs

    found = np.empty(FEATURES)
    describe_pairs(matrix, level_count, found)
    return found


def _tones(counts: NeighbourCounts) -> Vector:
    return describe_tones(counts.tones)


def _dependence(counts: NeighbourCounts) -> Vector:
    matrix = counted(counts.dependence, counts.voxel_count)
    return np.append(describe_runs(matrix), dependence_energy(matrix))


_PLAIN: Mapping[str, Callable[[NeighbourCounts], Vector]] = {"ngtdm": _tones, "ngldm": _dependence}


def _planar_zones(slices: Sequence[npt.NDArray[np.int32]]) -> Found:
    each = [_zone_features("2D", zones) for zones in slices]
    averaged = {key: _mean([one[key] for one in each]) for key in each[0]}
    return averaged | _zone_features("2.5D", np.concatenate(slices))


def _zone_features(aggregation: str, zones: npt.NDArray[np.int32]) -> Found:
    voxels = int(zones[:, 1].sum(dtype=np.int64))
    by_size, by_depth = (_zones(zones, axis, voxels) for axis in (1, 2))
    return {("glszm", aggregation): describe_runs(by_size), ("gldzm", aggregation): describe_runs(by_depth)}


def _zones(zones: npt.NDArray[np.int32], axis: int, voxels: int) -> Counted:
    return gathered(zones[:, 0].astype(np.int64), zones[:, axis].astype(np.int64), voxels)


def _sum(slices: Sequence[NeighbourCounts]) -> NeighbourCounts:
    total = slices[0]
    for one in slices[1:]:
        total = total + one
    return total


def _mean(vectors: Sequence[Vector]) -> Vector:
    """Return the mean of each feature over those vectors that have it."""
    stacked = np.array(vectors)
    counts = np.isfinite(stacked).sum(0)
    sums = np.where(np.isfinite(stacked), stacked, 0.0).sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
