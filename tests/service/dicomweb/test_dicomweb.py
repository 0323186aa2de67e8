"""DICOMweb with dicomweb-client on the other side, then by hand: statuses, limits, projects and what is refused."""

import hashlib
import json
import zipfile
from io import BytesIO

import httpx
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from starlette.requests import Request

from hounsfield.service.dicomweb.retrieving import accepted
from hounsfield.service.dicomweb.routes import base_of
from tests.service.dicomweb.live import running
from tests.service.dimse.stand import slice_of

DICOM_BODY = 'multipart/related; type="application/dicom"; boundary=b'


def octets_of(dataset):
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def multipart_of(files, boundary=b"b", kind=b"application/dicom"):
    parts = [b"--" + boundary + b"\r\nContent-Type: " + kind + b"\r\n\r\n" + data + b"\r\n" for data in files]
    return b"".join([*parts, b"--" + boundary + b"--"])


def series_of(count, **given):
    first = slice_of(1, **given)
    rest = [slice_of(number, series=first.SeriesInstanceUID, **given) for number in range(2, count + 1)]
    for dataset in rest:
        dataset.StudyInstanceUID = first.StudyInstanceUID
    return [first, *rest]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("live")) as found:
        yield found


@pytest.fixture(scope="module")
def stored(service):
    """Three slices in project a, stored by dicomweb-client."""
    slices = series_of(3)
    reply = client(service).store_instances(slices)
    assert len(reply.ReferencedSOPSequence) == 3
    return slices


def client(service, user="technologist@a", project="a"):
    stand, address = service
    session = create_session()
    session.headers.update(stand.bearer(user))
    return DICOMwebClient(f"{address}/projects/{project}/dicom-web", session=session)


def ask(service, path, user="technologist@a", method="GET", **given):
    stand, address = service
    headers = {**(stand.bearer(user) if user else {}), **given.pop("headers", {})}
    return httpx.request(method, address + path, headers=headers, timeout=30, **given)


def place_of(dataset, prefix="/dicom-web"):
    place = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
    return f"{prefix}{place}/instances/{dataset.SOPInstanceUID}"


def store(service, files, path="/dicom-web/studies", **given):
    body = files if isinstance(files, bytes) else multipart_of(files)
    headers = {"content-type": DICOM_BODY, **given.pop("headers", {})}
    return ask(service, path, method="POST", content=body, headers=headers, **given)


# ---- with dicomweb-client


def test_a_client_gets_back_what_it_stored(service, stored):
    found = client(service).retrieve_series(stored[0].StudyInstanceUID, stored[0].SeriesInstanceUID)
    assert sorted(found, key=lambda each: each.InstanceNumber) == stored
    one = client(service).retrieve_instance(*(stored[1][name].value for name in NAMES))
    assert one == stored[1]
    study = client(service).retrieve_study(stored[0].StudyInstanceUID)
    assert len(study) == 3


NAMES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def test_a_client_reads_the_metadata_as_pydicom_would_write_them(service, stored):
    documents = client(service).retrieve_series_metadata(stored[0].StudyInstanceUID, stored[0].SeriesInstanceUID)
    assert [document["00200013"]["Value"] for document in documents] == [[1], [2], [3]]
    for document, dataset in zip(documents, stored, strict=True):
        expected = json.loads(dataset.to_json(bulk_data_threshold=64, bulk_data_element_handler=lambda _: "x"))
        document = {tag: entry for tag, entry in document.items() if not tag.startswith("0002")}
        assert set(document) >= set(expected)
        for tag, entry in expected.items():
            if "BulkDataURI" not in entry and "InlineBinary" not in entry:
                assert document[tag] == entry, tag


def test_a_client_gets_single_frames(service, stored):
    dataset = stored[0]
    names = [dataset[name].value for name in NAMES]
    media = (("application/octet-stream", "*"),)
    (frame,) = client(service).retrieve_instance_frames(*names, [1], media_types=media)
    assert frame == dataset.PixelData


def test_bulk_data_are_where_the_metadata_say(service):
    dataset = slice_of(1, rows=64)
    assert store(service, [octets_of(dataset)]).status_code == 200
    document = ask(service, place_of(dataset) + "/metadata").json()[0]
    url = document["7FE00010"]["BulkDataURI"]
    assert url.startswith(service[1] + "/dicom-web/studies/")
    found = ask(service, url.removeprefix(service[1]))
    assert found.content == dataset.PixelData
    assert ask(service, place_of(dataset) + "/bulkdata/00420011").status_code == 404
    for bad in ("7FE0001", "zzzzzzzz", "00100010", "..%2F..%2Fetc", "00081140/0/00420011", "00081140/-1"):
        assert ask(service, place_of(dataset) + f"/bulkdata/{bad}").status_code == 404


# ---- searching


