"""What a running service consists of; routes reach it through their context."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.service.access.gate import Gate
from hounsfield.service.audit.recorder import Recorder
from hounsfield.service.measures import Measures

if TYPE_CHECKING:
    from hounsfield.archive.store import Store

_log = logging.getLogger("hounsfield.service")


@dataclass(frozen=True)
class Doors:
    """What the edge of the service lets in.

    Attributes:
        hosts: names and addresses it answers to (Host header, without port).
        is_secure: browsers reach it by https, here or at the proxy.
        max_header_bytes: all header names and values together.
        max_headers: how many.
    """

    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "::1"})
    is_secure: bool = False
    max_header_bytes: int = 32 << 10
    max_headers: int = 100


@dataclass(frozen=True)
class Desk:
    """The parts of the service.

    Attributes:
        gate: knows people by what they show.
        recorder: writes the audit log.
        doors: what the edge lets in.
        measures: counters for the metrics.
        store: the archive store, once there is one.
        app_folder: the built reading app, None where it is not installed.
    """

    gate: Gate
    recorder: Recorder
    doors: Doors = field(default_factory=Doors)
    measures: Measures = field(default_factory=Measures)
    store: "Store | None" = None
    app_folder: Path | None = None

    def report_fault(self, request_id: str, error: Exception) -> None:
        """Log a fault of our own: its kind and place, never its message, which may quote a header."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "?" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        _log.error("request %s failed: %s at %s", request_id, type(error).__name__, place)

    def close(self) -> None:
        """Finish the log and close the files."""
        if self.store is not None:
            self.store.close()
        self.recorder.close()
        self.gate.close()
