"""Voxel-wise maps: every feature of the kernel around each voxel of a region, masked to the region.

The kernel is a cube of ``2 radius + 1`` voxels a side, or a square in the slice of the voxel; what of it lies outside
the region does not count. Levels are those of the whole region, so that a texture in one place can be compared with one
in another (van Griethuysen et al. 2017, voxel-based extraction). Each value is that of ``extract`` on what the kernel
holds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.machine import available_memory
from hounsfield.radiomics.cut import cut_surrounded, grid_of
from hounsfield.radiomics.discretise import discretise
from hounsfield.radiomics.filtered import filtered_region
from hounsfield.radiomics.map_tags import WantedMap, wanted_maps
from hounsfield.radiomics.map_walks import Walk, walks_of
from hounsfield.radiomics.region import Inside, Region
from hounsfield.radiomics.settings import NAMED, RadiomicsSettings

DEFAULT = NAMED["default"]
LARGEST_RADIUS = 10
SAMPLE = 240
"""Voxels that are walked to tell how long all take."""
CHUNK = 8192
"""Voxels between two words on progress."""
BYTES_A_VOXEL = 36
"""Of the padded box: samples, levels, region and what is held while they are made."""

Values = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MapOptions:
    """How maps are made.

    Attributes:
        radius: of the kernel in voxels, from 1 to ``LARGEST_RADIUS``.
        label: value of the mask that is the region; None takes every value above 0 together.
        threads: that work at a time; 0 takes the cores of this process.
    """

    radius: int = 1
    label: int | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse a kernel that holds nothing, or too much."""
        if not 1 <= self.radius <= LARGEST_RADIUS:
            raise ImageError("E992", found=self.radius, expected=LARGEST_RADIUS)


@dataclass(frozen=True)
class FeatureMap:
    """One feature around every voxel.

    Attributes:
        tag: short name with the ending of its aggregation.
        family: such as ``glcm``.
        ibsi_id: identifier of the IBSI manual.
        name: as in the manual.
        aggregation: of the matrices in a kernel; empty where that means nothing.
        unit: UCUM code.
        values: (voxel,) in the order of ``FeatureMaps.inside``; NaN where the kernel does not define it.
    """

    tag: str
    family: str
    ibsi_id: str
    name: str
    aggregation: str
    unit: str
    values: Values


@dataclass(frozen=True)
class FeatureMaps:
    """The maps of one region.

    Attributes:
        maps: in the order in which they were asked for.
        inside: (slice, row, column) voxels that have a value, cut to a box.
        start: index of the first voxel of the box on the whole grid.
        geometry: of the whole grid; that of the image where settings do not ask for another.
        radius: of the kernel in voxels.
        source: volume that was mapped.
    """

    maps: tuple[FeatureMap, ...]
    inside: Inside
    start: tuple[int, int, int]
    geometry: VolumeGeometry
    radius: int
    source: Volume

    def boxed(self, one: FeatureMap) -> Values:
        """Return a map on the box, NaN outside the region."""
        found: Values = np.full(self.inside.shape, np.nan, dtype=np.float32)
        found[self.inside] = one.values
        return found

    def volume(self, one: FeatureMap) -> Volume:
        """Return a map on the whole grid, aligned with the image in the patient; NaN outside the region."""
        array: Values = np.full(self.geometry.shape, np.nan, dtype=np.float32)
        box = tuple(slice(first, first + side) for first, side in zip(self.start, self.inside.shape, strict=True))
        array[box] = self.boxed(one)
        return Volume(array, self.geometry, Quantity.ARBITRARY)


