"""Features of a region: from an image, a mask and settings to a list of values (IBSI 1)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from hounsfield.core.quantities import Quantity, Unit
from hounsfield.core.volume import Mask, Volume
from hounsfield.radiomics.catalogue import ENDINGS, FeatureFacts, catalogue
from hounsfield.radiomics.cut import cut_surrounded
from hounsfield.radiomics.discretise import Levels, discretise, volume_steps
from hounsfield.radiomics.feature import Feature, FeatureSet
from hounsfield.radiomics.filtered import filtered_region
from hounsfield.radiomics.filters.respond import is_standardised
from hounsfield.radiomics.local_intensity import local_intensity_features
from hounsfield.radiomics.morphology import morphology_features
from hounsfield.radiomics.region import Region
from hounsfield.radiomics.settings import NAMED, Binning, Discretisation, Family, RadiomicsSettings
from hounsfield.radiomics.statistics import histogram_features, intensity_features
from hounsfield.radiomics.texture import TextureRegion
from hounsfield.radiomics.texture_features import Found, texture_features
from hounsfield.radiomics.volume_histogram import volume_histogram_features

Plain = Mapping[str, float]
CALIBRATED = frozenset({Quantity.HOUNSFIELD, Quantity.SUV_BW, Quantity.ACTIVITY})
TEXTURES = tuple(Family)[5:]
BINNED = frozenset({Family.INTENSITY_HISTOGRAM, *TEXTURES})
DEFAULT = NAMED["default"]
FILTERED_STEPS = Discretisation(number=1000)
"""Steps of the volume histogram where intensities are arbitrary and continuous (IBSI 3.5.1)."""


def extract(
    volume: Volume, mask: Mask, settings: RadiomicsSettings = DEFAULT, *, label: int | None = None, threads: int = 1
) -> FeatureSet:
    """Return the radiomic features of a region.

    Args:
        volume: grey image; its quantity tells the unit of the intensities.
        mask: on the same grid.
        settings: grid, re-segmentation, discretisation and what is extracted; named ones by ``named_settings``.
        label: value of the mask that is the region; None takes every value above 0 together.
        threads: that may work at a time.

    Raises:
        EnhancedPixels: ``E460``, the samples were changed to be looked at.
        ImageError: ``E962`` the grids differ, ``E963`` the mask is empty, ``E964`` the image is colour, ``E965`` a
            sample in the region is not a number, ``E966`` too many grey levels, ``E967`` too little memory, ``E968``
            nothing of the region is left, ``E980`` a filter reaches samples that are not numbers.

    Example:
        >>> from hounsfield.radiomics import extract, named_settings
        >>> found = extract(volume, mask, named_settings("ibsi-c"))  # doctest: +SKIP
        >>> found.value("morph_volume")  # doctest: +SKIP
        367000.0
    """
    region, around = cut_surrounded(volume, mask, settings, label)
    levels = discretise(region, settings.discretisation)
    plain = _plain(region, levels, settings, threads)
    textures = _textures(region, levels, settings)
    compliance = _Compliance(settings, volume.quantity)
    features = list(_listed(plain, textures, compliance, volume.quantity.unit))
    ways = _of_filtered(settings)
    for one in settings.filters:
        response = filtered_region(region, around, one)
        there = discretise(response, ways.discretisation)
        found = _plain(response, there, ways, threads), _textures(response, there, ways)
        is_whole = is_standardised(one, region.spacing_mm)
        listed = _listed(*found, _Compliance(ways, Quantity.ARBITRARY, is_whole), Quantity.ARBITRARY.unit)
        features += [replace(each, tag=f"{one.name}_{each.tag}", filter=one.name) for each in listed]
    return FeatureSet(
        tuple(features),
        settings,
        int(region.morphological.sum()),
        int(region.intensity.sum()),
        levels.count,
    )


def _of_filtered(settings: RadiomicsSettings) -> RadiomicsSettings:
    """Return the settings that hold for the response maps: their intensities are arbitrary (IBSI 3.5.1)."""
    return replace(
        settings,
        families=settings.filtered_families,
        discretisation=settings.filtered_discretisation,
        volume_discretisation=FILTERED_STEPS,
        range=None,
    )


def _plain(region: Region, levels: Levels, settings: RadiomicsSettings, threads: int) -> dict[str, float]:
    """Return the features that are not of a texture matrix, by tag."""
    wanted = set(settings.families)
    found: dict[str, float] = {}
    if Family.MORPHOLOGY in wanted:
        found |= morphology_features(region, threads, settings.leaves_out)
    if Family.LOCAL_INTENSITY in wanted:
        found |= local_intensity_features(region, threads)
    if Family.INTENSITY_STATISTICS in wanted:
        found |= intensity_features(region.values)
    if Family.INTENSITY_HISTOGRAM in wanted:
        found |= histogram_features(levels.values, levels.count)
    if Family.INTENSITY_VOLUME_HISTOGRAM in wanted:
        found |= volume_histogram_features(*volume_steps(region, settings.volume_discretisation))
    return found


def _textures(region: Region, levels: Levels, settings: RadiomicsSettings) -> Found:
    families = [family for family in TEXTURES if family in settings.families]
    if not families:
        return {}
    grid = np.zeros(region.intensity.shape, dtype=np.int32)
    grid[region.intensity] = levels.values
    cut = TextureRegion(grid[region.box], region.morphological[region.box], levels.count)
    return texture_features(cut, settings.aggregations, families)


class _Compliance:
    """Tells whether values come of a way that the manual standardises."""

    def __init__(self, settings: RadiomicsSettings, quantity: Quantity, is_standardised: bool = True) -> None:
        self.settings = settings
        self.is_standardised = is_standardised
        low = settings.range[0] if settings.range else None
        # bins of fixed width need units that mean something, and a start that does not hang on the region (IBSI 2.7)
        is_wide = settings.discretisation.binning is Binning.FIXED_WIDTH
        self.allows_bins = not is_wide or low is not None or quantity in CALIBRATED

    def of(self, facts: FeatureFacts) -> bool:
        return self.is_standardised and facts.is_standardised and (facts.family not in BINNED or self.allows_bins)


def _listed(plain: Plain, textures: Found, compliance: _Compliance, intensity: Unit) -> Iterator[Feature]:
    for family, features in catalogue().items():
        for index, facts in enumerate(features):
            if facts.tag in compliance.settings.leaves_out:
                continue
            values = _values(facts, index, plain, textures)
            for aggregation, value in values.items():
                yield Feature(
                    facts.tag + ENDINGS[aggregation],
                    family,
                    facts.ibsi_id,
                    facts.name,
                    aggregation,
                    value,
                    facts.unit(intensity),
                    compliance.of(facts),
                )


def _values(facts: FeatureFacts, index: int, plain: Plain, textures: Found) -> dict[str, float]:
    if facts.tag in plain:
        return {"": plain[facts.tag]}
    ways = [way for way in ENDINGS if (facts.family, way) in textures]
    return {way: float(textures[facts.family, way][index]) for way in ways}
