"""Segmenting: a prompt on an image in, the lesion as a mask out, by growing, by thresholds or by a random walker."""

from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.clinical.tumour import growing
from hounsfield.clinical.tumour.prompt import Index, Method, Prompt, Span
from hounsfield.clinical.tumour.walker import WalkerSettings, require_memory, walk
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError, SettingsError

Samples = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
UPTAKE = (Quantity.SUV_BW, Quantity.ACTIVITY)


@dataclass(frozen=True)
class SegmentSettings:
    """Numbers that the methods rest on.

    Attributes:
        blur_mm: standard deviation of the blur before growing.
        cube_mm: half side of the cube about a click whose mean and deviation growing begins with.
        multiplier: of the standard deviation, for growing.
        open_mm: radius of the opening that cuts thin bridges off what was grown.
        seed_mm: radius of the ball about a click that belongs to the lesion, for the walker.
        core: part of each half axis of a box that belongs to the lesion, for the walker.
        deviations: how many deviations of the seed away a walker's samples are told apart; farther is outside.
        fraction: of the maximum of uptake.
        most_voxels: of a walk; more are walked on a coarser grid, which also takes noise away.
        walker: of the random walk.
    """

    blur_mm: float = 0.7
    cube_mm: float = 2.5
    multiplier: float = 2.0
    open_mm: float = 2.0
    seed_mm: float = 6.0
    core: float = 0.5
    deviations: float = 5.0
    fraction: float = 0.41
    most_voxels: int = 15_000
    walker: WalkerSettings = field(default_factory=lambda: WalkerSettings(beta=600.0, tolerance=1e-3))


SETTINGS = SegmentSettings()


@dataclass(frozen=True)
class Segmented:
    """A lesion as it was found.

    Attributes:
        inside: (slice, row, column) of the whole image.
        method: how.
        seed: the voxel it was found from.
        issues: what to look at.
    """

    inside: Flags
    method: Method
    seed: Index
    issues: tuple[QualityIssue, ...] = ()


def parameters(settings: SegmentSettings = SETTINGS) -> dict[str, object]:
    """Return every number that a segmentation rests on, for the identity of the algorithm."""
    return asdict(settings)


def segment(volume: Volume, prompt: Prompt, settings: SegmentSettings = SETTINGS) -> Segmented:
    """Return the lesion that a prompt points at.

    Args:
        volume: grey image; CT, MR or PET.
        prompt: where, and how.
        settings: numbers of the methods.

    Raises:
        EnhancedPixels: ``E460``, the image was changed to be looked at.
        ImageError: ``E242`` nothing was found, ``E243`` the memory left does not hold the walk, ``E245`` colour.
        SettingsError: ``E241`` a point lies outside, ``E244`` a threshold or a place is missing.
    """
    volume.require_measurable()
    if volume.is_colour:
        raise ImageError("E245", found="colour")
    span = prompt.span(volume.geometry)
    seed = prompt.seed(volume.geometry)
    samples = np.ascontiguousarray(volume.array[span], dtype=np.float32)
    samples[~np.isfinite(samples)] = volume.quantity.background
    here = _relative(seed, span)
    if prompt.method is Method.WALKER:
        found = _walked(samples, volume, prompt, settings)
    elif prompt.method is Method.GROW:
        found = _grown(samples, here, volume.geometry.spacing_mm, settings)
    else:
        found = _thresholded(samples, here, volume, prompt, settings)
    found = _bounded(found, prompt, volume, span)
    if not found.any():
        raise ImageError("E242", found=prompt.method.value, expected=", ".join(str(at) for at in seed))
    inside = np.zeros(volume.geometry.shape, dtype=bool)
    inside[span] = found
    return Segmented(inside, prompt.method, seed, _border_issues(found, prompt, span, volume.geometry.shape))


def _bounded(found: Flags, prompt: Prompt, volume: Volume, span: Span) -> Flags:
    """Return what lies within the box, without the points that are not of the lesion."""
    kept = found
    corners = prompt.corners(volume.geometry)
    if corners is not None:
        low, high = _relative(corners[0], span), _relative(corners[1], span)
        within = tuple(slice(start, stop + 1) for start, stop in zip(low, high, strict=True))
        kept = np.zeros_like(found)
        kept[within] = found[within]
    for point in prompt.outside:
        place = _relative(point.index(volume.geometry), span)
        if all(0 <= at < side for at, side in zip(place, kept.shape, strict=True)):
            kept[place] = False
    return kept


