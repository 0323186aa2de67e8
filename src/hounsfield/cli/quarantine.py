"""``hounsfield quarantine``: what was not fit to be found, why, and what becomes of it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.keeping import existing
from hounsfield.cli.serve import Store
from hounsfield.cli.talk import Talk


def quarantine(
    action: Annotated[str, typer.Argument(help="list, release or discard.")] = "list",
    entry: Annotated[int, typer.Argument(help="Number of an entry, for release and discard.")] = 0,
    project: Annotated[str, typer.Option("--project", help="Project whose quarantine it is.")] = "default",
    store: Store = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """List what the store keeps apart, take an object in after all, or give it up.

    Exit codes: 0 done, 3 an object that is not fit still.
    """
    from hounsfield.archive.store import open_store
    from hounsfield.errors import SettingsError
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language, quiet)
    if action not in ("list", "release", "discard"):
        raise SettingsError("E703", found=action, command="hounsfield quarantine")
    with open_store(existing(store_folder(settings))) as opened:
        held = opened.quarantine([project])
        if action == "release":
            receipt = held.release(entry)
            data = {"entry": entry, "outcome": receipt.outcome.value, "code": receipt.code}
            talk.answer(data, lambda: iter([f"{entry}: {receipt.outcome.value} {receipt.code}".rstrip()]))
            return 0 if receipt.is_kept else 3
        if action == "discard":
            is_gone = held.discard(entry)
            talk.answer(
                {"entry": entry, "removed": is_gone}, lambda: iter([f"{entry}: {talk.label('store-discarded')}"])
            )
            return 0
        entries = held.entries()
    rows = [
        {
            "entry": each.entry,
            "code": each.error.code,
            "text": each.error.text(settings.language),
            "next": each.error.next_step(settings.language),
            "sha256": each.sha256,
            "size_bytes": each.size_bytes,
            "sop_instance_uid": each.sop_instance_uid,
            "source": each.source,
            "received_at": each.received_at,
        }
        for each in entries
    ]

    def lines() -> Iterator[str]:
        yield f"{talk.label('store-quarantine')}: {len(rows)}"
        for row in rows:
            yield f"  {row['entry']}  {row['received_at']}  {row['code']}: {row['text']} {row['next']}"

    talk.answer({"entries": rows}, lines)
    return 0