def test_a_client_finds_what_it_stored_at_each_level(service, stored):
    study, series = stored[0].StudyInstanceUID, stored[0].SeriesInstanceUID
    (found,) = client(service).search_for_studies(search_filters={"StudyInstanceUID": study})
    assert found["00100020"]["Value"] == ["P1"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "A^B"}]
    assert found["00080061"]["Value"] == ["CT"]
    assert (found["00201206"]["Value"], found["00201208"]["Value"]) == ([1], [3])
    (found,) = client(service).search_for_series(study)
    assert found["0020000E"]["Value"] == [series]
    found = client(service).search_for_instances(study, series)
    assert {each["00080018"]["Value"][0] for each in found} == {dataset.SOPInstanceUID for dataset in stored}
    assert len(client(service).search_for_instances(study)) == 3
    assert client(service).search_for_studies(search_filters={"StudyInstanceUID": generate_uid()}) == []


def test_rows_say_where_they_are_retrieved_from(service, stored):
    study, series = stored[0].StudyInstanceUID, stored[0].SeriesInstanceUID
    for prefix in ("/dicom-web", "/projects/a/dicom-web"):
        row = ask(service, f"{prefix}/studies?StudyInstanceUID={study}").json()[0]
        assert row["00081190"]["Value"] == [f"{service[1]}{prefix}/studies/{study}"]
        row = ask(service, f"{prefix}/studies/{study}/series/{series}/instances?0020000D={study}&limit=1").json()[0]
        place = row["00081190"]["Value"][0]
        assert ask(service, place.removeprefix(service[1])).status_code == 200


def test_pages_hold_every_row_once_and_say_how_many_are_left(service, stored):
    study = stored[0].StudyInstanceUID
    seen = []
    for offset in range(4):
        reply = ask(service, f"/dicom-web/studies/{study}/instances?limit=1&offset={offset}")
        assert reply.headers["x-total-count"] == "3"
        left = 2 - offset
        assert (f"There are {left} additional results" in reply.headers.get("warning", "")) == (left > 0)
        seen += [row["00080018"]["Value"][0] for row in reply.json()]
    assert sorted(seen) == sorted(dataset.SOPInstanceUID for dataset in stored)


@pytest.mark.parametrize(
    ("query", "status", "count"),
    [
        ("PatientID=P1", 200, 1),
        ("PatientID=P*", 200, 1),
        ("PatientID=Q*", 200, 0),
        ("PatientName=a^b", 200, 1),
        ("PatientName=B&fuzzymatching=true", 200, 1),
        ("PatientName=B&fuzzymatching=false", 200, 0),
        ("ModalitiesInStudy=CT", 200, 1),
        ("ModalitiesInStudy=MR", 200, 0),
        ("00100020=P1&includefield=all", 200, 1),
        ("includefield=00081030&includefield=PatientAge", 200, 1),
        ("limit=x", 400, None),
        ("limit=-1", 400, None),
        ("offset=1e9", 400, None),
        ("limit=99999999999999999999", 400, None),
        ("fuzzymatching=perhaps", 400, None),
        ("NoSuchAttribute=1", 422, None),
    ],
)
def test_filters_and_switches(service, stored, query, status, count):
    reply = ask(service, f"/dicom-web/studies?StudyInstanceUID={stored[0].StudyInstanceUID}&{query}")
    assert reply.status_code == status
    if count is not None:
        assert len(reply.json()) == count
        assert reply.headers["content-type"] == "application/dicom+json"


def test_another_project_finds_nothing(service, stored):
    study = stored[0].StudyInstanceUID
    for path in (
        f"/dicom-web/studies?StudyInstanceUID={study}",
        f"/dicom-web/studies/{study}/series",
        "/dicom-web/series",
    ):
        reply = ask(service, path, "technologist@b")
        assert reply.status_code == 200
        assert study not in reply.text


# ---- storing


def test_octets_come_back_as_they_went_in(service):
    data = octets_of(slice_of(1, rows=300))
    reply = store(service, [data])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/dicom+json"
    names = reply.json()["00081199"]["Value"][0]
    url = names["00081190"]["Value"][0]
    found = ask(
        service, url.removeprefix(service[1]), headers={"accept": 'multipart/related; type="application/dicom"'}
    )
    assert data in found.content
    body = found.content.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
    assert hashlib.sha256(body).digest() == hashlib.sha256(data).digest()


def test_the_same_again_is_held_and_other_bytes_are_a_conflict(service):
    dataset = slice_of(1)
    first, again = store(service, [octets_of(dataset)]), store(service, [octets_of(dataset)])
    assert (first.status_code, again.status_code) == (200, 200)
    dataset.PatientComments = "other"
    other = store(service, [octets_of(dataset)])
    assert other.status_code == 409
    failed = other.json()["00081198"]["Value"][0]
    assert failed["00081155"]["Value"] == [dataset.SOPInstanceUID]
    assert failed["00081197"]["Value"] == [0x0111]
    # the first is what is retrieved
    assert "PatientComments" not in pydicom.dcmread(BytesIO(part_of(ask(service, place_of(dataset)))))


