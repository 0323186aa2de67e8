"""An acceptor over an archive in memory, for the tests of DIMSE."""

import socket
import struct
import threading
import time
from contextlib import contextmanager

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

from hounsfield.service.dimse.acceptor import Acceptor, Offer
from hounsfield.service.dimse.command import Field
from hounsfield.service.dimse.negotiation import STORAGE
from hounsfield.service.dimse.peers import Peer
from hounsfield.service.dimse.storing import Kept, Storing
from hounsfield.service.dimse.wire import Caps

QUICK = Caps(first_seconds=0.6, unit_seconds=0.6, idle_seconds=5.0)
SYNTAXES = (ExplicitVRLittleEndian, "1.2.840.10008.1.2", JPEGLSLossless)
PEERS = (
    Peer("SENDER", ("127.0.0.1",), "one"),
    Peer("READER", ("127.0.0.1",), "one", frozenset()),
    Peer("ELSEWHERE", ("10.0.0.0/8",), "one"),
)


class Memory:
    """Keeps files in memory and says what it is told to say."""

    def __init__(self):
        self.files, self.sources, self.lock = [], [], threading.Lock()
        self.reply = Kept(0)
        self.error = None

    def keep(self, pieces, project, source):
        if self.error is not None:
            next(pieces)
            raise self.error
        data = b"".join(pieces)
        with self.lock:
            self.files.append(data)
            self.sources.append((project, source))
        return self.reply


@contextmanager
def listening(memory, peers=PEERS, services=None, **changes):
    said = []
    given = {
        "ae_title": "HOUNSFIELD",
        "services": {Field.C_STORE: Storing(memory.keep), **(services or {})},
        "allows": lambda peer, field: bool(peer.services),
        "abstract_syntaxes": lambda peer: (STORAGE,) if peer.services else (),
        "transfer_syntaxes": SYNTAXES,
        "caps": QUICK,
        "heard": lambda *words: said.append(words),
        **changes,
    }
    with Acceptor(Offer(**given), lambda: peers) as acceptor:
        acceptor.said = said
        yield acceptor


def slice_of(number=1, rows=16, syntax=ExplicitVRLittleEndian, series=None):
    """Return a small CT slice."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = series or generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality, dataset.InstanceNumber = "P1", "A^B", "CT", number
    dataset.Rows = dataset.Columns = rows
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = np.random.default_rng(number).integers(0, 4096, (rows, rows), np.uint16).tobytes()
    return dataset


def until(truth, seconds=8.0):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def call(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def unit_from(connection):
    """Return (type, body) of a unit, (0, b"") where the other side closed."""
    head = b""
    while len(head) < 6:
        piece = connection.recv(6 - len(head))
        if not piece:
            return 0, b""
        head += piece
    kind, _, length = struct.unpack(">BBL", head)
    body = b""
    while len(body) < length:
        piece = connection.recv(length - len(body))
        if not piece:
            return 0, b""
        body += piece
    return kind, body
