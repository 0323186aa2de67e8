"""How SQLite goes about a search: by an index on what is asked for, never through all rows of a project."""

import pytest
from sqlalchemy import select

from hounsfield.archive.query.attributes import Level
from hounsfield.archive.query.search import Filter, Search
from hounsfield.archive.query.tables import instances, series, studies
from hounsfield.archive.store import open_store
from tests.archive.store.killing import object_of

TABLES = {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}
PLANS = [
    (Level.STUDY, "StudyInstanceUID", "1.2", "SEARCH studies USING INDEX sqlite_autoindex_studies"),
    (Level.STUDY, "PatientID", "P1", "SEARCH studies USING INDEX studies_by_patient"),
    (Level.STUDY, "AccessionNumber", "A1", "SEARCH studies USING INDEX studies_by_order"),
    (Level.SERIES, "SeriesInstanceUID", "1.2", "SEARCH series USING INDEX series_by_uid"),
    (Level.INSTANCE, "SeriesInstanceUID", "1.2", "SEARCH instances USING INDEX instances_by_series"),
    (Level.INSTANCE, "SeriesInstanceUID", "1.2", "SEARCH series USING INDEX series_by_uid"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        opened.receive_many(([object_of(number)] for number in range(1, 9)), "a")
        opened.receive_many(([object_of(number)] for number in range(5, 12)), "b")
        yield opened


def plan_of(store, level, attribute, value):
    search, key = Search(level, ("a",), (Filter(attribute, value),)), TABLES[level].c.id
    asked = search._joined(select(key)).where(*search._conditions()).order_by(key).limit(100)
    text = str(asked.compile(store._database.reader, compile_kwargs={"literal_binds": True}))
    with store._database.reader.begin() as connection:
        return [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text)]


@pytest.mark.parametrize(("level", "attribute", "value", "expected"), PLANS)
def test_a_search_goes_by_the_index_of_what_is_asked_for(store, level, attribute, value, expected):
    plan = plan_of(store, level, attribute, value)
    assert any(line.replace("COVERING ", "").startswith(expected) for line in plan), plan
    assert not [line for line in plan if line.startswith("SCAN")]


@pytest.mark.parametrize(
    ("projects", "level", "total"),
    [
        (("a",), Level.INSTANCE, 8),
        (("b",), Level.INSTANCE, 7),
        (("a", "b"), Level.INSTANCE, 11),
        (("c",), Level.INSTANCE, 0),
        ((), Level.INSTANCE, 0),
        (("a",), Level.SERIES, 1),
        (("c",), Level.SERIES, 0),
        (("a", "c"), Level.STUDY, 1),
        ((), Level.STUDY, 0),
    ],
)
def test_the_projects_still_bound_every_level(store, projects, level, total):
    page = store.view(projects).search(level)
    assert (page.total, len(page.rows)) == (total, total)