def part_of(reply):
    return reply.content.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]


def test_good_and_bad_parts_are_told_apart(service):
    good = slice_of(1)
    reply = store(service, [octets_of(good), b"no DICOM at all", octets_of(slice_of(2))[:400]])
    assert reply.status_code == 202
    content = reply.json()
    assert [each["00081155"]["Value"] for each in content["00081199"]["Value"]] == [[good.SOPInstanceUID]]
    assert len(content["00081198"]["Value"]) == 2
    assert all(each["00000902"]["Value"][0] for each in content["00081198"]["Value"])


def test_nothing_good_is_a_conflict(service):
    assert store(service, [b"junk"]).status_code == 409
    other = multipart_of([b"<xml/>"], kind=b"application/dicom+xml")
    reply = store(service, other)
    assert reply.status_code == 409
    assert len(reply.json()["00081198"]["Value"]) == 1
    assert store(service, b"--b--").status_code == 409


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/dicom", b"x", 415, "E480"),
        ("multipart/related; boundary=", b"x", 415, "E480"),
        (DICOM_BODY, b"--b\r\nbad header\r\n\r\nx\r\n--b--", 400, "E481"),
        (DICOM_BODY, b"--b\r\n\r\nx", 400, "E483"),
        (DICOM_BODY, b"", 400, "E483"),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(service, kind, body, status, code):
    reply = store(service, body, headers={"content-type": kind})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_whole_parts_of_a_broken_body_are_kept(service):
    whole = slice_of(1)
    reply = store(service, multipart_of([octets_of(whole), octets_of(slice_of(2))])[:-600])
    assert reply.json()["error"]["code"] == "E483"
    assert ask(service, place_of(whole)).status_code == 200


def test_more_parts_than_one_commit_takes(service):
    slices = series_of(120)
    reply = store(service, [octets_of(dataset) for dataset in slices])
    assert reply.status_code == 200
    assert len(reply.json()["00081199"]["Value"]) == 120
    assert reply.json()["00081190"]["Value"][0].endswith(f"/dicom-web/studies/{slices[0].StudyInstanceUID}")


def test_a_body_may_come_without_a_length(service):
    data = octets_of(slice_of(1, rows=200))
    body = multipart_of([data])
    reply = ask(
        service,
        "/dicom-web/studies",
        method="POST",
        content=(body[start : start + 999] for start in range(0, len(body), 999)),
        headers={"content-type": DICOM_BODY},
    )
    assert reply.status_code == 200


# ---- retrieving


def test_a_study_as_a_zip_archive(service, stored):
    reply = ask(service, f"/dicom-web/studies/{stored[0].StudyInstanceUID}", headers={"accept": "application/zip"})
    with zipfile.ZipFile(BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        found = [pydicom.dcmread(BytesIO(archive.read(name))) for name in archive.namelist()]
        assert {information.compress_type for information in archive.infolist()} == {zipfile.ZIP_STORED}
    assert sorted(found, key=lambda each: each.InstanceNumber) == stored


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("multipart/related", 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90', 406),
        ('multipart/related; type="image/jpeg"', 406),
        ("application/pdf", 406),
        ('application/pdf, multipart/related; type="application/dicom"', 200),
    ],
)
def test_what_is_not_stored_so_is_not_sent(service, stored, accept, status):
    reply = ask(service, place_of(stored[0]), headers={"accept": accept})
    assert reply.status_code == status
    if status == 406:
        assert reply.json()["error"]["code"] == "E484"


@pytest.mark.parametrize(("frames", "status"), [("0", 400), ("a", 400), ("1,", 400), ("2", 404), ("1,1", 200)])
def test_frames_that_are_not_there(service, stored, frames, status):
    reply = ask(service, place_of(stored[0]) + f"/frames/{frames}", headers={"accept": "*/*"})
    assert reply.status_code == status
    if status == 200:
        assert reply.content.count(stored[0].PixelData) == 2


def test_frames_of_a_compressed_object_are_its_codestreams(service):
    dataset = pydicom.dcmread(get_testdata_file("JPEG2000.dcm"))
    reply = store(service, [octets_of(dataset)])
    assert reply.status_code == 200, reply.text
    accept = {"accept": 'multipart/related; type="image/jp2"'}
    reply = ask(service, place_of(dataset) + "/frames/1", headers=accept)
    assert reply.status_code == 200
    assert b"Content-Type: image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91" in reply.content
    codestream = part_of(reply)
    assert codestream == next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    alone = ask(service, place_of(dataset) + "/frames/1", headers={"accept": "application/octet-stream"})
    assert (alone.status_code, alone.json()["error"]["code"]) == (406, "E484")


