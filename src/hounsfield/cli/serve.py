"""``hounsfield serve``: an archive with its doors, on this machine unless told otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.service.serve import Start

Store = Annotated[Path | None, typer.Option("--store", help="Folder of the store; made where there is none.")]


def serve(
    store: Store = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; this machine alone by default.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    hosts: Annotated[
        str | None, typer.Option("--hosts", help="Further names it answers to, separated by commas.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option("--tls-certificate", help="Certificate chain, PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", help="Key of the certificate, PEM.")] = None,
    behind_proxy: Annotated[
        bool | None, typer.Option("--behind-proxy", help="A proxy before it gives TLS, and alone can reach it.")
    ] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Serve the store until Ctrl-C: an empty one on the first start, with an account whose password is shown once."""
    from hounsfield.service.serve import serve as run
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings(
        {
            "store_folder": store,
            "host": host,
            "port": port,
            "hosts": hosts,
            "tls_certificate": certificate,
            "tls_key": key,
            "behind_proxy": behind_proxy,
            "language": language,
        }
    )
    talk = Talk(as_json, settings.language, quiet)

    def announce(start: "Start") -> None:
        data = {
            "address": start.address,
            "store": str(start.store),
            "dicom": start.dicom,
            "first_user": start.first_user,
            "first_password": start.first_password,
        }
        talk.answer(data, lambda: _lines(start, talk))
        talk.say(talk.label("service-stop"))

    run(settings, store_folder(settings), announce)
    talk.say(talk.label("service-stopped"))
    return 0


def _lines(start: "Start", talk: Talk) -> Iterator[str]:
    yield f"{talk.label('service-address')}: {start.address}"
    yield f"{talk.label('service-store')}: {start.store}"
    if start.dicom:
        yield f"{talk.label('service-dicom')}: {start.dicom}"
    if start.first_user:
        yield f"{talk.label('service-first')}: {start.first_user}  {start.first_password}"
