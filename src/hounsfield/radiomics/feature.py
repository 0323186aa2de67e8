"""Features as they were measured."""

from dataclasses import dataclass

from hounsfield.radiomics.settings import RadiomicsSettings


@dataclass(frozen=True)
class Feature:
    """One value.

    Attributes:
        tag: short name with the ending of its aggregation, such as ``cm_contrast_3D_comb``.
        family: such as ``glcm``.
        ibsi_id: identifier of the IBSI manual.
        name: as in the manual.
        aggregation: how slices and directions were merged, such as ``3D, merged``; empty where that means nothing.
        value: NaN where the region does not define it.
        unit: UCUM code; ``1`` for a number without unit.
        is_compliant: whether the manual standardises the feature and the way it was come by.
        filter: that made the image it is of, such as ``mean_5_3D``, which its tag begins with; empty for the image
            itself.
    """

    tag: str
    family: str
    ibsi_id: str
    name: str
    aggregation: str
    value: float
    unit: str
    is_compliant: bool
    filter: str = ""


@dataclass(frozen=True)
class FeatureSet:
    """The features of one region.

    Attributes:
        features: in the order of the manual, those of the image before those of each filter.
        settings: they were extracted with.
        voxel_count: voxels of the morphological mask, on the grid of the settings.
        intensity_voxel_count: voxels whose intensities count.
        level_count: grey levels of the texture matrices.
    """

    features: tuple[Feature, ...]
    settings: RadiomicsSettings
    voxel_count: int
    intensity_voxel_count: int
    level_count: int

    def value(self, tag: str) -> float:
        """Return a value by its tag.

        Raises:
            KeyError: no feature has this tag.
        """
        for feature in self.features:
            if feature.tag == tag:
                return feature.value
        raise KeyError(tag)
