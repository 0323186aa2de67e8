"""Recognise: what a model sees in an image, held against what its header claims and against what is expected of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from hounsfield.clinical.desk import Desk, predict
from hounsfield.clinical.reading import admit
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tasks import find_task
from hounsfield.core.prediction import ModelIdentity, Prediction
from hounsfield.core.quality import Evidence, QualityCheck, QualityIssue, Severity
from hounsfield.core.study import Series
from hounsfield.core.volume import Volume
from hounsfield.errors import ModelError, PrepareError
from hounsfield.image.display import to_display
from hounsfield.image.quality.sample import slice_indices
from hounsfield.model.body_parts import regions_of
from hounsfield.model.contract import Gate
from hounsfield.model.gate import accepted_scores
from hounsfield.prepare.grid import one_slice

CODE = "Q380"
CHECK = "image-kind"
MOST_KINDS = 2
"""Chest and abdomen together are one claim that can be wrong; what claims more claims nothing."""


@dataclass(frozen=True)
class Seen:
    """What a model saw in a sample of the slices of a volume.

    Attributes:
        name: the class with the largest typical probability.
        score: that probability.
        accepted: typical sum of the probabilities of the classes that are expected.
        is_outside: whether the image lies outside what the model learned, so that its word counts for nothing.
        slices: how many were looked at.
        model: who saw it.
    """

    name: str
    score: float
    accepted: float
    is_outside: bool
    slices: int
    model: ModelIdentity


def recognise(subject: Subject, desk: Desk, expect: str | None = None) -> Subject:
    """Return a subject with what a model says about its kind.

    Without an expectation the header's modality and body part are compared with what the model sees; a contradiction
    is a warning. With the name of a task, its input contract and its gate decide, and may reject.

    Args:
        subject: that was read and checked.
        desk: with the models.
        expect: name of a task, None to hold the image against its own header alone.

    Raises:
        SettingsError: ``E950``, there is no such task.
    """
    checks = [_claimed(subject, desk)]
    if expect is not None:
        checks += _expected(subject, desk, expect)
    issues = tuple(check.issue for check in checks if check.issue is not None)
    return replace(subject, issues=(*subject.issues, *issues), checks=(*subject.checks, *checks))


def claimed_kinds(series: Series) -> tuple[str, ...] | None:
    """Return the classes that modality and body part claim; None where they claim nothing, empty where none is known.

    The description of study or series, which is free text, is not asked. A whole body is no one kind.
    """
    regions = regions_of(series.body_part_examined)
    if not series.is_dicom or not regions:
        return None
    kinds = tuple(
        name
        for name, kind in _table()["kinds"].items()
        if series.modality in kind["modalities"] and regions & set(kind["regions"])
    )
    return kinds if len(kinds) <= MOST_KINDS else None


def _claimed(subject: Subject, desk: Desk) -> QualityCheck:
    minimum = float(_table()["minimum_score"])
    check = QualityCheck(CHECK, CODE, None, "1", f"< {minimum:g}")
    if subject.volume is None:
        return replace(check, reason="unchecked-unread")
    kinds = claimed_kinds(subject.series)
    if not kinds:
        return replace(check, reason="unchecked-claim" if kinds is None else "unchecked-kind")
    try:
        seen = _look(subject.volume, desk, Gate(model=_table()["model"], accepts=list(kinds), minimum_score=minimum))
    except (ModelError, PrepareError):
        return replace(check, reason="unchecked-model")
    count = subject.volume.geometry.shape[0]
    check = replace(check, looked_at=(seen.slices, count), evidence=(_evidence(seen, kinds),))
    if seen.is_outside:
        return replace(check, reason="unchecked-outside")
    check = replace(check, value=round(seen.accepted, 4))
    if seen.accepted >= minimum:
        return check
    facts = {
        "found": seen.name,
        "score": f"{seen.score:.2f}",
        "expected": " / ".join(kinds),
        "accepted": f"{seen.accepted:.2f}",
        "limit": minimum,
        "modality": subject.series.modality,
        "body_part": subject.series.body_part_examined[:16],
    }
    return replace(check, issue=QualityIssue(CODE, Severity.WARN, facts, subject.series.series_instance_uid))


def _look(volume: Volume, desk: Desk, gate: Gate) -> Seen:
    predictor = desk.predictor(gate.model)
    indices = slice_indices(volume.geometry.shape[0])
    shown = to_display(volume)
    seen = [predict(predictor, one_slice(shown, index)).prediction for index in indices]
    scores = [float(accepted_scores(one, gate)[0]) for one in seen]
    typical = np.median([one.probabilities.reshape(-1) for one in seen], axis=0)
    return Seen(
        name=seen[0].classes[int(typical.argmax())].name,
        score=float(typical.max()),
        accepted=float(np.median(scores)),
        is_outside=float(np.median([_margin(one) for one in seen])) > 0,
        slices=len(indices),
        model=predictor.package.identity,
    )


def _margin(prediction: Prediction) -> float:
    return -1.0 if prediction.outside_margin is None else float(np.median(prediction.outside_margin))


def _expected(subject: Subject, desk: Desk, name: str) -> list[QualityCheck]:
    """Return the checks of a task's own rules: a line for each broken part of its contract, one for its gate."""
    task = find_task(name)
    contract, gate = QualityCheck("expected-input", "Q500", None, "1", "> 0"), QualityCheck("expected-gate", "Q520")
    if subject.volume is None:
        return [replace(check, reason="unchecked-unread") for check in (contract, gate)]
    try:
        manifest = desk.package(task.model).manifest
        admission = admit(manifest, desk, subject)
    except (ModelError, PrepareError):
        return [replace(check, reason="unchecked-model") for check in (contract, gate)]
    broken = [issue for issue in admission.issues if issue.code not in _GATE_CODES]
    refused = [issue for issue in admission.issues if issue.code in _GATE_CODES]
    lines = [replace(contract, code=issue.code, value=1.0, issue=issue) for issue in broken]
    lines = lines or [replace(contract, value=0.0)]
    rule = manifest.input.gate
    if rule is None or admission.score is None:
        return [*lines, replace(gate, reason="unchecked-gate" if rule is None else "unchecked-rejected")]
    facts = {"found": f"{admission.score:.2f}", "expected": " / ".join(rule.accepts), "minimum": rule.minimum_score}
    told = Evidence(rule.model, "gate", facts, _identity(admission.models[-1]))
    count = subject.volume.geometry.shape[0]
    gate = replace(
        gate,
        value=round(admission.score, 4),
        threshold=f"< {rule.minimum_score:g}",
        evidence=(told,),
        looked_at=(count, count),
    )
    return [*lines, *([replace(gate, code=issue.code, issue=issue) for issue in refused] or [gate])]


_GATE_CODES = ("Q520", "Q521")


def _evidence(seen: Seen, kinds: tuple[str, ...]) -> Evidence:
    facts = {"found": seen.name, "score": f"{seen.score:.2f}", "expected": " / ".join(kinds)}
    return Evidence(seen.model.name, "kind", facts, _identity(seen.model))


def _identity(model: ModelIdentity) -> str:
    return f"{model.name} {model.version}, sha256 {model.weights_digest}"


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(
        files("hounsfield.clinical").joinpath("data/image_kinds.json").read_text(encoding="utf-8")
    )
    return table
