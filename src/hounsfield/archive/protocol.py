"""Archive: what every place where studies live can be asked, a folder and a server alike."""

from dataclasses import dataclass
from typing import Protocol

from hounsfield.core.study import InstanceRef, Series, Study


@dataclass(frozen=True)
class StudyQuery:
    """Which studies are looked for; an empty field matches all (PS3.4 C.2.2.2.3, universal matching).

    Attributes:
        study_instance_uid: one study.
        patient_id: studies of one patient.
        accession_number: studies of one order.
        modality: studies with a series of this modality.
    """

    study_instance_uid: str = ""
    patient_id: str = ""
    accession_number: str = ""
    modality: str = ""

    def matches(self, study: Study) -> bool:
        """Tell whether a study is looked for."""
        return (
            self.study_instance_uid in ("", study.study_instance_uid)
            and self.patient_id in ("", study.patient_id)
            and self.accession_number in ("", study.accession_number)
            and (not self.modality or any(series.modality == self.modality for series in study.series))
        )


ALL_STUDIES = StudyQuery()


class Archive(Protocol):
    """Where studies are found and retrieved. Searches that match nothing return nothing; retrieving raises."""

    def search_for_studies(self, query: StudyQuery = ALL_STUDIES) -> tuple[Study, ...]:
        """Return the studies that match, in the same order each time."""
        ...

    def search_for_series(self, study_instance_uid: str) -> tuple[Series, ...]:
        """Return the series of a study, in the order of their numbers; none when the study is not there."""
        ...

    def retrieve_study(self, study_instance_uid: str) -> Study:
        """Return a study.

        Raises:
            NotFound: ``E161``.
        """
        ...

    def retrieve_series(self, series_instance_uid: str) -> Series:
        """Return a series.

        Raises:
            NotFound: ``E161``.
        """
        ...

    def retrieve_instance(self, sop_instance_uid: str) -> InstanceRef:
        """Return an instance whose bytes lie in its path for as long as the archive is open.

        Raises:
            NotFound: ``E161``.
        """
        ...