def _relative(index: Index, span: Span) -> Index:
    one, two, three = (at - part.start for at, part in zip(index, span, strict=True))
    return one, two, three


def _border_issues(found: Flags, prompt: Prompt, span: Span, shape: tuple[int, int, int]) -> tuple[QualityIssue, ...]:
    """Say where a lesion ends because the look at the image ended, not because the lesion did."""
    for axis in range(3):
        if shape[axis] == 1:
            continue
        for end, is_image_edge in ((0, span[axis].start == 0), (-1, span[axis].stop == shape[axis])):
            if found.take(end, axis=axis).any() and (is_image_edge or prompt.box is None):
                return (QualityIssue("Q241", Severity.WARN, {"found": "image" if is_image_edge else "reach"}),)
    return ()


def _grown(samples: Samples, seed: Index, spacing_mm: Spacing, settings: SegmentSettings) -> Flags:
    if samples.shape[0] == 1:
        sigma = (0.0, settings.blur_mm / spacing_mm[1], settings.blur_mm / spacing_mm[2])
    else:
        sigma = (settings.blur_mm / spacing_mm[0], settings.blur_mm / spacing_mm[1], settings.blur_mm / spacing_mm[2])
    blurred = ndimage.gaussian_filter(samples, sigma)
    radius = max(1, round(settings.cube_mm / min(spacing_mm[1:])))
    grown = growing.confidence_grow(blurred, seed, radius, settings.multiplier, least=0.05 * float(samples.std()))
    reach = max(1, round(settings.open_mm / min(spacing_mm[1:])))
    return growing.tidied(growing.refined(blurred, growing.tidied(grown, seed, reach)), seed, 1)


def _thresholded(samples: Samples, seed: Index, volume: Volume, prompt: Prompt, settings: SegmentSettings) -> Flags:
    """Return what lies within two values, or above a part of the maximum that the seed leads to."""
    if prompt.low is not None or prompt.high is not None:
        low = -np.inf if prompt.low is None else prompt.low
        high = np.inf if prompt.high is None else prompt.high
        flags = (samples >= low) & (samples <= high)
        start = growing.nearest(flags, seed) if not prompt.clicks else seed
        return growing.component_at(flags, start) if flags.any() else flags
    fraction = prompt.fraction
    if fraction is None and volume.quantity in UPTAKE:
        fraction = settings.fraction
    if fraction is None:
        raise SettingsError("E244", found="threshold", expected="--low / --high / --fraction")
    if not prompt.clicks:  # a box: the brightest voxel within it
        one, two, three = np.unravel_index(int(samples.argmax()), samples.shape)
        seed = int(one), int(two), int(three)
    return growing.of_maximum(samples, seed, fraction)


