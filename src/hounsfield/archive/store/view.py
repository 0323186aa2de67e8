"""A store as somebody may see it: every question and every byte goes through the projects of a view."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Select, Table, select

from hounsfield.archive.protocol import ALL_STUDIES, StudyQuery
from hounsfield.archive.query.attributes import Level
from hounsfield.archive.query.search import Filter, Page, Search
from hounsfield.archive.query.tables import documents, instances, series, studies
from hounsfield.archive.store.blobs import Blobs
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.faults import told
from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef, Series, Study
from hounsfield.errors import NotFound

_SERIES_ORDER = (series.c.series_number.is_(None), series.c.series_number, series.c.series_instance_uid)
_ORDER = (instances.c.instance_number.is_(None), instances.c.instance_number, instances.c.sop_instance_uid)

_STUDIES_AT_A_TIME = 500
"""Keys in one question; SQLite takes 32,766."""


@dataclass(frozen=True)
class View:
    """The studies of some projects; satisfies ``Archive``.

    Where two projects hold one UID, the first of them in the order of ``projects`` is seen.

    Attributes:
        projects: whose studies are seen; of no project, nothing is.
    """

    projects: tuple[str, ...]
    _database: Database
    _blobs: Blobs

    def search_for_studies(self, query: StudyQuery = ALL_STUDIES) -> tuple[Study, ...]:
        """Return the studies that match, in the order in which they came."""
        asked = select(studies).where(studies.c.project.in_(self.projects)).order_by(studies.c.id)
        for column, value in (
            (studies.c.study_instance_uid, query.study_instance_uid),
            (studies.c.patient_id, query.patient_id),
            (studies.c.accession_number, query.accession_number),
        ):
            if value:
                asked = asked.where(column == value)
        if query.modality:
            of_modality = select(series.c.study_key).where(
                series.c.project.in_(self.projects), series.c.modality == query.modality
            )
            asked = asked.where(studies.c.id.in_(of_modality))
        rows = self._first_of_each(self._rows(asked), "study_instance_uid")
        parts = (rows[start : start + _STUDIES_AT_A_TIME] for start in range(0, len(rows), _STUDIES_AT_A_TIME))
        return tuple(study for part in parts for study in self._studies(part))

    def search_for_series(self, study_instance_uid: str) -> tuple[Series, ...]:
        """Return the series of a study, in the order of their numbers; none when it is not there."""
        found = self.search_for_studies(StudyQuery(study_instance_uid=study_instance_uid))
        return found[0].series if study_instance_uid and found else ()

    def retrieve_study(self, study_instance_uid: str) -> Study:
        """Return a study.

        Raises:
            NotFound: ``E161``.
        """
        found = self.search_for_studies(StudyQuery(study_instance_uid=study_instance_uid))
        if not study_instance_uid or not found:
            raise NotFound("E161", uid=study_instance_uid)
        return found[0]

    def retrieve_series(self, series_instance_uid: str) -> Series:
        """Return a series.

        Raises:
            NotFound: ``E161``.
        """
        key = self._key(series, series.c.series_instance_uid, series_instance_uid)
        asked = select(series, studies.c.study_instance_uid).join(studies).where(series.c.id == key)
        (row,) = self._rows(asked)
        held = self._rows(select(instances).where(instances.c.series_key == key).order_by(*_ORDER))
        return self._series(row, row["study_instance_uid"], held)

    def retrieve_instance(self, sop_instance_uid: str) -> InstanceRef:
        """Return an instance; its bytes lie in its path and must not be changed.

        Raises:
            NotFound: ``E161``.
        """
        return self._instance(self._instance_row(sop_instance_uid))

    def retrieve_instances(
        self, study_instance_uid: str, series_instance_uid: str = "", sop_instance_uid: str = ""
    ) -> tuple[InstanceRef, ...]:
        """Return the instances of a study, of one of its series, or one of these, series and instances in order.

        Raises:
            NotFound: ``E161``, there is none.
        """
        key = self._key(studies, studies.c.study_instance_uid, study_instance_uid)
        asked = select(instances).join(series, instances.c.series_key == series.c.id).where(series.c.study_key == key)
        if series_instance_uid:
            asked = asked.where(series.c.series_instance_uid == series_instance_uid)
        if sop_instance_uid:
            asked = asked.where(instances.c.sop_instance_uid == sop_instance_uid)
        found = self._rows(asked.order_by(*_SERIES_ORDER, *_ORDER))
        if not found:
            raise NotFound("E161", uid=sop_instance_uid or series_instance_uid)
        return tuple(self._instance(row) for row in found)

    def open_instance(self, sop_instance_uid: str) -> Path:
        """Return where the bytes of an instance lie, as they were received.

        Raises:
            NotFound: ``E161``; ``E178`` when the row is there and the bytes are not.
        """
        row = self._instance_row(sop_instance_uid)
        path = self._blobs.path(row["sha256"])
        if not path.is_file():
            raise NotFound("E178", uid=sop_instance_uid, found=row["sha256"][:12])
        return path

    def search(
        self,
        level: Level,
        filters: Sequence[Filter] = (),
        offset: int = 0,
        limit: int = 100,
        is_fuzzy: bool = False,
    ) -> Page:
        """Search as QIDO-RS and C-FIND do (PS3.4 section C.2.2.2), and return one page with the number of all rows.

        Args:
            level: what the rows are.
            filters: all must be fulfilled; attributes of this level and those above.
            offset: rows to pass over.
            limit: rows of the page, at most 10,000.
            is_fuzzy: match names of people by the beginnings of their words.

        Raises:
            Refused: ``E185`` for a value that cannot be, ``E186`` for an attribute that cannot be searched.
        """
        search = Search(level, self.projects, tuple(filters), is_fuzzy, self._database.is_sqlite)
        with told(), self._database.reader.begin() as connection:
            return search.run(connection, offset, limit)

    def metadata(self, series_instance_uid: str) -> tuple[bytes, ...]:
        """Return the DICOM JSON of each instance of a series (UTF-8), in the order of their numbers, without pixels.

        A ``BulkDataURI`` in it holds the path of the value alone, such as ``7FE00010``.

        Raises:
            NotFound: ``E161``.
        """
        key = self._key(series, series.c.series_instance_uid, series_instance_uid)
        joined = documents.join(instances, documents.c.instance_key == instances.c.id)
        asked = select(documents.c.packed_json).select_from(joined)
        rows = self._rows(asked.where(instances.c.series_key == key).order_by(*_ORDER))
        return tuple(zlib.decompress(row["packed_json"]) for row in rows)

    def instance_metadata(self, sop_instance_uid: str) -> bytes:
        """Return the DICOM JSON of an instance, as ``metadata`` does.

        Raises:
            NotFound: ``E161``.
        """
        key = self._instance_row(sop_instance_uid)["id"]
        asked = select(documents.c.packed_json).where(documents.c.instance_key == key)
        return zlib.decompress(self._rows(asked)[0]["packed_json"])

    # ---- rows

    def _rows(self, asked: Select[Any]) -> Sequence[Any]:
        with told(), self._database.reader.begin() as connection:
            return connection.execute(asked).mappings().all()

    def _first_of_each(self, rows: Iterable[Any], name: str) -> list[Any]:
        """Return one row for each UID: of the project that stands first in the view."""
        ranks = {project: rank for rank, project in enumerate(self.projects)}
        best: dict[str, Any] = {}
        for row in rows:
            known = best.get(row[name])
            if known is None or ranks[row["project"]] < ranks[known["project"]]:
                best[row[name]] = row
        return list(best.values())

    def _key(self, table: Table, column: Column[str], uid: str) -> int:
        """Return the key of the row of a UID."""
        asked = select(table.c.id, table.c.project, column).where(column == uid, table.c.project.in_(self.projects))
        found = self._first_of_each(self._rows(asked.order_by(table.c.id)), column.name)
        if not found:
            raise NotFound("E161", uid=uid)
        return int(found[0]["id"])

    def _instance_row(self, sop_instance_uid: str) -> Any:
        asked = select(instances).where(
            instances.c.sop_instance_uid == sop_instance_uid, instances.c.project.in_(self.projects)
        )
        found = self._first_of_each(self._rows(asked), "sop_instance_uid")
        if not found:
            raise NotFound("E161", uid=sop_instance_uid)
        return found[0]

    # ---- nouns

    def _studies(self, rows: Sequence[Any]) -> list[Study]:
        """Return studies with all that is in them, by two questions however many they are."""
        of_these = series.c.study_key.in_([row["id"] for row in rows])
        joined = select(instances).join(series, instances.c.series_key == series.c.id)
        held = _by(self._rows(joined.where(of_these).order_by(*_ORDER)), "series_key")
        parts = _by(self._rows(select(series).where(of_these).order_by(*_SERIES_ORDER)), "study_key")
        return [
            Study(
                study_instance_uid=row["study_instance_uid"],
                series=tuple(
                    self._series(part, row["study_instance_uid"], held[part["id"]]) for part in parts[row["id"]]
                ),
                patient_id=row["patient_id"],
                patient_age_years=row["patient_age_years"],
                patient_sex=row["patient_sex"],
                accession_number=row["accession_number"],
                study_date=row["study_date"],
            )
            for row in rows
        ]

    def _series(self, row: Any, study_instance_uid: str, held: Sequence[Any]) -> Series:
        return Series(
            series_instance_uid=row["series_instance_uid"],
            study_instance_uid=study_instance_uid,
            modality=row["modality"],
            instances=tuple(self._instance(each) for each in held),
            body_part_examined=_common(each["body_part"] for each in held),
            laterality=_common(each["laterality"] for each in held),
            view_position=_common(each["view_position"] for each in held),
            series_number=row["series_number"],
            manufacturer=row["manufacturer"],
            image_type=next((tuple(each["image_type"].split("\\")) for each in held if each["image_type"]), ()),
        )

    def _instance(self, row: Any) -> InstanceRef:
        return InstanceRef(
            sop_instance_uid=row["sop_instance_uid"],
            sop_class_uid=row["sop_class_uid"],
            path=self._blobs.path(row["sha256"]),
            media_type=DICOM_MEDIA_TYPE,
            sha256=row["sha256"],
            transfer_syntax_uid=row["transfer_syntax_uid"],
            number_of_frames=row["number_of_frames"],
        )


def _by(rows: Iterable[Any], name: str) -> defaultdict[int, list[Any]]:
    """Return rows by a key, in their order."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def _common(values: Iterable[str]) -> str:
    """Return the one value that is given, empty where values differ."""
    given = {value for value in values if value}
    return given.pop() if len(given) == 1 else ""
