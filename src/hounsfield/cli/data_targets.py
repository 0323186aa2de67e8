"""``hounsfield data`` for columns of targets: what each holds, how much of it was assessed, and what is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hounsfield.cli.data_words import common_lines, counted, told
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hounsfield.cases.several import SeveralTable
    from hounsfield.cases.targets import TargetTable

    Values = npt.NDArray[np.float64]


def read_columns_of(folder: Path, asked: str) -> "TargetTable | SeveralTable | None":
    """Return the targets of a data set: those of several heads where they are asked for; None where it has classes.

    Raises:
        DatasetError: as ``read_several`` and ``read_targets``.
    """
    from hounsfield.cases.several import read_several
    from hounsfield.cases.targets import read_targets

    if asked == "several":
        return read_several(folder)
    found = read_targets(folder)
    # a folder is called by its own name, not by that of the list in it
    return replace(found, table=replace(found.table, name=folder.name)) if found and folder.is_dir() else found


def examine_targets(targets: "TargetTable | SeveralTable", talk: Talk) -> dict[str, Any]:
    """Return everything that is found in data with targets, as JSON values."""
    from hounsfield.cases.guard import examine

    with talk.progress(talk.label("data-looking")) as progress:
        examination = examine(targets.table, progress=progress)
    found = told(targets.table, examination, talk)
    return {**found, "strata": found["classes"], "targets": _described(targets)}


def target_lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    """Yield what a person reads."""
    yield f"{found['data']} ({found['layout']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    for target in found["targets"]:
        held = target["counts"] if "counts" in target else {key: target[key] for key in ("least", "median", "most")}
        shown = counted(held) if "counts" in target else ", ".join(f"{key} {value:g}" for key, value in held.items())
        missing = f"; {talk.label('data-unassessed')} {target['not_assessed']}" if target["not_assessed"] else ""
        yield f"{talk.label('data-target')} {target['name']} ({target['task']}): {shown}{missing}"
    yield from common_lines(found, talk)


def _described(targets: "TargetTable | SeveralTable") -> list[dict[str, Any]]:
    from hounsfield.cases.targets import TargetTable

    if isinstance(targets, TargetTable):
        return _described_head(targets.task.value, targets.task.value, targets.names, targets.values)
    rows = []
    for head, values in zip(targets.heads, targets.values, strict=True):
        rows += _described_head(head.name, head.task.value, head.names, values)
    return rows


def _described_head(name: str, task: str, names: Sequence[str], values: "Values") -> list[dict[str, Any]]:
    """Return a row for each label, or one for a number or for classes, with the cases that were not assessed."""
    import numpy as np

    def row(title: str, column: "Values", facts: dict[str, Any]) -> dict[str, Any]:
        return {"name": title, "task": task, "not_assessed": int((~np.isfinite(column)).sum()), **facts}

    if task == "regression":
        known = values[np.isfinite(values)]
        spread = [round(float(value), 6) for value in np.quantile(known, [0, 0.5, 1])] if known.size else [0.0] * 3
        return [row(names[0], values, dict(zip(("least", "median", "most"), spread, strict=True)))]
    if task == "multi-label":
        return [
            row(label, column, {"counts": {"1": int((column == 1).sum()), "0": int((column == 0).sum())}})
            for label, column in zip(names, values.T, strict=True)
        ]
    counts = {label: int((values == index).sum()) for index, label in enumerate(names)}
    return [row(name, values, {"counts": counts})]
