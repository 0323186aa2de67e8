"""Searches in a store, held to a plain reading of PS3.4 C.2.2.2 over the same rows in Python."""

import itertools
import json
import random
import re

import pytest

from hounsfield.archive.query.attributes import ATTRIBUTES, Level, attributes_of, find_attribute
from hounsfield.archive.query.matching import is_universal, name_key
from hounsfield.archive.query.search import Filter
from hounsfield.archive.store import open_store
from hounsfield.errors import Refused
from tests.archive.samples import ct_dataset, encode

NAMES = [
    "Doe^John",
    "DOE^Jane",
    "Doe",
    "Müller^Jörg",
    "Wang^XiaoDong=王^小东=",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "O_Neil^Pat%",
    "",
]
DATES = ["20240102", "20240229", "20231231", ""]
TIMES = ["120000", "1259", "235959.5", ""]
DESCRIPTIONS = ["CT chest", "ct chest", "MR [brain]", "50% dose", "a_b", ""]


def study_of(number: int) -> dict[str, str]:
    return {
        "StudyInstanceUID": f"1.2.{number}",
        "PatientName": NAMES[number % len(NAMES)],
        "PatientID": f"P{number // 2:02d}",
        "StudyDate": DATES[number % len(DATES)],
        "StudyTime": TIMES[number // 2 % len(TIMES)],
        "StudyDescription": DESCRIPTIONS[number % len(DESCRIPTIONS)],
        "AccessionNumber": f"A{number}" if number % 3 else "",
        "PatientSex": "MFO"[number % 3],
    }


STUDIES = [study_of(number) for number in range(24)]


def objects_of(study: dict[str, str]):
    number = int(study["StudyInstanceUID"].split(".")[-1])
    for serie, modality in enumerate(["CT", "SR"] if number % 4 == 0 else ["MR"]):
        for instance in range(1 + number % 2):
            uid = f"{study['StudyInstanceUID']}.{serie}"
            yield encode(
                ct_dataset(
                    **study,
                    SpecificCharacterSet="ISO_IR 192",
                    SeriesInstanceUID=uid,
                    SOPInstanceUID=f"{uid}.{instance}",
                    Modality=modality,
                    SeriesNumber=serie + 1,
                    InstanceNumber=instance + 1,
                )
            )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        opened.receive_many([content] for study in STUDIES for content in objects_of(study))
        yield opened


def found(store, *filters: tuple[str, str], level=Level.STUDY, **options) -> list[str]:
    page = store.view().search(level, [Filter(*each) for each in filters], limit=1000, **options)
    assert page.total == len(page.rows)
    keyword = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}[level]
    return list(page.values(keyword))


# ---- the same rules, in Python


def text_matches(pattern: str, value: str) -> bool:
    if is_universal(pattern):
        return True
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def name_matches(pattern: str, value: str) -> bool:
    if is_universal(pattern):
        return True
    fold = {name_key(value)} if "=" in pattern else set(name_key(value).strip("=").split("="))
    wanted = name_key(pattern) if "=" in pattern else name_key(pattern).strip("=")
    return any(text_matches(wanted, group) for group in fold if group)


def range_matches(asked: str, value: str) -> bool:
    first, dash, last = asked.partition("-")
    if not dash:
        return value == asked
    return bool(value) and value >= (first or "0") and (not last or value[: len(last)] <= last)


TEXTS = [
    "*",
    "",
    "CT chest",
    "CT*",
    "*chest",
    "?? chest",
    "MR [brain]",
    "*[*",
    "[a-z]*",
    "50%*",
    "%",
    "a_b",
    "a?b",
    "_",
]
PATTERNS = [
    "doe^john",
    "DOE*",
    "Doe",
    "d?e^j*",
    "muller*",
    "王*",
    "山田^太郎",
    "やまだ*",
    "*小东",
    "o_neil*",
    "_*",
    "%",
    "*",
]
RANGES = ["20240102", "20240101-", "-20231231", "20240102-20240229", "20250101-20260101", "-20200101"]
CLOCKS = ["120000", "12-", "-12", "12-13", "2359-2359", "13:00-", "235959.5"]


@pytest.mark.parametrize("pattern", TEXTS)
def test_text_is_matched_with_case_and_wildcards(store, pattern):
    expected = [each["StudyInstanceUID"] for each in STUDIES if text_matches(pattern, each["StudyDescription"])]
    assert found(store, ("StudyDescription", pattern)) == expected


@pytest.mark.parametrize("pattern", PATTERNS)
def test_names_are_matched_without_case_in_each_group(store, pattern):
    expected = [each["StudyInstanceUID"] for each in STUDIES if name_matches(pattern, each["PatientName"])]
    assert found(store, ("PatientName", pattern)) == expected
    assert expected or pattern in ("_*", "%")


@pytest.mark.parametrize("asked", RANGES)
def test_dates_are_matched_by_range(store, asked):
    expected = [each["StudyInstanceUID"] for each in STUDIES if range_matches(asked, each["StudyDate"])]
    assert found(store, ("StudyDate", asked)) == expected


