"""QIDO-RS (PS3.18 section 10.6): studies, series and instances that match, a page at a time, within the projects."""

from dataclasses import dataclass

from starlette.datastructures import QueryParams

from hounsfield.archive.query.attributes import Level
from hounsfield.archive.query.search import Filter, Page
from hounsfield.errors import BadRequest

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 1000
_LONGEST_NUMBER = 9
_OWN = ("limit", "offset", "fuzzymatching", "includefield", "emptyvaluematching", "multiplevaluematching")
"""Parameters that are no attributes; every attribute of the index is returned, whatever fields are to be included."""


@dataclass(frozen=True)
class Question:
    """What a client asks.

    Attributes:
        filters: attribute and value.
        limit: rows of the page.
        offset: rows to pass over.
        is_fuzzy: match names by the beginnings of their words.
    """

    filters: tuple[Filter, ...]
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    is_fuzzy: bool = False


def question(parameters: QueryParams, level: Level, study: str = "", series: str = "") -> Question:
    """Read the query of a search.

    Args:
        parameters: of the URL.
        level: what is searched for.
        study: UID in the path, empty for none.
        series: the same.

    Raises:
        BadRequest: ``E487``, a limit, an offset or a switch that is none.
    """
    filters = [Filter(name, value) for name, value in parameters.multi_items() if name.lower() not in _OWN]
    for keyword, uid in (("StudyInstanceUID", study), ("SeriesInstanceUID", series)):
        if uid and level is not Level.STUDY:
            filters.append(Filter(keyword, uid))
    fuzzy = parameters.get("fuzzymatching", "false").lower()
    if fuzzy not in ("true", "false"):
        raise BadRequest("E487", name="fuzzymatching", found=fuzzy[:20])
    limit = min(_number(parameters, "limit", DEFAULT_LIMIT), LARGEST_LIMIT)
    return Question(tuple(filters), limit, _number(parameters, "offset", 0), fuzzy == "true")


def _number(parameters: QueryParams, name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise BadRequest("E487", name=name, found=text[:20])
    return int(text)


def headers_of(page: Page) -> dict[str, str]:
    """Return how many rows there are in all, and the warning of PS3.18 section 8.3.4.4 where some were left out."""
    left = page.total - page.offset - len(page.rows)
    headers = {"X-Total-Count": str(page.total)}
    if left > 0:
        headers["Warning"] = f'299 hounsfield "There are {left} additional results that can be requested"'
    return headers


def rows_of(page: Page, base: str) -> list[dict[str, object]]:
    """Return the rows as DICOM JSON, each with where it is retrieved from (PS3.18 table 10.6.3-3).

    Args:
        page: what was found.
        base: URL of the service, up to ``/studies``.
    """
    rows: list[dict[str, object]] = []
    for row in page.as_dicom_json():
        place = base
        for name, tag in (("studies", "0020000D"), ("series", "0020000E"), ("instances", "00080018")):
            if tag in row and "Value" in row[tag]:
                place += f"/{name}/{row[tag]['Value'][0]}"
        rows.append({**row, "00081190": {"vr": "UR", "Value": [place]}})
    return rows
