"""The rows of DICOMweb: under ``/dicom-web`` over all projects of whoever asks, and under a project's own path.

A store goes into the project of the path; without one, into the only project where the account may store.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import anyio.from_thread
from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from hounsfield.archive.query.attributes import Level
from hounsfield.errors import BadRequest
from hounsfield.service.access.policy import in_project, in_view
from hounsfield.service.access.roles import Permission
from hounsfield.service.audit.events import Event
from hounsfield.service.dicomweb.retrieving import (
    accepted,
    bulk_value,
    frame_parts,
    instance_parts,
    multipart,
    zipped,
)
from hounsfield.service.dicomweb.searching import headers_of, question, rows_of
from hounsfield.service.dicomweb.storing import Body, reply_of, store_parts
from hounsfield.service.routes.studies import store_of, view_of
from hounsfield.service.routing import Route, context, in_thread

DICOM_JSON = "application/dicom+json"
PREFIXES = ("/dicom-web", "/projects/{project}/dicom-web")
_FRAMES = re.compile(r"[1-9][0-9]{0,5}(,[1-9][0-9]{0,5}){0,999}")
_JSON_KINDS = ("application/dicom+json", "application/json")
_NOT_ACCEPTABLE = 406


def base_of(request: Request) -> str:
    """Return the URL of the service that a request speaks to, up to ``/studies``; the edge has checked its host."""
    project = request.path_params.get("project")
    prefix = PREFIXES[0] if project is None else PREFIXES[1].format(project=project)
    return f"{request.url.scheme}://{request.headers['host']}{prefix}"


def search_studies(request: Request) -> Response:
    """Search for studies."""
    return _found(request, Level.STUDY)


def search_series(request: Request) -> Response:
    """Search for series over all studies."""
    return _found(request, Level.SERIES)


def search_instances(request: Request) -> Response:
    """Search for instances over all studies."""
    return _found(request, Level.INSTANCE)


def search_series_of(request: Request, study: str) -> Response:
    """Search for the series of a study."""
    return _found(request, Level.SERIES, study)


def search_instances_of(request: Request, study: str) -> Response:
    """Search for the instances of a study."""
    return _found(request, Level.INSTANCE, study)


def search_instances_of_series(request: Request, study: str, series: str) -> Response:
    """Search for the instances of a series."""
    return _found(request, Level.INSTANCE, study, series)


def _found(request: Request, level: Level, study: str = "", series: str = "") -> Response:
    asked = question(request.query_params, level, study, series)
    page = view_of(context(request)).search(level, asked.filters, asked.offset, asked.limit, asked.is_fuzzy)
    return JSONResponse(rows_of(page, base_of(request)), headers=headers_of(page), media_type=DICOM_JSON)


async def store_instances(request: Request) -> Response:
    """Store the DICOM parts of a body."""
    found = context(request)
    if len(found.projects) != 1:
        raise BadRequest("E488", found=len(found.projects), expected="/projects/NAME/dicom-web/studies")
    stream = request.stream()

    def pieces() -> Iterator[bytes]:
        while True:
            try:
                yield anyio.from_thread.run(stream.__anext__)
            except StopAsyncIteration:
                return

    def work() -> tuple[int, dict[str, Any]]:
        body = Body(request.headers.get("content-type", ""), pieces())
        receipts = store_parts(body, store_of(found), found.project, f"stow:{found.user.user}")
        found.objects.extend(sorted({receipt.study_instance_uid for receipt in receipts} - {""}))
        return reply_of(receipts, body.other_parts, base_of(request))

    status, content = await in_thread(work)
    return JSONResponse(content, status, media_type=DICOM_JSON)


def retrieve_study(request: Request, study: str) -> Response:
    """Retrieve the instances of a study, as files or in a zip archive."""
    return _files(request, study)


def retrieve_series(request: Request, study: str, series: str) -> Response:
    """Retrieve the instances of a series."""
    return _files(request, study, series)


def retrieve_instance(request: Request, study: str, series: str, instance: str) -> Response:
    """Retrieve one instance."""
    return _files(request, study, series, instance)


def _files(request: Request, study: str, series: str = "", instance: str = "") -> Response:
    chosen = view_of(context(request)).retrieve_instances(study, series, instance)
    wanted = accepted(request.headers.get("accept", "*/*"))
    if "application/zip" in wanted.kinds:
        headers = {"Content-Disposition": 'attachment; filename="dicom.zip"'}
        return StreamingResponse(zipped(chosen), media_type="application/zip", headers=headers)
    kind, octets = multipart(instance_parts(chosen, wanted), "application/dicom")
    return StreamingResponse(octets, headers={"Content-Type": kind})


def study_metadata(request: Request, study: str) -> Response:
    """Retrieve the metadata of a study."""
    return _metadata(request, study)


def series_metadata(request: Request, study: str, series: str) -> Response:
    """Retrieve the metadata of a series."""
    return _metadata(request, study, series)


def instance_metadata(request: Request, study: str, series: str, instance: str) -> Response:
    """Retrieve the metadata of an instance."""
    return _metadata(request, study, series, instance)


def _metadata(request: Request, study: str, series: str = "", instance: str = "") -> Response:
    view = view_of(context(request))
    wanted = accepted(request.headers.get("accept", "*/*"))
    if not any(wanted.takes(kind) for kind in _JSON_KINDS):
        raise BadRequest("E484", found=", ".join(wanted.kinds)[:80], expected=DICOM_JSON, status=_NOT_ACCEPTABLE)
    chosen = [series] if series else [each.series_instance_uid for each in view.retrieve_study(study).series]
    documents: list[bytes] = []
    for uid in chosen:
        place = f"{base_of(request)}/studies/{study}/series/{uid}/instances/"
        refs = view.retrieve_instances(study, uid, instance)
        made = [view.instance_metadata(instance)] if instance else view.metadata(uid)
        documents += [_placed(data, place + ref.sop_instance_uid) for ref, data in zip(refs, made, strict=True)]
    return Response(b"[" + b",".join(documents) + b"]", media_type=DICOM_JSON)


_BULK = re.compile(rb'"BulkDataURI"\s*:\s*"')


def _placed(document: bytes, place: str) -> bytes:
    """Return a document whose references to bulk data are URLs."""
    return _BULK.sub(b'"BulkDataURI":"' + place.encode() + b"/bulkdata/", document)


def retrieve_frames(request: Request, study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve frames as they are stored."""
    (chosen,) = view_of(context(request)).retrieve_instances(study, series, instance)
    if _FRAMES.fullmatch(frames) is None:
        raise BadRequest("E489", found=frames[:40])
    numbers = [int(number) for number in frames.split(",")]
    base = f"{base_of(request)}/studies/{study}/series/{series}/instances/{instance}"
    parts = frame_parts(chosen, numbers, accepted(request.headers.get("accept", "*/*")), base)
    kind, octets = multipart(parts, parts[0].content_type.partition(";")[0])
    return StreamingResponse(octets, headers={"Content-Type": kind})