@pytest.mark.parametrize("asked", CLOCKS)
def test_times_are_matched_by_range_and_a_short_end_holds_its_whole_hour(store, asked):
    expected = [
        each["StudyInstanceUID"] for each in STUDIES if range_matches(asked.replace(":", ""), each["StudyTime"])
    ]
    assert found(store, ("StudyTime", asked)) == expected


@pytest.mark.parametrize("separator", [",", "\\"])
def test_a_list_of_uids_finds_each(store, separator):
    wanted = ["1.2.3", "1.2.9", "1.2.404"]
    assert found(store, ("StudyInstanceUID", separator.join(wanted))) == ["1.2.3", "1.2.9"]
    assert found(store, ("0020000D", "1.2.3")) == ["1.2.3"]


def test_filters_are_joined_by_and(store):
    random.seed(7)
    for _ in range(20):
        text, dates, sex = random.choice(TEXTS), random.choice(RANGES), random.choice("MFO")
        expected = [
            each["StudyInstanceUID"]
            for each in STUDIES
            if text_matches(text, each["StudyDescription"])
            and range_matches(dates, each["StudyDate"])
            and each["PatientSex"] == sex
        ]
        assert found(store, ("StudyDescription", text), ("StudyDate", dates), ("PatientSex", sex)) == expected


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("john doe", {"Doe^John"}),
        ("do", {"Doe^John", "DOE^Jane", "Doe"}),
        ("JORG mull", {"Müller^Jörg"}),
        ("王", {"Wang^XiaoDong=王^小东="}),
        ("oe", set()),
        ("^", set()),
    ],
)
def test_fuzzy_names_match_the_beginnings_of_words(store, words, names):
    expected = [each["StudyInstanceUID"] for each in STUDIES if each["PatientName"] in names]
    assert found(store, ("PatientName", words), is_fuzzy=True) == expected


def test_modalities_and_numbers_of_a_study_are_counted(store):
    page = store.view().search(Level.STUDY, [], limit=1000)
    for row, study in zip(page.rows, STUDIES, strict=True):
        record = dict(zip([each.keyword for each in page.attributes], row, strict=True))
        number = int(study["StudyInstanceUID"].split(".")[-1])
        series = 2 if number % 4 == 0 else 1
        assert record["ModalitiesInStudy"] == ("CT\\SR" if series == 2 else "MR")
        assert record["NumberOfStudyRelatedSeries"] == series
        assert record["NumberOfStudyRelatedInstances"] == series * (1 + number % 2)
        assert {key: record[key] for key in study if key != "PatientName"} == {
            key: value for key, value in study.items() if key != "PatientName"
        }
        assert record["PatientName"] == study["PatientName"].rstrip("=")


def test_lower_levels_are_searched_with_what_stands_above(store):
    assert found(store, ("StudyInstanceUID", "1.2.4"), level=Level.SERIES) == ["1.2.4.0", "1.2.4.1"]
    assert found(store, ("StudyInstanceUID", "1.2.4"), ("Modality", "SR"), level=Level.SERIES) == ["1.2.4.1"]
    assert found(store, ("SeriesInstanceUID", "1.2.5.0"), level=Level.INSTANCE) == ["1.2.5.0.0", "1.2.5.0.1"]
    assert found(store, ("InstanceNumber", "2"), ("PatientID", "P02"), level=Level.INSTANCE) == ["1.2.5.0.1"]
    assert found(store, ("ModalitiesInStudy", "SR"), ("Modality", "CT"), level=Level.SERIES) == [
        f"1.2.{number}.0" for number in range(0, 24, 4)
    ]
    assert found(store, ("ModalitiesInStudy", "S?"), level=Level.STUDY) == [f"1.2.{n}" for n in range(0, 24, 4)]
    assert len(found(store, level=Level.INSTANCE)) == sum(len(list(objects_of(study))) for study in STUDIES)
    page = store.view().search(Level.SERIES, [Filter("SeriesInstanceUID", "1.2.5.0")])
    assert page.values("NumberOfSeriesRelatedInstances") == (2,)


@pytest.mark.parametrize("limit", [1, 5, 7, 24, 100])
def test_pages_put_together_are_the_whole(store, limit):
    view, pages = store.view(), []
    for offset in range(0, 24, limit):
        page = view.search(Level.STUDY, [], offset, limit)
        assert (page.total, page.offset) == (24, offset)
        pages.append(page.values("StudyInstanceUID"))
    assert list(itertools.chain(*pages)) == [each["StudyInstanceUID"] for each in STUDIES]
    assert view.search(Level.STUDY, [], 24, limit).rows == ()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("StudyInstanceUID", "1.2'; DROP TABLE studies"),
        ("StudyInstanceUID", "1.2.*"),
        ("StudyDate", "yesterday"),
        ("StudyDate", "-"),
        ("StudyDate", "20240101-20240102-20240103"),
        ("StudyTime", "noon"),
        ("StudyInstanceUID", ",".join(["1.2"] * 1001)),
        ("StudyDescription", "x" * 5000),
    ],
)
def test_values_that_cannot_be_are_refused(store, attribute, value):
    with pytest.raises(Refused, match="E185"):
        found(store, (attribute, value))


