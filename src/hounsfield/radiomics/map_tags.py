"""Which features are mapped: tags as people write them, and the walk of a kernel that tells each."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.core.volume import Volume
from hounsfield.errors import SettingsError
from hounsfield.radiomics.catalogue import ENDINGS, FeatureFacts, catalogue
from hounsfield.radiomics.filters import FilterSettings
from hounsfield.radiomics.settings import Family, RadiomicsSettings
from hounsfield.radiomics.statistics import HISTOGRAM_TAGS, INTENSITY_TAGS
from hounsfield.radiomics.texture_features import DIRECTED

MAPPED = (Family.INTENSITY_STATISTICS, Family.INTENSITY_HISTOGRAM, *tuple(Family)[5:])
"""Families that have maps; the others describe a region as a whole."""
_PLAIN = {Family.INTENSITY_STATISTICS: INTENSITY_TAGS, Family.INTENSITY_HISTOGRAM: HISTOGRAM_TAGS}
_DIRECTED = tuple(way for way in DIRECTED if not way.startswith("2.5D"))
_UNDIRECTED = ("3D", "2D")


@dataclass(frozen=True)
class WantedMap:
    """A feature that is mapped.

    Attributes:
        facts: what is known of it.
        aggregation: of its matrices in the kernel; empty where that means nothing.
        is_planar: the kernel lies in one slice.
        filter: whose response map it is of, None for the image itself.
        column: its place among the features of its family.
    """

    facts: FeatureFacts
    aggregation: str
    is_planar: bool
    filter: FilterSettings | None
    column: int

    @property
    def tag(self) -> str:
        """Short name with the name of the filter and the ending of the aggregation."""
        begin = f"{self.filter.name}_" if self.filter is not None else ""
        return begin + self.facts.tag + ENDINGS[self.aggregation]

    @property
    def is_merged(self) -> bool:
        """Whether directions are added up before they are described."""
        return self.aggregation.endswith("merged")


def wanted_maps(tags: Sequence[str], settings: RadiomicsSettings, volume: Volume) -> tuple[WantedMap, ...]:
    """Return the maps that tags ask for, each once.

    A tag may leave its ending out: then the first aggregation of the settings that the family has is meant. One kernel
    holds one slice or one volume, so slices are not merged (2.5D).

    Raises:
        SettingsError: ``E990``, no feature that has a map is called so.
    """
    found = {}
    for tag in tags:
        one = _wanted(tag.strip(), settings, volume)
        found[one.tag] = one
    if not found:
        raise SettingsError("E990", found=", ".join(tags), expected=_known())
    return tuple(found.values())


def _wanted(tag: str, settings: RadiomicsSettings, volume: Volume) -> WantedMap:
    by_name = {f"{one.name}_": one for one in settings.filters}
    begin = max((name for name in by_name if tag.startswith(name)), key=len, default="")
    bare = tag.removeprefix(begin)
    for family in MAPPED:
        for index, facts in enumerate(catalogue()[family]):
            if not bare.startswith(facts.tag):
                continue
            aggregation = _aggregation(family, bare.removeprefix(facts.tag), settings, volume)
            if aggregation is not None:
                column = _PLAIN[family].index(facts.tag) if family in _PLAIN else index
                is_planar = (aggregation or _first(settings, volume)).startswith("2")
                return WantedMap(facts, aggregation, is_planar, by_name.get(begin), column)
    raise SettingsError("E990", found=tag, expected=_known())


def _aggregation(family: Family, ending: str, settings: RadiomicsSettings, volume: Volume) -> str | None:
    """Return the aggregation of an ending, the settings' own without one; None where the family has none of it."""
    if family in _PLAIN:
        return "" if ending == "" else None
    ways = _DIRECTED if family in (Family.GLCM, Family.GLRLM) else _UNDIRECTED
    if ending:
        return next((way for way in ways if ENDINGS[way] == ending), None)
    is_planar = _first(settings, volume).startswith("2")
    return next(way for way in (*settings.aggregations, *ways) if way in ways and way.startswith("2") == is_planar)


def _first(settings: RadiomicsSettings, volume: Volume) -> str:
    """Return the aggregation that the settings put first; an image of one slice has none in three dimensions."""
    return "2D" if volume.geometry.shape[0] == 1 else settings.aggregations[0]


def _known() -> str:
    examples = ("stat_mean", "ih_entropy", "cm_contrast_3D_avg", "rlm_sre_3D_comb", "ngt_coarseness_3D")
    return ", ".join(examples)
