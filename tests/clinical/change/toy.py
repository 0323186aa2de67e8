"""A task that outlines balls denser than everything else in a drawn body, and studies of that body on disk."""

from types import SimpleNamespace

import numpy as np
import pydicom
from scipy import ndimage

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.subject import Reading
from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept
from hounsfield.core.finding import Finding, Laterality, Measurement, Presence, Region
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import CUBIC_MILLIMETRE
from hounsfield.image.phantoms import write_ct
from hounsfield.image.phantoms.writer import PhantomIdentity
from tests.clinical.change import moved

WHO = algorithm_identity("toy-balls", "toy", {})
GRID = VolumeGeometry((26, 32, 32), (6.0, 6.0, 6.0), (-93.0, -93.0, -75.0), frame_of_reference_uid="1.2.3")
DENSE = 1500.0


def square(column, row):
    """Outline of one pixel, as SCOORD has it."""
    return np.array([[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]], np.float64)


def outline(plane):
    """The box about a part of a plane, as one polygon."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    low, high = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
    return np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float64)


def read_balls(task, desk, subject):
    """Return each dense ball with its box on every slice and its volume by the sum of what it adds."""
    volume = subject.volume
    if float(volume.array.max()) < -900:
        return Reading((), (QualityIssue("Q219", Severity.REJECT, {}, "1.2"),), (WHO,))
    labels, count = ndimage.label(volume.array > DENSE / 2)
    findings = []
    for label in range(1, count + 1):
        inside = labels == label
        regions = [
            Region(volume.source_of(int(z))[0].sop_instance_uid, 1, (outline(inside[z]),), int(z), is_measured=True)
            for z in np.flatnonzero(inside.any(axis=(1, 2)))
        ]
        near = ndimage.binary_dilation(inside, iterations=2)
        added = float((volume.array[near] - 40.0).clip(0).sum() / (DENSE - 40) * volume.geometry.voxel_volume_mm3)
        size = (Measurement(concept("volume"), added, CUBIC_MILLIMETRE),)
        uid = f"1.2.{subject.study.study_date}.{label}"
        site = concept("lung")
        findings.append(
            Finding(uid, concept("lesion"), site, Presence.PRESENT, None, WHO, Laterality.NONE, None,
                    regions[0], size, (), tuple(regions[1:]), label)
        )  # fmt: skip
    return Reading(tuple(findings), (), (WHO,))


TASK = Task("toy", "", ("CT",), concept("lung"), "a CT", "CT", read_balls)


def with_balls(*balls):
    """The drawn body with dense balls of (centre, radius), the edge of a voxel wide."""

    def drawing(points):
        value = moved.body(points)
        for centre, radius in balls:
            depth = radius - np.linalg.norm(points - np.asarray(centre, float), axis=1)
            value = value + np.clip(depth / 6.0 + 0.5, 0, 1) * (DENSE - value)
        return value

    return drawing


def write(folder, date, *balls, motion=None, patient="P1", seed=0):
    """Write a study of the body, and return where."""
    volume = moved.drawn(GRID, motion, seed=seed, drawing=with_balls(*balls))
    samples = np.clip(np.rint(volume.array), -1024, 2900).astype(np.int16)
    identity = PhantomIdentity(f"toy {date} {patient}", patient)
    for path in write_ct(folder, SimpleNamespace(geometry=GRID), identity, samples):
        dataset = pydicom.dcmread(path)
        dataset.StudyDate = date
        dataset.save_as(path)
    return folder
