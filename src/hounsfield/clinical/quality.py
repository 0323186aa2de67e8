"""Quality: a volume that was read becomes a subject with every check that was made on it."""

from hounsfield.clinical.subject import Subject, has_reject
from hounsfield.core.quality import QualityCheck, QualityIssue
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.image.checks import issues_of, sample_checks
from hounsfield.image.conformance.judge import check_conformance
from hounsfield.image.display import to_greyscale_pixels
from hounsfield.image.quality.criteria import told_checks
from hounsfield.image.quality.judge import judge_volume
from hounsfield.model.body_parts import regions_of
from hounsfield.report.checked import CheckedVolume


def inspect(study: Study, series: Series, volume: Volume, told: tuple[QualityIssue, ...]) -> Subject:
    """Check the header, the samples and the quality of a volume.

    Args:
        study: whose.
        series: of which series.
        volume: what was read.
        told: what the reading said already.
    """
    samples = sample_checks(volume)
    issues = (*told, *issues_of(samples))
    header = check_conformance(volume.instances, series.series_instance_uid)
    checks = (*told_checks(told, volume), *samples, *header)
    if not has_reject(issues):
        is_chest = "chest" in regions_of(series.body_part_examined)
        checks = (*checks, *judge_volume(volume, series.modality, is_chest=is_chest))
    listed = {id(issue) for issue in issues}
    found = tuple(check.issue for check in checks if check.issue is not None and id(check.issue) not in listed)
    return Subject(study, series, volume, (*issues, *found), checks)


def unread(study: Study, series: Series, issues: tuple[QualityIssue, ...]) -> Subject:
    """Return the subject of a series, or a part of one, that could not be read."""
    checks = tuple(QualityCheck("readable", issue.code, 1.0, "{reasons}", "> 0", issue) for issue in issues)
    return Subject(study, series, None, issues, checks)


def checked_volume(subject: Subject, *, has_picture: bool) -> CheckedVolume:
    """Return what is shown of a subject that was checked, with its middle slice where a page is wanted."""
    volume = subject.volume
    if volume is None:
        return CheckedVolume(subject.study, subject.series, None, None, subject.issues, subject.checks)
    picture = to_greyscale_pixels(volume, volume.geometry.shape[0] // 2) if has_picture else None
    return CheckedVolume(
        subject.study, subject.series, volume.geometry, volume.quantity, subject.issues, subject.checks, picture
    )
