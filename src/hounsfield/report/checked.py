"""What a check of a source found: a verdict with reasons for each volume."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Evidence, QualityCheck, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.messages import Language, sentence
from hounsfield.report import narrative
from hounsfield.report.bundle import RefusedInput
from hounsfield.report.json import issue_entry, refused_entry


class Verdict(StrEnum):
    """What the issues of a volume amount to."""

    REJECT = "reject"
    WARN = "warn"
    PASS = "pass"  # noqa: S105 - the word of a quality gate


@dataclass(frozen=True)
class CheckedVolume:
    """One volume of a series, or a series without one.

    Attributes:
        study: whose.
        series: of which series.
        geometry: its grid, None when the series cannot be read.
        quantity: what its samples mean, None when the series cannot be read.
        issues: what was found.
        checks: every check that was made or could not be.
        picture: the middle slice as (row, column) 8-bit pixels, None where it is not wanted.
    """

    study: Study
    series: Series
    geometry: VolumeGeometry | None
    quantity: Quantity | None
    issues: tuple[QualityIssue, ...]
    checks: tuple[QualityCheck, ...] = ()
    picture: npt.NDArray[np.uint8] | None = None

    @property
    def verdict(self) -> Verdict:
        """The gravest of the issues."""
        severities = {issue.severity for issue in self.issues}
        if Severity.REJECT in severities:
            return Verdict.REJECT
        return Verdict.WARN if Severity.WARN in severities else Verdict.PASS


@dataclass(frozen=True)
class Checked:
    """Every volume of a source, and the files that never became one."""

    volumes: tuple[CheckedVolume, ...]
    refused: tuple[RefusedInput, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all volumes; a file that was refused counts as a reject."""
        verdicts = {volume.verdict for volume in self.volumes} | ({Verdict.REJECT} if self.refused else set())
        return next((one for one in (Verdict.REJECT, Verdict.WARN) if one in verdicts), Verdict.PASS)

    def as_json(self, language: Language = "en") -> dict[str, Any]:
        """Return the object of ``check --json``: verdict, studies with their series and issues, refused files."""
        studies: dict[str, list[dict[str, Any]]] = {}
        for volume in self.volumes:
            studies.setdefault(volume.study.study_instance_uid, []).append(_series(volume, language))
        return {
            "disclaimer": narrative.disclaimer(language),
            "verdict": self.verdict.value,
            "studies": [{"study_instance_uid": uid, "series": series} for uid, series in studies.items()],
            "refused": [refused_entry(item, language) for item in self.refused],
        }


def _series(volume: CheckedVolume, language: Language) -> dict[str, Any]:
    geometry, quantity = volume.geometry, volume.quantity
    return {
        "series_instance_uid": volume.series.series_instance_uid,
        "modality": volume.series.modality,
        "body_part_examined": volume.series.body_part_examined,
        "verdict": volume.verdict.value,
        "shape": list(geometry.shape) if geometry else None,
        "spacing_mm": list(geometry.spacing_mm) if geometry else None,
        "calibration": geometry.calibration.value if geometry else None,
        "quantity": quantity.name.lower() if quantity else None,
        "unit": quantity.unit.code if quantity else None,
        "instances": len(volume.series.instances),
        "issues": [issue_entry(issue, language) for issue in volume.issues],
        "checks": [_check(check) for check in volume.checks],
    }


def _check(check: QualityCheck) -> dict[str, Any]:
    return {
        "code": check.code,
        "name": check.name,
        "value": check.value,
        "unit": check.unit,
        "threshold": check.threshold or None,
        "source": sentence(f"ui.check-{check.name}-source"),
        "verdict": check.verdict.value,
        "reason": sentence(f"ui.{check.reason}") if check.reason else None,
        "looked_at": {"seen": check.looked_at[0], "total": check.looked_at[1]} if check.looked_at else None,
        "evidence": [_evidence(one) for one in check.evidence],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "subject": evidence.subject,
        "found": evidence.found(),
        "required": evidence.required(),
        "source": evidence.source,
        "files": evidence.files,
    }
