"""A store of DICOM objects on this machine that loses none: bytes named by their digest, an index, a quarantine."""

from hounsfield.archive.store.quarantine import QuarantineEntry
from hounsfield.archive.store.receipt import Outcome, Receipt
from hounsfield.archive.store.store import Store, open_store
from hounsfield.archive.store.view import View

__all__ = ["Outcome", "QuarantineEntry", "Receipt", "Store", "View", "open_store"]
