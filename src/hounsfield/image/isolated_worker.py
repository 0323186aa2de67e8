"""The decoding process: it answers one request after the other until its input ends, or until it dies of one.

Started by ``image.worker_pool`` alone. It opens files for reading only, and takes the limits of each request from it.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef
from hounsfield.errors import HounsfieldError
from hounsfield.image import isolated_wire as wire
from hounsfield.image.codecs import frame_codec
from hounsfield.image.decode import decode_frames
from hounsfield.image.layout import PixelLayout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.reading import read_whole

Part = bytes | memoryview

_MOST_OPEN_FILES = 64


@dataclass(frozen=True)
class _Line:
    """The two ends that this process talks through."""

    source: int
    target: int

    def ready(self) -> None:
        wire.write_all(self.target, wire.REPLY.pack(wire.MAGIC, wire.READY, 0, 0, 0, 0, 0))

    def answer(self, kind: int, terms: dict[str, Any], codestream: bytes) -> None:
        """Send what a request asks for, or why there is none."""
        parts = {wire.FRAME: _one_frame, wire.OBJECT: _frames_of_object, wire.FILE: _volumes_of_file}[kind]
        try:
            for part in parts(terms, codestream):
                wire.write_all(self.target, part)
        except HounsfieldError as error:
            is_memory = isinstance(error.__cause__, MemoryError)
            said = _out_of_memory(terms) if is_memory else wire.refusal(error.code, error.facts)
            wire.write_all(self.target, said)
        except MemoryError:
            wire.write_all(self.target, _out_of_memory(terms))
        except OSError:
            raise  # the program is gone
        except Exception as error:  # noqa: BLE001 -- whatever a codec raises is a refusal
            wire.write_all(self.target, wire.refusal("E308", {"found": type(error).__name__, "codec": "codec"}))


def main() -> None:
    """Answer requests from standard input on what was standard output, until the input ends."""
    line = _take_line()
    base = _address_space_bytes()
    _limit_for_life()
    line.ready()
    while (found := wire.read_request(line.source)) is not None:
        kind, terms, codestream = found
        _limit_for_request(base + int(terms["memory_bytes"]), float(terms["seconds"]))
        line.answer(kind, terms, codestream)


def _one_frame(terms: dict[str, Any], codestream: bytes) -> Iterator[Part]:
    layout = PixelLayout(**terms["layout"])
    codec = frame_codec(layout)
    if codec is None:
        raise ValueError("codec")
    cells = np.empty(layout.rows * layout.columns, dtype=np.uint16)
    codec.decode_into(codestream, layout, cells)
    yield from wire.frame_reply(cells.reshape(layout.rows, layout.columns))


def _frames_of_object(terms: dict[str, Any], _: bytes) -> Iterator[Part]:
    uid, layout = terms["uid"], PixelLayout(**terms["layout"])
    instance = InstanceRef(uid, "", Path(terms["path"]), DICOM_MEDIA_TYPE, "", terms["transfer_syntax_uid"])
    dataset = read_whole(instance, PixelLimits(max_file_bytes=int(terms["max_file_bytes"])))
    for frame in islice(decode_frames(dataset, layout, uid), int(terms["count"])):
        yield from wire.frame_reply(frame)


def _volumes_of_file(terms: dict[str, Any], _: bytes) -> Iterator[Part]:
    from hounsfield.image.isolated_files import about_volumes
    from hounsfield.image.readers import reader_of

    instance = InstanceRef(terms["uid"], "", Path(terms["path"]), terms["media_type"], "")
    volumes, issues = reader_of(instance)(instance, PixelLimits(**terms["limits"]))
    yield wire.volumes_reply(about_volumes(volumes, issues))
    for volume in volumes:
        yield np.ascontiguousarray(volume.array).reshape(-1).view(np.uint8).data


def _out_of_memory(terms: dict[str, Any]) -> bytes:
    return wire.refusal("E392", {"expected": int(terms["memory_bytes"])})


def _take_line() -> _Line:
    """Keep standard output to ourselves: what a library prints there must not be taken for an answer."""
    target = os.dup(1)
    os.dup2(2, 1)
    return _Line(os.dup(0), target)


def _address_space_bytes() -> int:
    """Return the bytes mapped so far, mostly libraries; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _limit_for_life() -> None:
    """Allow no core dump, no writing to files and few open ones."""
    import resource

    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
    ):
        resource.setrlimit(kind, (value, value))


def _limit_for_request(memory_bytes: int, seconds: float) -> None:
    """Bound memory, and time of the processor in case that the program which watches the clock is gone."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, most))
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    threads = os.cpu_count() or 1
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + threads * seconds) + 2, most))
