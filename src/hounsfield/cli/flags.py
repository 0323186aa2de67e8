"""Flags that every verb shares, each with its help."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no talk; errors are still shown.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full trace of an internal fault.")]
Tongue = Annotated[str | None, typer.Option("--language", help="Language of messages and pages: en or zh.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=0, help="Threads for running networks; 0 takes the machine's cores.")
]