def retrieve_bulk(request: Request, study: str, series: str, instance: str, place: str) -> Response:
    """Retrieve a value that the metadata refer to."""
    (chosen,) = view_of(context(request)).retrieve_instances(study, series, instance)
    return Response(bulk_value(chosen.path, place), media_type="application/octet-stream")


_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"
_READ: tuple[tuple[str, Callable[..., Any], Event], ...] = (
    ("/studies", search_studies, Event.STUDY_SEARCH),
    ("/series", search_series, Event.STUDY_SEARCH),
    ("/instances", search_instances, Event.STUDY_SEARCH),
    ("/studies/{study}/series", search_series_of, Event.STUDY_SEARCH),
    ("/studies/{study}/instances", search_instances_of, Event.STUDY_SEARCH),
    ("/studies/{study}/series/{series}/instances", search_instances_of_series, Event.STUDY_SEARCH),
    ("/studies/{study}", retrieve_study, Event.STUDY_RETRIEVE),
    ("/studies/{study}/series/{series}", retrieve_series, Event.STUDY_RETRIEVE),
    (_INSTANCE, retrieve_instance, Event.STUDY_RETRIEVE),
    ("/studies/{study}/metadata", study_metadata, Event.STUDY_METADATA),
    ("/studies/{study}/series/{series}/metadata", series_metadata, Event.STUDY_METADATA),
    (f"{_INSTANCE}/metadata", instance_metadata, Event.STUDY_METADATA),
    (f"{_INSTANCE}/frames/{{frames}}", retrieve_frames, Event.STUDY_RETRIEVE),
    (f"{_INSTANCE}/bulkdata/{{place:path}}", retrieve_bulk, Event.STUDY_RETRIEVE),
)


def _rows() -> Iterator[Route]:
    for prefix in PREFIXES:
        policy = in_project if "{project}" in prefix else in_view
        yield Route(
            "POST", f"{prefix}/studies", store_instances, policy(Permission.STUDY_STORE), Event.STUDY_STORE, None
        )
        for path, endpoint, event in _READ:
            yield Route("GET", prefix + path, endpoint, policy(Permission.STUDY_READ), event)


ROUTES = tuple(_rows())
