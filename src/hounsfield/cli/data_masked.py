"""``hounsfield data`` for images with masks: what they are, what is wrong with them, and their nnU-Net folder."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hounsfield.cli.data_words import counted, issue_rows
from hounsfield.cli.talk import Talk
from hounsfield.messages import sentence

if TYPE_CHECKING:
    from hounsfield.cases.masked import MaskTable
    from hounsfield.cases.masked_guard import MaskedExamination


def examine_masks(folder: Path, talk: Talk, output: Path | None = None) -> dict[str, Any]:
    """Return what a segmentation data set is and what is wrong with it; write it as an nnU-Net folder where asked."""
    from hounsfield.cases.masked import read_masked
    from hounsfield.cases.masked_guard import examine_masked
    from hounsfield.cases.nnunet_writer import write_nnunet
    from hounsfield.image.saving import require_free

    if output is not None:
        require_free(output)
    table = read_masked(folder)
    with talk.progress(talk.label("data-looking")) as progress:
        examination = examine_masked(table, progress=progress)
    found = _facts(table, examination, talk)
    if output is not None:
        found["written"] = asdict(write_nnunet(table, output, examination))
    return found


def _facts(table: "MaskTable", examination: "MaskedExamination", talk: Talk) -> dict[str, Any]:
    from hounsfield.cases.description import UNDECLARED, copies, torn_patients
    from hounsfield.cases.masked_guard import as_cases

    known = [fact for fact in examination.facts if fact is not None]
    spacings = [_times(fact.spacing_mm) if fact.spacing_mm else "unknown" for fact in known]
    patients = {case.patient for case in table.cases if case.patient is not None}

    def named(indices: tuple[int, ...]) -> list[str]:
        return [table.cases[index].identifier for index in indices]

    return {
        "data": table.name,
        "layout": table.layout,
        "task": "instances" if table.is_instances else "segmentation",
        "cases": len(table),
        "without_mask": len(table) - len(table.with_mask),
        "channels": list(table.channel_names),
        "labels": [asdict(label) for label in examination.labels],
        "parts": dict(Counter(case.split or UNDECLARED for case in table.cases)),
        "patients": len(patients) or None,
        "without_patient": sum(case.patient is None for case in table.cases),
        "sizes": dict(Counter(_times(fact.shape) for fact in known).most_common()),
        "spacings_mm": dict(Counter(spacings).most_common()),
        "issues": issue_rows(examination.issues, talk),
        "copies": [asdict(pair) for pair in copies(as_cases(table), examination.images)],
        "patients_in_several_parts": [list(names) for names in torn_patients(as_cases(table))],
        "empty": named(examination.empty),
        "other_grids": named(examination.other_grids),
        "undeclared_values": named(examination.undeclared),
        "unreadable": named(examination.unreadable),
    }


def mask_lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    """Yield the lines for people."""
    yield f"{found['data']} ({found['layout']}, {found['task']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    if found["without_mask"]:
        yield f"{talk.label('data-without-mask')}: {found['without_mask']}"
    yield f"{talk.label('data-channels')}: {', '.join(found['channels'])}"
    for label in found["labels"]:
        facts = {
            "name": label["name"],
            "cases": label["cases"],
            "percent": f"{100 * label['share']:.3g}",
            "objects": label["objects"],
            "median": f"{label['median_object_voxels']:.0f}",
        }
        yield sentence("ui.data-label", facts, talk.language)
    yield f"{talk.label('data-parts')}: {counted(found['parts'])}"
    yield f"{talk.label('data-sizes')}: {counted(found['sizes'])}"
    yield f"{talk.label('data-spacings')}: {counted(found['spacings_mm'])}"
    patients = talk.label("data-unknown") if found["patients"] is None else str(found["patients"])
    yield f"{talk.label('data-patients')}: {patients} ({talk.label('data-without')}: {found['without_patient']})"
    for issue in found["issues"]:
        yield f"{issue['severity']} {issue['code']}: {issue['text']}"
    if "written" in found:
        yield sentence("ui.data-written-nnunet", found["written"], talk.language)


def _times(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
