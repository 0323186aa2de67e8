"""Routes by which auditors read, check and export the audit log; what they do is in it too."""

import json
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import PlainTextResponse, Response

from hounsfield.service.access.policy import on_site
from hounsfield.service.access.roles import Permission
from hounsfield.service.audit import log as logs
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.messages import audit_message
from hounsfield.service.audit.verify import verify
from hounsfield.service.routing import Route, context

_MOST = 1000
_LONGEST = 64
Word = Annotated[str | None, Query(max_length=_LONGEST)]
Number = Annotated[int | None, Query(ge=1, le=2**62)]
Count = Annotated[int, Query(ge=1, le=_MOST)]


def list_records(
    request: Request, event: Word = None, actor: Word = None, before: Number = None, limit: Count = 100
) -> dict[str, Any]:
    """Return records, the newest first; ``before`` is the number of the last one of the page before."""
    records = context(request).desk.recorder.scribe.log.read(logs.Query(event, actor, before, limit))
    return {"records": [json.loads(record.text()) for record in records]}


def check_log(request: Request) -> dict[str, Any]:
    """Check the whole log, and return where it was changed."""
    log = context(request).desk.recorder.scribe.log
    verdict = verify(log.path, log.signer.verifier())
    return {
        "records": verdict.records,
        "anchor": f"{verdict.records}:{verdict.last_hash}",
        "public_key": log.signer.verifier().text(),
        "faults": [{"sequence": fault.sequence, "kind": fault.kind} for fault in verdict.faults],
    }


def export_messages(
    request: Request, first: Annotated[int, Query(ge=1, le=2**62)] = 1, count: Count = _MOST
) -> Response:
    """Return records in order as DICOM audit messages (PS3.15 A.5), one a line."""
    found = context(request)
    records = found.desk.recorder.scribe.log.read_from(first, count)
    found.detail = f"{first} {len(records)}"
    text = "".join(audit_message(record) + "\n" for record in records)
    return PlainTextResponse(text, headers={"Content-Disposition": f'attachment; filename="audit-{first}.xml"'})


ROUTES = (
    Route("GET", "/api/v1/audit", list_records, on_site(Permission.AUDIT_READ), Event.LOG_READ),
    Route("GET", "/api/v1/audit/check", check_log, on_site(Permission.AUDIT_READ), Event.LOG_VERIFY),
    Route("GET", "/api/v1/audit/messages", export_messages, on_site(Permission.AUDIT_EXPORT), Event.LOG_EXPORT),
)
