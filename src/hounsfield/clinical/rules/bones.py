"""Fractures in words: vertebral compression, Genant, ribs, regions; AO/OTA codes only where a reader enters them."""

import re

from hounsfield.clinical.rules.checked import checked_above, checked_number
from hounsfield.clinical.rules.source import rule
from hounsfield.errors import SettingsError

SPINE, REGIONS, AO = "genant", "fracture-regions", "ao-ota-2018"


def vertebral_height_loss_percent(height_mm: float, reference_height_mm: float) -> float:
    """Return the loss of anterior or central height against the nearest normal vertebra or the posterior one."""
    reference = checked_above(SPINE, "reference_height_mm", reference_height_mm)
    return max(0.0, (reference - checked_number(SPINE, "height_mm", height_mm)) / reference * 100.0)


def is_vertebral_compression(loss_percent: float) -> bool:
    """Tell whether a vertebra is compressed: more than 20 % of its height is lost (RadElement RDES230)."""
    return checked_number(SPINE, "loss_percent", loss_percent, 0, 100) > rule(SPINE).number("present", "above_percent")


def genant_grade(loss_percent: float) -> int:
    """Return the Genant grade, 0 to 3: from 20, above 25 and above 40 % of height lost."""
    loss = checked_number(SPINE, "loss_percent", loss_percent, 0, 100)
    if loss < rule(SPINE).number("grade-1", "from_percent"):
        return 0
    return 1 + sum(loss > rule(SPINE).number(key, "above_percent") for key in ("grade-2", "grade-3"))


def fracture_regions() -> tuple[str, ...]:
    """Return the regions that published reader studies cover."""
    return tuple(row.key for row in rule(REGIONS).rows if row.text("kind") == "region")


def rib_fracture_types() -> tuple[str, ...]:
    """Return the attributes of a rib fracture."""
    return tuple(row.key for row in rule(REGIONS).rows if row.text("kind") == "rib")


def region_of_body_part(body_part: str) -> str:
    """Return the region of a DICOM Body Part Examined; empty where no reader study covers it."""
    for row in rule(REGIONS).rows:
        if body_part.strip().upper() in row.text("body_parts").split():
            return row.text("region")
    return ""


def ao_ota_code(code: str, is_entered_by_reader: bool) -> str:
    """Return an AO/OTA code that a reader entered, in capitals.

    The compendium may not be used commercially without permission, so no program here proposes a code: it reports
    anatomy and descriptive terms.

    Raises:
        SettingsError: ``E203`` no reader entered it, ``E202`` it does not start with a bone.
    """
    if not is_entered_by_reader:
        raise SettingsError("E203", found=code[:32])
    entered = code.strip().upper()
    if not re.fullmatch(r"[1-8][0-9A-Z.*()\[\],/ -]{0,31}", entered):
        raise SettingsError("E202", rule=AO, name="code", found=code[:32], expected="bone 1-8 ...")
    return entered
