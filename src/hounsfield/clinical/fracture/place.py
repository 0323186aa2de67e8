"""Place: which region of the skeleton a radiograph shows and from which side, by its header, else by a model's eye."""

from dataclasses import dataclass

from hounsfield.clinical.desk import Desk, predict
from hounsfield.clinical.fracture import words
from hounsfield.clinical.rules.bones import REGIONS, region_of_body_part
from hounsfield.clinical.rules.source import rule
from hounsfield.clinical.subject import Subject
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept, local_concept
from hounsfield.core.finding import Laterality, QualitativeEvaluation
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.errors import ModelError, PrepareError
from hounsfield.image.display import to_display

GATE = "body-part"
SEEN = {"Hand": "hand-wrist", "CXR": "rib-cage"}
"""Regions that the starter knows among radiographs."""
LEAST_SCORE = 0.8
YOUNGEST_YEARS = 2.0
_SIDES = {"L": Laterality.LEFT, "R": Laterality.RIGHT, "B": Laterality.BILATERAL}


@dataclass(frozen=True)
class Place:
    """Where and from where a radiograph was taken.

    Attributes:
        region: machine word of ``fracture-regions``; empty when nobody knows.
        is_stated: whether the header says so; otherwise a model saw it.
        side: of the body.
        view: View Position, such as ``AP``; empty when not stated.
        models: who looked.
    """

    region: str
    is_stated: bool
    side: Laterality
    view: str
    models: tuple[ModelIdentity, ...] = ()

    def evaluations(self) -> tuple[QualitativeEvaluation, ...]:
        """Return what is known, in words."""
        found = []
        if self.region:
            word = words.REGION if self.is_stated else words.SEEN_REGION
            found.append(QualitativeEvaluation(word, region_concept(self.region)))
        if self.view:
            found.append(QualitativeEvaluation(words.VIEW, local_concept(self.view)))
        return tuple(found)


def region_concept(region: str) -> CodedConcept:
    """Return a region with its words in both languages."""
    row = rule(REGIONS).row(region)
    return CodedConcept(region.upper()[:16], PRIVATE_SCHEME, row.en, row.zh)


def place_of(subject: Subject, volume: Volume, desk: Desk) -> Place:
    """Return what header and, where it is silent, the starter model say of region, side and view."""
    series = subject.series
    side = _SIDES.get(series.laterality.strip().upper(), Laterality.NONE)
    view = series.view_position.strip().upper()
    stated = region_of_body_part(series.body_part_examined)
    if stated or series.body_part_examined.strip():
        return Place(stated, True, side, view)
    seen, models = _seen(volume, desk)
    return Place(seen, False, side, view, models)


def _seen(volume: Volume, desk: Desk) -> tuple[str, tuple[ModelIdentity, ...]]:
    try:
        predictor = desk.predictor(GATE)
        answer = predict(predictor, to_display(volume)).prediction
    except (ModelError, PrepareError):
        return "", ()
    scores = answer.probabilities.reshape(len(answer.classes), -1)[:, 0]
    best = int(scores.argmax())
    is_outside = answer.outside_margin is not None and float(answer.outside_margin.reshape(-1)[0]) > 0
    name = answer.classes[best].name
    is_sure = float(scores[best]) >= LEAST_SCORE and not is_outside
    return (SEEN.get(name, "") if is_sure else ""), (predictor.package.identity,)


def place_issues(subject: Subject, place: Place) -> tuple[QualityIssue, ...]:
    """Return what published reader studies do not cover: other regions, and the youngest children."""
    uid, found = subject.series.series_instance_uid, []
    part = subject.series.body_part_examined.strip()
    if part and not place.region:
        found.append(QualityIssue("Q251", Severity.WARN, {"found": part[:16]}, uid))
    age = subject.facts.age_years
    if age is not None and age < YOUNGEST_YEARS:
        facts = {"found": f"{age:g}", "expected": f"{YOUNGEST_YEARS:g}"}
        found.append(QualityIssue("Q252", Severity.WARN, facts, uid))
    return tuple(found)
