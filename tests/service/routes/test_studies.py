"""Studies over the JSON API: sent in, found, looked at, decided on; and never by who is not of their project."""

import io
import zipfile

import pytest

from hounsfield.archive.limits import Limits
from hounsfield.archive.store import open_store
from hounsfield.service import uploads
from hounsfield.service.access.roles import Permission
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query
from tests.archive.samples import ct_dataset, encode
from tests.service.stand import stand_in

NAME, NUMBER = "Mustermann^Max", "PAT-4711"
SEARCH = "/api/v1/studies/search"


def ct(number: int = 1, study: str = "1.2.3", **changes: object) -> bytes:
    """Return a CT image of a study of its own patient."""
    return encode(
        ct_dataset(
            SOPInstanceUID=f"{study}.1.{number}",
            SeriesInstanceUID=f"{study}.1",
            StudyInstanceUID=study,
            InstanceNumber=number,
            **{"PatientName": NAME, "PatientID": NUMBER, "StudyDate": "20260102", "AccessionNumber": "A1", **changes},
        )
    )


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


@pytest.fixture
def stand(tmp_path):
    """A stand with a store of its own."""
    made = stand_in(tmp_path, store=open_store(tmp_path / "archive"))
    yield made
    made.desk.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Three studies in project a, one in b, and one that both hold; something in the quarantine of each."""
    folder = tmp_path_factory.mktemp("filled")
    made = stand_in(folder, store=open_store(folder / "archive"))
    store = made.desk.store
    for number, (study, date) in enumerate((("1.2.1", "20260101"), ("1.2.2", "20260301"), ("1.2.3", ""))):
        store.receive([ct(1, study, StudyDate=date, AccessionNumber=f"A{number}", PatientID=f"P{9 - number}")], "a")
    store.receive([ct(2, "1.2.1", StudyDate="20260101", AccessionNumber="A0", PatientID="P9")], "a")
    store.receive([ct(1, "1.3.1", Modality="MR")], "b")
    store.receive([ct(1, "1.4.1", StudyDate="20250101")], "a")
    store.receive([ct(1, "1.4.1", StudyDate="20250101")], "b")
    for project in ("a", "b"):
        store.receive([f"no image of {project}".encode()], project)
    yield made
    made.desk.close()


def search(stand, user: str, **body: object):
    return stand.client(**stand.bearer(user)).post(SEARCH, json=body)


def uids(reply) -> list[str]:
    return [row["study_instance_uid"] for row in reply.json()["studies"]]


# ---- finding


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["1.2.2", "1.2.1", "1.4.1", "1.2.3"]),
        ({"is_descending": False}, ["1.2.3", "1.4.1", "1.2.1", "1.2.2"]),
        ({"sort": "patient_id", "is_descending": False}, ["1.2.3", "1.2.2", "1.2.1", "1.4.1"]),
        ({"sort": "accession_number", "is_descending": False}, ["1.2.1", "1.2.2", "1.4.1", "1.2.3"]),
        ({"sort": "study_instance_uid", "is_descending": False}, ["1.2.1", "1.2.2", "1.2.3", "1.4.1"]),
        ({"patient_id": "P9"}, ["1.2.1"]),
        ({"patient_id": "P"}, []),
        ({"patient_id": "' OR 1=1 --"}, []),
        ({"accession_number": "A1"}, ["1.2.2", "1.4.1"]),
        ({"modality": "CT"}, ["1.2.2", "1.2.1", "1.4.1", "1.2.3"]),
        ({"modality": "MR"}, []),
        ({"study_date_from": "20260101"}, ["1.2.2", "1.2.1"]),
        ({"study_date_to": "20260101"}, ["1.2.1", "1.4.1"]),
        ({"study_date_from": "20260101", "study_date_to": "20260101"}, ["1.2.1"]),
        ({"study_date_from": "20270101"}, []),
        ({"limit": 2}, ["1.2.2", "1.2.1"]),
        ({"limit": 2, "offset": 2}, ["1.4.1", "1.2.3"]),
        ({"offset": 4}, []),
    ],
)
def test_studies_are_found_sorted_and_paged(body, expected, filled):
    assert uids(search(filled, "reader@a", **body)) == expected


def test_the_total_is_that_of_all_pages(filled):
    assert search(filled, "reader@a", limit=1).json()["total"] == 4
    assert search(filled, "reader@a", offset=99).json()["total"] == 4


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"sort": "patient_name"},
        {"study_date_from": "2026"},
        {"study_date_from": "yesterday"},
        {"patient_id": "x" * 65},
        {"project": "b"},
        {"projects": ["b"]},
    ],
)
def test_a_question_that_does_not_fit_is_refused(body, filled):
    assert search(filled, "reader@a", **body).status_code == 422


def test_what_is_said_of_a_study(filled):
    row = search(filled, "reader@a", patient_id="P9").json()["studies"][0]
    assert row == {
        "study_instance_uid": "1.2.1",
        "patient_id": "P9",
        "patient_sex": row["patient_sex"],
        "patient_age_years": row["patient_age_years"],
        "accession_number": "A0",
        "study_date": "20260101",
        "modalities": ["CT"],
        "number_of_series": 1,
        "number_of_instances": 2,
    }
    shown = filled.client(**filled.bearer("reader@a")).get("/api/v1/studies/1.2.1").json()
    assert shown["series"][0]["series_instance_uid"] == "1.2.1.1"
    assert shown["series"][0]["instances"] == 2
    assert {key: value for key, value in shown.items() if key != "series"} == row


# ---- whose they are


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("reader@a", {"1.2.1", "1.2.2", "1.2.3", "1.4.1"}),
        ("reader@b", {"1.3.1", "1.4.1"}),
        ("technologist@b", {"1.3.1", "1.4.1"}),
        ("chief", {"1.2.1", "1.2.2", "1.2.3", "1.3.1", "1.4.1"}),
    ],
)
def test_everybody_finds_the_studies_of_the_own_projects_alone(user, expected, filled):
    reply = search(filled, user)
    assert set(uids(reply)) == expected
    assert reply.json()["total"] == len(expected)


@pytest.mark.parametrize("uid", ["1.3.1", "1.9.9", "1", "x", "..", "1.2.1.1", "%25", "1.2.1' OR '1'='1"])
def test_a_study_of_another_project_and_none_sound_the_same(uid, filled):
    reply = filled.client(**filled.bearer("reader@a")).get(f"/api/v1/studies/{uid}")
    assert reply.status_code == 404
    if uid in ("1.3.1", "1.9.9"):
        error = reply.json()["error"]
        none = filled.client(**filled.bearer("reader@a")).get("/api/v1/studies/1.9.8").json()["error"]
        assert {**error, "uid": ""} == {**none, "uid": ""}


def test_a_token_for_one_project_finds_no_more(filled):
    _, text = filled.gate.tokens.create("chief", "x", 1, (Permission.STUDY_READ,), ("b",))
    client = filled.client(authorization=f"Bearer {text}")
    assert set(uids(client.post(SEARCH, json={}))) == {"1.3.1", "1.4.1"}
    assert client.get("/api/v1/studies/1.2.1").status_code == 404


def test_an_administrator_finds_nothing(filled):
    assert search(filled, "administrator@a").status_code == 403


# ---- sending in


def send(stand, content, user: str = "technologist@a", project: str = "a", **headers: str):
    client = stand.client(**stand.bearer(user), **headers)
    return client.post(f"/api/v1/projects/{project}/uploads", content=content)


def test_a_file_is_stored_byte_for_byte_and_held_the_second_time(stand):
    first, second = send(stand, ct()), send(stand, iter([ct()[:100], ct()[100:]]))
    assert [reply.json()["receipts"][0]["outcome"] for reply in (first, second)] == ["stored", "held"]
    assert stand.desk.store.view(("a",)).open_instance("1.2.3.1.1").read_bytes() == ct()
    assert uids(search(stand, "reader@a")) == ["1.2.3"]
    assert uids(search(stand, "reader@b")) == []


def test_other_bytes_of_the_same_uid_are_a_conflict_and_shown(stand):
    send(stand, ct())
    said = send(stand, ct(PatientID="other")).json()["receipts"][0]
    assert said["outcome"] == "conflict"
    assert said["code"].startswith("E")
    assert stand.desk.store.view(("a",)).open_instance("1.2.3.1.1").read_bytes() == ct()


def test_an_archive_is_unpacked_and_each_file_has_its_answer(stand):
    packed = zipped(scan__1=ct(1), scan__2=ct(2), scan__notes=b"no image at all", Mustermann_Max=ct(3))
    reply = send(stand, packed, **{"content-type": "application/zip"})
    outcomes = sorted(row["outcome"] for row in reply.json()["receipts"])
    assert outcomes == ["quarantined", "stored", "stored", "stored"]
    assert "Mustermann" not in reply.text
    assert search(stand, "reader@a").json()["studies"][0]["number_of_instances"] == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped(**{"..__..__escape": b"x"}), "E132"),
        (zipped(__etc__passwd=b"x"), "E132"),
        (zipped(a=b"x")[:40], "E130"),
        (b"PK\x03\x04" + bytes(1000), "E130"),
        (zipped(a=bytes(65 << 20)), "E137"),
    ],
    ids=["upwards", "absolute", "cut", "no directory", "bomb"],
)
def test_a_hostile_archive_is_refused_and_leaves_nothing(content, code, stand):
    reply = send(stand, content)
    assert reply.status_code == 422
    assert reply.json()["error"]["code"] in (code, "E131")
    assert search(stand, "reader@a").json()["total"] == 0


@pytest.mark.parametrize("content", [b"", b"hello", bytes(200), ct()[:300], b"MZ" + ct()[2:], b"#!" + ct()[2:]])
def test_what_is_not_fit_goes_to_quarantine_with_its_reason(content, stand):
    said = send(stand, content).json()["receipts"][0]
    assert said["outcome"] == "quarantined"
    rows = stand.client(**stand.bearer("technologist@a")).get("/api/v1/projects/a/quarantine").json()["entries"]
    assert [row["code"] for row in rows] == [said["code"]]
    assert rows[0]["source"] == "upload:technologist@a"
    assert rows[0]["text"] != rows[0]["text_zh"]


def test_a_body_beyond_the_bound_is_refused_and_leaves_nothing(stand, monkeypatch, tmp_path):
    monkeypatch.setattr(uploads.receive_upload, "__defaults__", (Limits(max_archive_bytes=10_000),))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    reply = send(stand, iter([bytes(4096)] * 5))
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "E276")
    assert list((tmp_path / "spool").iterdir()) == []
    assert send(stand, ct()).status_code == 200
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("user", "project", "status"),
    [
        ("reader@a", "a", 403),
        ("data-scientist@a", "a", 403),
        ("administrator@a", "a", 403),
        ("technologist@a", "b", 404),
        ("technologist@a", "none", 404),
        ("nobody", "a", 404),
    ],
)
def test_nobody_sends_in_without_the_right(user, project, status, stand):
    assert send(stand, ct(), user, project).status_code == status
    assert search(stand, "chief").json()["total"] == 0


def test_a_packed_body_is_refused(stand):
    reply = send(stand, ct(), **{"content-encoding": "gzip"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "E277")


# ---- quarantine


def entries(stand, user: str = "technologist@a", project: str = "a") -> list[dict]:
    reply = stand.client(**stand.bearer(user)).get(f"/api/v1/projects/{project}/quarantine")
    assert reply.status_code == 200, reply.text
    return reply.json()["entries"]


def test_something_unfit_stays_when_released_and_goes_when_discarded(stand):
    send(stand, b"no image")
    number = entries(stand)[0]["entry"]
    client = stand.client(**stand.bearer("technologist@a"))
    path = f"/api/v1/projects/a/quarantine/{number}"
    assert client.post(f"{path}/release").json()["outcome"] == "quarantined"
    assert [row["entry"] for row in entries(stand)] == [number]
    assert client.delete(path).json() == {"is_gone": True}
    assert entries(stand) == []
    assert client.delete(path).status_code == 404


def test_a_project_decides_on_its_own_quarantine_alone(filled):
    mine, theirs = entries(filled)[0]["entry"], entries(filled, "technologist@b", "b")[0]["entry"]
    client = filled.client(**filled.bearer("technologist@a"))
    other = client.delete(f"/api/v1/projects/a/quarantine/{theirs}")
    none = client.delete("/api/v1/projects/a/quarantine/999999")
    assert other.status_code == none.status_code == 404
    assert client.post(f"/api/v1/projects/a/quarantine/{theirs}/release").status_code == 404
    assert client.delete(f"/api/v1/projects/b/quarantine/{theirs}").status_code == 404
    assert [row["entry"] for row in entries(filled, "technologist@b", "b")] == [theirs]
    reader = filled.client(**filled.bearer("reader@a"))
    assert reader.get("/api/v1/projects/a/quarantine").status_code == 403
    assert reader.delete(f"/api/v1/projects/a/quarantine/{mine}").status_code == 403


# ---- the log


def test_what_was_done_to_which_study_is_written_and_no_patient_is_named(stand):
    send(stand, ct())
    send(stand, b"no image")
    search(stand, "reader@a", patient_id=NUMBER)
    stand.client(**stand.bearer("reader@a")).get("/api/v1/studies/1.2.3")
    number = entries(stand)[0]["entry"]
    stand.client(**stand.bearer("technologist@a")).delete(f"/api/v1/projects/a/quarantine/{number}")
    told = [
        (record.entry.event, record.entry.actor, record.entry.project, record.entry.objects, record.entry.detail)
        for record in reversed(stand.log.read(Query()))
        if int(record.entry.outcome) == 0
    ]
    assert told == [
        (Event.STUDY_IMPORT, "technologist@a", "a", ("1.2.3",), "1 0"),
        (Event.STUDY_IMPORT, "technologist@a", "a", (), "1 0"),
        (Event.STUDY_SEARCH, "reader@a", "a", (), ""),
        (Event.STUDY_READ, "reader@a", "a", ("1.2.3",), ""),
        (Event.QUARANTINE_READ, "technologist@a", "a", (), ""),
        (Event.QUARANTINE_DISCARD, "technologist@a", "a", (), f"entry {number}"),
    ]
    held = b"".join(path.read_bytes() for path in stand.folder.glob("a*.db*"))
    assert b"Mustermann" not in held
    assert NUMBER.encode() not in held


def test_nothing_is_taken_in_while_it_cannot_be_written_down(stand, monkeypatch):
    from hounsfield.errors import AuditError

    headers = stand.bearer("technologist@a")

    def full(_: object) -> int:
        raise AuditError("E279", found="full")

    monkeypatch.setattr(stand.log, "append", full)
    assert send(stand, ct()).status_code == 503
    assert stand.desk.store.view(("a",)).search_for_studies() == ()
    assert stand.client(**headers).post(SEARCH, json={}).status_code == 200


def test_a_service_without_a_store_says_so(tmp_path):
    bare = stand_in(tmp_path)
    reply = search(bare, "chief")
    bare.desk.close()
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "E289")
