"""The DICOM port as the service holds it: a child process that is begun again when it dies."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.service.audit.events import EVENTS, Event
from hounsfield.service.audit.record import Entry, Outcome
from hounsfield.service.dimse.process import WRITTEN

_log = logging.getLogger("hounsfield.dimse")
_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from hounsfield.service.dimse.process import main
sys.exit(main(sys.argv[1:], sys.stdout, sys.stdin))
"""
"""What the child runs. Warnings of pydicom quote values of headers, so none of them is said."""
_END_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
_EVENTS = frozenset({Event.ASSOCIATION_OPEN, Event.ASSOCIATION_REFUSED, Event.STUDY_STORE})

Write = Callable[[Entry], object]
"""Writes a record into the audit log."""


class DicomPort:
    """A child process that listens for associations; use as a context, or ``close`` it.

    Args:
        folder: of the store; its peers are in ``peers.toml``.
        title: our AE title.
        write: writes into the audit log, before the peer is answered.
        host: address to listen on.
        port: 0 for any free one.

    Raises:
        SettingsError: ``E494``, it cannot listen there.
    """

    def __init__(self, folder: Path, title: str, write: Write, host: str = "127.0.0.1", port: int = 11112) -> None:
        self._place = (folder, host, title)
        self._write = write
        self._ending = threading.Event()
        self._child, self.port = self._begin(port)
        self._thread = threading.Thread(target=self._attend, name="dimse-port", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the port, which listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the child: associations end, what was acknowledged stays."""
        self._ending.set()
        child = self._child
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._thread.join(_END_SECONDS)

    def _begin(self, port: int) -> tuple["subprocess.Popen[str]", int]:
        folder, host, title = self._place
        command = [sys.executable, "-P", "-c", _PROGRAM, str(folder), host, str(port), title]
        child = subprocess.Popen(  # noqa: S603, our own module, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
        )
        line = child.stdout.readline() if child.stdout else ""
        told = json.loads(line) if line else {}
        if "port" not in told:
            child.kill()
            child.wait()
            raise SettingsError("E494", found=f"{host}:{port}", cause=str(told.get("error", "?")))
        return child, int(told["port"])

    def _attend(self) -> None:
        """Write down what the child tells, and begin another child where it died."""
        while True:
            self._answer(self._child)
            if self._ending.wait(_PAUSE_SECONDS):
                return
            _log.error("the DICOM port died with status %s and is begun again", self._child.wait())
            try:
                self._child, _ = self._begin(self.port)
            except (SettingsError, OSError, ValueError):
                _log.exception("the DICOM port cannot be begun again")

    def _answer(self, child: "subprocess.Popen[str]") -> None:
        if child.stdout is None or child.stdin is None:
            return
        try:
            for line in child.stdout:
                child.stdin.write(("" if self._is_written(line) else "not ") + WRITTEN + "\n")
                child.stdin.flush()
        except (OSError, ValueError):
            _log.debug("the line to the DICOM port is closed")

    def _is_written(self, line: str) -> bool:
        try:
            told = json.loads(line)
            event = EVENTS[told["event"]]
            if event not in _EVENTS:
                return False
            outcome = Outcome.REFUSED if event is Event.ASSOCIATION_REFUSED else Outcome.SUCCESS
            objects = (told["study"],) if told["study"] else ()
            self._write(Entry(event, outcome, told["actor"], "ae", told["address"], told["project"], objects))
        except (KeyError, TypeError, ValueError, HounsfieldError) as error:
            _log.error("not written down: %s", getattr(error, "code", type(error).__name__))
            return False
        return True
