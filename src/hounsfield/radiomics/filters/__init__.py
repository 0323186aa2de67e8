"""Convolutional filters of the IBSI 2 manual: settings, and the response map that each makes of an image."""

from hounsfield.radiomics.filters.respond import reach, respond
from hounsfield.radiomics.filters.settings import (
    FilterSettings,
    GaborFilter,
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    SimoncelliFilter,
    WaveletFilter,
)

__all__ = [
    "FilterSettings",
    "GaborFilter",
    "LaplacianOfGaussianFilter",
    "LawsFilter",
    "MeanFilter",
    "SimoncelliFilter",
    "WaveletFilter",
    "reach",
    "respond",
]
