"""``hounsfield audit``: is the log whole, what does it say, and the log in the words of DICOM."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.serve import Store
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.service.audit.keys import Verifier
    from hounsfield.service.audit.log import AuditLog

_ANCHOR = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")
_PAGE = 1000
_DAMAGED = 3


def audit(
    action: Annotated[str, typer.Argument(help="verify, show or export.")],
    store: Store = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="A copy of the log's file instead of the store's own.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option("--public-key", help="Public key of the log, as verify prints it, for --log.")
    ] = None,
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", help="NUMBER:HASH of a record, kept elsewhere; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the export, one message a line.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many records to show, the newest first.")] = 50,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Check the audit log, show it, or write it as DICOM audit messages (PS3.15 A.5).

    Exit codes: 0 the log is whole, 3 it was changed.
    """
    from hounsfield.errors import SettingsError
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language, quiet)
    folder = store_folder(settings)
    if action == "verify":
        return _verify(folder, log, public_key, anchor or [], talk)
    if action == "show":
        return _show(folder, limit, talk)
    if action == "export" and output is not None:
        return _export(folder, output, talk)
    raise SettingsError("E703", found=action, command="hounsfield audit")


def _verify(folder: Path, copy: Path | None, public_key: str | None, anchors: list[str], talk: Talk) -> int:
    from hounsfield.errors import SettingsError
    from hounsfield.service.audit.verify import verify

    kept = {}
    for text in anchors:
        match = _ANCHOR.fullmatch(text)
        if match is None:
            raise SettingsError("E703", found=text, command="hounsfield audit")
        kept[int(match[1])] = match[2]
    verifier = _verifier(folder, public_key)
    with talk.progress(talk.label("checking")) as progress:
        verdict = verify(copy or folder / "audit.db", verifier, kept, progress)
    faults = [{"sequence": fault.sequence, "kind": fault.kind} for fault in verdict.faults]
    anchor = f"{verdict.records}:{verdict.last_hash}"
    data: dict[str, Any] = {
        "records": verdict.records,
        "anchor": anchor,
        "public_key": verifier.text(),
        "faults": faults,
    }

    def lines() -> Iterator[str]:
        yield f"{talk.label('service-changed' if faults else 'service-whole')}: {verdict.records}"
        yield f"--anchor {anchor}"
        yield f"--public-key {data['public_key']}"
        for fault in faults:
            yield f"  {fault['sequence']}: {fault['kind']}"

    talk.answer(data, lines)
    return _DAMAGED if faults else 0


def _verifier(folder: Path, public_key: str | None) -> "Verifier":
    from hounsfield.errors import AuditError
    from hounsfield.service.audit.keys import open_signer, verifier_of

    if public_key is not None:
        return verifier_of(public_key)
    if not (folder / "audit.key").is_file():
        raise AuditError("E279", found="audit.key")
    return open_signer(folder / "audit.key").verifier()


def _open(folder: Path) -> "AuditLog":
    from hounsfield.errors import AuditError
    from hounsfield.service.audit.log import open_log

    if not (folder / "audit.db").is_file():
        raise AuditError("E279", found="audit.db")
    return open_log(folder)


def _show(folder: Path, limit: int, talk: Talk) -> int:
    import json

    from hounsfield.service.audit.events import Event
    from hounsfield.service.audit.log import Query
    from hounsfield.service.audit.record import Entry

    log = _open(folder)
    log.append([Entry(Event.LOG_READ, actor="terminal", via="terminal")])
    records = [json.loads(record.text()) for record in log.read(Query(limit=limit))]
    log.close()

    def lines() -> Iterator[str]:
        for row in records:
            what = f"{row['event']:<20} {row['outcome']:>2} {row['actor']:<20}"
            yield f"{row['sequence']:>7} {row['time']} {what} {row['detail']} {' '.join(row['objects'])}".rstrip()

    talk.answer({"records": records}, lines)
    return 0


def _export(folder: Path, output: Path, talk: Talk) -> int:
    from hounsfield.service.audit.events import Event
    from hounsfield.service.audit.messages import audit_message
    from hounsfield.service.audit.record import Entry, Outcome

    log = _open(folder)
    last = log.append([Entry(Event.LOG_EXPORT, Outcome.BEGUN, "terminal", "terminal")])
    written = 0
    with output.open("x", encoding="utf-8") as file:
        for start in range(0, last, _PAGE):
            for record in log.read_from(start + 1, _PAGE):
                file.write(audit_message(record) + "\n")
                written += 1
    log.append([Entry(Event.LOG_EXPORT, Outcome.SUCCESS, "terminal", "terminal", detail=str(written))])
    log.close()
    talk.answer({"messages": written, "file": str(output)}, lambda: iter([f"{talk.label('written')}: {output}"]))
    return 0
