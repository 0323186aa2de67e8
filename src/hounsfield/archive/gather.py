"""Records to studies: one patient a study, one content a UID, and an issue where the files say otherwise."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hounsfield.archive.entries import RefusedFile
from hounsfield.archive.header import Header
from hounsfield.archive.limits import Limits
from hounsfield.archive.pixels import declared_bytes
from hounsfield.archive.record import Record, digest_of_path
from hounsfield.archive.uids import Identity, identify_object, identify_picture
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.errors import Conflict

StudyKey = tuple[str, str]
"""Study Instance UID and Patient ID: two patients under one UID never share a study."""


@dataclass(frozen=True)
class Gathered:
    """What a set of records comes to."""

    studies: tuple[Study, ...]
    refused: tuple[RefusedFile, ...]
    issues: tuple[QualityIssue, ...]


@dataclass(frozen=True)
class _Member:
    """A stored object on its way into a series."""

    instance: InstanceRef
    header: Header | None
    identity: Identity
    remarks: tuple[QualityIssue, ...]

    @property
    def patient_id(self) -> str:
        return self.header.patient_id if self.header else ""


@dataclass
class Gatherer:
    """Joins records into studies, once."""

    limits: Limits
    _members: dict[str, _Member] = field(default_factory=dict)
    _refused: list[RefusedFile] = field(default_factory=list)
    _issues: list[QualityIssue] = field(default_factory=list)
    _duplicates: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _conflicts: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))

    def gather(self, records: Iterable[Record]) -> Gathered:
        """Return the studies of the records, in the order their first files came."""
        for record in records:
            self._add(record)
        by_series: dict[tuple[str, str, str], list[_Member]] = defaultdict(list)
        patients = self._patients_of_studies()
        for member in self._members.values():
            uid = member.identity.study_instance_uid
            patient_id = member.patient_id or (patients[uid][0] if len(patients[uid]) == 1 else "")
            by_series[uid, patient_id, member.identity.series_instance_uid].append(member)
        studies: dict[StudyKey, list[tuple[Series, list[_Member]]]] = defaultdict(list)
        for (uid, patient_id, _), members in by_series.items():
            members.sort(key=_instance_order)
            series = _series(members)
            self._examine_series(series, members, len(patients[uid]))
            studies[uid, patient_id].append((series, members))
        self._examine_patients(patients)
        for series_uid, found in self._conflicts.items():
            facts = {**found[0], "files": len(found)}
            self._issues.append(QualityIssue("Q104", Severity.REJECT, facts, series_uid))
        return Gathered(
            tuple(self._study(key, content) for key, content in studies.items()),
            tuple(self._refused),
            tuple(self._issues),
        )

    def _add(self, record: Record) -> None:
        member = _member(record)
        known = self._members.get(member.instance.sop_instance_uid)
        if known is None:
            self._members[member.instance.sop_instance_uid] = member
            return
        known, member = _digested(known), _digested(member)
        if known.instance.sha256 == member.instance.sha256:
            self._duplicates[known.identity.series_instance_uid] += 1
        else:
            self._add_conflict(record, known, member)

    def _add_conflict(self, record: Record, known: _Member, other: _Member) -> None:
        """Keep the first content, report the other, and flag the series of both."""
        uid = known.instance.sop_instance_uid
        kept, found = known.instance.sha256[:12], other.instance.sha256[:12]
        self._refused.append(RefusedFile(record.entry.name, Conflict("E164", uid=uid, kept=kept, found=found)))
        for series_uid in dict.fromkeys((known.identity.series_instance_uid, other.identity.series_instance_uid)):
            self._conflicts[series_uid].append({"sop_instance_uid": uid, "kept": kept, "found": found})

    def _patients_of_studies(self) -> dict[str, list[str]]:
        """Return the different Patient IDs of each study, unknown ones apart."""
        patients: dict[str, list[str]] = {}
        for member in self._members.values():
            found = patients.setdefault(member.identity.study_instance_uid, [])
            if member.patient_id and member.patient_id not in found:
                found.append(member.patient_id)
        return patients

    def _examine_patients(self, patients: dict[str, list[str]]) -> None:
        different = {patient for found in patients.values() for patient in found}
        if len(different) > 1:
            self._issues.append(QualityIssue("Q101", Severity.WARN, {"patients": len(different)}))

    def _examine_series(self, series: Series, members: Sequence[_Member], patients: int) -> None:
        """Say what is to be said about the objects of a series, each reason once."""
        uid = series.series_instance_uid
        if patients > 1:
            facts = {"patients": patients, "study_instance_uid": series.study_instance_uid}
            self._issues.append(QualityIssue("Q102", Severity.REJECT, facts, uid))
        if self._duplicates.get(uid):
            self._issues.append(QualityIssue("Q103", Severity.NOTE, {"files": self._duplicates[uid]}, uid))
        modalities = sorted({member.header.modality for member in members if member.header and member.header.modality})
        if len(modalities) > 1:
            self._issues.append(QualityIssue("Q120", Severity.WARN, {"found": ", ".join(modalities)}, uid))
        decoded = sum(declared_bytes(member.header) for member in members if member.header)
        if decoded > self.limits.max_pixel_bytes:
            facts = {"found": decoded, "limit": self.limits.max_pixel_bytes}
            self._issues.append(QualityIssue("Q117", Severity.REJECT, facts, uid))
        self._count_remarks(uid, members)

    def _count_remarks(self, uid: str, members: Sequence[_Member]) -> None:
        counted: dict[str, list[QualityIssue]] = defaultdict(list)
        for member in members:
            for remark in member.remarks:
                counted[remark.code].append(remark)
        for code, remarks in counted.items():
            facts = {**remarks[0].facts, "files": len(remarks)}
            self._issues.append(QualityIssue(code, remarks[0].severity, facts, uid))

    def _study(self, key: StudyKey, content: Sequence[tuple[Series, list[_Member]]]) -> Study:
        headers = [member.header for _, members in content for member in members if member.header]
        uid, patient_id = key
        persons = {(header.patient_sex, header.patient_birth_date) for header in headers}
        if any(len({value for value in values if value}) > 1 for values in zip(*persons, strict=True)):
            self._issues.append(QualityIssue("Q118", Severity.WARN, {"study_instance_uid": uid}, uid))
        unnamed = sum(1 for header in headers if not header.patient_id)
        if patient_id and unnamed:
            self._issues.append(QualityIssue("Q119", Severity.WARN, {"files": unnamed}, uid))
        ages = (header.patient_age_years for header in headers)
        return Study(
            study_instance_uid=uid,
            series=tuple(sorted((series for series, _ in content), key=_series_order)),
            patient_id=patient_id,
            patient_age_years=next((age for age in ages if age is not None), None),
            patient_sex=_first(header.patient_sex for header in headers),
            accession_number=_first(header.accession_number for header in headers),
            study_date=_first(header.study_date for header in headers),
        )


def _digested(member: _Member) -> _Member:
    """Return a member with the digest of its content: two of one UID are compared by nothing less."""
    instance = member.instance
    if instance.sha256:
        return member
    return replace(member, instance=replace(instance, sha256=digest_of_path(instance.path)))


def _member(record: Record) -> _Member:
    header = record.header
    remarks = list(record.remarks)
    if header is None:
        identity = identify_picture(record.sha256)
        remarks.append(QualityIssue("Q100", Severity.NOTE, {"found": record.kind.media_type, "files": 1}))
    else:
        identity = identify_object(header, record.sha256)
        if not identity.is_complete:
            remarks.append(QualityIssue("Q105", Severity.WARN, {"files": 1}))
        if not identity.is_valid:
            remarks.append(QualityIssue("Q106", Severity.WARN, {"files": 1}))
    instance = InstanceRef(
        sop_instance_uid=identity.sop_instance_uid,
        sop_class_uid=header.sop_class_uid if header else "",
        path=record.entry.path,
        media_type=record.kind.media_type,
        sha256=record.sha256,
        transfer_syntax_uid=header.transfer_syntax_uid if header else "",
        number_of_frames=header.number_of_frames if header else 1,
    )
    if header and header.sop_instance_uid != identity.sop_instance_uid:
        header = replace(header, sop_instance_uid=identity.sop_instance_uid)
    return _Member(instance, header, identity, tuple(remarks))


def _series(members: Sequence[_Member]) -> Series:
    headers = [member.header for member in members if member.header]
    headers.sort(key=lambda header: not header.is_image)
    identity = members[0].identity
    numbers = (header.series_number for header in headers)
    return Series(
        series_instance_uid=identity.series_instance_uid,
        study_instance_uid=identity.study_instance_uid,
        modality=_first(header.modality for header in headers),
        instances=tuple(member.instance for member in members),
        body_part_examined=_common(header.body_part_examined for header in headers),
        laterality=_common(header.laterality for header in headers),
        view_position=_common(header.view_position for header in headers),
        series_number=next((number for number in numbers if number is not None), None),
        manufacturer=_first(header.manufacturer for header in headers),
        image_type=next((header.image_type for header in headers if header.image_type), ()),
    )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _common(values: Iterable[str]) -> str:
    """Return the one value that is given, empty where values differ: views of a mammography share a series."""
    given = {value for value in values if value}
    return given.pop() if len(given) == 1 else ""


def _instance_order(member: _Member) -> tuple[bool, int, str]:
    number = member.header.instance_number if member.header else None
    return number is None, number or 0, member.instance.sop_instance_uid


def _series_order(series: Series) -> tuple[bool, int, str]:
    return series.series_number is None, series.series_number or 0, series.series_instance_uid