@pytest.mark.parametrize(
    "attribute", ["Nonsense", "Modality", "NumberOfStudyRelatedSeries", "00080018", "", "studies.id"]
)
def test_attributes_that_cannot_be_searched_are_refused(store, attribute):
    with pytest.raises(Refused, match="E186"):
        found(store, (attribute, "1"))
    with pytest.raises(Refused, match="E185"):
        found(store, ("Rows", "1.5"), level=Level.INSTANCE)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 1), (0, -1), (0, 10_001)])
def test_pages_that_cannot_be_are_refused(store, offset, limit):
    with pytest.raises(Refused, match="E185"):
        store.view().search(Level.STUDY, [], offset, limit)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("projects", [[], ["other"], ["default' OR '1'='1"], ["%"]])
def test_no_search_leaves_its_projects(store, level, projects):
    page = store.view(projects).search(level, [Filter("PatientID", "*")])
    assert (page.rows, page.total) == ((), 0)


def test_every_statement_of_a_search_names_projects(store):
    """Whatever is asked, SQL that finds rows is limited to the projects; the others go by keys found so."""
    from sqlalchemy import event

    said: list[str] = []
    engine = store._database.reader
    listener = lambda *call: said.append(call[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    try:
        for level in Level:
            store.view(["default", "b"]).search(level, [Filter("ModalitiesInStudy", "CT")])
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    finding = [each for each in said if each.startswith("SELECT count") or "LIMIT" in each]
    assert len(finding) == 6
    for each in finding:
        assert "studies.project IN" in each


def test_two_projects_show_a_uid_once_from_the_first_of_them(tmp_path):
    with open_store(tmp_path) as store:
        store.receive([encode(ct_dataset(SOPInstanceUID="1.2.3", PatientID="PA"))], project="a")
        store.receive([encode(ct_dataset(SOPInstanceUID="1.2.3", PatientID="PB"))], project="b")
        store.receive([encode(ct_dataset(SOPInstanceUID="1.2.4", StudyInstanceUID="1.9"))], project="b")
        for projects, patients in ((["a", "b"], ("PA", "P1")), (["b", "a"], ("PB", "P1")), (["b"], ("PB", "P1"))):
            page = store.view(projects).search(Level.STUDY, [])
            assert (page.values("PatientID"), page.total) == (patients, 2)
            assert store.view(projects).search(Level.INSTANCE, []).total == 2


def test_rows_are_written_as_dicom_json(store):
    (row,) = store.view().search(Level.STUDY, [Filter("StudyInstanceUID", "1.2.4")]).as_dicom_json()
    assert list(row) == sorted(row)
    assert row["0020000D"] == {"vr": "UI", "Value": ["1.2.4"]}
    assert row["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
    assert row["00100010"]["Value"] == [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}]
    assert row["00201206"] == {"vr": "IS", "Value": [2]}
    (empty,) = store.view().search(Level.STUDY, [Filter("StudyInstanceUID", "1.2.3")]).as_dicom_json()
    assert empty["00080020"] == {"vr": "DA"}
    json.dumps([row, empty])


def test_the_searches_of_a_worklist_go_by_an_index(store):
    plans = {
        "studies_by_patient": "SELECT id FROM studies WHERE project IN ('a') AND patient_id = 'P'",
        "studies_by_date": "SELECT id FROM studies WHERE project IN ('a') AND study_date >= '2' AND study_date <= '3'",
        "studies_by_order": "SELECT id FROM studies WHERE project IN ('a') AND accession_number = 'A'",
        "series_by_modality": "SELECT study_key FROM series WHERE project IN ('a') AND modality = 'CT'",
        "instances_by_series": "SELECT id FROM instances WHERE series_key = 3",
    }
    with store._database.reader.begin() as connection:
        for index, statement in plans.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            assert any(index in row[3] for row in plan), plan


def test_the_table_of_attributes_agrees_with_the_data_dictionary():
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    for level, attributes in ATTRIBUTES.items():
        for attribute in attributes:
            assert tag_for_keyword(attribute.keyword) == attribute.tag
            assert dictionary_VR(attribute.tag) == attribute.vr
            assert attribute.level is level
            assert find_attribute(attribute.tag_text.lower()) is attribute
    assert set(attributes_of(Level.STUDY)) < set(attributes_of(Level.SERIES)) < set(attributes_of(Level.INSTANCE))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("", ""),
        ("==", ""),
        ("Doe^^^", "=doe="),
        ("A  B^C", "=a b^c="),
        ("STRASSE", "=strasse="),
        ("Straße", "=strasse="),
    ],
)
def test_keys_of_names(name, key):
    assert name_key(name) == key
