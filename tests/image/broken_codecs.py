"""A decoding process for the tests whose codecs do what hostile input would make them do.

A mark behind the end of a codestream, where no codec looks, says what happens.
"""

import ctypes
import os
import signal
import time

import numpy as np
from pydicom.uid import JPEG2000Lossless

from hounsfield.image import codecs, decode, isolated_worker, readers
from hounsfield.image.picture import read_picture

PROGRAM = "from tests.image.broken_codecs import main; main()"


def mark(name):
    """Return the bytes that make a codec do something."""
    return b"#" + name.encode() + b"#"


def spin():
    while True:
        pass


def hoard():
    held = []
    while True:
        held.append(np.ones(1 << 24))


FAULTS = {
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "abort": os.abort,
    "exit": lambda: os._exit(7),
    "hang": lambda: time.sleep(600),
    "spin": spin,
    "memory": hoard,
    "print": lambda: os.write(1, b"warning: this codec talks\n" * 100),
}


def do(encoded):
    """Do what the mark in a codestream says; without one, nothing."""
    for name, fault in FAULTS.items():
        if mark(name) in encoded[-64:]:
            fault()


class BrokenFrames(codecs.Jpeg2000):
    """The codec of one frame."""

    def decode_into(self, encoded, layout, cells):
        do(encoded)
        super().decode_into(encoded, layout, cells)


class BrokenObjects:
    """The codec of a whole object, for objects that are marked."""

    name = "broken"

    def can_decode(self, layout):
        return layout.transfer_syntax_uid == JPEG2000Lossless

    def decode(self, dataset, layout):
        encoded = list(decode.encoded_frames(dataset, layout))
        others = (codec for codec in decode.CODECS if codec is not self and codec.can_decode(layout))
        for index, frame in enumerate(next(others).decode(dataset, layout)):
            do(encoded[index])
            yield frame[:1, :1] if mark("shape") in encoded[index][-64:] else frame


def read_broken_picture(instance, limits):
    do(instance.path.read_bytes())
    return read_picture(instance, limits)


def main():
    readers._READERS["image/png"] = read_broken_picture
    codecs._CODECS[str(JPEG2000Lossless)] = (BrokenFrames(), True)
    decode.CODECS = (BrokenObjects(), *decode.CODECS)
    isolated_worker.main()
