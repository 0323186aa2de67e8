"""Subject and Reading: what is put to a task, and what it says."""

from dataclasses import dataclass

from hounsfield.clinical.facts import NO_FACTS, PatientFacts
from hounsfield.clinical.tumour.lesion_file import LesionFile
from hounsfield.core.conclusion import Conclusion
from hounsfield.core.finding import Finding
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityCheck, QualityIssue, Severity
from hounsfield.core.report import Chart, KeyImage
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume


@dataclass(frozen=True)
class Subject:
    """What is read.

    Attributes:
        study: whose.
        series: of which series.
        volume: the volume, None when the series cannot be read.
        issues: what the checks found.
        checks: every check that was made, with its value and limit.
        part: which volume of its series this is, from 0.
        volumes: all volumes of the series that could be read, in their order: phases, echoes, b-values.
        facts: what is known of the patient.
        lesions: what a reader points at, for the task that measures it; None for nothing.
        priors: earlier studies of the same patient, for comparison, oldest first.
    """

    study: Study
    series: Series
    volume: Volume | None
    issues: tuple[QualityIssue, ...] = ()
    checks: tuple[QualityCheck, ...] = ()
    part: int = 0
    volumes: tuple[Volume, ...] = ()
    facts: PatientFacts = NO_FACTS
    lesions: LesionFile | None = None
    priors: tuple["Subject", ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a task says about a volume.

    Attributes:
        findings: the answers; not assessed when refused.
        issues: what speaks against the input.
        models: every model that took part.
        key_images: what was looked at.
        limits: what the model does not know, as (English, Chinese) sentences.
        conclusions: what written rules say about the findings.
        charts: plots beside the images.
    """

    findings: tuple[Finding, ...]
    issues: tuple[QualityIssue, ...]
    models: tuple[ModelIdentity, ...]
    key_images: tuple[KeyImage, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    charts: tuple[Chart, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether the input was refused."""
        return has_reject(self.issues)


def has_reject(issues: tuple[QualityIssue, ...]) -> bool:
    """Tell whether any issue stops the analysis."""
    return any(issue.severity is Severity.REJECT for issue in issues)
