"""Routes of the JSON API on the store: find studies, look at one, send files in, decide on what is in quarantine.

Each goes through a view of the store that is limited to the projects of the account; what is in no project of its own
is not there. A search is a POST, so that no patient's number stands in an address.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Body, Request
from pydantic import BaseModel, ConfigDict, Field

from hounsfield.archive.protocol import StudyQuery
from hounsfield.errors import AccessError
from hounsfield.service.access.policy import in_project, in_view
from hounsfield.service.access.roles import Permission
from hounsfield.service.audit.events import Event
from hounsfield.service.routing import Context, Route, context
from hounsfield.service.uploads import receive_upload

if TYPE_CHECKING:
    from hounsfield.archive.store import QuarantineEntry, Receipt, Store, View
    from hounsfield.core.study import Study

_MOST = 1000
Text = Annotated[str, Field(max_length=64)]
Date = Annotated[str, Field(pattern=r"^([0-9]{8})?$")]
SortKey = Literal["study_date", "patient_id", "accession_number", "study_instance_uid"]


class StudySearch(BaseModel):
    """Which studies are looked for; an empty field matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patient_id: Text = ""
    accession_number: Text = ""
    modality: Annotated[str, Field(max_length=16)] = ""
    study_date_from: Date = ""
    study_date_to: Date = ""
    sort: SortKey = "study_date"
    is_descending: bool = True
    offset: int = Field(0, ge=0, le=2**31)
    limit: int = Field(50, ge=1, le=_MOST)

    def matches(self, study: "Study") -> bool:
        """Say whether a study lies within the dates; one without a date lies within none."""
        if (self.study_date_from or self.study_date_to) and not study.study_date:
            return False
        last = self.study_date_to or "99999999"
        return self.study_date_from <= study.study_date <= last

    def key(self, study: "Study") -> tuple[str, str]:
        """Return by what studies are put in order; the UID makes it the same each time."""
        return str(getattr(study, self.sort)), study.study_instance_uid


def store_of(found: Context) -> "Store":
    """Return the store of the service.

    Raises:
        AccessError: ``E289``, this service has none.
    """
    if found.desk.store is None:
        raise AccessError("E289", found="store")
    return found.desk.store


def view_of(found: Context) -> "View":
    """Return the store as the account sees it: the projects that the policy of the route admitted, and no others."""
    return store_of(found).view(found.projects)


def search_studies(request: Request, body: Annotated[StudySearch, Body()]) -> dict[str, Any]:
    """Return studies, sorted, a page of them, and how many there are in all."""
    asked = StudyQuery("", body.patient_id, body.accession_number, body.modality)
    found = [study for study in view_of(context(request)).search_for_studies(asked) if body.matches(study)]
    found.sort(key=body.key, reverse=body.is_descending)
    page = found[body.offset : body.offset + body.limit]
    return {"total": len(found), "offset": body.offset, "studies": [_study_row(study) for study in page]}


def show_study(request: Request, study_instance_uid: str) -> dict[str, Any]:
    """Return a study with its series."""
    study = view_of(context(request)).retrieve_study(study_instance_uid)
    rows = [
        {
            "series_instance_uid": series.series_instance_uid,
            "modality": series.modality,
            "series_number": series.series_number,
            "body_part_examined": series.body_part_examined,
            "laterality": series.laterality,
            "instances": len(series.instances),
        }
        for series in study.series
    ]
    return {**_study_row(study), "series": rows}


async def upload(request: Request) -> dict[str, Any]:
    """Take in a DICOM file, or a zip archive of such files, as the body; each file's fate is in the reply."""
    found = context(request)
    store = store_of(found)
    source = f"upload:{found.user.user}"
    receipts, refused = await receive_upload(request, store, found.project, source)
    found.objects.extend(sorted({receipt.study_instance_uid for receipt in receipts if receipt.study_instance_uid}))
    found.detail = f"{len(receipts)} {len(refused)}"
    return {"receipts": [_receipt_row(receipt) for receipt in receipts], "refused": refused}


def list_quarantine(request: Request) -> dict[str, Any]:
    """Return what is held in quarantine, the oldest first, with the reason."""
    found = context(request)
    rows = store_of(found).quarantine(found.projects).entries()
    return {"entries": [_entry_row(row) for row in rows]}


def release_entry(request: Request, entry: int) -> dict[str, Any]:
    """Take something out of quarantine into the store, if it is fit now."""
    return _receipt_row(_decided(request, entry, lambda store, found: store.quarantine(found.projects).release(entry)))


def discard_entry(request: Request, entry: int) -> dict[str, Any]:
    """Give up something in quarantine; its bytes go where nothing else needs them."""
    is_gone = _decided(request, entry, lambda store, found: store.quarantine(found.projects).discard(entry))
    return {"is_gone": is_gone}


def _decided(request: Request, entry: int, act: Callable[["Store", Context], Any]) -> Any:
    found = context(request)
    found.detail = f"entry {entry}"
    return act(store_of(found), found)


def _study_row(study: "Study") -> dict[str, Any]:
    return {
        "study_instance_uid": study.study_instance_uid,
        "patient_id": study.patient_id,
        "patient_sex": study.patient_sex,
        "patient_age_years": study.patient_age_years,
        "accession_number": study.accession_number,
        "study_date": study.study_date,
        "modalities": sorted({series.modality for series in study.series}),
        "number_of_series": len(study.series),
        "number_of_instances": sum(len(series.instances) for series in study.series),
    }


def _receipt_row(receipt: "Receipt") -> dict[str, Any]:
    return {
        "outcome": receipt.outcome,
        "code": receipt.code,
        "sha256": receipt.sha256,
        "study_instance_uid": receipt.study_instance_uid,
        "series_instance_uid": receipt.series_instance_uid,
        "sop_instance_uid": receipt.sop_instance_uid,
    }


def _entry_row(row: "QuarantineEntry") -> dict[str, Any]:
    return {
        "entry": row.entry,
        "project": row.project,
        "code": row.error.code,
        "text": row.error.text(),
        "text_zh": row.error.text("zh"),
        "next": row.error.next_step(),
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "sop_instance_uid": row.sop_instance_uid,
        "source": row.source,
        "received_at": row.received_at,
    }


_READ = in_view(Permission.STUDY_READ)
_QUARANTINE = "/api/v1/projects/{project}/quarantine"
_DECIDE = in_project(Permission.QUARANTINE_DECIDE)
ROUTES = (
    Route("POST", "/api/v1/studies/search", search_studies, _READ, Event.STUDY_SEARCH),
    Route("GET", "/api/v1/studies/{study_instance_uid}", show_study, _READ, Event.STUDY_READ),
    Route(
        "POST",
        "/api/v1/projects/{project}/uploads",
        upload,
        in_project(Permission.STUDY_STORE),
        Event.STUDY_IMPORT,
        max_body_bytes=None,
    ),
    Route("GET", _QUARANTINE, list_quarantine, in_project(Permission.QUARANTINE_READ), Event.QUARANTINE_READ),
    Route("POST", f"{_QUARANTINE}/{{entry}}/release", release_entry, _DECIDE, Event.QUARANTINE_RELEASE),
    Route("DELETE", f"{_QUARANTINE}/{{entry}}", discard_entry, _DECIDE, Event.QUARANTINE_DISCARD),
)
