"""The attribute table of ``image/data/conformance.json``, taken from the tables of PS3.3 that highdicom carries.

``python -m tests.image.conformance.distil`` writes the file again; a test holds the two against each other. What the
tables lack (clauses, enumerated values, conditions) stands in ``image/data/conformance_values.json``.
"""

import json
from pathlib import Path

import highdicom
from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map
from pydicom.datadict import tag_for_keyword

TARGET = Path(__file__).parents[3] / "src" / "hounsfield" / "image" / "data" / "conformance.json"
TYPES = ("1", "1C", "2", "2C")
INSIDE_ONLY = ("general-reference", "common-instance-reference", "modality-lut", "voi-lut")
"""Optional modules: what they demand counts inside their sequences, where these are there."""
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
IMAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.128",
)
"""CR, DX for presentation and for processing, CT, enhanced CT, US cine, MR, enhanced MR, US, SC, NM, PET."""


def distil() -> dict[str, object]:
    """Return the mandatory modules of each class, and their attributes that a type demands."""
    of_class, modules_of, attributes_of = get_sop_class_iod_map(), get_iod_module_map(), get_module_attribute_map()
    classes = {
        uid: [
            entry["key"] for entry in modules_of[of_class[uid]] if entry["usage"] == "M" or entry["key"] in INSIDE_ONLY
        ]
        for uid in IMAGE_CLASSES
    }
    modules = {}
    for key in sorted({key for keys in classes.values() for key in keys}):
        rows = [
            [">".join((*entry["path"], entry["keyword"])), entry["type"]]
            for entry in attributes_of[key]
            if entry["type"] in (TYPES if not entry["path"] else ("1", "2"))
            and is_judged(entry["path"])
            and (entry["path"] or key not in INSIDE_ONLY)
            and tag_for_keyword(entry["keyword"]) is not None  # overlays repeat their group, so have no one tag
        ]
        modules[key] = [row for number, row in enumerate(rows) if row not in rows[:number]]
    return {
        "source": "DICOM PS3.3 as in the tables of highdicom (MIT): mandatory modules, attributes of type 1, 1C, 2, 2C",
        "edition": f"highdicom {highdicom.__version__}",
        "classes": classes,
        "modules": modules,
    }


def is_judged(path: list[str]) -> bool:
    """Attributes of the data set and of the items of its sequences; of functional groups those inside a macro.

    The macros themselves are left out: which of them a group needs is a condition (PS3.3 A.38.1.4, A.36.2.4).
    """
    return len(path) == 2 if path[:1] and path[0] in GROUPS else len(path) <= 1


def as_text(table: dict[str, object]) -> str:
    """Return the table as it stands in the file, one module a line."""
    text = json.dumps(table, indent=1)
    for part in ("classes", "modules"):
        rows = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in table[part].items())
        text = text.replace(json.dumps({part: table[part]}, indent=1)[2:-2], f' "{part}": {{\n  {rows}\n }}')
    return text + "\n"


if __name__ == "__main__":
    TARGET.write_text(as_text(distil()), encoding="utf-8")
