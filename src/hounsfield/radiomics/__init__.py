"""Radiomic features of a Volume and a Mask, as the Image Biomarker Standardisation Initiative defines them."""

from hounsfield.radiomics.extract import extract
from hounsfield.radiomics.feature import Feature, FeatureSet
from hounsfield.radiomics.settings import Discretisation, RadiomicsSettings, named_settings, settings_from

__all__ = ["Discretisation", "Feature", "FeatureSet", "RadiomicsSettings", "extract", "named_settings", "settings_from"]
