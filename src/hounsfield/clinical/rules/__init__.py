"""Written rules of medicine: plain functions of plain numbers, their tables as data, their sources named."""

from hounsfield.clinical.rules.growth import (
    doubling_time_band,
    doubling_time_interval_days,
    doubling_time_of_diameters_days,
    is_reportable_growth,
    nodule_mass_mg,
    sphere_diameter_mm,
    sphere_volume_mm3,
    volume_doubling_time_days,
)
from hounsfield.clinical.rules.malignancy import (
    brock,
    brock_parsimonious,
    brock_without_spiculation,
    bts_step,
    herder,
    mayo,
    pku,
    va,
)
from hounsfield.clinical.rules.source import Row, Rule, Vector, rule, rule_names, rule_source

__all__ = [
    "Row",
    "Rule",
    "Vector",
    "brock",
    "brock_parsimonious",
    "brock_without_spiculation",
    "bts_step",
    "doubling_time_band",
    "doubling_time_interval_days",
    "doubling_time_of_diameters_days",
    "herder",
    "is_reportable_growth",
    "mayo",
    "nodule_mass_mg",
    "pku",
    "rule",
    "rule_names",
    "rule_source",
    "sphere_diameter_mm",
    "sphere_volume_mm3",
    "va",
    "volume_doubling_time_days",
]