def test_frames_of_a_film_are_cut_where_they_begin(service):
    dataset = slice_of(1)
    frames = [np.full((16, 16), number, np.uint16) for number in range(4)]
    dataset.NumberOfFrames, dataset.PixelData = 4, b"".join(frame.tobytes() for frame in frames)
    assert store(service, [octets_of(dataset)]).status_code == 200
    reply = ask(service, place_of(dataset) + "/frames/4,2", headers={"accept": "*/*"})
    assert reply.content.index(frames[3].tobytes()) < reply.content.index(frames[1].tobytes())
    assert frames[2].tobytes() not in reply.content


@pytest.mark.parametrize("tail", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
def test_what_is_not_there_is_not_found(service, stored, tail):
    wrong = [generate_uid() for _ in range(3)]
    right = [str(stored[0][name].value) for name in NAMES]
    for at in range(3):
        names = [wrong[number] if number == at else right[number] for number in range(3)]
        path = f"/dicom-web/studies/{names[0]}/series/{names[1]}/instances/{names[2]}{tail}"
        reply = ask(service, path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "E161")


# ---- projects


PLACES = ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"]


@pytest.mark.parametrize("tail", PLACES)
def test_another_project_sees_nothing_and_not_that_there_is_something(service, stored, tail):
    there = ask(service, place_of(stored[0]) + tail, "technologist@b")
    absent = slice_of()
    nowhere = ask(service, place_of(absent) + tail, "technologist@b")
    assert there.status_code == nowhere.status_code == 404
    shape = [reply.json()["error"] | {"uid": None, "text": "", "next": ""} for reply in (there, nowhere)]
    assert shape[0] == shape[1]
    assert ask(service, place_of(stored[0], "/projects/a/dicom-web") + tail, "technologist@b").status_code == 404
    assert ask(service, place_of(stored[0]) + tail, None).status_code == 401


def test_who_may_not_store_does_not(service):
    assert store(service, [octets_of(slice_of())], user="reader@a").status_code == 403
    assert store(service, [octets_of(slice_of())], user=None).status_code == 401
    reply = store(service, [octets_of(slice_of())], "/projects/b/dicom-web/studies")
    assert reply.status_code == 404


def test_with_several_projects_the_path_must_name_one(service):
    reply = store(service, [octets_of(slice_of())], user="chief")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "E488")
    dataset = slice_of()
    assert store(service, [octets_of(dataset)], "/projects/b/dicom-web/studies", user="chief").status_code == 200
    assert ask(service, place_of(dataset), "reader@b").status_code == 200
    assert ask(service, place_of(dataset), "reader@a").status_code == 404


def test_the_log_tells_who_stored_and_read_which_study(service):
    dataset = slice_of()
    store(service, [octets_of(dataset)])
    ask(service, place_of(dataset), "reader@a")
    entries = [record.entry for record in service[0].last(6) if dataset.StudyInstanceUID in record.entry.objects]
    actors = {(entry.event.value.name, entry.actor) for entry in entries}
    assert {("study.store", "technologist@a"), ("study.retrieve", "reader@a")} <= actors
    assert "A^B" not in str(entries)


@pytest.mark.parametrize(
    ("project", "base"),
    [
        (None, "http://h:1/dicom-web"),
        ("a", "http://h:1/projects/a/dicom-web"),
        ("studies", "http://h:1/projects/studies/dicom-web"),
        ("dicom-web", "http://h:1/projects/dicom-web/dicom-web"),
    ],
)
def test_urls_begin_where_the_service_does_whatever_a_project_is_called(project, base):
    """A project named like a part of the path once cut the URLs of its instances short."""
    scope = {
        "type": "http",
        "scheme": "http",
        "path": f"{base.removeprefix('http://h:1')}/studies/1.2/metadata",
        "query_string": b"",
        "headers": [(b"host", b"h:1")],
        "path_params": {} if project is None else {"project": project},
    }
    assert base_of(Request(scope)) == base


# ---- what clients accept


@pytest.mark.parametrize(
    ("header", "kinds", "syntaxes"),
    [
        ("*/*", ("*/*",), set()),
        ("", ("*/*",), set()),
        ('multipart/related; type="application/dicom"', ("application/dicom",), set()),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.3, image/jpeg;q=0.5',
            ("application/octet-stream", "image/jpeg"),
            {"1.2.3"},
        ),
        ('multipart/related; type="a,b/c", application/zip', ("a,b/c", "application/zip"), set()),
        ("nonsense", ("*/*",), set()),
    ],
)
def test_accept_headers(header, kinds, syntaxes):
    found = accepted(header)
    assert (found.kinds, found.syntaxes) == (kinds, syntaxes)
