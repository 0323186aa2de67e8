"""From an error to a reply: the HTTP status of each class, and the one JSON shape of all."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from hounsfield.errors import (
    ArchiveError,
    AuditError,
    BadRequest,
    Conflict,
    DatasetError,
    Forbidden,
    HounsfieldError,
    ImageError,
    ModelError,
    NotFound,
    Refused,
    SettingsError,
    Throttled,
    Timeout,
    Unauthenticated,
)
from hounsfield.messages import LANGUAGES, Language

STATUS: Mapping[type[HounsfieldError], int] = {
    NotFound: 404,
    Refused: 422,
    Conflict: 409,
    Timeout: 504,
    ArchiveError: 503,
    ImageError: 422,
    ModelError: 422,
    DatasetError: 422,
    SettingsError: 422,
    BadRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    Throttled: 429,
    AuditError: 503,
    HounsfieldError: 500,
}
"""The nearest class of an error's ancestors counts."""
_OF_CODE = {"E274": 403, "E275": 421, "E276": 413, "E277": 415, "E278": 422, "E288": 405}
_OF_CAUSE = {"E276": {"headers": 431}}


def status_of(error: HounsfieldError) -> int:
    """Return the HTTP status of an error."""
    declared = error.facts.get("status")
    if isinstance(declared, int):
        return declared
    cause = _OF_CAUSE.get(error.code, {}).get(str(error.facts.get("part")))
    if cause is not None:
        return cause
    if error.code in _OF_CODE:
        return _OF_CODE[error.code]
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: HounsfieldError, language: Language = "en") -> JSONResponse:
    """Return the reply to an error: ``{"error": {"code", "text", "next", "uid"}}``."""
    status = status_of(error)
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="hounsfield"'
    if status == 429:
        headers["Retry-After"] = str(error.facts.get("found", 30))
    if status == 503:
        headers["Retry-After"] = "5"
    content = {
        "error": {
            "code": error.code,
            "text": error.text(language),
            "next": error.next_step(language),
            "uid": error.uid,
        }
    }
    return JSONResponse(content, status, headers)


def language_of(accepted: str) -> Language:
    """Return the first of our languages that an Accept-Language header names; weights are not looked at."""
    for part in accepted[:200].split(","):
        tag = part.partition(";")[0].strip().lower().partition("-")[0]
        for language in LANGUAGES:
            if tag == language:
                return language
    return "en"
