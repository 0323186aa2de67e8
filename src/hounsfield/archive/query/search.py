"""A search of a store: filters to one page of rows and the number of all, within the projects of who asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, case, exists, func, select
from sqlalchemy.engine import Connection

from hounsfield.archive.query.attributes import Attribute, Level, attributes_of, find_attribute
from hounsfield.archive.query.matching import condition, is_universal, name_condition
from hounsfield.archive.query.tables import instances, series, studies
from hounsfield.errors import Refused

Value = str | int | None
_TABLES = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}
_UIDS = {Level.STUDY: "study_instance_uid", Level.SERIES: "series_instance_uid", Level.INSTANCE: "sop_instance_uid"}
MAX_PAGE = 10_000


@dataclass(frozen=True)
class Filter:
    """One thing that is asked for.

    Attributes:
        attribute: keyword, or tag in eight hexadecimal digits.
        value: as DICOM writes it, with wildcards, ranges and lists of UIDs.
    """

    attribute: str
    value: str


@dataclass(frozen=True)
class Page:
    """A part of what a search found.

    Attributes:
        attributes: what stands in each place of a row.
        rows: values, empty or None for those that an object does not have; several are joined by a backslash.
        total: how many rows there are in all.
        offset: number of the first row of this page.
    """

    attributes: tuple[Attribute, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: int
    offset: int = 0

    def values(self, keyword: str) -> tuple[Value, ...]:
        """Return one attribute of all rows."""
        place = [attribute.keyword for attribute in self.attributes].index(keyword)
        return tuple(row[place] for row in self.rows)

    def as_dicom_json(self) -> list[dict[str, Any]]:
        """Return the rows as DICOM JSON objects (PS3.18 annex F), each element in the order of its tag."""
        order = sorted(range(len(self.attributes)), key=lambda place: self.attributes[place].tag)
        return [
            {self.attributes[at].tag_text: _element(self.attributes[at], row[at]) for at in order} for row in self.rows
        ]


@dataclass(frozen=True)
class Search:
    """What is asked for.

    Attributes:
        level: what the rows are.
        projects: whose objects are looked at; none finds nothing.
        filters: all must be fulfilled.
        is_fuzzy: match names of people by the beginnings of their words.
        is_sqlite: how the database writes wildcards.
    """

    level: Level
    projects: tuple[str, ...]
    filters: Sequence[Filter] = ()
    is_fuzzy: bool = False
    is_sqlite: bool = True

    def run(self, connection: Connection, offset: int, limit: int) -> Page:
        """Return a page. New objects come after the others, so pages stay as they are while more is received.

        Raises:
            Refused: ``E185`` for a value that cannot be, ``E186`` for an attribute that cannot be searched.
        """
        if offset < 0 or not 0 <= limit <= MAX_PAGE:
            raise Refused("E185", name="offset, limit", found=f"{offset}, {limit}")
        table = _TABLES[self.level]
        matching = self._joined(select(table.c.id)).where(*self._conditions())
        total = connection.execute(select(func.count()).select_from(matching.subquery())).scalar() or 0
        keys = [row[0] for row in connection.execute(matching.order_by(table.c.id).offset(offset).limit(limit))]
        attributes = attributes_of(self.level)
        return Page(attributes, tuple(self._rows(connection, keys, attributes)), total, offset)

    def _joined(self, asked: Select[Any]) -> Select[Any]:
        if self.level is Level.STUDY:
            return asked.select_from(studies)
        if self.level is Level.SERIES:
            return asked.select_from(series.join(studies))
        return asked.select_from(instances.join(series, instances.c.series_key == series.c.id).join(studies))

    # ---- conditions

    def _conditions(self) -> list[ColumnElement[bool]]:
        table = _TABLES[self.level]
        # As a plain column, the project of the lower rows would draw SQLite to the index that begins with it, which
        # holds nearly every row: 70 ms at 50,000 instances instead of 5.
        own: ColumnElement[Any] = table.c.project if self.level is Level.STUDY else func.coalesce(table.c.project, "")
        found: list[ColumnElement[bool]] = [own.in_(self.projects), studies.c.project.in_(self.projects)]
        if len(self.projects) > 1:
            found.append(~self._is_seen_before(table))
        found.extend(self._condition(each) for each in self.filters if not is_universal(each.value))
        return found

    def _is_seen_before(self, table: Table) -> ColumnElement[bool]:
        """Tell a row whose UID an earlier project of the view has too."""
        other, uid = table.alias(), _UIDS[self.level]
        ranks = {project: rank for rank, project in enumerate(self.projects)}
        return exists().where(
            other.c[uid] == table.c[uid],
            other.c.project.in_(self.projects),
            case(ranks, value=other.c.project) < case(ranks, value=table.c.project),
        )

    def _condition(self, asked: Filter) -> ColumnElement[bool]:
        attribute = find_attribute(asked.attribute)
        if attribute is None or attribute not in attributes_of(self.level):
            raise Refused("E186", found=asked.attribute[:64])
        if attribute.keyword == "ModalitiesInStudy":
            of_modality = condition(attribute, series.c.modality, asked.value, self.is_sqlite)
            inner = series.alias()
            matching = select(series.c.study_key).where(series.c.project.in_(self.projects), of_modality)
            return studies.c.id.in_(matching) if self.level is Level.STUDY else _by_study(inner, of_modality)
        if not attribute.column:
            raise Refused("E186", found=asked.attribute[:64])
        if attribute.keyword == "PatientName":
            return name_condition(studies.c.patient_name_key, asked.value, self.is_fuzzy)
        column = _TABLES[attribute.level].c[attribute.column]
        if attribute.vr == "PN":
            return condition(attribute, func.upper(column), asked.value.upper(), self.is_sqlite)
        return condition(attribute, column, asked.value, self.is_sqlite)

    # ---- rows

    def _rows(
        self, connection: Connection, keys: Sequence[int], attributes: Sequence[Attribute]
    ) -> list[tuple[Value, ...]]:
        if not keys:
            return []
        table = _TABLES[self.level]
        columns = [_TABLES[each.level].c[each.column] for each in attributes if each.column]
        names = [each.column for each in attributes if each.column]
        chain = [table.c.id, studies.c.id] + ([series.c.id] if self.level is not Level.STUDY else [])
        asked = self._joined(select(*chain, *columns)).where(table.c.id.in_(keys)).order_by(table.c.id)
        found = [tuple(row) for row in connection.execute(asked)]
        counted = _Counts(connection, {row[1] for row in found}, {row[2] for row in found if len(chain) > 2})
        rows: list[tuple[Value, ...]] = []
        for row in found:
            values = dict(zip(names, row[len(chain) :], strict=True))
            keys_of_row = (row[1], row[2] if len(chain) > 2 else 0)
            rows.append(
                tuple(values[each.column] if each.column else counted.value(each, *keys_of_row) for each in attributes)
            )
        return rows


def _by_study(other: Any, of_modality: ColumnElement[bool]) -> ColumnElement[bool]:
    """Tell a study, joined to lower rows, that has a series of a modality."""
    from sqlalchemy.sql.util import ClauseAdapter

    adapted: ColumnElement[bool] = ClauseAdapter(other).traverse(of_modality)
    return exists().where(other.c.study_key == studies.c.id, adapted)


class _Counts:
    """What is counted when it is asked for: modalities, series and instances of the studies and series of a page."""

    def __init__(self, connection: Connection, study_keys: set[int], series_keys: set[int]) -> None:
        self._of_studies = self._study_counts(connection, study_keys)
        self._of_series: Mapping[int, int] = {}
        if series_keys:
            table = instances
            asked = select(table.c.series_key, func.count()).where(table.c.series_key.in_(series_keys))
            self._of_series = {row[0]: row[1] for row in connection.execute(asked.group_by(table.c.series_key))}

    @staticmethod
    def _study_counts(connection: Connection, keys: set[int]) -> Mapping[int, tuple[str, int, int]]:
        joined = series.outerjoin(instances, instances.c.series_key == series.c.id)
        asked = (
            select(series.c.study_key, series.c.modality, series.c.id, func.count(instances.c.id))
            .select_from(joined)
            .where(series.c.study_key.in_(keys))
            .group_by(series.c.study_key, series.c.modality, series.c.id)
        )
        parts: dict[int, list[tuple[str, int]]] = {key: [] for key in keys}
        for study, modality, _, count in connection.execute(asked):
            parts[study].append((modality or "", count))
        return {
            key: ("\\".join(sorted({each[0] for each in found if each[0]})), len(found), sum(each[1] for each in found))
            for key, found in parts.items()
        }

    def value(self, attribute: Attribute, study: int, serie: int) -> Value:
        """Return a counted attribute of a row by the keys of its study and series."""
        if attribute.keyword == "NumberOfSeriesRelatedInstances":
            return self._of_series.get(serie, 0)
        modalities, series_count, instance_count = self._of_studies[study]
        if attribute.keyword == "ModalitiesInStudy":
            return modalities
        return series_count if attribute.keyword == "NumberOfStudyRelatedSeries" else instance_count


def _element(attribute: Attribute, value: Value) -> dict[str, Any]:
    if value is None or value == "":
        return {"vr": attribute.vr}
    if attribute.vr == "PN":
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), str(value).split("="), strict=False)
        return {"vr": "PN", "Value": [{name: group for name, group in groups if group}]}
    if isinstance(value, str) and attribute.vr == "CS":
        return {"vr": "CS", "Value": value.split("\\")}
    return {"vr": attribute.vr, "Value": [value]}
