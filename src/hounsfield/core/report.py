"""Report and Provenance: the only thing that leaves for a reader."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hounsfield.core.conclusion import Conclusion, Wording
from hounsfield.core.finding import Finding
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue
from hounsfield.core.study import Series, Study


class Status(StrEnum):
    """How an analysis ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from; written once, by ``pipeline``.

    Attributes:
        models: every model that took part, the gate included.
        software_version: version of Hounsfield.
        settings_digest: SHA-256 of the resolved settings.
        input_digests: SOP Instance UID and SHA-256 of each input.
        started: ISO 8601 time with offset.
        ended: ISO 8601 time with offset.
        runtime: what ran the networks, such as ``onnxruntime 1.31.1 CPU``.
    """

    models: tuple[ModelIdentity, ...]
    software_version: str
    settings_digest: str
    input_digests: tuple[tuple[str, str], ...]
    started: str
    ended: str
    runtime: str


@dataclass(frozen=True)
class KeyImage:
    """A frame as it was shown to the model, ready to look at.

    Attributes:
        pixels: (row, column) uint8 in display order: white is bright.
        heat: (row, column) float32 attribution in 0..1, None when there is none.
        sop_instance_uid: the source instance.
        frame_number: its frame, from 1.
        pixel_aspect_ratio: row spacing divided by column spacing.
    """

    pixels: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32] | None
    sop_instance_uid: str
    frame_number: int = 1
    pixel_aspect_ratio: float = 1.0


@dataclass(frozen=True)
class Chart:
    """A plot that belongs to a report, such as a volume over time.

    Attributes:
        title: what it shows.
        png: the picture, as PNG.
        description: what a person who cannot see it is told.
    """

    title: Wording
    png: bytes
    description: Wording


@dataclass(frozen=True)
class Report:
    """What one task says about one series of a study.

    Attributes:
        study: whose.
        series: the series that was analysed, None when no series fitted.
        task: the task, such as ``chest-xray``; empty when none fitted.
        status: how it ended.
        findings: the answers; none for a refused input.
        issues: what is wrong with the input, most severe first.
        provenance: who, with what, from what.
        key_images: what was looked at.
        limits: what the model knows and does not know, as (English, Chinese) sentences from its manifest.
        conclusions: what written rules say about the findings.
        charts: plots beside the images.
    """

    study: Study
    series: Series | None
    task: str
    status: Status
    findings: tuple[Finding, ...]
    issues: tuple[QualityIssue, ...]
    provenance: Provenance
    key_images: tuple[KeyImage, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    charts: tuple[Chart, ...] = ()