def _walked(samples: Samples, volume: Volume, prompt: Prompt, settings: SegmentSettings) -> Flags:
    """Walk on a grid of at most so many voxels, and say of each voxel of the image which side it is on."""
    geometry = volume.geometry
    factors = _factors(samples.shape, geometry.spacing_mm, settings.most_voxels)
    shape = tuple(-(-side // factor) for side, factor in zip(samples.shape, factors, strict=True))
    require_memory((shape[0], shape[1], shape[2]))
    coarse = _block_means(samples, factors)
    spacing = np.asarray(geometry.spacing_mm) * factors
    inside, outside = _seeds(coarse.shape, prompt, volume, factors, settings)
    values = coarse[inside]
    middle, spread = float(np.median(values)), float(values.std())
    spread = spread if spread > 0 else max(1e-3 * float(np.ptp(coarse)), 1e-6)
    reach = settings.deviations * (2.0 if prompt.box is not None else 1.0) * spread
    outside |= (np.abs(coarse - middle) > reach) & ~inside
    outside &= ~inside
    if not outside.any():
        return np.ones(samples.shape, dtype=bool)
    clipped = np.clip((coarse - middle) / reach, -1.0, 1.0).astype(np.float32)
    relative = spacing / spacing.min()
    steps = float(relative[0]), float(relative[1]), float(relative[2])
    reached = walk(clipped, inside, outside, steps, settings.walker)
    offset = [-(factor - 1) / (2.0 * factor) for factor in factors]
    fine = ndimage.affine_transform(
        reached, [1.0 / factor for factor in factors], offset, samples.shape, order=1, mode="nearest"
    )
    reached_first = np.asarray(fine >= 0.5)
    return growing.refined(samples, reached_first, 1)


def _seeds(
    shape: tuple[int, ...], prompt: Prompt, volume: Volume, factors: Index, settings: SegmentSettings
) -> tuple[Flags, Flags]:
    """Return what surely belongs to the lesion and what surely does not, on the grid of the walk."""
    geometry, span = volume.geometry, prompt.span(volume.geometry)
    spacing = np.asarray(geometry.spacing_mm)
    radius = np.full(3, settings.seed_mm) / spacing
    inside, outside = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for click in prompt.clicks:
        inside |= _ball(shape, _relative(click.index(geometry), span), radius, factors)
    corners = prompt.corners(geometry)
    if corners is None:
        outside |= _faces(shape)
    else:
        low, high = (np.asarray(_relative(corner, span)) // factors for corner in corners)
        outside[:] = True
        outside[tuple(slice(int(start), int(stop) + 1) for start, stop in zip(low, high, strict=True))] = False
        if not prompt.clicks:
            half = settings.core * (np.subtract(corners[1], corners[0]) + 1) / 2
            inside |= _ball(shape, _relative(prompt.seed(geometry), span), half, factors)
    for point in prompt.outside:
        away = _ball(shape, _relative(point.index(geometry), span), radius / 2, factors)
        outside |= away
        inside &= ~away
    seed = _relative(prompt.seed(geometry), span)
    inside[tuple(at // factor for at, factor in zip(seed, factors, strict=True))] = True
    return inside, outside & ~inside


def _ball(shape: tuple[int, ...], index: Index, radii: npt.NDArray[np.float64], factors: Index) -> Flags:
    """Return an ellipsoid about a voxel, at least the voxel itself, on a grid that is coarser by factors."""
    scale = np.asarray(factors, dtype=np.float64)
    centre = (np.asarray(index) - (scale - 1) / 2) / scale
    grid = np.ogrid[tuple(slice(0, side) for side in shape)]
    half = np.maximum(radii / scale, 0.5)
    terms = [((axis - at) / one) ** 2 for axis, at, one in zip(grid, centre, half, strict=True)]
    return np.asarray(terms[0] + terms[1] + terms[2] <= 1.0)


def _faces(shape: tuple[int, ...]) -> Flags:
    """Return the outermost voxels, but not those of an axis that has hardly more."""
    found = np.zeros(shape, dtype=bool)
    for axis in (axis for axis in range(3) if shape[axis] > 2):
        ends: list[slice | list[int]] = [slice(None)] * 3
        ends[axis] = [0, -1]
        found[tuple(ends)] = True
    return found


def _factors(shape: tuple[int, ...], spacing_mm: Spacing, most: int) -> Index:
    """Return by how much each axis is coarsened, the finest first, until a walk is small enough."""
    factors = [1, 1, 1]
    while np.prod([-(-side // factor) for side, factor in zip(shape, factors, strict=True)]) > most:
        steps = [
            step * factor if side > factor else np.inf
            for step, factor, side in zip(spacing_mm, factors, shape, strict=True)
        ]
        factors[int(np.argmin(steps))] += 1
    return factors[0], factors[1], factors[2]


def _block_means(samples: Samples, factors: Index) -> Samples:
    padded = np.pad(
        samples, [(0, -side % factor) for side, factor in zip(samples.shape, factors, strict=True)], mode="edge"
    )
    one, two, three = (side // factor for side, factor in zip(padded.shape, factors, strict=True))
    blocks = padded.reshape(one, factors[0], two, factors[1], three, factors[2])
    return np.ascontiguousarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))