@dataclass(frozen=True)
class MapEstimate:
    """What maps will take.

    Attributes:
        voxels: that get a value.
        seconds: with the threads of the options, told from a sample of the voxels.
        bytes: of memory at the most, beside image and mask.
    """

    voxels: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class MapPlan:
    """Maps that are ready to be made: nothing is left that can be refused.

    Attributes:
        wanted: the features.
        region: cut and re-segmented.
        walks: that tell the features of a kernel.
        options: radius and threads.
        source: the volume.
        geometry: of the whole grid.
    """

    wanted: tuple[WantedMap, ...]
    region: Region
    walks: tuple[Walk, ...]
    options: MapOptions
    source: Volume
    geometry: VolumeGeometry

    @property
    def threads(self) -> int:
        """Threads that work at a time."""
        return self.options.threads or core_count()

    def estimate(self) -> MapEstimate:
        """Tell time and memory; kernels are compiled on the way, which counts for nothing."""
        voxels = self.region.values.size
        some = np.linspace(0, voxels - 1, min(SAMPLE, voxels)).astype(np.int64)
        seconds = 0.0
        for walk in self.walks:
            walk.run(walk.places[some[:1]])
            begun = time.perf_counter()
            walk.run(walk.places[some])
            seconds += (time.perf_counter() - begun) * voxels / some.size
        return MapEstimate(voxels, seconds / min(self.threads, max(1, voxels // SAMPLE)), _bytes(self))

    def run(self, progress: Progress | None = None) -> FeatureMaps:
        """Make the maps.

        Args:
            progress: told (kernels walked, all of them).

        Raises:
            ImageError: ``E991``, the memory does not hold them.
        """
        free, needed = available_memory(), _bytes(self)
        if free is not None and needed > free:
            raise ImageError("E991", found=needed // 2**20, expected=free // 2**20)
        voxels = self.region.values.size
        found = {one.tag: np.empty(voxels, dtype=np.float32) for one in self.wanted}
        total, done = voxels * len(self.walks), 0
        for walk in self.walks:
            for first, last in spans(voxels, -(-voxels // CHUNK)):
                parts = spans(last - first, self.threads)
                calls = [(walk.places[first + low : first + high],) for low, high in parts]
                told = np.concatenate(in_threads(walk.run, calls, self.threads))
                for one, column in walk.columns:
                    found[one.tag][first:last] = told[:, column]
                done += last - first
                if progress is not None:
                    progress(done, total)
        return self._gathered(found)

    def _gathered(self, found: dict[str, Values]) -> FeatureMaps:
        box = self.region.box
        top, upper, left = (first + part.start for first, part in zip(self.region.start, box, strict=True))
        own, arbitrary = self.source.quantity.unit, Quantity.ARBITRARY.unit
        maps = tuple(
            FeatureMap(
                one.tag,
                one.facts.family,
                one.facts.ibsi_id,
                one.facts.name,
                one.aggregation,
                one.facts.unit(own if one.filter is None else arbitrary),
                found[one.tag],
            )
            for one in self.wanted
        )
        inside = self.region.intensity[box]
        return FeatureMaps(maps, inside, (top, upper, left), self.geometry, self.options.radius, self.source)


def plan_maps(
    volume: Volume,
    mask: Mask,
    tags: Sequence[str],
    settings: RadiomicsSettings = DEFAULT,
    options: MapOptions | None = None,
) -> MapPlan:
    """Return maps that are ready to be made.

    Args:
        volume: grey image.
        mask: on the same grid.
        tags: of features, such as ``cm_contrast_3D_avg``, ``stat_mean``, or ``mean_5_3D_stat_mean`` of a filter of the
            settings.
        settings: grid, re-segmentation and discretisation.
        options: radius, label and threads.

    Raises:
        SettingsError: ``E990``, a tag is unknown or has no map.
        ImageError: as ``extract``.
    """
    options = options or MapOptions()
    wanted = wanted_maps(tags, settings, volume)
    region, around = cut_surrounded(volume, mask, settings, options.label)
    walks: list[Walk] = []
    for one in dict.fromkeys(each.filter for each in wanted):
        there = region if one is None else filtered_region(region, around, one)
        how = settings.discretisation if one is None else settings.filtered_discretisation
        mine = [each for each in wanted if each.filter == one]
        walks += walks_of(mine, there, discretise(there, how), options.radius)
    return MapPlan(wanted, region, tuple(walks), options, volume, grid_of(volume.geometry, settings))


def feature_maps(
    volume: Volume,
    mask: Mask,
    tags: Sequence[str],
    settings: RadiomicsSettings = DEFAULT,
    options: MapOptions | None = None,
) -> FeatureMaps:
    """Return the maps of features over a region; arguments and errors are those of ``plan_maps``.

    Raises:
        ImageError: ``E991`` besides, the memory does not hold them.

    Example:
        >>> from hounsfield.radiomics.maps import MapOptions, feature_maps
        >>> found = feature_maps(volume, mask, ["ih_entropy"], options=MapOptions(radius=2))  # doctest: +SKIP
        >>> found.volume(found.maps[0]).array.shape == volume.array.shape  # doctest: +SKIP
        True
    """
    return plan_maps(volume, mask, tags, settings, options).run()


def _bytes(plan: MapPlan) -> int:
    """Return what the maps take: the padded boxes, every map once over the region and once on the whole grid."""
    padded = int(np.prod([side + 2 * plan.options.radius for side in plan.region.intensity[plan.region.box].shape]))
    boxes = len({id(walk.levels) for walk in plan.walks})
    widest = max(walk.width for walk in plan.walks)
    own = len(plan.wanted) * plan.region.values.size * 4
    return BYTES_A_VOXEL * padded * boxes + own + CHUNK * widest * 8 + int(np.prod(plan.geometry.shape)) * 4
