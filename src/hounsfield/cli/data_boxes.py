"""``hounsfield data`` for images with boxes: what they are, what is wrong with them, and the way to COCO."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hounsfield.cli.talk import Talk


def examine_boxed(folder: Path, talk: Talk) -> dict[str, Any]:
    """Return everything that is found in a data set with boxes, as JSON values."""
    from hounsfield.cases.boxed_description import describe_boxes
    from hounsfield.cases.boxed_guard import examine_boxes
    from hounsfield.cases.boxed_layouts import read_boxed
    from hounsfield.cases.description import torn_patients

    table = read_boxed(folder)
    with talk.progress(talk.label("data-looking")) as progress:
        found = examine_boxes(table, progress=progress)
    near = found.images.near_copies
    pairs = [(int(one), int(two), 1.0) for one, two in found.images.exact_copies]
    pairs += [
        (int(one), int(two), round(float(likeness), 4))
        for (one, two), likeness in zip(near.pairs, near.likeness, strict=True)
    ]
    names = [case.identifier for case in table.cases]
    return {
        "data": table.name,
        "layout": table.layout,
        "cases": len(table),
        "classes": table.counts(),
        **asdict(describe_boxes(table, found.shapes)),
        "issues": [
            {
                "code": issue.code,
                "severity": issue.severity.value,
                "text": issue.text(talk.language),
                "facts": dict(issue.facts),
            }
            for issue in found.issues
        ],
        "copies": [{"first": names[one], "second": names[two], "likeness": likeness} for one, two, likeness in pairs],
        "patients_in_several_parts": [list(names) for names in torn_patients(table.images())],
        "unreadable": [names[index] for index in found.images.unreadable],
    }


def boxed_lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    """Yield what a person reads."""
    yield f"{found['data']} ({found['layout']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    yield f"{talk.label('data-boxes')}: {_counts(found['classes'])}"
    for part, counts in found["parts"].items():
        yield f"{talk.label('data-parts')} {part}: {found['images'][part]}; {_counts(counts)}"
    yield f"{talk.label('data-boxes-an-image')}: {_spread(found['boxes_an_image'])}"
    for name, spread in found["box_sides"].items():
        yield f"{talk.label('data-box-side')} {name}: {_spread(spread)}"
    yield f"{talk.label('data-sizes')}: {_counts(found['sizes'])}"
    for issue in found["issues"]:
        yield f"{issue['severity']} {issue['code']}: {issue['text']}"


def convert_boxed(folder: Path, output: Path) -> dict[str, Any]:
    """Write a data set as COCO and return what was written."""
    from hounsfield.cases.boxed_layouts import read_boxed
    from hounsfield.cases.boxed_writing import write_coco

    table = read_boxed(folder)
    files = write_coco(table, output)
    return {
        "data": table.name,
        "format": "coco",
        "cases": len(table),
        "boxes": sum(len(case.annotation.proper()) for case in table.cases),
        "files": [path.relative_to(output).as_posix() for path in files],
    }


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in list(counts.items())[:20])


def _spread(spread: dict[str, float]) -> str:
    return f"{spread['median']:g} ({spread['least']:g} .. {spread['most']:g})"
